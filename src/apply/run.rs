//! Runs the steps of one way of a plan: consecutive shared steps in one transaction, each step's journal row in the
//! transaction of the step, the ledger row with the last of them.

mod again;
mod batches;
mod orphans;
mod outside;
mod segments;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::hidden::{InTheWay, left_behind};
use super::promise::Foreseen;
use super::watch::{Unwatched, Watch};
use segments::{segment_transaction, segments};

use super::{Bundle, Context, book};
use crate::catalog::Catalog;
use crate::db::watchdog::Watchdog;
use crate::db::{Database, DbError, DbErrorKind, Mode};
use crate::dialect::{Absence, Direction, Step, Transaction, script, session};
use crate::journal::{Action, Entry, StepRow, StepState, UNREAD, Unfinished};
use crate::text::Dialect;

/// What must be true of the schema when the run is finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// This fingerprint, as a rehearsal or an engine-printed plan promised.
    Schema(String),
    /// The same where it is known, of a version that others follow in the same run, which begin where it ends: the schema is
    /// looked at after the last of them.
    OnTheWay(Option<String>),
    /// Nothing is known beforehand (an unrehearsed run of a plan made from models).
    Unknown,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    pub entry: Entry,
    pub steps: Vec<Timing>,
}

/// How long a step took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    pub title: String,
    pub ms: u64,
    /// Rows that its statements changed, as the engine counts them.
    pub rows: u64,
}

/// A run that did not finish, and how far it got.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub struct RunError {
    pub problem: Problem,
    /// The step it happened in: position and title.
    pub step: Option<(usize, String)>,
    pub reached: Reached,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(
        "kept data `{0}` is gone (released?), so the old values cannot be put back\n\
         help: restore a backup, or go forward with a new version"
    )]
    KeptDataGone(String),
    #[error(
        "the server has no role {}\nhelp: make it there (`CREATE ROLE …`); the plan gives it rights or objects, and roles \
         belong to the server, not to the database", .0.join(", ")
    )]
    MissingRoles(Vec<String>),
    #[error(
        "{new} row(s) would point at rows that do not exist (foreign_key_check): {example}\n\
         help: repair the rows, or write `backfill:` for the column"
    )]
    Orphans { new: usize, example: String },
    #[error(
        "this step runs outside a transaction and was under way when an earlier run ended; whether it took effect is not \
         known ({why}):\n  {statement}\nhelp: look at what it makes, then say what you found: `migrate resolve --step \
         done` or `migrate resolve --step undone`"
    )]
    Uncertain { statement: String, why: String },
    #[error("{0}")]
    InTheWay(Box<InTheWay>),
    #[error(
        "another migrator changed this database meanwhile\nhelp: look at `migrate status`, then run again"
    )]
    Overtaken,
    #[error(
        "the schema after the last step is not the one that was promised\n  promised {promised}\n  found    {found}\n\
         help: this is a fault of the plan, not of your data; please report it with plan.json"
    )]
    WrongSchema { promised: String, found: String },
}

/// How far a run got before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Everything was rolled back: the database is as it was.
    Nothing,
    /// Some steps are committed, or one outside a transaction may have left something; `apply` resumes.
    Partly { done: u32 },
}

/// Which steps stand in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// Shared neighbours, as the plan says.
    Together,
    /// Each step in a transaction of its own where it can be, so that the locks that it takes show; together where one
    /// cannot stand alone. For rehearsals.
    EachAlone,
}

/// One run of a bundle.
#[derive(Clone, Copy)]
pub struct Course<'a> {
    pub way: Direction,
    pub expect: &'a Expectation,
    /// The last row of the ledger.
    pub last: Option<&'a Entry>,
    /// The run that stopped half-way and is to be finished.
    pub open: Option<&'a Unfinished>,
    pub grouping: Grouping,
    /// For how long a transaction that met somebody's lock is run again; zero tries once.
    pub patience: Duration,
    /// What was asked once for this run and others after it, in a turn that keeps everybody else out.
    pub foreseen: Option<&'a Foreseen>,
}

