//! Every column of real databases dropped and rolled back, one by one, and every type changed to a neighbour and back: all
//! values are what they were. Chinook with its rows, and two applications' schemas with rows that are made up, on both
//! engines (`../shared`, or below `MIGRATE_SHARED`; where it is not, the test says so and passes).
//!
//! A sample of the changes runs by default; `SWEEP=all` runs all, `SWEEP=TEXT` those whose title holds the text.

mod sqlite_support;
mod support;

#[path = "sweep/postgres.rs"]
mod postgres_sweep;
#[path = "sweep/sqlite.rs"]
mod sqlite_sweep;

use std::path::{Path, PathBuf};

use sqlite_support::fill::rows_for;

/// How many changes of a database run by default.
const SAMPLE: usize = 20;

/// What became of a change.
#[derive(Debug)]
enum Outcome {
    /// There and back, and every value was as before.
    Exact,
    /// Not planned, with the reason.
    Refused(String),
    Wrong(String),
    /// The engine itself knows no such change of this column.
    NoSuchChange,
}

/// What became of the changes of one database.
struct Tally {
    name: String,
    exact: usize,
    no_such_change: usize,
    refused: Vec<String>,
    wrong: Vec<String>,
}

impl Tally {
    fn new(name: &str) -> Tally {
        Tally {
            name: name.to_owned(),
            exact: 0,
            no_such_change: 0,
            refused: Vec::new(),
            wrong: Vec::new(),
        }
    }

    fn add(&mut self, title: &str, outcome: Outcome) {
        match outcome {
            Outcome::Exact => self.exact += 1,
            Outcome::NoSuchChange => self.no_such_change += 1,
            Outcome::Refused(why) => self.refused.push(format!("{title}: {why}")),
            Outcome::Wrong(why) => self.wrong.push(format!("{title}: {why}")),
        }
    }

    /// Fails where a change did not come back; a refusal is told.
    fn judge(&self) {
        let Tally { name, exact, no_such_change, refused, wrong } = self;
        println!(
            "{name}: {exact} there and back, {} refused, {} wrong; {no_such_change} the engine has not\n{}",
            refused.len(),
            wrong.len(),
            refused.join("\n")
        );
        assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
        assert!(*exact > 0 || std::env::var_os("SWEEP").is_some(), "{name}: something was tried");
    }
}

/// All, or a sample spread over all of them.
fn chosen<T>(all: Vec<(String, T)>) -> Vec<(String, T)> {
    let step = (all.len() / SAMPLE).max(1);
    let wanted = std::env::var("SWEEP");
    let is_wanted = |at: usize, title: &str| match wanted.as_deref() {
        Ok("all") => true,
        Ok(text) => title.contains(text),
        Err(_) => at.is_multiple_of(step),
    };
    all.into_iter()
        .enumerate()
        .filter(|(at, (title, _))| is_wanted(*at, title))
        .map(|(_, it)| it)
        .collect()
}

/// Where the shared data is; `None`, with a note, where it is not.
fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("MIGRATE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: `{}` is not here", path.display());
    None
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file that can be read")
}

fn on_postgres(name: &str, file: &str, empty: bool) {
    let (Some(path), Some(server)) = (shared(file), support::postgres()) else { return };
    let all = text(&path);
    // Chinook's script makes its own database and connects to it, which is psql's business.
    let lines = all.lines().filter(|line| {
        !["DROP DATABASE", "CREATE DATABASE", "\\"].iter().any(|start| line.starts_with(start))
    });
    let script = lines.collect::<Vec<_>>().join("\n");
    postgres_sweep::Source { server: &server, name, script, empty }.sweep().judge();
}

fn on_sqlite(name: &str, file: &str) {
    let Some(path) = shared(file) else { return };
    let db = sqlite_support::database(&text(&path));
    let rows = rows_for(&db);
    assert!(!rows.is_empty(), "{name} has rows");
    db.execute_batch(&rows).expect("rows");
    sqlite_sweep::sweep(name, db).judge();
}

#[test]
fn chinook_on_postgres() {
    on_postgres("chinook", "data/chinook/chinook.postgres.sql", false);
}

#[test]
fn chinook_on_sqlite() {
    let Some(path) = shared("data/chinook/chinook.sqlite") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("chinook.db");
    std::fs::write(&copy, std::fs::read(&path).expect("a file")).expect("a copy");
    let db = rusqlite::Connection::open(&copy).expect("a database");
    db.execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF").expect("pragmas");
    sqlite_sweep::sweep("chinook", db).judge();
}

#[test]
fn pocket_id_on_postgres() {
    on_postgres("pocket-id", "schemas/pocketid-pg/m0064.sql", true);
}

#[test]
fn pocket_id_on_sqlite() {
    on_sqlite("pocket-id", "schemas/pocketid-sqlite/m0072.sql");
}

#[test]
fn temporal_on_postgres() {
    on_postgres("temporal", "schemas/temporal-pg/v1.31.0.sql", true);
}

#[test]
fn temporal_on_sqlite() {
    on_sqlite("temporal", "schemas/temporal-sqlite/v1.31.0.sql");
}
