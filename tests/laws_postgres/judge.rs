//! The laws, told of one pair on a server.

use std::panic::catch_unwind;

use migrate::catalog::{Catalog, Printed};
use migrate::change::Intent;
use migrate::change::describe::describe;
use migrate::dialect::{Resource, Step};
use migrate::diff::{diff, inverse};
use migrate::plan::order::sort;
use migrate::plan::{Plan, files, plan, script};
use migrate::text::Dialect;
use postgres::Client;

use super::more::ROLES;
use super::pair::{Pair, Side};
use crate::support::round_trip::{Rows, connect, execute, inspect, rows, run};
use crate::support::{TestDatabase, TestServer};

/// What became of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Exact,
    /// Not planned, with the reason.
    Refused(String),
    /// Rows of the old shape break the new rules.
    RowsRefused(String),
    Wrong(String),
}

/// Which laws are asked of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    Plain,
    /// From nothing to the new schema and back, too.
    FromEmpty,
}

/// Two databases that are emptied between pairs.
pub struct Bench {
    client: Client,
    other: Client,
    pub work: TestDatabase,
    pub fresh: TestDatabase,
    server: TestServer,
    /// How many pairs it may still judge: catalogs that were filled and emptied often are slow to read.
    left: usize,
}

const PAIRS_EACH: usize = 12;

const EMPTY: &str = "
    DO $$ DECLARE s text; BEGIN
        FOR s IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', s);
        END LOOP;
    END $$;
    CREATE SCHEMA public; CREATE SCHEMA migrate_kept";

/// Runs what can be run, each statement for itself; says what could.
fn lenient(client: &mut Client, statements: &[String]) -> Result<Vec<String>, String> {
    execute(client, "BEGIN; SAVEPOINT s")?;
    let mut done = Vec::new();
    for statement in statements {
        match execute(client, statement) {
            Ok(()) => {
                execute(client, "RELEASE s; SAVEPOINT s")?;
                done.push(statement.clone());
            }
            Err(message) => {
                if std::env::var("LAWS_SKIPPED").is_ok() {
                    println!("skipped: {statement}: {message}");
                }
                execute(client, "ROLLBACK TO s")?;
            }
        }
    }
    execute(client, "COMMIT")?;
    Ok(done)
}

/// Rows one by one, so that a deferred rule refuses its own row.
fn write(client: &mut Client, statements: &[String]) -> Vec<String> {
    statements.iter().filter(|statement| execute(client, statement).is_ok()).cloned().collect()
}

impl Bench {
    pub fn new(server: &TestServer) -> Self {
        let (work, fresh) = (server.database(), server.database());
        let (mut client, other) = (connect(&work), connect(&fresh));
        for role in ROLES {
            // Another thread may have made it.
            let _ = execute(&mut client, &format!("CREATE ROLE {role}"));
        }
        Bench { work, fresh, client, other, server: server.clone(), left: PAIRS_EACH }
    }

    /// Holds the laws against a pair; `look` compares the worked database with the fresh one by other means.
    pub fn judge(
        &mut self,
        pair: &Pair,
        depth: Depth,
        look: &mut dyn FnMut(&TestDatabase, &TestDatabase) -> Result<(), String>,
    ) -> Verdict {
        if self.left == 0 {
            *self = Bench::new(&self.server.clone());
        }
        self.left -= 1;
        match self.hold(pair, depth, look) {
            Ok(verdict) => verdict,
            Err(message) if message.contains("cannot be carried") => Verdict::Refused(message),
            Err(message) => Verdict::Wrong(message),
        }
    }

    fn hold(
        &mut self,
        pair: &Pair,
        depth: Depth,
        look: &mut dyn FnMut(&TestDatabase, &TestDatabase) -> Result<(), String>,
    ) -> Result<Verdict, String> {
        let (client, other) = (&mut self.client, &mut self.other);
        execute(client, "ROLLBACK; RESET ALL; SET client_min_messages = error")?;
        execute(other, EMPTY)?;
        lenient(other, &pair.statements(Side::After))?;
        let after = inspect(other)?;
        execute(client, EMPTY)?;
        let script = lenient(client, &pair.statements(Side::Before))?;
        let before = inspect(client)?;
        let intent = pair.intent();
        let planned = match laws_of_the_plan(&before, &after, &intent) {
            Err(Unplanned::Refused(message)) => return Ok(Verdict::Refused(message)),
            Err(Unplanned::Wrong(message)) => return Err(message),
            Ok(plan) => plan,
        };
        let mut refusal = None;
        write(client, &pair.rows());
        let mut old_rows = rows(client, &before)?;
        if let Err(message) = run(client, &planned.up) {
            if !is_about_rows(&message) {
                return Err(format!("up: {message}"));
            }
            refusal = Some(message);
            execute(client, EMPTY)?;
            lenient(client, &script)?;
            old_rows = rows(client, &before)?;
            run(client, &planned.up).map_err(|error| format!("up without rows: {error}"))?;
        }
        same("after up", &after, &inspect(client)?)?;
        look(&self.work, &self.fresh).map_err(|found| format!("looked at after up: {found}"))?;
        let new_rows = rows(client, &after)?;
        run(client, &planned.down).map_err(|error| format!("down: {error}"))?;
        same("after down", &before, &inspect(client)?)?;
        equal_rows("after down", &old_rows, &rows(client, &before)?)?;
        run(client, &planned.up).map_err(|error| format!("up again: {error}"))?;
        same("after up again", &after, &inspect(client)?)?;
        equal_rows("after up again", &new_rows, &rows(client, &after)?)?;
        write(client, &pair.later());
        match run(client, &planned.down) {
            Err(message) if is_about_rows(&message) => refusal = refusal.or(Some(message)),
            Err(message) => return Err(format!("down with new rows: {message}")),
            Ok(()) => {
                same("after down with new rows", &before, &inspect(client)?)?;
                still_there(&old_rows, &rows(client, &before)?)?;
            }
        }
        if depth == Depth::FromEmpty {
            from_empty(client, &after)?;
        }
        Ok(refusal.map_or(Verdict::Exact, Verdict::RowsRefused))
    }
}

