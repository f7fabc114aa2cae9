//! The domain as people write it: `model.yaml`, read with every mistake reported, checked, printed and formatted.

mod access;
mod permissions;
pub mod tree;
pub mod keys;
pub mod expression;
pub mod parse;
pub mod emit;
pub mod print;
pub mod edit;
pub mod format;
pub mod graph;
pub mod schema;
#[cfg(test)]
mod tests;

use crate::catalog::rule::Enforce;
use crate::catalog::{Action, OpaqueKind};
use crate::expr::{Expr, ValueType};
use crate::text::Dialect;
use crate::text::diagnostic::Span;
use tree::Tree;

pub use access::{field_named, is_number, snake_case};
pub use format::fmt;
pub use parse::{locate, parse, parse_files};
pub use permissions::{Operation, Permission, Who};
pub use print::{Hints, print};
pub use schema::schema;

/// Where something stands in the model text. Two models are equal whatever their layout, so all places are equal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    pub span: Span,
    /// 1-based; 0 where there is no text.
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// Line and column; `None` where there is no text.
    pub fn origin(&self) -> Option<(usize, usize)> {
        (self.line > 0).then_some((self.line, self.column))
    }
}

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

/// A whole domain model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    pub name: String,
    pub targets: Vec<Target>,
    /// `sqlite: { constraint_names: false }`: constraints without `name:` have none on SQLite.
    pub sqlite_constraint_names: NamelessByDefault,
    pub types: Vec<NamedType>,
    pub entities: Vec<Entity>,
    pub sql: Vec<SqlObject>,
    pub changes: Vec<ChangeNote>,
    /// `roles`, `actor`.
    pub carried: Vec<Carried>,
}

/// Whether SQLite constraints without a written name get a derived one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamelessByDefault {
    #[default]
    Named,
    Nameless,
}

/// An engine the model must work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub dialect: Dialect,
    pub minimum: Option<String>,
}

/// A part of the model that this version keeps and prints back, and does not act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    pub key: String,
    pub value: Tree,
}

/// A reusable value type; its facets apply to every field of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedType {
    pub name: String,
    pub base: ValueType,
    /// The base as written.
    pub base_text: String,
    pub facets: Facets,
    pub postgres: Override,
    pub sqlite: Override,
    pub carried: Vec<Carried>,
    pub place: Place,
}

/// A table of things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entity {
    pub name: String,
    pub was: Vec<String>,
    pub table: Option<String>,
    pub comment: Option<String>,
    pub fields: Vec<Field>,
    pub key: Option<Key>,
    pub unique: Vec<Unique>,
    pub indexes: Vec<Index>,
    pub rules: Vec<Rule>,
    pub checks: Vec<RawText>,
    pub constraints: Vec<RawText>,
    pub foreign_keys: Vec<ForeignKey>,
    pub sqlite: SqliteTable,
    pub postgres: PostgresTable,
    pub permissions: Vec<Permission>,
    /// The entity that `audit: actor` refers to, once checked: that of the model's `actor:`.
    pub stamped_by: Option<String>,
    /// `tenant`, `permissions` as written, `audit`.
    pub carried: Vec<Carried>,
    pub place: Place,
}

/// `sqlite:` of an entity. `None` is the default of the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqliteTable {
    pub strict: Option<bool>,
    pub without_rowid: Option<bool>,
    pub autoincrement: Option<bool>,
}

/// `postgres:` of an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostgresTable {
    pub schema: Option<String>,
    pub unlogged: Option<bool>,
}

/// A property of an entity: a column, or one side of a relationship.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub was: Vec<String>,
    pub kind: FieldKind,
    pub optional: bool,
    pub default: Option<DefaultValue>,
    pub facets: Facets,
    pub backfill: Option<Condition>,
    pub down: Option<Condition>,
    /// What converts the old value where the type changes, and the type it had where that is not text.
    pub using: Option<Condition>,
    pub from: Option<(ValueType, String)>,
    /// Old value, new value.
    pub values: Vec<(String, String)>,
    pub column: Option<String>,
    pub generated: Option<Condition>,
    pub stored: Option<bool>,
    pub comment: Option<String>,
    pub postgres: Override,
    pub sqlite: Override,
    /// `pii`.
    pub carried: Vec<Carried>,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    Value {
        value_type: ValueType,
        /// As written: a portable type or the name of one in `types`.
        text: String,
    },
    Enum {
        values: Vec<String>,
        /// `enum: roles` takes the model's roles.
        from_roles: bool,
        constraint: ConstraintName,
    },
    States {
        values: Vec<String>,
        initial: Option<String>,
        transitions: Vec<Transition>,
        enforce: Option<Enforce>,
        constraint: ConstraintName,
    },
    Ref {
        entity: String,
        place: Place,
        on_delete: Option<Action>,
        on_update: Option<Action>,
        constraint: ConstraintName,
    },
    Many {
        entity: String,
        place: Place,
        inverse: Option<String>,
        through: Option<String>,
    },
}

/// `name:` of a constraint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConstraintName {
    /// Derived from table and column.
    #[default]
    Derived,
    /// `name: none` (SQLite only).
    None,
    Given(String),
}

/// A step of a state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub name: String,
    pub from: Vec<String>,
    pub to: String,
    pub by: Vec<String>,
    /// Asked of the new row. Without a tree once checked: it asks who acts, which no trigger knows.
    pub when: Option<Condition>,
    pub place: Place,
}

/// `default:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Now,
    Today,
    Uuid,
}

/// Limits of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facets {
    /// Of a number, date or timestamp: its value; of a text: its length.
    pub min: Option<String>,
    pub max: Option<String>,
    /// Exact length of a text.
    pub length: Option<u32>,
    pub pattern: Option<String>,
    pub format: Option<Format>,
    pub place: Place,
}

