//! What differs between two catalogs, with both sides kept, so that the inverse is a swap and always exists.

pub mod access;
pub mod describe;
mod hidden;
pub mod machines;
mod moves;
mod steady;
pub mod using;

pub use hidden::{Hidden, KeepAs, Sight};
pub use moves::{Extracted, Extraction, Gathered, MoveIntent, Moved, Per, Pick};
pub use steady::{is_constant, is_steady};
use using::Using;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::facets::Facets;
use crate::catalog::{Catalog, Column, Constraint, EnumType, Index, Opaque, Table};
use crate::text::{Dialect, Ident, QName};

/// One thing added, dropped, or changed from `before` to `after`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delta<T> {
    Add(T),
    Drop(T),
    Alter { before: T, after: T },
}

impl<T> Delta<T> {
    /// The way back.
    pub fn inverse(self) -> Self {
        match self {
            Delta::Add(after) => Delta::Drop(after),
            Delta::Drop(before) => Delta::Add(before),
            Delta::Alter { before, after } => Delta::Alter { before: after, after: before },
        }
    }

    pub fn before(&self) -> Option<&T> {
        match self {
            Delta::Add(_) => None,
            Delta::Drop(before) | Delta::Alter { before, .. } => Some(before),
        }
    }

    pub fn after(&self) -> Option<&T> {
        match self {
            Delta::Drop(_) => None,
            Delta::Add(after) | Delta::Alter { after, .. } => Some(after),
        }
    }
}

/// An object that stays and changes its name. Renames run first; all else is told in the new names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rename {
    Table {
        before: QName,
        after: QName,
    },
    /// `table` is the table's name after its own rename.
    Column {
        table: QName,
        before: Ident,
        after: Ident,
    },
    Enum {
        before: QName,
        after: QName,
    },
    EnumValue {
        name: QName,
        before: String,
        after: String,
    },
    /// A named constraint or an index whose definition stays (PostgreSQL only).
    Constraint {
        table: QName,
        before: Ident,
        after: Ident,
    },
    Index {
        table: QName,
        before: Ident,
        after: Ident,
    },
}

/// The differences of one table that exists on both sides (under the same name, after renames).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableChange {
    pub before: Table,
    pub after: Table,
    pub columns: Vec<Delta<Column>>,
    pub constraints: Vec<Delta<Constraint>>,
    pub indexes: Vec<Delta<Index>>,
    /// Where the value of each column of `after` comes from, in `after`'s column order.
    pub mapping: Vec<ColumnSource>,
    /// Columns that go and that the way back can compute.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub leaving: Vec<Leaving>,
}

/// A column that goes, and what the way back computes for it where nothing better is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    pub column: Ident,
    /// Expression over the row as it is once this way is done (`"t"."column"`).
    pub computed: String,
}

impl ColumnSource {
    /// What is computed for rows of which nothing is kept, where it would be the same at any time.
    pub fn computed(&self, dialect: Dialect) -> Option<&str> {
        let fill = self.fill.as_deref().filter(|_| self.origin == SourceOrigin::New);
        fill.filter(|fill| is_steady(fill, dialect))
    }

    /// What the user's conversion makes of a value of the column, where there is one.
    pub fn using_over(&self, value: &str, dialect: Dialect) -> Option<String> {
        let text = self.using.as_ref()?.there.as_ref()?;
        Some(using::over(text, &self.column, value, dialect))
    }

    /// What the user's conversion of the way back makes of a value that this way has made.
    pub fn using_back_over(&self, value: &str, dialect: Dialect) -> Option<String> {
        let text = self.using.as_ref()?.back.as_ref()?;
        Some(using::over(text, &self.column, value, dialect))
    }

    /// Whether old values are mapped or converted as the user says, and not just carried over or cast.
    pub fn is_converted_as_said(&self) -> bool {
        !self.values.is_empty() || self.using.as_ref().is_some_and(|it| it.there.is_some())
    }
}

/// How one column of the new shape gets its values from rows of the old shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSource {
    pub column: Ident,
    pub origin: SourceOrigin,
    /// Old text value → new text value; values not named stay.
    pub values: Vec<(String, String)>,
    /// What converts the values where the type or a limit changes, in place of a cast.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub using: Option<Using>,
    /// Expression over the row (new names, written `"t"."column"`) for rows whose value would be NULL; on a new
    /// column it comes before the default.
    pub fill: Option<String>,
    /// Condition over the row under which `fill` must not decide: the rows that it reads do not agree.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contested: Option<String>,
    /// What the way back would lose, and so has to be kept.
    pub keep: Keep,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceOrigin {
    /// The column of that name, as it is.
    Same,
    /// The column of that name, converted.
    Cast { before: String, after: String },
    /// No old column: `fill` where there is one, else the default of the new column, else NULL.
    New,
    /// A generated column computes itself.
    Computed,
}

