//! Runs plans up, down and up again on a shadow, and compares schema and rows with where they started.
//!
//! [`Evidence`] is what `apply` demands: it can only come from a rehearsal that found nothing wrong, or from the
//! file that such a rehearsal wrote.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::run::{Expectation, Finished, Problem, RunError, Timing, run};
use super::{Bundle, Context, book};
use crate::catalog::Catalog;
use crate::change::Intent;
use crate::change::describe::describe;
use crate::db::fingerprint::{TableFingerprint, row_fingerprints};
use crate::db::{Database, DbError, DbErrorKind};
use crate::dialect::Direction;
use crate::diff::diff;
use crate::text::QName;
use crate::verify::{Verdict, VerifyError, verify};

/// Proof that a plan went up, down and up again on real rows and lost nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    plan: String,
    before: String,
    after: String,
    /// Which shadow it ran on, and why that one.
    pub shadow: String,
    pub engine: String,
    pub at: String,
    pub tables: usize,
    pub rows: u64,
    pub up_ms: u64,
    pub down_ms: u64,
    pub steps: Vec<StepEvidence>,
}

/// What one step did on the shadow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepEvidence {
    pub title: String,
    pub ms: u64,
    pub rows: u64,
}

impl Evidence {
    /// Hash of the plan that was rehearsed.
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// Fingerprint of the schema it started from.
    pub fn before(&self) -> &str {
        &self.before
    }

    /// Fingerprint of the schema it led to.
    pub fn after(&self) -> &str {
        &self.after
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
}

/// Where a rehearsal runs.
pub struct Stage<'a> {
    pub shadow: &'a mut Database,
    /// Which provider made it, and why.
    pub provider: String,
}

/// A plan and the schema it should lead to, as the shadow's engine prints it, where that is known.
pub struct Part<'a> {
    pub bundle: &'a Bundle,
    pub target: Option<Catalog>,
}

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
    for part in parts {
        let evidence = rehearse_one(stage, part, context, &mut rehearsal)?;
        match evidence {
            Some(evidence) if rehearsal.passed() => rehearsal.evidence.push(evidence),
            Some(_) | None => break,
        }
    }
    Ok(rehearsal)
}

/// Schema and rows of a database at one moment.
struct Picture {
    catalog: Catalog,
    rows: BTreeMap<QName, TableFingerprint>,
}

fn picture(database: &mut Database) -> Result<Picture, DbError> {
    let catalog = database.inspect()?;
    let mut rows = BTreeMap::new();
    for table in catalog.tables.values() {
        rows.insert(table.name.clone(), row_fingerprints(database, table)?);
    }
    Ok(Picture { catalog, rows })
}

fn rehearse_one(
    stage: &mut Stage<'_>,
    part: &Part<'_>,
    context: &mut Context<'_>,
    rehearsal: &mut Rehearsal,
) -> Result<Option<Evidence>, RehearseError> {
    let bundle = part.bundle;
    context.progress.phase(&format!("{}: reading every row of the shadow", bundle.name));
    let start = picture(stage.shadow)?;
    let mut hear = |rule: &str| context.progress.phase(&format!("{}: {rule}", bundle.name));
    rehearsal.verdict.extend(verify(stage.shadow, &bundle.plan.up.checks, &mut hear)?);
    if rehearsal.verdict.fails() {
        return Ok(None);
    }
    let mut act = Act { stage, bundle, context, findings: &mut rehearsal.findings };

    let Some(first) = act.run(Direction::Up, &Expectation::Unknown)? else { return Ok(None) };
    let up_ms = first.0;
    let there = act.stage.shadow.inspect()?;
    if let Some(target) = &part.target {
        act.compare_schemas("up", target, &there);
    }
    act.ask_down_checks()?;
    let Some(second) = act.run(Direction::Down, &Expectation::Unknown)? else { return Ok(None) };
    let back = picture(act.stage.shadow)?;
    act.compare_schemas("down", &start.catalog, &back.catalog);
    act.compare_rows(&start, &back);
    let again = Expectation::Schema(there.fingerprint());
    if act.run(Direction::Up, &again)?.is_none() {
        return Ok(None);
    }
    let steps = first.1.steps.into_iter().map(|Timing { title, ms, rows }| StepEvidence {
        title,
        ms,
        rows,
    });
    Ok(Some(Evidence {
        plan: bundle.hash.clone(),
        before: start.catalog.fingerprint(),
        after: there.fingerprint(),
        shadow: stage.provider.clone(),
        engine: stage.shadow.version(),
        at: (context.now)(),
        tables: start.rows.len(),
        rows: start.rows.values().map(|table| table.rows).sum(),
        up_ms,
        down_ms: second.0,
        steps: steps.collect(),
    }))
}

