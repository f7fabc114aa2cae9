//! Setting values aside and putting them back, in plain SQL.

use super::context::Context;
use super::handed_out::counts_elsewhere;
use super::numbers;
use super::quote::{list, quote, quote_ident, quote_name};
use super::stages::is_stage;
use super::types::is_builtin;
use crate::catalog::{Column, Table};
use crate::change::{TableChange, is_constant};
use crate::dialect::Resource;
use crate::text::{Dialect, Ident, QName};

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
    pub(super) fn into_name(self) -> Ident {
        self.name
    }

    /// Its value in row `t`, in a type and with a collation that no change can take away.
    fn value(&self) -> String {
        let value = portable(&format!("\"t\".{}", quote_ident(&self.name)), &self.data_type);
        in_default_collation(value, self.collation.as_deref())
    }
}

impl RowKey {
    /// The key under which this way keeps values.
    pub(super) fn to_keep(before: &Table, after: &Table) -> Self {
        let table = after.name.clone();
        primary_key(before, after)
            .map_or(RowKey::Number { table, use_: NumberUse::Own }, RowKey::Primary)
    }

    /// The key under which the other way kept values.
    pub(super) fn to_restore(before: &Table, after: &Table, context: &Context<'_>) -> Self {
        let table = after.name.clone();
        primary_key(after, before).map(RowKey::Primary).unwrap_or_else(|| {
            let found = numbers::kept_by_the_other_way(&table, context).name;
            RowKey::Number { table, use_: NumberUse::OtherWay(found) }
        })
    }

