//! Renames, by the engine itself, so that foreign keys, views, triggers and indexes of all tables follow.
//!
//! `legacy_alter_table` must be off around them: with it on, SQLite 3.26 and later leave references alone
//! (sqlite.org/pragma.html#pragma_legacy_alter_table).

use super::facts::{facts, statements};
use super::quote::quote;
use crate::change::{Diff, Rename};
use crate::dialect::{LowerError, Order, Resource, Step, Undo, Work};

/// One step for each rename, in the order in which they run.
///
/// # Errors
/// A rename of something SQLite does not have.
pub(super) fn steps(diff: &Diff) -> Result<Vec<Step>, LowerError> {
    diff.renames().map(step).collect()
}

fn step(rename: &Rename) -> Result<Step, LowerError> {
    let (title, statement) = match rename {
        Rename::Table { before, after } => (
            format!("rename table {before} to {after}"),
            format!(
                "ALTER TABLE {} RENAME TO {}",
                quote(before.name.as_str()),
                quote(after.name.as_str())
            ),
        ),
        Rename::Column { table, before, after } => (
            format!("rename column {table}.{before} to {after}"),
            format!(
                "ALTER TABLE {} RENAME COLUMN {} TO {}",
                quote(table.name.as_str()),
                quote(before.as_str()),
                quote(after.as_str())
            ),
        ),
        Rename::Enum { before, .. } => return Err(unknown(format!("enum type {before}"))),
        Rename::EnumValue { name, before, .. } => {
            return Err(unknown(format!("value {before} of enum type {name}")));
        }
        Rename::Constraint { table, before, .. } => {
            return Err(unknown(format!("constraint {before} of {table}")));
        }
        Rename::Index { table, before, .. } => {
            return Err(unknown(format!("index {before} of {table}")));
        }
    };
    let texts = vec![
        "PRAGMA legacy_alter_table = OFF".to_owned(),
        statement,
        "PRAGMA legacy_alter_table = ON".to_owned(),
    ];
    Ok(Step {
        title,
        statements: statements(texts),
        facts: facts(Work::Catalog, Undo::Exact, "a rename is taken back by a rename"),
        reads_kept: None,
        order: Order { makes: [Resource::Renames].into_iter().collect(), ..Order::default() },
    })
}

fn unknown(what: String) -> LowerError {
    LowerError {
        what: format!("the rename of {what}"),
        why: "SQLite has no such statement".to_owned(),
        help: "leave the rename out; the thing is made anew under its new name".to_owned(),
    }
}
