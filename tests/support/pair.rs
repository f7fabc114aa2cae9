//! Two schemas of somebody's: there and back, both ways, with rows. What the database then holds is compared with
//! a fresh load by our own inspection and by `check.py`.

use migrate::change::Intent;

use super::checker::Checker;
use super::fill::fill;
use super::round_trip::{Stage, connect, execute, inspect, load, travel};
use super::{TestDatabase, TestServer};

/// What became of a pair.
pub enum Outcome {
    /// With this many tables that held rows.
    Exact(usize),
    /// Not planned, with the reason.
    Refused(String),
    Wrong(String),
    /// The server's packages have no such version of an extension.
    NotHere(String),
}

/// How many cases of one source came out how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    pub exact: usize,
    pub refused: usize,
    pub wrong: usize,
    /// Of the exact ones, those with rows.
    pub with_rows: usize,
}

impl Count {
    pub fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Exact(tables) => {
                self.exact += 1;
                self.with_rows += usize::from(*tables > 0);
            }
            Outcome::Refused(_) => self.refused += 1,
            Outcome::Wrong(_) => self.wrong += 1,
            Outcome::NotHere(_) => {}
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Count { exact, refused, wrong, with_rows } = self;
        write!(f, "{exact} exact ({with_rows} with rows), {refused} refused, {wrong} wrong")
    }
}

/// The scripts of a pair; `seed` are rows for the first.
pub struct Pair {
    pub a: String,
    pub b: String,
    pub seed: String,
}

/// Takes a pair both ways.
pub fn judge(server: &TestServer, pair: &Pair, checker: &mut Option<Checker>) -> Outcome {
    match both_ways(server, pair, checker) {
        Ok(tables) => Outcome::Exact(tables),
        Err(message) => {
            let refused = ["cannot be carried", "plan: "].iter().any(|word| message.contains(word));
            let message = message.replace('\n', " ");
            if message.contains("has no installation script nor update path for version") {
                return Outcome::NotHere(message);
            }
            if refused { Outcome::Refused(message) } else { Outcome::Wrong(message) }
        }
    }
}

fn both_ways(
    server: &TestServer,
    pair: &Pair,
    checker: &mut Option<Checker>,
) -> Result<usize, String> {
    let (a, b) = (loaded(server, &pair.a)?, loaded(server, &pair.b)?);
    let catalog_a = inspect(&mut connect(&a))?;
    let catalog_b = inspect(&mut connect(&b))?;
    // From here on the two databases are worked in; the checker knows what they were.
    if let Some(checker) = checker {
        checker.remember(&a.address())?;
        checker.remember(&b.address())?;
    }
    let addresses = (a.address(), b.address());
    let ways = [
        ("a to b", a, &pair.a, pair.seed.as_str(), &catalog_b, &addresses.0, &addresses.1),
        ("b to a", b, &pair.b, "", &catalog_a, &addresses.1, &addresses.0),
    ];
    let mut filled = 0;
    for (way, work, sql, seed, target, before, after) in ways {
        let mut go = |work: &TestDatabase| {
            let mut look = |stage| {
                let Some(checker) = checker else { return Ok(()) };
                let (wanted, said) = match stage {
                    Stage::Up => (after, "up"),
                    Stage::Down => (before, "down"),
                };
                checker
                    .compare(wanted, &work.address(), 0)
                    .map_err(|found| format!("{way}: after {said}: {found}"))
            };
            travel(work, target, &Intent::default(), &mut look)
                .map_err(|message| format!("{way}: {message}"))
        };
        let tables = rows(&work, seed)?;
        match go(&work) {
            Ok(_) => filled += tables,
            // Rows that the other schema does not take are the user's to repair: without them it must work.
            Err(message) if tables > 0 && blames_rows(&message) && !only_own_rows() => {
                drop(work);
                let work = loaded(server, sql)?;
                go(&work)?;
            }
            Err(message) => return Err(message),
        }
    }
    Ok(filled)
}

/// Puts rows into a database: its own, and some that are made up.
fn rows(database: &TestDatabase, seed: &str) -> Result<usize, String> {
    let mut client = connect(database);
    if !seed.trim().is_empty() {
        load(&mut client, seed)?;
    }
    if only_own_rows() { Ok(0) } else { fill(&mut client) }
}

/// `CORPUS_ROWS=own`: no rows are made up, and those of the pair must pass.
fn only_own_rows() -> bool {
    std::env::var("CORPUS_ROWS").is_ok_and(|value| value == "own")
}

/// Way up only: what a row is refused for there (class 22: data, 23: constraint).
fn blames_rows(message: &str) -> bool {
    message.contains(": up: ") && ["[22", "[23"].iter().any(|class| message.contains(class))
}

/// A database with that schema; roles that it asks for are made.
pub fn loaded(server: &TestServer, sql: &str) -> Result<TestDatabase, String> {
    loop {
        let database = server.database();
        let outcome = load(&mut connect(&database), sql);
        let Err(message) = outcome else { return Ok(database) };
        // A name may hold quotes of its own.
        let missing = message
            .split_once("role \"")
            .and_then(|(_, rest)| rest.rsplit_once("\" does not exist"));
        let Some((role, _)) = missing else { return Err(message) };
        let role = role.replace('"', "\"\"");
        let made = execute(&mut connect(&database), &format!("CREATE ROLE \"{role}\""));
        // Another pair on the same server may have made it meanwhile.
        if let Err(message) = made
            && !message.contains("[42710]")
        {
            return Err(message);
        }
    }
}

/// The script without lines that are for `psql`, and without emptying the search path: bodies of functions may rely on
/// it, and then a dump does not load (its own names are qualified).
pub fn plain(text: &str) -> String {
    const EMPTIES: &str = "SELECT pg_catalog.set_config('search_path', '', false);";
    let lines = text.lines().filter(|line| !line.starts_with('\\') && line.trim() != EMPTIES);
    lines.collect::<Vec<_>>().join("\n")
}
