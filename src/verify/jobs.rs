//! Every rule on the rows as they are, by one connection or by several that share one view of the data.

use std::sync::{Mutex, mpsc};

use super::pieces::{Choice, Piece, pieces};
use super::verdict::{Verdict, VerifyError};
use super::{Answer, Asking, Keys, OnError, Wish, settle};
use crate::db::{Access, Database, DbError, Mode};
use crate::dialect::check::Check;
use crate::dialect::session;

/// How rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct How {
    pub engine: Choice,
    /// How many connections read at once.
    pub jobs: usize,
}

impl Default for How {
    fn default() -> Self {
        How { engine: Choice::Auto, jobs: 1 }
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
    let asking = Asking { wish, on_error: OnError::GoOn, listener: &listener };
    database.within(Mode::Snapshot, |database| {
        settle(database)?;
        let pieces = pieces(checks, how.engine);
        let answers = match database {
            Database::Postgres(_) if how.jobs > 1 && pieces.len() > 1 => {
                let workers = open(database, how.jobs.min(pieces.len()))?;
                together(workers, &asking, &pieces, hear)?
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
    pieces: &[Piece<'c>],
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
                    let found = asking.ask(&mut worker, &pieces[at]);
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
            hear(&told(&pieces[at]));
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

fn told(piece: &Piece<'_>) -> String {
    match piece.checks {
        [only] => only.rule.clone(),
        [..] => format!("{}: {} rules", piece.table(), piece.checks.len()),
    }
}
