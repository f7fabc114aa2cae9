//! Where a database is, from a URL, `PG*` variables and `~/.pgpass`; passwords are never printed.
//!
//! Source: PostgreSQL manual 34.1.1 "Connection Strings", 34.15 "Environment Variables".

use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::env::Env;
use super::pgpass;

/// A text that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for the one who needs it to connect.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// The address of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    Postgres(Box<PostgresUrl>),
    Sqlite(SqlitePlace),
}

/// Where a SQLite database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SqlitePlace {
    File(PathBuf),
    /// Gone when the connection closes.
    Memory,
}

/// Everything needed to reach a PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresUrl {
    /// Tried in order.
    pub hosts: Vec<Host>,
    pub user: String,
    pub password: Option<Secret>,
    pub database: String,
    pub tls: Tls,
    /// What the user calls this program in `pg_stat_activity`.
    pub application_name: String,
    /// `-c name=value` words for the server.
    pub options: Option<String>,
    pub connect_timeout: Duration,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name, an address, or the folder of a Unix socket.
    pub name: String,
    pub port: u16,
}

impl Host {
    pub fn is_socket(&self) -> bool {
        self.name.starts_with('/')
    }
}

/// How the connection is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    pub mode: TlsMode,
    /// Certificates that may sign the server's; absent: those of the system.
    pub root_certificate: Option<PathBuf>,
    /// The client's own certificate and key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// libpq's `sslmode`. Source: PostgreSQL manual 34.19.1, table "SSL Mode Descriptions".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    Disable,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl TlsMode {
    fn parse(text: &str) -> Result<Self, UrlError> {
        match text {
            "disable" => Ok(TlsMode::Disable),
            "allow" | "prefer" => Ok(TlsMode::Prefer),
            "require" => Ok(TlsMode::Require),
            "verify-ca" => Ok(TlsMode::VerifyCa),
            "verify-full" => Ok(TlsMode::VerifyFull),
            other => Err(UrlError::new(
                format!("unknown sslmode `{other}`"),
                "use disable, prefer, require, verify-ca or verify-full",
            )),
        }
    }

    /// The word libpq knows.
    pub fn name(self) -> &'static str {
        match self {
            TlsMode::Disable => "disable",
            TlsMode::Prefer => "prefer",
            TlsMode::Require => "require",
            TlsMode::VerifyCa => "verify-ca",
            TlsMode::VerifyFull => "verify-full",
        }
    }
}

/// A URL that cannot be used; never shows the URL itself, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}\nhelp: {help}")]
pub struct UrlError {
    pub message: String,
    pub help: String,
}

impl UrlError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        UrlError { message: message.into(), help: help.into() }
    }
}

impl DatabaseUrl {
    /// Reads `postgres://…`, `postgresql://…`, `sqlite:path`, `sqlite::memory:` or the path of a SQLite file. What
    /// a PostgreSQL URL leaves open comes from `PG*` variables, then from the password file.
    ///
    /// # Errors
    /// An unknown scheme, a malformed part, a parameter that would be ignored silently.
    pub fn parse(text: &str, env: &Env) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UrlError::new(
                "no database is given",
                "write `--url postgres://…` or `--url sqlite:path`, or set DATABASE_URL",
            ));
        }
        for scheme in ["postgres://", "postgresql://"] {
            if let Some(rest) = text.strip_prefix(scheme) {
                return Ok(DatabaseUrl::Postgres(Box::new(postgres(rest, env)?)));
            }
        }
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            return sqlite(path);
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(UrlError::new(
                format!("unknown kind of database `{}`", printable_scheme(scheme)),
                "use `postgres://user@host/database` or `sqlite:path`",
            ));
        }
        sqlite(text)
    }

    pub fn dialect(&self) -> crate::text::Dialect {
        match self {
            DatabaseUrl::Postgres(_) => crate::text::Dialect::Postgres,
            DatabaseUrl::Sqlite(_) => crate::text::Dialect::Sqlite,
        }
    }

    /// The same place, with a relative path taken from `folder`.
    pub fn within(self, folder: &Path) -> Self {
        match self {
            DatabaseUrl::Sqlite(SqlitePlace::File(path)) => {
                DatabaseUrl::Sqlite(SqlitePlace::File(folder.join(path)))
            }
            other @ (DatabaseUrl::Sqlite(SqlitePlace::Memory) | DatabaseUrl::Postgres(_)) => other,
        }
    }

    /// The file of a SQLite database on disk.
    pub fn file(&self) -> Option<&Path> {
        match self {
            DatabaseUrl::Sqlite(SqlitePlace::File(path)) => Some(path),
            DatabaseUrl::Sqlite(SqlitePlace::Memory) | DatabaseUrl::Postgres(_) => None,
        }
    }

    /// The same server, another database.
    pub fn with_database(&self, name: &str) -> Self {
        match self {
            DatabaseUrl::Postgres(url) => DatabaseUrl::Postgres(Box::new(PostgresUrl {
                database: name.to_owned(),
                ..(**url).clone()
            })),
            DatabaseUrl::Sqlite(_) => self.clone(),
        }
    }
}

