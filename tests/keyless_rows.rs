//! Rows of tables without a key, as a property on PostgreSQL: random tables with equal rows, some columns changed at
//! once, plans in a row, up and down again and again, and rows written in between.
//!
//! `KEYLESS_CASES` says how many, `KEYLESS_SEED` where they begin.

mod support;

#[path = "keyless_rows/generate.rs"]
mod generate;
#[path = "laws_postgres/random.rs"]
mod random;

use migrate::catalog::{Catalog, Printed};
use migrate::diff::diff;
use migrate::plan::{Plan, plan};
use postgres::Client;

use generate::Journey;
use support::postgres;
use support::round_trip::{Rows, connect, execute, inspect, load, rows, run};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn equal(stage: &str, expected: &Rows, found: &Rows) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("{stage}: rows differ:\n  {expected:?}\n  {found:?}"))
}

/// The rows as they are now, with the shape that they must have.
fn look(client: &mut Client, stage: &str, shape: &Catalog) -> Result<Rows, String> {
    let found = inspect(client)?;
    if found.normalized() != shape.normalized() {
        return Err(format!("{stage}: another shape"));
    }
    rows(client, shape)
}

const EMPTY: &str = "
    DROP SCHEMA public CASCADE; CREATE SCHEMA public;
    DROP SCHEMA IF EXISTS migrate_kept CASCADE; CREATE SCHEMA migrate_kept";

/// The catalog of a script, in a database that is emptied for it.
fn shape(client: &mut Client, script: &str) -> Result<Catalog, String> {
    execute(client, "RESET ALL; SET client_min_messages = error")?;
    execute(client, EMPTY)?;
    load(client, script)?;
    inspect(client)
}

/// All the way up, down, up, edited, down to the start and up once more.
fn travel(client: &mut Client, journey: &Journey) -> Result<(), String> {
    let mut shapes: Vec<Catalog> = Vec::new();
    for script in journey.scripts.iter().rev() {
        shapes.insert(0, shape(client, script)?);
    }
    execute(client, &journey.rows).map_err(|error| format!("rows: {error}"))?;
    let mut plans: Vec<Plan> = Vec::new();
    for (pair, intent) in shapes.windows(2).zip(&journey.intents) {
        let found = diff(&pair[0], &pair[1], intent).0;
        plans.push(plan(&found, &[], Printed::ByEngine).map_err(|error| format!("plan: {error}"))?);
    }
    if std::env::var("KEYLESS_SHOW").is_ok() {
        for plan in &plans {
            println!("{}", migrate::plan::script::print(&plan.up, &["up".to_owned()]));
            println!("{}", migrate::plan::script::print(&plan.down, &["down".to_owned()]));
        }
    }
    let mut stations = vec![look(client, "at the start", &shapes[0])?];
    for (at, plan) in plans.iter().enumerate() {
        run(client, &plan.up).map_err(|error| format!("up {at}: {error}"))?;
        stations.push(look(client, &format!("after up {at}"), &shapes[at + 1])?);
    }
    for round in 0..2 {
        for (at, plan) in plans.iter().enumerate().rev() {
            let stage = format!("round {round}, down {at}");
            run(client, &plan.down).map_err(|error| format!("{stage}: {error}"))?;
            equal(&stage, &stations[at], &look(client, &stage, &shapes[at])?)?;
        }
        for (at, plan) in plans.iter().enumerate() {
            let stage = format!("round {round}, up {at}");
            run(client, &plan.up).map_err(|error| format!("{stage}: {error}"))?;
            equal(&stage, &stations[at + 1], &look(client, &stage, &shapes[at + 1])?)?;
        }
    }
    edit(client, journey, &plans, &shapes, &stations)
}

/// Rows go and come while the new shape is in force: the others return, and what was edited stays.
fn edit(
    client: &mut Client,
    journey: &Journey,
    plans: &[Plan],
    shapes: &[Catalog],
    stations: &[Rows],
) -> Result<(), String> {
    let last = plans.len() - 1;
    execute(client, &journey.edits).map_err(|error| format!("edits: {error}"))?;
    let edited = look(client, "edited", &shapes[last + 1])?;
    match run(client, &plans[last].down) {
        // A row that was written may have no place in the old shape.
        Err(message)
            if journey.written > 0 && (message.contains("[22") || message.contains("[23")) =>
        {
            return Ok(());
        }
        other => other.map_err(|error| format!("down of edited rows: {error}"))?,
    }
    let found = look(client, "down of edited rows", &shapes[last])?;
    for (table, rows) in &found {
        // Each row that is there was there, or was written in between.
        let old = &stations[last][table];
        let strange = rows.iter().filter(|row| {
            let count = |list: &[String]| list.iter().filter(|it| it == row).count();
            count(rows) > count(old)
        });
        let strange: Vec<&String> = strange.collect();
        if strange.len() > journey.written {
            return Err(format!(
                "down of edited rows: {table} has {strange:?}, of {old:?}, edited {edited:?}"
            ));
        }
    }
    run(client, &plans[last].up).map_err(|error| format!("up of edited rows: {error}"))?;
    equal("up of edited rows", &edited, &look(client, "up of edited rows", &shapes[last + 1])?)
}

/// Catalogs that were filled and emptied often are slow to read.
const CASES_EACH: u64 = 25;

#[test]
fn rows_without_a_key_return() {
    let Some(server) = postgres() else { return };
    let (first, count) = (number("KEYLESS_SEED", 1), number("KEYLESS_CASES", 20));
    let mut wrong = Vec::new();
    let mut database = server.database();
    let mut client = connect(&database);
    for seed in first..first + count {
        if std::env::var("KEYLESS_SHOW").is_ok() {
            println!("seed {seed}");
        }
        if seed % CASES_EACH == 0 {
            database = server.database();
            client = connect(&database);
        }
        let journey = generate::journey(seed);
        if let Err(message) = travel(&mut client, &journey) {
            let _ = execute(&mut client, "ROLLBACK");
            wrong.push(format!("seed {seed}: {message}\n{}", journey.show()));
            if wrong.len() >= number("KEYLESS_FAULTS", 3) as usize {
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
