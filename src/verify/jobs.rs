//! Every rule on the rows as they are, by one connection or by several that share one view of the data.

use std::sync::{Mutex, mpsc};

use super::chunks::in_parts;
use super::pieces::{Choice, Piece, pieces};
use super::sizes::{Sizes, size_up};
use super::verdict::{Verdict, VerifyError};
use super::{Answer, Asking, Keys, OnError, Wish, settle};
use crate::db::{Access, Database, DbError, Mode};
use crate::dialect::check::Check;
use crate::dialect::check::reading::Slice;
use crate::dialect::session;

/// How rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    pub engine: Choice,
    /// How many connections read at once.
    pub jobs: usize,
    /// How many rows are read within one view of the data (PostgreSQL); `None` for one view of everything.
    pub chunk: Option<u64>,
}

impl Default for How {
    fn default() -> Self {
        How { engine: Choice::Auto, jobs: 1, chunk: None }
    }
}

/// Asks every check in one unchanging view of the data, and goes on after what cannot be asked. With more than one job
/// several connections share the view (PostgreSQL). `hear` hears what is read next.
///
/// # Errors
/// The connection was lost, or another one cannot be made.
pub fn survey<'k>(
    database: &mut Database,
    checks: &[Check],
    wish: &Wish<'_>,
    how: How,
    keys: Option<&'k mut (dyn Keys + 'k)>,
    hear: &mut dyn FnMut(&str),
) -> Result<Verdict, VerifyError> {
    let listener = Mutex::new(keys);
    let asking = Asking::new(wish, OnError::GoOn, &listener);
    if let (Database::Postgres(_), Some(rows)) = (&*database, how.chunk) {
        return in_parts(database, checks, &asking, (how.engine, rows), hear);
    }
    database.within(Mode::Snapshot, |database| {
        settle(database)?;
        let sizes = match database {
            Database::Postgres(_) => size_up(database, checks)?,
            Database::Sqlite(_) => Sizes::default(),
        };
        let pieces = pieces(checks, how.engine, &sizes);
        let answers = match database {
            Database::Postgres(_) if how.jobs > 1 => {
                side_by_side(database, &asking, &pieces, how.jobs, hear)?
            }
            Database::Postgres(_) | Database::Sqlite(_) => {
                one_by_one(database, &asking, &pieces, hear)?
            }
        };
        let mut verdict = Verdict::default();
        answers.into_iter().flatten().for_each(|answer| answer.put_into(&mut verdict));
        Ok(verdict)
    })
}

fn one_by_one<'c>(
    database: &mut Database,
    asking: &Asking<'_, '_>,
    pieces: &[Piece<'c>],
    hear: &mut dyn FnMut(&str),
) -> Result<Vec<Vec<Answer<'c>>>, VerifyError> {
    let each = pieces.iter().map(|piece| {
        hear(&told(piece));
        asking.ask(database, piece)
    });
    each.collect()
}

/// Large tables are read in slices by all connections at once, one table after the other; each other piece by one of them.
fn side_by_side<'c>(
    database: &mut Database,
    asking: &Asking<'_, '_>,
    pieces: &[Piece<'c>],
    jobs: usize,
    hear: &mut dyn FnMut(&str),
) -> Result<Vec<Vec<Answer<'c>>>, VerifyError> {
    let major = database.major().unwrap_or_default();
    let slices: Vec<Vec<Slice>> =
        pieces.iter().map(|piece| slices(piece.slices_max(), jobs, major)).collect();
    let (large, small): (Vec<usize>, Vec<usize>) =
        (0..pieces.len()).partition(|at| !slices[*at].is_empty());
    if large.is_empty() && small.len() < 2 {
        return one_by_one(database, asking, pieces, hear);
    }
    let connections = if large.is_empty() { jobs.min(small.len()) } else { jobs };
    let mut workers = open(database, connections)?;
    let mut found = Vec::with_capacity(pieces.len());
    for at in large {
        hear(&told(&pieces[at]));
        found.push((at, asking.ask_slices(database, &pieces[at], &slices[at], &mut workers)?));
    }
    let others: Vec<&Piece<'c>> = small.iter().map(|at| &pieces[*at]).collect();
    found.extend(small.into_iter().zip(together(workers, asking, &others, hear)?));
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, answers)| answers).collect())
}

