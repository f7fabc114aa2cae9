//! Runs plans up, down and up again on a shadow, and compares schema and rows with where they started.
//!
//! [`Evidence`] is what `apply` demands: it can only come from a rehearsal that found nothing wrong, or from the
//! file that such a rehearsal wrote.

mod after;
mod compare;
mod measure;
mod witness;

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

pub use measure::{Expected, StepEvidence, TableLock, TableScan};
pub use witness::{Refused, Unmade, Witnesses};

use super::run::{Course, Expectation, Grouping, Problem, RunError, run_watched};
use super::{Bundle, Context, book};
use crate::catalog::{Catalog, Printed};
use crate::change::Intent;
use crate::change::describe::describe;
use crate::db::{Database, DbError, DbErrorKind};
use crate::dialect::Direction;
use crate::dialect::postgres::reparse::respelled;
use crate::diff::diff;
use crate::shadow::extent::{Extent, Share, TableExtent};
use crate::text::QName;
use crate::verify::{Verdict, VerifyError, verify};
use compare::{Comparison, Picture};
use measure::Gauge;

/// Proof that a plan went up, down and up again on real rows and lost nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The version of this format.
    evidence: u32,
    /// Version id, or `plan TAG`.
    pub version: String,
    plan: String,
    before: String,
    after: String,
    /// Whether the shadow tells schemas as the database does, so that `after` is what the database will say too.
    printing: Printing,
    /// The database that was copied.
    pub source: String,
    /// How much of it.
    pub snapshot: SnapshotKind,
    /// How much of each table.
    pub extent: Extent,
    /// Which shadow it ran on, and why that one.
    pub shadow: String,
    pub engine: String,
    pub at: String,
    pub tables: usize,
    pub rows: u64,
    pub up_ms: u64,
    pub down_ms: u64,
    /// The steps up, in order.
    pub steps: Vec<StepEvidence>,
    /// The steps down, in order.
    pub down_steps: Vec<StepEvidence>,
    /// Rows that were made up and written between up and down.
    pub written: Witnesses,
}

/// The version of the evidence format.
pub const EVIDENCE: u32 = 2;

/// Whether two servers tell the same schema in the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Printing {
    Alike,
    /// Another major version, or a text that a server tells otherwise once it was restored from a dump.
    Otherwise,
}

/// How much of a database a shadow holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotKind {
    /// Every row.
    #[default]
    Whole,
    /// Every row of what the plan touches; the rest is left out, or columns are masked.
    Part,
    /// Some rows, and what they refer to.
    Sample,
}

impl SnapshotKind {
    fn of(extent: &Extent) -> Self {
        let is_sampled =
            |table: &TableExtent| matches!(table.share, Share::Sample | Share::Referenced);
        if extent.is_whole() {
            SnapshotKind::Whole
        } else if extent.tables.iter().any(is_sampled) {
            SnapshotKind::Sample
        } else {
            SnapshotKind::Part
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            SnapshotKind::Whole => "whole",
            SnapshotKind::Part => "part",
            SnapshotKind::Sample => "sample",
        }
    }
}

impl Evidence {
    /// Whether it is told in the form that this version writes.
    pub fn is_readable(&self) -> bool {
        self.evidence == EVIDENCE
    }

    /// Hash of the plan that was rehearsed.
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// Fingerprint of the schema it started from.
    pub fn before(&self) -> &str {
        &self.before
    }

    /// Fingerprint of the schema it led to, in the shadow.
    pub fn after(&self) -> &str {
        &self.after
    }

    /// Fingerprint that the database must have afterwards, where the shadow can tell.
    pub fn promised(&self) -> Option<&str> {
        (self.printing == Printing::Alike).then_some(self.after.as_str())
    }
}

/// What a rehearsal found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rehearsal {
    /// One for each plan that passed, in order.
    pub evidence: Vec<Evidence>,
    pub verdict: Verdict,
    pub findings: Vec<Finding>,
}

impl Rehearsal {
    pub fn passed(&self) -> bool {
        self.findings.is_empty() && !self.verdict.fails()
    }

    /// Whether rows are what keeps it from passing.
    pub fn blames_rows(&self) -> bool {
        self.verdict.fails() || self.findings.iter().any(|finding| finding.fault == Fault::Rows)
    }
}

