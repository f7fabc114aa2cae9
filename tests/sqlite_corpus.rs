//! Schema pairs of other projects, with their rows, taken there, back and there again on the bundled SQLite.
//!
//! The pairs are not part of this project: where they are absent the test says so and does nothing. `MIGRATE_SHARED`
//! names another place to look for them; `MIGRATE_CASE` runs only the cases whose path contains it.

mod sqlite_support;

use std::path::{Path, PathBuf};
use std::process::Command;

use migrate::change::Intent;
use migrate::dialect::Step;
use migrate::plan::script;
use migrate::text::Dialect;
use rusqlite::Connection;
use sqlite_support::{
    BROKEN, ForeignKeys, bookkeeping, catalog, contents, database, plan_between, run, run_with,
};

#[test]
fn every_pair_goes_there_and_back_without_loss() {
    let Some(corpus) = corpus() else {
        eprintln!(
            "skipped: no schema pairs beside this project (MIGRATE_SHARED names another place)"
        );
        return;
    };
    let cases = cases(&corpus);
    assert!(!cases.is_empty(), "no cases under {}", corpus.display());
    let wanted = std::env::var("MIGRATE_CASE").unwrap_or_default();
    let results = tempfile::tempdir().expect("a temporary folder");
    let mut failures = Vec::new();
    let mut count = 0;
    for case in cases.iter().filter(|case| case.to_string_lossy().contains(&wanted)) {
        count += 1;
        let folder = results.path().join(count.to_string());
        std::fs::create_dir(&folder).expect("a folder");
        let outcome = std::panic::catch_unwind(|| travel(case, case, &folder, Refusal::Fails));
        let outcome = outcome.unwrap_or_else(|_| Err("panicked".to_owned()));
        if let Err(problem) = outcome {
            failures.push(format!("{}: {problem}", case.display()));
        }
    }
    failures.extend(second_opinion(&corpus, results.path()));
    eprintln!("{count} pairs, {} failures", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Schemas that have nothing to do with each other, except that some of their names are the same: what is dropped,
/// made, changed in kind and given another's name, all at once.
#[test]
fn every_schema_becomes_its_neighbours_and_returns() {
    let Some(corpus) = corpus() else {
        eprintln!(
            "skipped: no schema pairs beside this project (MIGRATE_SHARED names another place)"
        );
        return;
    };
    let cases = cases(&corpus);
    let wanted = std::env::var("MIGRATE_CASE").unwrap_or_default();
    let results = tempfile::tempdir().expect("a temporary folder");
    let mut failures = Vec::new();
    for step in neighbours() {
        for (n, case) in cases.iter().enumerate() {
            let other = &cases[(n + step) % cases.len()];
            if !case.to_string_lossy().contains(&wanted) {
                continue;
            }
            let folder = results.path().join(format!("{step}-{n}"));
            std::fs::create_dir(&folder).expect("a folder");
            let outcome =
                std::panic::catch_unwind(|| travel(case, other, &folder, Refusal::Passes));
            let outcome = outcome.unwrap_or_else(|_| Err("panicked".to_owned()));
            if let Err(problem) = outcome {
                failures.push(format!("{} to {}: {problem}", case.display(), other.display()));
            }
        }
    }
    failures.extend(second_opinion(&corpus, results.path()));
    eprintln!("{} failures", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// How far the neighbours stand apart: one distance, or those that `MIGRATE_NEIGHBOURS=1,2,41` lists.
fn neighbours() -> Vec<usize> {
    let listed = std::env::var("MIGRATE_NEIGHBOURS").unwrap_or_default();
    let steps: Vec<usize> = listed.split(',').filter_map(|step| step.trim().parse().ok()).collect();
    if steps.is_empty() { vec![1] } else { steps }
}

/// Whether rows that a constraint of the new schema refuses are a fault of the plan.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Fails,
    Passes,
}

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("MIGRATE_SHARED").map_or(beside, PathBuf::from);
    let corpus = shared.join("corpus");
    corpus.is_dir().then_some(corpus)
}

fn cases(corpus: &Path) -> Vec<PathBuf> {
    let folders = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries.map(|e| e.path()).filter(|p| p.is_dir()).collect();
        found.sort();
        found
    };
    folders(corpus).iter().flat_map(|source| folders(&source.join("sqlite"))).collect()
}

fn travel(case: &Path, other: &Path, folder: &Path, refusal: Refusal) -> Result<(), String> {
    let read = |name: &str| std::fs::read_to_string(case.join(name)).unwrap_or_default();
    let other = std::fs::read_to_string(other.join("b.sql")).unwrap_or_default();
    let (a, b) = (database(&read("a.sql")), database(&other));
    let seed = format!("PRAGMA foreign_keys = OFF; {}; PRAGMA foreign_keys = ON", read("seed.sql"));
    a.execute_batch(&seed).map_err(|error| format!("seed: {error}"))?;
    let (schema_a, schema_b) = (catalog(&a).normalized(), catalog(&b).normalized());
    let rows_a = contents(&a);
    save(&a, &folder.join("a.db"));
    save(&b, &folder.join("b.db"));
    let (plan, questions) = plan_between(&a, &b, &Intent::default());

    for steps in [&plan.up, &plan.down] {
        let script = script::print(steps, &[]);
        let read = script::parse(&script, Dialect::Sqlite).map_err(|error| error.to_string())?;
        let texts = |steps: &[Step]| -> Vec<String> {
            steps.iter().flat_map(|step| &step.statements).map(|sql| sql.to_string()).collect()
        };
        same("the script as it is read back", &texts(&read), &texts(steps))?;
    }

    match run(&a, &plan.up) {
        Ok(()) => {}
        Err(error) => {
            same("schema after a refusal", &catalog(&a).normalized(), &schema_a)?;
            same("rows after a refusal", &contents(&a), &rows_a)?;
            // Rows that have no value, or point nowhere, are the user's to repair.
            match (error.as_str(), questions.is_empty()) {
                (BROKEN, _) => run_with(&a, &plan.up, ForeignKeys::Unchecked)?,
                (_, false) => return Ok(()),
                (text, true)
                    if refusal == Refusal::Passes && text.contains("constraint failed") =>
                {
                    return Ok(());
                }
                (_, true) => return Err(format!("up: {error}")),
            }
        }
    }
    save(&a, &folder.join("up.db"));
    same("schema after up", &catalog(&a).normalized(), &schema_b)?;
    let rows_b = contents(&a);
    // Some start with rows or keys that are broken, and must have them back.
    run_with(&a, &plan.down, ForeignKeys::Unchecked).map_err(|error| format!("down: {error}"))?;
    save(&a, &folder.join("down.db"));
    same("schema after down", &catalog(&a).normalized(), &schema_a)?;
    same("rows after down", &contents(&a), &rows_a)?;
    run_with(&a, &plan.up, ForeignKeys::Unchecked).map_err(|error| format!("up again: {error}"))?;
    same("schema after up again", &catalog(&a).normalized(), &schema_b)?;
    same("rows after up again", &contents(&a), &rows_b)?;
    let left: Vec<String> =
        bookkeeping(&a).into_iter().filter(|name| name.contains("_d_")).collect();
    same("kept data left by the way back", &left, &Vec::new())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{what}\n  found  {found:?}\n  wanted {wanted:?}")),
    }
}

