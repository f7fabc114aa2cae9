//! Values that SQLite would refuse to store: in a column of a STRICT table, and in an `INTEGER PRIMARY KEY`, which is the
//! row's number. Everywhere else it stores any value. Source: sqlite.org/stricttables.html, sqlite.org/lang_createtable.html
//! section 5.

use super::Check;
use super::kept::Others;
use super::query::{Misfit, guard};
use super::rows::{Names, Rows, value};
use crate::catalog::{Column, ConstraintKind, Table, TableOptions};
use crate::change::{ColumnSource, SourceOrigin, TableChange};
use crate::dialect::sqlite::Affinity;
use crate::text::Dialect;

/// What a column takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Any value.
    All,
    /// NULL and values of one storage class, after the affinity of the column.
    Class(&'static str),
    /// An integer, and not NULL: for that the engine would make one up.
    RowNumber,
}

fn takes(table: &Table, column: &Column) -> Takes {
    let TableOptions::Sqlite { strict, without_rowid, .. } = &table.options else {
        return Takes::All;
    };
    let data_type = column.data_type.to_ascii_uppercase();
    let is_sole_key = table.constraints.iter().any(|constraint| {
        matches!(&constraint.kind, ConstraintKind::PrimaryKey { columns } if *columns == [column.name.clone()])
    });
    if is_sole_key && !without_rowid && data_type == "INTEGER" {
        return Takes::RowNumber;
    }
    match (strict, data_type.as_str()) {
        (true, "INT" | "INTEGER") => Takes::Class("integer"),
        (true, "REAL") => Takes::Class("real"),
        (true, "TEXT") => Takes::Class("text"),
        (true, "BLOB") => Takes::Class("blob"),
        _ => Takes::All,
    }
}

/// The condition under which a value is refused.
fn refused(takes: Takes, value: &str, column: &Column) -> Option<String> {
    let stored = Affinity::of_strict(&column.data_type).stored(value);
    match takes {
        Takes::All => None,
        Takes::RowNumber => Some(format!("typeof({stored}) <> 'integer'")),
        // What is stored as text is made text by a cast, which takes blobs too; a STRICT column does not.
        Takes::Class("text") => Some(format!("typeof({value}) = 'blob'")),
        Takes::Class(class) => Some(format!("typeof({stored}) NOT IN ('{class}', 'null')")),
    }
}

/// A check for each column that takes less than it did.
pub(super) fn storable(change: &TableChange, rows: &Rows, names: &Names) -> Vec<Check> {
    if rows.dialect != Dialect::Sqlite {
        return Vec::new();
    }
    let columns = change.mapping.iter().zip(&change.after.columns);
    let tighter = columns.filter(|(source, column)| {
        let was = change.before.column(&source.column).map(|old| takes(&change.before, old));
        column.generated.is_none()
            && (is_changed(source) || was != Some(takes(&change.after, column)))
    });
    tighter.filter_map(|(source, column)| check(change, source, column, names)).collect()
}

fn is_changed(source: &ColumnSource) -> bool {
    source.origin != SourceOrigin::Same || source.is_converted_as_said() || source.fill.is_some()
}

fn check(
    change: &TableChange,
    source: &ColumnSource,
    column: &Column,
    names: &Names,
) -> Option<Check> {
    let takes = takes(&change.after, column);
    if takes == Takes::RowNumber && source.origin == SourceOrigin::New && source.fill.is_none() {
        return None; // the engine numbers the rows
    }
    let value = value(&names.localized(source), column, Dialect::Sqlite)?;
    let bad = refused(takes, &value, column)?;
    let becomes = column.data_type.as_str();
    let message = format!("every value must be storable as {becomes}");
    Some(guard(
        change,
        names,
        &Misfit { column: &column.name, becomes, message, value, bad },
        &Others::none(),
    ))
}
