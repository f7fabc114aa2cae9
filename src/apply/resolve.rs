//! Decides about a run that stopped half-way and is not to go on: the schema proves which end it stands at, and the ledger
//! says so with the reason.

use std::time::Duration;

use super::book::{self, Books};
use super::deploy::{DeployError, alone, sound_books};
use super::{Bundle, Context};
use crate::catalog::{Catalog, Printed};
use crate::change::Intent;
use crate::change::describe::describe;
use crate::db::{Database, DbErrorKind, Mode};
use crate::dialect::{Direction, Sql};
use crate::diff::diff;
use crate::journal::{Action, Entry, StepRow, StepState, Unfinished, applied};

/// Which end a run is said to stand at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The version is in force.
    Applied,
    /// The version is not in force.
    RolledBack,
}

impl Decision {
    pub fn words(self) -> &'static str {
        match self {
            Decision::Applied => "applied",
            Decision::RolledBack => "rolled back",
        }
    }
}

/// What a person found out about a step that the catalog cannot tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepFound {
    Done,
    Undone,
}

/// A run that stopped half-way, with the plan that it ran.
pub struct Stopped<'a> {
    pub open: &'a Unfinished,
    pub bundle: &'a Bundle,
    /// The schema of the version, where the project has it.
    pub target: Option<&'a Catalog>,
}

impl Stopped<'_> {
    /// The step that was under way outside a transaction: its title and statements.
    pub fn under_way(&self) -> Option<(u32, &str, &[Sql])> {
        let number = self.open.uncertain?;
        let position = usize::try_from(number).ok()?.checked_sub(1)?;
        let step = self.bundle.steps(self.open.way).get(position)?;
        Some((number, &step.title, &step.statements))
    }
}

/// Why the schema does not prove a decision; `None` if it does.
///
/// # Errors
/// The engine's own.
pub fn doubt(
    database: &mut Database,
    stopped: &Stopped<'_>,
    decision: Decision,
) -> Result<Option<String>, DeployError> {
    let books = sound_books(database)?;
    let live = match database.inspect() {
        Ok(live) => live,
        // An invalid index, which a build that was cut off left, is no part of any version.
        Err(error) if error.kind == DbErrorKind::Unsupported => {
            return Ok(Some(format!("  {error}")));
        }
        Err(error) => return Err(error.into()),
    };
    let found = live.fingerprint();
    let plan = &stopped.bundle.plan;
    let wanted = match (stopped.open.way, decision) {
        (Direction::Up, Decision::Applied) => {
            if let Some(target) = stopped.target {
                return Ok(difference(&live, target));
            }
            (plan.printed == Printed::ByEngine).then(|| plan.after.clone())
        }
        // Nothing but this run has changed the schema since the last row of the ledger.
        (Direction::Up, Decision::RolledBack) | (Direction::Down, Decision::Applied) => {
            match books.entries.last() {
                Some(last) => last.known_schema().map(str::to_owned),
                None if plan.printed == Printed::ByEngine => Some(plan.before.clone()),
                None => Some(Catalog::empty(database.dialect()).fingerprint()),
            }
        }
        (Direction::Down, Decision::RolledBack) => before_of(&books.entries, stopped.bundle),
    };
    Ok(match wanted {
        Some(wanted) if wanted == found => None,
        Some(wanted) => Some(format!("  expected {wanted}\n  found    {found}")),
        None => Some("  what the schema was before is written nowhere".to_owned()),
    })
}

/// The fingerprint of the schema before a version that is in force was applied, where something says it.
pub(super) fn before_of(entries: &[Entry], bundle: &Bundle) -> Option<String> {
    let own = applied(entries).into_iter().find(|entry| entry.version == bundle.name)?.number;
    match entries.iter().rev().find(|entry| entry.number < own) {
        Some(before) => before.known_schema().map(str::to_owned),
        None => (bundle.plan.printed == Printed::ByEngine).then(|| bundle.plan.before.clone()),
    }
}

fn difference(live: &Catalog, target: &Catalog) -> Option<String> {
    let (left, _) = diff(live, target, &Intent::default());
    let lines: Vec<String> =
        left.changes.iter().map(|change| format!("  {}", describe(change))).collect();
    if lines.is_empty() { None } else { Some(format!("  it would need:\n{}", lines.join("\n"))) }
}

/// Closes the run, if the schema proves what is said of it.
///
/// # Errors
/// It does not, another migrator is at work, or the run is not open any more.
pub fn resolve(
    database: &mut Database,
    stopped: &Stopped<'_>,
    decision: Decision,
    patience: Duration,
    context: &Context<'_>,
) -> Result<Entry, DeployError> {
    alone(database, patience, |database| {
        if let Some(why) = doubt(database, stopped, decision)? {
            return Err(DeployError::Unproven {
                version: stopped.open.version.clone(),
                said: decision.words(),
                why,
            });
        }
        let schema = database.inspect()?.fingerprint();
        database.within(Mode::Write, |database| {
            // On SQLite this transaction is the lock: only now is nobody else at work.
            let books = still_open(database, stopped)?;
            let last = books.entries.last();
            let entry = entry(stopped, decision, schema, context).sealed(last);
            book::write_entry(database, &entry)?;
            Ok(entry)
        })
    })
}

/// Notes what a person found out about the step that was under way; the run can go on then.
///
/// # Errors
/// No step was under way, another migrator is at work, or the run is not open any more.
pub fn resolve_step(
    database: &mut Database,
    stopped: &Stopped<'_>,
    found: StepFound,
    reason: &str,
    patience: Duration,
    context: &Context<'_>,
) -> Result<(), DeployError> {
    let Some((number, title, _)) = stopped.under_way() else {
        return Err(DeployError::NoStepUnderWay(stopped.open.version.clone()));
    };
    let row = StepRow {
        run: stopped.open.run,
        version: stopped.open.version.clone(),
        way: stopped.open.way,
        plan: stopped.open.plan.clone(),
        step: number,
        title: format!("{title} (said by {}: {reason})", context.who.actor),
        state: match found {
            StepFound::Done => StepState::Done,
            StepFound::Undone => StepState::Undone,
        },
        at: (context.now)(),
    };
    alone(database, patience, |database| {
        database.within(Mode::Write, |database| {
            still_open(database, stopped)?;
            Ok(book::write_step(database, &row)?)
        })
    })
}

fn still_open(database: &mut Database, stopped: &Stopped<'_>) -> Result<Books, DeployError> {
    let books = sound_books(database)?;
    if books.open.as_ref() == Some(stopped.open) { Ok(books) } else { Err(DeployError::Overtaken) }
}

fn entry(
    stopped: &Stopped<'_>,
    decision: Decision,
    schema: String,
    context: &Context<'_>,
) -> Entry {
    let action = match (stopped.open.way, decision) {
        (Direction::Up, Decision::Applied) => Action::Apply,
        (Direction::Down, Decision::RolledBack) => Action::Rollback,
        (Direction::Up, Decision::RolledBack) | (Direction::Down, Decision::Applied) => {
            Action::Resolve
        }
    };
    let reason = context.who.reason.as_deref().unwrap_or_default();
    Entry {
        version: stopped.open.version.clone(),
        plan: stopped.open.plan.clone(),
        reason: Some(format!("resolved as {}: {reason}", decision.words())),
        ..context.who.entry((context.now)(), action, schema)
    }
}
