//! The PostgreSQL dialect against a server. Runs where `MIGRATE_TEST_PG` holds the URL of a server on which
//! databases may be made. `MIGRATE_TEST_PAIRS` may name a folder of pairs (`CASE/a.sql`, `CASE/b.sql`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use migrate::catalog::Catalog;
use migrate::change::Intent;
use migrate::dialect::postgres::inspect;
use migrate::dialect::{Absence, Step, Transaction};
use migrate::diff::diff;
use migrate::plan::{Plan, plan};
use postgres::{Client, NoTls};

fn server() -> Option<String> {
    let url = std::env::var("MIGRATE_TEST_PG").ok();
    if url.is_none() {
        println!("skipped: MIGRATE_TEST_PG is not set");
    }
    url
}

fn text(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} {}", error.message(), error.detail().unwrap_or_default()),
        None => error.to_string(),
    }
}

fn execute(client: &mut Client, sql: &str) -> Result<(), String> {
    client.batch_execute(sql).map_err(|error| text(&error))
}

/// A database of its own, dropped at the end.
struct Database {
    url: String,
    name: String,
}

impl Database {
    fn new(url: &str, name: &str) -> Self {
        let name = format!("migrate_test_{name}_{}", std::process::id());
        let mut admin = Client::connect(url, NoTls).expect("the server answers");
        let drop = format!("DROP DATABASE IF EXISTS {name}");
        admin.batch_execute(&drop).expect("an old test database can go");
        let create = format!("CREATE DATABASE {name}");
        admin.batch_execute(&create).expect("databases may be made");
        Database { url: url.to_owned(), name }
    }

