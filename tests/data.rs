//! `docs/concepts/data.md` says what happens to every value; here it is asked of both engines, row by row of its tables.

#[path = "data/cases.rs"]
mod cases;
mod journey;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cases::{CASES, Case};
use journey::{Place, Ran, migrate, ran, typed};
use migrate::apply::kept::{Rows, kept};
use migrate::text::Dialect;

const PAGE: &str = "docs/concepts/data.md";

/// The rows of the table below a heading, without its own heading: the cells of each.
fn table(heading: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let text = std::fs::read_to_string(path).expect("the page can be read");
    let (_, below) = text.split_once(&format!("## {heading}\n")).expect("the heading is there");
    let below = below.split("\n## ").next().unwrap_or_default();
    let lines = below.lines().filter(|line| line.starts_with('|')).skip(2);
    lines
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// A database and a folder with the two schemas.
struct Scene {
    place: Place,
    folder: tempfile::TempDir,
}

impl Scene {
    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = migrate(self.folder.path());
        let url = typed(self.place.url());
        command.args(arguments).args(["--url", &url]);
        if let Place::Server(_) = self.place {
            command.args(["--scratch-url", &url]);
        }
        ran(&mut command)
    }

    fn done(&self, arguments: &[&str]) {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.text);
    }

    fn sql(&self, sql: &str) {
        support::run(&mut self.place.open(), sql);
    }

    fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        support::rows(&mut self.place.open(), sql)
    }

    /// Plans the way from one schema to the other, and makes the first.
    fn between(dialect: Dialect, before: &str, after: &str) -> Option<Scene> {
        let scene =
            Scene { place: Place::new(dialect)?, folder: tempfile::tempdir().expect("a folder") };
        let write = |name: &str, text: &str| {
            std::fs::write(scene.folder.path().join(name), text).expect("a file");
        };
        write("a.sql", before);
        write("b.sql", after);
        scene.sql(before);
        scene.done(&[
            "plan",
            "--from",
            "a.sql",
            "--to",
            "b.sql",
            "--dialect",
            &dialect.to_string(),
            "--out",
            "p",
            "--allow",
            "loss,ambiguous",
        ]);
        Some(scene)
    }

    fn apply(&self) {
        self.done(&["apply", "--plan", "p", "--no-rehearsal"]);
    }

    /// How many rows are kept in all.
    fn kept_rows(&self) -> u64 {
        let kept = kept(&mut self.place.open()).expect("sizes");
        kept.iter().filter_map(|table| table.rows).map(Rows::number).sum()
    }

    fn rollback(&self) -> Ran {
        self.run(&["rollback", "--plan", "p"])
    }
}

/// A case of one engine, with its table.
struct Told {
    case: &'static Case,
    table: String,
    cells: Vec<String>,
}

impl Told {
    fn text(&self, text: &str) -> String {
        let words = [("T", &self.table), ("E", &format!("{}_state", self.table))];
        words.iter().fold(text.to_owned(), |text, (word, with)| {
            regex::Regex::new(&format!(r"\b{word}\b"))
                .expect("a pattern")
                .replace_all(&text, with.as_str())
                .into_owned()
        })
    }

    fn value(&self, scene: &Scene, id: u32) -> Option<String> {
        let sql = format!("SELECT {} FROM {} WHERE id = {id}", self.case.look, self.table);
        scene.rows(&sql).pop().map(|row| row.join(" "))
    }

    fn is_refused(&self) -> bool {
        self.cells[3] == "refused"
    }

    /// What a cell promises for a row.
    fn promised(&self, cell: &str, old: Option<&String>) -> Option<String> {
        match cell {
            "old value" => old.cloned(),
            "new value"
            | "no value: it is another row now"
            | "what the version wrote: it is another row now" => Some(self.case.new.to_owned()),
            "as written"
            | "no value"
            | "the default"
            | "what `down` computes"
            | "old value of the deleted row" => Some(self.case.written.to_owned()),
            _ => panic!("{PAGE}: `{cell}` of `{}` is no promise that is tested", self.case.name),
        }
    }
}

