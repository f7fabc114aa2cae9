//! What copies hold: whole databases, samples that are closed and hold the extremes, only what a plan touches.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use migrate::db::fingerprint::row_fingerprints;
use migrate::db::{Access, Database, DatabaseUrl, Env};
use migrate::dialect::script;
use migrate::shadow::extent::{Provider, RowCount, Share};
use migrate::shadow::options::{Amount, Choice, Protection, Scope, SnapshotOptions};
use migrate::shadow::snapshot::{Shadow, snapshot};
use migrate::text::{Dialect, Ident, QName};
use support::{TestDatabase, postgres, rows, run, sqlite};

fn options() -> SnapshotOptions {
    SnapshotOptions { env: support::env(), ..SnapshotOptions::default() }
}

fn one(database: &mut Database, sql: &str) -> String {
    rows(database, sql)[0][0].clone()
}

fn table(name: &str) -> QName {
    QName::new("public", name)
}

fn speaking(sql: &str) -> Scope {
    Scope::of(&script::statements(sql, Dialect::Postgres))
}

/// Everything that makes a copy hard.
const HARD: &str = "
    CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'glad');
    CREATE TYPE app.pair AS (a int, m app.mood); CREATE DOMAIN app.code AS text CHECK (value <> '');
    CREATE TABLE app.people (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, boss int, home int, name app.code NOT NULL,
        moods app.mood[], twin app.pair, born date, kind regclass, seen timestamptz DEFAULT now(),
        shout text GENERATED ALWAYS AS (upper(name::text)) STORED);
    CREATE TABLE app.homes (id serial PRIMARY KEY, owner int, town text UNIQUE);
    INSERT INTO app.homes (owner, town) SELECT n, 'town ' || n FROM generate_series(1, 300) n;
    INSERT INTO app.people (boss, home, name, moods, twin, born, kind)
        SELECT nullif(n / 3, 0), n, E'tab\\t' || n, ARRAY['ok', 'glad']::app.mood[], ROW(n, 'sad')::app.pair,
               date '2000-01-01' + n, 'app.homes'::regclass FROM generate_series(1, 300) n;
    ALTER TABLE app.people ADD FOREIGN KEY (boss) REFERENCES app.people, ADD FOREIGN KEY (home) REFERENCES app.homes;
    ALTER TABLE app.homes ADD FOREIGN KEY (owner) REFERENCES app.people DEFERRABLE INITIALLY DEFERRED;
    ALTER TABLE app.people ADD CONSTRAINT young CHECK (born > '2000-06-01') NOT VALID;
    CREATE TABLE events (id bigint, at date NOT NULL, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE events_a PARTITION OF events FOR VALUES FROM ('2000-01-01') TO ('2001-01-01');
    CREATE TABLE events_b PARTITION OF events DEFAULT;
    INSERT INTO events SELECT n, date '2000-12-01' + n, 'n' FROM generate_series(1, 100) n;
    CREATE INDEX ON events (note); CREATE UNIQUE INDEX upper_town ON app.homes (upper(town));
    CREATE TABLE base (a int); CREATE TABLE heir (b text) INHERITS (base);
    INSERT INTO base VALUES (1); INSERT INTO heir VALUES (2, 'x');
    CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES;
    CREATE VIEW app.rich AS SELECT p.id, h.town FROM app.people p JOIN app.homes h ON h.id = p.home;
    CREATE MATERIALIZED VIEW towns AS SELECT town, count(*) AS n FROM app.rich GROUP BY town;
    CREATE UNIQUE INDEX ON towns (town);
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END';
    CREATE TRIGGER refuse BEFORE INSERT ON app.homes FOR EACH ROW EXECUTE FUNCTION refuse();
    ALTER TABLE app.homes ENABLE ALWAYS TRIGGER refuse;
    ALTER TABLE base ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY mine ON base USING (a > 0);
    COMMENT ON INDEX app.upper_town IS 'by town'; COMMENT ON TABLE base IS 'base';
    CREATE SEQUENCE alone; SELECT nextval('alone'), nextval('alone');
    CREATE SCHEMA migrate_kept; CREATE TABLE migrate_kept.x_u_people_age (id int NOT NULL, age numeric(5,2));
    INSERT INTO migrate_kept.x_u_people_age VALUES (1, 2.5)";

fn same(source: &mut Database, shadow: &mut Shadow) {
    let catalog = source.inspect().unwrap();
    assert_eq!(catalog, shadow.database().inspect().unwrap());
    for table in catalog.tables.values() {
        assert_eq!(
            row_fingerprints(source, table).unwrap(),
            row_fingerprints(shadow.database(), table).unwrap(),
            "{}",
            table.name
        );
    }
}

/// What sessions did is counted at the latest when they end, a moment later.
fn writes(home: &TestDatabase) -> String {
    std::thread::sleep(std::time::Duration::from_millis(500));
    one(
        &mut home.open(),
        "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables",
    )
}

#[test]
fn a_hard_schema_is_copied_as_it_is_and_nothing_is_written_to_its_source() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    run(&mut home.open(), HARD);
    let before = writes(&home);
    let mut source = home.open();
    let mut shadow = snapshot(&mut source, &options()).unwrap();
    assert_eq!(shadow.warnings(), [""; 0]);
    assert_eq!(shadow.extent().provider, Provider::Local);
    assert!(shadow.extent().is_whole(), "{:?}", shadow.extent());
    assert!(shadow.note().starts_with("local: PostgreSQL "), "{}", shadow.note());
    same(&mut source, &mut shadow);
    let copy = shadow.database();
    assert_eq!(one(copy, "SELECT nextval('alone')"), "3");
    assert_eq!(one(copy, "SELECT count(*) FROM towns"), "300");
    assert_eq!(rows(copy, "SELECT * FROM migrate_kept.x_u_people_age"), [["1", "2.50"]]);
    assert_eq!(one(copy, "SELECT count(*) FROM nothing"), "1");
    drop(source);
    assert_eq!(writes(&home), before);
}