/// For people: no password, no parameters.
impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DatabaseUrl::Postgres(url) => write!(f, "{url}"),
            DatabaseUrl::Sqlite(SqlitePlace::File(path)) => write!(f, "sqlite:{}", path.display()),
            DatabaseUrl::Sqlite(SqlitePlace::Memory) => f.write_str("sqlite::memory:"),
        }
    }
}

impl std::fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hosts: Vec<String> = self
            .hosts
            .iter()
            .map(|host| match (host.is_socket(), host.port) {
                (true, _) => format!("[{}]", host.name),
                (false, 5432) => host.name.clone(),
                (false, port) => format!("{}:{port}", host.name),
            })
            .collect();
        write!(f, "postgres://{}@{}/{}", self.user, hosts.join(","), self.database)
    }
}

/// A password with `://` in it must not come out as a scheme.
fn printable_scheme(scheme: &str) -> &str {
    let plain = scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '-');
    if plain && scheme.len() <= 20 { scheme } else { "…" }
}

fn sqlite(path: &str) -> Result<DatabaseUrl, UrlError> {
    if path == ":memory:" {
        return Ok(DatabaseUrl::Sqlite(SqlitePlace::Memory));
    }
    if path.is_empty() {
        return Err(UrlError::new("`sqlite:` names no file", "write `sqlite:path/to/file.db`"));
    }
    if path.contains('?') {
        return Err(UrlError::new(
            "parameters after `?` are not understood for SQLite",
            "write the path alone: `sqlite:path/to/file.db`",
        ));
    }
    Ok(DatabaseUrl::Sqlite(SqlitePlace::File(Path::new(path).to_path_buf())))
}

/// The parts of a URL as written, still encoded.
struct Parts<'a> {
    user: Option<&'a str>,
    password: Option<&'a str>,
    hosts: &'a str,
    database: Option<&'a str>,
    parameters: Vec<(String, String)>,
}

fn split(rest: &str) -> Result<Parts<'_>, UrlError> {
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    // The last `@` before the path: a careless password may hold one.
    let (credentials, place) = match address.rsplit_once('@') {
        Some((credentials, place)) => (Some(credentials), place),
        None => (None, address),
    };
    if credentials.is_some_and(|text| text.contains('/')) {
        return Err(UrlError::new(
            "user or password holds a `/`",
            "write it as %2F (and `@` as %40, `:` as %3A, `?` as %3F, `#` as %23)",
        ));
    }
    let (user, password) = match credentials.map(|text| text.split_once(':').unwrap_or((text, "")))
    {
        Some((user, password)) => (Some(user), Some(password)),
        None => (None, None),
    };
    let (hosts, database) = match place.split_once('/') {
        Some((hosts, database)) => (hosts, Some(database)),
        None => (place, None),
    };
    let parameters = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect::<Result<_, UrlError>>()?;
    Ok(Parts {
        user: user.filter(|text| !text.is_empty()),
        password: password.filter(|text| !text.is_empty()),
        hosts,
        database: database.filter(|text| !text.is_empty()),
        parameters,
    })
}

fn postgres(rest: &str, env: &Env) -> Result<PostgresUrl, UrlError> {
    let parts = split(rest)?;
    let mut given = Given {
        user: parts.user.map(decode).transpose()?,
        password: parts.password.map(decode).transpose()?,
        database: parts.database.map(decode).transpose()?,
        host: Some(parts.hosts.to_owned()).filter(|hosts| !hosts.is_empty()),
        ..Given::default()
    };
    let written = given.host.clone();
    for (name, value) in parts.parameters {
        given.take(&name, value)?;
    }
    // `postgres://localhost:5433/app?host=/run/pg`: the parameter replaces the host and leaves the port, as in libpq.
    if given.host != written && given.port.is_none() {
        given.port = written
            .as_deref()
            .and_then(|host| host.rsplit_once(':'))
            .map(|(_, port)| port.to_owned())
            .filter(|port| port.chars().all(|c| c.is_ascii_digit()));
    }
    given.resolve(env)
}

/// What the URL says, before the environment fills the gaps.
#[derive(Default)]
struct Given {
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
    /// As written: `a:1,b` or a socket's folder.
    host: Option<String>,
    port: Option<String>,
    mode: Option<String>,
    root_certificate: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    application_name: Option<String>,
    options: Option<String>,
    connect_timeout: Option<String>,
    passfile: Option<String>,
}

