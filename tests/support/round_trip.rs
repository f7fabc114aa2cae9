//! A plan runs on a server: up, down, and up again, with the catalog and the rows compared each time.

use std::collections::BTreeMap;

use migrate::catalog::{Catalog, OpaqueKind, Printed};
use migrate::change::Intent;
use migrate::dialect::postgres::inspect;
use migrate::dialect::{Absence, Step, Transaction};
use migrate::diff::diff;
use migrate::plan::{Plan, plan};
use postgres::Client;

use super::{TestDatabase, TestServer};

fn text(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => {
            let (code, detail) = (error.code().code(), error.detail().unwrap_or_default());
            format!("[{code}] {} {detail}", error.message())
        }
        None => error.to_string(),
    }
}

/// Runs statements.
pub fn execute(client: &mut Client, sql: &str) -> Result<(), String> {
    client.batch_execute(sql).map_err(|error| text(&error))
}

/// A connection as the runner has it.
pub fn connect(database: &TestDatabase) -> Client {
    let mut client = database.client();
    // An event trigger of the schema under test may forbid what is there already.
    let prepare = "DO $$ BEGIN IF to_regnamespace('migrate_kept') IS NULL THEN CREATE SCHEMA migrate_kept; END IF; END $$; \
                   SET client_min_messages = error; SET statement_timeout = '60s'";
    execute(&mut client, prepare).expect("a schema can be made");
    client
}

/// Reads the catalog.
pub fn inspect(client: &mut Client) -> Result<Catalog, String> {
    execute(client, inspect::PREPARE)?;
    let mut results = BTreeMap::new();
    for query in inspect::queries() {
        let sql = format!("SELECT q::text FROM ({}) AS x(q)", query.sql);
        let rows =
            client.query(&sql, &[]).map_err(|error| format!("{}: {}", query.name, text(&error)))?;
        results.insert(
            query.name.to_owned(),
            rows.iter().map(|row| row.get::<_, String>(0)).collect(),
        );
    }
    execute(client, "RESET search_path")?;
    inspect::catalog(&results).map_err(|error| error.to_string())
}

/// Runs the script of a schema.
pub fn load(client: &mut Client, sql: &str) -> Result<(), String> {
    execute(client, sql).map_err(|error| format!("loading: {error}"))?;
    execute(client, "RESET ALL; SET client_min_messages = error")
}

/// As the runner does it: shared steps in one transaction, kept data looked for first.
pub fn run(client: &mut Client, steps: &[Step]) -> Result<(), String> {
    execute(client, "BEGIN")?;
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
                let _ = client.batch_execute("ROLLBACK");
                return Err(message);
            }
        }
        if step.facts.transaction != Transaction::Shared {
            execute(client, "COMMIT; BEGIN")?;
        }
    }
    execute(client, "COMMIT")
}

fn same(stage: &str, expected: &Catalog, found: &Catalog) -> Result<(), String> {
    if expected.normalized() == found.normalized() {
        return Ok(());
    }
    let json =
        |catalog: &Catalog| serde_json::to_string_pretty(&catalog.normalized()).unwrap_or_default();
    let (found, expected) = (json(found), json(expected));
    let lines = similar::TextDiff::from_lines(&found, &expected);
    let text: String = lines.unified_diff().context_radius(4).to_string();
    Err(format!("{stage}: left to change: {}", text.chars().take(3000).collect::<String>()))
}

/// The rows of each table, as text, sorted.
pub type Rows = BTreeMap<String, Vec<String>>;

/// All rows of all tables of a catalog.
pub fn rows(client: &mut Client, catalog: &Catalog) -> Result<Rows, String> {
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
    for name in sequences(catalog) {
        let sql = format!("SELECT ROW(last_value, is_called)::text FROM {name}");
        let rows = client.query(&sql, &[]).map_err(|error| text(&error))?;
        let name = format!("position of {name}");
        found.insert(name, rows.iter().map(|row| row.get(0)).collect());
    }
    Ok(found)
}

/// Every sequence, owned or free.
fn sequences(catalog: &Catalog) -> Vec<String> {
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let columns = catalog.tables.values().flat_map(|table| &table.columns);
    let owned = columns.filter_map(|column| {
        let identity = column.identity.as_ref().map(|identity| &identity.sequence);
        column.owned_sequence.as_ref().or(identity).map(|sequence| &sequence.name)
    });
    let free = catalog.opaques.keys().filter(|id| id.kind == OpaqueKind::Sequence);
    owned
        .chain(free.map(|id| &id.name))
        .map(|name| format!("{}.{}", quote(name.schema.as_str()), quote(name.name.as_str())))
        .collect()
}

/// Where a round trip stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Up,
    Down,
}

/// Up, down, and up again; the catalog and the rows are compared each time, and `look` may look at the database.
pub fn round_trip(
    database: &TestDatabase,
    before_sql: &str,
    after: &Catalog,
    intent: &Intent,
    look: &mut dyn FnMut(Stage) -> Result<(), String>,
) -> Result<Plan, String> {
    load(&mut connect(database), before_sql)?;
    travel(database, after, intent, look)
}

/// As [`round_trip`], in a database that holds the schema before.
pub fn travel(
    database: &TestDatabase,
    after: &Catalog,
    intent: &Intent,
    look: &mut dyn FnMut(Stage) -> Result<(), String>,
) -> Result<Plan, String> {
    let mut client = connect(database);
    let before = inspect(&mut client)?;
    let rows_before = rows(&mut client, &before)?;
    let (found, _) = diff(&before, after, intent);
    let plan = plan(&found, &[], Printed::ByEngine).map_err(|error| format!("plan: {error}"))?;
    if std::env::var("MIGRATE_TEST_SHOW").is_ok() {
        println!("{}", migrate::plan::script::print(&plan.up, &["up".to_owned()]));
        println!("{}", migrate::plan::script::print(&plan.down, &["down".to_owned()]));
    }
    run(&mut client, &plan.up).map_err(|error| format!("up: {error}"))?;
    same("after up", after, &inspect(&mut client)?)?;
    look(Stage::Up)?;
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
    look(Stage::Down)?;
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

/// The catalog of a fresh database with that schema.
pub fn catalog_of(server: &TestServer, sql: &str) -> Result<Catalog, String> {
    let database = server.database();
    let mut client = connect(&database);
    load(&mut client, sql)?;
    inspect(&mut client)
}