/// Runs one way of a bundle, after the steps an earlier run finished.
///
/// # Errors
/// [`RunError`] says which step failed, why, and how far the run got.
pub fn run(
    database: &mut Database,
    bundle: &Bundle,
    way: Direction,
    expect: &Expectation,
    last: Option<&Entry>,
    open: Option<&Unfinished>,
    context: &mut Context<'_>,
) -> Result<Finished, RunError> {
    let patience = Duration::ZERO;
    let grouping = Grouping::Together;
    let course = Course { way, expect, last, open, grouping, patience, foreseen: None };
    run_watched(database, bundle, course, context, &mut Unwatched)
}

/// As [`run`], with somebody who looks on.
///
/// # Errors
/// [`RunError`] says which step failed, why, and how far the run got.
pub fn run_watched(
    database: &mut Database,
    bundle: &Bundle,
    course: Course<'_>,
    context: &mut Context<'_>,
    watch: &mut dyn Watch,
) -> Result<Finished, RunError> {
    let started = Instant::now();
    let Course { way, expect, last, open, grouping, patience, foreseen } = course;
    let mut runner = Runner {
        database,
        bundle,
        way,
        run: last.map_or(1, |entry| entry.number + 1),
        done: open.map_or(0, |open| open.done),
        uncertain: open.and_then(|open| open.uncertain),
        loose: open.is_some_and(|open| open.uncertain.is_some() || open.done == 0),
        begun: open.is_some(),
        at: None,
        timings: Vec::new(),
        grouping,
        patience,
        foreseen,
        crowded: None,
        reconnected: 0,
        watch,
    };
    let action = match way {
        Direction::Up => Action::Apply,
        Direction::Down => Action::Rollback,
    };
    let seal = |schema: String, now: String, who: &super::Who| {
        let entry = Entry {
            version: bundle.name.clone(),
            plan: bundle.hash.clone(),
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            ..who.entry(now, action, schema)
        };
        entry.sealed(last)
    };
    let finished = loop {
        match runner.watched(expect, context, &seal) {
            Err(problem) => match runner.reconnects(&problem, context) {
                None => break Err(problem),
                Some(again::Found::Finished(entry)) => break Ok(*entry),
                Some(again::Found::GoesOn) => {}
            },
            Ok(entry) => break Ok(entry),
        }
    };
    let at = runner.at.take();
    let (done, loose) = (runner.done, runner.loose);
    let timings = std::mem::take(&mut runner.timings);
    match finished {
        Ok(entry) => Ok(Finished { entry, steps: timings }),
        Err(problem) => Err(RunError {
            problem,
            step: at,
            reached: if done == 0 && !loose { Reached::Nothing } else { Reached::Partly { done } },
        }),
    }
}

type Seal<'a> = &'a dyn Fn(String, String, &super::Who) -> Entry;

struct Runner<'a> {
    database: &'a mut Database,
    bundle: &'a Bundle,
    way: Direction,
    run: u64,
    /// Steps whose work is committed.
    done: u32,
    /// The step that was under way outside a transaction when an earlier run ended.
    uncertain: Option<u32>,
    /// Whether a step that is not done may have left something: one outside a transaction, or one that is done in parts.
    loose: bool,
    /// Whether the journal holds a row of this run.
    begun: bool,
    at: Option<(usize, String)>,
    timings: Vec<Timing>,
    grouping: Grouping,
    patience: Duration,
    foreseen: Option<&'a Foreseen>,
    /// Says that others wait for what this run holds.
    crowded: Option<Arc<AtomicBool>>,
    /// How often the connection was made anew.
    reconnected: u32,
    watch: &'a mut dyn Watch,
}