#[test]
fn roles_owners_and_rights_come_along_and_the_plan_runs_as_the_migrating_role() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let name = one(&mut home.open(), "SELECT current_database()");
    run(
        &mut home.open(),
        &format!(
            "CREATE ROLE app_{name} NOLOGIN; CREATE ROLE deploy_{name} LOGIN CREATEROLE PASSWORD 'x';
             GRANT app_{name} TO deploy_{name};
             GRANT CREATE ON DATABASE {name} TO deploy_{name}; GRANT ALL ON SCHEMA public TO deploy_{name}, app_{name};
             CREATE TABLE locked (a int); INSERT INTO locked VALUES (1); GRANT SELECT ON locked TO deploy_{name}"
        ),
    );
    let url = match home.url.clone() {
        DatabaseUrl::Postgres(url) => {
            DatabaseUrl::Postgres(Box::new(migrate::db::url::PostgresUrl {
                user: format!("deploy_{name}"),
                password: Some(migrate::db::url::Secret::new("x")),
                ..*url
            }))
        }
        DatabaseUrl::Sqlite(_) => unreachable!("a PostgreSQL server"),
    };
    let mut source = Database::open(&url, Access::ReadOnly).unwrap();
    let mut writer = Database::open(&url, Access::ReadWrite).unwrap();
    run(
        &mut writer,
        &format!(
            "CREATE TABLE mine (a int); INSERT INTO mine VALUES (1); CREATE TABLE theirs (a int);
             ALTER TABLE theirs OWNER TO app_{name}; GRANT INSERT ON mine TO app_{name};
             ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO app_{name}"
        ),
    );
    let mut shadow = snapshot(&mut source, &options()).unwrap();
    assert_eq!(shadow.warnings(), [""; 0]);
    same(&mut source, &mut shadow);
    let copy = shadow.database();
    assert_eq!(one(copy, "SELECT current_user"), format!("deploy_{name}"));
    let refused = copy.execute(&support::statement("DROP TABLE locked", Dialect::Postgres));
    assert!(refused.is_err(), "what the migrating role may not do, it may not do there");
    run(copy, "ALTER TABLE theirs ADD b int; CREATE SCHEMA fresh");
    assert_eq!(
        one(
            &mut shadow.observer().unwrap(),
            "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        ),
        "t"
    );
    drop(shadow);
    run(&mut home.open(), "REVOKE SELECT ON locked FROM PUBLIC");
    run(&mut home.open(), &format!("REVOKE ALL ON locked FROM deploy_{name}"));
    let error = snapshot(&mut source, &options()).err().unwrap().to_string();
    assert!(error.contains("`locked` cannot be copied: permission denied"), "{error}");
    assert!(error.contains("GRANT SELECT ON locked"), "{error}");
    // A plan that does not touch that table needs not read it.
    let wanted = SnapshotOptions { scope: speaking("ALTER TABLE mine ADD c int"), ..options() };
    let shadow = snapshot(&mut source, &wanted).unwrap();
    assert_eq!(shadow.extent().table(&table("locked")).unwrap().share, Share::LeftOut);
    drop((shadow, source, writer));
    run(
        &mut home.open(),
        &format!(
            "DROP OWNED BY deploy_{name}; DROP OWNED BY app_{name}; DROP ROLE deploy_{name}; DROP ROLE app_{name}"
        ),
    );
}

