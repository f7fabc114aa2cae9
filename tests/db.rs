//! Connections, on real engines: addresses, errors, sessions, the one-migrator lock, row fingerprints.

mod support;

use std::time::Duration;

use migrate::catalog::{Catalog, Column, Table, TableOptions};
use migrate::db::fingerprint::{TableFingerprint, fingerprints_of, row_fingerprints};
use migrate::db::lock::Claim;
use migrate::db::url::{PostgresUrl, TlsMode};
use migrate::db::{Access, Database, DatabaseUrl, DbErrorKind, Env, Mode, OpenOptions};
use migrate::dialect::fingerprint::Counted;
use migrate::text::{Dialect, QName};
use support::{postgres, rows, run, sqlite, statement};

const PASSWORD: &str = "hunter2-s3cret";

fn environment(pairs: &[(&str, &str)]) -> Env {
    Env::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn parse(text: &str, pairs: &[(&str, &str)]) -> PostgresUrl {
    match DatabaseUrl::parse(text, &environment(pairs)).expect("the URL is well formed") {
        DatabaseUrl::Postgres(url) => *url,
        DatabaseUrl::Sqlite(place) => panic!("not PostgreSQL: {place:?}"),
    }
}

#[test]
fn a_url_is_taken_apart_and_decoded() {
    let url = parse(
        "postgres://ann:p%40ss@db.example:6543/sh%20op?sslmode=verify-full&sslrootcert=/ca.pem",
        &[],
    );
    assert_eq!((url.user.as_str(), url.database.as_str()), ("ann", "sh op"));
    assert_eq!((url.hosts[0].name.as_str(), url.hosts[0].port), ("db.example", 6543));
    assert_eq!(url.password.as_ref().map(|secret| secret.reveal()), Some("p@ss"));
    assert_eq!(url.tls.mode, TlsMode::VerifyFull);
}

#[test]
fn the_environment_fills_what_the_url_leaves_open() {
    let variables = [
        ("PGUSER", "ann"),
        ("PGPASSWORD", "x"),
        ("PGHOST", "h"),
        ("PGPORT", "1"),
        ("PGSSLMODE", "require"),
    ];
    let url = parse("postgres:///shop", &variables);
    assert_eq!(url.to_string(), "postgres://ann@h:1/shop");
    assert_eq!(url.tls.mode, TlsMode::Require);
    assert_eq!(url.password.as_ref().map(|secret| secret.reveal()), Some("x"));
    let other = parse("postgres://bob@other/db", &variables);
    assert_eq!(other.to_string(), "postgres://bob@other:1/db");
}

#[test]
fn several_hosts_ipv6_and_sockets_are_understood() {
    assert_eq!(parse("postgres://u@a:1,b/d", &[]).hosts.len(), 2);
    assert_eq!(parse("postgres://u@[::1]:5433/d", &[]).hosts[0].name, "::1");
    for text in ["postgres://u@/d?host=/run/pg", "postgres://u@%2Frun%2Fpg/d"] {
        let url = parse(text, &[]);
        assert!(url.hosts[0].is_socket(), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn the_password_file_is_read_if_nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".pgpass");
    std::fs::write(&file, format!("h:5432:shop:ann:{PASSWORD}\n")).unwrap();
    let home = folder.path().display().to_string();
    for (mode, expected) in [(0o600, Some(PASSWORD)), (0o644, None)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let url = parse("postgres://ann@h/shop", &[("HOME", &home)]);
        assert_eq!(url.password.as_ref().map(|secret| secret.reveal()), expected, "{mode:o}");
    }
}

#[test]
fn a_password_is_never_printed() {
    let variables = environment(&[("PGPASSWORD", PASSWORD)]);
    assert!(!format!("{variables:?}").contains(PASSWORD));
    let texts = [
        format!("postgres://ann:{PASSWORD}@127.0.0.1:1/shop"),
        format!("postgres://ann@127.0.0.1:1/shop?password={PASSWORD}"),
        format!(
            "postgres://ann:{PASSWORD}@127.0.0.1:1/shop?sslmode=require&sslrootcert=/absent.pem"
        ),
        format!("postgres://ann:{PASSWORD}@127.0.0.1:x/shop"),
        format!("postgres://ann:{PASSWORD}%zz@127.0.0.1/shop"),
        format!("postgres://ann:{PASSWORD}@127.0.0.1/shop?oops=1"),
        format!("postgres://ann:{PASSWORD}:{PASSWORD}@[::1/shop"),
        format!("mysql://ann:{PASSWORD}@127.0.0.1/shop"),
        format!("{PASSWORD}://x"),
    ];
    for text in texts {
        let shown = match DatabaseUrl::parse(&text, &Env::default()) {
            Err(error) => format!("{error} {error:?}"),
            Ok(url) => {
                let error = Database::open(&url, Access::ReadOnly).err().expect("nothing listens");
                format!("{url} {url:?} {error} {error:?}")
            }
        };
        let scheme = text.starts_with(PASSWORD);
        assert!(scheme || !shown.contains(PASSWORD), "{shown}");
    }
}

#[test]
fn parameters_that_would_be_ignored_are_refused() {
    for (text, part) in [
        ("postgres://u@h/d?target=x", "unknown parameter `target`"),
        ("postgres://u@h/d?sslmode=maybe", "unknown sslmode `maybe`"),
        ("postgres://u@h/d?pgbouncer=true", "PgBouncer"),
        ("sqlite:", "names no file"),
        ("sqlite:a.db?mode=ro", "parameters"),
        ("", "no database is given"),
    ] {
        let error = DatabaseUrl::parse(text, &Env::default()).expect_err(text);
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn an_unreachable_server_is_named() {
    let url = DatabaseUrl::parse("postgres://ann@127.0.0.1:1/shop", &Env::default()).unwrap();
    let error = Database::open(&url, Access::ReadOnly).err().unwrap();
    assert_eq!(error.kind, DbErrorKind::Connect);
    let text = error.to_string();
    assert!(text.contains("cannot reach postgres://ann@127.0.0.1:1/shop"), "{text}");
    assert!(text.contains("help: "), "{text}");
}

#[test]
fn each_bad_sqlite_file_has_its_own_message() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str, access| {
        let text = format!("sqlite:{}", folder.path().join(name).display());
        let url = DatabaseUrl::parse(&text, &Env::default()).unwrap();
        let error = Database::open(&url, access).err().expect("must not open");
        (error.kind, error.to_string())
    };
    std::fs::write(
        folder.path().join("text.db"),
        "this is some text, longer than a header".repeat(40),
    )
    .unwrap();
    let (kind, text) = open("text.db", Access::ReadWrite);
    assert_eq!(kind, DbErrorKind::NotADatabase);
    assert!(text.contains("is not a SQLite database"), "{text}");
    let (kind, text) = open("absent.db", Access::ReadWrite);
    assert_eq!(kind, DbErrorKind::NotFound);
    assert!(text.contains("absent.db` does not exist\nhelp: "), "{text}");
    let (kind, _) = open("no/folder.db", Access::Create);
    assert_eq!(kind, DbErrorKind::NotFound);
    let (kind, text) = open("", Access::ReadWrite);
    assert_eq!(kind, DbErrorKind::NotADatabase);
    assert!(text.contains("is a folder"), "{text}");
    assert!(!folder.path().join("absent.db").exists(), "nothing was made");
    let memory = DatabaseUrl::parse("sqlite::memory:", &Env::default()).unwrap();
    let error = Database::open(&memory, Access::Create).err().unwrap();
    assert_eq!(error.kind, DbErrorKind::Unsupported);
}

#[test]
fn a_read_only_session_writes_nothing() {
    let file = sqlite();
    let mut reader = Database::open(&file.url, Access::ReadOnly).unwrap();
    let error = reader.execute(&statement("CREATE TABLE t (a)", Dialect::Sqlite)).unwrap_err();
    assert_eq!(error.kind, DbErrorKind::ReadOnly);
    let Some(server) = postgres() else { return };
    let database = server.database();
    let mut reader = Database::open(&database.url, Access::ReadOnly).unwrap();
    let error =
        reader.execute(&statement("CREATE TABLE t (a int)", Dialect::Postgres)).unwrap_err();
    assert_eq!(error.kind, DbErrorKind::ReadOnly);
}

/// Root may write what nobody may write; there the file system cannot make this case.
#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_written_is_refused_before_anything_is_done() {
    use std::os::unix::fs::PermissionsExt;
    let file = sqlite();
    let path = file.folder.path().join("test.db");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    if std::fs::OpenOptions::new().write(true).open(&path).is_ok() {
        eprintln!("skipped, this user may write everything");
        return;
    }
    let error = Database::open(&file.url, Access::ReadWrite).err().unwrap();
    assert_eq!(error.kind, DbErrorKind::ReadOnly);
    assert!(error.to_string().contains("may not be written\nhelp: "), "{error}");
    assert!(Database::open(&file.url, Access::ReadOnly).is_ok());
}

#[test]
fn a_second_writer_finds_sqlite_busy() {
    let file = sqlite();
    let mut first = file.open();
    first.begin(Mode::Write).unwrap();
    let options = OpenOptions { lock_timeout: Duration::from_millis(50), ..OpenOptions::default() };
    let mut second = Database::open_with(&file.url, Access::ReadWrite, &options).unwrap();
    let error = second.begin(Mode::Write).unwrap_err();
    assert_eq!(error.kind, DbErrorKind::Busy);
    assert!(error.to_string().contains("help: "), "{error}");
    first.rollback().unwrap();
    second.begin(Mode::Write).unwrap();
}

#[test]
fn values_come_as_text() {
    let mut memory = Database::memory().unwrap();
    assert_eq!(
        rows(&mut memory, "SELECT NULL, 1, 1.0, 0.1, 1e300, 'a', x'00ff'"),
        [["NULL", "1", "1.0", "0.1", "1e300", "a", "x'00ff'"]]
    );
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut database = home.open();
    assert_eq!(
        rows(
            &mut database,
            "SELECT NULL, 1, 0.1::float8 + 0.2, true, '\\x00ff'::bytea, '2024-01-02 03:04+05'::timestamptz, interval '1 day'"
        ),
        [["NULL", "1", "0.30000000000000004", "t", "\\x00ff", "2024-01-01 22:04:00+00", "1 day"]]
    );
}

#[test]
fn errors_say_where() {
    support::on_both_engines(|database| {
        let dialect = database.dialect();
        let error =
            database.execute(&statement("SELECT 'é', nope FROM nowhere", dialect)).unwrap_err();
        assert_eq!(error.kind, DbErrorKind::Sql);
        run(database, "CREATE TABLE t (a int CHECK (a > 0))");
        assert_eq!(
            database.execute(&statement("INSERT INTO t VALUES (1), (2)", dialect)).unwrap(),
            2
        );
        let error = database.execute(&statement("INSERT INTO t VALUES (-1)", dialect)).unwrap_err();
        assert_eq!(error.kind, DbErrorKind::Constraint);
        let error = database.execute(&statement("SELECT 'é' nope nope", dialect)).unwrap_err();
        assert_eq!(error.position, Some("SELECT 'é' nope ".len()), "{error:?}");
    });
}

#[test]
fn work_that_fails_is_rolled_back() {
    support::on_both_engines(|database| {
        run(database, "CREATE TABLE t (a int)");
        let insert = statement("INSERT INTO t VALUES (1)", database.dialect());
        let broken = statement("SELECT * FROM nowhere", database.dialect());
        let outcome = database.within(Mode::Write, |database| {
            database.execute(&insert)?;
            database.execute(&broken)
        });
        assert!(outcome.is_err());
        assert_eq!(rows(database, "SELECT count(*) FROM t"), [["0"]]);
        assert!(!database.in_transaction().unwrap());
    });
}

#[test]
fn regexp_works_on_sqlite() {
    let mut memory = Database::memory().unwrap();
    assert_eq!(
        rows(
            &mut memory,
            "SELECT 'EUR' REGEXP '^[A-Z]{3}$', 'eur' REGEXP '^[A-Z]{3}$', NULL REGEXP 'a', 'a\nb' REGEXP 'a.b'"
        ),
        [["1", "0", "NULL", "1"]]
    );
    let error = memory.rows(&statement("SELECT 'a' REGEXP '('", Dialect::Sqlite)).unwrap_err();
    assert!(error.message.contains("unclosed group"), "{error}");
}

#[test]
fn a_running_statement_can_be_stopped() {
    let slow = [
        (
            Dialect::Sqlite,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        ),
        (Dialect::Postgres, "SELECT pg_sleep(60)"),
    ];
    support::on_both_engines(|database| {
        let text = slow.iter().find(|(dialect, _)| *dialect == database.dialect()).unwrap().1;
        let canceller = database.canceller();
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            canceller.cancel().unwrap();
        });
        let error = database.execute(&statement(text, database.dialect())).unwrap_err();
        assert_eq!(error.kind, DbErrorKind::Cancelled, "{error}");
        stopper.join().unwrap();
    });
}

