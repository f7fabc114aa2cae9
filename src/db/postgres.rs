//! One connection to a PostgreSQL server.

use std::borrow::Cow;
use std::io::{BufRead, Write};
use std::time::Duration;

use postgres::config::SslMode;
use postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::error::{DbError, DbErrorKind, from_postgres};
use super::running::{self, Running};
use super::url::{PostgresUrl, TlsMode};
use super::{Access, OpenOptions, Row, TakeRow, tls};
use crate::dialect::{Sql, session};

/// The oldest server that is supported.
const OLDEST: u32 = 130_000;

/// A connection with its address, so that a second one can be opened.
pub struct PostgresDb {
    pub(super) client: Client,
    _running: Running,
    url: PostgresUrl,
    access: Access,
    options: OpenOptions,
    /// Transactions that stand in one that is rolled back; `None` where transactions are real.
    nested: Option<Vec<session::Mode>>,
    /// What is said at the end of everything that writes, where it is to be known later what was written here.
    trail: Option<Sql>,
    /// Whether a transaction is open that [`PostgresDb::begin`] opened.
    is_open: bool,
    version_number: u32,
    version: String,
    is_standby: bool,
    /// The server's process of this session, once somebody asked.
    process: Option<String>,
}

impl PostgresDb {
    /// Connects and sets the session up.
    ///
    /// # Errors
    /// `Connect`, `Auth`, `NotFound` (no such database), `Unsupported` (server too old).
    pub fn open(url: &PostgresUrl, access: Access, options: &OpenOptions) -> Result<Self, DbError> {
        let client = connect(url)?;
        let mut database = PostgresDb {
            _running: running::note(client.cancel_token(), url),
            client,
            url: url.clone(),
            access,
            options: options.clone(),
            nested: None,
            trail: None,
            is_open: false,
            version_number: 0,
            version: String::new(),
            is_standby: false,
            process: None,
        };
        let writes = match access {
            Access::ReadOnly => session::Writes::Refused,
            Access::ReadWrite | Access::Create => session::Writes::Allowed,
        };
        let settings =
            session::postgres_settings(options.lock_timeout, options.statement_timeout, writes);
        database.execute(&settings)?;
        if let Some(role) = &options.role {
            database.execute(&session::set_role(role)).map_err(|error| {
                let hint = format!(
                    "`role` in migrate.toml: let the user act as it, `GRANT {role} TO {}`",
                    url.user
                );
                error.hint(hint)
            })?;
        }
        database.read_version()?;
        if database.is_standby && access != Access::ReadOnly {
            let message = "this server is a standby, which can only be read";
            return Err(DbError::new(DbErrorKind::ReadOnly, message).hint(
                "name the server that it follows; `rehearse`, `verify` and `status` work here too",
            ));
        }
        Ok(database)
    }

    /// Another session on the same database with the same settings.
    ///
    /// # Errors
    /// As `open`.
    pub fn second(&self) -> Result<Self, DbError> {
        PostgresDb::open(&self.url, Access::ReadWrite, &self.options)
    }

    fn read_version(&mut self) -> Result<(), DbError> {
        let rows = self.rows(&session::postgres_version())?;
        let mut values = rows.into_iter().next().unwrap_or_default().into_iter().flatten();
        let number = values.next().and_then(|text| text.parse().ok());
        let (Some(number), Some(version)) = (number, values.next()) else {
            return Err(DbError::new(
                DbErrorKind::Unsupported,
                "this server does not say which PostgreSQL it is",
            ));
        };
        if number < OLDEST {
            return Err(DbError::new(
                DbErrorKind::Unsupported,
                format!("PostgreSQL {version} is too old; 13 is the oldest that is supported"),
            ));
        }
        self.is_standby = values.next().as_deref() == Some("true");
        self.version_number = number;
        self.version = version;
        Ok(())
    }

    /// 15 for 15.18.
    pub fn major(&self) -> u32 {
        self.version_number / 10_000
    }