fn save(db: &Connection, path: &Path) {
    db.execute("VACUUM INTO ?1", [path.to_string_lossy()]).expect("a copy");
}

/// The corpus's own comparison, written without any migration tool, over all saved databases at once.
fn second_opinion(corpus: &Path, results: &Path) -> Vec<String> {
    const SCRIPT: &str = "
import os, sys
sys.path.insert(0, sys.argv[1])
import check
def bare(path, data):
    fp = check.sqlite_fingerprint(path, data)
    return {k: v for k, v in fp.items() if '_migrate_' not in str(k[1]) and not str(k[1]).startswith('sqlite_')}
for name in sorted(os.listdir(sys.argv[2])):
    at = lambda f: os.path.join(sys.argv[2], name, f)
    for what, one, two, data in (('up', 'up.db', 'b.db', False), ('down', 'down.db', 'a.db', True)):
        if os.path.exists(at(one)):
            for d in check.diff(bare(at(one), data), bare(at(two), data)):
                print(name, what, check.show(d).replace(chr(10), ' '))
";
    let output = Command::new("python3")
        .args(["-c", SCRIPT])
        .args([corpus, results])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output();
    match output {
        Err(error) => {
            eprintln!("no second opinion: {error}");
            Vec::new()
        }
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            let lines = String::from_utf8_lossy(&output.stdout).into_owned();
            let trouble = (!output.status.success()).then_some(errors);
            lines.lines().map(str::to_owned).chain(trouble).collect()
        }
    }
}
