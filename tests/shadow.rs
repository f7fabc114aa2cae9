//! Throwaway servers, scratch databases and copies, on real engines.

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use migrate::db::fingerprint::row_fingerprints;
use migrate::db::url::PostgresUrl;
use migrate::db::{Access, Database, DatabaseUrl, Env};
use migrate::shadow::ShadowError;
use migrate::shadow::cluster::cluster;
use migrate::shadow::options::{Choice, SnapshotOptions};
use migrate::shadow::scratch::{ScratchOptions, scratch};
use migrate::shadow::snapshot::snapshot;
use migrate::text::Dialect;
use support::{TestServer, postgres, rows, run, sqlite};

fn scratch_options(url: Option<DatabaseUrl>) -> ScratchOptions {
    ScratchOptions { env: support::env(), url, major: None }
}

fn exists(server: &TestServer, name: &str) -> bool {
    let home = server.database();
    let sql = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    rows(&mut home.open(), &sql) == [["1"]]
}

#[test]
fn without_server_programs_the_error_says_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let env = Env::new([("MIGRATE_PG_BINDIR".to_owned(), place)]);
    let error = cluster(&env, Some(15)).err().unwrap();
    assert!(matches!(error, ShadowError::NoServer { .. }));
    let text = error.to_string();
    assert!(text.contains("no PostgreSQL 15 server programs"), "{text}");
    assert!(text.contains("apt install postgresql"), "{text}");
    assert!(text.contains("--scratch-url"), "{text}");
}

#[test]
fn scratch_databases_are_empty_and_apart() {
    let mut first = scratch(Dialect::Sqlite, &scratch_options(None)).unwrap();
    let mut second = scratch(Dialect::Sqlite, &scratch_options(None)).unwrap();
    run(first.database(), "CREATE TABLE t (a)");
    run(second.database(), "CREATE TABLE t (a)");
    if postgres().is_none() {
        return;
    }
    let mut first = scratch(Dialect::Postgres, &scratch_options(None)).unwrap();
    let mut second = scratch(Dialect::Postgres, &scratch_options(None)).unwrap();
    run(first.database(), "CREATE TABLE t (a int)");
    run(second.database(), "CREATE TABLE t (a int)");
    assert!(first.cluster().is_some());
}

#[test]
fn a_scratch_server_gets_a_fresh_database_that_is_dropped() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut made = scratch(Dialect::Postgres, &scratch_options(Some(home.url.clone()))).unwrap();
    run(made.database(), "CREATE TABLE t (a int)");
    let name = rows(made.database(), "SELECT current_database()")[0][0].clone();
    assert!(name.starts_with("migrate_shadow_"), "{name}");
    assert!(exists(&server, &name));
    drop(made);
    assert!(!exists(&server, &name));
    assert_eq!(
        rows(&mut home.open(), "SELECT count(*) FROM pg_class WHERE relname = 't'"),
        [["0"]]
    );
}

/// A role that may log in and owns a database, and nothing more.
fn humble(server: &TestServer, url: &DatabaseUrl) -> DatabaseUrl {
    let DatabaseUrl::Postgres(owner) = url else { panic!("a PostgreSQL URL") };
    let role = format!("humble_{}", owner.database);
    let mut database = Database::open(url, Access::ReadWrite).unwrap();
    run(
        &mut database,
        &format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE {} TO {role}; \
             GRANT ALL ON SCHEMA public TO {role}",
            owner.database
        ),
    );
    let _ = server;
    DatabaseUrl::Postgres(Box::new(PostgresUrl {
        user: role,
        password: Some(migrate::db::url::Secret::new("x")),
        ..(**owner).clone()
    }))
}

