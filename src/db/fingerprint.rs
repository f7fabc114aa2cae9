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
use crate::dialect::fingerprint::{self as queries, Counted};
use crate::text::{Ident, QName};

/// What one table's rows come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableFingerprint {
    pub rows: u64,
    /// The values of each column, on their own: which columns differ. Whether any does, `whole` tells.
    pub columns: BTreeMap<Ident, String>,
    /// The rows as wholes, columns by name.
    pub whole: String,
}

/// Reduces the rows of a table, all columns, in one scan. Open a snapshot transaction around several tables.
///
/// # Errors
/// What the engine says.
pub fn row_fingerprints(
    database: &mut Database,
    table: &Table,
) -> Result<TableFingerprint, DbError> {
    fingerprints_of(database, &table.name, &queries::all_columns(table))
}

/// Reduces some columns of the rows of a table, each under the label it has: a table whose columns were renamed has the
/// same fingerprint under the old labels.
///
/// # Errors
/// What the engine says.
pub fn fingerprints_of(
    database: &mut Database,
    table: &QName,
    columns: &[Counted],
) -> Result<TableFingerprint, DbError> {
    match database {
        Database::Postgres(database) => postgres(database, table, columns),
        Database::Sqlite(database) => sqlite(database, table, columns),
    }
}

fn postgres(
    database: &mut PostgresDb,
    table: &QName,
    columns: &[Counted],
) -> Result<TableFingerprint, DbError> {
    let rows = database.rows(&queries::postgres(table, columns))?;
    let mut values = rows.into_iter().next().unwrap_or_default().into_iter().flatten();
    let mut next = || {
        values.next().ok_or_else(|| {
            DbError::new(DbErrorKind::Sql, "the fingerprint query returned too few values")
        })
    };
    let rows = next()?.parse().unwrap_or_default();
    let whole = next()?;
    let columns = columns.iter().map(|counted| Ok((counted.label.clone(), next()?)));
    Ok(TableFingerprint { rows, columns: columns.collect::<Result<_, DbError>>()?, whole })
}

fn sqlite(
    database: &mut SqliteDb,
    table: &QName,
    counted: &[Counted],
) -> Result<TableFingerprint, DbError> {
    let mut rows = 0_u64;
    let mut whole = 0_u128;
    let mut columns = vec![0_u128; counted.len()];
    let mut row = Vec::new();
    database.each_row(&queries::sqlite(table, counted), |values| {
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
    let sums = columns.iter().map(|sum| format!("{sum:032x}"));
    let labels = counted.iter().map(|counted| counted.label.clone());
    Ok(TableFingerprint {
        rows,
        columns: labels.zip(sums).collect(),
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
