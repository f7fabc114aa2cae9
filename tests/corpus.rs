//! Pairs of schemas from the test suites and histories of other projects (`../shared/corpus`, or `MIGRATE_SHARED`):
//! each goes from one side to the other and back, both ways, with a few rows in every table that takes them. What the
//! database then holds is compared with a fresh load by `check.py`, which knows nothing of this crate.
//!
//! A fixed sample runs by default; `CORPUS=all` runs everything, `CORPUS=TEXT` the cases whose name holds the text.
//! `expected-failures.txt` names each case that is not right yet; a case listed there that passes is an error.

mod sqlite_support;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sqlite_support::travel as sqlite;
use support::TestServer;
use support::checker::{Checker, shared};
use support::pair::{Count, Outcome, Pair, judge, plain};
use support::round_trip::execute;

/// Every how many cases one is in the sample.
const SAMPLE: usize = 24;
const SQLITE_SAMPLE: usize = 8;

/// One line of the manifest.
struct Case {
    source: String,
    engine: String,
    name: String,
    folder: PathBuf,
    roles: Vec<String>,
}

impl Case {
    /// How `expected-failures.txt` names it.
    fn title(&self) -> String {
        format!("{}/{}", self.source, self.name)
    }

    fn pair(&self) -> Pair {
        let read = |name: &str| {
            let text = std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
            if self.engine == "postgres" { plain(&text) } else { text }
        };
        Pair { a: read("a.sql"), b: read("b.sql"), seed: read("seed.sql") }
    }
}

fn cases(corpus: &Path) -> Vec<Case> {
    let manifest = std::fs::read_to_string(corpus.join("manifest.tsv")).expect("a manifest");
    let lines = manifest.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    lines
        .map(|fields| Case {
            source: fields[0].to_owned(),
            engine: fields[1].to_owned(),
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

fn chosen(cases: Vec<Case>, engine: &str, sample: usize) -> Vec<Case> {
    let cases = cases.into_iter().filter(|case| case.engine == engine);
    match std::env::var("CORPUS").as_deref() {
        Ok("all") => cases.collect(),
        Ok(text) => cases.filter(|case| case.title().contains(text)).collect(),
        Err(_) => cases.step_by(sample).collect(),
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

/// A panic is a wrong answer to one case, not the end of the run.
fn caught(judge: impl FnOnce() -> Outcome) -> Outcome {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(judge))
        .unwrap_or_else(|_| Outcome::Wrong("panicked".to_owned()))
}

/// The line that tells of a case which is not exact.
fn failure(case: &Case, outcome: &Outcome) -> Option<String> {
    let name = case.title();
    match outcome {
        Outcome::Exact(_) => None,
        Outcome::Refused(message) => Some(format!("refused {name}: {message}")),
        Outcome::Wrong(message) => Some(format!("wrong {name}: {message}")),
        Outcome::NotHere(message) => {
            println!("skipped {name}: {message}");
            None
        }
    }
}

/// Judges all cases of PostgreSQL, two at a time.
fn judge_postgres(server: &TestServer, corpus: &Path, cases: &[Case]) -> Vec<Outcome> {
    make_roles(server, cases);
    let next = Mutex::new(0..cases.len());
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut checker = Checker::start_for(server, corpus);
                loop {
                    let index = next.lock().expect("no thread fails with the lock").next();
                    let Some(index) = index else { return };
                    let case = &cases[index];
                    let outcome = caught(|| judge(server, &case.pair(), &mut checker));
                    if let Some(message) = failure(case, &outcome) {
                        // At once, on the side: a whole run takes minutes.
                        eprintln!("{message}");
                    }
                    found.lock().expect("no thread fails with the lock").push((index, outcome));
                }
            });
        }
    });
    let mut found = found.into_inner().expect("no thread fails with the lock");
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Judges all cases of SQLite, in memory; `check.py` then looks at all of them at once.
fn judge_sqlite(corpus: &Path, cases: &[Case]) -> Vec<Outcome> {
    let results = tempfile::tempdir().expect("a temporary folder");
    let mut outcomes: Vec<Outcome> = cases
        .iter()
        .enumerate()
        .map(|(index, case)| {
            let folder = results.path().join(index.to_string());
            let pair = case.pair();
            caught(|| {
                sqlite::judge(&pair.a, &pair.b, &pair.seed, &folder)
                    .map_or_else(Outcome::Wrong, Outcome::Exact)
            })
        })
        .collect();
    for line in sqlite::second_opinion(corpus, results.path()) {
        let index = line.split(['-', ' ']).next().and_then(|word| word.parse::<usize>().ok());
        let outcome = index.and_then(|index| outcomes.get_mut(index));
        *outcome.unwrap_or_else(|| panic!("{line}")) = Outcome::Wrong(line.clone());
    }
    outcomes
}

#[test]
fn pairs_of_other_projects_go_there_and_back() {
    let Some(corpus) = shared() else {
        println!("skipped: shared/corpus is not beside the project");
        return;
    };
    let expected = expected_failures();
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut surprises = Vec::new();
    let mut take = |cases: &[Case], outcomes: &[Outcome]| {
        for (case, outcome) in cases.iter().zip(outcomes) {
            let name = case.title();
            counts.entry(format!("{} {}", case.engine, case.source)).or_default().add(outcome);
            match (failure(case, outcome), expected.get(&name)) {
                (None, None) => {}
                (Some(message), Some(_)) => println!("{message}"),
                (Some(message), None) => {
                    println!("{message}");
                    surprises.push(message);
                }
                (None, Some(_)) => surprises.push(format!("{name} passes: take it off the list")),
            }
        }
    };
    if let Some(server) = support::postgres() {
        let mine = chosen(cases(&corpus), "postgres", SAMPLE);
        take(&mine, &judge_postgres(&server, &corpus, &mine));
    }
    let mine = chosen(cases(&corpus), "sqlite", SQLITE_SAMPLE);
    take(&mine, &judge_sqlite(&corpus, &mine));
    let counts: Vec<String> =
        counts.iter().map(|(source, count)| format!("{source}: {count}")).collect();
    println!("{}", counts.join("; "));
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}
