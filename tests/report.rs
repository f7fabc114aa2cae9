//! `migrate report` on a billing model, on both engines: what it tells is what the project, the evidence and the database hold.

mod journey;
mod support;

use std::path::{Path, PathBuf};

use journey::{Place, migrate, ran, typed};
use migrate::text::Dialect;
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/report/billing").join(name)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A project with the billing model at its second version, which is pending in a database with rows.
struct Billing {
    folder: tempfile::TempDir,
    place: Place,
}

impl Billing {
    fn new(dialect: Dialect) -> Option<Billing> {
        let place = Place::new(dialect)?;
        let folder = tempfile::tempdir().expect("a folder");
        let billing = Billing { folder, place };
        billing.write("migrate.toml", "model = \"model.yaml\"\n");
        billing.write("model.yaml", &read(&fixture("before.yaml")));
        billing.succeeds(&["plan", "first", "-q", "--no-proof"]);
        billing.succeeds(&["apply", "-q", "--no-rehearsal", "--reason", "a test"]);
        let rows = read(&fixture("rows.sql"));
        support::run(&mut billing.place.open(), &rows);
        billing.write("model.yaml", &read(&fixture("after.yaml")));
        billing.succeeds(&["plan", "invoices", "-q", "--no-proof"]);
        Some(billing)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("it can be written");
    }

    fn run(&self, words: &[&str]) -> journey::Ran {
        let url = typed(self.place.url());
        ran(migrate(self.folder.path()).args(words).env("DATABASE_URL", url))
    }

    fn succeeds(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.text);
        ran.text
    }

    fn json(&self, words: &[&str]) -> Value {
        self.succeeds(&[words, &["--out", "report.json"]].concat());
        let text = read(&self.folder.path().join("report.json"));
        serde_json::from_str(&text).expect("it is JSON")
    }
}

