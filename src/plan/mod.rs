//! A plan: ordered steps both ways with their facts, and what rows must satisfy before either runs.

pub mod carries;
pub mod order;
pub mod repair;
pub mod script;
pub mod version;

use std::collections::BTreeSet;

use carries::Carries;
use serde::{Deserialize, Serialize};

use crate::catalog::rule::Rule;
use crate::catalog::{Catalog, Printed};
use crate::change::{Diff, Intent};
use crate::dialect::hide::Hiding;
use crate::dialect::online::Online;
use crate::dialect::{self, Absence, Direction, Sql, Step, Undo, check::Check};
use crate::diff::{diff, inverse};
use crate::text::{Dialect, hash};

/// The version of `plan.json`.
pub const FORMAT: u32 = 1;

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error(transparent)]
    Lower(#[from] dialect::LowerError),
    #[error(transparent)]
    Order(#[from] order::Cycle),
}

/// Steps from one schema to another and back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub dialect: Dialect,
    /// Whose texts the two schemas are told in; fingerprints of a live database compare only with an engine's.
    pub printed: Printed,
    /// Eight hexadecimal digits that name this change in kept data.
    pub tag: String,
    /// Fingerprints of the two schemas.
    pub before: String,
    pub after: String,
    pub up: Vec<Step>,
    pub down: Vec<Step>,
    /// What rows must satisfy before `up` runs.
    pub up_checks: Vec<Check>,
    /// What rows must satisfy before `down` runs.
    pub down_checks: Vec<Check>,
    /// One line a change, for people.
    pub summary: Vec<String>,
    /// Which values stay as they are.
    pub carries: Carries,
}

impl Plan {
    /// The weakest reversibility of its steps.
    pub fn undo(&self) -> Undo {
        self.up.iter().map(|step| step.facts.undo).max().unwrap_or(Undo::Exact)
    }

    pub fn is_empty(&self) -> bool {
        self.up.is_empty() && self.down.is_empty()
    }
}

/// Makes the plan of a difference. `rules` are those of the new model, where there is one.
///
/// # Errors
/// A change the engine cannot make, or steps that wait for each other.
pub fn plan(diff: &Diff, rules: &[Rule], printed: Printed) -> Result<Plan, PlanError> {
    plan_online(diff, rules, printed, &Online::default())
}

/// As [`plan`]; the tables of `online`, by their names before, are changed while they are used.
///
/// # Errors
/// As [`plan`].
pub fn plan_online(
    diff: &Diff,
    rules: &[Rule],
    printed: Printed,
    online: &Online,
) -> Result<Plan, PlanError> {
    plan_hiding(diff, rules, printed, online, &Hiding::default())
}

/// As [`plan_online`]; `hiding` decides which columns stay where they are, out of sight.
///
/// # Errors
/// As [`plan`].
pub fn plan_hiding(
    told: &Diff,
    rules: &[Rule],
    printed: Printed,
    online: &Online,
    hiding: &Hiding,
) -> Result<Plan, PlanError> {
    let (before, after) = fingerprints(told);
    let intent = told.intent.text();
    let parts = [before.as_bytes(), after.as_bytes(), intent.as_bytes()];
    let tag = hash::sha256_parts(parts)[..8].to_owned();
    // What is done is more than what is told: a hidden column is on both sides.
    let hidden = dialect::hide::hide(told, hiding, &tag);
    let diff = hidden.as_ref().unwrap_or(told);
    let back = inverse(diff);
    let mut up = ordered(diff, Direction::Up, &tag, online)?;
    let mut down = ordered(&back, Direction::Down, &tag, &online.renamed(diff))?;
    for steps in [&mut up, &mut down] {
        dialect::hide::name_in_titles(steps, &diff.intent);
    }
    let kept: BTreeSet<String> = down
        .iter()
        .filter_map(|step| step.reads_kept.as_ref())
        .filter(|kept| kept.absence == Absence::Refuse)
        .map(|kept| kept.name.clone())
        .collect();
    Ok(Plan {
        dialect: diff.after.dialect,
        printed,
        up_checks: dialect::check::checks(diff, rules, &tag, &BTreeSet::new()),
        down_checks: dialect::check::checks(&back, &[], &tag, &kept),
        up,
        down,
        summary: crate::change::machines::described(told),
        carries: carries::of(diff, &back).without_hidden(),
        tag,
        before,
        after,
    })
}

