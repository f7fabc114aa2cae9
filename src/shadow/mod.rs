//! Databases that are made to be thrown away: empty ones to run DDL in, and copies to rehearse on.

pub mod binaries;
pub mod cluster;
pub mod extent;
pub mod options;
mod process;
pub mod scratch;
pub mod snapshot;
mod template;
mod temporary;

use thiserror::Error;

use crate::db::DbError;

/// Why no shadow could be had.
#[derive(Debug, Error)]
pub enum ShadowError {
    /// No PostgreSQL server programs on this machine.
    #[error(
        "no PostgreSQL {wanted}server programs are found on this machine\nhelp: install them \
         (`apt install postgresql`, `brew install postgresql@17`), name their folder in \
         MIGRATE_PG_BINDIR, or give an empty database: `--scratch-url postgres://…`"
    )]
    NoServer { wanted: String },
    /// No client programs to copy a PostgreSQL database with.
    #[error(
        "no `pg_dump` with `psql` of version {major} or later is found, which copying {source_name} \
         needs\nhelp: install them (`apt install postgresql-client`) or name their folder in \
         MIGRATE_PG_BINDIR"
    )]
    NoClient { major: u32, source_name: String },
    /// A server program failed.
    #[error("`{program}` failed: {message}")]
    Program { program: String, message: String },
    /// The database that was given to work in holds something.
    #[error(
        "{place} is not empty, and its user may not make databases\nhelp: give an empty database, \
         or a user with CREATEDB"
    )]
    NotEmpty { place: String },
    /// A server that is not ours lacks roles; they would outlive the scratch database, so they are not made there.
    #[error(
        "{place} has no role {}\nhelp: make {} there (`CREATE ROLE \"{}\"`), or leave out `--scratch-url`: \
         a server of our own gets every role it needs",
        list(roles), if roles.len() == 1 { "it" } else { "them" }, roles.first().map_or("", String::as_str)
    )]
    MissingRoles { place: String, roles: Vec<String> },
    #[error("cannot {action} `{path}`: {error}")]
    File { action: &'static str, path: String, error: std::io::Error },
    #[error(transparent)]
    Database(#[from] DbError),
}

impl ShadowError {
    pub(in crate::shadow) fn file(
        action: &'static str,
        path: &std::path::Path,
        error: std::io::Error,
    ) -> Self {
        ShadowError::File { action, path: path.display().to_string(), error }
    }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
