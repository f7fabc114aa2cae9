//! How long fingerprints of 1,000,000 rows of 10 columns take, beside reading the same rows: `cargo bench --bench
//! fingerprint`. The goal is at most three times `COPY t TO STDOUT` with its output thrown away.
//!
//! Nothing here passes or fails; both are run in turn and the best of each counts.

use std::time::{Duration, Instant};

use migrate::db::fingerprint::row_fingerprints;
use migrate::db::{Access, Database, DatabaseUrl, Env};
use migrate::dialect::script::statements;
use migrate::shadow::cluster::cluster;
use migrate::text::Dialect;

const ROWS: u64 = 1_000_000;
const ROUNDS: usize = 5;

const TABLE: &str = "CREATE TABLE t (id bigint PRIMARY KEY, name text NOT NULL, email text, \
     amount numeric(12,2) NOT NULL, quantity integer NOT NULL, active boolean NOT NULL, \
     created_at timestamptz NOT NULL, day date, note text, reference uuid)";

fn main() {
    let env = Env::new(std::env::vars());
    match cluster(&env, None) {
        Ok(server) => postgres(&server.url("postgres")),
        Err(reason) => println!("skipped, no PostgreSQL: {reason}"),
    }
    sqlite(&env);
}

fn run(database: &mut Database, sql: &str) {
    for statement in statements(sql, database.dialect()) {
        database.execute(&statement).expect("a statement of the bench");
    }
}

/// The best of some rounds, in turn.
fn best(mut first: impl FnMut(), mut second: impl FnMut()) -> (Duration, Duration) {
    let timed = |work: &mut dyn FnMut()| {
        let started = Instant::now();
        work();
        started.elapsed()
    };
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        best.0 = best.0.min(timed(&mut first));
        best.1 = best.1.min(timed(&mut second));
    }
    best
}

fn report(engine: &str, reading: &str, (read, reduced): (Duration, Duration)) {
    println!(
        "{engine}: {reading} {:.2} s, fingerprints {:.2} s: {:.2} times",
        read.as_secs_f64(),
        reduced.as_secs_f64(),
        reduced.as_secs_f64() / read.as_secs_f64()
    );
}

fn postgres(url: &DatabaseUrl) {
    let mut database = Database::open(url, Access::ReadWrite).expect("the server answers");
    run(&mut database, TABLE);
    run(
        &mut database,
        &format!(
            "INSERT INTO t SELECT i, 'customer ' || i, 'u' || i || '@example.com', (i % 100000) / 100.0, i % 1000, \
             i % 3 = 0, '2020-01-01'::timestamptz + i * interval '1 second', '2020-01-01'::date + (i % 3000)::int, \
             CASE WHEN i % 5 <> 0 THEN 'note ' || md5(i::text) END, md5(i::text)::uuid \
             FROM generate_series(1, {ROWS}) i"
        ),
    );
    run(&mut database, "VACUUM ANALYZE t");
    let catalog = database.inspect().expect("a schema");
    let table = catalog.tables.values().next().expect("one table");
    let DatabaseUrl::Postgres(place) = url else { return };
    let mut client = postgres::Config::new()
        .host(&place.hosts[0].name)
        .port(place.hosts[0].port)
        .user(&place.user)
        .dbname(&place.database)
        .connect(postgres::NoTls)
        .expect("the server answers");
    let times = best(
        || {
            let mut rows = client.copy_out("COPY t TO STDOUT").expect("rows");
            std::io::copy(&mut rows, &mut std::io::sink()).expect("rows");
        },
        || drop(row_fingerprints(&mut database, table).expect("fingerprints")),
    );
    report(&database.version(), "COPY t TO STDOUT", times);
}

fn sqlite(env: &Env) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let url = format!("sqlite:{}", folder.path().join("bench.db").display());
    let url = DatabaseUrl::parse(&url, env).expect("a path");
    let mut database = Database::open(&url, Access::Create).expect("a new file");
    run(&mut database, TABLE);
    run(
        &mut database,
        &format!(
            "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) \
             SELECT i, 'customer ' || i, 'u' || i || '@example.com', (i % 100000) / 100.0, i % 1000, i % 3 = 0, \
             datetime('2020-01-01', i || ' seconds'), date('2020-01-01', (i % 3000) || ' days'), \
             CASE WHEN i % 5 <> 0 THEN 'note ' || hex(i) || hex(-i) END, hex(i) || '-' || i FROM n"
        ),
    );
    let catalog = database.inspect().expect("a schema");
    let table = catalog.tables.values().next().expect("one table");
    let mut reader = Database::open(&url, Access::ReadOnly).expect("the file");
    let all = statements("SELECT * FROM t", Dialect::Sqlite).remove(0);
    let times = best(
        || {
            let Database::Sqlite(reader) = &mut reader else { return };
            reader.each_row(&all, |_| {}).expect("rows");
        },
        || drop(row_fingerprints(&mut database, table).expect("fingerprints")),
    );
    report(&database.version(), "reading all rows", times);
}
