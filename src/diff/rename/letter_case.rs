//! Names that differ in the case of their letters alone are one name to SQLite: such a table or column is renamed,
//! whether a hint says so or not. Source: sqlite.org/lang_keywords.html; `sqlite3StrICmp` folds ASCII only.

use super::virtual_tables;
use crate::catalog::Catalog;
use crate::change::Rename;
use crate::text::{Dialect, Ident, QName};

/// Tables and virtual tables whose name is written in another case.
pub(super) fn tables(before: &Catalog, after: &Catalog) -> Vec<Rename> {
    if after.dialect != Dialect::Sqlite {
        return Vec::new();
    }
    let pairs = |old: Vec<&QName>, new: Vec<&QName>| -> Vec<Rename> {
        let gone: Vec<&QName> = old.iter().filter(|name| !new.contains(name)).copied().collect();
        new.iter()
            .filter(|name| !old.contains(name))
            .filter_map(|name| {
                let before = gone.iter().find(|old| same(&old.name, &name.name))?;
                Some(Rename::Table { before: (*before).clone(), after: (*name).clone() })
            })
            .collect()
    };
    let mut renames = pairs(before.tables.keys().collect(), after.tables.keys().collect());
    renames.extend(pairs(virtual_tables(before).collect(), virtual_tables(after).collect()));
    renames
}

/// Columns whose name is written in another case, of tables that have one name by now.
pub(super) fn columns(before: &Catalog, after: &Catalog) -> Vec<Rename> {
    if after.dialect != Dialect::Sqlite {
        return Vec::new();
    }
    let of = |name: &QName| Some((before.tables.get(name)?, after.tables.get(name)?));
    let mut renames = Vec::new();
    for (old, new) in after.tables.keys().filter_map(of) {
        for column in new.columns.iter().filter(|column| old.column(&column.name).is_none()) {
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
