//! What the integration tests share: a PostgreSQL server and folders of their own.

// Each test binary uses a part of this.
#![allow(dead_code)]

pub mod checker;
pub mod fill;
pub mod pair;
pub mod round_trip;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError};

use migrate::db::{Access, Database, DatabaseUrl, Env};
use migrate::dialect::{script, session};
use migrate::shadow::cluster::{Cluster, cluster};
use migrate::text::Dialect;

/// The environment of the test process, as a value.
pub fn env() -> Env {
    Env::new(std::env::vars())
}

/// A server for tests.
#[derive(Clone)]
pub enum TestServer {
    /// Of our own, private, gone with the process.
    Local(Cluster),
    /// `MIGRATE_TEST_PG`: a server that is there already; its user must be able to make databases.
    Given(DatabaseUrl),
}

/// The server, started once per test binary. Without PostgreSQL this fails where `CI=true`; elsewhere the test that asks
/// says so and passes.
pub fn postgres() -> Option<TestServer> {
    static SERVER: OnceLock<Option<TestServer>> = OnceLock::new();
    SERVER
        .get_or_init(|| {
            if let Ok(url) = std::env::var("MIGRATE_TEST_PG") {
                let url = DatabaseUrl::parse(&url, &env()).expect("MIGRATE_TEST_PG is a URL");
                return Some(TestServer::Given(url));
            }
            match cluster(&env(), None) {
                Ok(cluster) => Some(TestServer::Local(cluster)),
                Err(error) if std::env::var("CI").as_deref() == Ok("true") => {
                    panic!("CI needs PostgreSQL: {error}")
                }
                Err(error) => {
                    eprintln!("skipped, no PostgreSQL: {error}");
                    None
                }
            }
        })
        .clone()
}

/// A database that is dropped with this value.
pub struct TestDatabase {
    pub url: DatabaseUrl,
    server: TestServer,
    name: String,
}

fn fresh_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("migrate_test_{}_{number}", std::process::id())
}

impl TestServer {
    /// A fresh, empty database.
    pub fn database(&self) -> TestDatabase {
        let name = fresh_name();
        let url = match self {
            TestServer::Local(cluster) => {
                cluster.create_database(&name, None).expect("a database can be made")
            }
            TestServer::Given(server) => {
                Database::open(server, Access::ReadWrite)
                    .and_then(|mut open| open.execute(&session::create_database(&name, None)))
                    .expect("the user of MIGRATE_TEST_PG may make databases");
                server.with_database(&name)
            }
        };
        TestDatabase { url, server: self.clone(), name }
    }
}

impl TestServer {
    /// Which PostgreSQL it is: 15.
    pub fn major_version(&self) -> u32 {
        let database = self.database();
        let number = rows(&mut database.open(), "SELECT current_setting('server_version_num')");
        number[0][0].parse::<u32>().expect("a number") / 10_000
    }
}

impl TestDatabase {
    /// The address as libpq and its relatives write it.
    pub fn address(&self) -> String {
        let DatabaseUrl::Postgres(url) = &self.url else { panic!("a PostgreSQL database") };
        let value = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
        let hosts: Vec<&str> = url.hosts.iter().map(|host| host.name.as_str()).collect();
        let ports: Vec<String> = url.hosts.iter().map(|host| host.port.to_string()).collect();
        let password = url.password.as_ref();
        let password = password.map(|secret| format!(" password={}", value(secret.reveal())));
        format!(
            "host={} port={} user={} dbname={}{}",
            value(&hosts.join(",")),
            ports.join(","),
            value(&url.user),
            value(&url.database),
            password.unwrap_or_default()
        )
    }

    /// A connection that knows nothing of this crate.
    pub fn client(&self) -> postgres::Client {
        postgres::Client::connect(&self.address(), postgres::NoTls).expect("the database answers")
    }

    /// A session in the database.
    pub fn open(&self) -> Database {
        Database::open(&self.url, Access::ReadWrite).expect("the test database opens")
    }

    /// Another database with all that this one holds; nobody may be connected to it.
    pub fn copy(&self) -> TestDatabase {
        let name = fresh_name();
        let beside = self.url.with_database("postgres");
        let mut beside = Database::open(&beside, Access::ReadWrite).expect("the server answers");
        run(&mut beside, &format!("CREATE DATABASE {name} TEMPLATE {}", self.name));
        let url = self.url.with_database(&name);
        TestDatabase { url, server: self.server.clone(), name }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let outcome = match &self.server {
            TestServer::Local(cluster) => {
                cluster.drop_database(&self.name).map_err(|e| e.to_string())
            }
            TestServer::Given(server) => Database::open(server, Access::ReadWrite)
                .and_then(|mut open| open.execute(&session::drop_database(&self.name)))
                .map(|_| ())
                .map_err(|e| e.to_string()),
        };
        if let Err(error) = outcome {
            eprintln!("`{}` stays behind: {error}", self.name);
        }
    }
}

/// A SQLite file in a folder of its own.
pub struct TestFile {
    pub folder: tempfile::TempDir,
    pub url: DatabaseUrl,
}

/// An empty SQLite database.
pub fn sqlite() -> TestFile {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("test.db");
    let url = DatabaseUrl::parse(&format!("sqlite:{}", path.display()), &env()).expect("a path");
    Database::open(&url, Access::Create).expect("a new file can be made");
    TestFile { folder, url }
}

impl TestFile {
    /// Another file with all that this one holds; nobody may have it open.
    pub fn copy(&self) -> TestFile {
        let copy = sqlite();
        std::fs::copy(self.folder.path().join("test.db"), copy.folder.path().join("test.db"))
            .expect("a database file is copied");
        copy
    }

    /// A session on the file.
    pub fn open(&self) -> Database {
        Database::open(&self.url, Access::ReadWrite).expect("the test database opens")
    }
}

/// Runs a script, statement by statement.
pub fn run(database: &mut Database, sql: &str) {
    for statement in script::statements(sql, database.dialect()) {
        if let Err(error) = database.execute(&statement) {
            panic!("{error}\nin: {statement}");
        }
    }
}

/// The rows of one query; NULL is `NULL`.
pub fn rows(database: &mut Database, sql: &str) -> Vec<Vec<String>> {
    let statements = script::statements(sql, database.dialect());
    let rows = database.rows(&statements[0]).unwrap_or_else(|error| panic!("{error}\nin: {sql}"));
    rows.into_iter()
        .map(|row| {
            row.into_iter().map(|value| value.unwrap_or_else(|| "NULL".to_owned())).collect()
        })
        .collect()
}

/// Runs a test body on an empty database of each engine that is there.
pub fn on_both_engines(body: impl Fn(&mut Database)) {
    let file = sqlite();
    body(&mut file.open());
    if let Some(server) = postgres() {
        let database = server.database();
        body(&mut database.open());
    }
}

/// The only statement of a text.
pub fn statement(sql: &str, dialect: Dialect) -> migrate::dialect::Sql {
    script::statements(sql, dialect).into_iter().next().expect("the text holds a statement")
}

/// A lock that tests hold which change what the whole process shares.
pub fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
