//! Rows of SQLite tables without a key that have the number of a row whose values are kept: whether they are that row, changed
//! since, or another that got its number, nobody can tell.

use std::cell::OnceCell;

use super::Check;
use super::kept::{KeptRows, Others, kept_table};
use super::query::{Misfit, guard};
use super::quote;
use super::rows::Names;
use crate::change::{Keep, SourceOrigin};
use crate::dialect::Direction;
use crate::dialect::sqlite::{Scope, TakenNames, may_be_another};
use crate::text::Dialect;

/// A check for each column that would lose kept values so. `taken` are the names of the schema, once they were asked for: not
/// anew for each table that changes.
pub(super) fn mistakable(
    kept: &KeptRows<'_>,
    names: &Names,
    taken: &OnceCell<TakenNames>,
) -> Vec<Check> {
    let change = kept.change;
    if kept.rows.dialect != Dialect::Sqlite {
        return Vec::new();
    }
    let returning = change.mapping.iter().filter(|source| {
        // A column that is computed gets what is computed.
        let is_said_by_the_row = match source.origin {
            SourceOrigin::New => source.computed(Dialect::Sqlite).is_some(),
            SourceOrigin::Same | SourceOrigin::Cast { .. } => source.keep != Keep::Altered,
            SourceOrigin::Computed => true,
        };
        !is_said_by_the_row && kept.kept.contains(&kept.name(&source.column))
    });
    let asked = returning.filter_map(|source| {
        let taken = taken.get_or_init(|| TakenNames::of(&kept.diff.after));
        let scope = Scope { diff: kept.diff, direction: Direction::Down, tag: kept.tag, taken };
        let table = kept_table(&kept.name(&source.column), Dialect::Sqlite);
        let column = &source.column;
        let altered = (source.origin != SourceOrigin::New).then_some(column);
        let bad = may_be_another([&change.before, &change.after], &scope, &table, altered)?;
        let message = format!(
            "`{column}` is kept by row number, and this row has the number of one that held something else"
        );
        // The row is shown by all that it holds.
        let list = change.before.columns.iter();
        let value = list.map(|it| format!("\"t\".{}", quote(&it.name))).collect::<Vec<_>>();
        let misfit = Misfit { column, becomes: "it was", message, value: value.join(", "), bad };
        let columns = change.before.columns.iter().map(|it| it.name.to_string()).collect();
        Some(Check { values: columns, ..guard(change, names, &misfit, &Others::none()) })
    });
    asked.collect()
}
