//! The law of verification: for random sets of rules and random tables, both engines find exactly the rows that the
//! definition of each rule finds, by count and by key.

mod support;
mod expr_law {
    #[allow(dead_code)]
    pub mod rows;
    #[allow(dead_code)]
    pub mod rules;
}

use std::collections::{BTreeMap, BTreeSet};

use expr_law::rows::{COLUMNS, Kind, Row, Table, rows};
use expr_law::rules::rules;
use migrate::catalog::rule::{Enforce, Matching, Nulls, Requirement, Rule};
use migrate::db::Database;
use migrate::dialect::check::standing::{Doubts, Extent, Wanted, standing};
use migrate::dialect::expression::{PatternUse, print as print_sql};
use migrate::dialect::script;
use migrate::expr::Expr;
use migrate::expr::eval::{Value, eval};
use migrate::text::{Dialect, Ident, QName};
use migrate::verify::{Choice, How, Place, Sizes, Wish, pieces, survey};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// How many tables there are, rows in each, and sets of rules for each.
const TABLES: usize = 20;
const ROWS: usize = 30;
const SETS: usize = 100;

/// A rule and its definition.
#[derive(Clone, Debug)]
enum Asked {
    Holds(Expr),
    Required(&'static str),
    Unique {
        keys: Vec<&'static str>,
        predicate: Option<Expr>,
        nulls: Nulls,
    },
    References {
        pairs: Vec<(&'static str, &'static str)>,
        matching: Matching,
    },
    /// No two rows are equal in the first column and differ in the second (PostgreSQL).
    Excludes(&'static str, &'static str),
}

/// Columns that both engines compare alike. Enumerations are text here, and json has no equality.
fn comparable() -> Vec<&'static str> {
    COLUMNS.iter().filter(|column| column.1 != Kind::Json).map(|column| column.0).collect()
}

fn asked() -> impl Strategy<Value = Asked> {
    let names: Vec<&'static str> = COLUMNS.iter().map(|column| column.0).collect();
    let nulls = || select(vec![Nulls::Distinct, Nulls::Equal]);
    let predicate = || prop_oneof![2 => Just(None), 1 => rules().prop_map(Some)];
    let pairs = vec![("date", "n"), ("user note", "t"), ("e", "d"), ("r", "s")];
    prop_oneof![
        6 => rules().prop_map(Asked::Holds),
        1 => select(names).prop_map(Asked::Required),
        3 => (subsequence(comparable(), 1..4), predicate(), nulls())
            .prop_map(|(keys, predicate, nulls)| Asked::Unique { keys, predicate, nulls }),
        2 => (subsequence(pairs, 1..4), select(vec![Matching::Simple, Matching::Full]))
            .prop_map(|(pairs, matching)| Asked::References { pairs, matching }),
        1 => (select(comparable()), select(comparable())).prop_map(|(a, b)| Asked::Excludes(a, b)),
    ]
}

fn value(row: &Row, name: &str) -> Value {
    row.value(&[name.to_owned()])
}