#[test]
fn a_user_who_may_not_make_databases_works_in_an_empty_one_that_is_emptied_again() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let url = humble(&server, &home.url);
    let mut made = scratch(Dialect::Postgres, &scratch_options(Some(url.clone()))).unwrap();
    run(
        made.database(),
        "CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('a'); CREATE TYPE pair AS (a int, b int);
         CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m app.mood, s serial);
         CREATE TABLE u (t int REFERENCES t, p pair); CREATE SEQUENCE alone; CREATE DOMAIN d AS int;
         CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW w AS SELECT * FROM v;
         CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
         CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int)",
    );
    drop(made);
    let again = scratch(Dialect::Postgres, &scratch_options(Some(url.clone())));
    assert!(again.is_ok(), "{:?}", again.err().map(|error| error.to_string()));
    drop(again);
    run(&mut home.open(), "CREATE TABLE rows_of_a_user (a int)");
    let error = scratch(Dialect::Postgres, &scratch_options(Some(url))).err().unwrap();
    assert!(matches!(error, ShadowError::NotEmpty { .. }), "{error}");
    assert!(error.to_string().contains("CREATEDB"), "{error}");
    assert_eq!(rows(&mut home.open(), "SELECT count(*) FROM rows_of_a_user"), [["0"]]);
    let name = rows(&mut home.open(), "SELECT current_database()")[0][0].clone();
    run(&mut home.open(), &format!("DROP OWNED BY humble_{name}; DROP ROLE humble_{name}"));
}

#[test]
fn a_sqlite_copy_holds_all_rows_and_touches_nothing() {
    let file = sqlite();
    let mut source = file.open();
    run(
        &mut source,
        "PRAGMA journal_mode = WAL; CREATE TABLE t (a, b);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
         INSERT INTO t SELECT i, hex(i) FROM n; CREATE TABLE _migrate_kept_x (y); INSERT INTO _migrate_kept_x VALUES (1)",
    );
    let options = SnapshotOptions { env: support::env(), ..SnapshotOptions::default() };
    let mut shadow = snapshot(&mut source, &options).unwrap();
    let catalog = source.inspect().unwrap();
    assert_eq!(catalog, shadow.database().inspect().unwrap());
    let table = catalog.tables.values().next().unwrap();
    assert_eq!(
        row_fingerprints(&mut source, table).unwrap(),
        row_fingerprints(shadow.database(), table).unwrap()
    );
    assert_eq!(rows(shadow.database(), "SELECT count(*) FROM _migrate_kept_x"), [["1"]]);
    run(shadow.database(), "DROP TABLE t");
    assert_eq!(rows(&mut source, "SELECT count(*) FROM t"), [["1000"]]);
    let place = shadow.database().describe();
    let path = place.strip_prefix("sqlite:").unwrap().to_owned();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    drop(shadow);
    let folder = std::path::Path::new(&path).parent().unwrap();
    assert!(!folder.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn copies_that_a_killed_process_left_are_swept() {
    let parent = tempfile::tempdir().unwrap();
    let (orphan, alive) =
        (parent.path().join("migrate-shadow-orphan"), parent.path().join("migrate-shadow-alive"));
    // Process 1 runs; no machine numbers a process like the other.
    for (folder, owner) in [(&orphan, "999999999 5"), (&alive, "1")] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("owner"), owner).unwrap();
        std::fs::write(folder.join("shadow.db"), "rows of people").unwrap();
    }
    let place = parent.path().display().to_string();
    let env = Env::new([("TMPDIR".to_owned(), place)]);
    let file = sqlite();
    let shadow =
        snapshot(&mut file.open(), &SnapshotOptions { env, ..SnapshotOptions::default() }).unwrap();
    assert!(!orphan.exists());
    assert!(alive.exists());
    drop(shadow);
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
}

#[test]
fn a_copy_can_go_to_a_given_server() {
    let Some(server) = postgres() else { return };
    let (home, other) = (server.database(), server.database());
    let mut source = home.open();
    run(&mut source, "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)");
    let options = SnapshotOptions {
        env: support::env(),
        provider: Choice::Url(Box::new(other.url.clone())),
        ..SnapshotOptions::default()
    };
    let mut shadow = snapshot(&mut source, &options).unwrap();
    assert_eq!(rows(shadow.database(), "SELECT count(*) FROM t"), [["2"]]);
    assert!(shadow.warnings()[0].contains("owners"), "{:?}", shadow.warnings());
    let name = rows(shadow.database(), "SELECT current_database()")[0][0].clone();
    drop(shadow);
    assert!(!exists(&server, &name));
}

