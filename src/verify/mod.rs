//! Asks rows whether they satisfy rules: counts, keys and values of the rows that do not.

mod baseline;
mod chunks;
mod cost;
mod engine;
mod extents;
mod gather;
mod groups;
mod jobs;
mod keys;
mod measure;
mod parents;
mod pieces;
mod preview;
mod save;
mod sizes;
mod spill;
mod verdict;

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::catalog::rule::Enforce;
use crate::db::{Database, DbError, DbErrorKind, Mode};
use crate::dialect::check::reading::{RowPlace, Slice};
use crate::dialect::check::{Check, Part, SAMPLE, Shape};
use crate::dialect::session;
use crate::text::Dialect;
use engine::Count;
use extents::Extents;

pub use baseline::{Baseline, BaselineError, BaselineWriter};
pub use cost::Expected;
pub use jobs::{How, survey};
pub use keys::{Keys, Wish};
pub use measure::measure;
pub use pieces::{Choice, EngineKind, Piece, Place, pieces};
pub use preview::{Preview, preview};
pub use save::{Both, RowFormat, Saver};
pub use sizes::{Sizes, size_up};
pub use verdict::{
    Estimate, Proposed, Ready, Sampled, Seen, Unasked, Verdict, VerifyError, Violation,
};

/// Somebody who hears of every violating row, or nobody; shared by connections.
type Listener<'k> = Mutex<Option<&'k mut (dyn Keys + 'k)>>;

/// What a rule that cannot be asked means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Nothing may be applied: the first error ends it.
    Stop,
    /// The others are asked, and this one is named.
    GoOn,
}

/// Asks every check in one unchanging view of the data. `before_each` hears the name of each rule.
///
/// # Errors
/// The engine refused a query; nothing was changed.
pub fn verify(
    database: &mut Database,
    checks: &[Check],
    before_each: &mut dyn FnMut(&str),
) -> Result<Verdict, VerifyError> {
    database.within(Mode::Snapshot, |database| ask_all(database, checks, before_each))
}

/// Asks every check in the transaction that is open.
///
/// # Errors
/// The engine refused a query.
pub fn ask_all(
    database: &mut Database,
    checks: &[Check],
    before_each: &mut dyn FnMut(&str),
) -> Result<Verdict, VerifyError> {
    let wish = Wish { shown: SAMPLE, baseline: None };
    let listener = Mutex::new(None);
    let asking = Asking::new(&wish, OnError::Stop, &listener);
    settle(database)?;
    let mut verdict = Verdict::default();
    let mut blocked: BTreeSet<&str> = BTreeSet::new();
    for piece in &pieces(checks, Choice::Auto, &Sizes::default()) {
        let table = piece.table();
        if blocked.contains(table) {
            verdict.skipped.extend(piece.checks.iter().map(|check| check.rule.clone()));
            continue;
        }
        if let [only] = piece.checks
            && only.part == Part::Later
        {
            verdict.notes.push(Unasked::later(only));
            continue;
        }
        if let Some(first) = piece.checks.first() {
            before_each(&first.rule);
        }
        for answer in asking.ask(database, piece)? {
            if answer.check.part == Part::Guard && answer.breaks() {
                blocked.insert(table);
            }
            answer.put_into(&mut verdict);
        }
    }
    Ok(verdict)
}

/// Settings for long scans, until the transaction ends.
fn settle(database: &mut Database) -> Result<(), DbError> {
    match database.dialect() {
        Dialect::Postgres => database.execute(&session::verification()).map(|_| ()),
        Dialect::Sqlite => Ok(()),
    }
}

/// What became of one check.
struct Answer<'c> {
    check: &'c Check,
    outcome: Outcome,
}

enum Outcome {
    Asked(Box<Violation>),
    /// It speaks of what the plan has yet to make.
    LeftToEngine,
    Unasked(Unasked),
    /// Not asked, and not worth failing.
    Noted(Unasked),
}

