//! Names of database objects, kept exactly as the catalog stores them (unquoted, case kept).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Dialect;

/// One name: a column, a constraint, a schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ident(String);

impl Ident {
    pub fn new(name: impl Into<String>) -> Self {
        Ident(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Ident {
    fn from(name: &str) -> Self {
        Ident::new(name)
    }
}

/// A name within a schema. SQLite objects live in `main`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QName {
    pub schema: Ident,
    pub name: Ident,
}

impl QName {
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        QName { schema: Ident::new(schema), name: Ident::new(name) }
    }

    /// A name in the dialect's default schema (`public`, `main`).
    pub fn local(dialect: Dialect, name: impl Into<String>) -> Self {
        QName::new(dialect.default_schema(), name)
    }
}

/// For people: the schema is left out where it is the default of its engine.
impl fmt::Display for QName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.schema.as_str() {
            "public" | "main" | "" => write!(f, "{}", self.name),
            _ => write!(f, "{}.{}", self.schema, self.name),
        }
    }
}

/// PostgreSQL cuts names at 63 bytes; a hash keeps what is cut apart.
pub fn shortened(name: String) -> String {
    const LONGEST: usize = 63;
    if name.len() <= LONGEST {
        return name;
    }
    let hash = super::hash::sha256(name.as_bytes());
    let mut end = LONGEST - 9;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_{}", &name[..end], &hash[..8])
}
