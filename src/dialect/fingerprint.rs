//! Queries that reduce the rows of a table to numbers that do not depend on the order of rows.

use super::Sql;
use super::session::quote_name;
use crate::catalog::Table;
use crate::text::{Ident, QName, hash};

/// A column that counts, and the name it counts under: the same under another name is then the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub column: Ident,
    pub label: Ident,
}

/// All columns of a table under their own names, by name: a column that was dropped and came back may stand elsewhere.
pub fn all_columns(table: &Table) -> Vec<Counted> {
    let mut columns: Vec<Counted> = table
        .columns
        .iter()
        .map(|column| Counted { column: column.name.clone(), label: column.name.clone() })
        .collect();
    columns.sort_by(|left, right| left.label.cmp(&right.label));
    columns
}

/// One row: rows, then the sum over whole rows, then for each column the sum over its values. PostgreSQL adds `bigint`
/// up in 128 bits, and the sum comes out as `numeric`, so it cannot overflow.
///
/// Each value is hashed as text, once, with a seed of its column; a row is the hash of its values' hashes, joined by
/// exclusive or, which tells rows apart between which values were swapped. `OFFSET 0` keeps the planner from computing
/// a hash for every place that uses it. `COLLATE "C"` because `hashtextextended` gives equal hashes to texts that a
/// nondeterministic collation calls equal. The hashes of text and `bigint` are those of hash partitions, which dumps
/// carry from server to server: they are the same on every version. `ONLY`, for partitions and heirs are tables of
/// their own. Source: PostgreSQL `src/backend/access/hash/hashfunc.c`, `src/backend/utils/adt/numeric.c`.
pub fn postgres(table: &QName, columns: &[Counted]) -> Sql {
    let hashes: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, counted)| {
            let name = quote_name(counted.column.as_str());
            let seed = seed(&counted.label);
            format!("coalesce(hashtextextended((t.{name})::text COLLATE \"C\", {seed}), {seed}) AS h{at}")
        })
        .collect();
    let names: Vec<String> = (0..columns.len()).map(|at| format!("h{at}")).collect();
    let mut items = vec!["count(*)".to_owned()];
    if names.is_empty() {
        items.push("0".to_owned());
    } else {
        items.push(format!("coalesce(sum(hashint8extended({}, 0)), 0)", names.join(" # ")));
    }
    items.extend(names.iter().map(|name| format!("coalesce(sum({name}), 0)")));
    let table = table_name(table);
    let list = hashes.join(", ");
    Sql::new(format!(
        "SELECT {} FROM (SELECT {list} FROM ONLY {table} t OFFSET 0) s",
        items.join(", ")
    ))
}

/// A number that is always the same for a name: the first 63 bits of its SHA-256.
fn seed(label: &Ident) -> i64 {
    let digest = hash::sha256(label.as_str().as_bytes());
    let number = u64::from_str_radix(digest.get(..16).unwrap_or("0"), 16).unwrap_or_default();
    i64::try_from(number >> 1).unwrap_or_default()
}

/// All rows, the columns in the given order; SQLite rows are reduced in this process.
pub fn sqlite(table: &QName, columns: &[Counted]) -> Sql {
    let names: Vec<String> =
        columns.iter().map(|counted| quote_name(counted.column.as_str())).collect();
    let list = if names.is_empty() { "NULL".to_owned() } else { names.join(", ") };
    Sql::new(format!("SELECT {list} FROM {}", table_name(table)))
}

fn table_name(table: &QName) -> String {
    format!("{}.{}", quote_name(table.schema.as_str()), quote_name(table.name.as_str()))
}
