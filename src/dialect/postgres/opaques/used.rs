//! Types that cannot be made anew because rows are stored in them.

use super::super::context::{Context, Mention};
use super::super::retelling::passes;
use super::super::shapes::Shapes;
use crate::catalog::{Column, Opaque, OpaqueKind, ShapeColumn, Table};
use crate::dialect::LowerError;
use crate::text::Dialect;
use crate::text::token::{Token, tokenize};

/// Refuses an attribute that goes where another of its type comes, while columns hold values: it may be the same one under
/// another name, and a type has no place to say so.
fn refuse_replaced_attribute(
    before: &Opaque,
    after: &Opaque,
    context: &Context<'_>,
) -> Result<(), LowerError> {
    let lacks = |opaque: &Opaque, column: &ShapeColumn| {
        !opaque.columns.iter().any(|other| other.name == column.name)
    };
    let replaced = before.columns.iter().zip(&after.columns).find(|(old, new)| {
        old.data_type == new.data_type && lacks(after, old) && lacks(before, new)
    });
    let Some((old, new)) = replaced else { return Ok(()) };
    let shapes = Shapes::of(&context.before);
    let holder = context.before.tables.values().find_map(|table| {
        let stays = context.after().tables.get(&table.name)?;
        let holds = |column: &&Column| {
            stays.column(&column.name).is_some()
                && shapes.parts(&column.data_type).contains(&before.id)
        };
        Some(format!("{}.{}", table.name, table.columns.iter().find(holds)?.name))
    });
    match holder {
        None => Ok(()),
        Some(holder) => Err(LowerError {
            what: after.id.to_string(),
            why: format!(
                "attribute `{}` goes and `{}` of the same type comes in its place, which may be the same under another name, and column {holder} has values of it",
                old.name, new.name
            ),
            help: format!(
                "add `{}` in one migration and drop `{}` in the next, with what moves the values between them",
                new.name, old.name
            ),
        }),
    }
}

/// Refuses to make a type anew where values of it can wait in no other: in a partition key, in a typed table, in a
/// column that becomes another type of the same; and a base type that changes, whose text nobody knows.
pub(super) fn refuse(
    before: Option<&Opaque>,
    opaque: &Opaque,
    context: &Context<'_>,
) -> Result<(), LowerError> {
    if let Some(before) = before.filter(|it| it.id.kind == OpaqueKind::Type) {
        refuse_replaced_attribute(before, opaque, context)?;
    }
    let mention = Mention::of_either(before, opaque);
    let user = context.after().tables.values().find_map(|table| {
        let old = context.before.tables.get(&table.name)?;
        if context.around.rebuilt_tables.contains(&table.name) {
            return None;
        }
        let changes_base = opaque.id.kind == OpaqueKind::BaseType && before.is_some();
        let is_held = |column: &Column, other: &Column| {
            let stays = column.data_type == other.data_type && column.collation == other.collation;
            changes_base || passes(opaque.id.kind) && !stays
        };
        column(table, old, &mention, is_held)
            .or_else(|| key(table, old, &mention))
            .or_else(|| typed(table, &mention))
    });
    match user {
        None => Ok(()),
        Some(user) => Err(LowerError {
            what: opaque.id.to_string(),
            why: format!("it must be made anew while {user} uses it"),
            help: "make one of another name and change what uses it".to_owned(),
        }),
    }
}

fn uses(column: &Column, mention: &Mention) -> bool {
    mention.is_in(&column.data_type)
        || column.collation.as_deref().is_some_and(|collation| mention.is_in(collation))
}

/// A column that has the type on both sides, where it is held.
fn column(
    table: &Table,
    before: &Table,
    mention: &Mention,
    is_held: impl Fn(&Column, &Column) -> bool,
) -> Option<String> {
    let found = table.columns.iter().find(|column| {
        let other = before.column(&column.name);
        uses(column, mention)
            && other.is_some_and(|other| uses(other, mention) && is_held(column, other))
    })?;
    Some(format!("column {}.{}", table.name, found.name))
}

/// The partition key, where it names the type or a column that has it.
fn key(table: &Table, before: &Table, mention: &Mention) -> Option<String> {
    let key = before.options.of_postgres()?.partition_by.as_deref()?;
    let names: Vec<String> =
        tokenize(key, Dialect::Postgres).iter().filter_map(Token::name).collect();
    let is_in_key = |column: &&Column| names.iter().any(|name| name == column.name.as_str());
    let mut columns = before.columns.iter().filter(is_in_key);
    let is_used = mention.is_in(key) || columns.any(|column| uses(column, mention));
    is_used.then(|| format!("the partition key of table {}", table.name))
}

fn typed(table: &Table, mention: &Mention) -> Option<String> {
    let of_type = table.options.of_postgres()?.of_type.as_deref()?;
    mention.is_in(of_type).then(|| format!("table {}, which is of it,", table.name))
}