    fn connect(&self) -> Client {
        let config = format!("{} dbname={}", self.url, self.name);
        let mut client = Client::connect(&config, NoTls).expect("the new database answers");
        let prepare = "CREATE SCHEMA IF NOT EXISTS migrate_kept; SET client_min_messages = error; \
                       SET statement_timeout = '60s'";
        execute(&mut client, prepare).expect("a schema can be made");
        client
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Ok(mut admin) = Client::connect(&self.url, NoTls) {
            let _ = admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

fn inspect(client: &mut Client) -> Result<Catalog, String> {
    execute(client, inspect::PREPARE)?;
    let mut results = BTreeMap::new();
    for query in inspect::queries() {
        let sql = format!("SELECT q::text FROM ({}) AS x(q)", query.sql);
        let rows =
            client.query(&sql, &[]).map_err(|error| format!("{}: {}", query.name, text(&error)))?;
        results.insert(query.name, rows.iter().map(|row| row.get::<_, String>(0)).collect());
    }
    execute(client, "RESET search_path")?;
    inspect::catalog(&results).map_err(|error| error.to_string())
}

fn load(client: &mut Client, sql: &str) -> Result<(), String> {
    execute(client, sql).map_err(|error| format!("loading: {error}"))?;
    execute(client, "RESET ALL; SET client_min_messages = error")
}

/// As the runner does it: shared steps in one transaction, kept data looked for first.
fn run(client: &mut Client, steps: &[Step]) -> Result<(), String> {
    execute(client, "SET search_path = ''; BEGIN")?;
    for step in steps {
        if let Some(kept) = &step.reads_kept {
            let sql = "SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'migrate_kept' AND tablename = $1";
            let found = client.query(sql, &[&kept.name]).map_err(|error| text(&error))?;
            match (found.is_empty(), kept.absence) {
                (false, _) => {}
                (true, Absence::Skip) => continue,
                (true, Absence::Refuse) => {
                    return Err(format!("{}: {} is not there", step.title, kept.name));
                }
            }
        }
        if step.facts.transaction != Transaction::Shared {
            execute(client, "COMMIT; BEGIN")?;
        }
        for statement in &step.statements {
            if let Err(error) = client.batch_execute(statement.as_str()) {
                let message = format!("step `{}`: {}\n    {statement}", step.title, text(&error));
                let _ = client.batch_execute("ROLLBACK; RESET search_path");
                return Err(message);
            }
        }
        if step.facts.transaction != Transaction::Shared {
            execute(client, "COMMIT; BEGIN")?;
        }
    }
    execute(client, "COMMIT; RESET search_path")
}

fn same(stage: &str, expected: &Catalog, found: &Catalog) -> Result<(), String> {
    if expected.normalized() == found.normalized() {
        return Ok(());
    }
    let (left, _) = diff(found, expected, &Intent::default());
    let text: String = format!("{:?}", left.changes).chars().take(3000).collect();
    Err(format!("{stage}: left to change: {text}"))
}

type Rows = BTreeMap<String, Vec<String>>;

fn rows(client: &mut Client, catalog: &Catalog) -> Result<Rows, String> {
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut found = BTreeMap::new();
    for table in catalog.tables.values() {
        let names =
            table.columns.iter().map(|column| format!("{}::text", quote(column.name.as_str())));
        let mut names: Vec<String> = names.collect();
        names.sort();
        let name =
            format!("{}.{}", quote(table.name.schema.as_str()), quote(table.name.name.as_str()));
        let sql = format!("SELECT ROW({})::text AS r FROM {name} ORDER BY 1", names.join(", "));
        let rows = client.query(&sql, &[]).map_err(|error| text(&error))?;
        found.insert(table.name.to_string(), rows.iter().map(|row| row.get(0)).collect());
    }
    Ok(found)
}

/// Up, down, and up again; the catalog and the rows are compared each time.
fn round_trip(
    database: &Database,
    before_sql: &str,
    after: &Catalog,
    intent: &Intent,
) -> Result<Plan, String> {
    let mut client = database.connect();
    load(&mut client, before_sql)?;
    let before = inspect(&mut client)?;
    let rows_before = rows(&mut client, &before)?;
    let (found, _) = diff(&before, after, intent);
    let plan = plan(&found, &[]).map_err(|error| format!("plan: {error}"))?;
    run(&mut client, &plan.up).map_err(|error| format!("up: {error}"))?;
    same("after up", after, &inspect(&mut client)?)?;
    let rows_after = rows(&mut client, after)?;
    run(&mut client, &plan.down).map_err(|error| format!("down: {error}"))?;
    same("after down", &before, &inspect(&mut client)?)?;
    if rows(&mut client, &before)? != rows_before {
        return Err(format!(
            "after down: rows differ: {:?} {:?}",
            rows_before,
            rows(&mut client, &before)?
        ));
    }
    run(&mut client, &plan.up).map_err(|error| format!("up again: {error}"))?;
    same("after up again", after, &inspect(&mut client)?)?;
    if rows(&mut client, after)? != rows_after {
        return Err(format!(
            "after up again: rows differ: {rows_after:?} {:?}",
            rows(&mut client, after)?
        ));
    }
    Ok(plan)
}

fn catalog_of(url: &str, name: &str, sql: &str) -> Result<Catalog, String> {
    let database = Database::new(url, name);
    let mut client = database.connect();
    load(&mut client, sql)?;
    inspect(&mut client)
}

#[test]
fn pairs_of_a_folder_go_there_and_back() {
    let (Some(url), Ok(folder)) = (server(), std::env::var("MIGRATE_TEST_PAIRS")) else { return };
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    cases.sort();
    let (mut good, mut unsupported, mut bad) = (0, 0, 0);
    for case in &cases {
        let label = case.file_name().map(|name| name.to_string_lossy().into_owned());
        let label = label.unwrap_or_default();
        match pair(&url, case) {
            Ok(()) => good += 1,
            Err(message) if message.contains("cannot be carried") => {
                unsupported += 1;
                println!("unsupported {label}: {}", message.replace('\n', " "));
            }
            Err(message) => {
                bad += 1;
                println!("FAILED {label}: {message}");
            }
        }
    }
    println!("{good} good, {unsupported} unsupported, {bad} failed");
}

fn pair(url: &str, case: &Path) -> Result<(), String> {
    let read = |name: &str| std::fs::read_to_string(case.join(name)).unwrap_or_default();
    let (a, b, seed) = (read("a.sql"), read("b.sql"), read("seed.sql"));
    let after = catalog_of(url, "target", &b)?;
    let before = catalog_of(url, "target", &a)?;
    let seeded = format!("{a}\n;\n{seed}");
    let ways =
        [("a_b", &seeded, &after), ("b_a", &b, &before), ("empty_b", &String::new(), &after)];
    for (name, sql, target) in ways {
        let database = Database::new(url, "work");
        round_trip(&database, sql, target, &Intent::default())
            .map_err(|message| format!("{name}: {message}"))?;
    }
    Ok(())
}
