//! Connections. Everything that is asked of a database goes through [`Database`], and only as [`Sql`].

pub mod application;
mod binary;
mod crash;
pub mod env;
pub mod error;
pub mod fingerprint;
pub mod inspect;
pub mod lock;
mod pgpass;
pub mod postgres;
pub mod running;
pub mod sqlite;
mod tls;
pub mod url;
pub mod pause;
pub mod watchdog;

use std::time::Duration;

pub use crate::dialect::session::Mode;
pub use binary::TakeBinary;
pub use env::Env;
pub use error::{DbError, DbErrorKind};
pub use url::DatabaseUrl;

use crate::dialect::{Sql, session};
use crate::text::Dialect;
use postgres::PostgresDb;
use sqlite::SqliteDb;

/// The values of one row as text; `None` is NULL.
pub type Row = Vec<Option<String>>;

/// Somebody who takes rows as they come.
pub type TakeRow<'a> = dyn FnMut(&[Option<&str>]) -> Result<(), DbError> + 'a;

/// What a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing may be written, by this session's own settings.
    ReadOnly,
    /// The database must exist.
    ReadWrite,
    /// A missing SQLite file is made; a PostgreSQL database must exist.
    Create,
}

/// How a session waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// How long a statement waits for a lock; zero waits for ever on PostgreSQL, not at all on SQLite.
    pub lock_timeout: Duration,
    /// How long a statement runs on PostgreSQL; zero has no limit.
    pub statement_timeout: Duration,
    /// The role in whose name statements run on PostgreSQL: `SET ROLE`.
    pub role: Option<String>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions {
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::ZERO,
            role: None,
        }
    }
}

/// An open database.
pub enum Database {
    Postgres(Box<PostgresDb>),
    Sqlite(Box<SqliteDb>),
}

impl Database {
    /// Opens a database with the usual timeouts.
    ///
    /// # Errors
    /// See [`DbErrorKind`]; no message holds a password.
    pub fn open(url: &DatabaseUrl, access: Access) -> Result<Self, DbError> {
        Database::open_with(url, access, &OpenOptions::default())
    }

    /// Opens a database.
    ///
    /// # Errors
    /// See [`DbErrorKind`]; no message holds a password.
    pub fn open_with(
        url: &DatabaseUrl,
        access: Access,
        options: &OpenOptions,
    ) -> Result<Self, DbError> {
        match url {
            DatabaseUrl::Postgres(url) => PostgresDb::open(url, access, options)
                .map(|database| Database::Postgres(Box::new(database))),
            DatabaseUrl::Sqlite(place) => SqliteDb::open(place, access, options)
                .map(|database| Database::Sqlite(Box::new(database))),
        }
    }

