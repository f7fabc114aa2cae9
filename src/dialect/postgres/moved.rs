//! Values that move to a column of another type: cast where assignment would not do, refused where they become rows.

use super::context::Context;
use super::types::{Conversion, conversion, is_builtin};
use super::values;
use crate::catalog::Column;
use crate::change::{TableChange, Target};
use crate::dialect::LowerError;
use crate::dialect::moving::becomes_text;
use crate::text::{Dialect, QName};

/// What fills a new column. By assignment a text that is too long is refused; a cast would cut it.
pub(super) fn fill(fill: &str, table: &QName, column: &Column, context: &Context<'_>) -> String {
    let casts = |from: &&str| conversion(from, &column.data_type) != Conversion::Assignment;
    let moved = Target::column(table, &column.name);
    match context.diff.moved_from_type(&moved).filter(casts) {
        Some(from) => values::convert(&format!("({fill})"), from, &column.data_type, &[]),
        None => fill.to_owned(),
    }
}

/// Values that become rows of another table are looked up there by equality, so both columns must be of types that compare.
///
/// # Errors
/// A column whose values go to one of a type that does not.
pub(super) fn refuse_other_type(
    change: &TableChange,
    column: &Column,
    context: &Context<'_>,
) -> Result<(), LowerError> {
    let giver = Target::column(&change.after.name, &column.name);
    let compares = |own: &str, other: &str| {
        let assigns = |from, to| conversion(from, to) == Conversion::Assignment;
        own == other
            || becomes_text(own, other, Dialect::Postgres)
            || is_builtin(own) && is_builtin(other) && assigns(own, other) && assigns(other, own)
    };
    let receivers = context.diff.moves().filter(|(from, _, _)| *from == giver);
    for (_, receiver, _) in receivers {
        let mut extractions = context.diff.extractions(&receiver.table);
        extractions.extend(context.diff.looked_up(&receiver.table));
        let own = extractions.iter().filter(|it| it.from == giver.table);
        let values = own.flat_map(|it| &it.values).filter(|value| value.from == column.name);
        let mut values = values.filter(|value| !compares(&value.from_type, &value.into_type));
        if let Some(value) = values.next() {
            return Err(LowerError {
                what: format!("move of {giver}"),
                why: format!(
                    "its values are {} and become rows of {receiver}, which is {}",
                    column.data_type, value.into_type
                ),
                help: format!(
                    "make the column {} in a version before, or let the new one be {}",
                    value.into_type, column.data_type
                ),
            });
        }
    }
    Ok(())
}