/// 20 000 orders of 5 000 customers who refer to each other and to their addresses; a log that nothing refers to.
fn shop(home: &TestDatabase) -> Database {
    let mut source = home.open();
    run(
        &mut source,
        "CREATE TABLE customers (id int PRIMARY KEY, email text NOT NULL UNIQUE, invited_by int, address int, grade text);
         CREATE TABLE addresses (id int PRIMARY KEY, customer int NOT NULL, street text);
         CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, total numeric, placed timestamp, note text);
         CREATE TABLE log (id int, line text);
         INSERT INTO customers SELECT n, 'person' || n || '@example.com', nullif((n * 7919) % 5000, n), n,
             CASE WHEN n = 3333 THEN 'rare' ELSE 'usual' END FROM generate_series(1, 5000) n;
         UPDATE customers SET invited_by = NULL WHERE invited_by = 0;
         INSERT INTO addresses SELECT n, n, repeat('s', 50) FROM generate_series(1, 5000) n;
         INSERT INTO orders SELECT n, 1 + n % 5000, n, timestamp '2020-01-01' + n * interval '1 minute', repeat('x', 60)
             FROM generate_series(1, 20000) n;
         UPDATE orders SET total = -5 WHERE id = 7001; UPDATE orders SET note = repeat('y', 500) WHERE id = 9001;
         UPDATE orders SET placed = NULL WHERE id = 11001; UPDATE orders SET note = '' WHERE id = 12001;
         VACUUM FULL orders;
         INSERT INTO log SELECT n, repeat('l', 100) FROM generate_series(1, 20000) n;
         ALTER TABLE customers ADD FOREIGN KEY (invited_by) REFERENCES customers, ADD FOREIGN KEY (address) REFERENCES addresses;
         ALTER TABLE addresses ADD FOREIGN KEY (customer) REFERENCES customers;
         ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers; ANALYZE",
    );
    source
}

fn ids(shadow: &mut Shadow, name: &str) -> BTreeSet<String> {
    rows(shadow.database(), &format!("SELECT id FROM {name}")).into_iter().flatten().collect()
}