/// The cases of an engine, each with its row of the document.
fn told(dialect: Dialect) -> Vec<Told> {
    let documented: BTreeMap<String, Vec<String>> = table("What a rollback gives each row")
        .into_iter()
        .map(|row| (row[0].clone(), row))
        .collect();
    let here =
        CASES.iter().enumerate().filter(|(_, case)| !Case::of(&case.before, dialect).is_empty());
    here.map(|(at, case)| {
        let cells =
            documented.get(case.name).unwrap_or_else(|| panic!("{PAGE} lacks `{}`", case.name));
        Told { case, table: format!("t{at}"), cells: cells.clone() }
    })
    .collect()
}

#[test]
fn every_row_of_the_table_is_a_case() {
    let documented: BTreeSet<String> =
        table("What a rollback gives each row").into_iter().map(|row| row[0].clone()).collect();
    let tested: BTreeSet<String> = CASES.iter().map(|case| case.name.to_owned()).collect();
    assert_eq!(documented, tested);
}

fn every_row_gets_what_the_table_says(dialect: Dialect) {
    let told = told(dialect);
    let schema = |side: fn(&Case) -> &[&'static str; 2]| -> String {
        told.iter().map(|it| it.text(Case::of(side(it.case), dialect)) + ";\n").collect()
    };
    let Some(scene) = Scene::between(dialect, &schema(|it| &it.before), &schema(|it| &it.after))
    else {
        return;
    };
    for it in &told {
        scene.sql(&format!("INSERT INTO {} VALUES {}", it.table, it.case.rows));
    }
    let old: Vec<[Option<String>; 2]> = told
        .iter()
        .map(|it| {
            [1, if it.case.rows.contains("(22,") { 22 } else { 2 }].map(|id| it.value(&scene, id))
        })
        .collect();
    scene.apply();
    for it in told.iter().filter(|it| !it.case.change.is_empty()) {
        scene.sql(&it.text(it.case.change));
        scene.sql(&format!("DELETE FROM {} WHERE id = 3", it.table));
        if it.is_refused() {
            scene.sql(&it.text(it.case.write));
            let ran = scene.rollback();
            assert_eq!(ran.code, 7, "{dialect}, {}: {}", it.case.name, ran.text);
            assert!(
                ran.text.contains(&format!("`{}`", it.table)) && ran.text.contains("id=10"),
                "{dialect}, {}: {}",
                it.case.name,
                ran.text
            );
            scene.sql(&format!("DELETE FROM {} WHERE id = 10", it.table));
        } else {
            scene.sql(&it.text(it.case.write));
        }
    }
    let ran = scene.rollback();
    assert_eq!(ran.code, 0, "{}", ran.text);
    let mut wrong = Vec::new();
    for (it, [left, changed]) in told.iter().zip(&old) {
        let mut look = |cell: &str, id: u32, promised: Option<String>| {
            let found = it.value(&scene, id);
            if found != promised {
                wrong.push(format!(
                    "{}: {cell}: row {id} has {found:?} and not {promised:?}",
                    it.case.name
                ));
            }
        };
        look(&it.cells[1], 1, it.promised(&it.cells[1], left.as_ref()));
        match it.cells[2].as_str() {
            "–" => look("–", 2, changed.clone()),
            cell => look(cell, 2, it.promised(cell, changed.as_ref())),
        }
        if !it.case.change.is_empty() {
            look("deleted", 3, None);
        }
        match it.cells[3].as_str() {
            "–" | "refused" => look("not there", 10, None),
            cell => look(cell, 10, it.promised(cell, None)),
        }
    }
    assert!(wrong.is_empty(), "{dialect}:\n{}", wrong.join("\n"));
}

