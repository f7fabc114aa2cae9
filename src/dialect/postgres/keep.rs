//! Setting values aside and putting them back, in plain SQL.

use super::context::Context;
use super::numbers;
use super::quote::{list, quote, quote_ident, quote_name};
use super::stages::is_stage;
use super::types::is_builtin;
use crate::catalog::{Column, Table};
use crate::dialect::Resource;
use crate::text::{Ident, QName};

/// The schema of kept tables.
pub(super) const SCHEMA: &str = "migrate_kept";

/// `"migrate_kept"."name"`.
pub(super) fn kept_table(name: &str) -> String {
    quote_name(&QName::new(SCHEMA, name))
}

/// How rows are told apart in a kept table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RowKey {
    /// Columns of the primary key, with their types.
    Primary(Vec<(Ident, String)>),
    /// The number that each row has while the plan runs.
    Number { table: QName, use_: NumberUse },
}

/// Whose numbers a kept table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NumberUse {
    /// Those that the rows have now.
    Own,
    /// Those that they had when the other way ran; the named kept table says which these are now.
    OtherWay(String),
}

impl RowKey {
    /// The key under which this way keeps values.
    pub(super) fn to_keep(before: &Table, after: &Table, context: &Context<'_>) -> Self {
        let table = after.name.clone();
        primary(before, after, context).unwrap_or(RowKey::Number { table, use_: NumberUse::Own })
    }

    /// The key under which the other way kept values.
    pub(super) fn to_restore(before: &Table, after: &Table, context: &Context<'_>) -> Self {
        let table = after.name.clone();
        primary(after, before, context).unwrap_or_else(|| {
            let found = numbers::kept_by_the_other_way(&table, context).name;
            RowKey::Number { table, use_: NumberUse::OtherWay(found) }
        })
    }

    /// The columns that the key reads.
    pub(super) fn columns(&self) -> Vec<&Ident> {
        match self {
            RowKey::Primary(columns) => columns.iter().map(|(name, _)| name).collect(),
            RowKey::Number { .. } => Vec::new(),
        }
    }

    /// What must be there before rows can be told apart.
    pub(super) fn needs(&self) -> Vec<Resource> {
        match self {
            RowKey::Primary(_) => Vec::new(),
            RowKey::Number { table, use_: NumberUse::Own } => numbers::kept(table).to_vec(),
            RowKey::Number { table, use_: NumberUse::OtherWay(_) } => {
                numbers::found_again(table).to_vec()
            }
        }
    }

    /// The key of row `t`, as select items `key_1, key_2 …`.
    fn items(&self) -> String {
        match self {
            RowKey::Primary(columns) => {
                let items = columns.iter().enumerate().map(|(index, (name, data_type))| {
                    format!(
                        "{} AS \"key_{}\"",
                        portable(&format!("\"t\".{}", quote_ident(name)), data_type),
                        index + 1
                    )
                });
                items.collect::<Vec<_>>().join(", ")
            }
            RowKey::Number { table, .. } => {
                format!("\"t\".{} AS \"key_1\"", quote(&numbers::column(table)))
            }
        }
    }

    /// The key without a column whose own value is being put back: the value itself tells the row then.
    pub(super) fn without(&self, column: &Ident) -> Self {
        match self {
            RowKey::Primary(columns) => RowKey::Primary(
                columns.iter().filter(|(name, _)| name != column).cloned().collect(),
            ),
            RowKey::Number { .. } => self.clone(),
        }
    }

    /// `FROM … WHERE …` that joins rows `t` of an UPDATE to rows `k` of a kept table.
    fn joined(&self, kept: &str) -> String {
        let kept = kept_table(kept);
        match self {
            RowKey::Primary(columns) => {
                let mut same: Vec<String> = columns
                    .iter()
                    .enumerate()
                    .map(|(index, (name, data_type))| {
                        let own = portable(&format!("\"t\".{}", quote_ident(name)), data_type);
                        format!("{own} = \"k\".\"key_{}\"", index + 1)
                    })
                    .collect();
                if same.is_empty() {
                    same.push("true".to_owned());
                }
                format!("FROM {kept} AS \"k\" WHERE {}", same.join(" AND "))
            }
            RowKey::Number { table, use_ } => {
                let own = quote(&numbers::column(table));
                match use_ {
                    NumberUse::Own => {
                        format!("FROM {kept} AS \"k\" WHERE \"t\".{own} = \"k\".\"key_1\"")
                    }
                    NumberUse::OtherWay(found) => format!(
                        "FROM {kept} AS \"k\" JOIN {} AS \"m\" ON \"m\".\"key_1\" = \"k\".\"key_1\" \
                         WHERE \"t\".{own} = \"m\".\"now\"",
                        kept_table(found)
                    ),
                }
            }
        }
    }
}

/// The columns that tell the rows of a table apart in both of its shapes, unless it has heirs.
fn primary(kept: &Table, other: &Table, context: &Context<'_>) -> Option<RowKey> {
    // Rows of heirs may have the keys of their parent's rows.
    if context.has_heirs(&kept.name) {
        return None;
    }
    primary_key(kept, other).map(RowKey::Primary)
}

/// The columns that tell rows apart in both shapes; `kept` is the shape that holds what is kept. Both ways of a change
/// find the same key.
pub(super) fn primary_key(kept: &Table, other: &Table) -> Option<Vec<(Ident, String)>> {
    let in_both = |table: &Table| -> Option<Vec<(Ident, String)>> {
        let key = table.primary_key();
        let columns = key.iter().map(|name| {
            let (column, other) = (kept.column(name)?, other.column(name)?);
            // A row whose key is NULL in one shape cannot be found by it. A stage says NOT NULL of nothing.
            let is_full = is_stage(&kept.name) || column.not_null && other.not_null;
            is_full.then(|| (name.clone(), column.data_type.clone()))
        });
        let columns: Vec<_> = columns.collect::<Option<_>>()?;
        (!columns.is_empty()).then_some(columns)
    };
    in_both(kept).or_else(|| in_both(other))
}

