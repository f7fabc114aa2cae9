//! Steps that are done in parts, each in a transaction of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Problem, Runner, Timing};
use crate::apply::Context;
use crate::db::{Mode, pause};
use crate::dialect::session;
use crate::journal::StepState;

/// How long a batch over pages is to take: others wait no longer for the rows that it writes.
const TARGET: Duration = Duration::from_millis(300);

/// The first batch of pages: 256 kB, some thousand rows.
const FIRST_PAGES: u64 = 32;

/// How many rows of a page are written, at the least, where all of them have no value yet. Pages that were passed over say
/// nothing of that: the next one may be full.
const ROWS_PER_PAGE: u64 = 60;

/// How far batches grow while they pass over pages without anything to write.
const PASSED_PAGES: u64 = 256;

/// Fewer rows than these tell nothing of how long a row takes.
const ROWS_THAT_TELL: u64 = 100;

/// From how far behind on a copy of the server is waited for.
const LAG_MS_MAX: u64 = 1_500;

/// How long is waited for copies before a batch, at the most: one that is broken must not stop the run.
const LAG_PATIENCE: Duration = Duration::from_secs(60);

/// Where a step that is done in parts stands.
struct Course {
    position: usize,
    started: Instant,
    rows: u64,
    /// Whether a part of it was begun.
    is_begun: bool,
    pages: Option<Pages>,
}

/// The pages of a table, from the first to the last.
struct Pages {
    table: String,
    next: u64,
    count: u64,
    /// Pages of the next batch.
    size: u64,
    /// The most rows a page that was written.
    rows_per_page: u64,
}

impl Pages {
    fn new(table: &str) -> Self {
        Pages {
            table: table.to_owned(),
            next: 0,
            count: 0,
            size: FIRST_PAGES,
            rows_per_page: ROWS_PER_PAGE,
        }
    }

    fn end(&self) -> u64 {
        self.next.saturating_add(self.size)
    }

    /// Others waited for what the last batch held: the next ones are shorter, and grow again.
    fn give_way(&mut self) {
        self.size = (self.size / 4).max(1);
    }

    /// The pages of this batch are done; the next one has as many rows as can be written in time, should all be to write.
    fn advance(&mut self, took: Duration, rows: u64) {
        self.next = self.end();
        if rows < ROWS_THAT_TELL {
            self.size = self.size.max((self.size * 2).min(PASSED_PAGES));
            return;
        }
        self.rows_per_page = self.rows_per_page.max(rows / self.size);
        let in_time = u128::from(rows) * TARGET.as_micros() / took.as_micros().max(1);
        let wanted = u64::try_from(in_time).unwrap_or(u64::MAX) / self.rows_per_page;
        self.size = wanted.clamp(self.size / 4, self.size.saturating_mul(2)).max(1);
    }
}

/// Whether somebody waited for a lock of this run since it was asked last.
fn watchdog_saw_waiting(crowded: Option<&Arc<AtomicBool>>) -> bool {
    crowded.is_some_and(|it| it.swap(false, Ordering::Relaxed))
}

/// How a part of such a step ended.
enum Part {
    Last,
    Rows(u64),
}

