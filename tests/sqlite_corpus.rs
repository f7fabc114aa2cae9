//! Schemas of other projects that have nothing to do with each other, taken from one to the next and back on the
//! bundled SQLite (the pairs themselves are in `corpus.rs`).
//!
//! The schemas are not part of this project: where they are absent the test says so and does nothing. `MIGRATE_SHARED`
//! names another place to look for them; `MIGRATE_CASE` runs only the cases whose path contains it.

mod sqlite_support;

use std::path::{Path, PathBuf};

use sqlite_support::travel::{Refusal, Side, second_opinion, travel};

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
            let outcome = std::panic::catch_unwind(|| {
                let read = |path: &Path, name: &str| {
                    std::fs::read_to_string(path.join(name)).unwrap_or_default()
                };
                let (a, seed) = (read(case, "a.sql"), read(case, "seed.sql"));
                travel(
                    &Side { a: &a, b: &read(other, "b.sql"), seed: &seed },
                    &folder,
                    Refusal::Passes,
                )
            });
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