impl Runner<'_> {
    /// Before anything runs: a role that is missing would stop the plan half-way.
    fn refuse_missing_roles(&mut self, steps: &[Step]) -> Result<(), Problem> {
        if self.database.dialect() != Dialect::Postgres {
            return Ok(());
        }
        let statements = steps.iter().flat_map(|step| &step.statements);
        let named: BTreeSet<_> = statements.flat_map(script::roles_of).collect();
        if named.is_empty() {
            return Ok(());
        }
        let missing = self.database.missing_roles(named.iter().map(|name| name.as_str()))?;
        if missing.is_empty() {
            return Ok(());
        }
        Err(Problem::MissingRoles(missing.iter().map(|name| format!("`{name}`")).collect()))
    }

    /// Before anything runs: columns that other versions hide are in no step.
    fn refuse_leaving_behind(&mut self) -> Result<(), Problem> {
        if self.done > 0 || self.begun || self.foreseen.is_some() {
            return Ok(());
        }
        match left_behind(self.database, &[self.bundle], self.way)? {
            Some(found) => Err(Problem::InTheWay(found)),
            None => Ok(()),
        }
    }

    /// Runs all that is left; who blocked it is told with the error.
    fn watched(
        &mut self,
        expect: &Expectation,
        context: &mut Context<'_>,
        seal: Seal<'_>,
    ) -> Result<Entry, Problem> {
        let watchdog = match self.patience.is_zero() {
            true => None,
            false => self.database.watchdog(context.progress.teller())?,
        };
        self.crowded = watchdog.as_ref().map(Watchdog::crowded);
        self.all(expect, context, seal).map_err(|problem| match problem {
            Problem::Db(error) if error.kind == DbErrorKind::Busy && error.detail.is_none() => {
                let blocker = watchdog.as_ref().and_then(|watchdog| watchdog.take_seen());
                Problem::Db(match blocker {
                    Some(blocker) => error.detail(format!("blocked by {blocker}")),
                    None => error,
                })
            }
            other => other,
        })
    }

    fn all(
        &mut self,
        expect: &Expectation,
        context: &mut Context<'_>,
        seal: Seal<'_>,
    ) -> Result<Entry, Problem> {
        let bundle = self.bundle;
        let steps = bundle.steps(self.way);
        self.refuse_missing_roles(steps)?;
        self.refuse_leaving_behind()?;
        let segments = segments(steps);
        for (index, segment) in segments.iter().enumerate() {
            let is_last = index + 1 == segments.len();
            if !is_last && segment.end <= self.done as usize {
                continue;
            }
            let positions: Vec<usize> =
                segment.clone().filter(|position| *position >= self.done as usize).collect();
            let entry = match segment_transaction(steps, segment.start) {
                Transaction::Outside => {
                    self.outside(&positions, context)?;
                    if !is_last {
                        continue;
                    }
                    self.transaction(&[], End::Ledger(expect), context, seal)?
                }
                Transaction::Batches => {
                    self.batches(&positions, context)?;
                    if !is_last {
                        continue;
                    }
                    self.transaction(&[], End::Ledger(expect), context, seal)?
                }
                Transaction::Shared | Transaction::Own => {
                    let end = if is_last { End::Ledger(expect) } else { End::Journal };
                    self.grouped(&positions, end, context, seal)?
                }
            };
            if let Some(entry) = entry {
                return Ok(entry);
            }
        }
        // A plan without steps still leaves its mark.
        let entry = self.transaction(&[], End::Ledger(expect), context, seal)?;
        entry.ok_or_else(|| {
            Problem::Db(DbError::new(DbErrorKind::Sql, "the run ended without a ledger row"))
        })
    }

    /// Steps that may share one transaction, in one or in one each. A step that fails alone is undone and goes with the
    /// rest together: only there does its failure count.
    fn grouped(
        &mut self,
        positions: &[usize],
        end: End<'_>,
        context: &mut Context<'_>,
        seal: Seal<'_>,
    ) -> Result<Option<Entry>, Problem> {
        let alone = match self.grouping {
            Grouping::Together => &[],
            Grouping::EachAlone => &positions[..positions.len().saturating_sub(1)],
        };
        for (at, position) in alone.iter().enumerate() {
            let (timed, reached) = (self.timings.len(), self.at.clone());
            if self.transaction(&[*position], End::Journal, context, seal).is_err() {
                self.timings.truncate(timed);
                self.at = reached;
                return self.transaction(&positions[at..], end, context, seal);
            }
        }
        self.transaction(&positions[alone.len()..], end, context, seal)
    }

    /// Steps that share one transaction; the ledger row too where they are the last. Where it met somebody's lock, all of it
    /// is run again.
    fn transaction(
        &mut self,
        positions: &[usize],
        end: End<'_>,
        context: &mut Context<'_>,
        seal: Seal<'_>,
    ) -> Result<Option<Entry>, Problem> {
        let mut ladder = self.ladder();
        loop {
            let timed = self.timings.len();
            match self.transaction_once(positions, end, context, seal, ladder.as_ref()) {
                Err(problem) if self.waits_to_try_again(&problem, &mut ladder, context) => {
                    self.timings.truncate(timed);
                }
                ended => return ended,
            }
        }
    }

    fn transaction_once(
        &mut self,
        positions: &[usize],
        end: End<'_>,
        context: &mut Context<'_>,
        seal: Seal<'_>,
        ladder: Option<&again::Ladder>,
    ) -> Result<Option<Entry>, Problem> {
        self.before_transaction()?;
        self.database.begin(Mode::Write)?;
        let worked = self
            .wait_for_locks(ladder)
            .and_then(|()| self.inside_transaction(positions, end, context, seal));
        let ended = match &worked {
            Ok(_) => self.database.commit().map_err(Problem::from),
            // The first error is the one that tells; a lost connection has rolled back by itself.
            Err(_) => {
                let _ = self.database.rollback();
                Ok(())
            }
        };
        self.after_transaction()?;
        let entry = worked?;
        // The server may have kept what the lost answer was about.
        self.loose |= ended.as_ref().is_err_and(again::is_lost);
        ended?;
        if let Some(last) = positions.last() {
            self.done = u32::try_from(*last + 1).unwrap_or(u32::MAX);
        }
        self.watch.after_transaction(self.database)?;
        Ok(entry)
    }

    fn inside_transaction(
        &mut self,
        positions: &[usize],
        end: End<'_>,
        context: &mut Context<'_>,
        seal: Seal<'_>,
    ) -> Result<Option<Entry>, Problem> {
        self.refuse_overtaken()?;
        let orphans = self.orphans()?;
        for sql in session::steps_begin(self.database.dialect()) {
            self.database.execute(&sql)?;
        }
        for position in positions {
            self.step(*position, context)?;
            self.journal(*position, StepState::Done, context)?;
        }
        for sql in session::steps_end(self.database.dialect()) {
            self.database.execute(&sql)?;
        }
        self.refuse_new_orphans(&orphans)?;
        let End::Ledger(expect) = end else { return Ok(None) };
        let found = match expect {
            Expectation::OnTheWay(promised) => promised.clone().unwrap_or(UNREAD.to_owned()),
            Expectation::Schema(_) | Expectation::Unknown => {
                context.progress.phase("checking the schema");
                let found = self.database.inspect_here()?;
                self.promised(&found, expect)?
            }
        };
        let entry = seal(found, (context.now)(), &context.who);
        book::write_entry(self.database, &entry)?;
        Ok(Some(entry))
    }

    /// SQLite's write lock is taken only now: another migrator may have finished since the ledger was read.
    fn refuse_overtaken(&mut self) -> Result<(), Problem> {
        let next = book::last_number(self.database)? + 1;
        if next == self.run { Ok(()) } else { Err(Problem::Overtaken) }
    }

    fn promised(&self, found: &Catalog, expect: &Expectation) -> Result<String, Problem> {
        let found = found.fingerprint();
        match expect {
            Expectation::Schema(promised) if *promised != found => {
                Err(Problem::WrongSchema { promised: promised.clone(), found })
            }
            Expectation::Schema(_) | Expectation::OnTheWay(_) | Expectation::Unknown => Ok(found),
        }
    }

    fn step(&mut self, position: usize, context: &mut Context<'_>) -> Result<(), Problem> {
        self.step_from(position, 0, context)
    }

    /// A step without its first statements, which an earlier run has run.
    fn step_from(
        &mut self,
        position: usize,
        first: usize,
        context: &mut Context<'_>,
    ) -> Result<(), Problem> {
        let bundle = self.bundle;
        let steps = bundle.steps(self.way);
        let step = &steps[position];
        self.at = Some((position + 1, step.title.clone()));
        if !self.has_kept_data(step)? {
            return Ok(());
        }
        context.progress.step(position + 1, steps.len(), &step.title);
        self.watch.before_step(self.database, position, step)?;
        let started = Instant::now();
        let mut rows = 0;
        for statement in step.statements.iter().skip(first) {
            rows += self.database.execute(statement)?;
        }
        let took = started.elapsed();
        self.watch.after_step(self.database, step, took, rows)?;
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.timings.push(Timing { title: step.title.clone(), ms, rows });
        Ok(())
    }

    /// Whether the step is to run: kept data that it reads is there, or it reads none.
    fn has_kept_data(&mut self, step: &Step) -> Result<bool, Problem> {
        let Some(kept) = &step.reads_kept else { return Ok(true) };
        let there = match self.foreseen {
            Some(foreseen) => foreseen.kept.contains(&kept.name),
            None => Foreseen::of(self.database)?.kept.contains(&kept.name),
        };
        match (there, kept.absence) {
            (true, _) => Ok(true),
            (false, Absence::Skip) => Ok(false),
            (false, Absence::Refuse) => Err(Problem::KeptDataGone(kept.name.clone())),
        }
    }

    fn journal(
        &mut self,
        position: usize,
        state: StepState,
        context: &Context<'_>,
    ) -> Result<(), Problem> {
        let title = self.bundle.steps(self.way)[position].title.clone();
        self.write_step(u32::try_from(position + 1).unwrap_or(u32::MAX), title, state, context)
    }

    /// Writes that the run began, where no step of it is done yet and a part of one is about to be committed.
    fn journal_beginning(&mut self, context: &Context<'_>) -> Result<(), Problem> {
        if self.begun || self.done > 0 {
            return Ok(());
        }
        self.write_step(0, "the run began".to_owned(), StepState::Done, context)
    }

    fn write_step(
        &mut self,
        step: u32,
        title: String,
        state: StepState,
        context: &Context<'_>,
    ) -> Result<(), Problem> {
        let row = StepRow {
            run: self.run,
            version: self.bundle.name.clone(),
            way: self.way,
            plan: self.bundle.hash.clone(),
            step,
            title,
            state,
            at: (context.now)(),
        };
        Ok(book::write_step(self.database, &row)?)
    }

    /// SQLite ignores `PRAGMA foreign_keys` inside a transaction, so it is switched before.
    fn before_transaction(&mut self) -> Result<(), Problem> {
        for sql in session::steps_before(self.database.dialect()) {
            self.database.execute(&sql)?;
        }
        Ok(())
    }

    fn after_transaction(&mut self) -> Result<(), Problem> {
        for sql in session::steps_after(self.database.dialect()) {
            self.database.execute(&sql)?;
        }
        Ok(())
    }
}

/// How a transaction of a run ends.
#[derive(Clone, Copy)]
enum End<'a> {
    Journal,
    Ledger(&'a Expectation),
}