/// Parts of a table of so many blocks. Before PostgreSQL 14 each part costs a scan of the whole table, of which only a part
/// is looked at; since then none is read twice.
fn slices(blocks: Option<u32>, jobs: usize, major: u32) -> Vec<Slice> {
    let each = if major >= 14 { 4 } else { 1 };
    let count = u32::try_from(jobs * each).unwrap_or(u32::MAX);
    let Some(blocks) = blocks.filter(|blocks| *blocks >= count) else { return Vec::new() };
    let start = |at: u32| (u64::from(blocks) * u64::from(at) / u64::from(count)) as u32;
    // The last one has no end: the table may have grown.
    (0..count).map(|at| Slice::Blocks(start(at), (at + 1 < count).then(|| start(at + 1)))).collect()
}

/// Connections that see what the open transaction sees.
fn open(database: &mut Database, jobs: usize) -> Result<Vec<Database>, DbError> {
    let snapshot = database.value(&session::export_snapshot())?.unwrap_or_default();
    let each = (0..jobs).map(|_| {
        let mut worker = database.another(Access::ReadOnly)?;
        worker.begin(Mode::Snapshot)?;
        worker.execute(&session::import_snapshot(&snapshot))?;
        settle(&mut worker)?;
        Ok(worker)
    });
    each.collect()
}

/// Each connection takes the next piece when it is done with one. Answers come back in the order of the pieces.
fn together<'c>(
    workers: Vec<Database>,
    asking: &Asking<'_, '_>,
    pieces: &[&Piece<'c>],
    hear: &mut dyn FnMut(&str),
) -> Result<Vec<Vec<Answer<'c>>>, VerifyError> {
    let next = Mutex::new(0..pieces.len());
    let take = || next.lock().unwrap_or_else(|poison| poison.into_inner()).next();
    let (send, receive) = mpsc::channel();
    let mut answers: Vec<(usize, Vec<Answer<'c>>)> = Vec::new();
    let mut failed = None;
    std::thread::scope(|scope| {
        for mut worker in workers {
            let (send, take) = (send.clone(), &take);
            scope.spawn(move || {
                while let Some(at) = take() {
                    let found = asking.ask(&mut worker, pieces[at]);
                    let is_lost = found.is_err();
                    // Nobody listens any more only where this thread's caller has gone.
                    if send.send((at, found)).is_err() || is_lost {
                        break;
                    }
                }
            });
        }
        drop(send);
        for (at, found) in receive {
            hear(&told(pieces[at]));
            match found {
                Ok(found) => answers.push((at, found)),
                Err(error) => failed = failed.take().or(Some(error)),
            }
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    answers.sort_by_key(|(at, _)| *at);
    Ok(answers.into_iter().map(|(_, answers)| answers).collect())
}

pub(super) fn told(piece: &Piece<'_>) -> String {
    match piece.checks {
        [only] => only.rule.clone(),
        [..] => format!("{}: {} rules", piece.table(), piece.checks.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_the_whole_table_and_nothing_twice() {
        assert_eq!(
            slices(Some(10), 1, 17),
            [
                Slice::Blocks(0, Some(2)),
                Slice::Blocks(2, Some(5)),
                Slice::Blocks(5, Some(7)),
                Slice::Blocks(7, None)
            ]
        );
        assert_eq!(slices(Some(9), 2, 13), [Slice::Blocks(0, Some(4)), Slice::Blocks(4, None)]);
        assert_eq!(slices(Some(3), 1, 17), []);
        assert_eq!(slices(None, 4, 17), []);
    }
}
