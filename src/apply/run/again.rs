//! What is tried again: a transaction that did not get a lock, lost a deadlock or could not be serialised, after it was
//! rolled back; and a run whose connection was lost, after its state was read anew.

use std::time::{Duration, Instant};

use super::{Problem, Runner};
use crate::apply::{Context, book};
use crate::db::lock::Claim;
use crate::db::{Access, DbErrorKind};
use crate::dialect::session;
use crate::journal::Entry;
use crate::text::Dialect;

/// How long the first try waits for a lock. A waiting statement makes all others behind it wait too, so that many short
/// tries disturb less than one long.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// How often a lost connection is made anew.
const CONNECTIONS: u32 = 3;

/// One after the other, tries wait longer.
pub(super) struct Ladder {
    began: Instant,
    patience: Duration,
    wait: Duration,
    wait_max: Duration,
}

impl Ladder {
    /// `wait_max` is the lock timeout in force; zero has no limit.
    pub(super) fn new(patience: Duration, wait_max: Duration) -> Self {
        Ladder { began: Instant::now(), patience, wait: FIRST_WAIT, wait_max }
    }

    /// How long this try waits for a lock; `None` where the session's own timeout holds.
    pub(super) fn wait(&self) -> Option<Duration> {
        (self.wait_max.is_zero() || self.wait < self.wait_max).then_some(self.wait)
    }

    /// The pause before the next try; `None` when patience is at its end.
    pub(super) fn pause(&mut self, turn: u64) -> Option<Duration> {
        // Two that hinder each other must not try at the same moment again.
        let uneven = Duration::from_millis(turn % 97);
        let pause = (self.wait + uneven).min(PAUSE_MAX);
        self.wait *= 2;
        (self.began.elapsed() + pause < self.patience).then_some(pause)
    }
}

/// Whether the transaction can simply be run again: everything that it did is undone.
pub(super) fn is_transient(problem: &Problem) -> bool {
    match problem {
        Problem::Db(error) => {
            matches!(error.sqlstate.as_deref(), Some("55P03" | "40P01" | "40001"))
        }
        Problem::KeptDataGone(_)
        | Problem::InTheWay(_)
        | Problem::MissingRoles(_)
        | Problem::Orphans { .. }
        | Problem::Uncertain { .. }
        | Problem::Overtaken
        | Problem::WrongSchema { .. } => false,
    }
}

/// Whether the connection is gone.
pub(super) fn is_lost(problem: &Problem) -> bool {
    matches!(problem, Problem::Db(error) if error.kind == DbErrorKind::Connect)
}

/// Without what to do about it: it is being done.
fn first_line(problem: &Problem) -> String {
    problem.to_string().lines().next().unwrap_or_default().to_owned()
}

/// What was found after a connection was lost.
pub(super) enum Found {
    /// The last transaction had been committed.
    Finished(Box<Entry>),
    /// The run goes on after the steps that are done.
    GoesOn,
}

impl Runner<'_> {
    /// The ladder of a transaction, where its tries may be told apart from anything else: on PostgreSQL, in earnest.
    pub(super) fn ladder(&self) -> Option<Ladder> {
        if self.patience.is_zero() || self.database.dialect() == Dialect::Sqlite {
            return None;
        }
        Some(Ladder::new(self.patience, self.database.lock_timeout()))
    }

    /// Whether a failed transaction is to be run again; waits before that.
    pub(super) fn waits_to_try_again(
        &mut self,
        problem: &Problem,
        ladder: &mut Option<Ladder>,
        context: &mut Context<'_>,
    ) -> bool {
        let Some(ladder) = ladder.as_mut().filter(|_| is_transient(problem)) else { return false };
        let Some(pause) = ladder.pause(u64::from(std::process::id()) + u64::from(self.done)) else {
            return false;
        };
        let step =
            self.at.as_ref().map_or_else(String::new, |(number, _)| format!("step {number}: "));
        context.progress.waiting(&format!("{step}{}; it is tried again", first_line(problem)));
        std::thread::sleep(pause);
        true
    }

    /// Sets the lock timeout of this try, for the length of the transaction.
    pub(super) fn wait_for_locks(&mut self, ladder: Option<&Ladder>) -> Result<(), Problem> {
        if let Some(wait) = ladder.and_then(Ladder::wait) {
            self.database.execute(&session::lock_timeout_here(wait))?;
        }
        Ok(())
    }

    /// After a lost connection: connects anew, waits until the server has ended what the old session did, and reads how far
    /// the run got. `None` where it cannot, or the connection is not what failed.
    pub(super) fn reconnects(
        &mut self,
        problem: &Problem,
        context: &mut Context<'_>,
    ) -> Option<Found> {
        if !is_lost(problem)
            || self.patience.is_zero()
            || self.database.dialect() == Dialect::Sqlite
            || self.reconnected >= CONNECTIONS
        {
            return None;
        }
        self.reconnected += 1;
        context.progress.waiting(&format!("{}; the run connects again", first_line(problem)));
        let began = Instant::now();
        let mut pause = FIRST_WAIT;
        let mut fresh = loop {
            match self.database.another(Access::ReadWrite) {
                Ok(fresh) => break fresh,
                Err(_) if began.elapsed() + pause < self.patience => std::thread::sleep(pause),
                Err(_) => return None,
            }
            pause = (pause * 2).min(PAUSE_MAX);
        };
        match fresh.take_work(self.patience) {
            Ok(Claim::Held(_)) => {}
            Ok(Claim::Busy(_)) | Err(_) => return None,
        }
        let books = book::read(&mut fresh).ok()?;
        *self.database = fresh;
        if let Some(last) = books.entries.last().filter(|last| last.number >= self.run) {
            let is_ours = last.number == self.run && last.plan == self.bundle.hash;
            return is_ours.then(|| Found::Finished(Box::new(last.clone())));
        }
        self.done = books.open.as_ref().map_or(0, |open| open.done);
        self.uncertain = books.open.as_ref().and_then(|open| open.uncertain);
        self.loose = self.uncertain.is_some();
        Some(Found::GoesOn)
    }
}
