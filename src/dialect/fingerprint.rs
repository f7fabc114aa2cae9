//! Queries that reduce the rows of a table to numbers that do not depend on the order of rows.

use super::Sql;
use super::session::quote_name;
use crate::catalog::Table;
use crate::text::{Ident, QName};

/// How many columns one scan reduces; a result may have 1664 columns (PostgreSQL, Appendix K "Limits").
pub const COLUMNS_A_SCAN: usize = 400;

/// The columns of a table by name: a column that was dropped and came back may stand elsewhere.
pub fn columns_by_name(table: &Table) -> Vec<&Ident> {
    let mut columns: Vec<&Ident> = table.columns.iter().map(|column| &column.name).collect();
    columns.sort();
    columns
}

/// One row: rows, then sum of the hashes of whole rows, then for each column how many values are not NULL and the sum
/// of their hashes. Sums are `numeric`, so they cannot overflow.
///
/// `COLLATE "C"` because `hashtextextended` gives equal hashes to texts that a nondeterministic collation calls equal.
/// Source: PostgreSQL `src/backend/access/hash/hashfunc.c`.
pub fn postgres(table: &QName, all: &[&Ident], columns: &[&Ident]) -> Sql {
    let hash = |text: String| {
        format!("coalesce(sum(hashtextextended(({text}) COLLATE \"C\", 0)::numeric), 0)")
    };
    let names: Vec<String> =
        all.iter().map(|column| format!("t.{}", quote_name(column.as_str()))).collect();
    let mut items = vec!["count(*)".to_owned(), hash(format!("ROW({})::text", names.join(", ")))];
    for column in columns {
        let name = format!("t.{}", quote_name(column.as_str()));
        items.push(format!("count({name})"));
        items.push(hash(format!("{name}::text")));
    }
    Sql::new(format!("SELECT {} FROM {} t", items.join(", "), table_name(table)))
}

/// All rows, all columns in the given order; SQLite rows are reduced in this process.
pub fn sqlite(table: &QName, all: &[&Ident]) -> Sql {
    let names: Vec<String> = all.iter().map(|column| quote_name(column.as_str())).collect();
    Sql::new(format!("SELECT {} FROM {}", names.join(", "), table_name(table)))
}

fn table_name(table: &QName) -> String {
    format!("{}.{}", quote_name(table.schema.as_str()), quote_name(table.name.as_str()))
}
