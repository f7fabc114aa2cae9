//! Renames, by the engine itself, so that foreign keys, views, triggers and indexes of all tables follow.
//!
//! `legacy_alter_table` must be off around them: with it on, SQLite 3.26 and later leave references alone
//! (sqlite.org/pragma.html#pragma_legacy_alter_table). `writable_schema` must be on: a rename otherwise fails where
//! any view or trigger of the schema does not resolve, whatever it has to do with the renamed thing; with it on, such
//! texts are passed over (`renameColumnParseError` and its callers in `alter.c`).

use super::facts::{facts, statements};
use super::quote::quote;
use crate::change::{Diff, Rename};
use crate::dialect::{LowerError, Order, Resource, Step, Undo, Work, hide};

/// One step for each rename, in the order in which they run.
///
/// # Errors
/// A rename of something SQLite does not have.
pub(super) fn steps(diff: &Diff) -> Result<Vec<Step>, LowerError> {
    diff.renames().map(|it| Ok(hide::told(step(it)?, it, &diff.intent))).collect()
}

fn step(rename: &Rename) -> Result<Step, LowerError> {
    let (title, renaming) = match rename {
        Rename::Table { before, after } => (
            format!("rename table {before} to {after}"),
            rename_table(before.name.as_str(), after.name.as_str()),
        ),
        Rename::Column { table, before, after } => (
            format!("rename column {table}.{before} to {after}"),
            vec![format!(
                "ALTER TABLE {} RENAME COLUMN {} TO {}",
                quote(table.name.as_str()),
                quote(before.as_str()),
                quote(after.as_str())
            )],
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
    let pragma = |name: &str, value: &str| format!("PRAGMA {name} = {value}");
    let mut texts = vec![pragma("legacy_alter_table", "OFF"), pragma("writable_schema", "ON")];
    texts.extend(renaming);
    texts.extend([pragma("writable_schema", "OFF"), pragma("legacy_alter_table", "ON")]);
    Ok(Step {
        title,
        statements: statements(texts),
        facts: facts(Work::Catalog, Undo::Exact, "a rename is taken back by a rename"),
        reads_kept: None,
        order: Order { makes: [Resource::Renames].into_iter().collect(), ..Order::default() },
    })
}

/// Two names that differ in case alone are one name to SQLite, which is then taken: a third stands between.
fn rename_table(before: &str, after: &str) -> Vec<String> {
    let statement =
        |from: &str, to: &str| format!("ALTER TABLE {} RENAME TO {}", quote(from), quote(to));
    if !before.eq_ignore_ascii_case(after) {
        return vec![statement(before, after)];
    }
    let between = format!("_migrate_case_{after}");
    vec![statement(before, &between), statement(&between, after)]
}

fn unknown(what: String) -> LowerError {
    LowerError {
        what: format!("the rename of {what}"),
        why: "SQLite has no such statement".to_owned(),
        help: "leave the rename out; the thing is made anew under its new name".to_owned(),
    }
}
