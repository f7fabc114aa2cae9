//! What it costs to drop a column whose values are kept, and to bring it back, beside what a person would write by hand:
//! copied, and hidden where it is. `cargo bench --bench keep`; `ROWS=1000000` for fewer rows, `ROUNDS=1` for one round.
//!
//! Nothing here passes or fails; all are run in turn on the same rows, and the best of each counts. The goals: a copy takes at most
//! 1.5 times `CREATE TABLE … AS SELECT`, and its return at most twice `UPDATE … FROM`; a hidden column goes and comes in the time of
//! a change of the catalog.

use std::time::{Duration, Instant};

use migrate::apply::book::prepare;
use migrate::catalog::Printed;
use migrate::change::{Intent, KeepAs, Target};
use migrate::db::{Access, Database, DatabaseUrl, Env, Mode};
use migrate::dialect::script::statements;
use migrate::dialect::{Absence, Step};
use migrate::diff::diff;
use migrate::plan::{Plan, plan};
use migrate::shadow::cluster::cluster;
use migrate::text::{Dialect, Ident, QName};

const ROWS: u64 = 5_000_000;
const ROUNDS: u64 = 3;

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
    let rows = number("ROWS", ROWS);
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

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
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

/// The plans that drop `note`: its values copied, and hidden.
fn dropping(database: &mut Database) -> [Plan; 2] {
    run(database, WITH);
    let with = database.inspect().expect("a schema");
    run(database, "DROP TABLE item");
    run(database, WITHOUT);
    let without = database.inspect().expect("a schema");
    run(database, "DROP TABLE item");
    [KeepAs::Copy, KeepAs::Hide].map(|keep_as| {
        let mut intent = Intent::default();
        let table = QName::local(database.dialect(), "item");
        intent.keep_as.insert(Target::column(&table, &Ident::new("note")), keep_as);
        plan(&diff(&with, &without, &intent).0, &[], Printed::ByEngine).expect("a plan")
    })
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

/// Who does it, and how the values are kept.
#[derive(Clone, Copy)]
enum Way<'p> {
    Planned(&'p Plan),
    ByHand([&'p str; 2]),
}

fn measure(url: &DatabaseUrl, rows: u64) {
    let mut database = Database::open(url, Access::ReadWrite).expect("the engine answers");
    let dialect = database.dialect();
    prepare(&mut database).expect("room for bookkeeping");
    let [copy, hide] = dropping(&mut database);
    let schema = match dialect {
        Dialect::Postgres => "migrate_kept.",
        Dialect::Sqlite => "",
    };
    let copied_there = format!(
        "CREATE TABLE {schema}by_hand AS SELECT id, note FROM item; ALTER TABLE item DROP COLUMN note"
    );
    let copied_back = format!(
        "ALTER TABLE item ADD COLUMN note text; UPDATE item SET note = k.note FROM {schema}by_hand AS k WHERE item.id = k.id; DROP TABLE {schema}by_hand"
    );
    let ways = [
        Way::Planned(&copy),
        Way::ByHand([&copied_there, &copied_back]),
        Way::Planned(&hide),
        Way::ByHand([
            "ALTER TABLE item RENAME COLUMN note TO hidden_note",
            "ALTER TABLE item RENAME COLUMN hidden_note TO note",
        ]),
    ];
    let mut best = [[Duration::MAX; 2]; 4];
    for _ in 0..number("ROUNDS", ROUNDS) {
        for (way, best) in ways.iter().zip(&mut best) {
            let took = once(&mut database, *way, rows);
            *best = [best[0].min(took[0]), best[1].min(took[1])];
        }
    }
    for (way, at) in [("drop", 0), ("bring back", 1)] {
        for (kept, [planned, by_hand]) in [("copied", [0, 1]), ("hidden", [2, 3])] {
            let [planned, by_hand] =
                [best[planned][at], best[by_hand][at]].map(|it| it.as_secs_f64());
            println!(
                "{dialect}, {rows} rows, {way}, {kept}: {planned:.4} s by a plan, {by_hand:.4} s by hand ({:.2} times)",
                planned / by_hand
            );
        }
    }
}

/// There and back, on rows that nothing was done to yet.
fn once(database: &mut Database, way: Way<'_>, rows: u64) -> [Duration; 2] {
    let dialect = database.dialect();
    run(database, "DROP TABLE IF EXISTS item");
    run(database, WITH);
    run(database, &fill(dialect, rows));
    if dialect == Dialect::Postgres {
        run(database, "VACUUM ANALYZE item");
    }
    match way {
        Way::Planned(plan) => {
            [&plan.up, &plan.down].map(|steps| timed(|| run_steps(database, steps)))
        }
        Way::ByHand(texts) => texts.map(|text| timed(|| in_one(database, text))),
    }
}
