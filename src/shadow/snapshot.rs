//! A copy of a whole database, schema and rows, to rehearse a migration on.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::ShadowError;
use super::binaries::{self, Binaries};
use super::cluster::cluster;
use super::extent::{Extent, Provider, RowCount, Share, TableExtent};
use super::options::{Choice, SnapshotOptions};
use super::scratch::{Scratch, on_cluster, on_server};
use super::temporary::{self, Kept};
use crate::db::postgres::PostgresDb;
use crate::db::sqlite::SqliteDb;
use crate::db::url::{PostgresUrl, SqlitePlace};
use crate::db::{Access, Database, DbError, DbErrorKind, Env, Mode, OpenOptions};
use crate::dialect::session::{self, Locale};

/// A copy, gone when it is dropped.
pub struct Shadow {
    place: Place,
    extent: Extent,
    note: String,
    warnings: Vec<String>,
}

enum Place {
    Server(Box<Scratch>),
    /// The database is closed before its folder goes: fields are dropped in order.
    File {
        database: Box<Database>,
        _folder: Kept,
    },
}

impl Shadow {
    pub fn database(&mut self) -> &mut Database {
        match &mut self.place {
            Place::Server(scratch) => scratch.database(),
            Place::File { database, .. } => database,
        }
    }

    /// What it holds of its source; evidence carries it.
    pub fn extent(&self) -> &Extent {
        &self.extent
    }

    /// Another session on the copy, with every right that can be had there: for looking on while a plan runs.
    ///
    /// # Errors
    /// No connection; SQLite's copy is opened anew.
    pub fn observer(&mut self) -> Result<Database, ShadowError> {
        let observer = match self.database() {
            Database::Postgres(database) => Database::Postgres(Box::new(database.second()?)),
            Database::Sqlite(database) => Database::Sqlite(Box::new(SqliteDb::open(
                database.place(),
                Access::ReadWrite,
                &OpenOptions::default(),
            )?)),
        };
        Ok(observer)
    }

