//! The rows behind a count: some of them for people, all of them for a file or a baseline.

use super::baseline::Baseline;
use super::engine::Count;
use super::verdict::{Seen, Violation};
use crate::db::{Database, DbError, Row};
use crate::dialect::check::Check;

/// What stands for a personal value.
const HIDDEN: &str = "•••";

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
    keys: Option<&mut (dyn Keys + '_)>,
) -> Result<Violation, DbError> {
    let mut violation = Violation {
        rule: check.rule.clone(),
        table: check.table.clone(),
        message: check.message.clone(),
        enforce: check.enforce,
        origin: check.origin,
        rows: count.rows,
        of: count.of,
        known: None,
        keys: check.keys.clone(),
        values: check.values.clone(),
        sample: Vec::new(),
        seen: None,
    };
    if count.rows == 0 {
        return Ok(violation);
    }
    if keys.is_some() || wish.baseline.is_some() {
        every(database, check, wish, keys, &mut violation)?;
    } else {
        let rows = database.rows(&check.first(wish.shown))?;
        violation.sample = rows.into_iter().map(|row| hidden(check, row)).collect();
    }
    if let Some(sql) = &check.seen {
        let row = database.rows(sql)?.into_iter().next().unwrap_or_default();
        if let [Some(first), Some(last)] = row.as_slice() {
            violation.seen = Some(Seen { first: first.clone(), last: last.clone() });
        }
    }
    Ok(violation)
}

/// Goes through all rows, and shows those that the baseline does not know.
fn every(
    database: &mut Database,
    check: &Check,
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
    database.each_row(&check.every(), &mut |row| {
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
fn hidden(check: &Check, row: Row) -> Row {
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
