//! Large tables in parts, each in a transaction of its own, so that no view of the data is held for long: as long as one is,
//! the server cannot clear away what was changed since. Rules that look at many rows at once are asked at once all the same.

use super::cost::Size;
use super::extents::Extents;
use super::gather::{Gathered, gather};
use super::keys;
use super::pieces::{Choice, EngineKind, Piece, Place, pieces};
use super::sizes::size_up;
use super::verdict::{Seen, Verdict, VerifyError, Violation};
use super::{Answer, Asking, Outcome, settle};
use crate::db::{Database, DbError, DbErrorKind, Mode};
use crate::dialect::check::Check;
use crate::dialect::check::reading::Slice;

/// Asks every check, of large tables about `rows` rows at a time.
///
/// # Errors
/// The connection was lost, or the server reads no parts of tables.
pub(super) fn in_parts(
    database: &mut Database,
    checks: &[Check],
    asking: &Asking<'_, '_>,
    (engine, rows): (Choice, u64),
    hear: &mut dyn FnMut(&str),
) -> Result<Verdict, VerifyError> {
    if database.major().unwrap_or_default() < 14 {
        let message = "before version 14 PostgreSQL reads a whole table for each part of it: `--chunk` is of no use";
        return Err(DbError::new(DbErrorKind::Unsupported, message).into());
    }
    let sizes = database.within(Mode::Snapshot, |database| size_up(database, checks))?;
    let mut verdict = Verdict::default();
    for piece in pieces(checks, engine, &sizes) {
        hear(&super::jobs::told(&piece));
        let (single, whole) = parted(&piece, rows);
        let mut left = whole;
        if let Some(piece) = single {
            let asked = parts(database, &piece, asking, rows)?;
            asked.answers.into_iter().for_each(|answer| answer.put_into(&mut verdict));
            left.extend(asked.left);
        }
        for piece in left {
            let answers = database.within(Mode::Snapshot, |database| {
                settle(database)?;
                asking.afresh().ask(database, &piece)
            })?;
            answers.into_iter().for_each(|answer| answer.put_into(&mut verdict));
        }
    }
    Ok(verdict)
}

/// What of a piece can be asked in parts, and what has to be asked at once.
fn parted<'c>(piece: &Piece<'c>, rows: u64) -> (Option<Piece<'c>>, Vec<Piece<'c>>) {
    let is_single = |check: &Check| check.row_rule().is_some();
    let count = piece.checks.iter().take_while(|check| is_single(check)).count();
    if piece.size.rows <= rows || count == 0 {
        return (None, vec![piece.clone()]);
    }
    let (single, whole) = piece.checks.split_at(count);
    let size = piece.size;
    let by_server = Piece { size, ..Piece::by_server(single) };
    match piece.engine {
        EngineKind::Sql => (Some(by_server), each_alone(whole, size)),
        EngineKind::Stream => {
            let (here, others) = piece.places.split_at(count.min(piece.places.len()));
            let single = Piece { checks: single, places: here.to_vec(), ..piece.clone() };
            let is_here = |place: &Place| !matches!(place, Place::Server(_));
            let rest = match whole {
                [] => Vec::new(),
                whole if others.iter().any(is_here) => {
                    vec![Piece { checks: whole, places: others.to_vec(), ..piece.clone() }]
                }
                whole => each_alone(whole, size),
            };
            (Some(single), rest)
        }
    }
}

fn each_alone(checks: &[Check], size: Size) -> Vec<Piece<'_>> {
    checks.chunks(1).map(|only| Piece::by_sql(only, size)).collect()
}

/// What parts say, and what could not be asked in parts.
struct Asked<'c> {
    answers: Vec<Answer<'c>>,
    left: Vec<Piece<'c>>,
}

fn parts<'c>(
    database: &mut Database,
    piece: &Piece<'c>,
    asking: &Asking<'_, '_>,
    rows: u64,
) -> Result<Asked<'c>, VerifyError> {
    let mut found: Vec<Option<Violation>> =
        piece.checks.iter().map(|check| Some(keys::counted(check, Default::default()))).collect();
    for slice in slices(piece.size, rows) {
        let asked: Result<(), DbError> = database.within(Mode::Snapshot, |database| {
            settle(database)?;
            let gathered = gather(database, piece, &[slice], &mut [], &Extents::default())?;
            for (at, check) in piece.checks.iter().enumerate() {
                if gathered.tallies[at].is_doubtful {
                    found[at] = None;
                } else if let Some(violation) = &mut found[at] {
                    add(database, check, (&gathered, at), asking.wish.shown, violation)?;
                }
            }
            Ok(())
        });
        match asked {
            Ok(()) => {}
            Err(error) if error.kind == DbErrorKind::Connect => return Err(error.into()),
            // Whoever asks at once says why it cannot be asked, or can.
            Err(_) => {
                let left = vec![Piece::by_sql(piece.checks, piece.size)];
                return Ok(Asked { answers: Vec::new(), left });
            }
        }
    }
    let mut asked = Asked { answers: Vec::new(), left: Vec::new() };
    for ((at, check), violation) in piece.checks.iter().enumerate().zip(found) {
        match violation {
            Some(violation) => {
                let outcome = Outcome::Asked(Box::new(violation));
                asked.answers.push(Answer { check, outcome });
            }
            None => asked.left.extend(each_alone(&piece.checks[at..=at], piece.size)),
        }
    }
    Ok(asked)
}

/// Adds what one part says of a rule.
fn add(
    database: &mut Database,
    check: &Check,
    (gathered, at): (&Gathered, usize),
    shown: usize,
    violation: &mut Violation,
) -> Result<(), DbError> {
    let (count, tally) = (gathered.count(at), &gathered.tallies[at]);
    violation.rows += count.rows;
    violation.of += count.of;
    let room = shown.saturating_sub(violation.sample.len());
    let some = tally.some_places();
    if room > 0
        && !some.is_empty()
        && let Some(sql) = check.at(some, Some(room))
    {
        let rows = database.rows(&sql)?;
        violation.sample.extend(rows.into_iter().map(|row| keys::hidden(check, row)));
    }
    // Of many rows in one part only some are known, which is said by saying nothing of when they came.
    if let (Some(places), Some(sql)) = (tally.places(), check.seen_at(some))
        && !places.is_empty()
    {
        let row = database.rows(&sql)?.into_iter().next().unwrap_or_default();
        violation.seen = match (violation.seen.take(), keys::seen(&row)) {
            (Some(known), Some(more)) => {
                Some(Seen { first: known.first.min(more.first), last: known.last.max(more.last) })
            }
            (known, more) => known.or(more),
        };
    }
    Ok(())
}

/// Parts of about so many rows.
fn slices(size: Size, rows: u64) -> Vec<Slice> {
    let count = size.rows.div_ceil(rows.max(1)).clamp(1, u64::from(size.blocks.max(1)));
    let start = |at: u64| (u64::from(size.blocks) * at / count) as u32;
    // The last one has no end: the table may grow.
    (0..count).map(|at| Slice::Blocks(start(at), (at + 1 < count).then(|| start(at + 1)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_large_as_wanted_and_the_last_has_no_end() {
        let size = Size { rows: 1000, blocks: 10, ..Size::default() };
        assert_eq!(
            slices(size, 400),
            [Slice::Blocks(0, Some(3)), Slice::Blocks(3, Some(6)), Slice::Blocks(6, None)]
        );
        assert_eq!(slices(size, 1).len(), 10);
        assert_eq!(slices(Size::default(), 5), [Slice::Blocks(0, None)]);
    }
}
