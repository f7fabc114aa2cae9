//! The rows behind a count: some of them for people, all of them for a file or a baseline.

use super::baseline::Baseline;
use super::engine::Count;
use super::verdict::{Seen, Violation};
use crate::db::{Database, DbError, Row};
use crate::dialect::Sql;
use crate::dialect::check::reading::RowPlace;
use crate::dialect::check::{Check, breaking_any, seen_any};

/// What stands for a personal value.
pub(super) const HIDDEN: &str = "•••";

/// What is wanted of violating rows.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// How many rows are shown for a rule.
    pub shown: usize,
    /// Violations that are known already.
    pub baseline: Option<&'a Baseline>,
}

/// Hears of every violating row. Personal values are hidden already.
pub trait Keys: Send {
    /// The rows of a rule come now.
    fn begin(&mut self, check: &Check) -> std::io::Result<()>;

    /// One row: its key values, then the values that the rule speaks of.
    fn row(&mut self, check: &Check, row: &[Option<&str>]) -> std::io::Result<()>;

    /// No row of this rule is left.
    fn end(&mut self, check: &Check) -> std::io::Result<()>;
}

/// Fetches the rows behind a count.
///
/// # Errors
/// What the engine says, and what `keys` says.
pub(super) fn violation(
    database: &mut Database,
    check: &Check,
    count: Count,
    wish: &Wish<'_>,
    places: Option<&[RowPlace]>,
    keys: Option<&mut (dyn Keys + '_)>,
) -> Result<Violation, DbError> {
    let mut violation = counted(check, count);
    if count.rows == 0 {
        return Ok(violation);
    }
    // Rows are found again by where they lie if that is known, and else by the condition they break.
    if keys.is_some() || wish.baseline.is_some() {
        let known = places.and_then(|places| check.at(places, None));
        let sql = known.unwrap_or_else(|| check.every());
        every(database, (check, &sql), wish, keys, &mut violation)?;
    } else {
        let known = places.and_then(|places| check.at(places, Some(wish.shown)));
        let rows = database.rows(&known.unwrap_or_else(|| check.first(wish.shown)))?;
        violation.sample = rows.into_iter().map(|row| hidden(check, row)).collect();
    }
    let known = places.and_then(|places| check.seen_at(places));
    if let Some(sql) = known.as_ref().or(check.seen.as_ref()) {
        let row = database.rows(sql)?.into_iter().next().unwrap_or_default();
        violation.seen = seen(&row);
    }
    Ok(violation)
}

pub(super) fn seen(times: &[Option<String>]) -> Option<Seen> {
    match times {
        [Some(first), Some(last)] => Some(Seen { first: first.clone(), last: last.clone() }),
        _ => None,
    }
}

/// How many violating rows are fetched at once: beyond that the first of each rule come soon.
const FEW: u64 = 10_000;

/// The rows behind the counts of checks that share their rows, in one more scan; `None` where it is better to ask for each.
///
/// # Errors
/// What the engine says.
pub(super) fn together(
    database: &mut Database,
    checks: &[Check],
    counts: &[Count],
    wish: &Wish<'_>,
) -> Result<Option<Vec<Violation>>, DbError> {
    let mut violations: Vec<Violation> =
        checks.iter().zip(counts).map(|(check, count)| counted(check, *count)).collect();
    let broken: Vec<usize> = (0..checks.len()).filter(|at| counts[*at].rows > 0).collect();
    let all: u64 = counts.iter().map(|count| count.rows).sum();
    let asked: Vec<&Check> = broken.iter().map(|at| &checks[*at]).collect();
    let ([_, _, ..], true, Some(sql)) = (&asked[..], all <= FEW, breaking_any(&asked)) else {
        return Ok(None);
    };
    database.each_row(&sql, &mut |row| {
        let (keys, mut rest) = row.split_at(asked[0].keys.len().min(row.len()));
        for (at, check) in broken.iter().zip(&asked) {
            let Some((flag, more)) = rest.split_first() else { break };
            let (values, next) = more.split_at(check.values.len().min(more.len()));
            rest = next;
            let sample = &mut violations[*at].sample;
            if matches!(flag, Some("t" | "1")) && sample.len() < wish.shown {
                let own = keys.iter().chain(values).map(|value| value.map(str::to_owned));
                sample.push(hidden(check, own.collect()));
            }
        }
        Ok(())
    })?;
    if let Some(sql) = seen_any(&asked) {
        let row = database.rows(&sql)?.into_iter().next().unwrap_or_default();
        for (at, times) in broken.iter().zip(row.chunks(2)) {
            violations[*at].seen = seen(times);
        }
    }
    Ok(Some(violations))
}

pub(super) fn counted(check: &Check, count: Count) -> Violation {
    Violation {
        code: check.fault.code(),
        rule: check.rule.clone(),
        table: check.table.clone(),
        message: check.message.clone(),
        enforce: check.enforce,
        origin: check.origin,
        file: None,
        rows: count.rows,
        of: count.of,
        known: None,
        keys: check.keys.clone(),
        values: check.values.clone(),
        sample: Vec::new(),
        seen: None,
        estimate: None,
        repairs: Vec::new(),
    }
}

/// Goes through all rows, and shows those that the baseline does not know.
fn every(
    database: &mut Database,
    (check, sql): (&Check, &Sql),
    wish: &Wish<'_>,
    mut keys: Option<&mut (dyn Keys + '_)>,
    violation: &mut Violation,
) -> Result<(), DbError> {
    let failed = |error: std::io::Error| {
        DbError::new(crate::db::DbErrorKind::Sql, format!("cannot save keys: {error}"))
    };
    if let Some(keys) = &mut keys {
        keys.begin(check).map_err(failed)?;
    }
    let mut known = 0;
    database.each_row(sql, &mut |row| {
        let is_known = wish.baseline.is_some_and(|baseline| baseline.knows(check, row));
        known += u64::from(is_known);
        if !is_known && violation.sample.len() < wish.shown {
            let owned: Row = row.iter().map(|value| value.map(str::to_owned)).collect();
            violation.sample.push(hidden(check, owned));
        }
        match &mut keys {
            Some(keys) => keys.row(check, row).map_err(failed),
            None => Ok(()),
        }
    })?;
    violation.known = wish.baseline.map(|_| known);
    match keys {
        Some(keys) => keys.end(check).map_err(failed),
        None => Ok(()),
    }
}

/// The row with its personal values hidden.
pub(super) fn hidden(check: &Check, row: Row) -> Row {
    let names = check.keys.iter().chain(&check.values);
    row.into_iter()
        .zip(names)
        .map(|(value, name)| match check.personal.contains(name) {
            true => value.map(|_| HIDDEN.to_owned()),
            false => value,
        })
        .collect()
}

/// Whether a value of a row may be written down.
pub(super) fn is_hidden(check: &Check, at: usize) -> bool {
    check.keys.iter().chain(&check.values).nth(at).is_some_and(|name| check.personal.contains(name))
}
