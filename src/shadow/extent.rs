//! What a copy holds of its source. Evidence carries it, so that nobody reads a sample as the whole.

use serde::{Deserialize, Serialize};

use crate::text::{Ident, QName};

/// What a copy holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    pub provider: Provider,
    /// Why this provider.
    pub reason: String,
    /// The seed of its samples.
    #[serde(default)]
    pub seed: u64,
    /// Every table of the source, by name.
    pub tables: Vec<TableExtent>,
    /// What the copy lacks beside rows: owners, rights, extensions, collations.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub absent: Vec<String>,
}

impl Extent {
    /// Whether every row of every table is in it, as it is in the source.
    pub fn is_whole(&self) -> bool {
        self.tables.iter().all(|table| table.share == Share::Whole && table.masked.is_empty())
    }

    /// All rows copied.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    pub fn table(&self, name: &QName) -> Option<&TableExtent> {
        self.tables.iter().find(|table| table.table == *name)
    }
}

/// Who provided a shadow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    Url,
    #[default]
    Local,
    Server,
    Template,
    Transaction,
    File,
}

impl Provider {
    /// The word of `--shadow`.
    pub fn word(self) -> &'static str {
        match self {
            Provider::Url => "url",
            Provider::Local => "local",
            Provider::Server => "server",
            Provider::Template => "template",
            Provider::Transaction => "transaction",
            Provider::File => "file",
        }
    }
}

/// What a copy holds of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableExtent {
    pub table: QName,
    /// Rows in the copy.
    pub rows: u64,
    pub of: RowCount,
    pub share: Share,
    /// Columns whose values were replaced.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub masked: Vec<Ident>,
}

/// How many rows the source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowCount {
    Exactly(u64),
    /// As the engine's statistics have it.
    About(u64),
}

impl RowCount {
    pub fn number(self) -> u64 {
        match self {
            RowCount::Exactly(rows) | RowCount::About(rows) => rows,
        }
    }
}

/// Which rows of a table were copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    Whole,
    /// A sample, with the extremes of every column and the rows that break a rule.
    Sample,
    /// Only those that copied rows refer to.
    Referenced,
    /// None: the plan does not touch it.
    LeftOut,
}
