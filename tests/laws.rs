//! The laws of a plan as properties: random schemas, random rows, there and back on a real SQLite.
//!
//! `PROPTEST_CASES` scales the number of cases; the seed is fixed, so that a failure is the same everywhere.

use migrate::apply::run::{Expectation, run};
use migrate::apply::{Bundle, Context, Silent, Who, book};
use migrate::catalog::{Catalog, Printed};
use migrate::change::Intent;
use migrate::db::Database;
use migrate::dialect::{Direction, Sql};
use migrate::diff::{diff, inverse};
use migrate::plan::order::sort;
use migrate::plan::{files, plan, script};
use migrate::text::Dialect;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// One column of a random table: its definition, and whether the other side has it.
#[derive(Clone, Debug)]
struct Field {
    definition: &'static str,
    side: Side,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    After,
    Both,
}

/// A random pair of schemas as one list of tables, with rows for the old one.
#[derive(Clone, Debug)]
struct Pair {
    tables: Vec<(Side, Vec<Field>)>,
    rows: u8,
}

const DEFINITIONS: [&str; 8] = [
    "TEXT",
    "INTEGER NOT NULL DEFAULT 7",
    "NUMERIC(10,2) DEFAULT 1.5",
    "TEXT COLLATE NOCASE",
    "TEXT NOT NULL DEFAULT 'x' CHECK (length({c}) < 40)",
    "REAL",
    "BLOB DEFAULT x'00ff'",
    "INTEGER REFERENCES t0 (id) ON DELETE CASCADE",
];

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![1 => Just(Side::Before), 1 => Just(Side::After), 3 => Just(Side::Both)]
}

fn pair() -> impl Strategy<Value = Pair> {
    let field = (0..DEFINITIONS.len(), side())
        .prop_map(|(at, side)| Field { definition: DEFINITIONS[at], side });
    let table = (side(), prop::collection::vec(field, 0..5));
    (prop::collection::vec(table, 1..4), 0..5_u8).prop_map(|(mut tables, rows)| {
        // The table that references point at is there on both sides.
        tables[0].0 = Side::Both;
        Pair { tables, rows }
    })
}

impl Pair {
    fn schema(&self, wanted: Side) -> String {
        let here = |side: Side| side == Side::Both || side == wanted;
        let tables = self.tables.iter().enumerate().filter(|(_, (side, _))| here(*side));
        let texts = tables.map(|(at, (_, fields))| {
            let columns: String = fields
                .iter()
                .enumerate()
                .filter(|(_, field)| here(field.side))
                .map(|(index, field)| {
                    let name = format!("c{index}");
                    format!(", {name} {}", field.definition.replace("{c}", &name))
                })
                .collect();
            format!("CREATE TABLE t{at} (id INTEGER PRIMARY KEY{columns});\n")
        });
        texts.collect()
    }

    fn inserts(&self) -> String {
        let tables = self.tables.iter().enumerate();
        tables
            .filter(|(_, (side, _))| *side != Side::After)
            .flat_map(|(at, _)| {
                (1..=self.rows).map(move |id| format!("INSERT INTO t{at} (id) VALUES ({id});\n"))
            })
            .collect()
    }

    /// The first table is on both sides, so a row can be written into it at any time.
    fn later_row() -> &'static str {
        "INSERT INTO t0 (id) VALUES (900)"
    }
}

fn execute(database: &mut Database, text: &str) {
    for statement in Sql::of_script(text, Dialect::Sqlite) {
        database.execute(&statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

fn made(text: &str) -> (Database, Catalog) {
    let mut database = Database::memory().expect("SQLite in memory");
    execute(&mut database, text);
    let catalog = database.inspect().expect("a schema");
    (database, catalog)
}

/// Every value with its storage class, by table, in key order; the rows written later apart.
fn contents(database: &mut Database, catalog: &Catalog) -> Vec<String> {
    let mut lines = Vec::new();
    for table in catalog.tables.values() {
        let cells: Vec<String> = table
            .columns
            .iter()
            .map(|column| format!("typeof(\"{0}\") || quote(\"{0}\")", column.name))
            .collect();
        let text = format!(
            "SELECT {} FROM \"{}\" WHERE id < 900 ORDER BY id",
            cells.join(", "),
            table.name
        );
        for sql in Sql::of_script(&text, Dialect::Sqlite) {
            let rows = database.rows(&sql).expect("rows");
            lines.extend(rows.iter().map(|row| format!("{} {row:?}", table.name)));
        }
    }
    lines
}

fn go(database: &mut Database, bundle: &Bundle, way: Direction) {
    let mut silent = Silent;
    let who = Who {
        actor: "law".into(),
        host: "test".into(),
        commit: None,
        tool: "test".into(),
        reason: None,
    };
    let now = || "2026-01-01T00:00:00Z".to_owned();
    let mut context = Context { who, now, progress: &mut silent };
    book::prepare(database).expect("bookkeeping");
    let books = book::read(database).expect("books");
    let last = books.entries.last();
    run(database, bundle, way, &Expectation::Unknown, last, None, &mut context)
        .unwrap_or_else(|error| panic!("{way:?}: {error} at {:?}", error.step));
}

fn holds(pair: &Pair) {
    let (mut database, before) = made(&pair.schema(Side::Before));
    let (_, after) = made(&pair.schema(Side::After));
    execute(&mut database, &pair.inserts());
    let rows = contents(&mut database, &before);
    let intent = Intent::default();

    assert!(diff(&before, &before, &intent).0.changes.is_empty(), "diff(a, a) is empty");
    let (forth, _) = diff(&before, &after, &intent);
    assert_eq!(inverse(&inverse(&forth)), forth, "inverse of inverse is the difference itself");

    let made = plan(&forth, &[], Printed::ByEngine).expect("a plan");
    let printed = files(&made, "law");
    let read = script::parse(&printed.up, Dialect::Sqlite).expect("the script reads back");
    let titles = |steps: &[migrate::dialect::Step]| -> Vec<String> {
        steps.iter().map(|step| format!("{} {:?}", step.title, step.statements)).collect()
    };
    assert_eq!(titles(&read), titles(&made.up), "parse of print is the script itself");
    let mut shuffled = made.up.clone();
    shuffled.reverse();
    let sorted = sort(shuffled).expect("no cycle");
    assert_eq!(titles(&sorted), titles(&made.up), "the order found does not matter");

    let bundle = Bundle::read("law", "", &printed.up, &printed.down, printed.plan.clone())
        .expect("the files belong together");
    for round in 0..2 {
        go(&mut database, &bundle, Direction::Up);
        let found = database.inspect().expect("a schema");
        assert_eq!(found.normalized(), after.normalized(), "inspect(run(up, a)) is b");
        if round == 0 {
            execute(&mut database, Pair::later_row());
        }
        go(&mut database, &bundle, Direction::Down);
        let found = database.inspect().expect("a schema");
        assert_eq!(found.normalized(), before.normalized(), "inspect(run(down, b)) is a");
        assert_eq!(contents(&mut database, &before), rows, "every value is back");
        let later = Sql::of_script("SELECT count(*) FROM t0 WHERE id = 900", Dialect::Sqlite);
        let count = database.value(&later[0]).expect("a count");
        assert_eq!(count.as_deref(), Some("1"), "rows written after up survive down");
    }
}

#[test]
fn random_plans_go_there_and_back() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let config = Config { cases: cases.unwrap_or(150), ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&pair(), |pair| {
        holds(&pair);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
