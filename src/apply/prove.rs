//! Proves a plan on an empty scratch database before anybody reads it: up leads to the schema after, down to the
//! schema before, and up again to the schema after. Rows are the business of a rehearsal.

use serde_json::Value;

use super::run::{Expectation, Problem, RunError, run};
use super::{Bundle, Context, book};
use crate::catalog::Catalog;
use crate::change::Intent;
use crate::change::describe::describe;
use crate::db::{Database, DbError, Mode};
use crate::dialect::{Direction, Sql, script, session};
use crate::diff::{diff, with_not_null_names};
use crate::plan::{PlanError, create_script};
use crate::shadow::scratch::Scratch;
use crate::shadow::{ShadowError, is_lack};
use crate::text::Dialect;

/// How many statements go to the server at once.
const BATCH: usize = 100;
/// How many differences a message lists.
const SHOWN: usize = 8;

/// Why a plan is not proved.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The plan, or the way a schema is made from nothing, is wrong.
    #[error("{0}")]
    Fault(String),
    /// The scratch server cannot hold such a schema: it lacks an extension, a role, a right.
    #[error("{0}")]
    Unable(String),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Shadow(#[from] ShadowError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Makes a schema in an empty scratch database, by the plan from nothing to it; its catalog as the engine prints it.
///
/// # Errors
/// `Fault` names the statement that fails.
pub fn make(scratch: &mut Scratch, catalog: &Catalog) -> Result<Catalog, ProveError> {
    let statements = create_script(catalog)?;
    make_roles(scratch, &statements)?;
    for batch in statements.chunks(BATCH) {
        make_batch(scratch.database(), batch)?;
    }
    Ok(scratch.database().inspect()?)
}

/// Many statements in one message: a large schema then takes few round trips and few transactions. Where one fails, the
/// engine has undone all of the message, and they go one by one to tell which it is.
fn make_batch(database: &mut Database, batch: &[Sql]) -> Result<(), ProveError> {
    if database.dialect() == Dialect::Postgres && database.execute(&script::joined(batch)).is_ok() {
        return Ok(());
    }
    for statement in batch {
        if let Err(error) = database.execute(statement) {
            let shown = script::excerpt_of(statement);
            return Err(blame(&error, format!("making the first schema: {error}\n  in: {shown}")));
        }
    }
    Ok(())
}

/// As [`make`]; the schema must be read back as it was.
///
/// # Errors
/// `Fault` names what is made otherwise.
pub fn make_exactly(scratch: &mut Scratch, catalog: &Catalog) -> Result<(), ProveError> {
    let made = make(scratch, catalog)?;
    same("making the first schema from nothing", catalog, &made)
}

/// Takes away the rows that a script put into a scratch database.
///
/// # Errors
/// The user may not switch triggers off.
pub fn empty(scratch: &mut Scratch) -> Result<(), ProveError> {
    let database = scratch.database();
    if let Some(statement) = database.value(&session::emptying())? {
        database.within(Mode::Write, |database| {
            database.execute(&session::without_triggers())?;
            database.execute(&session::returned(&statement))
        })?;
    }
    Ok(())
}

/// Runs a plan up, down and up on a database that holds the schema before and no rows.
///
/// # Errors
/// `Fault` names the object that is not as the plan says.
pub fn prove(
    scratch: &mut Scratch,
    bundle: &Bundle,
    before: &Catalog,
    after: &Catalog,
    context: &mut Context<'_>,
) -> Result<(), ProveError> {
    let statements = bundle.up.iter().chain(&bundle.down).flat_map(|step| &step.statements);
    let statements: Vec<_> = statements.cloned().collect();
    make_roles(scratch, &statements)?;
    let database = scratch.database();
    book::prepare(database)?;
    let (start, end) = (before.fingerprint(), after.fingerprint());
    for (way, stage, target, fingerprint) in [
        (Direction::Up, "up", after, &end),
        (Direction::Down, "down", before, &start),
        (Direction::Up, "up again", after, &end),
    ] {
        context.progress.phase(&format!("proving the plan: {stage}"));
        let last = book::read(database)?.entries.pop();
        let expect = Expectation::Unknown;
        let outcome = run(database, bundle, way, &expect, last.as_ref(), None, context);
        let finished = outcome.map_err(|error| failed(stage, &error))?;
        if finished.entry.schema != *fingerprint {
            same(stage, target, &database.inspect()?)?;
        }
    }
    Ok(())
}

/// Roles that statements name are made in a server of our own; elsewhere they have to be there.
fn make_roles(scratch: &mut Scratch, statements: &[Sql]) -> Result<(), ProveError> {
    let mut roles: Vec<_> = statements.iter().flat_map(script::roles_of).collect();
    roles.sort();
    roles.dedup();
    if roles.is_empty() {
        return Ok(());
    }
    match scratch.need_roles(roles.iter().map(|role| role.as_str())) {
        Err(lacking @ ShadowError::MissingRoles { .. }) => {
            Err(ProveError::Unable(lacking.to_string()))
        }
        other => Ok(other?),
    }
}

fn failed(stage: &str, error: &RunError) -> ProveError {
    let place = match &error.step {
        Some((position, title)) => format!("{stage} fails at step {position} ({title})"),
        None => format!("{stage} fails"),
    };
    let message = format!("{place}: {}", error.problem);
    match &error.problem {
        Problem::Db(error) => blame(error, message),
        Problem::KeptDataGone(_)
        | Problem::InTheWay(_)
        | Problem::Orphans { .. }
        | Problem::MissingRoles(_)
        | Problem::Overtaken
        | Problem::Uncertain { .. }
        | Problem::WrongSchema { .. } => ProveError::Fault(message),
    }
}

/// Whether an error is the plan's fault or the scratch server's, which lacks what another server has.
fn blame(error: &DbError, message: String) -> ProveError {
    if is_lack(error) { ProveError::Unable(message) } else { ProveError::Fault(message) }
}

fn same(stage: &str, wanted: &Catalog, found: &Catalog) -> Result<(), ProveError> {
    let settled = with_not_null_names(found, wanted);
    let wanted = settled.as_ref().unwrap_or(wanted);
    let (wanted, found) = (wanted.normalized(), found.normalized());
    if wanted == found {
        return Ok(());
    }
    let (left, _) = diff(&found, &wanted, &Intent::default());
    let mut lines: Vec<String> = left.changes.iter().map(describe).collect();
    if lines.is_empty() {
        lines = differences(&wanted, &found);
    }
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    Err(ProveError::Fault(format!("after {stage} there is still to do:\n  {}", lines.join("\n  "))))
}

/// What differs although no change is found, place by place.
fn differences(wanted: &Catalog, found: &Catalog) -> Vec<String> {
    let value = |catalog| serde_json::to_value(catalog).expect("a catalog is plain data");
    let mut lines = Vec::new();
    compare(&value(wanted), &value(found), "", &mut lines);
    lines
}

fn compare(wanted: &Value, found: &Value, place: &str, lines: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(left), Value::Object(right)) => {
            for (key, value) in left {
                let other = right.get(key).unwrap_or(&Value::Null);
                compare(value, other, &format!("{place} {key}"), lines);
            }
            for (key, value) in right.iter().filter(|(key, _)| !left.contains_key(*key)) {
                compare(&Value::Null, value, &format!("{place} {key}"), lines);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (value, other) in left.iter().zip(right) {
                let name = value.get("name").map(Value::to_string).unwrap_or_default();
                compare(value, other, &format!("{place} {name}"), lines);
            }
        }
        (left, right) if left != right => {
            lines.push(format!("{}: {left} is wanted, {right} is found", place.trim()));
        }
        _ => {}
    }
}
