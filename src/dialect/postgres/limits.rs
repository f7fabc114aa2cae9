//! What cannot be done to partitions and heirs, with the reason.

use super::context::Context;
use super::hierarchy::{joined, options};
use crate::catalog::postgres_table::Origin;
use crate::change::{Delta, TableChange};
use crate::dialect::LowerError;

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
