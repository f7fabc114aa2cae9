//! Databases lifted and realized again.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{Lifted, lift};
use crate::catalog::Catalog;
use crate::dialect::realize::realize;
use crate::model::{Hints, Model, parse, print};
use crate::text::Dialect;
use crate::text::diagnostic::{Colour, render};

fn inspect(db: &Connection) -> Catalog {
    let mut results = BTreeMap::new();
    for query in crate::dialect::sqlite::inspect::queries() {
        let mut statement = db.prepare(query.sql.as_str()).expect("query");
        let width = statement.column_count();
        let rows = statement.query_map([], |row| (0..width).map(|at| row.get(at)).collect());
        results.insert(query.name, rows.expect("rows").map(|row| row.expect("row")).collect());
    }
    crate::dialect::sqlite::inspect::catalog(&results).expect("catalog")
}

fn database(sql: &str) -> Catalog {
    let db = Connection::open_in_memory().expect("memory");
    db.execute_batch(sql).expect("valid SQL");
    inspect(&db)
}

/// Lifts, prints, reads, realizes: and says what differs.
fn round(catalog: &Catalog) -> (Lifted, String) {
    let lifted = lift(catalog, "test");
    let text = print(&lifted.model, Hints::Keep);
    let (read, issues) = parse(&text);
    let read: Model =
        read.unwrap_or_else(|| panic!("{}", render("lifted", &text, &issues, Colour::Plain)));
    assert_eq!(read, lifted.model, "{text}");
    let again = realize(&read, catalog.dialect).expect("realizable").catalog;
    if lifted.notes.is_empty() {
        let (again, wanted) = (again.normalized(), catalog.normalized());
        assert_eq!(again.tables, wanted.tables, "{text}");
        assert_eq!(again.opaques, wanted.opaques, "{text}");
        assert_eq!(again.fingerprint(), wanted.fingerprint());
    }
    (lifted, text)
}

/// Data beside the project; tests skip where it is not there.
fn shared(path: &str) -> std::path::PathBuf {
    let project = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = project.join("../shared").join(path);
    if beside.exists() { beside } else { project.join("../../shared").join(path) }
}

#[test]
fn everything_sqlite_comes_back() {
    let catalog = database(
        "CREATE TABLE org (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'x', made DATETIME DEFAULT CURRENT_TIMESTAMP);
         CREATE TABLE member (
           id INTEGER PRIMARY KEY AUTOINCREMENT, org_id INTEGER NOT NULL REFERENCES org(id) ON DELETE CASCADE,
           email TEXT COLLATE NOCASE UNIQUE, role TEXT NOT NULL DEFAULT 'a' CHECK (role IN ('a', 'b')),
           score NUMERIC(10,2) DEFAULT 0, flag BOOLEAN DEFAULT 1, raw, low TEXT AS (lower(email)) VIRTUAL,
           CONSTRAINT positive CHECK (score >= 0), UNIQUE (org_id, email) ON CONFLICT IGNORE);
         CREATE TABLE listed (id INTEGER PRIMARY KEY, size VARCHAR(9) DEFAULT 's' CHECK (size IN ('s', 'l')));
         CREATE TABLE pair (a INT, b INT, c TEXT, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID;
         CREATE TABLE third (x INT, y INT, z INT REFERENCES org, FOREIGN KEY (x, y) REFERENCES pair (a, b) DEFERRABLE INITIALLY DEFERRED);
         CREATE INDEX member_role ON member (role, score DESC);
         CREATE UNIQUE INDEX odd ON member (lower(email)) WHERE flag = 1;
         CREATE VIEW members AS SELECT * FROM member;
         CREATE VIEW more AS SELECT * FROM members;
         CREATE TRIGGER touch AFTER UPDATE ON org BEGIN UPDATE org SET made = 1 WHERE id = new.id; END;
         CREATE TRIGGER instead INSTEAD OF INSERT ON more BEGIN SELECT 1; END;",
    );
    let (lifted, text) = round(&catalog);
    assert_eq!(lifted.notes, Vec::<String>::new(), "{text}");
    assert!(text.contains("role: { enum: [a, b], default: a"), "{text}");
    let listed = "size: { enum: [s, l], optional: true, default: s, sqlite: { type: VARCHAR(9) } }";
    assert!(text.contains(listed), "{text}");
}

#[test]
fn what_is_not_carried_is_named() {
    let catalog =
        database("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL ON CONFLICT IGNORE);");
    let (lifted, _) = round(&catalog);
    assert_eq!(lifted.notes, ["table `t` has options that are not carried exactly"]);
}

#[test]
fn chinook_is_lifted_whole() {
    let path = shared("data/chinook/chinook.sqlite");
    if !path.exists() {
        return;
    }
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = Connection::open_with_flags(path, flags).expect("chinook");
    let (lifted, text) = round(&inspect(&db));
    assert_eq!(lifted.notes, Vec::<String>::new(), "{text}");
    assert!(text.contains("Artist: { ref: Artist, column: ArtistId }"), "{text}");
    assert!(text.lines().count() < 200, "{text}");
}

#[test]
fn a_realized_model_is_lifted_to_an_equal_database() {
    let billing = include_str!("../../../fixtures/models/billing.yaml");
    let (model, _) = parse(billing);
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let catalog = realize(model.as_ref().expect("valid"), dialect).expect("realizable").catalog;
        let (lifted, text) = round(&catalog);
        assert_eq!(lifted.notes, Vec::<String>::new(), "{text}");
    }
}

/// Real schemas, where they are at hand.
#[test]
fn real_sqlite_schemas_come_back() {
    let folder = shared("schemas");
    let Ok(applications) = std::fs::read_dir(folder) else { return };
    let mut wrong = Vec::new();
    for application in applications.filter_map(Result::ok) {
        if !application.file_name().to_string_lossy().ends_with("-sqlite") {
            continue;
        }
        for file in std::fs::read_dir(application.path()).expect("folder").filter_map(Result::ok) {
            let sql = std::fs::read_to_string(file.path()).expect("readable");
            let db = Connection::open_in_memory().expect("memory");
            if db.execute_batch(&sql).is_err() {
                continue;
            }
            let (lifted, _) = round(&inspect(&db));
            if !lifted.notes.is_empty() {
                wrong.push(format!("{}: {:?}", file.path().display(), lifted.notes));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