#[test]
fn every_row_gets_what_the_table_says_on_sqlite() {
    every_row_gets_what_the_table_says(Dialect::Sqlite);
}

#[test]
fn every_row_gets_what_the_table_says_on_postgres() {
    every_row_gets_what_the_table_says(Dialect::Postgres);
}

/// A heading of the page and its names, which the names of the test's cases must be.
fn same_names(heading: &str, tested: &[&str]) -> BTreeMap<String, String> {
    let documented: BTreeMap<String, String> =
        table(heading).into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let names: BTreeSet<&str> = documented.keys().map(String::as_str).collect();
    assert_eq!(names, tested.iter().copied().collect(), "{heading}");
    documented
}

/// A value in a table that the new type cannot hold as it is: the types before and after, and the value.
const NARROW: [(&str, [&str; 2], [&str; 2], &str); 10] = [
    (
        "`text` that is no number becomes `integer` (PostgreSQL, and SQLite in a `STRICT` table)",
        ["text) STRICT", "text"],
        ["integer) STRICT", "integer"],
        "'abc'",
    ),
    (
        "`text` that is no number becomes `integer` (SQLite in other tables)",
        ["text", ""],
        ["integer", ""],
        "'abc'",
    ),
    (
        "`text` with leading zeros becomes `integer`",
        ["text", "text"],
        ["integer", "integer"],
        "'007'",
    ),
    (
        "`bigint` above 2,147,483,647 becomes `integer`",
        ["", "bigint"],
        ["", "integer"],
        "3000000000",
    ),
    ("`varchar` longer than the new length", ["", "varchar(20)"], ["", "varchar(3)"], "'three'"),
    (
        "`varchar` longer than the new length, and `using` cuts it",
        ["varchar(20)", "varchar(20)"],
        [
            "\n-- migrate:using substr(v, 1, 3)\nv varchar(3)",
            "\n-- migrate:using left(v, 3)\nv varchar(3)",
        ],
        "'three'",
    ),
    (
        "`text` that is no number becomes `integer`, and `using` says which number",
        ["text) STRICT", "text"],
        [
            "\n-- migrate:using CASE v WHEN 'abc' THEN '7' ELSE v END\nv integer) STRICT",
            "\n-- migrate:using CASE v WHEN 'abc' THEN '7' ELSE v END\nv integer",
        ],
        "'abc'",
    ),
    (
        "`numeric` with more digits after the point",
        ["", "numeric(10,4)"],
        ["", "numeric(10,2)"],
        "1.2345",
    ),
    (
        "`numeric` with more digits before the point",
        ["", "numeric(10,2)"],
        ["", "numeric(4,2)"],
        "12345.5",
    ),
    ("`timestamptz` becomes `date`", ["", "timestamptz"], ["", "date"], "'2026-01-01 10:11:12+00'"),
];

