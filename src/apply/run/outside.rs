//! Steps that run outside a transaction: written down before and after, settled by the catalog where a run was cut off in
//! between, and cleaned up after where one fails.

use std::time::Duration;

use super::{Problem, Runner};
use crate::apply::Context;
use crate::db::{Database, DbError, DbErrorKind, Mode};
use crate::dialect::outside::{self, IndexBuild, IndexFound, Outside};
use crate::dialect::{Sql, Step, session};
use crate::journal::StepState;

/// How long such a step waits for the transactions of others: who blocks it is shown, and Ctrl-C stops it.
const CONCURRENT_WAIT: Duration = Duration::from_secs(600);

/// What the catalog says about a statement of a step that was under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// It took effect.
    Done,
    /// It did not, and nothing of it is left.
    Absent,
    /// Whether it did cannot be told; why.
    Unknown(String),
}

impl Runner<'_> {
    /// Runs such steps one after the other.
    pub(super) fn outside(
        &mut self,
        positions: &[usize],
        context: &mut Context<'_>,
    ) -> Result<(), Problem> {
        let bundle = self.bundle;
        for position in positions {
            let step = &bundle.steps(self.way)[*position];
            self.at = Some((*position + 1, step.title.clone()));
            let was_under_way = self.uncertain == u32::try_from(*position + 1).ok();
            let first = if was_under_way { self.settle(step)? } else { 0 };
            if !was_under_way {
                self.journal(*position, StepState::Started, context)?;
            }
            self.loose = true;
            if let Err(problem) = self.patiently(*position, first, context) {
                if first == 0 && self.is_cleaned_up(step) {
                    self.journal(*position, StepState::Undone, context)?;
                    self.loose = false;
                }
                return Err(problem);
            }
            self.watch.after_transaction(self.database)?;
            self.journal(*position, StepState::Done, context)?;
            self.loose = false;
            self.uncertain = None;
            self.done = u32::try_from(*position + 1).unwrap_or(u32::MAX);
        }
        Ok(())
    }

    /// Runs a step with the timeouts of its class.
    fn patiently(
        &mut self,
        position: usize,
        first: usize,
        context: &mut Context<'_>,
    ) -> Result<(), Problem> {
        let Database::Postgres(database) = &*self.database else {
            return self.step_from(position, first, context);
        };
        let usual = database.options().clone();
        self.database.execute(&session::concurrent_timeouts(CONCURRENT_WAIT))?;
        let outcome = self.step_from(position, first, context);
        let usual = session::usual_timeouts(usual.lock_timeout, usual.statement_timeout);
        // The first error is the one that tells.
        outcome.and(self.database.execute(&usual).map(|_| ()).map_err(Problem::from))
    }

    /// How many statements of a step that was under way took effect; what a failed one left behind is gone afterwards.
    fn settle(&mut self, step: &Step) -> Result<usize, Problem> {
        for (index, statement) in step.statements.iter().enumerate() {
            match trace(self.database, statement)? {
                Trace::Done => {}
                Trace::Absent => return Ok(index),
                Trace::Unknown(why) => {
                    return Err(Problem::Uncertain { statement: statement.to_string(), why });
                }
            }
        }
        Ok(step.statements.len())
    }

    /// After a failure: whether nothing of the step is left. A lost connection tells nothing.
    fn is_cleaned_up(&mut self, step: &Step) -> bool {
        let Some(first) = step.statements.first() else { return true };
        if !outside::may_leave_something(&outside::read(first, self.database.dialect()))
            && step.statements.len() == 1
        {
            // One statement, one transaction: the engine has undone it, if it still answers.
            return self.database.rows(&session::are_you_there()).is_ok();
        }
        matches!(trace(self.database, first), Ok(Trace::Absent))
    }
}

/// Asks the catalog about one statement. An invalid index that the statement itself defines is dropped.
///
/// # Errors
/// The engine's own.
pub fn trace(database: &mut Database, statement: &Sql) -> Result<Trace, DbError> {
    match outside::read(statement, database.dialect()) {
        Outside::CreateIndex(build) => trace_index(database, &build),
        Outside::DropIndex { name } => {
            let there = database.value(&outside::index_is_there(&name))?.is_some();
            Ok(if there { Trace::Absent } else { Trace::Done })
        }
        Outside::AddEnumValue { type_name, label } => {
            let there = database.value(&outside::enum_value_is_there(&type_name, &label))?;
            Ok(if there.is_some() { Trace::Done } else { Trace::Absent })
        }
        // Done once more it does no harm.
        Outside::Repeatable => Ok(Trace::Absent),
        Outside::Unknown => Ok(Trace::Unknown("the catalog cannot tell".to_owned())),
    }
}

fn trace_index(database: &mut Database, build: &IndexBuild) -> Result<Trace, DbError> {
    let (found, name) = find_index(database, build)?;
    match found {
        IndexFound::Absent => Ok(Trace::Absent),
        IndexFound::Built => Ok(Trace::Done),
        IndexFound::Invalid => {
            database.execute(&IndexBuild::drop_remains(&name))?;
            Ok(Trace::Absent)
        }
        IndexFound::Another => {
            Ok(Trace::Unknown(format!("{name} is there with another definition")))
        }
    }
}

/// Compares the index of that name with the one that the statement makes on an empty table of the same columns: the
/// server writes both down, so that they can be compared.
fn find_index(
    database: &mut Database,
    build: &IndexBuild,
) -> Result<(IndexFound, String), DbError> {
    let read = |database: &mut Database, sql: &Sql| -> Result<_, DbError> {
        let row = database.rows(sql)?.into_iter().next();
        Ok(row.map(|row| {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || cells.next().unwrap_or_default();
            (next() == "true", next(), next())
        }))
    };
    let Some((is_valid, definition, name)) = read(database, &build.there())? else {
        return Ok((IndexFound::Absent, String::new()));
    };
    database.begin(Mode::Write)?;
    let twin = build
        .twin()
        .iter()
        .try_for_each(|sql| database.execute(sql).map(|_| ()))
        .and_then(|()| read(database, &build.of_twin()));
    database.rollback()?;
    let same = match twin {
        Ok(Some((_, wanted, _))) => wanted == definition,
        Ok(None) => false,
        // The statement cannot run as it is, so the index that is there is not its work.
        Err(error) if error.kind == DbErrorKind::Sql => false,
        Err(error) => return Err(error),
    };
    let found = match (same, is_valid) {
        (true, true) => IndexFound::Built,
        (true, false) => IndexFound::Invalid,
        (false, _) => IndexFound::Another,
    };
    Ok((found, name))
}
