//! Who waits when: the steps of a plan on a line of time, and below them the locks on each table, from the step that takes
//! a lock to the end of its transaction. Times are the longest that a rehearsal lets one expect.

use serde::Serialize;

use super::{Step, waits};
use crate::dialect::{Blocks, Lock, Transaction};

/// One plan on a line of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timeline {
    pub total_us: u64,
    pub steps: Vec<Span>,
    /// Tables on which somebody may wait, in the order in which they are locked.
    pub lanes: Vec<Lane>,
}

/// A step on the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    pub step: usize,
    pub title: String,
    pub start_us: u64,
    pub end_us: u64,
}

/// What is locked of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lane {
    pub table: String,
    pub bars: Vec<Bar>,
}

/// A time for which a lock is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bar {
    pub start_us: u64,
    pub end_us: u64,
    pub lock: Lock,
    pub blocks: Blocks,
    /// The step that takes it.
    pub step: usize,
}

impl Bar {
    pub fn class(&self) -> &'static str {
        class(self.blocks)
    }

    pub fn waits(&self) -> &'static str {
        waits(self.blocks)
    }
}

/// Who waits, for a style.
pub fn class(blocks: Blocks) -> &'static str {
    match blocks {
        Blocks::Nothing => "free",
        Blocks::SchemaChanges => "schema",
        Blocks::Writes => "writes",
        Blocks::ReadsAndWrites => "all",
    }
}

impl Timeline {
    /// A moment as a share of the whole, in percent.
    pub fn share(&self, us: u64) -> f64 {
        us as f64 * 100.0 / self.total_us.max(1) as f64
    }

    /// The longest time for which writes of one table wait without a pause.
    pub fn longest_wait_us(&self) -> u64 {
        let longest = |lane: &Lane| {
            let mut longest = 0;
            let mut open: Option<(u64, u64)> = None;
            for bar in lane.bars.iter().filter(|bar| bar.blocks >= Blocks::Writes) {
                open = match open {
                    Some((start, end)) if bar.start_us <= end => Some((start, end.max(bar.end_us))),
                    Some(_) | None => Some((bar.start_us, bar.end_us)),
                };
                longest = longest.max(open.map_or(0, |(start, end)| end - start));
            }
            longest
        };
        self.lanes.iter().map(longest).max().unwrap_or(0)
    }
}

/// What SQLite locks: there are no locks of tables.
const WHOLE: &str = "the whole database";

/// Places measured steps; `None` where one was not measured.
pub fn timeline(steps: &[Step]) -> Option<Timeline> {
    let mut at = 0;
    let mut spans = Vec::new();
    for step in steps {
        let measured = step.measured.as_ref()?;
        let longest = (measured.expected.high_ms * 1000).max(measured.us).max(1);
        spans.push(Span {
            step: step.number,
            title: step.title.clone(),
            start_us: at,
            end_us: at + longest,
        });
        at += longest;
    }
    let mut lanes: Vec<Lane> = Vec::new();
    for (first, last) in transactions(steps) {
        let end_us = spans[last].end_us;
        for (step, span) in steps[first..=last].iter().zip(&spans[first..=last]) {
            for (table, lock) in locks(step) {
                let blocks = lock.blocks();
                if blocks == Blocks::Nothing {
                    continue;
                }
                let place =
                    lanes.iter().position(|lane| lane.table == table).unwrap_or_else(|| {
                        lanes.push(Lane { table: table.clone(), bars: Vec::new() });
                        lanes.len() - 1
                    });
                let bars = &mut lanes[place].bars;
                let open = bars.last_mut().filter(|bar| bar.end_us == end_us);
                match open {
                    Some(bar) if bar.blocks >= blocks => {}
                    Some(bar) => {
                        bar.end_us = span.start_us;
                        bars.push(Bar {
                            start_us: span.start_us,
                            end_us,
                            lock,
                            blocks,
                            step: step.number,
                        });
                    }
                    None => {
                        bars.push(Bar {
                            start_us: span.start_us,
                            end_us,
                            lock,
                            blocks,
                            step: step.number,
                        });
                    }
                }
            }
        }
    }
    lanes.iter_mut().for_each(|lane| lane.bars.retain(|bar| bar.start_us < bar.end_us));
    Some(Timeline { total_us: at, steps: spans, lanes })
}