    /// Which provider was used and why, for people.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// What makes this copy less than the original.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Copies a database; nothing is written to it.
///
/// # Errors
/// No server or client programs, a source that cannot be read whole, no room.
pub fn snapshot(source: &mut Database, options: &SnapshotOptions) -> Result<Shadow, ShadowError> {
    let mut shadow = match source {
        Database::Sqlite(database) => copy_sqlite(database, options)?,
        Database::Postgres(_) => {
            // The snapshot that pg_dump reads lives as long as this transaction.
            source.begin(Mode::Snapshot)?;
            let outcome = copy_postgres(source, options);
            let ended = source.rollback();
            let shadow = outcome?;
            ended?;
            shadow
        }
    };
    shadow.extent = whole_extent(&mut shadow, options)?;
    Ok(shadow)
}

/// The extent of a copy that holds all rows, counted in the copy.
fn whole_extent(shadow: &mut Shadow, options: &SnapshotOptions) -> Result<Extent, ShadowError> {
    let provider = match (&shadow.place, &options.provider) {
        (Place::File { .. }, _) => Provider::File,
        (Place::Server(_), Choice::Url(_)) => Provider::Url,
        (Place::Server(_), _) => Provider::Local,
    };
    let reason = shadow.note.clone();
    let database = shadow.database();
    let dialect = database.dialect();
    let mut tables = Vec::new();
    for name in database.inspect()?.tables.into_keys() {
        let rows = database.value(&session::count_rows(dialect, &name))?;
        let rows = rows.and_then(|text| text.parse().ok()).unwrap_or_default();
        let (of, share) = (RowCount::Exactly(rows), Share::Whole);
        tables.push(TableExtent { table: name, rows, of, share, masked: Vec::new() });
    }
    Ok(Extent { provider, reason, seed: options.seed, tables, absent: shadow.warnings.clone() })
}

/// All pages in one step: writers of a WAL database go on meanwhile. Source: sqlite.org/backup.html.
fn copy_sqlite(source: &SqliteDb, options: &SnapshotOptions) -> Result<Shadow, ShadowError> {
    let folder = Kept(temporary::folder(&options.env.temporary_folder(), temporary::COPY)?);
    let path = folder.0.join("shadow.db");
    make_private_file(&path).map_err(|error| ShadowError::file("make", &path, error))?;
    let place = SqlitePlace::File(path);
    let mut copy = SqliteDb::open(&place, Access::Create, &OpenOptions::default())?;
    crate::db::sqlite::copy_pages(source, &mut copy)?;
    copy.execute(&session::sqlite_unsafe_fast())?;
    Ok(Shadow {
        place: Place::File {
            database: Box::new(Database::Sqlite(Box::new(copy))),
            _folder: folder,
        },
        extent: Extent::default(),
        note: "a copy of the file".to_owned(),
        warnings: Vec::new(),
    })
}

#[cfg(unix)]
fn make_private_file(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(|_| ())
}

#[cfg(not(unix))]
fn make_private_file(path: &std::path::Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().write(true).create_new(true).open(path).map(|_| ())
}

fn copy_postgres(source: &mut Database, options: &SnapshotOptions) -> Result<Shadow, ShadowError> {
    let name = source.describe();
    let locale = locale(source)?;
    let roles = source.role_names()?;
    let snapshot = source.value(&session::export_snapshot())?.unwrap_or_default();
    let Database::Postgres(source) = source else {
        return Err(ShadowError::Database(DbError::new(
            DbErrorKind::Unsupported,
            format!("{name} is not a PostgreSQL database"),
        )));
    };
    let client = client(&options.env, source.major(), &name)?;
    let (mut scratch, mut warnings) = target(source, options, &locale)?;
    let owners = match scratch.cluster() {
        Some(cluster) => {
            cluster.create_roles(roles.iter().map(String::as_str))?;
            Owners::Kept
        }
        None => {
            warnings.push(
                "owners and rights are left out: they are roles of another server".to_owned(),
            );
            Owners::LeftOut
        }
    };
    let Database::Postgres(copy) = scratch.database() else {
        return Err(ShadowError::Database(DbError::new(
            DbErrorKind::Unsupported,
            "the shadow is not a PostgreSQL database",
        )));
    };
    transfer(&client, source, copy, &snapshot, owners)?;
    let note = format!("{}, filled with all rows by {}", scratch.note(), client.version);
    Ok(Shadow {
        place: Place::Server(Box::new(scratch)),
        extent: Extent::default(),
        note,
        warnings,
    })
}

fn client(env: &Env, major: u32, name: &str) -> Result<Binaries, ShadowError> {
    binaries::clients(env)
        .into_iter()
        .find(|client| client.major >= major)
        .ok_or_else(|| ShadowError::NoClient { major, source_name: name.to_owned() })
}

fn locale(source: &mut Database) -> Result<Locale, DbError> {
    let rows = source.rows(&session::database_locale())?;
    let mut values =
        rows.into_iter().next().unwrap_or_default().into_iter().map(Option::unwrap_or_default);
    let mut next = || values.next().unwrap_or_default();
    Ok(Locale { encoding: next(), collate: next(), ctype: next() })
}

/// An empty database for the copy, and in what it differs from the source's server.
fn target(
    source: &PostgresDb,
    options: &SnapshotOptions,
    locale: &Locale,
) -> Result<(Scratch, Vec<String>), ShadowError> {
    let mut warnings = Vec::new();
    if let Choice::Url(url) = &options.provider {
        return Ok((on_server(url)?, warnings));
    }
    let cluster = cluster(&options.env, Some(source.major()))?;
    if cluster.major() != source.major() {
        warnings.push(format!(
            "rehearsed on PostgreSQL {}, but the database is on {}; install the server programs of {} \
             for a copy of the same version",
            cluster.major(),
            source.major(),
            source.major()
        ));
    }
    match on_cluster(&cluster, Some(locale)) {
        Ok(scratch) => Ok((scratch, warnings)),
        Err(ShadowError::Database(error)) if error.kind == DbErrorKind::Sql => {
            warnings.push(format!(
                "the locale `{}` is not on this machine ({}); the copy sorts text by bytes",
                locale.collate, error.message
            ));
            Ok((on_cluster(&cluster, None)?, warnings))
        }
        Err(error) => Err(error),
    }
}

/// Whether the copy says whom its objects belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owners {
    Kept,
    LeftOut,
}