/// Each in a version of its own: whether it is applied, and that all values are back after it.
#[test]
fn what_a_narrower_type_cannot_hold_is_kept_or_stops_the_apply() {
    let names: Vec<&str> = NARROW.iter().map(|case| case.0).collect();
    let documented = same_names("What a narrower type does", &names);
    for (name, before, after, value) in NARROW {
        for (side, dialect) in [Dialect::Sqlite, Dialect::Postgres].into_iter().enumerate() {
            if before[side].is_empty() {
                continue;
            }
            let schema = |of_type: &str| {
                let end = if of_type.ends_with("STRICT") { ";" } else { ");" };
                // A type with a directive above it names its column itself.
                let column = if of_type.starts_with('\n') { "" } else { "v " };
                format!("CREATE TABLE t (id integer PRIMARY KEY, {column}{of_type}{end}")
            };
            let (before, after) = (schema(before[side]), schema(after[side]));
            let Some(scene) = Scene::between(dialect, &before, &after) else { continue };
            scene.sql(&format!("INSERT INTO t VALUES (1, {value}), (2, NULL)"));
            let old = scene.rows("SELECT v FROM t ORDER BY id");
            let ran = scene.run(&["apply", "--plan", "p", "--no-rehearsal"]);
            let code = match documented[name].as_str() {
                "kept" | "stays as it is" => 0,
                "refused" => 5,
                other => panic!("{PAGE}: `{other}` is no outcome"),
            };
            assert_eq!(ran.code, code, "{dialect}, {name}: {}", ran.text);
            if code == 0 {
                let kept = documented[name] == "kept";
                let same = scene.rows("SELECT v FROM t ORDER BY id") == old;
                assert_eq!(same, !kept, "{dialect}, {name}");
                assert_eq!(scene.kept_rows(), u64::from(kept), "{dialect}, {name}");
                assert_eq!(scene.rollback().code, 0, "{name}");
            } else {
                assert!(ran.text.contains("id=1"), "{dialect}, {name}: {}", ran.text);
            }
            assert_eq!(scene.rows("SELECT v FROM t ORDER BY id"), old, "{dialect}, {name}");
        }
    }
}

#[test]
fn an_apply_after_a_rollback_goes_on_where_the_first_one_was_left() {
    let documented = same_names(
        "Forward again",
        &[
            "column added, and given a value since",
            "table added, and filled since",
            "column added with a `backfill`, and its value changed since",
            "column added with a `backfill`, and what it is computed from changed after the rollback",
        ],
    );
    let before = "CREATE TABLE a (id integer PRIMARY KEY, name text);";
    let after = "CREATE TABLE a (id integer PRIMARY KEY, name text, note text,\n\
                 -- migrate:backfill upper(name)\nloud text);\n\
                 CREATE TABLE extra (id integer PRIMARY KEY, v text);";
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(scene) = Scene::between(dialect, before, after) else { continue };
        scene.sql("INSERT INTO a VALUES (1, 'one'), (2, 'two'), (3, 'three')");
        scene.apply();
        scene.sql("UPDATE a SET note = 'noted', loud = 'by hand' WHERE id = 1; INSERT INTO extra VALUES (7, 'more')");
        assert_eq!(scene.rollback().code, 0);
        scene.sql("UPDATE a SET name = 'zwei' WHERE id = 2");
        scene.apply();
        let found = [
            scene.rows("SELECT note FROM a WHERE id = 1"),
            scene.rows("SELECT v FROM extra"),
            scene.rows("SELECT loud FROM a WHERE id = 1"),
            scene.rows("SELECT loud FROM a WHERE id = 2"),
        ];
        let wanted = ["noted", "more", "by hand", "ZWEI"];
        let words = ["back as it was", "back as it was", "back as it was", "computed anew"];
        let names = [
            "column added, and given a value since",
            "table added, and filled since",
            "column added with a `backfill`, and its value changed since",
            "column added with a `backfill`, and what it is computed from changed after the rollback",
        ];
        for (at, name) in names.iter().enumerate() {
            assert_eq!(documented[*name], words[at], "{name}");
            assert_eq!(found[at], [[wanted[at]]], "{dialect}: {name}");
        }
    }
}