#[test]
fn wrong_passwords_and_absent_databases_are_told_apart() {
    let Some(server) = postgres() else { return };
    let database = server.database();
    let error =
        Database::open(&database.url.with_database("no_such"), Access::ReadOnly).err().unwrap();
    assert_eq!(error.kind, DbErrorKind::NotFound);
    let DatabaseUrl::Postgres(url) = &database.url else { panic!() };
    let stranger = PostgresUrl { user: "stranger".to_owned(), ..(**url).clone() };
    let error =
        Database::open(&DatabaseUrl::Postgres(Box::new(stranger)), Access::ReadOnly).err().unwrap();
    assert_eq!(error.kind, DbErrorKind::Auth);
    assert!(error.to_string().contains("refuses the connection"), "{error}");
}

#[test]
fn one_migrator_at_a_time() {
    let Some(server) = postgres() else { return };
    let database = server.database();
    let (mut first, mut second) = (database.open(), database.open());
    let Claim::Held(mut guard) = first.try_lock(Duration::ZERO).unwrap() else { panic!("free") };
    assert!(guard.still_held().unwrap());
    match second.try_lock(Duration::from_millis(300)).unwrap() {
        Claim::Held(_) => panic!("taken twice"),
        Claim::Busy(holder) => {
            assert_eq!(holder.application, "migrate");
            assert!(holder.process.parse::<u32>().is_ok(), "{holder}");
        }
    }
    let other = server.database();
    let mut elsewhere = other.open();
    assert!(
        matches!(elsewhere.try_lock(Duration::ZERO).unwrap(), Claim::Held(_)),
        "another database"
    );
    drop(guard);
    let claim = second.try_lock(Duration::from_millis(300)).unwrap();
    assert!(matches!(claim, Claim::Busy(_)), "the session that worked may still do");
    first.end_turn();
    let claim = second.try_lock(Duration::from_secs(5)).unwrap();
    assert!(matches!(claim, Claim::Held(_)), "free again");
}