/// Locks that a step takes, by table.
fn locks(step: &Step) -> Vec<(String, Lock)> {
    if step.lock == Lock::Reserved {
        return vec![(WHOLE.to_owned(), Lock::Reserved)];
    }
    let measured = step.measured.iter().flat_map(|measured| &measured.locks);
    measured.map(|held| (held.table.clone(), held.lock)).collect()
}

/// First and last step of each transaction.
fn transactions(steps: &[Step]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let goes_on = step.lock == Lock::Reserved
            || step.transaction == Transaction::Shared
                && index > 0
                && steps[index - 1].transaction == Transaction::Shared;
        match found.last_mut() {
            Some((_, last)) if goes_on => *last = index,
            Some(_) | None => found.push((index, index)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::rehearse::{Expected, TableLock};
    use crate::dialect::{Undo, Work};
    use crate::report::document::Measured;

    fn step(number: usize, ms: u64, transaction: Transaction, locks: &[(&str, Lock)]) -> Step {
        let expected = Expected { low_ms: 0, high_ms: ms, scale_percent: 100 };
        let locks: Vec<TableLock> = locks
            .iter()
            .map(|(table, lock)| TableLock { table: (*table).into(), lock: *lock })
            .collect();
        let lock = locks.iter().map(|held| held.lock).max().unwrap_or(Lock::None);
        Step {
            number,
            title: String::new(),
            lock,
            blocks: lock.blocks(),
            work: Work::Catalog,
            transaction,
            undo: Undo::Exact,
            reason: String::new(),
            sql: Vec::new(),
            measured: Some(Measured { us: 1, rows: 0, expected, held: expected, locks }),
        }
    }

    fn told(steps: &[Step]) -> Vec<String> {
        let timeline = timeline(steps).expect("all are measured");
        let bars = |lane: &Lane| {
            let bars = lane.bars.iter();
            let bars: Vec<String> = bars
                .map(|it| format!("{}-{} {}", it.start_us / 1000, it.end_us / 1000, it.class()))
                .collect();
            format!("{}: {}", lane.table, bars.join(", "))
        };
        timeline.lanes.iter().map(bars).collect()
    }

    #[test]
    fn a_lock_lasts_to_the_end_of_its_transaction() {
        let shared = Transaction::Shared;
        let steps = [
            step(1, 10, shared, &[("a", Lock::AccessExclusive)]),
            step(2, 20, shared, &[("b", Lock::Share)]),
            step(3, 5, Transaction::Own, &[("a", Lock::ShareUpdateExclusive)]),
            step(4, 5, Transaction::Outside, &[("a", Lock::AccessShare)]),
        ];
        assert_eq!(told(&steps), ["a: 0-30 all, 30-35 schema", "b: 10-30 writes"]);
        assert_eq!(timeline(&steps).expect("measured").longest_wait_us(), 30_000);
    }

    #[test]
    fn a_stronger_lock_begins_where_it_is_taken() {
        let shared = Transaction::Shared;
        let steps = [
            step(1, 10, shared, &[("a", Lock::Share)]),
            step(2, 10, shared, &[("a", Lock::AccessExclusive)]),
        ];
        assert_eq!(told(&steps), ["a: 0-10 writes, 10-20 all"]);
        assert_eq!(timeline(&steps).expect("measured").longest_wait_us(), 20_000);
    }

    #[test]
    fn sqlite_is_locked_as_a_whole() {
        let own = Transaction::Shared;
        let steps =
            [step(1, 1, own, &[("x", Lock::Reserved)]), step(2, 2, own, &[("y", Lock::Reserved)])];
        assert_eq!(told(&steps), ["the whole database: 0-3 writes"]);
    }

    #[test]
    fn what_was_not_measured_has_no_place() {
        let mut steps = [step(1, 10, Transaction::Shared, &[])];
        steps[0].measured = None;
        assert!(timeline(&steps).is_none());
    }
}
