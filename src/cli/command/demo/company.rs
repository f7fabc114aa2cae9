//! The small company of the demo: its model before and after, its rows, and what is done to them by hand.

use similar::{ChangeTag, TextDiff};

use crate::cli::error::CliError;
use crate::db::{Database, DbError, Mode};
use crate::dialect::Sql;
use crate::report::style::{BAD, GOOD, paint};
use crate::text::Dialect;

/// The model that the company starts with.
pub(super) const BEFORE: &str = include_str!("before.yaml");
/// The model it wants.
pub(super) const AFTER: &str = include_str!("after.yaml");
/// The hand-written version that repairs rows, and its way back.
pub(super) const REPAIR_UP: &str = include_str!("repair.up.sql");
pub(super) const REPAIR_DOWN: &str = include_str!("repair.down.sql");
/// What is written in the new shape.
pub(super) const NEW_ROWS: &str = include_str!("write.sql");
const ROWS: &str = include_str!("rows.sql");

/// Fills the tables of the first version.
///
/// # Errors
/// The engine's own.
pub(super) fn fill(database: &mut Database, invoices: u64) -> Result<(), CliError> {
    write(database, &ROWS.replace("INVOICES", &invoices.to_string()))
}

/// Writes rows in the new shape, as an application would.
///
/// # Errors
/// The engine's own.
pub(super) fn write_new_rows(database: &mut Database) -> Result<(), CliError> {
    write(database, NEW_ROWS)
}

fn write(database: &mut Database, script: &str) -> Result<(), CliError> {
    database.within(Mode::Write, |database| {
        Sql::of_script(script, Dialect::Sqlite)
            .iter()
            .try_for_each(|statement| database.execute(statement).map(|_| ()))
            .map_err(|error: DbError| error.into())
    })
}

/// The lines of the model that are new or gone, where the new one does not tell of the old.
pub(super) fn changed_lines() -> String {
    let diff = TextDiff::from_lines(BEFORE, AFTER);
    diff.iter_all_changes()
        .filter(|change| !change.value().trim().is_empty())
        .filter_map(|change| match change.tag() {
            ChangeTag::Insert => Some(format!("{}{}", paint(GOOD, "+ "), change.value())),
            ChangeTag::Delete if change.value().contains("fax") => {
                Some(format!("{}{}", paint(BAD, "- "), change.value()))
            }
            ChangeTag::Delete | ChangeTag::Equal => None,
        })
        .collect()
}