/// The steps of one way, in order. Where steps of their own would wait for each other, all tables are changed plainly.
fn ordered(
    diff: &Diff,
    direction: Direction,
    tag: &str,
    online: &Online,
) -> Result<Vec<Step>, PlanError> {
    let sorted = order::sort(dialect::lower(diff, direction, tag, online)?);
    match sorted {
        Err(_) if !online.tables.is_empty() => {
            Ok(order::sort(dialect::lower(diff, direction, tag, &Online::default())?)?)
        }
        sorted => Ok(sorted?),
    }
}

/// Of both sides, computed at the same time: a large part of the work of a plan.
fn fingerprints(diff: &Diff) -> (String, String) {
    std::thread::scope(|scope| {
        let before = scope.spawn(|| diff.before.fingerprint());
        let after = diff.after.fingerprint();
        (before.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), after)
    })
}

/// The statements that make a schema in an empty database.
///
/// # Errors
/// As [`plan`].
pub fn create_script(catalog: &Catalog) -> Result<Vec<Sql>, PlanError> {
    Ok(create_steps(catalog)?.into_iter().flat_map(|step| step.statements).collect())
}

/// The steps that make a schema in an empty database, in order.
///
/// # Errors
/// As [`plan`].
pub fn create_steps(catalog: &Catalog) -> Result<Vec<Step>, PlanError> {
    let (all, _) = diff(&Catalog::empty(catalog.dialect), catalog, &Intent::default());
    let steps = order::sort(dialect::lower(&all, Direction::Up, "00000000", &Online::default())?)?;
    // Nothing was ever kept for a schema that is made from nothing.
    Ok(steps.into_iter().filter(|step| step.reads_kept.is_none()).collect())
}

/// `plan.json` of one dialect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanFile {
    /// The version of this format.
    pub plan: u32,
    pub dialect: Dialect,
    pub printed: Printed,
    pub tag: String,
    pub before: String,
    pub after: String,
    pub summary: Vec<String>,
    /// The weakest reversibility of the steps.
    pub undo: Undo,
    #[serde(default)]
    pub proved: Proof,
    /// Which values `up` leaves as they are; absent in plans of versions before there was this.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub carries: Option<Carries>,
    pub up: WayFile,
    pub down: WayFile,
}

/// Whether a plan was seen to lead from its first schema to its second, back, and there again, on an empty
/// scratch database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It was, on this engine.
    On(String),
    /// It was not, and why.
    Not(String),
}

/// Files of versions before there were proofs say nothing.
impl Default for Proof {
    fn default() -> Self {
        Proof::Not("it was not tried".to_owned())
    }
}

/// One way of a plan: the hash of its SQL file, the facts of its steps, what rows must satisfy first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayFile {
    /// SHA-256 of the SQL file, as `sha256sum` prints it.
    pub sha256: String,
    pub steps: Vec<Step>,
    pub checks: Vec<Check>,
}

/// The three files of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    pub up: String,
    pub down: String,
    pub plan: PlanFile,
}

/// Prints a plan as its files.
pub fn files(plan: &Plan, title: &str) -> Files {
    let header = |way: &str| {
        let mut lines = vec![format!("{title}: {way} ({})", plan.dialect)];
        lines.push(match plan.dialect {
            Dialect::Postgres => {
                "Run by `migrate`, which opens the transactions and keeps the journal.".to_owned()
            }
            Dialect::Sqlite => {
                "Run by `migrate` in one transaction, with foreign_keys off and legacy_alter_table on."
                    .to_owned()
            }
        });
        lines
    };
    let up = script::print(&plan.up, &header("up"));
    let down = script::print(&plan.down, &header("down"));
    let way = |text: &str, steps: &[Step], checks: &[Check]| WayFile {
        sha256: hash::sha256_of_text(text),
        steps: steps.to_vec(),
        checks: checks.to_vec(),
    };
    let plan_file = PlanFile {
        plan: FORMAT,
        dialect: plan.dialect,
        printed: plan.printed,
        tag: plan.tag.clone(),
        before: plan.before.clone(),
        after: plan.after.clone(),
        summary: plan.summary.clone(),
        undo: plan.undo(),
        proved: Proof::default(),
        carries: Some(plan.carries.clone()),
        up: way(&up, &plan.up, &plan.up_checks),
        down: way(&down, &plan.down, &plan.down_checks),
    };
    Files { up, down, plan: plan_file }
}
