//! The whole way of a plan onto a database: one migrator, unbroken ledger, no drift, rehearsed, rows checked, run.
//! Nothing is written before all of that holds.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::book::{self, Books};
use super::evidence::{Shelf, Stale};
use super::fit::{refuse_drift, refuse_leaving_behind, refuse_released, refuse_unfit};
use super::given::{self, Given, GivenError};
use super::hidden::InTheWay;
use super::promise::{Foreseen, on_the_way, promised, promises};
use super::rehearse::{Evidence, Part, Printing, Rehearsal, RehearseError, Stage, rehearse};
use super::resolve::before_of;
use super::run::{Course, Expectation, Finished, Grouping, Reached, RunError, run_watched};
use super::turn::Turn;
use super::watch::Unwatched;
use super::{Bundle, Context};
use crate::db::lock::{Claim, Holder, LockGuard};
use crate::db::{Database, DbError};
use crate::dialect::Direction;
use crate::journal::{Action, Entry, Unfinished, applied, broken_link};
use crate::shadow::ShadowError;
use crate::shadow::options::{Scope, SnapshotOptions};
use crate::shadow::snapshot::snapshot;
use crate::text::Dialect;
use crate::verify::{Verdict, VerifyError, verify};

/// How a deployment goes about it.
pub struct Options {
    pub rehearsal: RehearsalPolicy,
    pub snapshot: SnapshotOptions,
    /// The folder that evidence is read from and written to.
    pub evidence: PathBuf,
    /// How long to wait for another migrator, and for locks of others.
    pub patience: Duration,
    pub loss: LossPolicy,
    /// On the way back, for rows that have no value of a column that returns.
    pub values: Vec<Given>,
}

/// Whether a plan must have been rehearsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RehearsalPolicy {
    Demand,
    /// `--no-rehearsal`: goes into the ledger with the reason.
    Skip,
}

/// Whether rows that cannot live in the old shape stop a rollback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossPolicy {
    Refuse,
    Allow,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Deployed {
    pub finished: Vec<Finished>,
    /// The rehearsal that was made for it; `None` where evidence was at hand or none was wanted.
    pub rehearsal: Option<Rehearsal>,
    /// What the rows said; it may hold warnings.
    pub verdict: Verdict,
}

/// Why nothing, or not everything, was done.
#[derive(Debug, Error)]
pub enum DeployError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Rehearse(#[from] RehearseError),
    #[error(transparent)]
    Shadow(#[from] ShadowError),
    /// Plan or schema are others than were rehearsed.
    #[error(transparent)]
    Stale(#[from] Stale),
    #[error("`{path}`: {source}")]
    Evidence { path: String, source: std::io::Error },
    #[error(
        "another migrator is at work on this database: {0}\nhelp: wait for it, or look at what it does"
    )]
    Busy(Holder),
    #[error(
        "row {0} of the ledger does not follow from the row before: it was changed by hand\n\
         help: restore the bookkeeping tables from a backup; `migrate log --verify` shows the chain"
    )]
    Ledger(u64),
    #[error(
        "the database is not as version `{version}` left it: somebody changed its schema\n  \
         expected {expected}\n  found    {found}\n\
         help: `migrate diff version:N URL` shows what differs; undo it, or put it into the model and plan it"
    )]
    Drift { version: String, expected: String, found: String },
    #[error(
        "this plan starts from another schema than this database has\n  planned from {expected}\n  found        {found}\n\
         help: plan again from this database"
    )]
    WrongStart { expected: String, found: String },
    #[error(
        "`{version}` stopped half-way ({way}, after step {done}) and must be finished first\n\
         help: `migrate {way}` with that version's plan goes on after step {done}; `migrate resolve` shows what else can \
         be done"
    )]
    HalfWay { version: String, way: &'static str, done: u32 },
    #[error(
        "the schema does not prove that `{version}` is {said}\n{why}\n\
         help: `migrate diff` shows what differs; bring the schema there by hand, then say it again"
    )]
    Unproven { version: String, said: &'static str, why: String },
    #[error(
        "no step of `{0}` was under way outside a transaction; how far the run got is certain\n\
         help: `migrate resolve` shows it"
    )]
    NoStepUnderWay(String),
    #[error("`{0}` is not applied to this database, so it cannot be rolled back")]
    NotApplied(String),
    #[error(
        "kept data `{kept}` was released, so its values cannot be put back{}\n\
         help: restore a backup, or go forward with a new version",
        turn.told()
    )]
    Released { kept: String, turn: Turn },
    /// Columns that other versions hide would be lost.
    #[error("{0}")]
    InTheWay(Box<InTheWay>),
    #[error("the rehearsal did not pass; nothing was applied")]
    NotPassed(Box<Rehearsal>),
    #[error(
        "another migrator changed this database meanwhile\nhelp: look at `migrate status`, then run again"
    )]
    Overtaken,
    #[error("rows break rules; nothing was applied")]
    Violations(Box<Verdict>),
    #[error("rows cannot live in the old shape{}", turn.told())]
    Unfit {
        verdict: Box<Verdict>,
        turn: Turn,
        /// Columns of broken rules for which rows may be given values.
        askable: Vec<String>,
    },
    #[error(transparent)]
    Given(#[from] GivenError),
    #[error("{error}")]
    Run {
        error: Box<RunError>,
        /// What was finished before.
        finished: Vec<Finished>,
    },
}

