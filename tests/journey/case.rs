//! The folders under `fixtures/cases`: a change of a schema with rows. `tests/cases.rs` says what they hold.

// Each test binary uses a part of this.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use migrate::db::Database;
use migrate::plan::create_script;
use migrate::source::{LoadOptions, Source, load};
use migrate::text::Dialect;

use super::Place;
use crate::support;

/// The major versions of PostgreSQL that a case can be told apart by.
pub const VERSIONS: std::ops::RangeInclusive<u32> = 13..=18;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases")
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut found: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

pub fn cases() -> Vec<PathBuf> {
    folders(&root()).iter().flat_map(|object| folders(object)).collect()
}

/// The file of a case for an engine: its own, or that of both.
pub fn file(case: &Path, stem: &str, dialect: Dialect) -> Option<PathBuf> {
    [format!("{stem}.{dialect}.sql"), format!("{stem}.sql")]
        .iter()
        .map(|name| case.join(name))
        .find(|path| path.is_file())
}

pub fn runs_on(case: &Path, dialect: Dialect) -> bool {
    case.join("before.yaml").is_file() || file(case, "a", dialect).is_some()
}

/// The major version of the server under test.
pub fn server_version() -> u32 {
    static VERSION: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *VERSION.get_or_init(|| support::postgres().expect("the server was there").major_version())
}

/// Whether the server under test is one that the case names.
pub fn is_for_this_version(case: &Path, dialect: Dialect) -> bool {
    let wanted = case.join("versions");
    if dialect != Dialect::Postgres || !wanted.is_file() {
        return true;
    }
    let version = server_version();
    text(&wanted).lines().filter(|line| !line.trim().is_empty()).all(|line| {
        if let Some(lack) = lack(line.trim()) {
            eprintln!("skipped: {}: {lack}", case.display());
            return false;
        }
        let Some((test, number)) = line.trim().split_once(' ') else { return true };
        let number: u32 = number.trim().parse().unwrap_or_default();
        assert!(VERSIONS.contains(&number), "{}: `{line}` names no version", wanted.display());
        match test {
            ">=" => version >= number,
            "<" => version < number,
            _ => panic!("{}: `{line}` is neither `>= N` nor `< N`", wanted.display()),
        }
    })
}

/// Why the server cannot do what a word of `versions` asks for.
fn lack(word: &str) -> Option<String> {
    let try_it = match word {
        "lz4" => "CREATE TABLE pg_temp.lz4 (a text COMPRESSION lz4)",
        "icu" => "CREATE COLLATION icu (provider = icu, locale = 'und')",
        _ => return None,
    };
    let place = Place::new(Dialect::Postgres).expect("the server was there");
    let tried = place.open().execute(&support::statement(try_it, Dialect::Postgres));
    tried.err().map(|error| format!("needs {word}, and the server says: {error}"))
}

/// Roles outlive a database, and cases run side by side.
pub fn make_roles(database: &mut Database, case: &Path) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let roles = std::fs::read_to_string(case.join("roles")).unwrap_or_default();
    for role in roles.split_whitespace() {
        let is_there = format!("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = '{role}'");
        if support::rows(database, &is_there).is_empty() {
            support::run(database, &format!("CREATE ROLE \"{role}\""));
        }
    }
}

pub fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One side of a case.
#[derive(Clone, Copy)]
pub enum Side {
    Before,
    After,
}

impl Side {
    fn model(self) -> &'static str {
        match self {
            Side::Before => "before.yaml",
            Side::After => "after.yaml",
        }
    }

    fn sql(self) -> &'static str {
        match self {
            Side::Before => "a",
            Side::After => "b",
        }
    }

    pub fn path(self, case: &Path, dialect: Dialect) -> PathBuf {
        let model = case.join(self.model());
        if model.is_file() {
            return model;
        }
        file(case, self.sql(), dialect).unwrap_or_else(|| panic!("`{}.sql` is missing", self.sql()))
    }
}

/// Makes the schema of one side in an empty database, by no plan.
pub fn make(database: &mut Database, case: &Path, side: Side) {
    let path = side.path(case, database.dialect());
    if path.extension().is_some_and(|extension| extension == "sql") {
        support::run(database, &text(&path));
        return;
    }
    let options = LoadOptions::new(database.dialect(), support::env(), case);
    let loaded = load(&Source::Model(path), &options).unwrap_or_else(|error| panic!("{error}"));
    for statement in create_script(&loaded.catalog).expect("a schema that can be made") {
        database.execute(&statement).unwrap_or_else(|error| panic!("{error}\nin: {statement}"));
    }
}
