//! Whether every row is as it was: fingerprints of each table's rows at two moments, without the rows written in
//! between.

use crate::catalog::{Catalog, Table};
use crate::cli::error::CliError;
use crate::db::Database;
use crate::db::fingerprint::{TableFingerprint, row_fingerprints};
use crate::dialect::Sql;
use crate::report::style::{BAD, FAINT, GOOD, columns, number, paint};
use crate::text::{Dialect, QName};

/// The rows of all tables at one moment.
pub(super) struct Mark {
    tables: Vec<MarkedTable>,
}

struct MarkedTable {
    table: Table,
    /// Rows with a greater id were written later.
    last_id: String,
    rows: TableFingerprint,
}

impl Mark {
    /// `bill 100,000, customer 4,000, …`.
    pub(super) fn counts(&self) -> String {
        let counts: Vec<String> = self
            .tables
            .iter()
            .map(|marked| format!("{} {}", marked.table.name, number(marked.rows.rows)))
            .collect();
        counts.join(", ")
    }

    /// How many values the rows hold.
    pub(super) fn values(&self) -> u64 {
        self.tables.iter().map(|marked| marked.rows.rows * marked.table.columns.len() as u64).sum()
    }
}

/// What a comparison found.
pub(super) struct Proof {
    pub(super) table: String,
    /// How many rows were written after the mark and are there.
    pub(super) written: u64,
    pub(super) problem: Option<String>,
}

/// Takes the fingerprints of all rows.
///
/// # Errors
/// The engine's own.
pub(super) fn mark(database: &mut Database) -> Result<Mark, CliError> {
    let catalog: Catalog = database.inspect()?;
    let mut tables = Vec::new();
    for table in catalog.tables.values() {
        let rows = row_fingerprints(database, table)?;
        let last_id = one(
            database,
            &format!("SELECT coalesce(max(id), 0) FROM main.\"{}\"", table.name.name),
        )?;
        tables.push(MarkedTable { table: table.clone(), last_id, rows });
    }
    Ok(Mark { tables })
}

/// Compares the rows that were there at the mark with what they are now.
///
/// # Errors
/// The engine's own.
pub(super) fn compare(database: &mut Database, before: &Mark) -> Result<Proof, CliError> {
    let mut rows = vec![heading()];
    let mut written = 0;
    let mut wrong = Vec::new();
    for marked in &before.tables {
        let name = marked.table.name.name.as_str();
        let now = old_rows(database, marked)?;
        let new = one(
            database,
            &format!("SELECT count(*) FROM main.\"{name}\" WHERE id > {}", marked.last_id),
        )?;
        written += new.parse::<u64>().unwrap_or(0);
        let equal = now == marked.rows;
        if !equal {
            wrong.push(name.to_owned());
        }
        rows.push(vec![
            format!("  {name}"),
            format!("{:>9}", number(marked.rows.rows)),
            short(&marked.rows),
            short(&now),
            if equal { paint(GOOD, "equal") } else { paint(BAD, "differs") },
            format!("+ {new}"),
        ]);
    }
    let problem = match (wrong.is_empty(), written) {
        (false, _) => Some(format!("rows differ in {}", wrong.join(", "))),
        (true, 0) => Some("the rows written in between are gone".to_owned()),
        (true, _) => None,
    };
    Ok(Proof { table: columns(&rows), written, problem })
}

fn heading() -> Vec<String> {
    ["  table", "     rows", "before", "after rollback", "", "written since"]
        .into_iter()
        .map(|cell| paint(FAINT, cell))
        .collect()
}

fn short(rows: &TableFingerprint) -> String {
    rows.whole.chars().take(12).collect()
}

/// The fingerprint of the rows that the mark saw, by a view that shows only them.
fn old_rows(database: &mut Database, marked: &MarkedTable) -> Result<TableFingerprint, CliError> {
    let name = marked.table.name.name.as_str();
    let view = format!("before_{name}");
    run(
        database,
        &format!(
            "CREATE TEMP VIEW \"{view}\" AS SELECT * FROM main.\"{name}\" WHERE id <= {}",
            marked.last_id
        ),
    )?;
    let seen = Table { name: QName::new("temp", view), ..marked.table.clone() };
    Ok(row_fingerprints(database, &seen)?)
}

fn run(database: &mut Database, text: &str) -> Result<(), CliError> {
    for statement in Sql::of_script(text, Dialect::Sqlite) {
        database.execute(&statement)?;
    }
    Ok(())
}

fn one(database: &mut Database, text: &str) -> Result<String, CliError> {
    let mut value = None;
    for query in Sql::of_script(text, Dialect::Sqlite) {
        value = database.value(&query)?;
    }
    Ok(value.unwrap_or_default())
}