impl Answer<'_> {
    fn breaks(&self) -> bool {
        matches!(&self.outcome, Outcome::Asked(violation) if violation.rows > 0)
    }

    fn put_into(self, verdict: &mut Verdict) {
        match self.outcome {
            Outcome::Asked(violation) => {
                verdict.checked += 1;
                verdict.rows = verdict.rows.max(violation.of);
                if violation.rows > 0 {
                    verdict.violations.push(*violation);
                } else if let Some(statement) = &self.check.validates {
                    let (rule, statement) = (violation.rule, statement.to_string());
                    verdict.ready.push(Ready { rule, statement });
                }
            }
            Outcome::LeftToEngine => {
                verdict.checked += 1;
                verdict.left_to_engine.push(self.check.rule.clone());
            }
            Outcome::Unasked(unasked) => verdict.unasked.push(unasked),
            Outcome::Noted(unasked) => verdict.notes.push(unasked),
        }
    }
}

/// How pieces are asked.
struct Asking<'a, 'k> {
    wish: &'a Wish<'a>,
    on_error: OnError,
    listener: &'a Listener<'k>,
    /// Of this view of the data.
    extents: Extents,
}

impl<'a, 'k> Asking<'a, 'k> {
    fn new(wish: &'a Wish<'a>, on_error: OnError, listener: &'a Listener<'k>) -> Self {
        Asking { wish, on_error, listener, extents: Extents::default() }
    }

    /// The same in another view of the data.
    fn afresh(&self) -> Self {
        Asking::new(self.wish, self.on_error, self.listener)
    }

