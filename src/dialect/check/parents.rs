//! The rows that a foreign key may point at, where the same change gives them other keys.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::{Names, pending_value};
use super::{is_altered, quote};
use crate::change::{Diff, Rename, SourceOrigin, TableChange, table_before};
use crate::dialect::Direction;
use crate::dialect::keep::kept_name;
use crate::text::{Dialect, Ident, QName};

/// Tables whose rows get other values.
#[derive(Default)]
pub(super) struct Converted {
    changes: BTreeMap<QName, TableChange>,
    /// Columns to which kept values come back.
    kept: BTreeSet<(QName, Ident)>,
}

/// Where the keys are that rows point at.
pub(super) enum Keys {
    /// In the table, as they will be.
    Standing,
    /// In this FROM item.
    Pending(String),
    /// Only running the change tells.
    Untold,
}

impl Converted {
    pub(super) fn of(diff: &Diff, tag: &str, kept: &BTreeSet<String>) -> Self {
        let dialect = diff.after.dialect;
        let mut converted = Converted::default();
        for (table, change) in diff.table_changes() {
            let is_converted = |column: &Ident| is_altered(column, &change.mapping);
            let columns = change.after.columns.iter().map(|column| &column.name);
            let altered: Vec<&Ident> = columns.filter(|name| is_converted(name)).collect();
            if altered.is_empty() {
                continue;
            }
            let before = table_before(diff.renames(), table);
            for column in altered {
                let name = column_before(diff, table, column);
                if kept.contains(&kept_name(tag, Direction::Up, before, Some(name), dialect)) {
                    converted.kept.insert((table.clone(), column.clone()));
                }
            }
            converted.changes.insert(table.clone(), change.clone());
        }
        converted
    }

    /// Where the keys of a table are once the change is done.
    pub(super) fn keys(
        &self,
        table: &QName,
        columns: &[Ident],
        names: &Names,
        dialect: Dialect,
    ) -> Keys {
        let Some(change) = self.changes.get(table) else { return Keys::Standing };
        if !columns.iter().any(|column| is_altered(column, &change.mapping)) {
            return Keys::Standing;
        }
        if columns.iter().any(|column| self.kept.contains(&(table.clone(), column.clone()))) {
            return Keys::Untold;
        }
        let value = |name: &Ident| {
            let source = change.mapping.iter().find(|source| source.column == *name)?;
            let column = change.after.column(name)?;
            let is_there = source.origin != SourceOrigin::New;
            let text = pending_value(&names.localized(source), column, change, dialect);
            text.filter(|_| is_there).map(|text| format!("{text} AS {}", quote(name)))
        };
        match columns.iter().map(value).collect::<Option<Vec<_>>>() {
            Some(list) => Keys::Pending(format!(
                "(SELECT {} FROM {} AS \"t\")",
                list.join(", "),
                names.table(table)
            )),
            None => Keys::Untold,
        }
    }
}

fn column_before<'d>(diff: &'d Diff, table: &QName, column: &'d Ident) -> &'d Ident {
    let found = diff.renames().find_map(|rename| match rename {
        Rename::Column { table: own, before, after } if own == table && after == column => {
            Some(before)
        }
        Rename::Column { .. }
        | Rename::Table { .. }
        | Rename::Enum { .. }
        | Rename::EnumValue { .. }
        | Rename::Constraint { .. }
        | Rename::Index { .. } => None,
    });
    found.unwrap_or(column)
}
