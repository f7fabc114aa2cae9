//! Setting values aside and putting them back, in plain SQL.

use super::handed_out::counts_elsewhere;
use super::quote::{list, quote, quote_ident, quote_name};
use super::types::is_builtin;
use crate::catalog::{Column, Table};
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
    /// Columns of the primary key.
    Primary(Vec<KeyColumn>),
    /// The text of the rest of the row, and a number among equal rows.
    Row(Vec<Ident>),
}

/// A column of a key, as the table has it that holds what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyColumn {
    /// Its place in the key, from 1: `key_2` of a kept table stays the second, whatever is left out when rows are looked for.
    number: usize,
    name: Ident,
    data_type: String,
    collation: Option<String>,
}

impl KeyColumn {
    /// Its value in row `t`, in a type and with a collation that no change can take away.
    fn value(&self) -> String {
        let value = portable(&format!("\"t\".{}", quote_ident(&self.name)), &self.data_type);
        in_default_collation(value, self.collation.as_deref())
    }
}

impl RowKey {
    /// The key of a table's rows while it goes from one shape to the other; `kept` is the shape that holds what is
    /// kept. Both ways of a change find the same key.
    pub(super) fn of(kept: &Table, other: &Table) -> Self {
        let in_both = |table: &Table| -> Option<Vec<KeyColumn>> {
            let key = table.primary_key();
            let columns = key.iter().zip(1..).map(|(name, number)| {
                let column = kept.column(name)?;
                let own = other.column(name)?;
                Some(KeyColumn {
                    number,
                    name: name.clone(),
                    data_type: column.data_type.clone(),
                    collation: column.collation.clone().or(own.collation.clone()),
                })
            });
            let columns: Vec<_> = columns.collect::<Option<_>>()?;
            (!columns.is_empty()).then_some(columns)
        };
        if let Some(columns) = in_both(kept).or_else(|| in_both(other)) {
            return RowKey::Primary(columns);
        }
        let stays = |column: &&Column| {
            column.generated.is_none()
                && other.column(&column.name).is_some_and(|other| {
                    other.data_type == column.data_type && other.generated.is_none()
                })
        };
        RowKey::Row(kept.columns.iter().filter(stays).map(|column| column.name.clone()).collect())
    }

    /// The columns that the key reads.
    pub(super) fn columns(&self) -> Vec<&Ident> {
        match self {
            RowKey::Primary(columns) => columns.iter().map(|column| &column.name).collect(),
            RowKey::Row(columns) => columns.iter().collect(),
        }
    }

    /// The key of row `t`, as select items `key_1, key_2 …`.
    fn items(&self) -> String {
        match self {
            RowKey::Primary(columns) => {
                let items = columns
                    .iter()
                    .map(|column| format!("{} AS \"key_{}\"", column.value(), column.number));
                items.collect::<Vec<_>>().join(", ")
            }
            RowKey::Row(columns) => {
                let columns: Vec<String> =
                    columns.iter().map(|name| format!("\"t\".{}", quote_ident(name))).collect();
                let row = format!("ROW({})::text", columns.join(", "));
                format!(
                    "{row} AS \"key_1\", row_number() OVER (PARTITION BY {row} ORDER BY \"t\".tableoid, \"t\".ctid) AS \"key_2\""
                )
            }
        }
    }

    /// The key without a column whose own value is being put back: the value itself tells the row then.
    pub(super) fn without(&self, column: &Ident) -> Self {
        match self {
            RowKey::Primary(columns) => {
                RowKey::Primary(columns.iter().filter(|it| it.name != *column).cloned().collect())
            }
            RowKey::Row(columns) => RowKey::Row(columns.clone()),
        }
    }

    /// The key without columns that are another type meanwhile, where the whole row is the key.
    pub(super) fn of_others(self, columns: &std::collections::BTreeSet<&Ident>) -> Self {
        match self {
            RowKey::Primary(key) => RowKey::Primary(key),
            RowKey::Row(row) => {
                RowKey::Row(row.into_iter().filter(|name| !columns.contains(name)).collect())
            }
        }
    }

    /// `FROM … WHERE …` that joins rows `t` of an UPDATE to rows `k` of a kept table.
    fn joined(&self, table: &QName, kept: &str) -> String {
        match self {
            RowKey::Primary(columns) => {
                let mut same: Vec<String> = columns
                    .iter()
                    .map(|column| format!("{} = \"k\".\"key_{}\"", column.value(), column.number))
                    .collect();
                if same.is_empty() {
                    same.push("true".to_owned());
                }
                format!("FROM {} AS \"k\" WHERE {}", kept_table(kept), same.join(" AND "))
            }
            RowKey::Row(_) => format!(
                "FROM (SELECT \"t\".tableoid AS \"of\", \"t\".ctid AS \"at\", {} FROM {} AS \"t\") AS \"r\" JOIN {} AS \"k\" \
                 ON \"k\".\"key_1\" = \"r\".\"key_1\" AND \"k\".\"key_2\" = \"r\".\"key_2\" WHERE \"t\".tableoid = \"r\".\"of\" AND \"t\".ctid = \"r\".\"at\"",
                self.items(),
                quote_name(table),
                kept_table(kept)
            ),
        }
    }
}