#[test]
fn a_postgres_copy_holds_all_rows_roles_and_bookkeeping() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut source = home.open();
    run(
        &mut source,
        "CREATE SCHEMA migrate; CREATE TABLE migrate.ledger (n int); INSERT INTO migrate.ledger VALUES (7);
         CREATE SCHEMA migrate_kept; CREATE TABLE migrate_kept.x (n int);
         CREATE TABLE parent (id int PRIMARY KEY, child int, note text);
         CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent, total numeric(12,2));
         INSERT INTO parent SELECT n, n, E'tab\\t' || n || E'\\nCOPY x FROM stdin;\\n\\\\.' FROM generate_series(1, 500) n;
         INSERT INTO child SELECT n, n, n / 7.0 FROM generate_series(1, 500) n;
         ALTER TABLE parent ADD FOREIGN KEY (child) REFERENCES child",
    );
    let options = SnapshotOptions { env: support::env(), ..SnapshotOptions::default() };
    let mut shadow = snapshot(&mut source, &options).unwrap();
    assert!(shadow.warnings().is_empty(), "{:?}", shadow.warnings());
    assert!(shadow.note().contains("all rows"), "{}", shadow.note());
    let catalog = source.inspect().unwrap();
    assert_eq!(catalog, shadow.database().inspect().unwrap());
    assert_eq!(catalog.tables.len(), 2);
    for table in catalog.tables.values() {
        assert_eq!(
            row_fingerprints(&mut source, table).unwrap(),
            row_fingerprints(shadow.database(), table).unwrap(),
            "{}",
            table.name
        );
    }
    assert_eq!(rows(shadow.database(), "SELECT n FROM migrate.ledger"), [["7"]]);
    assert!(!source.in_transaction().unwrap());
}

#[test]
fn a_copy_without_client_programs_says_what_to_install() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let env = Env::new([("MIGRATE_PG_BINDIR".to_owned(), place)]);
    let error = snapshot(&mut home.open(), &SnapshotOptions { env, ..SnapshotOptions::default() })
        .err()
        .unwrap();
    assert!(error.to_string().contains("postgresql-client"), "{error}");
}

/// Runs this test binary again, as a process that can be killed.
fn child(mode: &str, temporary: &std::path::Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "starts_a_server_for_its_parent", "--nocapture"])
        .env("MIGRATE_TEST_CHILD", mode)
        .env("TMPDIR", temporary);
    command
}

/// Not a test of its own: the process that `servers_go_with_their_process` starts.
#[test]
fn starts_a_server_for_its_parent() {
    let Ok(mode) = std::env::var("MIGRATE_TEST_CHILD") else { return };
    let cluster = cluster(&support::env(), None).unwrap();
    let mut database = Database::open(&cluster.url("postgres"), Access::ReadWrite).unwrap();
    assert_eq!(rows(&mut database, "SELECT 1"), [["1"]]);
    std::fs::write(support::env().temporary_folder().join("ready"), "").unwrap();
    if mode == "wait" {
        std::thread::sleep(Duration::from_secs(60));
    }
}

fn clusters(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.display().to_string().contains("migrate-pg-"))
        .collect()
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn servers_go_with_their_process() {
    if postgres().is_none() {
        return;
    }
    // Short, and open to the user the server runs as: a socket's path has at most 107 bytes.
    let folder = tempfile::Builder::new().prefix("mt").tempdir_in("/tmp").unwrap();
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    }
    let ready = folder.path().join("ready");
    assert!(child("end", folder.path()).output().unwrap().status.success());
    assert_eq!(clusters(folder.path()), Vec::<std::path::PathBuf>::new(), "gone at a normal end");

    std::fs::remove_file(&ready).unwrap();
    let mut killed = child("wait", folder.path()).spawn().unwrap();
    wait_until("the server starts", || ready.exists());
    let left = clusters(folder.path());
    assert_eq!(left.len(), 1);
    let pid = std::fs::read_to_string(left[0].join("d/postmaster.pid")).unwrap();
    let server = format!("/proc/{}/stat", pid.lines().next().unwrap());
    assert!(std::path::Path::new(&server).exists());
    killed.kill().unwrap();
    killed.wait().unwrap();
    wait_until("the server ends with its killed owner", || {
        std::fs::read_to_string(&server).map_or(true, |text| text.contains(") Z "))
    });
    assert_eq!(clusters(folder.path()), left, "only the folder stays");
    assert!(child("end", folder.path()).output().unwrap().status.success());
    assert_eq!(
        clusters(folder.path()),
        Vec::<std::path::PathBuf>::new(),
        "swept by the next start"
    );
}
