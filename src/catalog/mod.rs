//! The physical schema of one database, in one shape for both engines.
//!
//! Structured where the planner reasons about a thing (tables, columns, constraints, indexes, enums); opaque text
//! with dependencies where it does not. Texts are as the engine prints them, so that equal means equal.

pub mod facets;
pub mod fingerprint;
mod kind;
pub mod machine;
pub mod postgres_table;
pub mod rename;
pub mod rule;
pub mod value_set;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::text::{Dialect, Ident, QName};
use facets::{Facets, Subject};
pub use kind::{Names, OpaqueKind};
use postgres_table::PostgresTable;

/// Everything in one database that `migrate` looks after. Bookkeeping (`migrate`, `migrate_kept`, `_migrate_*`)
/// and engine schemas are never in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    pub dialect: Dialect,
    /// The major version of the PostgreSQL server it was read from. What is the same on another server is the same.
    #[serde(skip)]
    pub server: Option<u32>,
    /// The role that read it from a PostgreSQL database that people use: what that role owns has no owner here. `None`
    /// for a scratch database, whose roles are nobody's.
    #[serde(skip)]
    pub reader: Option<Ident>,
    /// Schemas other than the default one (PostgreSQL only).
    pub schemas: BTreeSet<Ident>,
    #[serde(with = "values")]
    pub enums: BTreeMap<QName, EnumType>,
    #[serde(with = "values")]
    pub tables: BTreeMap<QName, Table>,
    #[serde(with = "values")]
    pub opaques: BTreeMap<ObjectId, Opaque>,
    /// Comments, owners and rights of any of them.
    #[serde(with = "values", skip_serializing_if = "BTreeMap::is_empty", default)]
    pub facets: BTreeMap<Subject, Facets>,
}

impl Catalog {
    pub fn empty(dialect: Dialect) -> Self {
        Catalog {
            dialect,
            server: None,
            reader: None,
            schemas: BTreeSet::new(),
            enums: BTreeMap::new(),
            tables: BTreeMap::new(),
            opaques: BTreeMap::new(),
            facets: BTreeMap::new(),
        }
    }

    /// Foreign keys of any table that point at `table`, with the tables that hold them.
    pub fn inbound_foreign_keys<'a>(
        &'a self,
        table: &'a QName,
    ) -> impl Iterator<Item = (&'a Table, &'a Constraint)> + 'a {
        self.tables.values().flat_map(move |holder| {
            holder.constraints.iter().filter_map(move |constraint| match &constraint.kind {
                ConstraintKind::ForeignKey(key) if key.references == *table => {
                    Some((holder, constraint))
                }
                _ => None,
            })
        })
    }
}

/// Whose printing the texts in a catalog are. Two catalogs can be compared only if it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Printed {
    /// Read back from an engine.
    #[serde(rename = "engine")]
    ByEngine,
    /// Made from a model by our own printer.
    #[serde(rename = "model")]
    ByModel,
}

/// A PostgreSQL enum type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnumType {
    pub name: QName,
    /// In sort order.
    pub values: Vec<String>,
    pub comment: Option<String>,
}

/// A base table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub name: QName,
    /// In physical order.
    pub columns: Vec<Column>,
    pub constraints: Vec<Constraint>,
    /// Indexes that no constraint owns.
    pub indexes: Vec<Index>,
    pub options: TableOptions,
    pub comment: Option<String>,
}

impl Table {
    pub fn column(&self, name: &Ident) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == *name)
    }

    /// Columns of the primary key, in key order; empty if there is none.
    pub fn primary_key(&self) -> &[Ident] {
        self.constraints
            .iter()
            .find_map(|constraint| match &constraint.kind {
                ConstraintKind::PrimaryKey { columns } => Some(columns.as_slice()),
                _ => None,
            })
            .unwrap_or(&[])
    }
}

impl TableOptions {
    /// A PostgreSQL table with nothing special to it.
    pub fn postgres() -> Self {
        TableOptions::Postgres(Box::default())
    }

    /// The PostgreSQL side, if it is a table of that engine.
    pub fn of_postgres(&self) -> Option<&PostgresTable> {
        match self {
            TableOptions::Postgres(options) => Some(options),
            TableOptions::Sqlite { .. } => None,
        }
    }
}

/// What only one engine knows about a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableOptions {
    Postgres(Box<PostgresTable>),
    Sqlite {
        strict: bool,
        without_rowid: bool,
        autoincrement: bool,
        /// What only the text says of columns: conflict clauses of NOT NULL, and names of constraints that are
        /// properties of a column here. In canonical layout, columns by their position.
        #[serde(default)]
        rest: Vec<String>,
        /// The text of `CREATE TABLE` as `sqlite_schema` holds it: what a rebuild creates the table from.
        create: String,
    },
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: Ident,
    /// As the engine prints it: `numeric(12,2)`, `NVARCHAR(160)`; empty for an untyped SQLite column.
    pub data_type: String,
    pub not_null: bool,
    /// Default expression as the engine prints it.
    pub default: Option<String>,
    pub generated: Option<Generated>,
    pub identity: Option<Identity>,
    /// A sequence owned by this column (`serial`).
    pub owned_sequence: Option<Sequence>,
    /// Only where it differs from the type's own collation.
    pub collation: Option<String>,
    pub comment: Option<String>,
}

impl Column {
    /// A nullable column of a type with nothing else to it.
    pub fn plain(name: impl Into<String>, data_type: impl Into<String>) -> Self {
        Column {
            name: Ident::new(name),
            data_type: data_type.into(),
            not_null: false,
            default: None,
            generated: None,
            identity: None,
            owned_sequence: None,
            collation: None,
            comment: None,
        }
    }
}

