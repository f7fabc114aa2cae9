//! What it costs to drop a column whose values are kept, and to bring it back, beside what a person would write by hand and
//! beside putting the column out of the way where it is: `cargo bench --bench keep`. `ROWS=5000000` for more rows.
//!
//! Nothing here passes or fails; all are run in turn on the same rows, and the best of each counts. The goals: a copy takes at most
//! 1.5 times `CREATE TABLE … AS SELECT`, and its return at most twice `UPDATE … FROM`.

use std::time::{Duration, Instant};

use migrate::apply::book::prepare;
use migrate::catalog::Printed;
use migrate::change::Intent;
use migrate::db::{Access, Database, DatabaseUrl, Env, Mode};
use migrate::dialect::script::statements;
use migrate::dialect::{Absence, Step};
use migrate::diff::diff;
use migrate::plan::{Plan, plan};
use migrate::shadow::cluster::cluster;
use migrate::text::Dialect;

const ROUNDS: usize = 3;

const WITH: &str =
    "CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL, note text, amount integer)";
const WITHOUT: &str =
    "CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL, amount integer)";

fn fill(dialect: Dialect, rows: u64) -> String {
    let numbers = match dialect {
        Dialect::Postgres => format!("generate_series(1, {rows}) AS n (i)"),
        Dialect::Sqlite => format!(
            "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT i FROM n) AS n"
        ),
    };
    format!(
        "INSERT INTO item (id, name, note, amount) SELECT i, 'name ' || i, 'a note of some length ' || i, i % 100 FROM {numbers}"
    )
}

fn main() {
    let env = Env::new(std::env::vars());
    let rows = std::env::var("ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    match cluster(&env, None) {
        Ok(server) => measure(&server.url("postgres"), rows),
        Err(reason) => println!("skipped, no PostgreSQL: {reason}"),
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("keep.db");
    std::fs::write(&path, "").expect("an empty database");
    let url = DatabaseUrl::parse(&format!("sqlite:{}", path.display()), &env).expect("an address");
    measure(&url, rows);
}

fn run(database: &mut Database, sql: &str) {
    for statement in statements(sql, database.dialect()) {
        database.execute(&statement).expect("a statement of the bench");
    }
}

/// As the runner does it: in one transaction; what a way before kept is there on the way back only.
fn run_steps(database: &mut Database, steps: &[Step]) {
    if database.dialect() == Dialect::Sqlite {
        run(database, "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON");
    }
    let kept_before =
        |step: &&Step| step.reads_kept.as_ref().is_none_or(|kept| kept.absence == Absence::Refuse);
    database
        .within(Mode::Write, |database| {
            for statement in steps.iter().filter(kept_before).flat_map(|step| &step.statements) {
                database.execute(statement)?;
            }
            Ok::<(), migrate::db::DbError>(())
        })
        .expect("a step of the plan");
}

fn in_one(database: &mut Database, sql: &str) {
    let sql = match database.dialect() {
        Dialect::Postgres => format!("BEGIN; {sql}; COMMIT"),
        Dialect::Sqlite => format!("BEGIN IMMEDIATE; {sql}; COMMIT"),
    };
    run(database, &sql);
}

/// The plan that drops `note`.
fn dropping(database: &mut Database) -> Plan {
    run(database, WITH);
    let with = database.inspect().expect("a schema");
    run(database, "DROP TABLE item");
    run(database, WITHOUT);
    let without = database.inspect().expect("a schema");
    run(database, "DROP TABLE item");
    let found = diff(&with, &without, &Intent::default()).0;
    plan(&found, &[], Printed::ByEngine).expect("a plan")
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn measure(url: &DatabaseUrl, rows: u64) {
    let mut database = Database::open(url, Access::ReadWrite).expect("the engine answers");
    let dialect = database.dialect();
    prepare(&mut database).expect("room for bookkeeping");
    let plan = dropping(&mut database);
    let schema = match dialect {
        Dialect::Postgres => "migrate_kept.",
        Dialect::Sqlite => "",
    };
    // SQLite cannot say that a column is optional from now on: the bench hides one that is.
    let hide = "ALTER TABLE item RENAME COLUMN note TO hidden_note";
    let ways = [
        [
            format!(
                "CREATE TABLE {schema}by_hand AS SELECT id, note FROM item; ALTER TABLE item DROP COLUMN note"
            ),
            format!(
                "ALTER TABLE item ADD COLUMN note text; UPDATE item SET note = k.note FROM {schema}by_hand AS k WHERE item.id = k.id; DROP TABLE {schema}by_hand"
            ),
        ],
        [hide.to_owned(), "ALTER TABLE item RENAME COLUMN hidden_note TO note".to_owned()],
    ];
    let mut best = [[Duration::MAX; 2]; 3];
    for _ in 0..ROUNDS {
        for (at, best) in best.iter_mut().enumerate() {
            run(&mut database, "DROP TABLE IF EXISTS item");
            run(&mut database, WITH);
            run(&mut database, &fill(dialect, rows));
            if dialect == Dialect::Postgres {
                run(&mut database, "VACUUM ANALYZE item");
            }
            let (there, back) = match at {
                0 => (
                    timed(|| run_steps(&mut database, &plan.up)),
                    timed(|| run_steps(&mut database, &plan.down)),
                ),
                _ => {
                    let [there, back] = &ways[at - 1];
                    (timed(|| in_one(&mut database, there)), timed(|| in_one(&mut database, back)))
                }
            };
            *best = [best[0].min(there), best[1].min(back)];
        }
    }
    let [planned, by_hand, hidden] = best;
    let seconds = |time: Duration| format!("{:.3} s", time.as_secs_f64());
    for (way, at) in [("drop", 0), ("bring back", 1)] {
        println!(
            "{dialect}, {rows} rows, {way}: {} by a plan, {} by hand ({:.2} times), {} where the column is only hidden",
            seconds(planned[at]),
            seconds(by_hand[at]),
            planned[at].as_secs_f64() / by_hand[at].as_secs_f64(),
            seconds(hidden[at]),
        );
    }
}
