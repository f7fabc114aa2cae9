//! The server with the generated databases: of our own, or `MIGRATE_BENCH_PG`.

use std::path::PathBuf;

use migrate::db::{Access, Database, DatabaseUrl, DbError, Env};
use migrate::dialect::script::statements;
use migrate::dialect::session;
use migrate::shadow::binaries;
use migrate::shadow::cluster::cluster;
use migrate::text::Dialect;

use super::schema::{self, Extras};

/// A server on which databases can be made.
pub struct Server {
    url: DatabaseUrl,
    version: String,
    pg_dump: Option<PathBuf>,
    postmaster: Option<u32>,
}

/// A database that goes with this value.
pub struct Made {
    server: DatabaseUrl,
    name: String,
    url: String,
}

/// The two sides of a comparison.
pub struct Pair {
    pub before: Made,
    pub after: Made,
}

/// The server that `MIGRATE_BENCH_PG` names (its user must be able to make databases), or one of our own.
///
/// # Errors
/// Why there is none.
pub fn server(env: &Env) -> Result<Server, String> {
    let url = match std::env::var("MIGRATE_BENCH_PG") {
        Ok(text) => DatabaseUrl::parse(&text, env).map_err(|error| error.to_string())?,
        Err(_) => cluster(env, None).map_err(|error| error.to_string())?.url("postgres"),
    };
    let mut open = Database::open(&url, Access::ReadWrite).map_err(|error| error.to_string())?;
    let major = open.major();
    let dumps = binaries::clients(env).into_iter().filter(|found| major <= Some(found.major));
    let pg_dump = dumps.map(|found| found.program("pg_dump")).find(|program| program.is_file());
    Ok(Server { version: open.version(), pg_dump, postmaster: postmaster(&mut open), url })
}

/// The process that starts the sessions, where it is on this machine.
fn postmaster(open: &mut Database) -> Option<u32> {
    let query = "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)";
    let query = statements(query, Dialect::Postgres).into_iter().next()?;
    let process = open.value(&query).ok().flatten()?.trim().parse().ok()?;
    let called = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    called.contains("postgres").then_some(process)
}

impl Server {
    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn pg_dump(&self) -> Option<PathBuf> {
        self.pg_dump.clone()
    }

    pub fn postmaster(&self) -> Option<u32> {
        self.postmaster
    }

    /// The generated schema in one database, and a copy of it with the changes.
    pub fn pair(&self, tables: usize, extras: Extras) -> Pair {
        let before = self.made(&format!("bench_{tables}_{extras:?}_before").to_lowercase(), None);
        before.run(&schema::postgres(tables, extras));
        before.run("VACUUM ANALYZE");
        let name = format!("bench_{tables}_{extras:?}_after").to_lowercase();
        let after = self.made(&name, Some(&before.name));
        after.run(&schema::postgres_changes(tables, extras));
        Pair { before, after }
    }

    fn made(&self, name: &str, template: Option<&str>) -> Made {
        let mut open = Database::open(&self.url, Access::ReadWrite).expect("the server answers");
        // What an earlier run that was stopped left behind.
        let _ = open.execute(&session::drop_database(name));
        let made = match template {
            None => open.execute(&session::create_database(name, None)),
            Some(template) => {
                let copy = format!("CREATE DATABASE {name} TEMPLATE {template}");
                let copy = statements(&copy, Dialect::Postgres).remove(0);
                open.execute(&copy)
            }
        };
        made.expect("a database can be made");
        let url = address(&self.url.with_database(name));
        Made { server: self.url.clone(), name: name.to_owned(), url }
    }
}

/// The URL with its password, for other programs.
fn address(url: &DatabaseUrl) -> String {
    let DatabaseUrl::Postgres(url) = url else { panic!("a PostgreSQL database") };
    let host = &url.hosts[0];
    let secret = url.password.as_ref().map(|password| format!(":{}", password.reveal()));
    let user = format!("{}{}", url.user, secret.unwrap_or_default());
    if host.is_socket() {
        let folder = host.name.replace('/', "%2F");
        return format!("postgres://{user}@{folder}:{}/{}", host.port, url.database);
    }
    format!("postgres://{user}@{}:{}/{}", host.name, host.port, url.database)
}

impl Made {
    /// How other programs are told of it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// One statement after the other, each for itself: all in one transaction would hold too many locks.
    fn run(&self, sql: &str) {
        let url = self.server.with_database(&self.name);
        let mut open = Database::open(&url, Access::ReadWrite).expect("the database opens");
        let done: Result<(), DbError> = statements(sql, Dialect::Postgres)
            .iter()
            .try_for_each(|statement| open.execute(statement).map(|_| ()));
        done.expect("the generated schema can be made");
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let dropped = Database::open(&self.server, Access::ReadWrite)
            .and_then(|mut open| open.execute(&session::drop_database(&self.name)));
        if let Err(error) = dropped {
            eprintln!("`{}` stays behind: {error}", self.name);
        }
    }
}