#[test]
fn a_lost_lock_is_noticed() {
    let Some(server) = postgres() else { return };
    let database = server.database();
    let mut session = database.open();
    let Claim::Held(mut guard) = session.try_lock(Duration::ZERO).unwrap() else { panic!("free") };
    run(
        &mut session,
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid() \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    std::thread::sleep(Duration::from_millis(200));
    assert!(guard.still_held().is_err());
}

fn table(dialect: Dialect, columns: &[&str]) -> Table {
    Table {
        name: QName::local(dialect, "t"),
        columns: columns.iter().map(|name| Column::plain(*name, "text")).collect(),
        constraints: Vec::new(),
        indexes: Vec::new(),
        options: TableOptions::postgres(),
        comment: None,
    }
}

fn fingerprint(database: &mut Database, sql: &str) -> TableFingerprint {
    run(database, "DROP TABLE IF EXISTS t");
    run(database, sql);
    let table = table(database.dialect(), &["a", "b"]);
    row_fingerprints(database, &table).unwrap()
}

#[test]
fn fingerprints_are_equal_for_equal_rows_only() {
    support::on_both_engines(|database| {
        let base = fingerprint(
            database,
            "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, NULL), (3, '')",
        );
        assert_eq!(base.rows, 3);
        let shuffled = fingerprint(
            database,
            "CREATE TABLE t (b text, a int); INSERT INTO t (a, b) VALUES (3, ''), (1, 'x'), (2, NULL)",
        );
        assert_eq!(base, shuffled, "neither the order of rows nor that of columns matters");
        let swapped = fingerprint(
            database,
            "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (3, NULL), (2, '')",
        );
        assert_eq!(base.columns, swapped.columns);
        assert_ne!(base.whole, swapped.whole, "values that changed rows are seen");
        for other in [
            "(1, 'x'), (2, ''), (3, '')",
            "(1, 'x'), (2, NULL), (3, ''), (3, '')",
            "(1, 'X'), (2, NULL), (3, '')",
        ] {
            let changed = fingerprint(
                database,
                &format!("CREATE TABLE t (a int, b text); INSERT INTO t VALUES {other}"),
            );
            assert_ne!(base.columns[&"b".into()], changed.columns[&"b".into()], "{other}");
            assert_ne!(base.whole, changed.whole, "{other}");
        }
    });
}

#[test]
fn a_renamed_column_has_the_same_fingerprint_under_its_old_label() {
    support::on_both_engines(|database| {
        run(database, "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, NULL)");
        let name = QName::local(database.dialect(), "t");
        let counted =
            |column: &str, label: &str| Counted { column: column.into(), label: label.into() };
        let both = [counted("a", "a"), counted("b", "b")];
        let before = fingerprints_of(database, &name, &both).unwrap();
        run(database, "ALTER TABLE t RENAME COLUMN b TO z; ALTER TABLE t ADD COLUMN extra int");
        let under_old = [counted("a", "a"), counted("z", "b")];
        assert_eq!(fingerprints_of(database, &name, &under_old).unwrap(), before);
    });
}

/// What these numbers are on one server they are on every other: a rehearsal may run on another version.
#[test]
fn fingerprints_are_the_same_on_every_version_of_postgresql() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let found = fingerprint(
        &mut home.open(),
        "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, NULL), (3, 'ü')",
    );
    assert_eq!(found.whole, "2875483726746402920");
    assert_eq!(found.columns[&"b".into()], "-4537785988828945400");
}