/// A value in a type that no change can take away: types of users and extensions as text.
fn portable(value: &str, data_type: &str) -> String {
    if is_builtin(data_type) { value.to_owned() } else { format!("{value}::text") }
}

/// As [`portable`], and without the column's own collation, which may go too.
fn portable_column(value: &str, column: &Column) -> String {
    let value = portable(value, &column.data_type);
    match column.collation.as_deref().filter(|name| !name.starts_with("pg_catalog.")) {
        Some(_) => format!("{value} COLLATE pg_catalog.\"default\""),
        None => value,
    }
}

/// No one may write between the copy and what follows it.
pub(super) fn hold_writes(table: &QName) -> String {
    format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", quote_name(table))
}

/// Copies all values of a column.
pub(super) fn keep_column(table: &QName, column: &Column, key: &RowKey, kept: &str) -> String {
    let value = portable_column(&format!("\"t\".{}", quote_ident(&column.name)), column);
    format!(
        "CREATE TABLE {} AS SELECT {}, {value} AS \"value\" FROM {} AS \"t\"",
        kept_table(kept),
        key.items(),
        quote_name(table)
    )
}

/// Puts the copied values of a column back.
pub(super) fn restore_column(
    table: &QName,
    column: &Column,
    key: &RowKey,
    kept: &str,
) -> Vec<String> {
    let cast = if is_builtin(&column.data_type) {
        String::new()
    } else {
        format!("::{}", column.data_type)
    };
    vec![
        format!(
            "UPDATE {} AS \"t\" SET {} = \"k\".\"value\"{cast} {}",
            quote_name(table),
            quote_ident(&column.name),
            key.joined(kept)
        ),
        drop_kept(kept),
    ]
}

/// Keeps the rows whose value changes in a way that the inverse does not compute: value before and after, as text.
/// `after` and `back` are expressions over `t`; `back` is what the inverse makes of `after`.
pub(super) fn keep_altered(
    table: &QName,
    column: &Ident,
    key: &RowKey,
    kept: &str,
    altered: &Altered,
) -> String {
    let own = format!("\"t\".{}", quote_ident(column));
    format!(
        "CREATE TABLE {} AS SELECT {}, {own}::text AS \"before\", ({})::text AS \"after\" FROM {} AS \"t\" WHERE {}",
        kept_table(kept),
        key.items(),
        altered.after,
        quote_name(table),
        altered.condition
    )
}

/// The value a row gets, and which rows are kept.
pub(super) struct Altered {
    pub(super) after: String,
    pub(super) condition: String,
}

/// Puts old values back where the row still holds what the change made of them. `mapped` is what this way makes of
/// the kept `after`.
pub(super) fn restore_altered(
    table: &QName,
    column: &Column,
    key: &RowKey,
    kept: &str,
    mapped: &str,
) -> Vec<String> {
    let name = quote_ident(&column.name);
    vec![
        format!(
            "UPDATE {} AS \"t\" SET {name} = \"k\".\"before\"::{} {} AND \"t\".{name}::text IS NOT DISTINCT FROM ({mapped})::text",
            quote_name(table),
            column.data_type,
            key.joined(kept)
        ),
        drop_kept(kept),
    ]
}

/// Fills NULLs with the values that were computed when the rows were kept.
pub(super) fn fill_from_kept(table: &QName, column: &Column, key: &RowKey, kept: &str) -> String {
    let name = quote_ident(&column.name);
    format!(
        "UPDATE {} AS \"t\" SET {name} = \"k\".\"after\"::{} {} AND \"t\".{name} IS NULL",
        quote_name(table),
        column.data_type,
        key.joined(kept)
    )
}

/// Copies all rows of a table, and none of its heirs.
pub(super) fn keep_rows(table: &Table, kept: &str) -> String {
    let values = table.columns.iter().map(|column| {
        let name = quote_ident(&column.name);
        format!("{} AS {name}", portable_column(&name, column))
    });
    format!(
        "CREATE TABLE {} AS SELECT {} FROM ONLY {}",
        kept_table(kept),
        values.collect::<Vec<_>>().join(", "),
        quote_name(&table.name)
    )
}

/// Puts the rows of a kept table into a table that was made anew.
pub(super) fn restore_rows(table: &Table, kept: &str) -> Vec<String> {
    restore_renamed_rows(table, kept, &Ident::clone)
}

/// As [`restore_rows`], where columns of the kept table go by other names.
pub(super) fn restore_renamed_rows(
    table: &Table,
    kept: &str,
    old_name: &dyn Fn(&Ident) -> Ident,
) -> Vec<String> {
    let columns: Vec<&Column> =
        table.columns.iter().filter(|column| column.generated.is_none()).collect();
    let names = list(columns.iter().map(|column| &column.name));
    let values = columns.iter().map(|column| {
        let name = quote_ident(&old_name(&column.name));
        if is_builtin(&column.data_type) {
            name
        } else {
            format!("{name}::text::{}", column.data_type)
        }
    });
    let mut statements = vec![format!(
        "INSERT INTO {} ({names}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}",
        quote_name(&table.name),
        values.collect::<Vec<_>>().join(", "),
        kept_table(kept)
    )];
    if columns.is_empty() {
        statements = vec![format!("SELECT count(*) FROM {}", kept_table(kept))];
    }
    statements.push(drop_kept(kept));
    statements
}

pub(super) fn drop_kept(kept: &str) -> String {
    format!("DROP TABLE {}", kept_table(kept))
}
