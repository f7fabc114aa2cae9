//! What a refused plan says to write is what answers its questions.

mod journey;
mod support;

use journey::{Ran, migrate, ran};

struct Pair {
    folder: tempfile::TempDir,
    dialect: &'static str,
}

impl Pair {
    fn new(dialect: &'static str, before: &str, after: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("a.sql"), before).expect("a file");
        std::fs::write(folder.path().join("b.sql"), after).expect("a file");
        Pair { folder, dialect }
    }

    fn plan(&self, answers: &[&str]) -> Ran {
        let mut command = migrate(self.folder.path());
        command.args(["plan", "--from", "a.sql", "--to", "b.sql", "--dialect", self.dialect]);
        ran(command.args(answers))
    }

    /// Asks once, gives the answer that was told, and has a plan.
    fn answered(&self, told: &str, answer: &[&str]) -> String {
        let asked = self.plan(&[]);
        assert_eq!(asked.code, 7, "{}", asked.text);
        assert!(asked.text.contains(told), "{}", asked.text);
        let planned = self.plan(answer);
        assert_eq!(planned.code, 0, "{}", planned.text);
        planned.text
    }
}

#[test]
fn a_table_of_a_schema_is_renamed_or_dropped_by_the_name_that_is_printed() {
    if support::postgres().is_none() {
        return;
    }
    let pair = Pair::new(
        "postgres",
        "CREATE SCHEMA app; CREATE TABLE app.bill (id int PRIMARY KEY, note text);",
        "CREATE SCHEMA app; CREATE TABLE app.invoice (id int PRIMARY KEY, note text);",
    );
    let told = "pass `--rename app.bill=app.invoice`";
    let text = pair.answered(told, &["--rename", "app.bill=app.invoice"]);
    assert!(text.contains("rename table app.bill"), "{text}");
    let text = pair.answered("pass `--drop app.bill`", &["--drop", "app.bill"]);
    assert!(text.contains("create table app.invoice"), "{text}");
}

#[test]
fn values_of_an_enum_type_are_mapped_for_all_its_columns() {
    if support::postgres().is_none() {
        return;
    }
    let tables = "CREATE TABLE a (id int PRIMARY KEY, m mood); CREATE TABLE b (id int PRIMARY KEY, m mood NOT NULL);";
    let pair = Pair::new(
        "postgres",
        &format!("CREATE TYPE mood AS ENUM ('sad', 'low', 'gone'); {tables}"),
        &format!("CREATE TYPE mood AS ENUM ('sad', 'low'); {tables}"),
    );
    let text = pair.answered("pass `--map mood:gone=NEW`", &["--map", "mood:gone=low"]);
    assert!(text.contains("kept"), "{text}");
}

#[test]
fn values_of_a_check_are_mapped_by_column() {
    let table = |list: &str| {
        format!("CREATE TABLE a (id integer PRIMARY KEY, m text CHECK (m IN ({list})));")
    };
    let pair = Pair::new("sqlite", &table("'sad', 'gone'"), &table("'sad'"));
    let text = pair.answered("pass `--map a.m:gone=NEW`", &["--map", "a.m:gone=sad"]);
    assert!(text.contains("rebuild table a"), "{text}");
}

#[test]
fn an_answer_about_nothing_is_a_mistake() {
    let pair = Pair::new(
        "sqlite",
        "CREATE TABLE person (id integer PRIMARY KEY, mail text);",
        "CREATE TABLE person (id integer PRIMARY KEY, email text);",
    );
    let cases = [
        (["--rename", "person.mial=person.email"], "did you mean `person.mail`?"),
        (["--rename", "person.id=person.email"], "`person.id` is still there"),
        (["--drop", "customer"], "no table or column `customer`"),
        (["--map", "person.male:a=b"], "no table or column `person.male`"),
    ];
    for (answer, told) in cases {
        let wrong = pair.plan(&answer);
        assert_eq!(wrong.code, 2, "{}", wrong.text);
        assert!(wrong.text.contains(told), "{}", wrong.text);
    }
}