/// Tables whose numbers were handed out up to 3, and the row of the last one deleted: what the next row gets.
#[test]
fn numbers_that_were_handed_out_are_not_handed_out_again() {
    let names = [
        "the table stays, and rows were written since",
        "the table is dropped and comes back",
        "the column that counts is dropped and comes back (PostgreSQL)",
    ];
    let documented = same_names("Sequences", &names);
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let counts = match dialect {
            Dialect::Sqlite => "id integer PRIMARY KEY AUTOINCREMENT",
            Dialect::Postgres => "id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
        };
        let number = match dialect {
            Dialect::Sqlite => "number integer",
            Dialect::Postgres => "number serial",
        };
        let before = format!(
            "CREATE TABLE stays ({counts}, v text, gone text); CREATE TABLE leaves ({counts}, v text); \
             CREATE TABLE counted (key integer PRIMARY KEY, v text, {number});"
        );
        let after = format!(
            "CREATE TABLE stays ({counts}, v text); CREATE TABLE counted (key integer PRIMARY KEY, v text);"
        );
        let Some(scene) = Scene::between(dialect, &before, &after) else { continue };
        scene.sql("INSERT INTO stays (v) VALUES ('a'), ('b'), ('c'); INSERT INTO leaves (v) VALUES ('a'), ('b'), ('c')");
        scene.sql("INSERT INTO counted (key, v) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
        scene.sql("DELETE FROM stays WHERE id = 3; DELETE FROM leaves WHERE id = 3; DELETE FROM counted WHERE key = 3");
        scene.apply();
        scene.sql("INSERT INTO stays (v) VALUES ('d'), ('e'); DELETE FROM stays WHERE v = 'e'");
        assert_eq!(scene.rollback().code, 0);
        let next = |table: &str, columns: &str, values: &str, number: &str| {
            scene.sql(&format!("INSERT INTO {table} ({columns}) VALUES ({values})"));
            scene.rows(&format!("SELECT {number} FROM {table} WHERE v = 'next'"))[0][0].clone()
        };
        assert_eq!(next("stays", "v", "'next'", "id"), documented[names[0]], "{dialect}");
        assert_eq!(next("leaves", "v", "'next'", "id"), documented[names[1]], "{dialect}");
        if dialect == Dialect::Postgres {
            assert_eq!(next("counted", "key, v", "9, 'next'", "number"), documented[names[2]]);
        }
    }
}

/// What the page says of repairs stands in tests of their own; each row names its test.
#[test]
fn tests_that_the_page_names_are_there() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let rows = table("Repairs");
    assert!(!rows.is_empty());
    for row in rows {
        let named = row[2].trim_matches('`');
        let (file, name) = named.split_once("::").expect("FILE::TEST");
        let text = std::fs::read_to_string(tests.join(file)).expect("the file of the test");
        assert!(text.contains(&format!("fn {name}()")), "{PAGE}: there is no test `{named}`");
    }
}

#[test]
fn a_column_dropped_with_keep_none_is_lost_and_says_so() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(place) = Place::new(dialect) else { continue };
        let scene = Scene { place, folder: tempfile::tempdir().expect("a folder") };
        let write = |name: &str, text: &str| {
            std::fs::write(scene.folder.path().join(name), text).expect("a file");
        };
        let model = |rest: &str| {
            format!(
                "model: 1\nname: shop\ntargets: [sqlite >= 3.38, postgres >= 13]\nentities:\n  Item:\n    fields:\n      id: int\n{rest}"
            )
        };
        write("migrate.toml", "");
        write("model.yaml", &model("      fax: text?\n"));
        scene.done(&["plan", "first"]);
        scene.done(&["apply"]);
        scene.sql("INSERT INTO item (id, fax) VALUES (1, '555')");
        let drop = "changes:\n  - drop: Item.fax\n    reason: secret\n    keep: none\n";
        write("model.yaml", &model(drop));
        let refused = scene.run(&["plan", "no_fax"]);
        assert_eq!(refused.code, 7, "{dialect}: {}", refused.text);
        scene.done(&["plan", "no_fax", "--allow", "loss"]);
        let shown = scene.run(&["show", "2"]);
        assert!(shown.text.contains("lossy"), "{dialect}: {}", shown.text);
        scene.done(&["apply", "--no-rehearsal"]);
        assert_eq!(scene.kept_rows(), 0, "{dialect}");
        let ran = scene.run(&["rollback"]);
        assert_eq!(ran.code, 0, "{dialect}: {}", ran.text);
        assert_eq!(scene.rows("SELECT fax FROM item"), [["NULL"]], "{dialect}");
    }
}