/// `outcome` of a line of the checklist, and what it says.
fn line(report: &Value, name: &str) -> String {
    let lines = report["checklist"].as_array().expect("a list");
    let found = lines.iter().find(|line| line["name"] == name).expect("the line is there");
    format!("{}: {}", text(&found["outcome"]), text(&found["says"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn told(report: &Value) -> Vec<String> {
    let changes = report["changes"].as_array().expect("a list").iter();
    changes
        .map(|it| format!("{} {}: {}", text(&it["mark"]), text(&it["of"]), text(&it["says"])))
        .collect()
}

fn a_pending_version(dialect: Dialect) {
    let Some(billing) = Billing::new(dialect) else { return };
    let before = billing.json(&["report"]);
    assert_eq!(before["verdict"]["ready"], false, "it was not rehearsed: {before}");
    assert!(
        line(&before, "rehearsed").starts_with("fail: no rehearsal is on file of 0002_invoices")
    );
    assert!(line(&before, "rules").starts_with("pass: "), "{}", line(&before, "rules"));
    assert_eq!(before["versions"][0]["timeline"], Value::Null);
    let ran = billing.run(&["report", "--checklist", "--exit-code"]);
    assert_eq!(ran.code, 4, "{}", ran.text);
    assert!(ran.text.contains("FAIL  Rehearsed up, down and up"), "{}", ran.text);

    billing.succeeds(&["rehearse"]);
    let after = billing.json(&["report"]);
    assert_eq!(after["verdict"]["ready"], true, "{}", after["verdict"]);
    let changes = told(&after);
    for expected in [
        "changed Invoice: was called Bill; its rows stay",
        "changed User.email: was called mail; its values stay",
        "removed User.legacy_token: text; its values go: replaced by single sign-on",
        "removed Invoice.status: pending: its rows become submitted",
        "removed Invoice: member may no longer delete Invoice",
        "new Tag: a word by which invoices are found (3 fields, 1 reference)",
    ]
    .map(|line| line.replacen("new ", "added ", 1))
    {
        assert!(changes.contains(&expected), "`{expected}` is missing in {changes:#?}");
    }
    // A reference to an entity under its new name is no change.
    assert!(!changes.iter().any(|line| line.contains("→ Bill")), "{changes:#?}");
    let timeline = &after["versions"][0]["timeline"];
    assert!(timeline["lanes"].as_array().is_some_and(|lanes| !lanes.is_empty()), "{timeline}");
    assert_eq!(after["entities"]["entities"].as_array().map(Vec::len), Some(5));
    assert_eq!(after["states"][0]["of"], "Invoice.status");
    assert_eq!(after["rows"]["asked"]["pending"], "0002_invoices");
    let delete = &after["permissions"][0]["rows"][3];
    assert_eq!(
        (&delete["name"], &delete["cells"][1]["mark"]),
        (&"delete".into(), &"removed".into())
    );

    billing.succeeds(&["apply"]);
    let done = billing.json(&["report", "2"]);
    assert_eq!(
        done["verdict"]["sentence"], "Applied, and nothing speaks against it.",
        "{}",
        done["verdict"]
    );
    assert_eq!(done["rows"]["asked"], "all");
    assert!(line(&done, "drift").starts_with("pass"));
    let entries = done["ledger"]["entries"].as_array().expect("a list");
    assert_eq!(
        entries.iter().map(|it| text(&it["version"])).collect::<Vec<_>>(),
        ["0001_first", "0002_invoices"]
    );

    billing.succeeds(&["rollback"]);
    let pending = billing.json(&["report"]);
    assert_eq!(pending["title"], "0002_invoices", "what is pending is told without a range");
    let both = billing.json(&["report", "empty..2"]);
    assert_eq!(both["title"], "0001_first to 0002_invoices");
    assert_eq!(both["before"], Value::Null);
}

#[test]
fn a_pending_version_is_told_on_sqlite() {
    a_pending_version(Dialect::Sqlite);
}

#[test]
fn a_pending_version_is_told_on_postgres() {
    a_pending_version(Dialect::Postgres);
}

fn broken_rows(dialect: Dialect) {
    let Some(billing) = Billing::new(dialect) else { return };
    support::run(
        &mut billing.place.open(),
        "UPDATE bill SET due_on = '2020-01-01' WHERE id = 2; UPDATE \"user\" SET display_name = 'Zebulon' WHERE id = 2",
    );
    let short = read(&fixture("after.yaml")).replace("pii: name }", "pii: name, max: 4 }");
    billing.write("model.yaml", &short);
    billing.succeeds(&["plan", "--replace", "-q", "--no-proof"]);
    let report = billing.json(&["report"]);
    assert_eq!(report["verdict"]["ready"], false);
    assert!(line(&report, "rules").starts_with("fail: "), "{}", line(&report, "rules"));
    let violations = report["rows"]["verdict"]["violations"].as_array().expect("a list");
    let due =
        violations.iter().find(|it| it["rule"] == "Invoice.due_after_issue").expect("it is broken");
    assert_eq!((&due["rows"], &due["sample"][0][0]), (&1.into(), &"2".into()), "{due}");
    let name =
        violations.iter().find(|it| it["rule"] == "User.display_name_max").expect("it is broken");
    assert_eq!((&name["rows"], &name["sample"][0][0]), (&1.into(), &"2".into()), "{name}");
    for out in ["report.html", "report.md", "report.json"] {
        billing.succeeds(&["report", "--out", out]);
        let page = read(&billing.folder.path().join(out));
        assert!(page.contains("due_after_issue") || page.contains("due\\_after\\_issue"), "{out}");
        assert!(!page.contains("Zebulon"), "personal data stands in {out}");
    }
}

#[test]
fn rows_that_break_rules_are_told_by_key_on_sqlite() {
    broken_rows(Dialect::Sqlite);
}

#[test]
fn rows_that_break_rules_are_told_by_key_on_postgres() {
    broken_rows(Dialect::Postgres);
}

#[test]
fn without_a_database_what_the_files_hold_is_told() {
    let Some(billing) = Billing::new(Dialect::Sqlite) else { return };
    let ran =
        ran(migrate(billing.folder.path()).args(["report", "--dialect", "postgres", "--json"]));
    assert_eq!(ran.code, 0, "{}", ran.text);
    let start = ran.text.find("{\n").expect("a document");
    let mut documents = serde_json::Deserializer::from_str(&ran.text[start..]).into_iter::<Value>();
    let report = documents.next().expect("one").expect("it is JSON");
    assert_eq!(report["database"], Value::Null);
    assert_eq!(report["dialect"], "postgres");
    assert_eq!(report["other_dialects"][0], "sqlite");
    assert!(line(&report, "drift").starts_with("not_applicable"));
    assert!(line(&report, "rules").contains("were not asked"), "{}", line(&report, "rules"));
}

#[test]
fn a_project_of_sql_files_has_a_report_too() {
    let Some(place) = Place::new(Dialect::Sqlite) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("it can be written");
    };
    let run = |words: &[&str]| {
        let url = typed(place.url());
        ran(migrate(folder.path()).args(words).env("DATABASE_URL", url))
    };
    write("migrate.toml", "model = \"schema.sql\"\n");
    write("schema.sql", "CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT);\n");
    assert_eq!(run(&["plan", "first"]).code, 0);
    write(
        "schema.sql",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT, y INTEGER);\nCREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id));\n",
    );
    assert_eq!(run(&["plan", "second"]).code, 0);
    let told = run(&["report", "2", "--format", "markdown"]);
    assert_eq!(told.code, 0, "{}", told.text);
    for expected in [
        "- new field **a.y**: INTEGER, optional",
        "- new entity **b**",
        "a ||--o{ b",
        "+CREATE TABLE b",
    ] {
        assert!(told.text.contains(expected), "`{expected}` is missing in {}", told.text);
    }
}

#[test]
fn a_page_loads_nothing_and_holds_no_markup_of_others() {
    let Some(billing) = Billing::new(Dialect::Sqlite) else { return };
    billing.write(
        "model.yaml",
        &read(&fixture("after.yaml"))
            .replace("a word by which", "</style><script>alert(1)</script> by which"),
    );
    billing.succeeds(&["plan", "--replace", "-q", "--no-proof"]);
    billing.succeeds(&["report", "--out", "report.html"]);
    let page = read(&billing.folder.path().join("report.html"));
    assert!(!page.contains("<script>alert"), "a comment of the model is markup");
    for word in ["http://", "https://", "src=", "@import", "url("] {
        let found: Vec<&str> = page
            .lines()
            .filter(|line| line.contains(word) && !line.contains("www.w3.org/2000/svg"))
            .collect();
        assert!(found.is_empty(), "`{word}`: {found:?}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn what_cannot_be_reported_is_said() {
    let Some(billing) = Billing::new(Dialect::Sqlite) else { return };
    for (words, code, said) in [
        (&["report", "7"][..], 1, "no version `7`"),
        (&["report", "2..1"], 2, "holds no version"),
        (&["report", "--out", "report.pdf"], 2, "no format is known by the ending `.pdf`"),
    ] {
        let ran = billing.run(words);
        assert_eq!(ran.code, code, "{}", ran.text);
        assert!(ran.text.contains(said), "{}", ran.text);
    }
}