#[test]
fn a_sample_is_closed_holds_the_extremes_and_stays_the_same_under_its_seed() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut source = shop(&home);
    let wanted = SnapshotOptions { amount: Amount::Sample(200), ..options() };
    let mut shadow = snapshot(&mut source, &wanted).unwrap();
    let extent = shadow.extent().clone();
    let orders = extent.table(&table("orders")).unwrap();
    assert_eq!((orders.share, orders.of), (Share::Sample, RowCount::Exactly(20_000)));
    assert!((100..2_000).contains(&orders.rows), "{orders:?}");
    assert!(!extent.is_whole());
    assert!(shadow.note().contains("of 20000 rows of `orders`"), "{}", shadow.note());
    // The foreign keys are there, so every one of them was validated.
    assert_eq!(source.inspect().unwrap(), shadow.database().inspect().unwrap());
    let sampled = ids(&mut shadow, "orders");
    for (id, what) in [
        ("1", "least"),
        ("20000", "greatest"),
        ("7001", "negative"),
        ("9001", "longest"),
        ("11001", "null"),
        ("12001", "empty"),
    ] {
        assert!(sampled.contains(id), "{what}");
    }
    assert!(ids(&mut shadow, "customers").contains("3333"), "rarest");

    let mut again = snapshot(&mut source, &wanted).unwrap();
    assert_eq!(ids(&mut again, "orders"), sampled);
    assert_eq!(ids(&mut again, "customers"), ids(&mut shadow, "customers"));
    let mut other = snapshot(&mut source, &SnapshotOptions { seed: 9, ..wanted }).unwrap();
    assert_ne!(ids(&mut other, "orders"), sampled);
}

/// The engine begins a scan of a table that is larger than a quarter of its buffers where the last one stopped.
#[test]
fn the_rows_that_refer_to_deleted_ones_are_the_same_each_time() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut source = shop(&home);
    run(
        &mut source,
        "CREATE TABLE notes (id int PRIMARY KEY, customer int NOT NULL REFERENCES customers, pad char(1500));
         INSERT INTO notes SELECT n, 1 + n % 5000, '' FROM generate_series(1, 30000) n; ANALYZE notes",
    );
    let scope = speaking("DELETE FROM public.customers WHERE grade = 'rare'");
    let wanted = SnapshotOptions { scope, amount: Amount::Sample(200), ..options() };
    let mut first = snapshot(&mut source, &wanted).unwrap();
    let found = ids(&mut first, "notes");
    assert_eq!(found.len(), 200);
    let again = snapshot(&mut source, &wanted).unwrap();
    assert_eq!(ids(&mut { again }, "notes"), found);
}

#[test]
fn a_plan_that_touches_one_table_does_not_copy_the_others() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut source = shop(&home);
    let scope = speaking("ALTER TABLE \"public\".\"addresses\" ADD COLUMN \"customers\" integer");
    let wanted = SnapshotOptions { scope, size_limit: 200_000, ..options() };
    let shadow = snapshot(&mut source, &wanted).unwrap();
    let share = |shadow: &Shadow, name: &str| shadow.extent().table(&table(name)).unwrap().share;
    assert_eq!(share(&shadow, "log"), Share::LeftOut);
    assert_eq!(share(&shadow, "orders"), Share::LeftOut);
    // Every address has a customer, so those that they refer to are all.
    assert_eq!(share(&shadow, "customers"), Share::Whole);
    assert_eq!(shadow.extent().table(&table("orders")).unwrap().rows, 0);
    assert!(
        shadow.note().contains("no rows of 2 that the plan does not touch"),
        "{}",
        shadow.note()
    );

    // A column whose values return by the key of their row does not move the key.
    let returns = "UPDATE public.customers AS t SET grade = k.value FROM migrate_kept.k AS k WHERE t.id = k.key_1";
    let scope = speaking(returns);
    let shadow = snapshot(&mut source, &SnapshotOptions { scope, ..options() }).unwrap();
    assert_eq!(share(&shadow, "orders"), Share::LeftOut);

    // Rows that refer to those that a plan deletes must be met.
    let scope = speaking("DELETE FROM public.customers WHERE grade = 'rare'");
    let shadow = snapshot(&mut source, &SnapshotOptions { scope, ..options() }).unwrap();
    assert_eq!(share(&shadow, "log"), Share::LeftOut);
    assert!(shadow.extent().table(&table("orders")).unwrap().rows > 0);

    // By way of a function.
    run(
        &mut source,
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM log'",
    );
    let scope = speaking("CREATE TABLE t AS SELECT f() AS n");
    let shadow =
        snapshot(&mut source, &SnapshotOptions { scope: scope.clone(), ..options() }).unwrap();
    assert_eq!(shadow.extent().table(&table("log")).unwrap().rows, 20_000);
    let whole = SnapshotOptions { scope, amount: Amount::Whole, ..options() };
    assert!(snapshot(&mut source, &whole).unwrap().extent().is_whole());
}