/// Pipes `pg_dump` into `psql`, leaving out lines that the other server would not know.
fn transfer(
    client: &Binaries,
    source: &PostgresDb,
    copy: &PostgresDb,
    snapshot: &str,
    owners: Owners,
) -> Result<(), ShadowError> {
    let mut dump = Command::new(client.program("pg_dump"));
    // Never ask for a password: nobody may be there to answer.
    dump.args(["--format=plain", "--no-password"])
        .args(["--no-publications", "--no-subscriptions", "--no-tablespaces"])
        .args(match owners {
            Owners::Kept => &[][..],
            Owners::LeftOut => &["--no-owner", "--no-privileges"][..],
        })
        .arg(format!("--snapshot={snapshot}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    connection_settings(&mut dump, source.url());
    let mut psql = Command::new(client.program("psql"));
    psql.args(["-X", "-q", "-w", "-v", "ON_ERROR_STOP=1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    connection_settings(&mut psql, copy.url());
    let mut dump = spawn(&mut dump, client.program("pg_dump"))?;
    let mut psql = spawn(&mut psql, client.program("psql"))?;
    // Read on the side: a program that waits for its messages to be read never ends.
    let (dump_messages, psql_messages) = (messages(&mut dump), messages(&mut psql));
    let piped = pipe(dump.stdout.take(), psql.stdin.take(), copy.major());
    // If psql has stopped, pg_dump ends on its closed pipe and psql's message is the one that tells.
    let written = end(&mut psql, "psql", psql_messages);
    if written.is_err() {
        let _ = dump.kill();
    }
    let read = end(&mut dump, "pg_dump", dump_messages);
    written?;
    read?;
    piped.map_err(|error| ShadowError::Program {
        program: "pg_dump".to_owned(),
        message: format!("cannot pass its output on: {error}"),
    })
}

fn spawn(command: &mut Command, path: PathBuf) -> Result<Child, ShadowError> {
    command.spawn().map_err(|error| ShadowError::file("run", &path, error))
}

type Messages = Option<std::thread::JoinHandle<String>>;

fn messages(child: &mut Child) -> Messages {
    let stderr = child.stderr.take()?;
    Some(std::thread::spawn(move || {
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        // The first messages tell; a million more would only fill memory.
        lines
            .enumerate()
            .filter(|(at, _)| *at < 20)
            .map(|(_, line)| line)
            .collect::<Vec<_>>()
            .join("\n")
    }))
}

fn end(child: &mut Child, program: &str, messages: Messages) -> Result<(), ShadowError> {
    let failure = |message: String| ShadowError::Program { program: program.to_owned(), message };
    let status = child.wait().map_err(|error| failure(error.to_string()))?;
    let text = messages.and_then(|thread| thread.join().ok()).unwrap_or_default();
    if status.success() { Ok(()) } else { Err(failure(text)) }
}

fn pipe(
    from: Option<impl std::io::Read>,
    to: Option<ChildStdin>,
    major: u32,
) -> std::io::Result<()> {
    let (Some(from), Some(mut to)) = (from, to) else { return Ok(()) };
    let mut from = BufReader::with_capacity(1 << 18, from);
    let mut line = Vec::new();
    let mut rows = Rows::Outside;
    while from.read_until(b'\n', &mut line)? > 0 {
        if rows == Rows::Inside || is_understood(&line, major) {
            to.write_all(&line)?;
        }
        rows = rows.after(&line);
        line.clear();
    }
    to.flush()
}

/// Whether a line of a dump is a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    Inside,
    Outside,
}

impl Rows {
    fn after(self, line: &[u8]) -> Self {
        match self {
            Rows::Inside if line == b"\\.\n" => Rows::Outside,
            Rows::Outside if line.starts_with(b"COPY ") && line.ends_with(b" FROM stdin;\n") => {
                Rows::Inside
            }
            same => same,
        }
    }
}

/// PostgreSQL 17 added `transaction_timeout`. Minor versions of late 2026 keep `pg_attver` in the column options, which
/// an older pg_dump writes out and other servers refuse.
fn is_understood(line: &[u8], major: u32) -> bool {
    let text = String::from_utf8_lossy(line);
    let timeout = major < 17 && text.starts_with("SET transaction_timeout");
    let version = text.starts_with("ALTER TABLE") && text.contains(" SET (pg_attver=");
    !timeout && !version
}

/// Tells a client program where to go. Variables, not arguments: arguments can be seen by every user.
fn connection_settings(command: &mut Command, url: &PostgresUrl) {
    for name in ["PGSERVICE", "PGHOSTADDR", "PGPASSWORD", "PGOPTIONS", "PGSSLROOTCERT"] {
        command.env_remove(name);
    }
    let hosts: Vec<&str> = url.hosts.iter().map(|host| host.name.as_str()).collect();
    let ports: Vec<String> = url.hosts.iter().map(|host| host.port.to_string()).collect();
    command
        .env("PGHOST", hosts.join(","))
        .env("PGPORT", ports.join(","))
        .env("PGUSER", &url.user)
        .env("PGDATABASE", &url.database)
        .env("PGSSLMODE", url.tls.mode.name())
        .env("PGAPPNAME", "migrate")
        .env("PGCLIENTENCODING", "UTF8");
    if let Some(password) = &url.password {
        command.env("PGPASSWORD", password.reveal());
    }
    if let Some(options) = &url.options {
        command.env("PGOPTIONS", options);
    }
    if let Some(path) = &url.tls.root_certificate {
        command.env("PGSSLROOTCERT", path);
    }
    if let Some((certificate, key)) = &url.tls.certificate {
        command.env("PGSSLCERT", certificate).env("PGSSLKEY", key);
    }
}
