//! An empty database to run DDL in, so that the engine itself is the parser of SQL.

use std::sync::atomic::{AtomicU64, Ordering};

use super::cluster::{BUILDER, Cluster, USER, cluster};
use super::given::{self, Maker};
use super::leftover::{self, Leftover, Noted};
use super::{ShadowError, binaries};
use crate::db::{Access, Database, DatabaseUrl, DbError, Env};
use crate::dialect::{Sql, roles, session};
use crate::text::Dialect;

/// Where scratch databases come from.
#[derive(Clone, Debug, Default)]
pub struct ScratchOptions {
    pub env: Env,
    /// `--scratch-url`: a PostgreSQL server to work on instead of one of our own.
    pub url: Option<DatabaseUrl>,
    /// The major version to prefer for a server of our own.
    pub major: Option<u32>,
}

/// An empty database, gone or empty again when it is dropped.
pub struct Scratch {
    /// `None` only while being dropped.
    database: Option<Database>,
    cleanup: Cleanup,
    note: String,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.note)
    }
}

/// What has to be done at the end.
enum Cleanup {
    /// Memory goes by itself.
    Nothing,
    DropFromCluster {
        cluster: Cluster,
        name: String,
    },
    DropFromServer {
        server: DatabaseUrl,
        name: String,
        _noted: Noted,
    },
    /// The database is the user's own and was empty.
    Empty {
        _noted: Noted,
    },
}

/// Why there can be no scratch database on a server of a major version, where that is known without starting one.
pub fn absence(options: &ScratchOptions, major: Option<u32>) -> Option<String> {
    if options.url.is_some() {
        return None;
    }
    let best = binaries::servers(&options.env, major).into_iter().next().map(|found| found.major);
    match (best, major) {
        (None, _) => Some("no PostgreSQL server programs are found on this machine".to_owned()),
        (Some(best), Some(wanted)) if best != wanted => Some(format!(
            "the database is on PostgreSQL {wanted}, and this machine has the server programs of {best}"
        )),
        (Some(_), _) => None,
    }
}

/// Makes an empty database.
///
/// # Errors
/// No server, or the given database is not empty and its user may not make another.
pub fn scratch(dialect: Dialect, options: &ScratchOptions) -> Result<Scratch, ShadowError> {
    match (dialect, &options.url) {
        (Dialect::Sqlite, _) => Ok(Scratch {
            database: Some(Database::memory()?),
            cleanup: Cleanup::Nothing,
            note: format!("SQLite {} in memory", rusqlite::version()),
        }),
        (Dialect::Postgres, Some(url)) => on_server(url, None),
        (Dialect::Postgres, None) => {
            let cluster = cluster(&options.env, options.major)?;
            in_cluster(&cluster, None, USER)
        }
    }
}

/// A fresh database in a cluster of our own, to build a copy in.
pub(in crate::shadow) fn on_cluster(
    cluster: &Cluster,
    locale: Option<&session::Locale>,
) -> Result<Scratch, ShadowError> {
    cluster.need_builder()?;
    in_cluster(cluster, locale, BUILDER)
}

fn in_cluster(
    cluster: &Cluster,
    locale: Option<&session::Locale>,
    role: &str,
) -> Result<Scratch, ShadowError> {
    let name = fresh_name();
    cluster.create_database(&name, locale)?;
    let url = cluster.url_of(&name, role);
    let note = format!("a local server of {}", cluster.version());
    let cleanup = Cleanup::DropFromCluster { cluster: cluster.clone(), name };
    finish(&url, cleanup, note)
}

