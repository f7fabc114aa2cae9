//! What cannot be done to partitions and heirs, with the reason.

use super::context::Context;
use super::hierarchy::{joined, options, stays};
use crate::catalog::postgres_table::Origin;
use crate::change::TableChange;
use crate::dialect::LowerError;
use crate::text::Dialect;
use crate::text::token::{Token, tokenize};

/// What cannot be done because a table is partitioned by it: the engine alters no column of a partition key.
///
/// # Errors
/// Says which column of which table.
pub(super) fn check_keys(context: &Context<'_>) -> Result<(), LowerError> {
    for (name, before) in &context.before.tables {
        let Some(key) = &options(before).partition_by else { continue };
        let Some(after) = context.after().tables.get(name) else { continue };
        if context.around.rebuilt_tables.contains(name) {
            continue;
        }
        let names: Vec<String> =
            tokenize(key, Dialect::Postgres).iter().filter_map(Token::name).collect();
        for column in before.columns.iter().filter(|it| names.iter().any(|n| n == it.name.as_str()))
        {
            let altered = after.column(&column.name).is_none_or(|after| {
                super::around::reshapes(column, after) || context.rebuilds_type(&after.data_type)
            });
            if altered {
                return Err(LowerError {
                    what: format!("column {name}.{}", column.name),
                    why: "its type changes, and its table is partitioned by it".to_owned(),
                    help: "make a table of another name with the new type, and move the rows"
                        .to_owned(),
                });
            }
        }
    }
    Ok(())
}

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
