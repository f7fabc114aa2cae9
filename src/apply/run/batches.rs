//! Steps that are done in parts, each in a transaction of its own.

use std::time::Instant;

use super::{Problem, Runner, Timing};
use crate::apply::Context;
use crate::db::Mode;
use crate::journal::StepState;

impl Runner<'_> {
    /// A step that is done in parts, each in a transaction of its own: what is done is done, and a run that stops goes on
    /// with the rest, for the step finds by itself what is left.
    pub(super) fn batches(
        &mut self,
        positions: &[usize],
        context: &mut Context<'_>,
    ) -> Result<(), Problem> {
        for position in positions {
            let started = Instant::now();
            let mut rows = 0;
            let mut ladder = self.ladder();
            loop {
                self.before_transaction()?;
                self.database.begin(Mode::Write)?;
                let written = self
                    .wait_for_locks(ladder.as_ref())
                    .and_then(|()| self.batch(*position, (started, rows), context));
                let ended = match &written {
                    Ok(_) => self.database.commit().map_err(Problem::from),
                    // The first error is the one that tells; a lost connection has rolled back by itself.
                    Err(_) => {
                        let _ = self.database.rollback();
                        Ok(())
                    }
                };
                self.after_transaction()?;
                let written = match written {
                    Err(problem) if self.waits_to_try_again(&problem, &mut ladder, context) => {
                        continue;
                    }
                    written => written?,
                };
                ended?;
                ladder = self.ladder();
                if written == 0 {
                    break;
                }
                rows += written;
                // A part is committed: whoever stops here stops half-way.
                self.begun = true;
                self.loose = true;
            }
            self.loose = false;
            self.done = u32::try_from(*position + 1).unwrap_or(u32::MAX);
            self.watch.after_transaction(self.database)?;
        }
        Ok(())
    }

    /// One part of such a step; the last, which changes nothing, writes into the journal that all is done.
    fn batch(
        &mut self,
        position: usize,
        (started, before): (Instant, u64),
        context: &mut Context<'_>,
    ) -> Result<u64, Problem> {
        self.refuse_overtaken()?;
        let bundle = self.bundle;
        let steps = bundle.steps(self.way);
        let step = &steps[position];
        self.at = Some((position + 1, step.title.clone()));
        if before == 0 {
            if !self.has_kept_data(step)? {
                self.journal(position, StepState::Done, context)?;
                return Ok(0);
            }
            context.progress.step(position + 1, steps.len(), &step.title);
            self.watch.before_step(self.database, position, step)?;
        }
        let mut rows = 0;
        for statement in &step.statements {
            rows += self.database.execute(statement)?;
        }
        if rows == 0 {
            let took = started.elapsed();
            self.watch.after_step(self.database, step, took, before)?;
            let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            self.timings.push(Timing { title: step.title.clone(), ms, rows: before });
            self.journal(position, StepState::Done, context)?;
        } else {
            self.journal_beginning(context)?;
            context.progress.phase(&format!("{}: {} rows", step.title, before + rows));
        }
        Ok(rows)
    }
}
