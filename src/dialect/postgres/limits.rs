//! What cannot be done to partitions and heirs, with the reason.

use super::context::Context;
use super::hierarchy::{joined, options};
use crate::catalog::postgres_table::Origin;
use crate::catalog::{ConstraintKind, IndexKey};
use crate::change::{Delta, TableChange};
use crate::dialect::LowerError;
use crate::text::{Ident, QName};

/// What cannot be done to a table with heirs, or to an heir.
///
/// # Errors
/// Says which table, and why.
pub(super) fn check(change: &TableChange, context: &Context<'_>) -> Result<(), LowerError> {
    let name = &change.after.name;
    let has_heirs = context.before.tables.values().any(|table| {
        let options = options(table);
        !options.is_partition() && options.parents.contains(name)
    });
    let moves_values = change
        .mapping
        .iter()
        .any(|source| source.keep == crate::change::Keep::Altered || source.fill.is_some());
    let drops = change.columns.iter().any(|delta| matches!(delta, Delta::Drop(_)));
    if has_heirs && (moves_values || drops) {
        return Err(LowerError {
            what: format!("table {name}"),
            why: "other tables inherit from it, so no key tells its rows and theirs apart while values are kept"
                .to_owned(),
            help: "drop the inheritance first, or turn the heirs into partitions".to_owned(),
        });
    }
    let after = options(&change.after);
    let joins = joined(name, context);
    let only_inherited = after.inherited_columns.values().any(|from| *from == Origin::Inherited)
        || after.inherited.values().any(|inherited| inherited.origin == Origin::Inherited);
    let before = options(&change.before);
    let same_origin = before.inherited_columns.iter().all(|(column, origin)| {
        change.after.column(column).is_none()
            || after.inherited_columns.get(column).is_none_or(|other| other == origin)
    });
    if !after.is_partition() && (!joins.is_empty() && only_inherited || !same_origin) {
        return Err(LowerError {
            what: format!("table {name}"),
            why:
                "PostgreSQL cannot turn columns that a table has into columns that it only inherits"
                    .to_owned(),
            help: "make the heir anew under another name, or declare the columns in both tables"
                .to_owned(),
        });
    }
    Ok(())
}

/// Refuses what the engine would decide by the age of indexes.
pub(super) fn is_plain(child: &QName, context: &Context<'_>) -> Result<(), LowerError> {
    let Some(table) = context.after().tables.get(child) else { return Ok(()) };
    let keys = table.constraints.iter().filter_map(|constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns } => {
            let columns = columns.iter().cloned().map(IndexKey::Column).collect();
            Some((constraint.name.as_ref()?, (true, columns, None)))
        }
        ConstraintKind::Check { .. }
        | ConstraintKind::ForeignKey(_)
        | ConstraintKind::Exclusion => None,
    });
    let indexes = table
        .indexes
        .iter()
        .map(|index| (&index.name, (index.unique, index.keys.clone(), index.predicate.as_ref())));
    // Engine rule: attaching takes in an index that is equal in all of this.
    type Shape<'i> = (bool, Vec<IndexKey>, Option<&'i String>);
    let all: Vec<(&Ident, Shape<'_>)> = keys.chain(indexes).collect();
    let inherited = &options(table).inherited;
    for (name, shape) in all.iter().filter(|(name, _)| inherited.contains_key(*name)) {
        let twin = all.iter().find(|(other, other_shape)| other != name && other_shape == shape);
        if let Some((twin, _)) = twin {
            return Err(LowerError {
                what: format!("table {child}"),
                why: format!(
                    "its indexes `{name}` and `{twin}` are alike, and attaching takes in either"
                ),
                help: format!("drop `{twin}` first, and create it after the table is attached"),
            });
        }
    }
    Ok(())
}