/// Named patterns that mean the same on both engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Email,
    Url,
    Slug,
    Currency,
    Country,
    Phone,
}

/// What one engine does differently for a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Override {
    /// The engine's own type, exactly.
    pub data_type: Option<String>,
    /// SQL text of the default; `none` for no default.
    pub default: Option<String>,
    pub collate: Option<String>,
    /// `always` or `by_default` (PostgreSQL).
    pub identity: Option<String>,
    /// Name of a sequence that the column owns (PostgreSQL `serial`).
    pub serial: Option<String>,
    /// Options of the identity's or serial's sequence that differ from the engine's defaults, and its name.
    pub sequence: Vec<(String, String)>,
    /// SQL text of a generated column.
    pub generated: Option<String>,
    pub not_null: Option<bool>,
    /// Values of the enum type that `data_type` names (PostgreSQL); the type is part of the schema.
    pub enum_values: Vec<String>,
    /// Digits after the point of a decimal kept as whole minor units.
    pub scale: Option<u32>,
    pub place: Place,
}

/// An expression, its place, and its tree once checked.
#[derive(Clone, Debug)]
pub struct Condition {
    pub text: String,
    pub place: Place,
    pub expr: Option<Expr>,
}

/// The tree follows from the text.
impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}

/// The primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub fields: Vec<String>,
    pub constraint: ConstraintName,
    pub raw: Raw,
    pub place: Place,
}

/// SQL text per engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    pub postgres: Option<String>,
    pub sqlite: Option<String>,
}

impl Raw {
    pub fn of(&self, dialect: Dialect) -> Option<&str> {
        match dialect {
            Dialect::Postgres => self.postgres.as_deref(),
            Dialect::Sqlite => self.sqlite.as_deref(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.postgres.is_none() && self.sqlite.is_none()
    }
}

/// A named constraint given as SQL text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawText {
    pub name: String,
    pub constraint: ConstraintName,
    pub raw: Raw,
    pub place: Place,
}

/// One part of an index or unique key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub text: PartText,
    pub order: Order,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartText {
    Field(String),
    Expression(Condition),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Ascending,
    Descending,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unique {
    pub name: String,
    pub constraint: ConstraintName,
    pub parts: Vec<Part>,
    pub condition: Option<Condition>,
    pub raw: Raw,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    pub name: String,
    pub physical: Option<String>,
    pub parts: Vec<Part>,
    pub condition: Option<Condition>,
    pub unique: bool,
    pub postgres: IndexOverride,
    pub sqlite: IndexOverride,
    pub place: Place,
}

/// What one engine does differently for an index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IndexOverride {
    #[default]
    Same,
    /// `skip`: no such index there.
    Skip,
    Using(String),
    /// The whole `CREATE INDEX` statement.
    Raw(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub name: String,
    pub constraint: ConstraintName,
    pub check: Condition,
    /// Rows the rule does not look at.
    pub condition: Option<Condition>,
    pub enforce: Option<Enforce>,
    pub message: Option<String>,
    /// The rule goes beyond its row: no constraint can hold it, `migrate verify` asks it.
    pub beyond_row: bool,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    pub name: String,
    pub constraint: ConstraintName,
    pub fields: Vec<String>,
    pub entity: String,
    /// Fields of the other entity; empty: its key.
    pub to: Vec<String>,
    pub on_delete: Option<Action>,
    pub on_update: Option<Action>,
    pub raw: Raw,
    pub place: Place,
}

/// An object written in SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlObject {
    pub name: String,
    pub kind: OpaqueKind,
    pub after: Vec<String>,
    /// The table of a trigger.
    pub on: Option<String>,
    /// Argument types of a function.
    pub signature: Option<String>,
    pub schema: Option<String>,
    /// The object's name in the database, where it is not the key.
    pub physical: Option<String>,
    pub any: Option<SqlText>,
    pub postgres: Option<SqlText>,
    pub sqlite: Option<SqlText>,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlText {
    pub up: Vec<String>,
    pub down: Option<String>,
}

/// An entry of `changes:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeNote {
    /// `Entity` or `Entity.field` that goes.
    pub drop: String,
    /// Where its values go, for `move:`.
    pub moved: Option<MoveNote>,
    /// Type that a dropped field had, as expressions of `backfill` see it, and as written. Without it, text.
    pub value_type: Option<(ValueType, String)>,
    /// Value that the dropped field gets on rollback, over the fields that stay.
    pub down: Option<Condition>,
    pub reason: Option<String>,
    pub keep: KeepNote,
    pub place: Place,
}

impl ChangeNote {
    /// The entity, and the field where it is one.
    pub fn target(&self) -> (&str, Option<&str>) {
        match self.drop.split_once('.') {
            Some((entity, field)) => (entity, Some(field)),
            None => (&self.drop, None),
        }
    }
}

/// `move: A.field`, `to: B.field`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveNote {
    /// The field that receives.
    pub to: FieldName,
    /// The reference, where there are several.
    pub by: Option<FieldName>,
    pub pick: PickNote,
}

/// A field as other entities name it: `Entity.field`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldName {
    pub entity: String,
    pub field: String,
    pub place: Place,
}

/// Which one of several rows says the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PickNote {
    /// They must agree.
    #[default]
    Agreed,
    Least,
    Greatest,
    /// The first row by a field of the entity that holds the reference.
    First(String),
    Last(String),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepNote {
    /// Kept until released.
    #[default]
    Kept,
    /// `keep: none`.
    Discarded,
    /// `keep: copy`: with the keys of its rows, however large its table is.
    Copied,
    /// `keep: hide`: where it is, out of sight.
    Hidden,
}
