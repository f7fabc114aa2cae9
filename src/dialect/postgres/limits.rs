//! What cannot be done to partitions and heirs, with the reason.

use super::context::Context;
use super::hierarchy::{joined, options, stays};
use crate::catalog::postgres_table::Origin;
use crate::change::TableChange;
use crate::dialect::LowerError;

/// What cannot be done to a table with heirs, or to an heir.
///
/// # Errors
/// Says which table, and why.
pub(super) fn check(change: &TableChange, context: &Context<'_>) -> Result<(), LowerError> {
    let name = &change.after.name;
    let after = options(&change.after);
    let joins = joined(name, context);
    let only_inherited = after.inherited_columns.values().any(|from| *from == Origin::Inherited)
        || after.inherited.values().any(|inherited| inherited.origin == Origin::Inherited);
    let before = options(&change.before);
    let same_origin = before.inherited_columns.iter().all(|(column, origin)| {
        change.after.column(column).is_none()
            || after.inherited_columns.get(column).is_none_or(|other| other == origin)
    });
    let left_alone = before.inherited_columns.iter().find(|(column, origin)| {
        **origin == Origin::Inherited
            && change.after.column(column).is_some()
            && !after.inherited_columns.contains_key(*column)
            && before.parents.iter().any(|parent| stays(name, parent, context))
    });
    if let Some((column, _)) = left_alone {
        return Err(LowerError {
            what: format!("column {name}.{column}"),
            why: "its table inherits it, and is to have it of its own while it goes from the parent"
                .to_owned(),
            help: "declare the column in the heir too in one version, and drop it from the parent in the next"
                .to_owned(),
        });
    }
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