/// A fresh database on a given server if its user may make one, of that locale where the server has it; else the given
/// database if it is empty.
pub(in crate::shadow) fn on_server(
    url: &DatabaseUrl,
    locale: Option<&session::Locale>,
) -> Result<Scratch, ShadowError> {
    let mut database = Database::open(url, Access::ReadWrite)?;
    if database.dialect() != Dialect::Postgres {
        return Err(ShadowError::Database(
            DbError::new(
                crate::db::DbErrorKind::Unsupported,
                format!("{} is not a PostgreSQL server", database.describe()),
            )
            .hint("`--scratch-url` takes `postgres://…`; SQLite needs none"),
        ));
    }
    if database.value(&session::may_create_database())?.as_deref() == Some("true") {
        return match fresh(&mut database, url, |name| session::create_database(name, locale)) {
            Err(ShadowError::Database(error))
                if locale.is_some() && error.kind == crate::db::DbErrorKind::Sql =>
            {
                fresh(&mut database, url, |name| session::create_database(name, None))
            }
            outcome => outcome,
        };
    }
    given::claim(&mut database)?;
    let _noted = leftover::note(Leftover::Given(url.clone()));
    let note = format!("the empty database {}", database.describe());
    Ok(Scratch { database: Some(database), cleanup: Cleanup::Empty { _noted }, note })
}

/// A fresh database on a server whose user may make one.
pub(in crate::shadow) fn fresh_on_server(
    url: &DatabaseUrl,
    locale: Option<&session::Locale>,
) -> Result<Scratch, ShadowError> {
    let mut server = Database::open(url, Access::ReadWrite)?;
    fresh(&mut server, url, |name| session::create_database(name, locale))
}

/// A fresh database that the server copies from another one.
pub(in crate::shadow) fn fresh_copy(
    server: &mut Database,
    url: &DatabaseUrl,
    template: &str,
    major: u32,
) -> Result<Scratch, ShadowError> {
    fresh(server, url, |name| roles::copy_database(name, template, major))
}

/// Makes a database, says on it who made it, and removes those whose makers are gone.
fn fresh(
    server: &mut Database,
    url: &DatabaseUrl,
    create: impl Fn(&str) -> Sql,
) -> Result<Scratch, ShadowError> {
    sweep(server)?;
    let name = fresh_name();
    let note = format!("a fresh database on {}", server.describe());
    // The server must be reached by another database than the one that goes.
    let home = match server {
        Database::Postgres(server) => DatabaseUrl::Postgres(Box::new(server.url().clone())),
        Database::Sqlite(_) => url.clone(),
    };
    // Noted before it is there: asked to end in between, the process still drops it.
    let _noted = leftover::note(Leftover::Database { server: home.clone(), name: name.clone() });
    server.execute(&create(&name))?;
    let cleanup = Cleanup::DropFromServer { server: home, name: name.clone(), _noted };
    let scratch = finish(&url.with_database(&name), cleanup, note)?;
    server.execute(&roles::mark_database(&name, &given::mark()))?;
    Ok(scratch)
}

/// Drops databases that killed processes of this machine left behind.
fn sweep(server: &mut Database) -> Result<(), ShadowError> {
    for row in server.rows(&roles::marked_databases())? {
        let mut values = row.into_iter();
        let Some(name) = values.next().flatten() else { continue };
        let mark = values.next().flatten().unwrap_or_default();
        let is_orphan = match given::maker(&mark) {
            Maker::Gone => true,
            Maker::Alive | Maker::Elsewhere(_) => false,
            // Its maker was killed before it could say so.
            Maker::Unknown => is_old(&name),
        };
        if is_orphan {
            // Somebody else's cannot be dropped, and is not ours to drop.
            let _ = server.execute(&session::drop_database(&name));
        }
    }
    Ok(())
}

/// Opens the new database; if that fails it is dropped again.
fn finish(url: &DatabaseUrl, cleanup: Cleanup, note: String) -> Result<Scratch, ShadowError> {
    let mut scratch = Scratch { database: None, cleanup, note };
    scratch.database = Some(Database::open(url, Access::ReadWrite)?);
    Ok(scratch)
}

/// Whether a database was made so long ago that its maker must have put its mark on it.
fn is_old(name: &str) -> bool {
    const PATIENCE_MS: i64 = 10 * 60 * 1000;
    let made =
        name.strip_prefix(PREFIX).and_then(|rest| rest.split('_').next()?.parse::<i64>().ok());
    made.is_some_and(|made| jiff::Timestamp::now().as_millisecond() - made > PATIENCE_MS)
}

const PREFIX: &str = "migrate_shadow_";

/// Unique on a server: time, process, then a counter.
fn fresh_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let time = jiff::Timestamp::now().as_millisecond();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{time}_{}_{count}", std::process::id())
}

