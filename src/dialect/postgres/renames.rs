//! Renames: they run first, and all else is told in the new names.

use super::action::{Action, step};
use super::context::Context;
use super::quote::{literal, quote_ident, quote_name};
use crate::change::Rename;
use crate::dialect::{Resource, Step, hide};
use crate::text::QName;

/// One step for each rename, in the order in which they run.
pub(super) fn steps(context: &Context<'_>) -> Vec<Step> {
    let intent = &context.diff.intent;
    context.diff.renames().map(|it| hide::told(rename(it), it, intent)).collect()
}

fn rename(rename: &Rename) -> Step {
    let (action, title, statements, schema) = match rename {
        Rename::Table { before, after } => (
            Action::Rename,
            format!("rename table {before} to {after}"),
            move_name("TABLE", before, after),
            Some(after.schema.clone()),
        ),
        Rename::Enum { before, after } => (
            Action::Rename,
            format!("rename type {before} to {after}"),
            move_name("TYPE", before, after),
            Some(after.schema.clone()),
        ),
        Rename::Column { table, before, after } => (
            Action::Rename,
            format!("rename column {table}.{before} to {after}"),
            vec![format!(
                "ALTER TABLE {} RENAME COLUMN {} TO {}",
                quote_name(table),
                quote_ident(before),
                quote_ident(after)
            )],
            None,
        ),
        Rename::EnumValue { name, before, after } => (
            Action::Rename,
            format!("rename value {before} of {name} to {after}"),
            vec![format!(
                "ALTER TYPE {} RENAME VALUE {} TO {}",
                quote_name(name),
                literal(before),
                literal(after)
            )],
            None,
        ),
        Rename::Constraint { table, before, after } => (
            Action::Rename,
            format!("rename constraint {before} of {table} to {after}"),
            vec![format!(
                "ALTER TABLE {} RENAME CONSTRAINT {} TO {}",
                quote_name(table),
                quote_ident(before),
                quote_ident(after)
            )],
            None,
        ),
        Rename::Index { table, before, after } => (
            Action::RenameIndex,
            format!("rename index {before} to {after}"),
            vec![format!(
                "ALTER INDEX {} RENAME TO {}",
                quote_name(&QName { schema: table.schema.clone(), name: before.clone() }),
                quote_ident(after)
            )],
            None,
        ),
    };
    let step = step(action, title, statements)
        .makes([Resource::Renames])
        .needs(schema.map(Resource::Schema));
    match rename {
        // Types are not tables: nobody waits.
        Rename::Enum { .. } | Rename::EnumValue { .. } => step.lock(crate::dialect::Lock::None),
        // What leaves a schema lets go of it.
        Rename::Table { before, .. } => step.frees([Resource::Schema(before.schema.clone())]),
        Rename::Column { .. } | Rename::Constraint { .. } | Rename::Index { .. } => step,
    }
}

fn move_name(kind: &str, before: &QName, after: &QName) -> Vec<String> {
    let mut statements = Vec::new();
    let mut at = before.clone();
    if before.schema != after.schema {
        statements.push(format!(
            "ALTER {kind} {} SET SCHEMA {}",
            quote_name(&at),
            quote_ident(&after.schema)
        ));
        at.schema = after.schema.clone();
    }
    if before.name != after.name {
        statements.push(format!(
            "ALTER {kind} {} RENAME TO {}",
            quote_name(&at),
            quote_ident(&after.name)
        ));
    }
    statements
}