    /// The number of the server process that answers.
    ///
    /// # Errors
    /// What the server says.
    pub fn process(&mut self) -> Result<String, DbError> {
        if let Some(process) = &self.process {
            return Ok(process.clone());
        }
        let process = self.texts(&session::server_process())?.into_iter().next();
        self.process.clone_from(&process);
        Ok(process.unwrap_or_default())
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether the server follows another one, and can only be read.
    pub fn is_standby(&self) -> bool {
        self.is_standby
    }

    pub fn url(&self) -> &PostgresUrl {
        &self.url
    }

    /// What it was opened for.
    pub fn access(&self) -> Access {
        self.access
    }

    /// How it waits.
    pub fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// From here on transactions are places in the one that is open.
    pub fn nest(&mut self) {
        self.nested = Some(Vec::new());
    }

    /// Whether transactions are places in one that is rolled back.
    pub fn is_nested(&self) -> bool {
        self.nested.is_some()
    }

    /// Whether such a transaction is open.
    pub fn is_nested_open(&self) -> bool {
        self.nested.as_ref().is_some_and(|open| !open.is_empty())
    }

    /// Transactions are real again; the open one is still open.
    pub fn unnest(&mut self) {
        self.nested = None;
    }

    /// From here on a statement follows all that is written: in the same transaction where one is open, else after it.
    /// It must not fail where it cannot do its work.
    pub fn leave_trail(&mut self, statement: Sql) {
        self.trail = Some(statement);
    }

    /// Says the trail's statement; it tells of what was done, and must not stand in its way.
    fn tread(&mut self) {
        if let Some(statement) = self.trail.clone() {
            let _ = self.client.simple_query(statement.as_str());
        }
    }

    /// Opens a transaction.
    ///
    /// # Errors
    /// What the server says.
    pub fn begin(&mut self, mode: session::Mode) -> Result<(), DbError> {
        let sql = match &mut self.nested {
            None => session::begin(crate::text::Dialect::Postgres, mode),
            Some(open) => {
                open.push(mode);
                session::nested_begin(open.len())
            }
        };
        self.is_open = true;
        self.execute(&sql).map(|_| ())
    }

    /// Keeps what the open transaction did.
    ///
    /// # Errors
    /// What the server says.
    pub fn commit(&mut self) -> Result<(), DbError> {
        let sql = match &mut self.nested {
            None => session::commit(),
            Some(open) => {
                let depth = open.len();
                match open.pop() {
                    // Settings for the length of a transaction would outlast this one.
                    Some(session::Mode::Snapshot) => session::nested_rollback(depth),
                    Some(session::Mode::Write) => session::nested_commit(depth),
                    None => return Ok(()),
                }
            }
        };
        self.tread();
        let outcome = self.send(&sql).map(|_| ());
        self.is_open = false;
        outcome
    }

    /// Drops what the open transaction did.
    ///
    /// # Errors
    /// What the server says.
    pub fn rollback(&mut self) -> Result<(), DbError> {
        let sql = match &mut self.nested {
            None => session::rollback(),
            Some(open) => {
                let depth = open.len();
                if open.pop().is_none() {
                    return Ok(());
                }
                session::nested_rollback(depth)
            }
        };
        let outcome = self.send(&sql).map(|_| ());
        self.is_open = false;
        outcome
    }

    /// Runs one statement or several; the sum of the rows they changed or returned.
    ///
    /// # Errors
    /// What the server says.
    pub fn execute(&mut self, sql: &Sql) -> Result<u64, DbError> {
        if self.is_nested() && session::ends_transaction(sql) {
            return Err(DbError::new(
                DbErrorKind::Unsupported,
                "this statement would end the transaction that is to be rolled back",
            )
            .hint("rehearse on another shadow: `--shadow local` or `--shadow server`"));
        }
        let affected = self.send(sql)?;
        if !self.is_open {
            self.tread();
        }
        Ok(affected)
    }

    fn send(&mut self, sql: &Sql) -> Result<u64, DbError> {
        let mut affected = 0;
        self.each_message(sql, |message| {
            if let SimpleQueryMessage::CommandComplete(rows) = message {
                affected += rows;
            }
        })?;
        Ok(affected)
    }

    /// The values of a query as the server prints them.
    ///
    /// # Errors
    /// What the server says.
    pub fn rows(&mut self, sql: &Sql) -> Result<Vec<Row>, DbError> {
        let mut rows = Vec::new();
        self.each_message(sql, |message| {
            if let SimpleQueryMessage::Row(row) = message {
                rows.push((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect());
            }
        })?;
        Ok(rows)
    }

    /// Hands over the rows of one query as the server prints them, as they come.
    ///
    /// # Errors
    /// What the server says, and what `take` says.
    pub fn each_row(&mut self, sql: &Sql, take: &mut TakeRow<'_>) -> Result<(), DbError> {
        let copy = session::copy_out(sql);
        let reader = self.client.copy_out(copy.as_str());
        let mut reader = reader.map_err(|error| from_postgres(&error, copy.as_str()))?;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line).map_err(from_io)? == 0 {
                return Ok(());
            }
            let cells = line.trim_end_matches('\n').split('\t');
            let texts: Vec<Option<Cow<'_, str>>> = cells.map(unescaped).collect();
            let row: Vec<Option<&str>> = texts.iter().map(|text| text.as_deref()).collect();
            take(&row)?;
        }
    }