    /// An empty SQLite database in memory.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn memory() -> Result<Self, DbError> {
        SqliteDb::memory().map(|database| Database::Sqlite(Box::new(database)))
    }

    pub fn dialect(&self) -> Dialect {
        match self {
            Database::Postgres(_) => Dialect::Postgres,
            Database::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// How long a statement waits for a lock; zero waits for ever on PostgreSQL.
    pub fn lock_timeout(&self) -> Duration {
        match self {
            Database::Postgres(database) => database.options().lock_timeout,
            Database::Sqlite(_) => Duration::ZERO,
        }
    }

    /// `PostgreSQL 15.18 (Debian …)`, `SQLite 3.54.1`.
    pub fn version(&self) -> String {
        match self {
            Database::Postgres(database) => format!("PostgreSQL {}", database.version()),
            Database::Sqlite(_) => format!("SQLite {}", rusqlite::version()),
        }
    }

    /// The major version of a PostgreSQL server.
    pub fn major(&self) -> Option<u32> {
        match self {
            Database::Postgres(database) => Some(database.major()),
            Database::Sqlite(_) => None,
        }
    }

    /// Where the database is, for people; never a secret.
    pub fn describe(&self) -> String {
        match self {
            Database::Postgres(database) => database.url().to_string(),
            Database::Sqlite(database) => DatabaseUrl::Sqlite(database.place().clone()).to_string(),
        }
    }

    /// Runs one statement or several; how many rows were changed.
    ///
    /// # Errors
    /// What the engine says; statements before the failing one stay done unless a transaction is open.
    pub fn execute(&mut self, sql: &Sql) -> Result<u64, DbError> {
        crash::point();
        let changed = match self {
            Database::Postgres(database) => database.execute(sql),
            Database::Sqlite(database) => database.execute(sql),
        };
        crash::point();
        changed
    }

    /// The rows of a query, each value as text.
    ///
    /// # Errors
    /// What the engine says.
    pub fn rows(&mut self, sql: &Sql) -> Result<Vec<Row>, DbError> {
        match self {
            Database::Postgres(database) => database.rows(sql),
            Database::Sqlite(database) => database.rows(sql),
        }
    }

    /// Hands over the rows of one query, each value as text, as they come: memory does not grow with them.
    ///
    /// # Errors
    /// What the engine says, and what `take` says.
    pub fn each_row(&mut self, sql: &Sql, take: &mut TakeRow<'_>) -> Result<(), DbError> {
        match self {
            Database::Postgres(database) => database.each_row(sql, take),
            Database::Sqlite(database) => database.each_text_row(sql, take),
        }
    }

    /// Another connection to the same database with the same settings. PostgreSQL only.
    ///
    /// # Errors
    /// As [`Database::open`]; `Unsupported` on SQLite, whose connections share no view.
    pub fn another(&self, access: Access) -> Result<Database, DbError> {
        match self {
            Database::Postgres(database) => {
                PostgresDb::open(database.url(), access, database.options())
                    .map(|database| Database::Postgres(Box::new(database)))
            }
            Database::Sqlite(_) => Err(DbError::new(
                DbErrorKind::Unsupported,
                "connections to a SQLite file share no view of it",
            )),
        }
    }

    /// The first value of the first row; `None` if there is no row or it is NULL.
    ///
    /// # Errors
    /// What the engine says.
    pub fn value(&mut self, sql: &Sql) -> Result<Option<String>, DbError> {
        Ok(self.rows(sql)?.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    /// The roles of the server that are not its own. PostgreSQL only.
    ///
    /// # Errors
    /// What the engine says.
    pub fn role_names(&mut self) -> Result<Vec<String>, DbError> {
        Ok(self.rows(&session::role_names())?.into_iter().flatten().flatten().collect())
    }

    /// Those of the names that no role of the server has; `pg_…` are the server's own.
    ///
    /// # Errors
    /// What the engine says.
    pub fn missing_roles<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<String>, DbError> {
        let there = self.role_names()?;
        let lacking = |name: &&str| !name.starts_with("pg_") && !there.iter().any(|it| it == name);
        Ok(names.into_iter().filter(lacking).map(str::to_owned).collect())
    }

    /// Opens a transaction.
    ///
    /// # Errors
    /// `Busy` if SQLite's write lock is taken; the engine's own.
    pub fn begin(&mut self, mode: Mode) -> Result<(), DbError> {
        crash::point();
        match self {
            Database::Postgres(database) => database.begin(mode),
            Database::Sqlite(database) => {
                database.execute(&session::begin(Dialect::Sqlite, mode)).map(|_| ())
            }
        }
    }

    /// Keeps what the open transaction did.
    ///
    /// # Errors
    /// The engine's own: deferred constraints are checked here.
    pub fn commit(&mut self) -> Result<(), DbError> {
        crash::point();
        let ended = match self {
            Database::Postgres(database) => database.commit(),
            Database::Sqlite(database) => database.execute(&session::commit()).map(|_| ()),
        };
        crash::point();
        ended
    }

    /// Drops what the open transaction did.
    ///
    /// # Errors
    /// The engine's own.
    pub fn rollback(&mut self) -> Result<(), DbError> {
        match self {
            Database::Postgres(database) => database.rollback(),
            Database::Sqlite(database) => database.execute(&session::rollback()).map(|_| ()),
        }
    }

    /// Runs `work` in one transaction; rolls back if it fails.
    ///
    /// # Errors
    /// Those of `work`, and of beginning and ending.
    pub fn within<T, E: From<DbError>>(
        &mut self,
        mode: Mode,
        work: impl FnOnce(&mut Database) -> Result<T, E>,
    ) -> Result<T, E> {
        self.begin(mode)?;
        match work(self) {
            Ok(value) => {
                self.commit()?;
                Ok(value)
            }
            Err(error) => {
                // The first error is the one that tells; a lost connection has rolled back by itself.
                let _ = self.rollback();
                Err(error)
            }
        }
    }

    /// Whether a transaction is open (on PostgreSQL: one that has changed something).
    ///
    /// # Errors
    /// The engine's own; a failed transaction is an error too.
    pub fn in_transaction(&mut self) -> Result<bool, DbError> {
        match self {
            Database::Sqlite(database) => Ok(database.in_transaction()),
            Database::Postgres(database) if database.is_nested() => Ok(database.is_nested_open()),
            Database::Postgres(_) => {
                Ok(self.value(&session::has_open_changes())?.as_deref() == Some("true"))
            }
        }
    }

    /// Something another thread can stop the running statement with.
    pub fn canceller(&self) -> Canceller {
        match self {
            Database::Postgres(database) => {
                let (token, url) = database.cancel_token();
                Canceller::Postgres(token, Box::new(url))
            }
            Database::Sqlite(database) => Canceller::Sqlite(database.interrupt_handle()),
        }
    }
}

/// Stops the statement that a connection runs.
pub enum Canceller {
    Postgres(::postgres::CancelToken, Box<url::PostgresUrl>),
    Sqlite(rusqlite::InterruptHandle),
}

impl Canceller {
    /// Stops it; the statement then fails as `Cancelled`.
    ///
    /// # Errors
    /// `Connect`.
    pub fn cancel(&self) -> Result<(), DbError> {
        match self {
            Canceller::Postgres(token, url) => postgres::cancel(token, url),
            Canceller::Sqlite(handle) => {
                handle.interrupt();
                Ok(())
            }
        }
    }
}