/// Which values must be set aside when a column goes from `before` to `after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The inverse computes every value.
    Nothing,
    /// Rows whose value the change alters: the old and the new value, by primary key.
    Altered,
}

/// One difference between two catalogs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Rename(Rename),
    Schema(Delta<Ident>),
    Enum(Delta<EnumType>),
    /// A whole table added or dropped (`Alter` never occurs: that is `AlterTable`).
    Table(Delta<Table>),
    AlterTable(Box<TableChange>),
    Opaque(Delta<Opaque>),
    /// Comment, owner, rights or switches of an object that is on both sides.
    Facets(Delta<Facets>),
}

/// Two catalogs and all that differs. The inverse is the same comparison with the sides swapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    pub before: Arc<Catalog>,
    pub after: Arc<Catalog>,
    /// Renames first, then the rest in catalog order. What order they run in is the planner's business.
    pub changes: Vec<Change>,
    /// Kept data of dropped columns and tables that the user said need not be kept, under old and new names.
    pub discard: BTreeSet<Target>,
    /// As the user said it, whichever way this difference goes.
    pub intent: Intent,
    pub way: Way,
}

/// Whether a difference goes the way its intent was written for, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Forth,
    Back,
}

/// What a table is called before some renames.
pub fn table_before<'r>(
    renames: impl IntoIterator<Item = &'r Rename>,
    table: &'r QName,
) -> &'r QName {
    let mut pairs = renames.into_iter().filter_map(Rename::of_table);
    pairs.find(|(_, after)| *after == table).map_or(table, |(before, _)| before)
}

impl Rename {
    /// The names of a table, before and after.
    pub fn of_table(&self) -> Option<(&QName, &QName)> {
        match self {
            Rename::Table { before, after } => Some((before, after)),
            Rename::Column { .. }
            | Rename::Enum { .. }
            | Rename::EnumValue { .. }
            | Rename::Constraint { .. }
            | Rename::Index { .. } => None,
        }
    }

    /// The way back.
    pub fn inverse(self) -> Self {
        match self {
            Rename::Table { before, after } => Rename::Table { before: after, after: before },
            Rename::Column { table, before, after } => {
                Rename::Column { table, before: after, after: before }
            }
            Rename::Enum { before, after } => Rename::Enum { before: after, after: before },
            Rename::EnumValue { name, before, after } => {
                Rename::EnumValue { name, before: after, after: before }
            }
            Rename::Constraint { table, before, after } => {
                Rename::Constraint { table, before: after, after: before }
            }
            Rename::Index { table, before, after } => {
                Rename::Index { table, before: after, after: before }
            }
        }
    }
}

impl TableChange {
    /// What the way back computes for a column that goes.
    pub fn computed_back(&self, column: &Ident) -> Option<&str> {
        let leaving = self.leaving.iter().find(|leaving| leaving.column == *column);
        leaving.map(|leaving| leaving.computed.as_str())
    }

    /// A change of nothing: rows go from one shape to the other as they are. Both have the same columns.
    pub(crate) fn unchanged(before: &Table, after: &Table) -> Self {
        let mapping = after.columns.iter().map(|column| ColumnSource {
            column: column.name.clone(),
            origin: match column.generated {
                Some(_) => SourceOrigin::Computed,
                None => SourceOrigin::Same,
            },
            values: Vec::new(),
            using: None,
            fill: None,
            contested: None,
            keep: Keep::Nothing,
        });
        TableChange {
            before: before.clone(),
            after: after.clone(),
            columns: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            mapping: mapping.collect(),
            leaving: Vec::new(),
        }
    }
}

impl Diff {
    /// The tables that change, by their new names.
    pub fn table_changes(&self) -> BTreeMap<&QName, &TableChange> {
        let changes = self.changes.iter().filter_map(|change| match change {
            Change::AlterTable(change) => Some((&change.after.name, change.as_ref())),
            Change::Rename(_)
            | Change::Schema(_)
            | Change::Facets(_)
            | Change::Enum(_)
            | Change::Table(_)
            | Change::Opaque(_) => None,
        });
        changes.collect()
    }

    /// The renames, in the order in which they run.
    pub fn renames(&self) -> impl Iterator<Item = &Rename> {
        self.changes.iter().filter_map(|change| match change {
            Change::Rename(rename) => Some(rename),
            Change::Schema(_)
            | Change::Facets(_)
            | Change::Enum(_)
            | Change::Table(_)
            | Change::AlterTable(_)
            | Change::Opaque(_) => None,
        })
    }
}

/// A table, or a column of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Target {
    pub table: QName,
    pub column: Option<Ident>,
}

impl Target {
    pub fn table(table: &QName) -> Self {
        Target { table: table.clone(), column: None }
    }

