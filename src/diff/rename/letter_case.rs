//! Names that differ in the case of their letters alone are one name to SQLite: such a table or column is renamed,
//! whether a hint says so or not. Source: sqlite.org/lang_keywords.html; `sqlite3StrICmp` folds ASCII only.

use std::collections::{BTreeMap, BTreeSet};

use super::virtual_tables;
use crate::catalog::{Catalog, Column};
use crate::change::Rename;
use crate::text::{Dialect, Ident, QName};

/// Tables and virtual tables whose name is written in another case.
pub(super) fn tables(before: &Catalog, after: &Catalog) -> Vec<Rename> {
    if after.dialect != Dialect::Sqlite {
        return Vec::new();
    }
    let pairs = |old: BTreeSet<&QName>, new: BTreeSet<&QName>| -> Vec<Rename> {
        let folded = |name: &QName| name.name.as_str().to_ascii_lowercase();
        let mut gone: BTreeMap<String, &QName> = BTreeMap::new();
        for name in old.difference(&new) {
            gone.entry(folded(name)).or_insert(name);
        }
        new.difference(&old)
            .filter_map(|name| {
                let before = gone.get(&folded(name))?;
                Some(Rename::Table { before: (*before).clone(), after: (*name).clone() })
            })
            .collect()
    };
    let mut renames = pairs(before.tables.keys().collect(), after.tables.keys().collect());
    renames.extend(pairs(virtual_tables(before).collect(), virtual_tables(after).collect()));
    renames
}

/// Hints for columns in the spelling of the schemas.
pub(super) fn spelled(hints: Vec<Rename>, before: &Catalog, after: &Catalog) -> Vec<Rename> {
    if after.dialect != Dialect::Sqlite {
        return hints;
    }
    let own = |catalog: &Catalog, table: &QName, column: &Ident| {
        let columns = catalog.tables.get(table).into_iter().flat_map(|table| &table.columns);
        let found = columns.map(|own| &own.name).find(|own| same(own, column));
        found.unwrap_or(column).clone()
    };
    let spell = |hint| match hint {
        Rename::Column { table, before: old, after: new } => {
            let found = after.tables.keys().find(|name| same(&name.name, &table.name));
            let table = found.cloned().unwrap_or(table);
            let (before, after) = (own(before, &table, &old), own(after, &table, &new));
            Rename::Column { table, before, after }
        }
        other @ (Rename::Table { .. }
        | Rename::Enum { .. }
        | Rename::EnumValue { .. }
        | Rename::Constraint { .. }
        | Rename::Index { .. }) => other,
    };
    hints.into_iter().map(spell).collect()
}

/// Columns whose name is written in another case, of tables that have one name by now.
pub(super) fn columns(before: &Catalog, after: &Catalog) -> Vec<Rename> {
    if after.dialect != Dialect::Sqlite {
        return Vec::new();
    }
    let of = |name: &QName| Some((before.tables.get(name)?, after.tables.get(name)?));
    let mut renames = Vec::new();
    for (old, new) in after.tables.keys().filter_map(of) {
        let respelled = |column: &&Column| {
            // `ALTER TABLE` renames no column that is called like the rowid.
            let rowid = ["rowid", "oid", "_rowid_"];
            old.column(&column.name).is_none()
                && !rowid.iter().any(|name| column.name.as_str().eq_ignore_ascii_case(name))
        };
        for column in new.columns.iter().filter(respelled) {
            let found = old.columns.iter().find(|other| same(&other.name, &column.name));
            renames.extend(found.map(|found| Rename::Column {
                table: new.name.clone(),
                before: found.name.clone(),
                after: column.name.clone(),
            }));
        }
    }
    renames
}

fn same(left: &Ident, right: &Ident) -> bool {
    left.as_str().eq_ignore_ascii_case(right.as_str())
}
