//! What a copy to rehearse on should be: where, which tables, how many of their rows.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Catalog;
use crate::db::{DatabaseUrl, Env};
use crate::dialect::check::Check;
use crate::dialect::{Sql, mention, script};
use crate::text::{Ident, QName};

/// How many bytes of rows are copied whole where nothing else is said.
pub const SIZE_LIMIT: u64 = 256 << 20;
/// How many rows of a table a sample starts from where nothing else is said.
pub const SAMPLE_ROWS: u64 = 10_000;

/// What a copy should be.
#[derive(Clone, Debug)]
pub struct SnapshotOptions {
    pub env: Env,
    pub provider: Choice,
    /// `--scratch-url`: the server that is tried first where none is chosen.
    pub scratch: Option<Box<DatabaseUrl>>,
    pub amount: Amount,
    pub scope: Scope,
    /// Columns of personal data whose values must not reach the shadow.
    pub mask: BTreeMap<QName, BTreeSet<Ident>>,
    /// Two samples of the same rows with the same seed are the same.
    pub seed: u64,
    /// Bytes of rows up to which tables are copied whole.
    pub size_limit: u64,
    /// What the pending plans demand of the rows as they are: rows that break it are always in a sample.
    pub checks: Vec<Check>,
    pub protection: Protection,
}

impl Default for SnapshotOptions {
    /// Everything about every table, as far as it fits, on whatever can be had.
    fn default() -> Self {
        SnapshotOptions {
            env: Env::default(),
            provider: Choice::Auto,
            scratch: None,
            amount: Amount::Fitting,
            scope: Scope::Everything,
            mask: BTreeMap::new(),
            seed: 0,
            size_limit: SIZE_LIMIT,
            checks: Vec::new(),
            protection: Protection::None,
        }
    }
}

/// `--shadow`: who provides the shadow.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Choice {
    /// The first that fits.
    #[default]
    Auto,
    /// A PostgreSQL server that the user names.
    Url(Box<DatabaseUrl>),
    /// A server of our own, from programs on this machine.
    Local,
    /// A scratch database on the server of the database itself.
    Server,
    /// As `Server`, copied by the server as files.
    Template,
    /// The database itself, in a transaction that is rolled back.
    Transaction,
    /// A copy of a SQLite file.
    File,
}

impl Choice {
    /// As it is typed.
    pub fn word(&self) -> &'static str {
        match self {
            Choice::Auto => "auto",
            Choice::Url(_) => "url",
            Choice::Local => "local",
            Choice::Server => "server",
            Choice::Template => "template",
            Choice::Transaction => "transaction",
            Choice::File => "file",
        }
    }
}

/// How many rows are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Amount {
    /// All of them where they fit the size limit, else a sample of [`SAMPLE_ROWS`].
    #[default]
    Fitting,
    Whole,
    /// So many of each table, and what belongs to them.
    Sample(u64),
}

/// Whose rows are copied. The schema is always copied whole. With [`Amount::Whole`] it is everybody's.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Scope {
    #[default]
    Everything,
    /// Of these tables, and the rows of others that theirs refer to.
    Tables(BTreeSet<QName>),
    /// Of the tables that these statements speak of, and the rows of others that theirs refer to.
    Statements(Vec<Sql>),
}

impl Scope {
    /// What running bundles of statements touches.
    pub fn of<'a>(statements: impl IntoIterator<Item = &'a Sql>) -> Scope {
        Scope::Statements(statements.into_iter().cloned().collect())
    }

    /// The tables whose rows are copied.
    pub fn tables(&self, catalog: &Catalog) -> BTreeSet<QName> {
        match self {
            Scope::Everything => catalog.tables.keys().cloned().collect(),
            Scope::Tables(names) => names.clone(),
            Scope::Statements(statements) => mention::tables_spoken_of(statements, catalog),
        }
    }

    /// The roles that are named.
    pub fn roles(&self) -> BTreeSet<Ident> {
        match self {
            Scope::Everything | Scope::Tables(_) => BTreeSet::new(),
            Scope::Statements(statements) => statements.iter().flat_map(script::roles_of).collect(),
        }
    }

    /// Whether roles, tablespaces or settings of the server are touched: only a server of our own may see that.
    pub fn reaches_server(&self) -> bool {
        match self {
            Scope::Everything | Scope::Tables(_) => false,
            Scope::Statements(statements) => statements.iter().any(mention::reaches_server),
        }
    }
}

/// Whether the database is marked `protected`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protection {
    #[default]
    None,
    Protected,
}