impl Runner<'_> {
    /// A step that is done in parts, each in a transaction of its own: what is done is done, and a run that stops goes on
    /// with the rest, for the step finds by itself what is left.
    pub(super) fn batches(
        &mut self,
        positions: &[usize],
        context: &mut Context<'_>,
    ) -> Result<(), Problem> {
        for position in positions {
            let bundle = self.bundle;
            let facts = &bundle.steps(self.way)[*position].facts;
            let mut course = Course {
                position: *position,
                started: Instant::now(),
                rows: 0,
                is_begun: false,
                pages: facts.over.as_deref().map(Pages::new),
            };
            let mut ladder = self.ladder();
            loop {
                let began = Instant::now();
                self.before_transaction()?;
                self.database.begin(Mode::Write)?;
                let written = self
                    .wait_for_locks(ladder.as_ref())
                    .and_then(|()| self.batch(&mut course, context));
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
                let Part::Rows(rows) = written else { break };
                course.rows += rows;
                if rows > 0 {
                    // A part is committed: whoever stops here stops half-way.
                    self.begun = true;
                    self.loose = true;
                }
                self.stand_still_if_asked(context);
                if let Some(pages) = &mut course.pages {
                    pages.advance(began.elapsed(), rows);
                    if watchdog_saw_waiting(self.crowded.as_ref()) {
                        pages.give_way();
                    }
                    tell(&course, &self.title(*position), context);
                    self.let_copies_catch_up(context)?;
                }
            }
            self.loose = false;
            self.done = u32::try_from(*position + 1).unwrap_or(u32::MAX);
            self.watch.after_transaction(self.database)?;
        }
        Ok(())
    }

    fn title(&self, position: usize) -> String {
        self.bundle.steps(self.way)[position].title.clone()
    }

    /// One part of such a step; the last writes into the journal that all is done. It is the one that changes no row, or
    /// that of the last pages.
    fn batch(&mut self, course: &mut Course, context: &mut Context<'_>) -> Result<Part, Problem> {
        self.refuse_overtaken()?;
        let (bundle, position) = (self.bundle, course.position);
        let steps = bundle.steps(self.way);
        let step = &steps[position];
        self.at = Some((position + 1, step.title.clone()));
        if !course.is_begun {
            if !self.has_kept_data(step)? {
                self.journal(position, StepState::Done, context)?;
                return Ok(Part::Last);
            }
            context.progress.step(position + 1, steps.len(), &step.title);
            self.watch.before_step(self.database, position, step)?;
        }
        if let Some(pages) = &mut course.pages {
            let count = self.database.value(&session::pages_of(&pages.table))?;
            pages.count = count.and_then(|count| count.parse().ok()).unwrap_or(0);
            self.database.execute(&session::batch_bounds(pages.next, pages.end()))?;
        }
        let mut rows = 0;
        for statement in &step.statements {
            rows += self.database.execute(statement)?;
        }
        let is_last = match &course.pages {
            // Rows that others have added since are on pages that are counted with the next batch.
            Some(pages) => pages.end() >= pages.count,
            None => rows == 0,
        };
        if is_last {
            let rows = course.rows + rows;
            let took = course.started.elapsed();
            self.watch.after_step(self.database, step, took, rows)?;
            let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            self.timings.push(Timing { title: step.title.clone(), ms, rows });
            self.journal(position, StepState::Done, context)?;
            return Ok(Part::Last);
        }
        if rows > 0 {
            self.journal_beginning(context)?;
        }
        if course.pages.is_none() {
            let all = course.rows + rows;
            context.progress.phase(&format!("{}: {all} rows", step.title));
        }
        // A batch that is tried again asks no second time.
        course.is_begun = true;
        Ok(Part::Rows(rows))
    }

    /// Waits for as long as somebody wants it to. Nothing is held meanwhile but the lock that keeps other migrators out.
    fn stand_still_if_asked(&self, context: &mut Context<'_>) {
        if self.patience.is_zero() || !pause::is_asked() {
            return;
        }
        context.progress.waiting(
            "paused between two batches (SIGUSR1), no row and no table is locked; SIGUSR2 goes on, Ctrl-C ends",
        );
        while pause::is_asked() {
            std::thread::sleep(Duration::from_millis(50));
        }
        context.progress.phase("going on");
    }

    /// Waits while a copy of the server is far behind: what a backfill writes, it has to write too.
    fn let_copies_catch_up(&mut self, context: &mut Context<'_>) -> Result<(), Problem> {
        if self.patience.is_zero() {
            return Ok(());
        }
        let began = Instant::now();
        let mut is_told = false;
        while began.elapsed() < LAG_PATIENCE {
            let lag = self.database.value(&session::replica_lag_ms())?;
            let lag: u64 = lag.and_then(|lag| lag.parse().ok()).unwrap_or(0);
            if lag <= LAG_MS_MAX {
                break;
            }
            if !is_told {
                context.progress.waiting(&format!("a replica is {lag} ms behind"));
                is_told = true;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

/// How far it is, how fast, and how long the rest takes at this speed.
fn tell(course: &Course, title: &str, context: &mut Context<'_>) {
    let Some(pages) = &course.pages else { return };
    let done = pages.next.min(pages.count).max(1);
    let seconds = course.started.elapsed().as_secs_f64().max(0.001);
    // Only shown: what is lost in precision does not count.
    let (done, count, rows) = (done as f64, pages.count.max(1) as f64, course.rows as f64);
    let left = seconds * (count - done).max(0.0) / done;
    context.progress.phase(&format!(
        "{title}: {:.0} %, {} rows, {:.0} rows/s, about {:.0} s left",
        100.0 * done / count,
        course.rows,
        rows / seconds,
        left
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_and_shrink_towards_the_target() {
        let mut pages = Pages { count: 1 << 30, ..Pages::new("t") };
        for _ in 0..12 {
            // A millisecond a page, which is full.
            pages.advance(Duration::from_millis(pages.size), pages.size * 100);
        }
        assert_eq!(pages.size, 300);
        pages.advance(Duration::from_secs(10), pages.size * 100);
        assert_eq!(pages.size, 75);
    }

    #[test]
    fn batches_give_way_to_those_that_wait_and_grow_again() {
        let mut pages = Pages { size: 200, ..Pages::new("t") };
        pages.give_way();
        assert_eq!(pages.size, 50);
        pages.advance(Duration::from_millis(50), 50 * 100);
        assert_eq!(pages.size, 100);
        (0..9).for_each(|_| pages.give_way());
        assert_eq!(pages.size, 1);
    }

    #[test]
    fn pages_that_are_passed_over_make_the_next_batch_little_larger() {
        let mut pages = Pages { count: 1 << 30, ..Pages::new("t") };
        let next = pages.next + pages.size;
        pages.advance(Duration::from_micros(10), 0);
        assert_eq!((pages.next, pages.size), (next, 2 * FIRST_PAGES));
        (0..9).for_each(|_| pages.advance(Duration::from_micros(10), 0));
        assert_eq!(pages.size, PASSED_PAGES);
        // One row in two pages, and full ones may follow: 16 pages of 60 rows in 300 ms, at this speed.
        let mut pages = Pages { size: 400, ..Pages::new("t") };
        pages.advance(Duration::from_millis(60), 200);
        assert_eq!(pages.size, 100);
        pages.advance(Duration::from_millis(60), 200);
        assert_eq!(pages.size, 25);
        pages.advance(Duration::from_millis(60), 200);
        assert_eq!(pages.size, 16);
    }
}