    /// The first value of each row, as the server prints it; NULL is left out.
    ///
    /// # Errors
    /// What the server says.
    pub fn texts(&mut self, sql: &Sql) -> Result<Vec<String>, DbError> {
        let mut texts = Vec::new();
        self.each_message(sql, |message| {
            if let SimpleQueryMessage::Row(row) = message {
                texts.extend(row.get(0).map(str::to_owned));
            }
        })?;
        Ok(texts)
    }

    fn each_message(
        &mut self,
        sql: &Sql,
        mut take: impl FnMut(SimpleQueryMessage),
    ) -> Result<(), DbError> {
        let messages = self
            .client
            .simple_query(sql.as_str())
            .map_err(|error| explain(from_postgres(&error, sql.as_str()), &self.url))?;
        messages.into_iter().for_each(&mut take);
        Ok(())
    }

    /// A token that another thread may use to stop the running statement.
    pub fn cancel_token(&self) -> (postgres::CancelToken, PostgresUrl) {
        (self.client.cancel_token(), self.url.clone())
    }
}

/// What went wrong while rows went from one session to another.
pub enum StreamError {
    Source(DbError),
    Target(DbError),
}

impl StreamError {
    /// One error of both.
    pub fn side<E>(
        self,
        source: impl FnOnce(DbError) -> E,
        target: impl FnOnce(DbError) -> E,
    ) -> E {
        match self {
            StreamError::Source(error) => source(error),
            StreamError::Target(error) => target(error),
        }
    }
}

/// How many bytes are passed on at once.
const CHUNK: usize = 64 << 10;

/// Passes what a `COPY … TO STDOUT` of one session sends to a `COPY … FROM STDIN` of another; how many rows.
///
/// # Errors
/// What either server says; the target then keeps nothing of it.
pub fn stream(
    source: &mut PostgresDb,
    out: &Sql,
    target: &mut PostgresDb,
    into: &Sql,
) -> Result<u64, StreamError> {
    let of_source =
        |error: &postgres::Error| StreamError::Source(from_postgres(error, out.as_str()));
    let of_target =
        |error: &postgres::Error| StreamError::Target(from_postgres(error, into.as_str()));
    let mut reader = source.client.copy_out(out.as_str()).map_err(|error| of_source(&error))?;
    let mut writer = target.client.copy_in(into.as_str()).map_err(|error| of_target(&error))?;
    let mut held = Vec::with_capacity(2 * CHUNK);
    loop {
        let chunk = reader.fill_buf().map_err(|error| StreamError::Source(from_io(error)))?;
        let length = chunk.len();
        held.extend_from_slice(chunk);
        reader.consume(length);
        if held.len() >= CHUNK || (length == 0 && !held.is_empty()) {
            if let Err(error) = writer.write_all(&held) {
                // What the server said comes with the end.
                return Err(match writer.finish() {
                    Err(said) => of_target(&said),
                    Ok(_) => StreamError::Target(from_io(error)),
                });
            }
            held.clear();
        }
        if length == 0 {
            let rows = writer.finish().map_err(|error| of_target(&error))?;
            if !target.is_open {
                target.tread();
            }
            return Ok(rows);
        }
    }
}