/// The runs of one plan on the shadow.
struct Act<'a, 'b, 'c> {
    stage: &'a mut Stage<'b>,
    bundle: &'a Bundle,
    context: &'a mut Context<'c>,
    findings: &'a mut Vec<Finding>,
}

impl Act<'_, '_, '_> {
    /// Runs one way; a failure of the plan becomes a finding and `None`.
    fn run(
        &mut self,
        way: Direction,
        expect: &Expectation,
    ) -> Result<Option<(u64, Finished)>, RehearseError> {
        let books = book::read(self.stage.shadow)?;
        let started = Instant::now();
        let outcome = run(
            self.stage.shadow,
            self.bundle,
            way,
            expect,
            books.entries.last(),
            None,
            self.context,
        );
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Ok(finished) => Ok(Some((ms, finished))),
            Err(RunError { problem, step, reached: _ }) => {
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
                    | Problem::MissingRoles(_)
                    | Problem::WrongSchema { .. }
                    | Problem::Overtaken => Fault::Plan,
                };
                self.find(fault, format!("{place}: {problem}"));
                Ok(None)
            }
        }
    }

    fn ask_down_checks(&mut self) -> Result<(), RehearseError> {
        let checks = &self.bundle.plan.down.checks;
        let verdict = verify(self.stage.shadow, checks, &mut |_| {})?;
        for violation in verdict.violations {
            self.find(Fault::Plan, format!(
                "down would be refused: {} of {} rows of `{}` cannot live in the old shape ({})",
                violation.rows, violation.of, violation.table, violation.message
            ));
        }
        Ok(())
    }

    fn compare_schemas(&mut self, way: &str, expected: &Catalog, found: &Catalog) {
        let (difference, _) = diff(found, expected, &Intent::default());
        for change in &difference.changes {
            self.find(
                Fault::Plan,
                format!("schema after {way} differs (to mend it: {})", describe(change)),
            );
        }
    }

    fn compare_rows(&mut self, before: &Picture, after: &Picture) {
        for (name, was) in &before.rows {
            let Some(is) = after.rows.get(name) else { continue };
            if was.rows != is.rows {
                self.find(
                    Fault::Plan,
                    format!("`{name}` had {} rows and has {} after down", was.rows, is.rows),
                );
            }
            let changed: Vec<&str> = was
                .columns
                .iter()
                .filter(|(column, text)| is.columns.get(*column) != Some(text))
                .map(|(column, _)| column.as_str())
                .collect();
            if !changed.is_empty() {
                self.find(
                    Fault::Plan,
                    format!("values of `{name}` differ after down: {}", changed.join(", ")),
                );
            } else if was.whole != is.whole {
                self.find(
                    Fault::Plan,
                    format!("values of `{name}` stand in other rows after down"),
                );
            }
        }
    }

    fn find(&mut self, fault: Fault, message: String) {
        self.findings.push(Finding { plan: self.bundle.name.clone(), fault, message });
    }
}

fn way_word(way: Direction) -> &'static str {
    match way {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}
