//! What tests of whole journeys share: the binary, all rows of a database as text, plans run as `apply` runs them.

// Each test binary uses a part of this.
#![allow(dead_code)]

pub mod case;
pub mod shop;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use migrate::apply::deploy::{
    DeployError, LossPolicy, Options, RehearsalPolicy, deploy, take_back,
};
use migrate::apply::rehearse::Part;
use migrate::apply::{Bundle, Context, Silent, Who};
use migrate::catalog::{Catalog, Table, TableOptions};
use migrate::change::Intent;
use migrate::change::describe::describe;
use migrate::db::{Database, DatabaseUrl};
use migrate::diff::diff;
use migrate::plan::PlanFile;
use migrate::shadow::options::{Choice, SnapshotOptions};
use migrate::text::Dialect;

use crate::support;

/// The binary under test, in a folder, away from the settings of whoever runs the tests.
pub fn migrate(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
    command.current_dir(folder).stdin(Stdio::null());
    let ours = |name: &str| name.starts_with("MIGRATE_") && name != "MIGRATE_PG_BINDIR";
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name) || name.starts_with("PG")) {
        command.env_remove(name);
    }
    command.env_remove("DATABASE_URL").env("NO_COLOR", "1");
    command
}

/// How a run of the binary ended, and all that it printed.
pub struct Ran {
    pub code: i32,
    pub text: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = [output.stdout, output.stderr].concat();
        Ran {
            code: output.status.code().unwrap_or(-1),
            text: String::from_utf8_lossy(&text).into_owned(),
        }
    }
}

/// Runs the binary to its end.
pub fn ran(command: &mut Command) -> Ran {
    command.output().expect("the binary starts").into()
}

/// The URL as one types it.
pub fn typed(url: &DatabaseUrl) -> String {
    let DatabaseUrl::Postgres(url) = url else { return url.to_string() };
    let host = url.hosts.first().expect("a URL has a host");
    let mut text = format!(
        "postgres://{}@/{}?host={}&port={}",
        url.user,
        url.database,
        host.name.replace('/', "%2F"),
        host.port
    );
    if let Some(password) = &url.password {
        text = text.replacen('@', &format!(":{}@", password.reveal()), 1);
    }
    text
}

/// All rows of all tables as text that tells types apart, and the positions of sequences.
pub type Contents = BTreeMap<String, Vec<String>>;

/// Reads them, bookkeeping aside.
pub fn contents(database: &mut Database) -> Contents {
    let catalog = database.inspect().expect("the schema can be read");
    let mut all = Contents::new();
    for table in catalog.tables.values() {
        let (heading, query) = query(table, catalog.dialect);
        let mut rows: Vec<String> =
            support::rows(database, &query).iter().map(|row| row.join(" | ")).collect();
        rows.sort();
        all.insert(format!("{} ({heading})", table.name), rows);
    }
    let positions = positions(database);
    if !positions.is_empty() {
        all.insert("sequences".to_owned(), positions);
    }
    all
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// One text for each column, so that `1`, `1.0` and `'1'` differ.
fn query(table: &Table, dialect: Dialect) -> (String, String) {
    let mut names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    names.sort_unstable();
    let mut heading = names.join(" | ");
    let mut values: Vec<String> = names
        .iter()
        .map(|name| match dialect {
            Dialect::Postgres => format!("quote_nullable({}::text)", quoted(name)),
            Dialect::Sqlite => format!("quote({})", quoted(name)),
        })
        .collect();
    if has_hidden_key(table) {
        heading = format!("rowid | {heading}");
        values.insert(0, "quote(rowid)".to_owned());
    }
    if values.is_empty() {
        values.push("'row'".to_owned());
    }
    let schema = quoted(table.name.schema.as_str());
    let name = quoted(table.name.name.as_str());
    (heading, format!("SELECT {} FROM {schema}.{name}", values.join(", ")))
}

/// Whether rows have a rowid that no column shows.
fn has_hidden_key(table: &Table) -> bool {
    let TableOptions::Sqlite { without_rowid, .. } = &table.options else { return false };
    let is_rowid = match table.primary_key() {
        [only] => table
            .column(only)
            .is_some_and(|column| column.data_type.eq_ignore_ascii_case("integer")),
        _ => false,
    };
    !*without_rowid && !is_rowid && table.column(&"rowid".into()).is_none()
}

fn positions(database: &mut Database) -> Vec<String> {
    let query = match database.dialect() {
        Dialect::Postgres => {
            "SELECT schemaname || '.' || sequencename, coalesce(last_value::text, 'unused') \
             FROM pg_catalog.pg_sequences WHERE schemaname NOT IN ('migrate', 'migrate_kept') ORDER BY 1"
        }
        Dialect::Sqlite => {
            let there = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'";
            if support::rows(database, there).is_empty() {
                return Vec::new();
            }
            "SELECT name, seq FROM sqlite_sequence WHERE name NOT LIKE '\\_migrate%' ESCAPE '\\' ORDER BY 1"
        }
    };
    support::rows(database, query).iter().map(|row| row.join(" = ")).collect()
}

/// The contents as a page to read.
pub fn page(contents: &Contents) -> String {
    let mut text = String::new();
    for (table, rows) in contents {
        text.push_str(&format!("{table}\n"));
        rows.iter().for_each(|row| text.push_str(&format!("  {row}\n")));
    }
    text
}

/// The names of kept tables.
pub fn kept(database: &mut Database) -> Vec<String> {
    let query = match database.dialect() {
        Dialect::Postgres => {
            "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'migrate_kept' ORDER BY 1"
        }
        Dialect::Sqlite => {
            "SELECT name FROM sqlite_schema WHERE type = 'table' \
             AND name LIKE '\\_migrate\\_kept\\_%' ESCAPE '\\' ORDER BY 1"
        }
    };
    support::rows(database, query).into_iter().flatten().collect()
}

/// Says what differs between two schemas, independent of any plan.
pub fn same_schema(stage: &str, expected: &Catalog, found: &Catalog) -> Result<(), String> {
    if expected.normalized() == found.normalized() {
        return Ok(());
    }
    let (left, _) = diff(found, expected, &Intent::default());
    let mut lines: Vec<String> = left.changes.iter().map(describe).collect();
    if lines.is_empty() {
        let (expected, found) = (expected.normalized(), found.normalized());
        lines.push(format!("no change is seen, and yet\n{expected:?}\nis not\n{found:?}"));
    }
    Err(format!("{stage}: the schema is another; it would need:\n  {}", lines.join("\n  ")))
}

/// Says in which rows two contents differ.
pub fn same_contents(stage: &str, expected: &Contents, found: &Contents) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let mut lines = Vec::new();
    for (side, left, right) in [("missing", expected, found), ("extra", found, expected)] {
        for (table, rows) in left {
            let others = right.get(table).cloned().unwrap_or_default();
            if !right.contains_key(table) {
                lines.push(format!("{side}: {table}"));
            }
            let mut rest = others;
            for row in rows {
                match rest.iter().position(|other| other == row) {
                    Some(at) => drop(rest.remove(at)),
                    None => lines.push(format!("{side}: {table}: {row}")),
                }
            }
        }
    }
    Err(format!("{stage}: the rows are others\n  {}", lines.join("\n  ")))
}