/// A value in a type that no change can take away: types of users and extensions as text.
fn portable(value: &str, data_type: &str) -> String {
    if is_builtin(data_type) { value.to_owned() } else { format!("{value}::text") }
}

/// As [`portable`], and without the column's own collation, which may go too.
fn portable_column(value: &str, column: &Column) -> String {
    in_default_collation(portable(value, &column.data_type), column.collation.as_deref())
}

fn in_default_collation(value: String, collation: Option<&str>) -> String {
    match collation.filter(|name| !name.starts_with("pg_catalog.")) {
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

/// Puts the copied values of columns back (several at once where rows have no key: each update moves rows).
pub(super) fn restore_columns(
    table: &QName,
    columns: &[(&Column, String)],
    key: &RowKey,
) -> Vec<String> {
    let Some(((first, first_kept), rest)) = columns.split_first() else { return Vec::new() };
    let value = |alias: &str, column: &Column| {
        let cast = if is_builtin(&column.data_type) {
            String::new()
        } else {
            format!("::{}", column.data_type)
        };
        format!("{} = {alias}.\"value\"{cast}", quote_ident(&column.name))
    };
    let mut sets = vec![value("\"k\"", first)];
    let mut joins = String::new();
    for (index, (column, kept)) in rest.iter().enumerate() {
        let alias = quote(&format!("k{}", index + 2));
        sets.push(value(&alias, column));
        joins.push_str(&format!(
            " AND {alias}.\"key_1\" = \"k\".\"key_1\" AND {alias}.\"key_2\" = \"k\".\"key_2\"",
        ));
        let _ = kept;
    }
    let mut from = key.joined(table, first_kept);
    for (index, (_, kept)) in rest.iter().enumerate() {
        let alias = quote(&format!("k{}", index + 2));
        from = from.replacen(
            " WHERE ",
            &format!(" CROSS JOIN {} AS {alias} WHERE ", kept_table(kept)),
            1,
        );
    }
    let mut statements = vec![format!(
        "UPDATE {} AS \"t\" SET {} {from}{joins}",
        quote_name(table),
        sets.join(", ")
    )];
    statements.extend(columns.iter().map(|(_, kept)| drop_kept(kept)));
    statements
}

/// As [`restore_columns`], and rows that nothing was kept of get the default of a column that counts: those that come
/// back take no number.
pub(super) fn restore_or_count(
    table: &QName,
    columns: &[(&Column, String)],
    key: &RowKey,
) -> Vec<String> {
    let parts = match key {
        RowKey::Primary(columns) => columns.len(),
        RowKey::Row(_) => 2,
    };
    let (mut sets, mut joins) = (Vec::new(), String::new());
    for (index, (column, kept)) in columns.iter().enumerate() {
        let (alias, name) = (quote(&format!("k{}", index + 1)), quote_ident(&column.name));
        let cast = match is_builtin(&column.data_type) {
            true => String::new(),
            false => format!("::{}", column.data_type),
        };
        let own = format!("\"t\".{name}");
        let counts = column.default.as_deref().filter(|_| counts_elsewhere(column));
        sets.push(format!(
            "{name} = CASE WHEN {alias}.\"key_1\" IS NULL THEN {} ELSE {alias}.\"value\"{cast} END",
            counts.unwrap_or(&own)
        ));
        let same: Vec<String> =
            (1..=parts).map(|at| format!("{alias}.\"key_{at}\" = \"r\".\"key_{at}\"")).collect();
        let kept = kept_table(kept);
        joins.push_str(&format!(" LEFT JOIN {kept} AS {alias} ON {}", same.join(" AND ")));
    }
    let name = quote_name(table);
    let mut statements = vec![format!(
        "UPDATE {name} AS \"t\" SET {} FROM (SELECT \"t\".tableoid AS \"of\", \"t\".ctid AS \"at\", {} FROM {name} AS \"t\") \
         AS \"r\"{joins} WHERE \"t\".tableoid = \"r\".\"of\" AND \"t\".ctid = \"r\".\"at\"",
        sets.join(", "),
        key.items(),
    )];
    statements.extend(columns.iter().map(|(_, kept)| drop_kept(kept)));
    statements
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
            key.joined(table, kept)
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
        key.joined(table, kept)
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