enum Unplanned {
    Refused(String),
    Wrong(String),
}

fn laws_of_the_plan(before: &Catalog, after: &Catalog, intent: &Intent) -> Result<Plan, Unplanned> {
    let wrong = |text: &str| Unplanned::Wrong(text.to_owned());
    for side in [before, after] {
        if !diff(side, side, &Intent::default()).0.changes.is_empty() {
            return Err(wrong("diff(a, a) is not empty"));
        }
    }
    let (forth, _) = diff(before, after, intent);
    if inverse(&inverse(&forth)) != forth {
        return Err(wrong("the inverse of the inverse is another difference"));
    }
    let planned = catch_unwind(|| plan(&forth, &[], Printed::ByEngine));
    let planned = planned.map_err(|_| wrong("planning panics"))?;
    let made = planned.map_err(|error| {
        let message = error.to_string();
        if message.contains("wait for each other") {
            Unplanned::Wrong(format!("cycle: {message}"))
        } else {
            Unplanned::Refused(message)
        }
    })?;
    let titles = |steps: &[Step]| -> Vec<String> {
        steps.iter().map(|step| format!("{} {:?}", step.title, step.statements)).collect()
    };
    // Renames run in the order in which they were found.
    let is_rename = |step: &&Step| step.order.makes.contains(&Resource::Renames);
    let renames = made.up.iter().filter(is_rename);
    let rest = made.up.iter().rev().filter(|step| !is_rename(step));
    let shuffled = renames.chain(rest).cloned().collect();
    let sorted = sort(shuffled).map_err(|cycle| Unplanned::Wrong(cycle.to_string()))?;
    if titles(&sorted) != titles(&made.up) {
        return Err(wrong("the order found does matter"));
    }
    let printed = files(&made, "law");
    for (text, steps) in [(&printed.up, &made.up), (&printed.down, &made.down)] {
        let read = script::parse(text, Dialect::Postgres)
            .map_err(|error| Unplanned::Wrong(format!("the script does not read back: {error}")))?;
        if titles(&read) != titles(steps) {
            return Err(wrong("parse of print is another script"));
        }
    }
    Ok(made)
}

fn from_empty(client: &mut Client, after: &Catalog) -> Result<(), String> {
    execute(client, EMPTY)?;
    let nothing = inspect(client)?;
    let (all, _) = diff(&nothing, after, &Intent::default());
    let plan = plan(&all, &[], Printed::ByEngine)
        .map_err(|error| format!("from empty: no plan: {error}"))?;
    run(client, &plan.up).map_err(|error| format!("from empty: {error}"))?;
    same("from empty", after, &inspect(client)?)?;
    run(client, &plan.down).map_err(|error| format!("back to empty: {error}"))?;
    same("back to empty", &nothing, &inspect(client)?)
}

/// Whether a server's message is of a value that breaks a rule or does not convert.
fn is_about_rows(message: &str) -> bool {
    ["[22", "[23"].iter().any(|class| message.contains(class))
}

fn same(stage: &str, expected: &Catalog, found: &Catalog) -> Result<(), String> {
    if expected.normalized() == found.normalized() {
        return Ok(());
    }
    let (left, _) = diff(found, expected, &Intent::default());
    let lines: Vec<String> = left.changes.iter().map(describe).collect();
    let detail: String = format!("{:?}", left.changes).chars().take(1500).collect();
    Err(format!("{stage}: left to change: {} \n {detail}", lines.join("; ")))
}

fn equal_rows(stage: &str, expected: &Rows, found: &Rows) -> Result<(), String> {
    let differing = expected.iter().find(|(name, rows)| found.get(*name) != Some(*rows));
    match differing {
        None => Ok(()),
        Some((table, rows)) => {
            Err(format!("{stage}: rows of {table} differ: {rows:?} became {:?}", found.get(table)))
        }
    }
}

/// Every old row is among those found.
fn still_there(expected: &Rows, found: &Rows) -> Result<(), String> {
    // Sequences went on with the new rows.
    let tables = expected.iter().filter(|(table, _)| !table.starts_with("position of"));
    for (table, rows) in tables {
        let mut left = found.get(table).cloned().unwrap_or_default();
        for row in rows {
            match left.iter().position(|other| other == row) {
                Some(at) => drop(left.remove(at)),
                None => {
                    return Err(format!(
                        "after down with new rows: {table} lost {row} of {rows:?}: {:?}",
                        found.get(table)
                    ));
                }
            }
        }
    }
    Ok(())
}