impl Given {
    fn take(&mut self, name: &str, value: String) -> Result<(), UrlError> {
        let place = match name {
            "user" => &mut self.user,
            "password" => &mut self.password,
            "dbname" => &mut self.database,
            "host" | "hostaddr" => &mut self.host,
            "port" => &mut self.port,
            "sslmode" => &mut self.mode,
            "sslrootcert" => &mut self.root_certificate,
            "sslcert" => &mut self.certificate,
            "sslkey" => &mut self.key,
            "application_name" => &mut self.application_name,
            "options" => &mut self.options,
            "connect_timeout" => &mut self.connect_timeout,
            "passfile" => &mut self.passfile,
            // Other tools' settings that mean nothing to one short connection.
            "connection_limit" | "pool_timeout" | "keepalives" => return Ok(()),
            "schema" if value == "public" => return Ok(()),
            "pgbouncer" if value == "false" => return Ok(()),
            "pgbouncer" => {
                return Err(UrlError::new(
                    "this URL goes through PgBouncer, where locks and settings leak between clients",
                    "give the URL of the server itself",
                ));
            }
            other => {
                return Err(UrlError::new(
                    format!("unknown parameter `{other}` in the database URL"),
                    "take it out; known are host, port, user, password, dbname, sslmode, sslrootcert, \
                     sslcert, sslkey, application_name, options, connect_timeout, passfile",
                ));
            }
        };
        *place = Some(value);
        Ok(())
    }

    fn resolve(self, env: &Env) -> Result<PostgresUrl, UrlError> {
        let or = |given: Option<String>, name: &str| given.or(env.get(name).map(str::to_owned));
        let user = or(self.user, "PGUSER")
            .or(env.get("USER").or(env.get("LOGNAME")).map(str::to_owned))
            .ok_or_else(|| {
                UrlError::new("no user is given", "write `postgres://USER@…` or set PGUSER")
            })?;
        let database = or(self.database, "PGDATABASE").unwrap_or_else(|| user.clone());
        let port = or(self.port, "PGPORT");
        let hosts = hosts(&or(self.host, "PGHOST").unwrap_or_else(default_host), port.as_deref())?;
        let mode = or(self.mode, "PGSSLMODE").map(|text| TlsMode::parse(&text)).transpose()?;
        let root_certificate = or(self.root_certificate, "PGSSLROOTCERT").map(PathBuf::from);
        let certificate = match (or(self.certificate, "PGSSLCERT"), or(self.key, "PGSSLKEY")) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(UrlError::new("sslcert and sslkey go together", "give both"));
            }
        };
        let seconds = or(self.connect_timeout, "PGCONNECT_TIMEOUT").map(|text| {
            text.parse::<u64>().map_err(|_| {
                UrlError::new(
                    format!("connect_timeout `{text}` is not a number of seconds"),
                    "write connect_timeout=10",
                )
            })
        });
        let passfile = or(self.passfile, "PGPASSFILE")
            .map(PathBuf::from)
            .or_else(|| env.home().map(|home| home.join(".pgpass")));
        let password = or(self.password, "PGPASSWORD").map(Secret::new).or_else(|| {
            let (file, host) = (passfile?, hosts.first()?);
            pgpass::look_up(&file, host, &database, &user)
        });
        Ok(PostgresUrl {
            hosts,
            user,
            password,
            database,
            tls: Tls { mode: mode.unwrap_or_default(), root_certificate, certificate },
            application_name: or(self.application_name, "PGAPPNAME")
                .unwrap_or_else(|| "migrate".to_owned()),
            options: or(self.options, "PGOPTIONS"),
            connect_timeout: Duration::from_secs(seconds.transpose()?.unwrap_or(10)),
        })
    }
}

/// libpq looks for the server's socket first; so do we, where one is there.
fn default_host() -> String {
    ["/var/run/postgresql", "/tmp"]
        .into_iter()
        .find(|folder| Path::new(folder).join(".s.PGSQL.5432").exists())
        .unwrap_or("localhost")
        .to_owned()
}

fn hosts(text: &str, port: Option<&str>) -> Result<Vec<Host>, UrlError> {
    let default = port.map(parse_port).transpose()?.unwrap_or(5432);
    text.split(',')
        .map(|part| {
            let (name, port) = match part.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                Some((address, rest)) => (address.to_owned(), rest.strip_prefix(':')),
                None if part.starts_with('/') => (part.to_owned(), None),
                None => match part.rsplit_once(':') {
                    Some((name, port)) => (decode(name)?, Some(port)),
                    None => (decode(part)?, None),
                },
            };
            let name = if name.is_empty() { default_host() } else { name };
            Ok(Host { name, port: port.map(parse_port).transpose()?.unwrap_or(default) })
        })
        .collect()
}

fn parse_port(text: &str) -> Result<u16, UrlError> {
    text.parse().map_err(|_| {
        // What stands here may be part of a password that was not encoded.
        UrlError::new(
            "the port is not a number from 1 to 65535",
            "write `host:5432`; a password with `:`, `@` or `/` needs %3A, %40 or %2F for them",
        )
    })
}

/// Undoes `%XX`.
fn decode(text: &str) -> Result<String, UrlError> {
    let malformed = || {
        UrlError::new(
            "a `%` in the database URL is not followed by two hexadecimal digits",
            "write a percent sign itself as %25",
        )
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            let digits = tail.get(..2).ok_or_else(malformed)?;
            let digits = std::str::from_utf8(digits).map_err(|_| malformed())?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| malformed())?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).map_err(|_| {
        UrlError::new("the database URL is not UTF-8 once decoded", "encode it as UTF-8")
    })
}
