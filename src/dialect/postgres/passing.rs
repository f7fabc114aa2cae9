//! Columns that stay as they are, while a type or function that they name goes and comes back.

use std::collections::BTreeSet;

use super::action::{Action, TypeWork, step};
use super::context::{Context, Mention, column_texts, slot, table_changes};
use super::quote::quote_ident;
use super::render;
use crate::catalog::{Column, Sequence, Table};
use crate::dialect::{Resource, Step, Undo};
use crate::text::{Ident, QName};

/// The steps around what the columns name: defaults off and on, values through text.
pub(super) fn steps(context: &Context<'_>) -> Vec<Step> {
    let changes = table_changes(context.diff);
    let mut steps = Vec::new();
    for (table, name) in &context.around.defaults {
        if context.around.passing.contains(&(table.clone(), name.clone())) {
            continue;
        }
        let Some((before, after)) = sides(table, name, context) else { continue };
        steps.push(
            step(
                Action::SetDefault,
                format!("take the default of {table}.{name} off"),
                vec![render::alter_column(table, name, "DROP DEFAULT")],
            )
            .frees(context.taken_in(before.default.as_deref()))
            .makes([off(table, name)]),
        );
        // Where the column changes, its own steps set the default.
        if let Some(default) = &after.default
            && !changes.contains_key(table)
        {
            steps.push(
                step(
                    Action::SetDefault,
                    format!("set the default of {table}.{name} again"),
                    vec![render::alter_column(table, name, &format!("SET DEFAULT {default}"))],
                )
                .needs([off(table, name)])
                .needs(context.made_in([default.as_str()])),
            );
        }
    }
    for (table, name) in &context.around.passing {
        if let Some((before, after)) = sides(table, name, context) {
            steps.extend(through_text(table, before, after, context));
        }
    }
    steps
}

/// The texts of a column that its own steps let go of; not those that a step of this file takes off first.
pub(super) fn freed<'c>(table: &QName, column: &'c Column, context: &Context<'_>) -> Vec<&'c str> {
    let key = (table.clone(), column.name.clone());
    if context.around.passing.contains(&key) {
        return Vec::new();
    }
    let mut texts = column_texts(column);
    if context.around.defaults.contains(&key) || counts_itself(column) {
        texts.retain(|text| Some(*text) != column.default.as_deref());
    }
    texts
}

/// The texts that a step needs which makes a column or gives it its type: a default that counts with the column's own
/// sequence is set by the step that makes the sequence.
pub(super) fn needed(column: &Column) -> Vec<&str> {
    let mut texts = column_texts(column);
    if counts_itself(column) {
        texts.retain(|text| Some(*text) != column.default.as_deref());
    }
    texts
}

/// Whether the default of a column counts with a sequence that the column owns.
pub(super) fn counts_itself(column: &Column) -> bool {
    let (Some(Sequence { name, .. }), Some(default)) = (&column.owned_sequence, &column.default)
    else {
        return false;
    };
    Mention::new(slot(&name.schema, &name.name), name).is_in(default)
}

/// What the column's own steps wait for.
pub(super) fn waits(table: &QName, column: &Ident, context: &Context<'_>) -> BTreeSet<Resource> {
    let key = (table.clone(), column.clone());
    let is_off = context.around.defaults.contains(&key) && !context.around.passing.contains(&key);
    is_off.then(|| off(table, column)).into_iter().collect()
}

fn off(table: &QName, column: &Ident) -> Resource {
    Resource::Constraint(table.clone(), format!("default off of {column}"))
}

fn sides<'c>(
    table: &QName,
    name: &Ident,
    context: &'c Context<'_>,
) -> Option<(&'c Column, &'c Column)> {
    let find = |table: Option<&'c Table>| table.and_then(|table| table.column(name));
    Some((find(context.before.tables.get(table))?, find(context.after().tables.get(table))?))
}

/// The values wait as text while the type of the column is made again.
fn through_text(
    table: &QName,
    before: &Column,
    after: &Column,
    context: &Context<'_>,
) -> [Step; 2] {
    let name = &after.name;
    let own = quote_ident(name);
    let both = [
        Resource::Column(table.clone(), name.clone()),
        Resource::Values(table.clone(), name.clone()),
    ];
    let mut leave = Vec::new();
    leave
        .extend(before.default.as_ref().map(|_| render::alter_column(table, name, "DROP DEFAULT")));
    leave.push(render::alter_column(table, name, &format!("TYPE text USING {own}::text")));
    let kind = &after.data_type;
    let what = format!("TYPE {kind}{} USING {own}::{kind}", render::collation(after));
    let mut arrive = vec![render::alter_column(table, name, &what)];
    arrive.extend(
        after
            .default
            .as_ref()
            .map(|default| render::alter_column(table, name, &format!("SET DEFAULT {default}"))),
    );
    let change = Action::ChangeType(TypeWork::Rewrite);
    let reason = "the same values come back from text";
    [
        step(change, format!("hold {table}.{name} as text"), leave)
            .undo(Undo::Exact, reason)
            .frees(context.taken_in(needed(before)))
            .takes(both.clone()),
        step(change, format!("make {table}.{name} a {kind} again"), arrive)
            .undo(Undo::Exact, reason)
            .needs(context.made_in(needed(after)))
            .makes(both),
    ]
}