#[test]
fn storage_classes_count_on_sqlite() {
    let mut memory = Database::memory().unwrap();
    let mut of = |value: &str| {
        fingerprint(
            &mut memory,
            &format!("CREATE TABLE t (a, b); INSERT INTO t VALUES ({value}, 1)"),
        )
        .whole
    };
    let all: std::collections::BTreeSet<String> =
        ["1", "1.0", "'1'", "x'31'", "NULL"].into_iter().map(&mut of).collect();
    assert_eq!(all.len(), 5);
}

#[test]
fn a_table_of_as_many_columns_as_there_can_be_is_read_in_one_scan() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut database = home.open();
    let names: Vec<String> = (0..1600).map(|number| format!("c{number}")).collect();
    let columns: Vec<String> = names.iter().map(|name| format!("{name} int DEFAULT 1")).collect();
    run(
        &mut database,
        &format!("CREATE TABLE t ({}); INSERT INTO t DEFAULT VALUES", columns.join(", ")),
    );
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let found = row_fingerprints(&mut database, &table(Dialect::Postgres, &names)).unwrap();
    assert_eq!((found.rows, found.columns.len()), (1, 1600));
}

#[test]
fn an_empty_database_has_an_empty_catalog() {
    support::on_both_engines(|database| {
        let found = database.inspect().unwrap();
        let reader = found.reader.clone();
        let empty = Catalog { server: found.server, reader, ..Catalog::empty(database.dialect()) };
        assert_eq!(found, empty);
        assert!(!database.in_transaction().unwrap());
    });
}

#[test]
fn tables_are_found() {
    support::on_both_engines(|database| {
        run(database, "CREATE TABLE t (a int PRIMARY KEY, b text NOT NULL)");
        let catalog = database.inspect().unwrap();
        let table = &catalog.tables[&QName::local(database.dialect(), "t")];
        assert_eq!(table.primary_key(), ["a".into()]);
        assert!(table.columns[1].not_null);
    });
}