impl Scratch {
    /// The database itself.
    ///
    /// # Panics
    /// Never: the database is there until the scratch is dropped.
    pub fn database(&mut self) -> &mut Database {
        self.database.as_mut().expect("a scratch holds its database until it is dropped")
    }

    /// The database where it may be held on to; `None` where the next scratch database would be the same one, which
    /// is therefore emptied now.
    pub fn lasting(self) -> Option<Self> {
        match &self.cleanup {
            Cleanup::Nothing | Cleanup::Empty { .. } => None,
            Cleanup::DropFromCluster { .. } | Cleanup::DropFromServer { .. } => Some(self),
        }
    }

    /// Opens the database anew: its session is then as no script has set it.
    ///
    /// # Errors
    /// No connection.
    pub fn reopen(&mut self) -> Result<(), ShadowError> {
        let url = match &self.cleanup {
            Cleanup::Nothing | Cleanup::Empty { .. } => return Ok(()),
            Cleanup::DropFromCluster { cluster, name } => cluster.url(name),
            Cleanup::DropFromServer { server, name, .. } => server.with_database(name),
        };
        self.database = Some(Database::open(&url, Access::ReadWrite)?);
        Ok(())
    }

    /// Opens the database by another address, such as that of another role.
    ///
    /// # Errors
    /// No connection.
    pub(in crate::shadow) fn reopen_at(&mut self, url: &DatabaseUrl) -> Result<(), ShadowError> {
        self.database = Some(Database::open(url, Access::ReadWrite)?);
        Ok(())
    }

    /// The name of the database, where it was made for this.
    pub(in crate::shadow) fn name(&self) -> Option<&str> {
        match &self.cleanup {
            Cleanup::Nothing | Cleanup::Empty { .. } => None,
            Cleanup::DropFromCluster { name, .. } | Cleanup::DropFromServer { name, .. } => {
                Some(name)
            }
        }
    }

    /// Where it is, for people.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Sees to it that roles are there: a cluster of our own gets those it lacks.
    ///
    /// # Errors
    /// [`ShadowError::MissingRoles`] names those that a server which is not ours lacks.
    pub fn need_roles<'a>(
        &mut self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), ShadowError> {
        if let Some(cluster) = self.cluster() {
            return cluster.create_roles(names);
        }
        let place = self.note.clone();
        let roles = self.database().missing_roles(names)?;
        if roles.is_empty() { Ok(()) } else { Err(ShadowError::MissingRoles { place, roles }) }
    }

    /// Whether roles may be made here without anybody else seeing them.
    pub fn cluster(&self) -> Option<&Cluster> {
        match &self.cleanup {
            Cleanup::DropFromCluster { cluster, .. } => Some(cluster),
            Cleanup::Nothing | Cleanup::DropFromServer { .. } | Cleanup::Empty { .. } => None,
        }
    }
}

impl Drop for Scratch {
    /// Errors have nowhere to go here; a database that stays is named so that people know what it is.
    fn drop(&mut self) {
        match &self.cleanup {
            Cleanup::Nothing => {}
            Cleanup::DropFromCluster { cluster, name } => {
                self.database = None;
                let _ = cluster.drop_database(name);
            }
            Cleanup::DropFromServer { server, name, .. } => {
                self.database = None;
                let _ = drop_from(server, name);
            }
            Cleanup::Empty { .. } => {
                if let Some(database) = &mut self.database {
                    let _ = given::give_back(database);
                }
            }
        }
    }
}

/// Drops a database of ours by way of another one of its server: the one it was made from, which may be gone, or those
/// that every server has.
///
/// # Errors
/// The last one's.
pub(in crate::shadow) fn drop_from(server: &DatabaseUrl, name: &str) -> Result<(), DbError> {
    let homes =
        [server.clone(), server.with_database("postgres"), server.with_database("template1")];
    let mut outcome = Ok(());
    for home in homes {
        outcome = Database::open(&home, Access::ReadWrite)
            .and_then(|mut database| database.execute(&session::drop_database(name)))
            .map(|_| ());
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}