/// `GENERATED ALWAYS AS (…)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    pub expression: String,
    pub storage: GeneratedStorage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GeneratedStorage {
    Stored,
    Virtual,
}

/// `GENERATED { ALWAYS | BY DEFAULT } AS IDENTITY`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub kind: IdentityKind,
    pub sequence: Sequence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    Always,
    ByDefault,
}

/// A sequence's options; its position is data and not part of the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    pub name: QName,
    pub data_type: String,
    pub start: i64,
    pub increment: i64,
    pub min: i64,
    pub max: i64,
    pub cache: i64,
    pub cycle: bool,
    /// `None` where the engine knows no unlogged sequences (PostgreSQL 13 and 14) and in models.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unlogged: Option<bool>,
}

/// A constraint of a table. NOT NULL is a property of the column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// `None` only on SQLite, where constraints may be nameless.
    pub name: Option<Ident>,
    pub kind: ConstraintKind,
    /// What stands after `CONSTRAINT name`: PostgreSQL's `pg_get_constraintdef`, SQLite's own text.
    pub definition: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    PrimaryKey {
        columns: Vec<Ident>,
    },
    Unique {
        columns: Vec<Ident>,
    },
    /// The expression without the outer parentheses.
    Check {
        expression: String,
    },
    ForeignKey(ForeignKey),
    /// `EXCLUDE …`, carried as text.
    Exclusion,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    pub columns: Vec<Ident>,
    pub references: QName,
    /// Empty where SQLite's text names no columns: then the primary key is meant.
    pub referenced_columns: Vec<Ident>,
    pub on_delete: Action,
    pub on_update: Action,
}

/// Referential actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl Action {
    /// The SQL words, the same in both engines.
    pub fn words(self) -> &'static str {
        match self {
            Action::NoAction => "NO ACTION",
            Action::Restrict => "RESTRICT",
            Action::Cascade => "CASCADE",
            Action::SetNull => "SET NULL",
            Action::SetDefault => "SET DEFAULT",
        }
    }
}

/// An index that is not the index of a constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    pub name: Ident,
    pub unique: bool,
    /// Key columns in order; an expression key is its text as the engine prints it.
    pub keys: Vec<IndexKey>,
    /// The `WHERE` of a partial index.
    pub predicate: Option<String>,
    /// The whole `CREATE INDEX` statement as the engine prints it.
    pub definition: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexKey {
    Column(Ident),
    Expression(String),
}

/// What identifies an opaque object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId {
    pub kind: OpaqueKind,
    /// For a function: the name only; the argument types stand in `signature`. The schema is empty where the kind
    /// has none.
    pub name: QName,
    /// What else tells objects of one name apart: argument types as `pg_get_function_identity_arguments` prints
    /// them, operand types, an index method; else empty.
    pub signature: String,
    /// The table of a trigger, a rule, an index.
    pub table: Option<QName>,
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.word().replace('_', " "), self.name)?;
        if self.kind == OpaqueKind::Operator {
            write!(f, " ({})", self.signature)?;
        }
        if let Some(table) = &self.table {
            write!(f, " on {table}")?;
        }
        Ok(())
    }
}

/// An object carried as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opaque {
    pub id: ObjectId,
    /// The whole CREATE statement as the engine prints it, and what must follow it, in order. What can be set and
    /// taken back without making the object anew stands in [`Catalog::facets`].
    pub create: Vec<String>,
    /// Columns of a view and attributes of a composite type, with type and collation. What the text says and more:
    /// only for finding out what can change in place.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub columns: Vec<ShapeColumn>,
    /// What must exist before it does.
    pub depends_on: BTreeSet<Dependency>,
}

/// A column of a view or an attribute of a composite type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShapeColumn {
    pub name: Ident,
    /// The type, and the collation where it is not the type's own, as they stand in a definition.
    pub data_type: String,
}

/// Something an opaque object, a default or a check stands on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dependency {
    Table(QName),
    Column(QName, Ident),
    /// A primary key or unique constraint, by its table and name.
    Constraint(QName, Ident),
    Enum(QName),
    Opaque(ObjectId),
}

/// A value that carries its own key in a map.
trait Keyed {
    type Key: Ord;
    fn key(&self) -> Self::Key;
}

impl Keyed for EnumType {
    type Key = QName;
    fn key(&self) -> QName {
        self.name.clone()
    }
}

impl Keyed for Table {
    type Key = QName;
    fn key(&self) -> QName {
        self.name.clone()
    }
}

impl Keyed for Opaque {
    type Key = ObjectId;
    fn key(&self) -> ObjectId {
        self.id.clone()
    }
}

/// JSON has only text keys, so a map with structured keys is written as the list of its values.
mod values {
    use super::{BTreeMap, Deserialize, Keyed, Serialize};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<K, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.values())
    }

    pub(super) fn deserialize<'de, V: Keyed + Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<V::Key, V>, D::Error> {
        let values = Vec::<V>::deserialize(deserializer)?;
        Ok(values.into_iter().map(|value| (value.key(), value)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_survives_json() {
        let mut catalog = Catalog::empty(Dialect::Postgres);
        let name = QName::new("public", "mood");
        let mood =
            EnumType { name: name.clone(), values: vec!["sad".into(), "ok".into()], comment: None };
        catalog.enums.insert(name, mood);
        let json = serde_json::to_string(&catalog).expect("a catalog is plain data");
        assert_eq!(serde_json::from_str::<Catalog>(&json).expect("it was just written"), catalog);
        assert_ne!(catalog.fingerprint(), Catalog::empty(Dialect::Postgres).fingerprint());
    }
}
