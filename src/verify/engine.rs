//! The database's own counts: one query for what shares a scan, one for each other rule.

use crate::db::{Database, DbError};
use crate::dialect::Sql;
use crate::dialect::check::{Check, scan};

/// How many rows break a rule, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) rows: u64,
    pub(super) of: u64,
}

/// One count for each check, in their order.
///
/// # Errors
/// What the engine says; the transaction has failed then.
pub(super) fn counts(database: &mut Database, checks: &[Check]) -> Result<Vec<Count>, DbError> {
    if let ([_, _, ..], Some(sql)) = (checks, scan(checks)) {
        let numbers = numbers(database, &sql)?;
        let of = numbers.get(checks.len()).copied().unwrap_or(0);
        let counts = numbers.into_iter().take(checks.len());
        return Ok(counts.map(|rows| Count { rows, of }).collect());
    }
    let each = checks.iter().map(|check| {
        let numbers = numbers(database, &check.count)?;
        let number = |position: usize| numbers.get(position).copied().unwrap_or(0);
        Ok(Count { rows: number(0), of: number(1) })
    });
    each.collect()
}

/// The one row of numbers that a counting query answers.
fn numbers(database: &mut Database, sql: &Sql) -> Result<Vec<u64>, DbError> {
    let rows = database.rows(sql)?;
    let row = rows.into_iter().next().unwrap_or_default();
    Ok(row.into_iter().map(|value| value.and_then(|text| text.parse().ok()).unwrap_or(0)).collect())
}