/// Something that is not as the plan promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The plan it was found in.
    pub plan: String,
    pub fault: Fault,
    pub message: String,
    /// The table it is about, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The keys of some of the rows it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// How many rows it is about.
    pub rows: u64,
}

/// What is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Rows break a constraint that the plan makes.
    Rows,
    /// The plan does not do what it promised.
    Plan,
}

/// Why a rehearsal could not be carried out at all.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error("the schema that `{plan}` leads to cannot be made: {why}")]
    Goal { plan: String, why: String },
}

/// Where a rehearsal runs.
pub struct Stage<'a> {
    pub shadow: &'a mut Database,
    /// Which provider made it, and why.
    pub provider: String,
    /// The database it was made from, for people.
    pub source: String,
    /// Fingerprint of the schema of that database; then of the shadow after the last plan.
    pub schema: String,
    pub printing: Printing,
    /// What it holds of that.
    pub extent: Extent,
}

/// A plan and the schema it should lead to, as the shadow's engine prints it, where that is known.
pub struct Part<'a> {
    pub bundle: &'a Bundle,
    pub goal: Option<Goal<'a>>,
}

/// Makes a schema in a scratch database; why it could not, for people. It is called only where the plan's own promise does not tell.
pub type Goal<'a> = &'a dyn Fn() -> Result<Catalog, String>;

/// Rehearses plans one after the other; stops at the first that does not pass.
///
/// # Errors
/// The shadow itself failed. What is wrong with a plan is a finding, not an error.
pub fn rehearse(
    stage: &mut Stage<'_>,
    parts: &[Part<'_>],
    context: &mut Context<'_>,
) -> Result<Rehearsal, RehearseError> {
    let mut rehearsal = Rehearsal::default();
    book::prepare(stage.shadow)?;
    if stage.shadow.inspect()?.fingerprint() != stage.schema {
        stage.printing = Printing::Otherwise;
    }
    for (position, part) in parts.iter().enumerate() {
        let place = if position + 1 == parts.len() { Place::Last } else { Place::Followed };
        let evidence = rehearse_one(stage, part, place, context, &mut rehearsal)?;
        match evidence {
            Some(evidence) if rehearsal.passed() => {
                evidence.after().clone_into(&mut stage.schema);
                rehearsal.evidence.push(evidence);
            }
            Some(_) | None => break,
        }
    }
    Ok(rehearsal)
}

/// Whether another plan starts from where this one leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Followed,
    Last,
}

fn rehearse_one(
    stage: &mut Stage<'_>,
    part: &Part<'_>,
    place: Place,
    context: &mut Context<'_>,
    rehearsal: &mut Rehearsal,
) -> Result<Option<Evidence>, RehearseError> {
    let bundle = part.bundle;
    let mut hear = |rule: &str| context.progress.phase(&format!("{}: {rule}", bundle.name));
    rehearsal.verdict.extend(verify(stage.shadow, &bundle.plan.up.checks, &mut hear)?);
    if rehearsal.verdict.fails() {
        return Ok(None);
    }
    context.progress.phase(&format!("{}: reading every row of the shadow", bundle.name));
    let mut before = compare::take(stage.shadow, &[&bundle.up, &bundle.down])?;
    if let Some(carries) = &bundle.plan.carries {
        before.note_carried(stage.shadow, carries)?;
    }
    let mut act = Act { stage, part, context, findings: &mut rehearsal.findings };
    let evidence = act.play(&before, place);
    compare::forget(act.stage.shadow, &before)?;
    evidence
}

/// The runs of one plan on the shadow.
struct Act<'a, 'b, 'c> {
    stage: &'a mut Stage<'b>,
    part: &'a Part<'a>,
    context: &'a mut Context<'c>,
    findings: &'a mut Vec<Finding>,
}

/// What a run took.
struct Taken {
    ms: u64,
    steps: Vec<StepEvidence>,
}

