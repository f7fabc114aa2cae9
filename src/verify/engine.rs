//! Who answers a piece. Today the database itself does, by queries.

use super::pieces::Piece;
use crate::db::{Database, DbError};
use crate::dialect::Sql;
use crate::dialect::check::scan;

/// How many rows break a rule, of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) rows: u64,
    pub(super) of: u64,
}

/// Something that can tell how many rows break the rules of a piece.
pub(super) trait Engine {
    /// One count for each check, in their order.
    ///
    /// # Errors
    /// What the engine says; the transaction has failed then.
    fn counts(&mut self, piece: &Piece<'_>) -> Result<Vec<Count>, DbError>;
}

/// Asks by SQL.
pub(super) struct SqlEngine<'d>(pub(super) &'d mut Database);

impl Engine for SqlEngine<'_> {
    fn counts(&mut self, piece: &Piece<'_>) -> Result<Vec<Count>, DbError> {
        if let ([_, _, ..], Some(sql)) = (piece.checks, scan(piece.checks)) {
            let numbers = numbers(self.0, &sql)?;
            let of = numbers.get(piece.checks.len()).copied().unwrap_or(0);
            let counts = numbers.into_iter().take(piece.checks.len());
            return Ok(counts.map(|rows| Count { rows, of }).collect());
        }
        let each = piece.checks.iter().map(|check| {
            let numbers = numbers(self.0, &check.count)?;
            let number = |position: usize| numbers.get(position).copied().unwrap_or(0);
            Ok(Count { rows: number(0), of: number(1) })
        });
        each.collect()
    }
}

/// The one row of numbers that a counting query answers.
fn numbers(database: &mut Database, sql: &Sql) -> Result<Vec<u64>, DbError> {
    let rows = database.rows(sql)?;
    let row = rows.into_iter().next().unwrap_or_default();
    Ok(row.into_iter().map(|value| value.and_then(|text| text.parse().ok()).unwrap_or(0)).collect())
}
