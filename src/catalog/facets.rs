//! What is said of an object beside how it is made: its comment, owner, rights and switches. All of it can be set and
//! taken back without making the object anew, and all of it is gone when the object is.
//!
//! A facet stands beside its object and not in it, so that one place reads, compares and restores them for every kind.
//! Comments of tables, columns and enum types are the exception: a model has them too, so they stand in the object.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Catalog, Keyed, ObjectId, OpaqueKind, Table};
use crate::text::{Ident, QName};

/// The facets of one object that differ from what a new object has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facets {
    pub of: Subject,
    /// `None` where it is whoever runs the migration.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<Ident>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub comment: Option<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub grants: BTreeSet<Grant>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub switches: BTreeSet<Switch>,
    /// Anything else that has an inverse, as text: comments of a view's columns, the state of a trigger.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub lines: BTreeSet<Line>,
}

impl Facets {
    /// What a new object has.
    pub fn none(of: Subject) -> Self {
        Facets {
            of,
            owner: None,
            comment: None,
            grants: BTreeSet::new(),
            switches: BTreeSet::new(),
            lines: BTreeSet::new(),
        }
    }

    /// Whether they are those of a new object.
    pub fn is_none(&self) -> bool {
        *self == Facets::none(self.of.clone())
    }
}

impl Keyed for Facets {
    type Key = Subject;
    fn key(&self) -> Subject {
        self.of.clone()
    }
}

/// Whose facets they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Schema(Ident),
    /// A table, its columns' rights included.
    Table(QName),
    Constraint(QName, Ident),
    /// An index, by its table and name; that of a constraint too.
    Index(QName, Ident),
    /// A sequence, whether a column owns it or not.
    Sequence(QName),
    Enum(QName),
    Opaque(ObjectId),
    /// What objects get that are made later.
    DefaultPrivileges {
        /// `None` for those whoever runs the migration makes.
        role: Option<Ident>,
        /// `None` for objects in any schema.
        schema: Option<Ident>,
        on: DefaultsOn,
    },
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::Schema(name) => write!(f, "schema {name}"),
            Subject::Table(name) => write!(f, "table {name}"),
            Subject::Constraint(table, name) => write!(f, "constraint {name} on {table}"),
            Subject::Index(table, name) => write!(f, "index {name} on {table}"),
            Subject::Sequence(name) => write!(f, "sequence {name}"),
            Subject::Enum(name) => write!(f, "type {name}"),
            Subject::Opaque(id) => write!(f, "{id}"),
            Subject::DefaultPrivileges { role, schema, on } => {
                write!(f, "new {}", on.words().to_lowercase())?;
                if let Some(role) = role {
                    write!(f, " of {role}")?;
                }
                if let Some(schema) = schema {
                    write!(f, " in schema {schema}")?;
                }
                Ok(())
            }
        }
    }
}

/// The kinds of object that have default privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefaultsOn {
    Tables,
    Sequences,
    Functions,
    Types,
    Schemas,
    LargeObjects,
}

impl DefaultsOn {
    /// The words of ALTER DEFAULT PRIVILEGES.
    pub fn words(self) -> &'static str {
        match self {
            DefaultsOn::Tables => "TABLES",
            DefaultsOn::Sequences => "SEQUENCES",
            DefaultsOn::Functions => "FUNCTIONS",
            DefaultsOn::Types => "TYPES",
            DefaultsOn::Schemas => "SCHEMAS",
            DefaultsOn::LargeObjects => "LARGE OBJECTS",
        }
    }
}

/// One right of one role, where it differs from what the role has on a new object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    pub to: Grantee,
    /// A right on one column only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<Ident>,
    /// `SELECT`, `USAGE`.
    pub privilege: String,
    pub held: Held,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grantee {
    Public,
    /// The owner of the object, who has every right unless it was taken away.
    Owner,
    Role(Ident),
}

/// Whether a role has a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// It was taken away from those who have it on a new object.
    No,
    Yes,
    /// And may pass it on.
    Grantable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    RowSecurity,
    /// Row security for the owner too.
    ForceRowSecurity,
}

/// A statement with its inverse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    pub set: String,
    pub unset: String,
}

impl Catalog {
    /// The facets of an object, if any differ from those of a new one.
    pub fn facets_of(&self, subject: &Subject) -> Option<&Facets> {
        self.facets.get(subject)
    }

    /// Whether the object is there.
    pub fn has(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Schema(name) => {
                name.as_str() == self.dialect.default_schema() || self.schemas.contains(name)
            }
            Subject::Table(name) => self.tables.contains_key(name),
            Subject::Enum(name) => self.enums.contains_key(name),
            Subject::Opaque(id) => self.opaques.contains_key(id),
            Subject::Constraint(table, name) | Subject::Index(table, name) => {
                self.tables.get(table).is_some_and(|table| has_key(table, name))
            }
            Subject::Sequence(name) => has_sequence(self, name),
            Subject::DefaultPrivileges { .. } => true,
        }
    }

    /// Every role that facets name: they must be there before the schema can be made.
    pub fn roles(&self) -> BTreeSet<&Ident> {
        let mut roles = BTreeSet::new();
        for facets in self.facets.values() {
            roles.extend(&facets.owner);
            for grant in &facets.grants {
                if let Grantee::Role(role) = &grant.to {
                    roles.insert(role);
                }
            }
            if let Subject::DefaultPrivileges { role, .. } = &facets.of {
                roles.extend(role);
            }
        }
        roles
    }

    /// Renames subjects; `rename` changes those that a rename touches.
    pub(super) fn rename_facets(&mut self, rename: impl Fn(&mut Facets)) {
        self.facets = std::mem::take(&mut self.facets)
            .into_values()
            .map(|mut facets| {
                rename(&mut facets);
                (facets.of.clone(), facets)
            })
            .collect();
    }
}

fn has_key(table: &Table, name: &Ident) -> bool {
    let constraints = table.constraints.iter().filter_map(|constraint| constraint.name.as_ref());
    constraints.chain(table.indexes.iter().map(|index| &index.name)).any(|other| other == name)
}

fn has_sequence(catalog: &Catalog, name: &QName) -> bool {
    let owned = catalog.tables.values().flat_map(|table| &table.columns).filter_map(|column| {
        column.owned_sequence.as_ref().or(column.identity.as_ref().map(|it| &it.sequence))
    });
    let free = catalog.opaques.keys();
    let free = free.filter(|id| id.kind == OpaqueKind::Sequence);
    owned.map(|sequence| &sequence.name).chain(free.map(|id| &id.name)).any(|other| other == name)
}
