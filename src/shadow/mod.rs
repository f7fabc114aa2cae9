//! Databases that are made to be thrown away: empty ones to run DDL in, and copies to rehearse on.

pub mod binaries;
pub mod cluster;
mod copy;
pub mod extent;
mod file;
mod given;
mod in_place;
pub mod leftover;
pub mod options;
mod process;
mod provider;
mod schema;
pub mod scratch;
pub mod snapshot;
mod survey;
mod template;
mod template_copy;
mod temporary;

use thiserror::Error;

use crate::db::{DbError, DbErrorKind};

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
    /// No provider of shadows fits.
    #[error(
        "{place} cannot be rehearsed on a copy: {}\nhelp: install the server programs (`apt install \
         postgresql-{major}`, `brew install postgresql@{major}`), name their folder in MIGRATE_PG_BINDIR, or name a \
         server: `--shadow url:postgres://…`",
        reasons(rejected)
    )]
    NoProvider { place: String, major: u32, rejected: Vec<(&'static str, String)> },
    /// The provider that was asked for does not fit.
    #[error("`--shadow {provider}` does not fit: {reason}{}", way_out(provider))]
    Unfit { provider: &'static str, reason: String },
    /// There is not enough room for a copy.
    #[error(
        "no room for the copy in `{folder}`: it needs about {} MB, and {} MB are free\nhelp: set TMPDIR to a \
         larger place, or copy less: `--sample ROWS`", needed >> 20, free >> 20
    )]
    NoRoom { folder: String, needed: u64, free: u64 },
    /// The schema of the source cannot be made on the shadow.
    #[error("making the schema of the copy: {error}\n  in: {statement}")]
    Schema { statement: String, error: DbError },
    /// The connection to the database ended while it was copied.
    #[error(
        "{place} went away while it was copied: {}\nhelp: nothing was written to it; run the command again when it \
         is back",
        error.message
    )]
    Lost { place: String, error: DbError },
    #[error("`{table}` cannot be copied: {error}")]
    Unreadable { table: String, error: DbError },
    #[error("the rows of `{table}` cannot be put into the copy: {error}")]
    Unwritable { table: String, error: DbError },
    #[error(
        "`{column}` cannot be masked: values of type {data_type} have no stand-in\nhelp: take `pii:` from it, or leave \
         out `--mask`"
    )]
    Unmaskable { column: String, data_type: String },
    #[error(transparent)]
    Plan(#[from] crate::plan::PlanError),
    /// A server program failed.
    #[error("`{program}` failed: {message}")]
    Program { program: String, message: String },
    /// The database that was given to work in holds something.
    #[error(
        "{place} is not empty, and its user may not make databases\nhelp: give an empty database, \
         or a user with CREATEDB"
    )]
    NotEmpty { place: String },
    /// The database that was given to work in holds what a killed run left, and what is somebody else's.
    #[error(
        "{place} holds {what}: that is younger than all that the killed run of `migrate` made whose mark is in it, and is \
         left alone\nhelp: give another empty database; if nothing in this one is needed, empty it and run \
         `SELECT lo_unlink({mark})` in it"
    )]
    NotOurs { place: String, what: String, mark: String },
    /// The database that was given to work in is being worked in.
    #[error(
        "{by} works in {place}\nhelp: give another empty database, or wait for it to end; if it is gone for good, \
         empty the database yourself and run `SELECT lo_unlink({mark})` in it"
    )]
    Taken { place: String, by: String, mark: String },
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

/// Whether a statement fails because a server lacks what another has: an extension, a right, a role, room.
/// Source: PostgreSQL manual, appendix A.
pub fn is_lack(error: &DbError) -> bool {
    let says = |words: &[&str]| words.iter().any(|word| error.message.contains(word));
    match error.sqlstate.as_deref() {
        // A file of an extension or a library; a right; no room.
        Some("58P01" | "42501" | "53100" | "53200" | "53300" | "53400") => true,
        Some("0A000") => says(&["is not available"]),
        Some("42704") => says(&["role \"", "tablespace \"", "language \""]),
        Some("22023") => says(&["locale", "unrecognized configuration parameter"]),
        Some("55000") => says(&["shared_preload_libraries", "wal_level"]),
        _ => matches!(error.kind, DbErrorKind::Connect | DbErrorKind::Cancelled),
    }
}

/// What to do where the provider that was asked for does not fit.
fn way_out(provider: &str) -> &'static str {
    match provider {
        "local" => {
            "\nhelp: install the server programs of the database's version (`apt install postgresql`, `brew install \
             postgresql`), name their folder in MIGRATE_PG_BINDIR, or leave out `--shadow`: the first provider that fits \
             is taken"
        }
        _ => "",
    }
}

fn reasons(rejected: &[(&'static str, String)]) -> String {
    let lines: Vec<String> =
        rejected.iter().map(|(provider, reason)| format!("\n  {provider}: {reason}")).collect();
    lines.concat()
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
