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
    /// The table whose hidden column it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_in: Option<String>,
    /// `None` where this user may not read it.
    pub rows: Option<u64>,
    /// Whether `rows` is the server's estimate.
    pub estimated: bool,
    /// On disk, with indexes.
    pub bytes: u64,
}

impl Described {
    /// Its name, and where it is if that is not a table of its own.
    fn whole_name(&self) -> String {
        match &self.hidden_in {
            None => self.name.clone(),
            Some(table) => format!("{} (hidden in {table})", self.name),
        }
    }
}

/// Kept tables with the version that each belongs to.
pub fn described(tables: &[KeptTable], keepers: &[Keeper]) -> Vec<Described> {
    let describe = |table: &KeptTable| Described {
        name: table.name.clone(),
        version: keepers.iter().find(|it| it.keeps(&table.name)).map(|it| it.version.clone()),
        hidden_in: table.hidden_in.as_ref().map(ToString::to_string),
        rows: table.rows.map(Rows::number),
        estimated: matches!(table.rows, Some(Rows::Estimated(_))),
        bytes: table.bytes,
    };
    tables.iter().map(describe).collect()
}

/// All kept data of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AllKept {
    #[serde(flatten)]
    pub all: Amount,
    pub versions: Vec<KeptFor>,
}

/// What was kept for one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptFor {
    /// `None` where this project does not have it.
    pub version: Option<String>,
    #[serde(flatten)]
    pub amount: Amount,
    pub tables: Vec<Described>,
}

/// How much some kept tables hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// `None` where this user may not read one of them.
    pub rows: Option<u64>,
    /// Whether `rows` holds an estimate of the server.
    pub estimated: bool,
    pub bytes: u64,
}

impl Amount {
    fn of<'t>(tables: impl Iterator<Item = &'t Described> + Clone) -> Amount {
        Amount {
            rows: tables.clone().map(|table| table.rows).sum(),
            estimated: tables.clone().any(|table| table.estimated),
            bytes: tables.map(|table| table.bytes).sum(),
        }
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = bytes(self.bytes);
        match (self.rows, self.estimated) {
            (Some(rows), false) => write!(f, "{}, {size}", count(rows, "row")),
            (Some(rows), true) => write!(f, "about {}, {size}", count(rows, "row")),
            (None, _) => f.write_str(&size),
        }
    }
}

/// Kept tables by version, in the order in which these stand in the ledger.
pub fn by_version(tables: &[KeptTable], keepers: &[Keeper]) -> AllKept {
    let tables = described(tables, keepers);
    let known = keepers.iter().map(|keeper| Some(keeper.version.clone()));
    let versions = known.chain([None]).filter_map(|version| {
        let of_it: Vec<Described> =
            tables.iter().filter(|table| table.version == version).cloned().collect();
        let amount = Amount::of(of_it.iter());
        (!of_it.is_empty()).then_some(KeptFor { version, amount, tables: of_it })
    });
    AllKept { all: Amount::of(tables.iter()), versions: versions.collect() }
}

/// A line for each version.
pub fn version_lines(kept: &AllKept) -> String {
    let line = |of_one: &KeptFor| {
        let names: Vec<String> = of_one.tables.iter().map(Described::whole_name).collect();
        let version = of_one.version.as_deref().unwrap_or(ELSEWHERE);
        vec![format!("  {version}"), of_one.amount.to_string(), paint(FAINT, &names.join(", "))]
    };
    columns(&kept.versions.iter().map(line).collect::<Vec<_>>())
}

const ELSEWHERE: &str = "of another project";

/// `24 rows, 4.0 KiB`
pub fn rows_and_bytes(tables: &[Described]) -> String {
    Amount::of(tables.iter()).to_string()
}

/// A line for each table.
pub fn table_lines(tables: &[Described]) -> String {
    let line = |table: &Described| {
        let version = table.version.clone().unwrap_or_else(|| ELSEWHERE.to_owned());
        let size = rows_and_bytes(std::slice::from_ref(table));
        vec![format!("  {version}"), table.whole_name(), paint(FAINT, &size)]
    };
    columns(&tables.iter().map(line).collect::<Vec<_>>())
}
