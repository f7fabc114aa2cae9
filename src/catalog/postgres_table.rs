//! What only PostgreSQL knows about a table: its place among partitions and heirs, and its settings.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::text::{Ident, QName};

/// The PostgreSQL side of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PostgresTable {
    pub unlogged: bool,
    /// `RANGE (at)`, as `pg_get_partkeydef` prints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition_by: Option<String>,
    /// The table it is a partition of, or the tables it inherits from, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<QName>,
    /// `FOR VALUES …` or `DEFAULT`, for a partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<String>,
    /// The composite type of a typed table, as the engine prints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of_type: Option<String>,
    /// Columns that come from a parent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inherited_columns: BTreeMap<Ident, Origin>,
    /// Constraints and indexes that belong to one of a parent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inherited: BTreeMap<Ident, Inherited>,
    /// Keys of a partitioned table that not every partition has.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub incomplete: BTreeSet<Ident>,
    /// The NOT NULL constraints behind required columns, by column (PostgreSQL 18).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub not_nulls: BTreeMap<Ident, NotNull>,
    /// What differs from the engine's defaults; sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<Setting>,
}

impl PostgresTable {
    pub fn is_partition(&self) -> bool {
        self.bound.is_some()
    }

    pub fn is_partition_of(&self, parent: &QName) -> bool {
        self.is_partition() && self.parents.contains(parent)
    }
}

/// Whether something of a child is also its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Inherited,
    /// Declared in the child too: it stays when the parent loses it.
    Both,
}

/// A NOT NULL constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotNull {
    pub name: Ident,
    pub no_inherit: bool,
    pub not_valid: bool,
    /// Where a parent has it too.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub origin: Option<Origin>,
    /// Whether the engine might choose another name, for something else has this one: it must be written out. Said by a
    /// comparison, not by a schema.
    #[serde(skip)]
    pub spelled: bool,
}

impl NotNull {
    /// Whether it is no more than plain NOT NULL makes on a new table.
    pub fn is_plain(&self, table: &Ident, column: &Ident) -> bool {
        self.name == NotNull::default_name(table, column) && !self.no_inherit && !self.not_valid
    }

    /// The name that the engine gives if none is given and nothing else has it.
    /// Source: `makeObjectName` in `indexcmds.c`.
    pub fn default_name(table: &Ident, column: &Ident) -> Ident {
        // NAMEDATALEN, its final zero, `_not_null` and the `_` between.
        const ROOM: usize = 64 - 1 - 9 - 1;
        let (table, column) = (table.as_str(), column.as_str());
        let (mut first, mut second) = (table.len(), column.len());
        while first + second > ROOM {
            if first > second { first -= 1 } else { second -= 1 }
        }
        let clip = |text: &str, mut length: usize| {
            while !text.is_char_boundary(length) {
                length -= 1;
            }
            text[..length].to_owned()
        };
        Ident::new(format!("{}_{}_not_null", clip(table, first), clip(column, second)))
    }
}

/// The constraint or index of the parent that one of a child belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited {
    pub parent: Ident,
    pub origin: Origin,
}

/// A setting of a table, of one of its columns, or of the index of a constraint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Setting {
    pub on: SettingTarget,
    pub kind: SettingKind,
    pub value: String,
    /// The value that is the engine's default, where the engine has no word for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub default: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingTarget {
    Table,
    Column(Ident),
    Index(Ident),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingKind {
    /// A storage parameter, or an option of a column.
    Parameter(String),
    /// `FULL` or `NOTHING`; on an index: that index.
    ReplicaIdentity,
    /// The index that `CLUSTER` uses.
    Cluster,
    /// Where the rows are, unless it is the database's own.
    Tablespace,
    /// What stores the rows, unless it is `heap`.
    AccessMethod,
    Storage,
    Compression,
    /// The statistics target; of an index, by column number.
    Statistics(Option<u32>),
}
