//! Generated columns: made, dropped, given another expression, turned into plain ones.

use super::action::{Action, step};
use super::columns::{drop_column, restore};
use super::context::{Context, column_texts};
use super::keep::RowKey;
use super::quote::{quote_ident, quote_name};
use super::values::{self, Staying};
use super::{not_null, render};
use crate::catalog::{Column, Generated, GeneratedStorage, Table};
use crate::dialect::{Lock, Resource, Step, Undo, Work};
use crate::text::Dialect;
use crate::text::token::{Token, tokenize};

/// The expression of a generated column changed in place, where the server can and nothing else of the column changes.
pub(super) fn new_expression(staying: &Staying<'_>, context: &Context<'_>) -> Option<Step> {
    let (table, before, after) = (staying.table(), staying.before, staying.after);
    let generated = super::around::set_expression(before, after, staying.change, context.after())?;
    let name = &after.name;
    let what = format!("SET EXPRESSION AS ({})", generated.expression);
    let plain = staying.change.after.columns.iter().filter(|other| other.generated.is_none());
    let reads = plain.flat_map(|other| {
        [
            Resource::Column(table.clone(), other.name.clone()),
            Resource::Values(table.clone(), other.name.clone()),
        ]
    });
    Some(
        step(
            Action::SetExpression(generated.storage),
            format!("change the expression of {table}.{name}"),
            vec![render::alter_column(table, name, &what)],
        )
        .undo(Undo::Exact, "the values are computed")
        .needs(reads)
        .needs(context.made_in(column_texts(after)))
        .frees(computed_from(&staying.change.before, before))
        .frees(context.taken_in(column_texts(before)))
        .makes([staying.column(), staying.values()]),
    )
}

/// A generated column becomes a plain one that holds what it showed; values that the other way kept come back.
pub(super) fn ungenerate(
    staying: &Staying<'_>,
    generated: &Generated,
    context: &Context<'_>,
) -> Vec<Step> {
    let (table, after) = (staying.table(), staying.after);
    let made = match generated.storage {
        GeneratedStorage::Stored => keep_stored(staying),
        GeneratedStorage::Virtual => store_computed(staying, generated, context),
    };
    let mut steps = vec![
        made.needs(context.made_in(super::passing::needed(after)))
            .frees(context.taken_in(column_texts(staying.before)))
            .frees(computed_from(&staying.change.before, staying.before))
            .takes([staying.column()])
            .makes([staying.column()]),
    ];
    if context.is_discarded(table, Some(&after.name)) {
        return steps;
    }
    let key = RowKey::to_restore(&staying.change.before, &staying.change.after, context);
    steps.push(restore(staying.change, after, &key, context).makes([staying.values()]));
    steps
}

fn keep_stored(staying: &Staying<'_>) -> Step {
    let (table, after) = (staying.table(), staying.after);
    let name = &after.name;
    let mut statements = vec![render::alter_column(table, name, "DROP EXPRESSION")];
    if staying.before.data_type != after.data_type || staying.before.collation != after.collation {
        let using =
            values::convert(&quote_ident(name), &staying.before.data_type, &after.data_type, &[]);
        let what = format!("TYPE {}{} USING {using}", after.data_type, render::collation(after));
        statements.push(render::alter_column(table, name, &what));
    }
    if let Some(default) = &after.default
        && !super::sequences::sets_default(staying.before, after)
    {
        statements.push(render::alter_column(table, name, &format!("SET DEFAULT {default}")));
    }
    match (staying.before.not_null, after.not_null) {
        (true, false) => statements.push(render::alter_column(table, name, "DROP NOT NULL")),
        (false, true) => statements.push(not_null::require(&staying.change.after, name)),
        (true, true) | (false, false) => {}
    }
    step(Action::DropExpression, format!("make {table}.{name} a plain column"), statements)
}