    /// The columns that the key reads.
    pub(super) fn columns(&self) -> Vec<&Ident> {
        match self {
            RowKey::Primary(columns) => columns.iter().map(|column| &column.name).collect(),
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
    pub(super) fn items(&self) -> String {
        match self {
            RowKey::Primary(columns) => {
                let items = columns
                    .iter()
                    .map(|column| format!("{} AS \"key_{}\"", column.value(), column.number));
                items.collect::<Vec<_>>().join(", ")
            }
            RowKey::Number { table, .. } => {
                format!("\"t\".{} AS \"key_1\"", quote(&numbers::column(table)))
            }
        }
    }

    /// The names of its items.
    pub(super) fn names(&self) -> String {
        match self {
            RowKey::Primary(columns) => {
                let names = columns.iter().map(|column| format!("\"key_{}\"", column.number));
                names.collect::<Vec<_>>().join(", ")
            }
            RowKey::Number { .. } => "\"key_1\"".to_owned(),
        }
    }

    /// Whether kept keys are compared with the columns as they are, so that the index of the primary key finds their rows.
    pub(super) fn is_found_by_index(&self) -> bool {
        match self {
            RowKey::Primary(columns) => columns
                .iter()
                .all(|column| column.value() == format!("\"t\".{}", quote_ident(&column.name))),
            RowKey::Number { .. } => false,
        }
    }

    /// The key without a column whose own value is being put back: the value itself tells the row then.
    pub(super) fn without(&self, column: &Ident) -> Self {
        match self {
            RowKey::Primary(columns) => {
                RowKey::Primary(columns.iter().filter(|it| it.name != *column).cloned().collect())
            }
            RowKey::Number { .. } => self.clone(),
        }
    }

    /// `FROM … WHERE …` that joins rows `t` of an UPDATE to rows `k` of a kept table.
    fn joined(&self, kept: &str) -> String {
        format!("FROM {} WHERE {}", self.kept_rows(kept), self.same_row())
    }

    /// `LEFT JOIN … ON …` that adds rows `k` of a kept table to rows `t`.
    fn joined_if_kept(&self, kept: &str) -> String {
        let rows = match self {
            RowKey::Primary(_) | RowKey::Number { use_: NumberUse::Own, .. } => {
                self.kept_rows(kept)
            }
            RowKey::Number { use_: NumberUse::OtherWay(_), .. } => {
                format!("({})", self.kept_rows(kept))
            }
        };
        format!("LEFT JOIN {rows} ON {}", self.same_row())
    }

    fn kept_rows(&self, kept: &str) -> String {
        let kept = kept_table(kept);
        match self {
            RowKey::Primary(_) | RowKey::Number { use_: NumberUse::Own, .. } => {
                format!("{kept} AS \"k\"")
            }
            RowKey::Number { use_: NumberUse::OtherWay(found), .. } => format!(
                "{kept} AS \"k\" JOIN {} AS \"m\" ON \"m\".\"key_1\" = \"k\".\"key_1\"",
                kept_table(found)
            ),
        }
    }

    fn same_row(&self) -> String {
        match self {
            RowKey::Primary(columns) => {
                let same: Vec<String> = columns
                    .iter()
                    .map(|column| format!("{} = \"k\".\"key_{}\"", column.value(), column.number))
                    .collect();
                if same.is_empty() { "true".to_owned() } else { same.join(" AND ") }
            }
            RowKey::Number { table, use_ } => {
                let kept = match use_ {
                    NumberUse::Own => "\"k\".\"key_1\"",
                    NumberUse::OtherWay(_) => "\"m\".\"now\"",
                };
                format!("\"t\".{} = {kept}", quote(&numbers::column(table)))
            }
        }
    }
}

/// The columns that tell rows apart in both shapes; `kept` is the shape that holds what is kept. Both ways of a change
/// find the same key.
pub(super) fn primary_key(kept: &Table, other: &Table) -> Option<Vec<KeyColumn>> {
    let in_both = |table: &Table| -> Option<Vec<KeyColumn>> {
        let key = table.primary_key();
        let columns = key.iter().zip(1..).map(|(name, number)| {
            let column = kept.column(name)?;
            let own = other.column(name)?;
            // What is NULL when it is kept gets its key only later. A stage says NOT NULL of nothing.
            let is_full = is_stage(&kept.name) || column.not_null;
            is_full.then(|| KeyColumn {
                number,
                name: name.clone(),
                data_type: column.data_type.clone(),
                collation: column.collation.clone().or(own.collation.clone()),
            })
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

/// `computed` as a value of the column's type, as text.
fn as_value(computed: &str, column: &Column) -> String {
    format!("CAST(({computed}) AS {})::text", column.data_type)
}

/// What the way back computes for a column that goes, where it computes every value: a counted one is not.
pub(super) fn computed_back<'c>(change: &'c TableChange, column: &Column) -> Option<&'c str> {
    change.computed_back(&column.name).filter(|_| !counts_elsewhere(column))
}

/// Copies the values of a column: not those that the column has anyway when it comes back.
pub(super) fn keep_column(
    change: &TableChange,
    column: &Column,
    key: &RowKey,
    kept: &str,
    context: &Context<'_>,
) -> String {
    let own = format!("\"t\".{}", quote_ident(&column.name));
    let value = portable_column(&own, column);
    if let Some(computed) = computed_back(change, column) {
        let written = as_value(computed, column);
        return format!(
            "CREATE TABLE {} AS SELECT {}, {value} AS \"value\", {written} AS \"written\" FROM {} AS \"t\" \
             WHERE {own}::text IS DISTINCT FROM {written}",
            kept_table(kept),
            key.items(),
            quote_name(&change.after.name)
        );
    }
    let filter = match comes_back_as(change, column, context) {
        Some(ComesBack::Null) => format!(" WHERE {own} IS NOT NULL"),
        Some(ComesBack::Default(default)) => {
            format!(" WHERE {own}::text IS DISTINCT FROM {}", as_value(default, column))
        }
        None => String::new(),
    };
    format!(
        "CREATE TABLE {} AS SELECT {}, {value} AS \"value\" FROM {} AS \"t\"{filter}",
        kept_table(kept),
        key.items(),
        quote_name(&change.after.name)
    )
}

/// What a column holds in a row of which nothing is kept, whichever way brings it back.
enum ComesBack<'c> {
    Null,
    /// A constant.
    Default(&'c str),
}

/// What a column holds in every row of which nothing is kept, where that is one value: nobody says what to fill it with,
/// so that it is added with its default, or without one.
fn comes_back_as<'c>(
    change: &TableChange,
    column: &'c Column,
    context: &Context<'_>,
) -> Option<ComesBack<'c>> {
    let is_filled = context.diff.intent.columns.iter().any(|(target, said)| {
        target.column.as_ref() == Some(&column.name)
            && (said.backfill.is_some() || said.down.is_some())
    });
    // One that is generated on the other side comes back with what was computed. A type of the user's has a default of
    // its own, or values that go by another name meanwhile.
    let is_added = change.after.column(&column.name).is_none()
        && column.identity.is_none()
        && is_builtin(&column.data_type)
        && !is_filled;
    match column.default.as_deref() {
        _ if !is_added => None,
        None => (!column.not_null).then_some(ComesBack::Null),
        Some(default) => {
            is_constant(default, Dialect::Postgres).then_some(ComesBack::Default(default))
        }
    }
}

/// Puts the copied values of a column back. `computed` is what fills the rows of which nothing was kept; `renamed` are values of its enum that go by another name now.
pub(super) fn restore_column(
    table: &QName,
    column: &Column,
    key: &RowKey,
    kept: &str,
    renamed: &[(String, String)],
    computed: Option<&str>,
) -> Vec<String> {
    // A row for which something else was computed just now was changed since: that stands.
    let unchanged = computed.filter(|_| !counts_elsewhere(column)).map(|_| {
        let now = format!("\"t\".{}::text", quote_ident(&column.name));
        let same = format!("{now} IS NOT DISTINCT FROM \"k\".\"written\"");
        match column.default {
            // The default stands for what could not be computed.
            Some(_) => format!(" AND ({same} OR \"k\".\"written\" IS NULL)"),
            None => format!(" AND {same}"),
        }
    });
    vec![
        format!(
            "UPDATE {} AS \"t\" SET {} = {} {}{}",
            quote_name(table),
            quote_ident(&column.name),
            kept_value("\"k\"", column, renamed),
            key.joined(kept),
            unchanged.unwrap_or_default()
        ),
        drop_kept(kept),
    ]
}

/// As [`restore_column`], and rows that nothing was kept of get the default of a column that counts: those that come
/// back take no number.
pub(super) fn restore_or_count(
    table: &QName,
    column: &Column,
    key: &RowKey,
    kept: &str,
    renamed: &[(String, String)],
) -> Vec<String> {
    let (table, name) = (quote_name(table), quote_ident(&column.name));
    let own = format!("\"t\".{name}");
    let counts = column.default.as_deref().filter(|_| counts_elsewhere(column));
    vec![
        format!(
            "UPDATE {table} AS \"t\" SET {name} = CASE WHEN \"r\".\"key_1\" IS NULL THEN {} ELSE {} END \
             FROM (SELECT \"t\".tableoid AS \"of\", \"t\".ctid AS \"at\", \"k\".\"key_1\", \"k\".\"value\" FROM {table} AS \"t\" {}) \
             AS \"r\" WHERE \"t\".tableoid = \"r\".\"of\" AND \"t\".ctid = \"r\".\"at\"",
            counts.unwrap_or(&own),
            kept_value("\"r\"", column, renamed),
            key.joined_if_kept(kept),
        ),
        drop_kept(kept),
    ]
}

/// From the kept form of a value to the column's type. Values of an enum are kept as text, so names of them that
/// changed meanwhile are told.
fn kept_value(row: &str, column: &Column, renamed: &[(String, String)]) -> String {
    let value = format!("{row}.\"value\"");
    match (is_builtin(&column.data_type), renamed.is_empty()) {
        (true, _) => value,
        (false, true) => format!("{value}::{}", column.data_type),
        (false, false) => {
            format!("{}::{}", super::values::mapped(&value, renamed), column.data_type)
        }
    }
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

/// Adds rows to those that a conversion of the column keeps: what is NULL after it is filled in, and is NULL again on
/// the way back.
pub(super) fn keep_nulls(
    table: &QName,
    column: &Ident,
    key: &RowKey,
    kept: &str,
    fill: &str,
) -> String {
    format!(
        "INSERT INTO {} SELECT {}, NULL::text AS \"before\", ({fill})::text AS \"after\" FROM {} AS \"t\" WHERE \"t\".{} IS NULL",
        kept_table(kept),
        key.items(),
        quote_name(table),
        quote_ident(column)
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
