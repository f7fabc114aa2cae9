//! Generated columns and defaults that go and come back around a change.

use super::action::{Action, step};
use super::columns::drop_column;
use super::context::{Context, column_texts};
use super::quote::quote_name;
use super::render;
use crate::catalog::{Catalog, Column, GeneratedStorage, Table};
use crate::dialect::{Resource, Step, Undo};
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, QName};

/// Generated columns that stay the same but stand on a column that changes.
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
    for (table, name) in &context.around.defaults {
        let column = |catalog: &Catalog| catalog.tables.get(table)?.column(name).cloned();
        let (Some(old), Some(new)) = (column(&context.before), column(context.after())) else {
            continue;
        };
        steps.push(default_off(table, &old, context));
        if let (Some(default), true) = (&new.default, old.default == new.default) {
            let what = format!("SET DEFAULT {default}");
            let title = format!("set default of {table}.{name}");
            let set =
                step(Action::SetDefault, title, vec![render::alter_column(table, name, &what)]);
            steps.push(
                set.needs(context.made_in(column_texts(&new)))
                    .needs([Resource::Column(table.clone(), name.clone())]),
            );
        }
    }
    steps
}

/// Takes a default away early, for it stands on what goes and comes back.
fn default_off(table: &QName, column: &Column, context: &Context<'_>) -> Step {
    step(
        Action::SetDefault,
        format!("take the default of {table}.{} away", column.name),
        vec![render::alter_column(table, &column.name, "DROP DEFAULT")],
    )
    .frees(context.taken_in(column_texts(column)))
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
        render::column_definition(column)
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