impl Act<'_, '_, '_> {
    /// Up, down, up; `None` where a run failed, which is a finding then.
    fn play(&mut self, before: &Picture, place: Place) -> Result<Option<Evidence>, RehearseError> {
        let unknown = Expectation::Unknown;
        let Some(mut up) = self.run(Direction::Up, &unknown, Grouping::Together)? else {
            return Ok(None);
        };
        let there = self.stage.shadow.inspect()?;
        self.compare_goal(&before.catalog, &there)?;
        self.comparison(before).carried(&there)?;
        self.ask_down_checks()?;
        let Some(mut down) = self.run(Direction::Down, &unknown, Grouping::Together)? else {
            return Ok(None);
        };
        let back = self.stage.shadow.inspect()?;
        self.compare_schemas("down", &before.catalog, &back);
        self.comparison(before).everything(&back)?;
        let again = Expectation::Schema(there.fingerprint());
        let Some(alone) = self.run(Direction::Up, &again, Grouping::EachAlone)? else {
            return Ok(None);
        };
        merge(&mut up.steps, alone.steps);
        let mut written = Witnesses::default();
        if self.findings.is_empty() {
            let Some((found, alone)) = self.write_between(before, &there, place)? else {
                return Ok(None);
            };
            written = found;
            merge(&mut down.steps, alone);
        }
        self.refuse_claims(&up.steps);
        self.refuse_claims(&down.steps);
        Ok(Some(Evidence { written, ..self.evidence(before, &there, up, down) }))
    }

    fn evidence(&self, before: &Picture, there: &Catalog, up: Taken, down: Taken) -> Evidence {
        let scales = self.scales(before);
        let expected = |mut steps: Vec<StepEvidence>| {
            steps.iter_mut().for_each(|step| step.expect(&scales));
            measure::hold(&mut steps);
            steps
        };
        let bundle = self.part.bundle;
        Evidence {
            evidence: EVIDENCE,
            version: bundle.name.clone(),
            plan: bundle.hash.clone(),
            before: self.stage.schema.clone(),
            after: there.fingerprint(),
            printing: self.stage.printing,
            source: self.stage.source.clone(),
            snapshot: SnapshotKind::of(&self.stage.extent),
            extent: self.stage.extent.clone(),
            shadow: self.stage.provider.clone(),
            engine: self.stage.shadow.version(),
            at: (self.context.now)(),
            tables: before.tables.len(),
            rows: before.rows(),
            up_ms: up.ms,
            down_ms: down.ms,
            steps: expected(up.steps),
            down_steps: expected(down.steps),
            written: Witnesses::default(),
        }
    }

    /// How many times more rows each real table has.
    fn scales(&self, before: &Picture) -> BTreeMap<String, f64> {
        let extent = &self.stage.extent;
        let scale = |(name, rows): (&QName, u64)| {
            let real = extent.table(name).map_or(rows, |table| table.of.number()).max(rows);
            (name.to_string(), real as f64 / rows.max(1) as f64)
        };
        before.counts().map(scale).collect()
    }

    fn comparison<'x>(&'x mut self, before: &'x Picture) -> Comparison<'x> {
        Comparison {
            database: self.stage.shadow,
            plan: &self.part.bundle.name,
            before,
            findings: self.findings,
        }
    }

    /// A step that locks more than it says would be timed and ordered by a false claim.
    fn refuse_claims(&mut self, steps: &[StepEvidence]) {
        for step in steps {
            let Some(held) = step.beyond_claim() else { continue };
            let message = format!(
                "step {} ({}) takes {} on `{}`, and the plan claims {}",
                step.step,
                step.title,
                held.lock.name(),
                held.table,
                step.claimed.name()
            );
            let table = Some(held.table.clone());
            self.findings.push(Finding { table, ..self.finding(Fault::Plan, message) });
        }
    }

    /// The schema after up must be the plan's.
    fn compare_goal(&mut self, before: &Catalog, there: &Catalog) -> Result<(), RehearseError> {
        let bundle = self.part.bundle;
        let plan = &bundle.plan;
        let told_by_engine =
            plan.printed == Printed::ByEngine && plan.before == before.fingerprint();
        if told_by_engine && plan.after == there.fingerprint() {
            return Ok(());
        }
        if let Some(goal) = self.part.goal {
            let goal =
                goal().map_err(|why| RehearseError::Goal { plan: bundle.name.clone(), why })?;
            self.compare_schemas("up", &goal, there);
        } else if told_by_engine {
            let message = format!(
                "the schema after up is not the one that the plan promises\n  promised {}\n  found    {}",
                plan.after,
                there.fingerprint()
            );
            self.find(Fault::Plan, message);
        }
        Ok(())
    }

    /// Runs one way; a failure of the plan becomes a finding and `None`.
    fn run(
        &mut self,
        way: Direction,
        expect: &Expectation,
        grouping: Grouping,
    ) -> Result<Option<Taken>, RehearseError> {
        match self.try_run(way, expect, grouping)? {
            Ok(taken) => Ok(Some(taken)),
            Err((fault, message)) => {
                self.find(fault, message);
                Ok(None)
            }
        }
    }

    /// Runs one way; what is at fault where it fails, and how it failed.
    fn try_run(
        &mut self,
        way: Direction,
        expect: &Expectation,
        grouping: Grouping,
    ) -> Result<Result<Taken, (Fault, String)>, RehearseError> {
        let books = book::read(self.stage.shadow)?;
        let mut gauge = Gauge::new(self.stage.shadow)?;
        let last = books.entries.last();
        let patience = std::time::Duration::ZERO;
        let course = Course { way, expect, last, open: None, grouping, patience, foreseen: None };
        let bundle = self.part.bundle;
        let started = Instant::now();
        let outcome = run_watched(self.stage.shadow, bundle, course, self.context, &mut gauge);
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Err(RunError { problem, step, reached: _ }) = outcome else {
            return Ok(Ok(Taken { ms, steps: gauge.steps }));
        };
        let way = way_word(way);
        let place = match step {
            Some((position, title)) => format!("{way} failed at step {position} ({title})"),
            None => format!("{way} failed"),
        };
        let fault = match &problem {
            Problem::Orphans { .. } => Fault::Rows,
            Problem::Db(error) if error.kind == DbErrorKind::Constraint => Fault::Rows,
            Problem::Db(_)
            | Problem::KeptDataGone(_)
            | Problem::InTheWay(_)
            | Problem::MissingRoles(_)
            | Problem::WrongSchema { .. }
            | Problem::Uncertain { .. }
            | Problem::Overtaken => Fault::Plan,
        };
        Ok(Err((fault, format!("{place}: {problem}"))))
    }

    fn ask_down_checks(&mut self) -> Result<(), RehearseError> {
        let checks = &self.part.bundle.plan.down.checks;
        let verdict = verify(self.stage.shadow, checks, &mut |_| {})?;
        for violation in verdict.violations {
            let keys: Vec<String> = violation
                .sample
                .iter()
                .map(|row| compare::key_text(&violation.keys, row))
                .collect();
            let message = format!(
                "down would be refused: {} of {} rows of `{}` cannot live in the old shape ({}): {}",
                violation.rows,
                violation.of,
                violation.table,
                violation.message,
                keys.join(", ")
            );
            let table = Some(violation.table);
            let rows = violation.rows;
            self.findings.push(Finding { table, keys, rows, ..self.finding(Fault::Plan, message) });
        }
        Ok(())
    }

    fn compare_schemas(&mut self, way: &str, expected: &Catalog, found: &Catalog) {
        // A copy was restored from a dump, and the plan writes texts as they were written first.
        let (found, expected) = (respelled(found), respelled(expected));
        let (difference, _) = diff(&found, &expected, &Intent::default());
        for change in &difference.changes {
            self.find(
                Fault::Plan,
                format!("schema after {way} differs (to mend it: {})", describe(change)),
            );
        }
    }

    fn find(&mut self, fault: Fault, message: String) {
        let finding = self.finding(fault, message);
        self.findings.push(finding);
    }

    fn finding(&self, fault: Fault, message: String) -> Finding {
        let plan = self.part.bundle.name.clone();
        Finding { plan, fault, message, table: None, column: None, keys: Vec::new(), rows: 0 }
    }
}

/// Adds what only showed when each step had a transaction of its own. Steps that ran only then put back what a rollback
/// had kept: a first apply does not run them.
fn merge(steps: &mut [StepEvidence], alone: Vec<StepEvidence>) {
    for other in alone {
        let Some(step) = steps.iter_mut().find(|step| step.step == other.step) else { continue };
        step.temporary_bytes = step.temporary_bytes.or(other.temporary_bytes);
        step.seen = step.seen.max(other.seen);
        for held in other.locks {
            match step.locks.iter_mut().find(|own| own.table == held.table) {
                Some(own) => own.lock = own.lock.max(held.lock),
                None => step.locks.push(held),
            }
        }
        step.locks.sort_by(|left, right| left.table.cmp(&right.table));
    }
}

fn way_word(way: Direction) -> &'static str {
    match way {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}
