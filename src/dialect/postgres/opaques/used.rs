//! Types that cannot be made anew because rows are stored in them.

use super::super::context::{Context, Mention};
use crate::catalog::{Opaque, OpaqueKind, Table};
use crate::dialect::LowerError;

/// Refuses to make a type into another while a column that stays has it: values that wait as text come back to the same
/// type only.
pub(super) fn refuse(
    before: Option<&Opaque>,
    opaque: &Opaque,
    context: &Context<'_>,
) -> Result<(), LowerError> {
    let holds = match opaque.id.kind {
        OpaqueKind::Collation => true,
        OpaqueKind::Domain | OpaqueKind::Type => {
            before.is_some_and(|before| before.create.first() != opaque.create.first())
        }
        _ => before.is_some() && has_values(opaque.id.kind),
    };
    let mention = Mention::of(&opaque.id);
    let user = context.after().tables.values().find_map(|table| {
        let before = context.before.tables.get(&table.name)?;
        if context.around.rebuilt_tables.contains(&table.name) {
            return None;
        }
        let what = if holds { column(table, before, &mention) } else { None };
        what.or_else(|| {
            let key = table.options.of_postgres()?.partition_by.as_deref()?;
            mention.is_in(key).then(|| format!("the partition key of table {}", table.name))
        })
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

/// Kinds that stored values have.
fn has_values(kind: OpaqueKind) -> bool {
    matches!(
        kind,
        OpaqueKind::Domain
            | OpaqueKind::Type
            | OpaqueKind::RangeType
            | OpaqueKind::BaseType
            | OpaqueKind::Collation
    )
}

/// A column that has the type on both sides.
fn column(table: &Table, before: &Table, mention: &Mention) -> Option<String> {
    let uses = |column: &crate::catalog::Column| {
        mention.is_in(&column.data_type)
            || column.collation.as_deref().is_some_and(|collation| mention.is_in(collation))
    };
    let stays = |name| before.column(name).is_some_and(uses);
    table
        .columns
        .iter()
        .find(|column| uses(column) && stays(&column.name))
        .map(|column| format!("column {}.{}", table.name, column.name))
}