impl DeployError {
    /// As it is told of the original where it happened on a copy: nothing was done there.
    #[must_use]
    pub fn of_the_original(mut self) -> Self {
        match &mut self {
            DeployError::Unfit { turn, .. } | DeployError::Released { turn, .. } => {
                turn.before.clear();
            }
            DeployError::Run { error, finished } => {
                finished.clear();
                error.reached = Reached::Nothing;
            }
            DeployError::Db(_)
            | DeployError::Verify(_)
            | DeployError::Rehearse(_)
            | DeployError::Shadow(_)
            | DeployError::Stale(_)
            | DeployError::Evidence { .. }
            | DeployError::Given(_)
            | DeployError::Busy(_)
            | DeployError::Ledger(_)
            | DeployError::Drift { .. }
            | DeployError::WrongStart { .. }
            | DeployError::HalfWay { .. }
            | DeployError::NotApplied(_)
            | DeployError::InTheWay(_)
            | DeployError::Unproven { .. }
            | DeployError::NoStepUnderWay(_)
            | DeployError::NotPassed(_)
            | DeployError::Overtaken
            | DeployError::Violations(_) => {}
        }
        self
    }
}

/// Applies plans one after the other.
///
/// # Errors
/// [`DeployError`]; all but `Run` leave the database as it was.
pub fn deploy(
    database: &mut Database,
    parts: &[Part<'_>],
    options: &Options,
    context: &mut Context<'_>,
) -> Result<Deployed, DeployError> {
    let _guard = take_turn(database, options.patience, &mut hear(context))?;
    let outcome = deploy_alone(database, parts, options, context);
    database.end_turn();
    outcome
}

fn deploy_alone(
    database: &mut Database,
    parts: &[Part<'_>],
    options: &Options,
    context: &mut Context<'_>,
) -> Result<Deployed, DeployError> {
    let books = sound_books(database)?;
    // Another migrator may have been at work since somebody looked what is pending.
    let done = parts.iter().take_while(|part| is_in_force(&books.entries, part.bundle)).count();
    let parts = &parts[if books.open.is_none() { done } else { 0 }..];
    if parts.is_empty() {
        return Ok(Deployed::default());
    }
    let open = resumable(&books, parts.first().map(|part| part.bundle), Direction::Up)?;
    let mut found = String::new();
    if open.is_none() {
        // A run that stopped half-way may have left what cannot be read (an invalid index).
        found = database.inspect()?.fingerprint();
        refuse_drift(&books, parts, &found)?;
        let bundles: Vec<&Bundle> = parts.iter().map(|part| part.bundle).collect();
        refuse_leaving_behind(database, &bundles, Direction::Up)?;
    }
    let mut deployed = Deployed::default();
    let evidence = match (options.rehearsal, &open) {
        (RehearsalPolicy::Demand, None) => {
            evidence(database, parts, &found, options, context, &mut deployed)?
        }
        (RehearsalPolicy::Skip, _) | (RehearsalPolicy::Demand, Some(_)) => Vec::new(),
    };
    let promised = promises(parts, &evidence);
    // On SQLite nobody is kept out between two transactions.
    let foreseen = match (database.dialect(), &open, parts) {
        (Dialect::Postgres, None, [_, _, ..]) => Some(Foreseen::of(database)?),
        (Dialect::Postgres | Dialect::Sqlite, _, _) => None,
    };
    for (position, part) in parts.iter().enumerate() {
        let resumed = open.as_ref().filter(|_| position == 0);
        if resumed.is_none() {
            check_rows(database, part.bundle, context, &mut deployed)?;
        }
        if position == 0 {
            book::prepare(database)?;
            // On SQLite somebody else may have been at work since the checks. Those who come later are seen by the run.
            if book::read(database)?.entries.len() != books.entries.len() {
                return Err(DeployError::Overtaken);
            }
        }
        let expect = on_the_way(&promised, parts, position);
        let last = deployed.finished.last().map(|it| &it.entry).or(books.entries.last());
        let course = Course {
            way: Direction::Up,
            expect: &expect,
            last,
            open: resumed,
            grouping: Grouping::Together,
            patience: options.patience,
            foreseen: foreseen.as_ref(),
        };
        let outcome = run_watched(database, part.bundle, course, context, &mut Unwatched);
        match outcome {
            Ok(finished) => deployed.finished.push(finished),
            Err(error) => {
                let finished = deployed.finished;
                return Err(DeployError::Run { error: Box::new(error), finished });
            }
        }
    }
    Ok(deployed)
}

/// Takes plans back, newest first.
///
/// # Errors
/// [`DeployError`]; where several are taken back, those before the one that is refused or fails stay taken back. What the
/// books tell of all of them is asked before the first.
pub fn take_back(
    database: &mut Database,
    bundles: &[&Bundle],
    options: &Options,
    context: &mut Context<'_>,
) -> Result<Deployed, DeployError> {
    let _guard = take_turn(database, options.patience, &mut hear(context))?;
    let outcome = take_back_alone(database, bundles, options, context);
    database.end_turn();
    outcome
}

fn take_back_alone(
    database: &mut Database,
    bundles: &[&Bundle],
    options: &Options,
    context: &mut Context<'_>,
) -> Result<Deployed, DeployError> {
    let mut deployed = Deployed::default();
    finish_first(database, bundles.first().copied(), options.patience, context, &mut deployed)?;
    let books = sound_books(database)?;
    let open = resumable(&books, bundles.first().copied(), Direction::Down)?;
    foresee(database, &books, bundles)?;
    if open.is_none() {
        refuse_leaving_behind(database, bundles, Direction::Down)?;
    }
    given::refuse_unasked(&options.values, bundles)?;
    for (position, bundle) in bundles.iter().enumerate() {
        let mut bundle: &Bundle = bundle;
        let books = book::read(database)?;
        let in_force = applied(&books.entries);
        if !in_force.iter().any(|entry| is_of(entry, bundle)) {
            return Err(DeployError::NotApplied(bundle.name.clone()));
        }
        let resumed = open.as_ref().filter(|_| position == 0);
        let catalog = database.inspect()?;
        let turn = || Turn::of(bundles, position, position);
        if resumed.is_none() {
            refuse_drift(&books, &[], &catalog.fingerprint())?;
            refuse_released(database, bundle, turn)?;
        }
        let filled = given::with_values(database, bundle, &options.values, &catalog);
        let filled = match filled {
            // Half-way, the column may be there already, and its values with it.
            Err(GivenError::NoKey(_)) if resumed.is_some() => bundle.clone(),
            filled => filled?,
        };
        bundle = &filled;
        if resumed.is_none() && options.loss == LossPolicy::Refuse {
            refuse_unfit(database, bundle, &catalog, turn, context)?;
        }
        let expect =
            before_of(&books.entries, bundle).map_or(Expectation::Unknown, Expectation::Schema);
        let last = books.entries.last();
        let course = Course {
            way: Direction::Down,
            expect: &expect,
            last,
            open: resumed,
            grouping: Grouping::Together,
            patience: options.patience,
            foreseen: None,
        };
        match run_watched(database, bundle, course, context, &mut Unwatched) {
            Ok(finished) => deployed.finished.push(finished),
            Err(error) => {
                let finished = deployed.finished;
                return Err(DeployError::Run { error: Box::new(error), finished });
            }
        }
    }
    Ok(deployed)
}

/// Whether a plan is in force already: a version by its name, a plan without a project as the last thing applied.
fn is_in_force(entries: &[Entry], bundle: &Bundle) -> bool {
    let in_force = applied(entries);
    let is_it = |entry: &&&Entry| entry.version == bundle.name && entry.plan == bundle.hash;
    if bundle.name.starts_with("plan ") {
        return in_force.last().filter(is_it).is_some();
    }
    in_force.iter().any(|entry| entry.version == bundle.name)
}

/// What the books tell of plans that are to be taken back, before anything is touched.
///
/// # Errors
/// One of them is not applied, or what it kept is gone.
pub fn foresee(
    database: &mut Database,
    books: &Books,
    bundles: &[&Bundle],
) -> Result<(), DeployError> {
    let in_force = applied(&books.entries);
    // The first may be under way, and is asked when its turn comes, which is at once.
    for (position, bundle) in bundles.iter().enumerate().skip(1) {
        if !in_force.iter().any(|entry| is_of(entry, bundle)) {
            return Err(DeployError::NotApplied(bundle.name.clone()));
        }
        refuse_released(database, bundle, || Turn::of(bundles, position, 0))?;
    }
    Ok(())
}

/// What is to be taken back may have stopped half-way up. There is no way back from the middle, so it goes up first: its
/// steps were rehearsed and its rows checked when it began.
fn finish_first(
    database: &mut Database,
    bundle: Option<&Bundle>,
    patience: Duration,
    context: &mut Context<'_>,
    deployed: &mut Deployed,
) -> Result<(), DeployError> {
    let books = sound_books(database)?;
    let Some(bundle) = bundle else { return Ok(()) };
    let Some(open) = books.open.as_ref().filter(|open| {
        open.way == Direction::Up && open.version == bundle.name && open.plan == bundle.hash
    }) else {
        return Ok(());
    };
    context.progress.phase(&format!("{} stopped half-way: its other steps first", bundle.name));
    let expect = promised(bundle);
    let course = Course {
        way: Direction::Up,
        expect: &expect,
        last: books.entries.last(),
        open: Some(open),
        grouping: Grouping::Together,
        patience,
        foreseen: None,
    };
    match run_watched(database, bundle, course, context, &mut Unwatched) {
        Ok(finished) => deployed.finished.push(finished),
        Err(error) => {
            return Err(DeployError::Run { error: Box::new(error), finished: Vec::new() });
        }
    }
    Ok(())
}

/// Whether a row of the ledger says that a version was applied.
fn is_of(entry: &Entry, bundle: &Bundle) -> bool {
    entry.version == bundle.name && entry.action == Action::Apply
}

/// Does something as the only migrator of the database.
///
/// # Errors
/// Somebody else is at work, and those of `work`.
pub(super) fn alone<T>(
    database: &mut Database,
    patience: Duration,
    work: impl FnOnce(&mut Database) -> Result<T, DeployError>,
) -> Result<T, DeployError> {
    let _guard = take_turn(database, patience, &mut |_| {})?;
    let outcome = work(database);
    database.end_turn();
    outcome
}

fn take_turn(
    database: &mut Database,
    patience: Duration,
    hear: &mut dyn FnMut(&Holder),
) -> Result<LockGuard, DeployError> {
    match database.wait_for_turn(patience, hear)? {
        Claim::Held(guard) => Ok(guard),
        Claim::Busy(holder) => Err(DeployError::Busy(holder)),
    }
}

fn hear<'c>(context: &'c mut Context<'_>) -> impl FnMut(&Holder) + use<'c> {
    let mut tell = context.progress.teller();
    move |holder| tell(&holder.to_string())
}

/// The books, if nobody has changed the ledger by hand.
///
/// # Errors
/// The first row that does not follow.
pub fn sound_books(database: &mut Database) -> Result<Books, DeployError> {
    let books = book::read(database)?;
    match broken_link(&books.entries) {
        Some(number) => Err(DeployError::Ledger(number)),
        None => Ok(books),
    }
}

/// The run that stopped half-way, if it is the one that would go on now.
pub(super) fn resumable(
    books: &Books,
    next: Option<&Bundle>,
    way: Direction,
) -> Result<Option<Unfinished>, DeployError> {
    let Some(open) = &books.open else { return Ok(None) };
    let same = next.is_some_and(|bundle| bundle.name == open.version && bundle.hash == open.plan);
    if same && open.way == way {
        return Ok(Some(open.clone()));
    }
    let way = match open.way {
        Direction::Up => "apply",
        Direction::Down => "rollback",
    };
    Err(DeployError::HalfWay { version: open.version.clone(), way, done: open.done })
}

/// Evidence for every plan: from files that fit this schema, else from a rehearsal now.
fn evidence(
    database: &mut Database,
    parts: &[Part<'_>],
    found: &str,
    options: &Options,
    context: &mut Context<'_>,
    deployed: &mut Deployed,
) -> Result<Vec<Evidence>, DeployError> {
    let source = database.describe();
    let shelf = Shelf { folder: &options.evidence, source: &source };
    let stored = shelf.find(parts, found)?;
    if stored.len() == parts.len() {
        return Ok(stored);
    }
    let rehearsal = rehearse_on_snapshot(database, parts, options, context)?;
    if rehearsal.verdict.fails() {
        return Err(DeployError::Violations(Box::new(rehearsal.verdict)));
    }
    if !rehearsal.passed() {
        return Err(DeployError::NotPassed(Box::new(rehearsal)));
    }
    let evidence = rehearsal.evidence.clone();
    deployed.rehearsal = Some(rehearsal);
    Ok(evidence)
}

/// Copies the database and rehearses plans on the copy; evidence of those that pass is written down.
///
/// # Errors
/// No shadow can be had, or it fails.
pub fn rehearse_on_snapshot(
    database: &mut Database,
    parts: &[Part<'_>],
    options: &Options,
    context: &mut Context<'_>,
) -> Result<Rehearsal, DeployError> {
    context.progress.phase("copying the database to a shadow");
    let mut shadow = snapshot(database, &for_parts(&options.snapshot, parts))?;
    let provider = shadow.note().to_owned();
    let source = database.describe();
    let schema = database.inspect()?.fingerprint();
    let extent = shadow.extent().clone();
    let mut stage = Stage {
        shadow: shadow.database(),
        provider,
        source: source.clone(),
        schema,
        printing: Printing::Alike,
        extent,
    };
    let rehearsal = rehearse(&mut stage, parts, context)?;
    let shelf = Shelf { folder: &options.evidence, source: &source };
    for evidence in &rehearsal.evidence {
        shelf.put(evidence).map_err(|(path, source)| DeployError::Evidence {
            path: path.display().to_string(),
            source,
        })?;
    }
    Ok(rehearsal)
}

/// A copy is asked for what the plans touch, and for the rows that they would find broken.
fn for_parts(usual: &SnapshotOptions, parts: &[Part<'_>]) -> SnapshotOptions {
    let mut wanted = usual.clone();
    let steps = parts.iter().flat_map(|part| part.bundle.up.iter().chain(&part.bundle.down));
    wanted.scope = Scope::of(steps.flat_map(|step| &step.statements));
    let first = parts.first().into_iter();
    wanted.checks = first.flat_map(|part| part.bundle.plan.up.checks.clone()).collect();
    wanted
}

fn check_rows(
    database: &mut Database,
    bundle: &Bundle,
    context: &mut Context<'_>,
    deployed: &mut Deployed,
) -> Result<(), DeployError> {
    if bundle.plan.up.checks.is_empty() {
        return Ok(());
    }
    let mut hear = |rule: &str| context.progress.phase(&format!("{}: {rule}", bundle.name));
    deployed.verdict.extend(verify(database, &bundle.plan.up.checks, &mut hear)?);
    if deployed.verdict.fails() {
        return Err(DeployError::Violations(Box::new(std::mem::take(&mut deployed.verdict))));
    }
    Ok(())
}