    /// The answers to a piece. An error takes back what the piece did, so that others can be asked.
    fn ask<'c>(
        &self,
        database: &mut Database,
        piece: &Piece<'c>,
    ) -> Result<Vec<Answer<'c>>, VerifyError> {
        self.ask_slices(database, piece, &[], &mut [])
    }

    /// The same, where several connections read slices of the rows.
    fn ask_slices<'c>(
        &self,
        database: &mut Database,
        piece: &Piece<'c>,
        slices: &[Slice],
        workers: &mut [Database],
    ) -> Result<Vec<Answer<'c>>, VerifyError> {
        database.execute(&session::savepoint())?;
        for worker in &mut *workers {
            worker.execute(&session::savepoint())?;
        }
        let asked = match piece.engine {
            EngineKind::Sql => self.counted(database, piece),
            EngineKind::Stream => self.streamed(database, piece, slices, workers),
        };
        if asked.is_err() {
            for worker in &mut *workers {
                worker.execute(&session::rollback_to_savepoint())?;
            }
        }
        match asked {
            Ok(found) => {
                database.execute(&session::release_savepoint())?;
                Ok(found)
            }
            Err(error) if error.kind == DbErrorKind::Connect => Err(named(piece, error)),
            // What the server cannot send it may still count.
            Err(error) if piece.engine == EngineKind::Stream && !is_of_table(&error) => {
                database.execute(&session::rollback_to_savepoint())?;
                self.ask(database, &Piece::by_sql(piece.checks, piece.size))
            }
            Err(error) => {
                let is_new = speaks_of_the_new(&error) && self.on_error == OnError::Stop;
                if self.on_error == OnError::Stop && !is_new {
                    return Err(named(piece, error));
                }
                database.execute(&session::rollback_to_savepoint())?;
                self.alone(database, piece, error)
            }
        }
    }

    /// Asks the checks of a piece one by one after they failed together.
    fn alone<'c>(
        &self,
        database: &mut Database,
        piece: &Piece<'c>,
        error: DbError,
    ) -> Result<Vec<Answer<'c>>, VerifyError> {
        if let ([_, _, ..], false) = (piece.checks, is_of_table(&error)) {
            let each = piece.checks.chunks(1);
            let each = each.map(|some| self.ask(database, &Piece::by_sql(some, piece.size)));
            return Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect());
        }
        match (self.on_error, piece.checks) {
            (OnError::Stop, [only]) if only.enforce == Enforce::Database => {
                Ok(vec![Answer { check: only, outcome: Outcome::LeftToEngine }])
            }
            (OnError::Stop, _) => Err(named(piece, error)),
            (OnError::GoOn, checks) => Ok(checks
                .iter()
                .map(|check| {
                    let unasked = Unasked::of(check, &error);
                    // Who may read a table often may not read its sequence.
                    let outcome = match check.shape {
                        Shape::Counter if error.kind == DbErrorKind::Auth => {
                            Outcome::Noted(unasked)
                        }
                        _ => Outcome::Unasked(unasked),
                    };
                    Answer { check, outcome }
                })
                .collect()),
        }
    }

    fn counted<'c>(
        &self,
        database: &mut Database,
        piece: &Piece<'c>,
    ) -> Result<Vec<Answer<'c>>, DbError> {
        let checks = piece.checks;
        if piece.is_large()
            && let Some(found) = gather::breaking(database, checks, &self.extents)?
        {
            let each = checks.iter().enumerate();
            let each = each.map(|(at, check)| {
                let places = found.tallies[at].places();
                self.answer(database, check, found.count(at), places)
            });
            return each.collect();
        }
        if let ([only], true) = (checks, piece.is_large()) {
            let rows_max = gather::REMEMBERED_MAX;
            let found = match groups::groups(database, only, rows_max, &self.extents)? {
                Some(found) => Some(found),
                None => groups::beside(database, only, rows_max, &self.extents)?,
            };
            if let Some((count, places)) = found {
                return Ok(vec![self.answer(database, only, count, Some(&places))?]);
            }
        }
        let counts = engine::counts(database, checks)?;
        if self.listener.lock().unwrap_or_else(|poison| poison.into_inner()).is_none()
            && self.wish.baseline.is_none()
            && let Some(violations) = keys::together(database, checks, &counts, self.wish)?
        {
            let answer =
                |(check, violation)| Answer { check, outcome: Outcome::Asked(Box::new(violation)) };
            return Ok(checks.iter().zip(violations).map(answer).collect());
        }
        let each = checks.iter().zip(counts);
        each.map(|(check, count)| self.answer(database, check, count, None)).collect()
    }

    fn streamed<'c>(
        &self,
        database: &mut Database,
        piece: &Piece<'c>,
        slices: &[Slice],
        workers: &mut [Database],
    ) -> Result<Vec<Answer<'c>>, DbError> {
        let gathered = gather::gather(database, piece, slices, workers, &self.extents)?;
        let mut answers = Vec::with_capacity(piece.checks.len());
        for (at, check) in piece.checks.iter().enumerate() {
            let tally = &gathered.tallies[at];
            match tally.is_doubtful {
                true => {
                    let alone = Piece::by_sql(std::slice::from_ref(check), piece.size);
                    answers.extend(self.counted(database, &alone)?);
                }
                false => {
                    let (count, places) = (gathered.count(at), tally.places());
                    answers.push(self.answer(database, check, count, places)?);
                }
            }
        }
        Ok(answers)
    }

    /// Fetches the rows behind a count.
    fn answer<'c>(
        &self,
        database: &mut Database,
        check: &'c Check,
        count: Count,
        places: Option<&[RowPlace]>,
    ) -> Result<Answer<'c>, DbError> {
        let mut listener = self.listener.lock().unwrap_or_else(|poison| poison.into_inner());
        let violation = match listener.as_mut() {
            Some(keys) => {
                keys::violation(database, check, count, self.wish, places, Some(&mut **keys))
            }
            None => keys::violation(database, check, count, self.wish, places, None),
        }?;
        Ok(Answer { check, outcome: Outcome::Asked(Box::new(violation)) })
    }
}

fn named(piece: &Piece<'_>, source: DbError) -> VerifyError {
    let names: Vec<&str> = piece.checks.iter().map(|check| check.rule.as_str()).collect();
    VerifyError { rule: names.join(", "), source }
}

/// Something that a query names is not there: a type, a function, a table, a schema, an operator. Source: PostgreSQL
/// manual, appendix A, class 42 and 3F.
fn speaks_of_the_new(error: &DbError) -> bool {
    let code = error.sqlstate.as_deref();
    code.is_some_and(|code| ["42704", "42883", "42P01", "3F000"].contains(&code))
}

/// Whether the error is about the table or the time rather than about one rule, so that asking each rule alone would
/// only fail again: no right to read, gone, a timeout.
fn is_of_table(error: &DbError) -> bool {
    match error.kind {
        DbErrorKind::Auth | DbErrorKind::Cancelled | DbErrorKind::Busy => true,
        DbErrorKind::Connect
        | DbErrorKind::NotADatabase
        | DbErrorKind::NotFound
        | DbErrorKind::ReadOnly
        | DbErrorKind::Sql
        | DbErrorKind::Constraint
        | DbErrorKind::Unsupported => false,
    }
}