/// The engine has no DROP EXPRESSION for a virtual column: it is dropped, and what it showed is written into a new one.
fn store_computed(staying: &Staying<'_>, generated: &Generated, context: &Context<'_>) -> Step {
    let (table, before, after) = (staying.table(), staying.before, staying.after);
    let name = &after.name;
    let shown = format!("(({})::{})", generated.expression, before.data_type);
    let value = match before.data_type == after.data_type {
        true => shown,
        false => values::convert(&shown, &before.data_type, &after.data_type, &[]),
    };
    let mut statements = vec![
        drop_column(table, before),
        format!("ALTER TABLE {} ADD COLUMN {}", quote_name(table), render::column_type(after)),
        format!("UPDATE {} SET {} = {value}", quote_name(table), quote_ident(name)),
    ];
    if let Some(default) = &after.default {
        statements.push(render::alter_column(table, name, &format!("SET DEFAULT {default}")));
    }
    if after.not_null {
        statements.push(not_null::require(&staying.change.after, name));
    }
    if let Some(text) = after.comment.as_deref().filter(|_| before.comment == after.comment) {
        statements.push(render::comment_on_column(table, name, Some(text)));
    }
    values::quietly(format!("make {table}.{name} a plain column"), table, statements, context)
        .lock(Lock::AccessExclusive)
        .work(Work::Rewrite)
}

pub(super) fn drop_generated(table: &Table, column: &Column, context: &Context<'_>) -> Step {
    let (name, own) = (&table.name, Resource::Column(table.name.clone(), column.name.clone()));
    step(
        Action::DropColumn,
        format!("drop generated column {name}.{}", column.name),
        vec![drop_column(name, column)],
    )
    .undo(Undo::Exact, "the values are computed")
    .frees(computed_from(table, column))
    .frees(context.taken_in(column_texts(column)))
    .takes([own])
}

/// The columns that a generated column is computed from.
pub(super) fn computed_from(table: &Table, column: &Column) -> Vec<Resource> {
    let Some(generated) = &column.generated else { return Vec::new() };
    let tokens = tokenize(&generated.expression, Dialect::Postgres);
    let names: Vec<String> = tokens.iter().filter_map(Token::name).collect();
    table
        .columns
        .iter()
        .filter(|other| names.iter().any(|name| name == other.name.as_str()))
        .map(|other| Resource::Column(table.name.clone(), other.name.clone()))
        .collect()
}

pub(super) fn add_generated(table: &Table, column: &Column, context: &Context<'_>) -> Step {
    let name = &table.name;
    let plain = table.columns.iter().filter(|other| other.generated.is_none()).flat_map(|other| {
        [
            Resource::Column(name.clone(), other.name.clone()),
            Resource::Values(name.clone(), other.name.clone()),
        ]
    });
    let action = match column.generated.as_ref().map(|generated| generated.storage) {
        Some(GeneratedStorage::Virtual) => Action::AddColumn,
        Some(GeneratedStorage::Stored) | None => Action::AddColumnRewriting,
    };
    let mut statements = vec![format!(
        "ALTER TABLE {} ADD COLUMN {}",
        quote_name(name),
        render::column_definition(table, column)
    )];
    statements.extend(
        column
            .comment
            .as_ref()
            .map(|text| render::comment_on_column(name, &column.name, Some(text))),
    );
    step(action, format!("add generated column {name}.{}", column.name), statements)
        .undo(Undo::Exact, "the values are computed")
        .needs(plain)
        .needs(context.made_in(column_texts(column)))
        .makes([
            Resource::Column(name.clone(), column.name.clone()),
            Resource::Values(name.clone(), column.name.clone()),
        ])
}

/// Generated columns that go and come back around a change.
pub(super) fn around(context: &Context<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for (table, name) in &context.around.generated {
        let (Some(before), Some(after)) =
            (context.before.tables.get(table), context.after().tables.get(table))
        else {
            continue;
        };
        if let (Some(old), Some(new)) = (before.column(name), after.column(name)) {
            steps.push(drop_generated(before, old, context));
            steps.push(add_generated(after, new, context));
        }
    }
    steps
}