#[test]
fn a_sample_holds_the_partners_that_only_the_plan_speaks_of() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut source = shop(&home);
    run(
        &mut source,
        "CREATE TABLE visits (id int PRIMARY KEY, visitor int, code text); CREATE TABLE codes (code text PRIMARY KEY, n int);
         INSERT INTO visits SELECT n, 1 + n * 7 % 5000, 'c' || n FROM generate_series(1, 20000) n;
         INSERT INTO codes SELECT 'c' || n, n FROM generate_series(1, 20000) n; ANALYZE",
    );
    let key =
        "ALTER TABLE public.visits ADD FOREIGN KEY (visitor) REFERENCES public.customers (id)";
    let wanted = SnapshotOptions { scope: speaking(key), amount: Amount::Sample(300), ..options() };
    let mut shadow = snapshot(&mut source, &wanted).unwrap();
    assert_eq!(shadow.extent().table(&table("visits")).unwrap().share, Share::Sample);
    run(shadow.database(), key);
    let fill = "UPDATE visits SET id = codes.n FROM codes WHERE codes.code = visits.code";
    let wanted = SnapshotOptions { scope: speaking(fill), ..wanted };
    let shadow = snapshot(&mut source, &wanted).unwrap();
    for name in ["visits", "codes"] {
        assert_eq!(shadow.extent().table(&table(name)).unwrap().share, Share::Whole, "{name}");
    }
    assert_eq!(shadow.extent().table(&table("log")).unwrap().share, Share::LeftOut);
}

#[test]
fn masked_columns_keep_their_shape_and_their_joins() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut source = home.open();
    run(
        &mut source,
        "CREATE TABLE people (email text PRIMARY KEY CHECK (email ~ '^[a-z0-9]+@[a-z.]+$'), born date, n int);
         CREATE TABLE notes (id int, author text REFERENCES people, text text);
         INSERT INTO people SELECT 'ada' || n || '@example.com', date '1990-01-01' + n, n FROM generate_series(1, 500) n;
         INSERT INTO notes SELECT n, 'ada' || n || '@example.com', 'ada' FROM generate_series(1, 500) n",
    );
    let mask = |columns: &[(&str, &str)]| {
        let mut mask: BTreeMap<QName, BTreeSet<Ident>> = BTreeMap::new();
        for (name, column) in columns {
            mask.entry(table(name)).or_default().insert(Ident::new(*column));
        }
        mask
    };
    let wanted =
        SnapshotOptions { mask: mask(&[("people", "email"), ("people", "born")]), ..options() };
    let mut shadow = snapshot(&mut source, &wanted).unwrap();
    let copy = shadow.database();
    assert_eq!(one(copy, "SELECT count(*) FROM people WHERE email LIKE 'ada%'"), "0");
    assert_eq!(
        one(copy, "SELECT count(*) FROM notes JOIN people ON email = author AND n = id"),
        "500"
    );
    assert_eq!(one(copy, "SELECT count(*) FROM people WHERE born = date '1990-01-01' + n"), "0");
    assert_eq!(one(copy, "SELECT count(DISTINCT born) FROM people"), "500");
    assert_eq!(one(copy, "SELECT count(*) FROM notes WHERE text = 'ada'"), "500");
    let extent = shadow.extent();
    assert_eq!(extent.table(&table("notes")).unwrap().masked, [Ident::new("author")]);
    assert!(!extent.is_whole());
    let wanted = SnapshotOptions { mask: mask(&[("people", "n")]), ..options() };
    let error = snapshot(&mut source, &wanted).err().unwrap().to_string();
    assert!(error.contains("`people.n` cannot be masked"), "{error}");
}

