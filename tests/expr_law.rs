//! Laws of portable expressions, on random well-typed ones: printing and parsing are inverse, and a rule gives
//! the same verdict in the reference evaluator, on SQLite and on PostgreSQL.

mod support;
mod expr_law {
    pub mod casts;
    pub mod rows;
    pub mod rules;
}

use std::cell::Cell;

use expr_law::casts;
use expr_law::rows::{Row, Table, rows};
use expr_law::rules::{regexes, rules, texts};
use migrate::dialect::expression::{PatternUse, print as print_sql};
use migrate::expr::eval::{Value, eval};
use migrate::expr::glob::to_glob;
use migrate::expr::parse::{Purpose, parse};
use migrate::expr::pattern;
use migrate::expr::print::print;
use migrate::expr::{Case, Expr, Nullability, Polarity};
use migrate::text::Dialect;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

/// Runs of one seed: the same rules every time, so that a failure is never a matter of luck.
/// `PROPTEST_CASES` asks for more of them.
fn runner(cases: u32) -> TestRunner {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let cases = asked.unwrap_or(cases);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn verdict(rule: &Expr, row: &Row) -> Option<bool> {
    match eval(rule, &|path| row.value(path)) {
        Value::Bool(value) => Some(value),
        Value::Null => None,
        other => panic!("{}: not a truth value: {other:?}", print(rule)),
    }
}

fn sqlite() -> Connection {
    let connection = Connection::open_in_memory().expect("opens");
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection
        .create_scalar_function("regexp", 2, flags, |context| {
            let pattern = regex::Regex::new(context.get_raw(0).as_str()?)
                .map_err(|error| rusqlite::Error::UserFunctionError(Box::new(error)))?;
            let text = context.get_raw(1).as_str_or_null()?;
            Ok(text.map(|text| pattern.is_match(text)))
        })
        .expect("registers");
    connection
}

/// The rule as SQLite's DDL says it where it can, else as a query of ours does.
fn sqlite_text(rule: &Expr) -> (String, PatternUse) {
    match print_sql(rule, Dialect::Sqlite, &Table, PatternUse::Ddl) {
        Ok(text) => (text, PatternUse::Ddl),
        Err(_) => {
            let text = print_sql(rule, Dialect::Sqlite, &Table, PatternUse::Query);
            (text.expect("a query can say every rule"), PatternUse::Query)
        }
    }
}

#[test]
fn what_is_printed_parses_back_as_the_same_rule() {
    runner(1500)
        .run(&rules(), |rule| {
            let text = print(&rule);
            let parsed = parse(&text, &Table, Purpose::RowRule)
                .map_err(|errors| TestCaseError::fail(format!("{text}: {errors:?}")))?;
            prop_assert_eq!(&parsed.expr, &rule, "{}", text);
            prop_assert_eq!(print(&parsed.expr), text);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_rule_that_cannot_be_null_never_is() {
    let rows = rows(40);
    runner(1000)
        .run(&rules(), |rule| {
            let text = print(&rule);
            let typed = parse(&text, &Table, Purpose::RowRule)
                .map_err(|errors| TestCaseError::fail(format!("{text}: {errors:?}")))?;
            let null = rows.iter().any(|row| verdict(&rule, row).is_none());
            prop_assert!(!null || typed.nullability == Nullability::Nullable, "{}", text);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn sqlite_gives_the_verdict_of_the_evaluator() {
    let connection = sqlite();
    let rows = rows(40);
    connection.execute_batch(&Table::create(Dialect::Sqlite)).expect("creates");
    for row in &rows {
        connection.execute(&row.insert("sample"), []).expect("inserts");
    }
    runner(800)
        .run(&rules(), |rule| {
            let (text, _) = sqlite_text(&rule);
            let query = format!("SELECT {text} FROM sample ORDER BY id");
            let fail = |error| TestCaseError::fail(format!("{query}: {error}"));
            let mut statement = connection.prepare(&query).map_err(fail)?;
            let found: Result<Vec<Option<bool>>, _> =
                statement.query_map([], |row| row.get(0)).map_err(fail)?.collect();
            let wanted: Vec<Option<bool>> = rows.iter().map(|row| verdict(&rule, row)).collect();
            prop_assert_eq!(found.map_err(fail)?, wanted, "{}\n{}", print(&rule), query);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_check_of_sqlite_refuses_exactly_the_rows_where_the_rule_is_false() {
    let rows = rows(12);
    let connection = Connection::open_in_memory().expect("opens");
    runner(200)
        .run(&rules(), |rule| {
            let (text, PatternUse::Ddl) = sqlite_text(&rule) else { return Ok(()) };
            let create = Table::create(Dialect::Sqlite)
                .replace("TABLE sample (", &format!("TABLE checked (CHECK ({text}), "));
            // SQLite wants constraints after the columns.
            let create = create.replace(&format!("CHECK ({text}), "), "");
            let create = create.replace(");", &format!(", CHECK ({text}));"));
            let fail = |error| TestCaseError::fail(format!("{create}: {error}"));
            connection.execute_batch(&create).map_err(fail)?;
            for row in &rows {
                let taken = connection.execute(&row.insert("checked"), []).is_ok();
                prop_assert_eq!(taken, verdict(&rule, row) != Some(false), "{}", print(&rule));
            }
            connection.execute_batch("DROP TABLE checked").map_err(fail)?;
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_glob_form_says_exactly_what_the_pattern_says() {
    let connection = sqlite();
    let translated = Cell::new(0_u32);
    runner(3000)
        .run(
            &(regexes(), prop::collection::vec(texts(), 25), any::<bool>()),
            |(text, samples, fold)| {
                prop_assume!(pattern::check(&text).is_ok());
                let case = if fold { Case::Insensitive } else { Case::Sensitive };
                if to_glob(&text, case).is_none() {
                    return Ok(());
                }
                translated.set(translated.get() + 1);
                let rule = Expr::Match {
                    operand: Box::new(Expr::Field(vec!["t".into()])),
                    pattern: text.clone(),
                    case,
                    polarity: Polarity::Positive,
                };
                let (sql, _) = sqlite_text(&rule);
                let query = format!("SELECT {sql} FROM (SELECT ?1 AS t)");
                let fail = |error| TestCaseError::fail(format!("{query}: {error}"));
                let mut statement = connection.prepare_cached(&query).map_err(fail)?;
                let regex = regex::Regex::new(&pattern::to_regex(&text, case)).expect("checked");
                for sample in samples {
                    let found: bool =
                        statement.query_row([&sample], |row| row.get(0)).map_err(fail)?;
                    prop_assert_eq!(
                        found,
                        regex.is_match(&sample),
                        "{} on {:?}: {}",
                        text,
                        sample,
                        query
                    );
                }
                Ok(())
            },
        )
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(translated.get() > 1000, "only {} patterns had a form", translated.get());
}

#[test]
fn any_text_is_an_expression_or_errors_at_places_within_it() {
    let words = select(
        "n t d j f s Price nope ( ) ( ) , = <> < + - * / % || ->> ~ !~* AND OR NOT IS NULL TRUE IN \
         BETWEEN LIKE CASE WHEN THEN ELSE END coalesce( substr( now() CAST( AS int text :: . ; -- /* \
         'a' 'draft' '2024-01-01' '[a-z' ' \" € 1 0.5 1e9 $1 [ ] { } @ count(*) interval exists \n \t \\"
            .split(' ')
            .collect::<Vec<&str>>(),
    );
    let soup = prop::collection::vec(words, 0..14).prop_map(|words| words.join(" "));
    let soup = prop_oneof![9 => soup, 1 => any::<String>()];
    let purposes = [Purpose::RowRule, Purpose::Backfill, Purpose::Default, Purpose::Index];
    runner(4000)
        .run(&soup, |text| {
            for purpose in purposes {
                match parse(&text, &Table, purpose) {
                    Ok(typed) => {
                        let canonical = print(&typed.expr);
                        let again = parse(&canonical, &Table, purpose);
                        prop_assert_eq!(again, Ok(typed), "{} as {}", text, canonical);
                    }
                    Err(errors) => {
                        prop_assert!(!errors.is_empty());
                        for error in errors {
                            let place = text.get(error.span.start..error.span.end);
                            prop_assert!(place.is_some(), "{:?}: {:?}", text, error);
                        }
                    }
                }
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

/// A database and a connection to it, if there is a server.
fn postgres() -> Option<(support::TestDatabase, postgres::Client)> {
    let database = support::postgres()?.database();
    let client = database.client();
    Some((database, client))
}

#[test]
fn casts_and_the_clock_of_backfills_agree_on_both_engines() {
    let connection = sqlite();
    connection.execute_batch(&casts::create(Dialect::Sqlite)).expect("creates");
    for text in casts::TRUTHS {
        let query = casts::query(text, Dialect::Sqlite);
        let found: Result<Option<bool>, _> = connection.query_row(&query, [], |row| row.get(0));
        assert_eq!(found, Ok(Some(true)), "{text}\n{query}");
    }
    let Some((_database, mut client)) = postgres() else { return };
    // Far from UTC, so that nothing may depend on the session's zone.
    client.batch_execute("SET TIME ZONE 'Asia/Tokyo'; SET datestyle = 'German'").expect("sets");
    client.batch_execute(&casts::create(Dialect::Postgres)).expect("creates");
    for text in casts::TRUTHS {
        let query = casts::query(text, Dialect::Postgres);
        let row =
            client.query_one(&query, &[]).unwrap_or_else(|error| panic!("{query}: {error:?}"));
        assert_eq!(row.get::<_, Option<bool>>(0), Some(true), "{text}\n{query}");
    }
}

#[test]
fn postgres_reads_portable_patterns_as_we_do() {
    let Some((_database, client)) = postgres() else { return };
    let client = std::cell::RefCell::new(client);
    runner(2000)
        .run(&(regexes(), prop::collection::vec(texts(), 25), any::<bool>()), |(text, samples, fold)| {
            prop_assume!(pattern::check(&text).is_ok());
            let (case, operator) = match fold {
                true => (Case::Insensitive, "~*"),
                false => (Case::Sensitive, "~"),
            };
            let query = format!("SELECT t {operator} $2 FROM unnest($1::text[]) WITH ORDINALITY AS s (t, i) ORDER BY i");
            let found = client
                .borrow_mut()
                .query(&query, &[&samples, &text])
                .map_err(|error| TestCaseError::fail(format!("{text}: {error:?}")))?;
            let regex = regex::Regex::new(&pattern::to_regex(&text, case)).expect("checked");
            for (row, sample) in found.iter().zip(&samples) {
                prop_assert_eq!(row.get::<_, bool>(0), regex.is_match(sample), "{} on {:?}", text, sample);
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn postgres_gives_the_verdict_of_the_evaluator() {
    let Some((_database, client)) = postgres() else { return };
    let client = std::cell::RefCell::new(client);
    let rows = rows(40);
    let setup = Table::create(Dialect::Postgres);
    client.borrow_mut().batch_execute(&setup).expect("creates");
    for row in &rows {
        client.borrow_mut().batch_execute(&row.insert("sample")).expect("inserts");
    }
    runner(800)
        .run(&rules(), |rule| {
            let text = print_sql(&rule, Dialect::Postgres, &Table, PatternUse::Ddl)
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            let query = format!("SELECT {text} FROM sample ORDER BY id");
            let found = client
                .borrow_mut()
                .query(&query, &[])
                .map_err(|error| TestCaseError::fail(format!("{query}: {error:?}")))?;
            let found: Vec<Option<bool>> = found.iter().map(|row| row.get(0)).collect();
            let wanted: Vec<Option<bool>> = rows.iter().map(|row| verdict(&rule, row)).collect();
            prop_assert_eq!(found, wanted, "{}\n{}", print(&rule), query);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