/// Exact text of a value that is equal where the value is; `None` for NULL.
fn canonical(row: &Row, name: &str) -> Option<String> {
    match value(row, name) {
        Value::Null => None,
        Value::Bool(truth) => Some(truth.to_string()),
        // All numbers of one column have one scale.
        Value::Number(number) => Some(number.units.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Text(text) => Some(text),
    }
}

fn truth(rule: &Expr, row: &Row) -> Option<bool> {
    match eval(rule, &|path| row.value(path)) {
        Value::Bool(truth) => Some(truth),
        _ => None,
    }
}

/// The rows that break a rule, by its definition.
fn breaking(asked: &Asked, rows: &[Row]) -> BTreeSet<usize> {
    let keys_of = |row: &Row, names: &[&str]| -> Vec<Option<String>> {
        names.iter().map(|name| canonical(row, name)).collect()
    };
    let is_bad = |row: &&Row| match asked {
        Asked::Holds(rule) => truth(rule, row) == Some(false),
        Asked::Required(name) => value(row, name) == Value::Null,
        Asked::Unique { keys, predicate, nulls } => {
            let counts = |row: &Row| {
                let own = keys_of(row, keys);
                predicate.as_ref().is_none_or(|rule| truth(rule, row) == Some(true))
                    && (*nulls == Nulls::Equal || own.iter().all(Option::is_some))
            };
            let own = keys_of(row, keys);
            counts(row)
                && rows
                    .iter()
                    .any(|other| other.id != row.id && counts(other) && keys_of(other, keys) == own)
        }
        Asked::References { pairs, matching } => {
            let (own, other): (Vec<&str>, Vec<&str>) = pairs.iter().copied().unzip();
            let own = keys_of(row, &own);
            let known = own.iter().filter(|value| value.is_some()).count();
            match (matching, known) {
                (Matching::Full, 0) => false,
                (Matching::Simple, known) if known < own.len() => false,
                _ => known < own.len() || !rows.iter().any(|row| keys_of(row, &other) == own),
            }
        }
        Asked::Excludes(same, differs) => rows.iter().any(|other| {
            let pair = |name: &str| canonical(row, name).zip(canonical(other, name));
            other.id != row.id
                && pair(same).is_some_and(|(left, right)| left == right)
                && pair(differs).is_some_and(|(left, right)| left != right)
        }),
    };
    rows.iter().filter(is_bad).map(|row| row.id).collect()
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// The rule for the verifier; `None` where the engine has no such thing.
fn rule(asked: &Asked, at: usize, dialect: Dialect) -> Option<Rule> {
    let table = QName::local(dialect, "sample");
    let sql = |rule: &Expr| {
        print_sql(rule, dialect, &Table, PatternUse::Query).expect("a query can say every rule")
    };
    let requirement = match asked {
        Asked::Holds(rule) => Requirement::Holds { expression: sql(rule) },
        Asked::Required(name) => Requirement::Required { column: Ident::new(*name) },
        Asked::Unique { keys, predicate, nulls } => Requirement::Unique {
            keys: keys.iter().map(|key| quoted(key)).collect(),
            predicate: predicate.as_ref().map(sql),
            nulls: *nulls,
        },
        Asked::References { pairs, matching } => Requirement::References {
            columns: pairs.iter().map(|pair| Ident::new(pair.0)).collect(),
            table: table.clone(),
            referenced_columns: pairs.iter().map(|pair| Ident::new(pair.1)).collect(),
            matching: *matching,
        },
        Asked::Excludes(same, differs) => match dialect {
            Dialect::Postgres => Requirement::Excludes {
                elements: vec![(quoted(same), "=".into()), (quoted(differs), "<>".into())],
                predicate: None,
            },
            Dialect::Sqlite => return None,
        },
    };
    let (enforce, message, origin) = (Enforce::Verify, None, None);
    Some(Rule { name: format!("rule {at}"), table, requirement, enforce, message, origin })
}

fn fill(database: &mut Database, rows: &[Row]) {
    let create = Table::create(database.dialect())
        .replace("CREATE TYPE pg_temp.state AS ENUM ('draft', 'submitted', 'approved'); ", "")
        .replace("CREATE TEMP", "CREATE")
        .replace("pg_temp.state", "text");
    let inserts: Vec<String> = rows.iter().map(|row| row.insert("sample")).collect();
    let text = format!("DROP TABLE IF EXISTS sample; {create} {}", inserts.join("; "));
    let script = script::script(&text, database.dialect()).expect("it is SQL");
    for statement in &script.statements {
        database.execute(&statement.sql).expect("it runs");
    }
}

/// What the verifier finds, by rule.
fn found(
    database: &mut Database,
    rules: &[Rule],
    engine: Choice,
    answered: &mut (usize, usize),
) -> BTreeMap<String, (u64, BTreeSet<usize>)> {
    let catalog = database.inspect().expect("it can be inspected");
    let wanted = Wanted { rules, ..Wanted::default() };
    let standing = standing(&catalog, &wanted, &Doubts::new(), Extent::Unproven);
    assert!(standing.unaskable.is_empty(), "{:?}", standing.unaskable);
    for place in pieces(&standing.checks, engine, &Sizes::default())
        .into_iter()
        .flat_map(|piece| piece.places)
    {
        match place {
            Place::Here(_) | Place::Unique(_) | Place::Lookup(_) => answered.0 += 1,
            Place::Server(_) => answered.1 += 1,
        }
    }
    let wish = Wish { shown: 10 * ROWS, baseline: None };
    let how = How { engine, ..How::default() };
    let verdict = survey(database, &standing.checks, &wish, how, None, &mut |_| {});
    let verdict = verdict.expect("the rules are asked");
    assert!(verdict.unasked.is_empty(), "{:?}", verdict.unasked);
    let mine = verdict.violations.into_iter().filter(|it| it.rule.starts_with("rule "));
    mine.map(|violation| {
        let ids = violation.sample.iter().filter_map(|row| row.first()?.as_ref()?.parse().ok());
        (violation.rule, (violation.rows, ids.collect()))
    })
    .collect()
}

fn holds_on(mut database: Database, engines: &[Choice]) {
    let dialect = database.dialect();
    // Rules of streams, by whom they were answered.
    let answered = std::cell::RefCell::new((0, 0));
    let all = rows(TABLES * ROWS);
    let mut runner = TestRunner::new_with_rng(
        Config { cases: SETS as u32, failure_persistence: None, ..Config::default() },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    for rows in all.chunks(ROWS) {
        fill(&mut database, rows);
        let database = std::cell::RefCell::new(&mut database);
        let sets = prop::collection::vec(asked(), 1..9);
        let outcome = runner.run(&sets, |set| {
            let asked = set.iter().enumerate();
            let rules: Vec<Rule> =
                asked.clone().filter_map(|(at, asked)| rule(asked, at, dialect)).collect();
            let expected: BTreeMap<String, (u64, BTreeSet<usize>)> = asked
                .filter(|(at, asked)| rule(asked, *at, dialect).is_some())
                .map(|(at, asked)| (format!("rule {at}"), breaking(asked, rows)))
                .filter(|(_, ids)| !ids.is_empty())
                .map(|(name, ids)| (name, (ids.len() as u64, ids)))
                .collect();
            for engine in engines {
                let mut answered = answered.borrow_mut();
                let found = found(&mut database.borrow_mut(), &rules, *engine, &mut answered);
                prop_assert_eq!(found, expected.clone(), "by {:?}", engine);
            }
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{error}"));
    }
    let (here, by_server) = *answered.borrow();
    assert!(here >= by_server, "{here} rules were answered here, {by_server} by the server");
}

#[test]
fn sqlite_finds_what_the_definition_finds() {
    holds_on(Database::memory().expect("it opens"), &[Choice::Auto]);
}

#[test]
fn postgres_finds_what_the_definition_finds() {
    let Some(server) = support::postgres() else { return };
    let database = server.database();
    holds_on(database.open(), &[Choice::Sql, Choice::Stream]);
}
