//! The sweep on PostgreSQL: the server itself says what each change leads to.

use migrate::catalog::{Catalog, Printed};
use migrate::change::Intent;
use migrate::diff::diff;
use migrate::plan::plan;
use postgres::Client;

use super::{Outcome, Tally, chosen};
use crate::support::round_trip::{Rows, connect, execute, inspect, load, rows, run};
use crate::support::{TestDatabase, TestServer, fill};

/// A database of the sweep, and how to have it anew.
pub struct Source<'s> {
    pub server: &'s TestServer,
    pub name: &'s str,
    pub script: String,
    /// Whether rows are to be made up.
    pub empty: bool,
}

struct Start {
    database: TestDatabase,
    client: Client,
    catalog: Catalog,
    rows: Rows,
}

impl Source<'_> {
    fn start(&self) -> Start {
        let database = self.server.database();
        let mut client = connect(&database);
        load(&mut client, &self.script).expect("the schema loads");
        if self.empty {
            assert!(fill::fill(&mut client).expect("rows") > 0, "{} has rows", self.name);
        }
        let catalog = inspect(&mut client).expect("the schema can be read");
        let rows = rows(&mut client, &catalog).expect("the rows can be read");
        Start { database, client, catalog, rows }
    }

    /// All changes, or some of them, one after the other, each taken back.
    pub fn sweep(&self) -> Tally {
        let mut start = self.start();
        let mut tally = Tally::new(self.name);
        for (title, statements) in chosen(changes(&start.catalog)) {
            let outcome = there_and_back(&mut start, &statements);
            if !matches!(outcome, Outcome::Exact | Outcome::NoSuchChange) {
                let Start { database, client, .. } = start;
                drop((client, database));
                start = self.start();
            }
            tally.add(&title, outcome);
        }
        tally
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Each change with the statements that make it, of which the first that works counts.
fn changes(catalog: &Catalog) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for table in catalog.tables.values() {
        let name =
            format!("{}.{}", quoted(table.name.schema.as_str()), quoted(table.name.name.as_str()));
        for column in &table.columns {
            let (title, own) =
                (format!("{}.{}", table.name, column.name), quoted(column.name.as_str()));
            all.push((
                format!("{title} dropped"),
                vec![format!("ALTER TABLE {name} DROP COLUMN {own} CASCADE")],
            ));
            for new in neighbours(&column.data_type) {
                let alter = format!("ALTER COLUMN {own} TYPE {new} USING {own}::{new}");
                all.push((
                    format!("{title}: {} becomes {new}", column.data_type),
                    vec![
                        format!("ALTER TABLE {name} {alter}"),
                        format!("ALTER TABLE {name} ALTER COLUMN {own} DROP DEFAULT, {alter}"),
                        format!("ALTER TABLE {name} ALTER COLUMN {own} DROP IDENTITY, {alter}"),
                    ],
                ));
            }
        }
    }
    all
}

/// Types to which one would change a column of a type: a narrower one, a wider one, another family.
fn neighbours(data_type: &str) -> Vec<&'static str> {
    let (name, of) = data_type.split_once('(').unwrap_or((data_type, ""));
    match name.trim() {
        "smallint" => vec!["integer", "text"],
        "integer" => vec!["bigint", "smallint", "text"],
        "bigint" => vec!["integer", "numeric(20,0)", "text"],
        "numeric" if of.is_empty() => vec!["numeric(20,1)", "double precision"],
        "numeric" => vec!["numeric(12,1)", "numeric(14,4)", "real"],
        "real" => vec!["double precision", "numeric(12,1)"],
        "double precision" => vec!["real", "numeric(20,2)"],
        "text" => vec!["character varying(200)", "bytea"],
        "character varying" if of.is_empty() => vec!["text", "character varying(100)"],
        "character varying" => vec!["text", "character varying(40)"],
        "character" => vec!["text", "character varying(255)"],
        "boolean" => vec!["integer", "text"],
        "date" => vec!["timestamp without time zone", "text"],
        "timestamp without time zone" => {
            vec!["date", "timestamp with time zone", "timestamp(0) without time zone"]
        }
        "timestamp with time zone" => vec!["date", "timestamp without time zone", "text"],
        "timestamp" => vec!["date", "text"],
        "uuid" => vec!["text"],
        "json" => vec!["jsonb", "text"],
        "jsonb" => vec!["json", "text"],
        "text[]" => vec!["character varying(50)[]", "text"],
        "inet" => vec!["cidr", "text"],
        _ => vec!["text"],
    }
}

/// The schema that one of the statements leads to.
fn target(start: &mut Start, statements: &[String]) -> Option<Catalog> {
    for statement in statements {
        execute(&mut start.client, "BEGIN").expect("a transaction");
        let made = execute(&mut start.client, statement);
        let found = made.is_ok().then(|| inspect(&mut start.client));
        execute(&mut start.client, "ROLLBACK").expect("the end of the transaction");
        if let Some(found) = found {
            return found.ok();
        }
    }
    None
}

fn there_and_back(start: &mut Start, statements: &[String]) -> Outcome {
    let Some(target) = target(start, statements) else { return Outcome::NoSuchChange };
    let (found, _) = diff(&start.catalog, &target, &Intent::default());
    let plan = match plan(&found, &[], Printed::ByEngine) {
        Ok(plan) => plan,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let client = &mut start.client;
    let mut go = || -> Result<(), String> {
        run(client, &plan.up).map_err(|error| format!("up: {error}"))?;
        if inspect(client)?.normalized() != target.normalized() {
            return Err("the schema after up is another".to_owned());
        }
        run(client, &plan.down).map_err(|error| format!("down: {error}"))?;
        if inspect(client)?.normalized() != start.catalog.normalized() {
            return Err("the schema after down is another".to_owned());
        }
        let found = rows(client, &start.catalog)?;
        for (table, rows) in &start.rows {
            if found.get(table) != Some(rows) {
                let message =
                    format!("{table} has other rows: {:?} and not {rows:?}", found.get(table));
                return Err(message.chars().take(600).collect());
            }
        }
        execute(client, "DROP SCHEMA migrate_kept CASCADE; CREATE SCHEMA migrate_kept")
    };
    match go() {
        Ok(()) => Outcome::Exact,
        // Values that the new type cannot hold: an apply asks for them first and names their rows.
        Err(message)
            if message.contains(": [22")
                && message.starts_with("up: ")
                && !plan.up_checks.is_empty() =>
        {
            Outcome::Refused("rows do not fit".to_owned())
        }
        Err(message) => Outcome::Wrong(message),
    }
}
