//! Kept data as people read it: which tables, for which version, how many rows, how much disk.

use serde::Serialize;

use super::style::{FAINT, bytes, columns, count, paint};
use crate::apply::kept::{Keeper, KeptTable, Rows};

/// A kept table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Described {
    pub name: String,
    /// The version or plan that kept it; `None` where this project does not have it.
    pub version: Option<String>,
    /// `None` where this user may not read it.
    pub rows: Option<u64>,
    /// Whether `rows` is the server's estimate.
    pub estimated: bool,
    /// On disk, with indexes.
    pub bytes: u64,
}

/// Kept tables with the version that each belongs to.
pub fn described(tables: &[KeptTable], keepers: &[Keeper]) -> Vec<Described> {
    let describe = |table: &KeptTable| Described {
        name: table.name.clone(),
        version: keepers.iter().find(|it| it.keeps(&table.name)).map(|it| it.version.clone()),
        rows: table.rows.map(Rows::number),
        estimated: matches!(table.rows, Some(Rows::Estimated(_))),
        bytes: table.bytes,
    };
    tables.iter().map(describe).collect()
}

/// `24 rows, 4.0 KiB`
pub fn rows_and_bytes(tables: &[Described]) -> String {
    let all: Option<u64> = tables.iter().map(|table| table.rows).sum();
    let estimated = tables.iter().any(|table| table.estimated);
    let size = bytes(tables.iter().map(|table| table.bytes).sum());
    match (all, estimated) {
        (Some(rows), false) => format!("{}, {size}", count(rows, "row")),
        (Some(rows), true) => format!("about {}, {size}", count(rows, "row")),
        (None, _) => size,
    }
}

/// A line for each table.
pub fn table_lines(tables: &[Described]) -> String {
    let line = |table: &Described| {
        let version = table.version.clone().unwrap_or_else(|| "of another project".to_owned());
        let size = rows_and_bytes(std::slice::from_ref(table));
        vec![format!("  {version}"), table.name.clone(), paint(FAINT, &size)]
    };
    columns(&tables.iter().map(line).collect::<Vec<_>>())
}
