//! Values that move to a column of another type: cast where assignment would not do, refused where they become rows.

use super::context::Context;
use super::types::{Conversion, conversion, is_builtin};
use super::values;
use crate::catalog::Column;
use crate::change::{TableChange, Target};
use crate::dialect::LowerError;
use crate::text::QName;

/// What fills a new column. By assignment a text that is too long is refused; a cast would cut it.
pub(super) fn fill(fill: &str, table: &QName, column: &Column, context: &Context<'_>) -> String {
    let casts = |from: &&str| conversion(from, &column.data_type) != Conversion::Assignment;
    let moved = Target::column(table, &column.name);
    match context.diff.moved_from_type(&moved).filter(casts) {
        Some(from) => values::convert(&format!("({fill})"), from, &column.data_type, &[]),
        None => fill.to_owned(),
    }
}

/// Values that become rows of a new table are looked up there by equality, so both columns must be of types that compare.
///
/// # Errors
/// A column whose values go to one of a type that does not.
pub(super) fn refuse_other_type(
    change: &TableChange,
    column: &Column,
    context: &Context<'_>,
) -> Result<(), LowerError> {
    let giver = Target::column(&change.after.name, &column.name);
    let Some(said) = context.diff.intent.moves.get(&giver) else { return Ok(()) };
    let receiver = &said.receiver;
    let becomes_rows = context.diff.extracted(&receiver.table).iter().any(|(it, _)| **it == giver);
    let table = context.after().tables.get(&receiver.table).filter(|_| becomes_rows);
    let to = table.zip(receiver.column.as_ref()).and_then(|(table, name)| table.column(name));
    let compares = |other: &Column| {
        let (own, other) = (column.data_type.as_str(), other.data_type.as_str());
        let assigns = |from, to| conversion(from, to) == Conversion::Assignment;
        own == other
            || is_builtin(own) && is_builtin(other) && assigns(own, other) && assigns(other, own)
    };
    match to.filter(|to| !compares(to)) {
        None => Ok(()),
        Some(to) => Err(LowerError {
            what: format!("move of {giver}"),
            why: format!(
                "its values are {} and become rows of {receiver}, which is {}",
                column.data_type, to.data_type
            ),
            help: format!(
                "make the column {} in a version before, or let the new one be {}",
                to.data_type, column.data_type
            ),
        }),
    }
}
