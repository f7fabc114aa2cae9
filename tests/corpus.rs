//! Pairs of schemas from the test suites and histories of other projects (`../shared/corpus`, or `MIGRATE_SHARED`):
//! each goes from one side to the other and back, both ways. What the database then holds is compared with a fresh
//! load by `check.py`, which knows nothing of this crate.
//!
//! A fixed sample runs by default; `CORPUS=all` runs everything, `CORPUS=TEXT` the cases whose name holds the text.
//! `expected-failures.txt` names each case that is not right yet; a case listed there that passes is an error.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use migrate::change::Intent;
use support::checker::{Checker, shared};
use support::round_trip::{Stage, connect, execute, inspect, load, round_trip};
use support::{TestDatabase, TestServer};

/// Every how many cases one is in the sample.
const SAMPLE: usize = 24;

/// One line of the manifest.
struct Case {
    source: String,
    name: String,
    folder: PathBuf,
    roles: Vec<String>,
}

/// What became of a case.
enum Outcome {
    Exact,
    /// Not planned, with the reason.
    Refused(String),
    Wrong(String),
}

fn cases(corpus: &Path) -> Vec<Case> {
    let manifest = std::fs::read_to_string(corpus.join("manifest.tsv")).expect("a manifest");
    let lines = manifest.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    lines
        .filter(|fields| fields.get(1) == Some(&"postgres"))
        .map(|fields| Case {
            source: fields[0].to_owned(),
            name: fields[2].to_owned(),
            folder: corpus.join(fields[0]).join(fields[1]).join(fields[2]),
            roles: fields
                .get(5)
                .unwrap_or(&"")
                .split([',', ' '])
                .filter(|role| !role.is_empty())
                .map(str::to_owned)
                .collect(),
        })
        .collect()
}

fn chosen(cases: Vec<Case>) -> Vec<Case> {
    match std::env::var("CORPUS").as_deref() {
        Ok("all") => cases,
        Ok(text) => cases
            .into_iter()
            .filter(|case| format!("{}/{}", case.source, case.name).contains(text))
            .collect(),
        Err(_) => cases.into_iter().step_by(SAMPLE).collect(),
    }
}

fn judge(server: &TestServer, case: &Case, checker: &mut Option<Checker>) -> Outcome {
    match both_ways(server, case, checker) {
        Ok(()) => Outcome::Exact,
        Err(message) => {
            let refused = ["cannot be carried", "plan: "].iter().any(|word| message.contains(word));
            let message = message.replace('\n', " ");
            if refused { Outcome::Refused(message) } else { Outcome::Wrong(message) }
        }
    }
}

fn both_ways(
    server: &TestServer,
    case: &Case,
    checker: &mut Option<Checker>,
) -> Result<(), String> {
    let read = |name: &str| std::fs::read_to_string(case.folder.join(name)).unwrap_or_default();
    let plain = |text: String| -> String {
        let lines = text.lines().filter(|line| !line.starts_with('\\'));
        lines.collect::<Vec<_>>().join("\n")
    };
    let (a, b, seed) = (plain(read("a.sql")), plain(read("b.sql")), plain(read("seed.sql")));
    let fresh_a = loaded(server, &a)?;
    let fresh_b = loaded(server, &b)?;
    let catalog_a = inspect(&mut connect(&fresh_a))?;
    let catalog_b = inspect(&mut connect(&fresh_b))?;
    let seeded = format!("{a}\n;\n{seed}");
    let ways = [
        ("a to b", &seeded, &catalog_b, &fresh_a, &fresh_b),
        ("b to a", &b, &catalog_a, &fresh_b, &fresh_a),
    ];
    for (way, sql, target, before, after) in ways {
        let work = server.database();
        let mut look = |stage| {
            let Some(checker) = checker else { return Ok(()) };
            let (wanted, said) = match stage {
                Stage::Up => (after, "up"),
                Stage::Down => (before, "down"),
            };
            checker
                .compare(&wanted.address(), &work.address(), 0)
                .map_err(|found| format!("after {said}: {found}"))
        };
        round_trip(&work, sql, target, &Intent::default(), &mut look)
            .map_err(|message| format!("{way}: {message}"))?;
    }
    Ok(())
}

/// A database with that schema; roles that it asks for are made.
fn loaded(server: &TestServer, sql: &str) -> Result<TestDatabase, String> {
    loop {
        let database = server.database();
        let outcome = load(&mut connect(&database), sql);
        let Err(message) = outcome else { return Ok(database) };
        let missing = message.split_once("role \"").and_then(|(_, rest)| rest.split_once('"'));
        let Some((role, _)) = missing.filter(|(_, rest)| rest.contains("does not exist")) else {
            return Err(message);
        };
        execute(&mut connect(&database), &format!("CREATE ROLE \"{role}\""))?;
    }
}

/// `SOURCE/CASE: reason`, a line each.
fn expected_failures() -> BTreeMap<String, String> {
    let text = include_str!("expected-failures.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(": "))
        .map(|(case, reason)| (case.to_owned(), reason.to_owned()))
        .collect()
}

fn make_roles(server: &TestServer, cases: &[Case]) {
    let roles: BTreeSet<&String> = cases.iter().flat_map(|case| &case.roles).collect();
    let mut client = server.database().client();
    for role in roles {
        // A server that was given may have it from an earlier run.
        let _ = execute(&mut client, &format!("CREATE ROLE \"{}\"", role.replace('"', "\"\"")));
    }
}

fn judge_all(server: &TestServer, corpus: &Path, cases: &[Case]) -> Vec<(String, Outcome)> {
    let next = Mutex::new(0..cases.len());
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut checker = Checker::start(corpus);
                if checker.is_none() {
                    println!("python3 is not there: compared by our own inspection alone");
                }
                loop {
                    let index = next.lock().expect("no thread fails with the lock").next();
                    let Some(index) = index else { return };
                    let outcome = judge(server, &cases[index], &mut checker);
                    found.lock().expect("no thread fails with the lock").push((index, outcome));
                }
            });
        }
    });
    let mut found = found.into_inner().expect("no thread fails with the lock");
    found.sort_by_key(|(index, _)| *index);
    let name = |index: usize| format!("{}/{}", cases[index].source, cases[index].name);
    found.into_iter().map(|(index, outcome)| (name(index), outcome)).collect()
}

#[test]
fn pairs_of_other_projects_go_there_and_back() {
    let Some(corpus) = shared() else {
        println!("skipped: shared/corpus is not beside the project");
        return;
    };
    let Some(server) = support::postgres() else { return };
    let cases = chosen(cases(&corpus));
    make_roles(&server, &cases);
    let expected = expected_failures();
    let mut counts: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let mut surprises = Vec::new();
    let outcomes = judge_all(&server, &corpus, &cases);
    for (case, (name, outcome)) in cases.iter().zip(&outcomes) {
        let (place, message) = match outcome {
            Outcome::Exact => (0, None),
            Outcome::Refused(message) => (1, Some(format!("refused {name}: {message}"))),
            Outcome::Wrong(message) => (2, Some(format!("wrong {name}: {message}"))),
        };
        counts.entry(case.source.as_str()).or_default()[place] += 1;
        match (message, expected.get(name)) {
            (None, None) => {}
            (Some(message), Some(_)) => println!("{message}"),
            (Some(message), None) => {
                println!("{message}");
                surprises.push(message);
            }
            (None, Some(_)) => surprises.push(format!("{name} passes: take it off the list")),
        }
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(source, [exact, refused, wrong])| {
            format!("{source}: {exact} exact, {refused} refused, {wrong} wrong")
        })
        .collect();
    println!("{}", counts.join("; "));
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}