fn by(provider: Choice) -> SnapshotOptions {
    SnapshotOptions { provider, ..options() }
}

fn refusal(source: &mut Database, wanted: &SnapshotOptions) -> String {
    snapshot(source, wanted).err().expect("it is refused").to_string()
}

#[test]
fn each_provider_of_a_postgres_shadow_copies_all() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut source = home.open();
    run(&mut source, HARD);
    let other = server.database();
    for (choice, provider) in [
        (Choice::Local, Provider::Local),
        (Choice::Server, Provider::Server),
        (Choice::Url(Box::new(other.url.clone())), Provider::Url),
        (Choice::Template, Provider::Template),
        (Choice::Transaction, Provider::Transaction),
    ] {
        let mut shadow = snapshot(&mut source, &by(choice))
            .unwrap_or_else(|error| panic!("{provider:?}: {error}"));
        assert_eq!(shadow.extent().provider, provider);
        assert!(shadow.extent().is_whole(), "{:?}", shadow.extent());
        same(&mut source, &mut shadow);
        run(shadow.database(), "ALTER TABLE app.homes ADD COLUMN extra int");
        let name = one(shadow.database(), "SELECT current_database()");
        drop(shadow);
        assert_eq!(
            one(&mut source, "SELECT count(*) FROM pg_attribute WHERE attname = 'extra'"),
            "0"
        );
        let left = format!(
            "SELECT count(*) FROM pg_database WHERE datname = '{name}' AND datname LIKE 'migrate_shadow%'"
        );
        assert_eq!(one(&mut source, &left), "0");
    }
}

#[test]
fn providers_that_do_not_fit_say_why() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut source = home.open();
    run(&mut source, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    let itself = refusal(&mut source, &by(Choice::Url(Box::new(home.url.clone()))));
    assert!(itself.contains("is the database itself"), "{itself}");
    let file = refusal(&mut source, &by(Choice::File));
    assert!(file.contains("SQLite"), "{file}");
    let busy = home.open();
    let template = refusal(&mut source, &by(Choice::Template));
    assert!(template.contains("1 session(s) are in the database"), "{template}");
    assert_eq!(one(&mut source, "SELECT a FROM t"), "1", "the source is open again");
    drop(busy);
    for choice in [Choice::Server, Choice::Template, Choice::Transaction] {
        let wanted = SnapshotOptions { protection: Protection::Protected, ..by(choice) };
        let text = refusal(&mut source, &wanted);
        assert!(text.contains("is protected"), "{text}");
        let wanted = SnapshotOptions {
            protection: Protection::None,
            scope: speaking("CREATE ROLE x"),
            ..wanted
        };
        let text = refusal(&mut source, &wanted);
        assert!(text.contains("all databases of"), "{text}");
    }
    let nowhere = tempfile::tempdir().expect("a folder");
    let folder = nowhere.path().display().to_string();
    let env = Env::new([("MIGRATE_PG_BINDIR".to_owned(), folder)]);
    let text = refusal(&mut source, &SnapshotOptions { env, ..by(Choice::Local) });
    assert!(text.contains("no PostgreSQL server programs"), "{text}");
    assert!(text.contains("\nhelp: install the server programs"), "{text}");
    let file = sqlite();
    let text = refusal(&mut file.open(), &by(Choice::Server));
    assert!(text.contains("--shadow file"), "{text}");
}

