//! Runs plans on the bundled SQLite the way `apply` does, for tests.

#![allow(dead_code)] // each test file uses its own part

pub mod fill;
pub mod journey;
pub mod travel;

use std::collections::{BTreeMap, BTreeSet};

use migrate::catalog::Catalog;
use migrate::change::{Intent, Question};
use migrate::dialect::sqlite::inspect;
use migrate::dialect::{Absence, Step};
use migrate::diff::diff;
use migrate::plan::{Plan, plan};
use rusqlite::Connection;
use rusqlite::types::Value;

/// The catalog of an open database.
pub fn catalog(db: &Connection) -> Catalog {
    let mut results = BTreeMap::new();
    for query in inspect::queries() {
        let mut statement = db.prepare(query.sql.as_str()).expect("catalog query");
        let width = statement.column_count();
        let rows: Vec<inspect::InspectRow> = statement
            .query_map([], |row| (0..width).map(|at| row.get(at)).collect())
            .expect("catalog rows")
            .collect::<Result<_, _>>()
            .expect("catalog text");
        results.insert(query.name, rows);
    }
    inspect::catalog(&results).expect("a readable schema")
}

/// A database in memory, with foreign keys enforced, made by a script.
pub fn database(script: &str) -> Connection {
    let db = Connection::open_in_memory().expect("memory");
    db.execute_batch("PRAGMA foreign_keys = ON").expect("pragma");
    db.execute_batch(script).expect("script runs");
    db
}

/// The plan between the schemas of two databases.
pub fn plan_between(
    before: &Connection,
    after: &Connection,
    intent: &Intent,
) -> (Plan, Vec<Question>) {
    let (difference, questions) = diff(&catalog(before), &catalog(after), intent);
    (plan(&difference, &[], migrate::catalog::Printed::ByEngine).expect("a plan"), questions)
}

/// Whether rows that break a foreign key after the steps, and did not before, undo them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ForeignKeys {
    Checked,
    Unchecked,
}

pub const BROKEN: &str = "rows break a foreign key of the new schema";

/// Runs steps in one transaction, with foreign keys off and the old ALTER TABLE rules on.
pub fn run(db: &Connection, steps: &[Step]) -> Result<(), String> {
    run_with(db, steps, ForeignKeys::Checked)
}

/// As [`run`].
pub fn run_with(db: &Connection, steps: &[Step], keys: ForeignKeys) -> Result<(), String> {
    let foreign_keys: i64 = one(db, "PRAGMA foreign_keys");
    db.execute_batch("PRAGMA foreign_keys = OFF; BEGIN IMMEDIATE; PRAGMA legacy_alter_table = ON")
        .map_err(|error| error.to_string())?;
    let before = violations(db);
    let result = steps.iter().try_for_each(|step| run_step(db, step));
    let result = result.and_then(|()| {
        match keys == ForeignKeys::Unchecked || violations(db).is_subset(&before) {
            true => Ok(()),
            false => Err(BROKEN.to_owned()),
        }
    });
    db.execute_batch(if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).expect("end");
    db.execute_batch(&format!(
        "PRAGMA legacy_alter_table = OFF; PRAGMA foreign_keys = {foreign_keys}"
    ))
    .expect("pragmas");
    result
}

fn run_step(db: &Connection, step: &Step) -> Result<(), String> {
    if let Some(kept) = &step.reads_kept {
        let name = format!("_migrate_kept_{}", kept.name);
        let mut find = db
            .prepare("SELECT 1 FROM sqlite_schema WHERE name = ?1")
            .map_err(|error| error.to_string())?;
        let exists = find.exists([&name]).map_err(|error| error.to_string())?;
        match (exists, kept.absence) {
            (true, _) => {}
            (false, Absence::Skip) => return Ok(()),
            (false, Absence::Refuse) => return Err(format!("`{name}` is gone")),
        }
    }
    for statement in &step.statements {
        db.execute_batch(statement.as_str())
            .map_err(|error| format!("{error}\nin step `{}`: {statement}", step.title))?;
    }
    Ok(())
}

/// The rows that break a foreign key. A key whose referenced columns are not unique breaks the check itself.
fn violations(db: &Connection) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for table in catalog(db).tables.values() {
        let name = table.name.name.as_str().replace('"', "\"\"");
        let query = format!(
            "SELECT \"table\", \"rowid\", \"parent\" FROM pragma_foreign_key_check(\"{name}\")"
        );
        let read = db.prepare(&query).and_then(|mut statement| {
            let read = |row: &rusqlite::Row<'_>| {
                let (table, id, parent): (Value, Value, Value) =
                    (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(format!("{table:?} {id:?} {parent:?}"))
            };
            statement.query_map([], read)?.collect::<rusqlite::Result<Vec<String>>>()
        });
        match read {
            Ok(rows) => found.extend(rows),
            Err(error) => {
                found.insert(error.to_string());
            }
        }
    }
    found
}

/// Rows of a query as text that tells types apart.
pub fn rows(db: &Connection, query: &str) -> Vec<String> {
    let mut statement = db.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let columns = statement.column_count();
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<String> {
        let values: Result<Vec<Value>, _> = (0..columns).map(|n| row.get::<_, Value>(n)).collect();
        Ok(format!("{:?}", values?))
    };
    let mut found: Vec<String> = statement
        .query_map([], read)
        .expect("rows")
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    found.sort();
    found
}

/// One value.
pub fn one<T: rusqlite::types::FromSql>(db: &Connection, query: &str) -> T {
    db.query_row(query, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{query}: {error}"))
}

/// All rows of all tables, with rowids where there are any, and the AUTOINCREMENT positions.
pub fn contents(db: &Connection) -> BTreeMap<String, Vec<String>> {
    let catalog = catalog(db);
    let mut all = BTreeMap::new();
    for table in catalog.tables.values() {
        let name = table.name.name.as_str().replace('"', "\"\"");
        let with_rowid = format!("SELECT rowid, * FROM \"{name}\"");
        let query = match db.prepare(&with_rowid) {
            Ok(_) => with_rowid,
            Err(_) => format!("SELECT * FROM \"{name}\""),
        };
        all.insert(name, rows(db, &query));
    }
    let counted = rows(db, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'");
    if !counted.is_empty() {
        let query =
            "SELECT name, seq FROM sqlite_sequence WHERE name NOT LIKE '\\_migrate%' ESCAPE '\\'";
        let positions = rows(db, query);
        // The engine never lets its table go once it is there.
        if !positions.is_empty() {
            all.insert("sqlite_sequence".to_owned(), positions);
        }
    }
    all
}

/// Bookkeeping tables that exist, by name.
pub fn bookkeeping(db: &Connection) -> Vec<String> {
    let query = "SELECT name FROM sqlite_schema WHERE name LIKE '\\_migrate%' ESCAPE '\\' AND type = 'table'";
    rows(db, query)
}
