//! Some of the rows of a large table, chosen at random and the same for all queries of one verification.

use super::rows::free_row_id;
use super::{Sql, qualified};
use crate::catalog::{Table, TableOptions};

/// How many rows of a table are looked at, of about how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub rows: u64,
    pub of: u64,
}

/// What follows a FROM item `t` so that some of its rows are picked; `None` where rows cannot be told apart for that (SQLite, WITHOUT
/// ROWID).
///
/// Each row by itself: whole blocks would be read faster, but rows that were changed together lie together, and what is said of all
/// rows would be wrong. SQLite numbers rows in the order in which they came; the number is scrambled.
pub(super) fn picks(sample: Sample, table: &Table) -> Option<String> {
    if sample.rows >= sample.of {
        return None;
    }
    match &table.options {
        TableOptions::Postgres(_) => {
            let percent = sample.rows as f64 * 100.0 / sample.of as f64;
            Some(format!(" TABLESAMPLE BERNOULLI ({percent:.6}) REPEATABLE (1)"))
        }
        TableOptions::Sqlite { without_rowid: true, .. } => None,
        TableOptions::Sqlite { without_rowid: false, .. } => {
            let name = free_row_id(table)?;
            let limit = u128::from(sample.rows) * 1_000_003 / u128::from(sample.of.max(1));
            Some(format!(
                " WHERE ((\"t\".{name} & 1073741823) * 2654435761 % 4294967296) % 1000003 < {limit}"
            ))
        }
    }
}

/// Whether some of the rows of a table can be picked.
pub fn can_be_sampled(table: &Table) -> bool {
    picks(Sample { rows: 1, of: 2 }, table).is_some()
}

/// How many rows a table has.
pub fn rows_of(table: &Table) -> Sql {
    Sql::new(format!("SELECT count(*) FROM {}", qualified(&table.name)))
}
