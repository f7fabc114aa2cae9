//! Generated columns: made, dropped, given another expression.

use super::action::{Action, step};
use super::columns::drop_column;
use super::context::Context;
use super::parts::column_texts;
use super::quote::quote_name;
use super::render;
use super::values::Staying;
use crate::catalog::{Column, GeneratedStorage, Table};
use crate::dialect::{Resource, Step, Undo};
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