/// Reads a plan folder.
pub fn bundle(folder: &Path) -> Bundle {
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a plan's file");
    let plan: PlanFile = serde_json::from_str(&text("plan.json")).expect("plan.json");
    let name = format!("plan {}", plan.tag);
    Bundle::read(&name, "", &text("up.sql"), &text("down.sql"), plan).expect("a sound plan")
}

fn now() -> String {
    "2026-01-01T00:00:00Z".to_owned()
}

fn who() -> Who {
    Who {
        actor: "tester".to_owned(),
        host: "here".to_owned(),
        commit: None,
        tool: "test".to_owned(),
        reason: None,
    }
}

fn options(rehearsal: RehearsalPolicy, evidence: PathBuf) -> Options {
    Options {
        rehearsal,
        snapshot: SnapshotOptions { env: support::env(), ..SnapshotOptions::default() },
        evidence,
        patience: Duration::from_secs(5),
        loss: LossPolicy::Refuse,
        values: Vec::new(),
    }
}

/// Applies a plan as `apply --plan` does, rehearsed on a copy that `provider` makes.
pub fn apply(
    database: &mut Database,
    bundle: &Bundle,
    provider: Choice,
) -> Result<(), DeployError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut options = options(RehearsalPolicy::Demand, folder.path().join("evidence"));
    options.snapshot.provider = provider;
    let mut context = Context { who: who(), now, progress: &mut Silent };
    deploy(database, &[Part { bundle, goal: None }], &options, &mut context).map(|_| ())
}

/// Applies a plan as `apply --plan --no-rehearsal` does.
pub fn apply_unrehearsed(database: &mut Database, bundle: &Bundle) -> Result<(), DeployError> {
    let options = options(RehearsalPolicy::Skip, PathBuf::new());
    let mut context = Context { who: who(), now, progress: &mut Silent };
    deploy(database, &[Part { bundle, goal: None }], &options, &mut context).map(|_| ())
}

/// Takes a plan back as `rollback --plan` does.
pub fn rollback(database: &mut Database, bundle: &Bundle) -> Result<(), DeployError> {
    let options = options(RehearsalPolicy::Skip, PathBuf::new());
    let mut context = Context { who: who(), now, progress: &mut Silent };
    take_back(database, &[bundle], &options, &mut context).map(|_| ())
}

/// A fresh database of a dialect, gone with the value.
pub enum Place {
    File(support::TestFile),
    Server(support::TestDatabase),
}

impl Place {
    /// `None` where there is no server.
    pub fn new(dialect: Dialect) -> Option<Place> {
        match dialect {
            Dialect::Sqlite => Some(Place::File(support::sqlite())),
            Dialect::Postgres => support::postgres().map(|server| Place::Server(server.database())),
        }
    }

    pub fn url(&self) -> &DatabaseUrl {
        match self {
            Place::File(file) => &file.url,
            Place::Server(database) => &database.url,
        }
    }

    /// Another database with all that this one holds; nobody may be connected to it.
    pub fn copy(&self) -> Place {
        match self {
            Place::File(file) => Place::File(file.copy()),
            Place::Server(database) => Place::Server(database.copy()),
        }
    }

    pub fn open(&self) -> Database {
        match self {
            Place::File(file) => file.open(),
            Place::Server(database) => database.open(),
        }
    }
}