#[test]
fn without_server_programs_the_servers_own_is_used_and_if_that_cannot_be_all_reasons_are_told() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut source = home.open();
    run(&mut source, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let env = Env::new([("MIGRATE_PG_BINDIR".to_owned(), place)]);
    let wanted = SnapshotOptions { env, ..options() };
    let shadow = snapshot(&mut source, &wanted).unwrap();
    assert_eq!(shadow.extent().provider, Provider::Server);
    assert!(shadow.note().contains("no PostgreSQL server programs"), "{}", shadow.note());
    let text =
        refusal(&mut source, &SnapshotOptions { protection: Protection::Protected, ..wanted });
    for part in ["local: no PostgreSQL", "is protected", "apt install postgresql-", "--shadow url:"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn an_extension_in_another_version_is_a_reason_against_a_server() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut source = home.open();
    run(&mut source, "UPDATE pg_extension SET extversion = '0.7' WHERE extname = 'plpgsql'");
    run(
        &mut source,
        "INSERT INTO pg_extension SELECT 77777, 'rocket', extowner, extnamespace, false, '2.0' \
         FROM pg_extension WHERE extname = 'plpgsql'",
    );
    let text = refusal(&mut source, &by(Choice::Local));
    assert!(text.contains("it lacks the extension `rocket`"), "{text}");
}

#[test]
fn a_table_that_goes_while_it_is_copied_is_named() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut source = home.open();
    run(
        &mut source,
        "CREATE TABLE a (n int); CREATE TABLE b (n int); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1)",
    );
    let mut other = home.open();
    run(&mut other, "BEGIN; LOCK TABLE b");
    let copying = std::thread::spawn(move || snapshot(&mut source, &options()).err());
    // The copy waits for the lock, for at most five seconds.
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    for _ in 0..200 {
        if one(&mut other, waits) != "0" {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    run(&mut other, "DROP TABLE b; COMMIT");
    let text = copying.join().unwrap().expect("it cannot be copied").to_string();
    assert!(text.contains("`b`") && text.contains("while it was copied"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn databases_that_a_killed_process_left_on_a_server_are_dropped_by_the_next() {
    let Some(server) = postgres() else { return };
    let home = server.database();
    let mut source = home.open();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let host = host.trim();
    for (name, owner) in [
        ("migrate_shadow_1_dead_0", format!("{host} 999999999 5")),
        ("migrate_shadow_1_far_0", "elsewhere.example 999999999 5".to_owned()),
    ] {
        run(&mut source, &format!("CREATE DATABASE {name}"));
        run(
            &mut source,
            &format!("COMMENT ON DATABASE {name} IS 'made by migrate; owner: {owner}'"),
        );
    }
    drop(snapshot(&mut source, &by(Choice::Server)).unwrap());
    let there =
        rows(&mut source, "SELECT datname FROM pg_database WHERE datname ~ '^migrate_shadow_1_'");
    run(&mut source, "DROP DATABASE migrate_shadow_1_far_0");
    assert_eq!(there, [["migrate_shadow_1_far_0"]]);
}

#[test]
fn a_sqlite_file_is_always_copied_whole() {
    let file = sqlite();
    let mut source = file.open();
    run(
        &mut source,
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y')",
    );
    let wanted = SnapshotOptions { amount: Amount::Sample(1), ..by(Choice::File) };
    let mut shadow = snapshot(&mut source, &wanted).unwrap();
    assert!(shadow.extent().is_whole());
    assert_eq!(shadow.extent().provider, Provider::File);
    assert_eq!(shadow.extent().rows(), 2);
    assert!(shadow.warnings()[0].contains("always copied whole"), "{:?}", shadow.warnings());
    assert_eq!(rows(shadow.database(), "SELECT b FROM t ORDER BY a"), [["x"], ["y"]]);
}