    pub fn column(table: &QName, column: &Ident) -> Self {
        Target { table: table.clone(), column: Some(column.clone()) }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.table)?;
        self.column.iter().try_for_each(|column| write!(f, ".{column}"))
    }
}

/// JSON keys must be text: `schema/table/column`.
impl From<Target> for String {
    fn from(target: Target) -> String {
        let column = target.column.map(|column| format!("/{column}")).unwrap_or_default();
        format!("{}/{}{column}", target.table.schema, target.table.name)
    }
}

impl TryFrom<String> for Target {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut parts = text.splitn(3, '/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(schema), Some(name), column) => {
                Ok(Target { table: QName::new(schema, name), column: column.map(Ident::new) })
            }
            _ => Err(format!("`{text}` is not schema/table or schema/table/column")),
        }
    }
}

/// What the user said about the way from one schema to the next, in the names of the new one.
/// Hints that do not apply to a pair of catalogs are ignored, so that they may stay in the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// `was:` lines and `--rename` answers.
    pub renames: Vec<Rename>,
    /// By the new names; by the old name for a dropped column that has only a `down`.
    pub columns: BTreeMap<Target, ColumnIntent>,
    /// Tables and columns (old names) whose drop is written down (`changes: - drop:`).
    pub drops: BTreeSet<Target>,
    /// Columns whose values go to another table, as the user said it; [`Intent::moves`] once both schemas are known.
    pub moved: Vec<Moved>,
    pub moves: Vec<MoveIntent>,
    /// Drops that say `keep: none`.
    pub discard: BTreeSet<Target>,
    /// Drops that say `keep: copy` or `keep: hide`.
    pub keep_as: BTreeMap<Target, KeepAs>,
    /// Columns that a plan hides, by their table and their name meanwhile. Said by the planner.
    pub hidden: BTreeMap<(QName, Ident), Hidden>,
    /// Columns that a plan copies, and what there is to say of that choice. Said by the planner.
    pub copied: BTreeMap<Target, String>,
    pub drop_policy: DropPolicy,
    /// What the user calls tables and columns where that is not their physical name (`Customer.company`).
    pub names: BTreeMap<Target, String>,
}

impl Intent {
    /// All of it that decides what a plan does, as text that changes only when that does.
    pub fn text(&self) -> String {
        serde_json::to_string(&(&self.renames, &self.columns, &self.drops, &self.discard))
            .expect("an intent is plain data")
    }

    /// What the user calls a table or column.
    pub fn name_of(&self, target: &Target) -> String {
        self.names.get(target).cloned().unwrap_or_else(|| target.to_string())
    }
}

/// What the user said about one column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ColumnIntent {
    /// SQL expression over the row for rows that exist already.
    pub backfill: Option<String>,
    /// SQL expression over the new row that gives the old column its value on rollback.
    pub down: Option<String>,
    /// Old value → new value (states and enum values that were renamed or merged).
    pub values: Vec<(String, String)>,
    /// SQL expression over the old value of the column that gives the new one, where the type changes; `down` is then its inverse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub using: Option<String>,
    #[serde(skip_serializing_if = "Contested::is_empty")]
    pub contested: Contested,
    /// Of a reference over which values move: where it leads should it be new, in place of `backfill`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leads_to: Option<String>,
}

impl ColumnIntent {
    /// What fills the column where it is new.
    pub fn of_new(&self) -> Option<&String> {
        self.leads_to.as_ref().or(self.backfill.as_ref())
    }
}

/// Conditions over a row under which the rows that say its value do not agree on it: of `backfill`, and of `down`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Contested {
    pub forth: Option<String>,
    pub back: Option<String>,
}

impl Contested {
    fn is_empty(&self) -> bool {
        *self == Contested::default()
    }
}

/// Whether a drop needs a written line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DropPolicy {
    /// SQL sources have no place for it; the data is kept in any case.
    #[default]
    Free,
    /// Models must say `changes: - drop: …`.
    Acknowledged,
}

/// Something only the user can decide; a plan with open questions is refused (exit 7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Stable: `rename:invoices.number`, `value:invoices.status`, `drop:users.fax`.
    pub id: String,
    pub kind: QuestionKind,
    pub message: String,
    /// The exact line to add, or flag to pass, for each possible answer.
    pub answers: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// A drop and an add look like one rename.
    Rename,
    /// A required column has no value for rows that exist.
    Value,
    /// A value leaves a value set and nobody said what becomes of the rows that hold it.
    ValueMap,
    /// A drop is not written down.
    Drop,
    /// Data would be lost for good.
    Loss,
}

impl QuestionKind {
    /// The word that `--allow` takes to go on without an answer.
    pub fn allow(self) -> &'static str {
        match self {
            QuestionKind::Rename | QuestionKind::Value | QuestionKind::ValueMap => "ambiguous",
            QuestionKind::Drop | QuestionKind::Loss => "loss",
        }
    }
}