/// A cell of COPY's text format. Source: PostgreSQL manual, COPY, "Text Format".
fn unescaped(cell: &str) -> Option<Cow<'_, str>> {
    if cell == "\\N" {
        return None;
    }
    if !cell.contains('\\') {
        return Some(Cow::Borrowed(cell));
    }
    let mut text = String::with_capacity(cell.len());
    let mut characters = cell.chars();
    while let Some(one) = characters.next() {
        match (one, one == '\\') {
            (_, true) => text.push(match characters.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('v') => '\u{b}',
                Some(other) => other,
                None => '\\',
            }),
            (other, false) => text.push(other),
        }
    }
    Some(Cow::Owned(text))
}

pub(super) fn from_io(error: std::io::Error) -> DbError {
    let text = error.to_string();
    match error.into_inner().and_then(|inner| inner.downcast::<postgres::Error>().ok()) {
        Some(error) => from_postgres(&error, ""),
        None => DbError::new(DbErrorKind::Connect, text),
    }
}

/// Asks the server to stop what a connection runs.
///
/// # Errors
/// `Connect`.
pub fn cancel(token: &postgres::CancelToken, url: &PostgresUrl) -> Result<(), DbError> {
    let outcome = match encryption(url) {
        SslMode::Disable => token.cancel_query(NoTls),
        _ => token.cancel_query(tls::connector(&url.tls)?),
    };
    outcome.map_err(|error| explain(from_postgres(&error, ""), url))
}

fn connect(url: &PostgresUrl) -> Result<Client, DbError> {
    let mut config = Config::new();
    for host in &url.hosts {
        config.host(&host.name).port(host.port);
    }
    config
        .user(&url.user)
        .dbname(&url.database)
        .application_name(&url.application_name)
        .connect_timeout(url.connect_timeout)
        .keepalives_idle(Duration::from_secs(30))
        .ssl_mode(encryption(url));
    if let Some(password) = &url.password {
        config.password(password.reveal());
    }
    if let Some(options) = &url.options {
        config.options(options);
    }
    let client = match encryption(url) {
        SslMode::Disable => config.connect(NoTls),
        _ => config.connect(tls::connector(&url.tls)?),
    };
    client.map_err(|error| explain(from_postgres(&error, ""), url))
}

/// Sockets are never encrypted, whatever the mode says. Source: PostgreSQL manual 34.1.2, `sslmode`.
fn encryption(url: &PostgresUrl) -> SslMode {
    if url.hosts.iter().all(super::url::Host::is_socket) {
        return SslMode::Disable;
    }
    match url.tls.mode {
        TlsMode::Disable => SslMode::Disable,
        TlsMode::Prefer => SslMode::Prefer,
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
    }
}

/// Adds where it happened and what to do next.
fn explain(mut error: DbError, url: &PostgresUrl) -> DbError {
    // The client's own messages for these are about the client, not about the database.
    if error.sqlstate.is_none() && error.message.contains("password missing") {
        error.kind = DbErrorKind::Auth;
    }
    let hint = match error.kind {
        DbErrorKind::Connect if error.sqlstate.is_none() => {
            error.message = format!("cannot reach {url}: {}", error.message);
            Some(if error.message.contains("TLS") {
                "check `sslmode` and `sslrootcert`: they say how the server's certificate is checked"
            } else {
                "check host and port, and that the server runs and accepts connections from here"
            })
        }
        DbErrorKind::Auth if error.sqlstate.as_deref() != Some("42501") => {
            error.message = format!("{url} refuses the connection: {}", error.message);
            Some("check user and password: in the URL, in PGPASSWORD, or in ~/.pgpass (mode 0600)")
        }
        DbErrorKind::NotFound => {
            Some("check the name at the end of the URL, or make it with `createdb`")
        }
        DbErrorKind::Busy => Some("somebody else holds a lock; run the command again"),
        DbErrorKind::Cancelled => Some(
            "a timeout (`statement_timeout_ms`, or one of the server) or somebody stopped the statement; run the command \
             again",
        ),
        DbErrorKind::Connect
        | DbErrorKind::Auth
        | DbErrorKind::NotADatabase
        | DbErrorKind::ReadOnly
        | DbErrorKind::Sql
        | DbErrorKind::Constraint
        | DbErrorKind::Unsupported => None,
    };
    if error.hint.is_none() {
        error.hint = hint.map(str::to_owned);
    }
    error
}
