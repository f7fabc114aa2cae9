//! Fingerprints of rows: equal if and only if two tables hold the same rows, in whatever order (but for collisions of
//! hashes). They prove that a migration and its way back leave every value as it was.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};

use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

use super::postgres::PostgresDb;
use super::sqlite::SqliteDb;
use super::{Database, DbError, DbErrorKind};
use crate::catalog::Table;
use crate::dialect::fingerprint as queries;
use crate::text::Ident;

/// What one table's rows come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableFingerprint {
    pub rows: u64,
    /// The values of each column, on their own: which columns differ. Whether any does, `whole` tells.
    pub columns: BTreeMap<Ident, String>,
    /// The rows as wholes, columns by name.
    pub whole: String,
}

/// Reduces the rows of a table, in one scan for every 400 columns. Open a snapshot transaction around several tables.
///
/// # Errors
/// What the engine says.
pub fn row_fingerprints(
    database: &mut Database,
    table: &Table,
) -> Result<TableFingerprint, DbError> {
    match database {
        Database::Postgres(database) => postgres(database, table),
        Database::Sqlite(database) => sqlite(database, table),
    }
}

fn postgres(database: &mut PostgresDb, table: &Table) -> Result<TableFingerprint, DbError> {
    let all = queries::columns_by_name(table);
    let mut fingerprint = TableFingerprint::default();
    // A table without columns still has rows.
    let scans: Vec<&[&Ident]> =
        if all.is_empty() { vec![&[]] } else { all.chunks(queries::COLUMNS_A_SCAN).collect() };
    for columns in scans {
        let rows = database.rows(&queries::postgres(&table.name, &all, columns))?;
        let mut values = rows.into_iter().next().unwrap_or_default().into_iter().flatten();
        let mut next = || {
            values.next().ok_or_else(|| {
                DbError::new(DbErrorKind::Sql, "the fingerprint query returned too few values")
            })
        };
        fingerprint.rows = next()?.parse().unwrap_or_default();
        fingerprint.whole = next()?;
        for column in columns {
            let text = format!("{}:{}", next()?, next()?);
            fingerprint.columns.insert((*column).clone(), text);
        }
    }
    Ok(fingerprint)
}

fn sqlite(database: &mut SqliteDb, table: &Table) -> Result<TableFingerprint, DbError> {
    let all = queries::columns_by_name(table);
    let mut rows = 0_u64;
    let mut whole = 0_u128;
    let mut columns = vec![0_u128; all.len()];
    let mut row = Vec::new();
    database.each_row(&queries::sqlite(&table.name, &all), |values| {
        rows += 1;
        row.clear();
        for (value, sum) in values.iter().zip(&mut columns) {
            let start = row.len();
            encode(*value, &mut row);
            // One SHA-256 a row proves; a cheaper hash a value is enough to name the columns that differ.
            let mut hasher = DefaultHasher::new();
            hasher.write(&row[start..]);
            *sum = sum.wrapping_add(u128::from(hasher.finish()));
            let length = (row.len() - start) as u64;
            row.extend(length.to_be_bytes());
        }
        whole = whole.wrapping_add(first_half(Sha256::digest(&row).as_slice()));
    })?;
    Ok(TableFingerprint {
        rows,
        columns: all
            .into_iter()
            .cloned()
            .zip(columns.iter().map(|sum| format!("{sum:032x}")))
            .collect(),
        whole: format!("{whole:032x}"),
    })
}

/// Adds the storage class and the value: `1`, `1.0` and `'1'` differ.
fn encode(value: ValueRef<'_>, bytes: &mut Vec<u8>) {
    match value {
        ValueRef::Null => bytes.push(b'n'),
        ValueRef::Integer(number) => {
            bytes.push(b'i');
            bytes.extend(number.to_be_bytes());
        }
        ValueRef::Real(number) => {
            bytes.push(b'r');
            bytes.extend(number.to_bits().to_be_bytes());
        }
        ValueRef::Text(text) => {
            bytes.push(b't');
            bytes.extend(text);
        }
        ValueRef::Blob(blob) => {
            bytes.push(b'b');
            bytes.extend(blob);
        }
    }
}

fn first_half(digest: &[u8]) -> u128 {
    digest.iter().take(16).fold(0, |number, byte| (number << 8) | u128::from(*byte))
}
