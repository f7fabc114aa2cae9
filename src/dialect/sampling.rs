//! Queries that find the rows of a copy and move them: sizes, samples, extremes, rows that others refer to. All of them
//! only read the source, and run on a standby.
//!
//! Source: PostgreSQL manual, SELECT (TABLESAMPLE), COPY; rows are named by `ctid`, which holds within one snapshot.

use std::collections::BTreeSet;

use super::Sql;
use super::session::{quote_name, quote_text};
use crate::catalog::ForeignKey;
use crate::text::{Ident, QName};

/// The values of a column are never looked at above this many bytes of a table.
pub const SCAN_LIMIT: u64 = 4 << 30;
/// How many key values are asked for at once.
pub const KEYS_AT_ONCE: usize = 500_000;
/// How many key values one query carries.
pub const KEYS_A_QUERY: usize = 20_000;

/// Size and rows of every table that holds rows of its own: schema, name, rows by statistics (-1: never counted), pages,
/// bytes.
pub fn sizes() -> Sql {
    Sql::new(
        "SELECT n.nspname, c.relname, c.reltuples::bigint::text, \
         (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::text, \
         pg_table_size(c.oid)::text \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' \
         AND n.nspname <> 'information_schema' ORDER BY 1, 2",
    )
}

/// Scans that begin at the first page, so that a part of a table is the same part each time. Source: PostgreSQL manual, 20.13.1 `synchronize_seqscans`.
pub fn from_the_first_page() -> Sql {
    Sql::new("SET synchronize_seqscans TO off")
}

/// Rows in the order of one scan: several processes find them in any order.
pub fn one_process() -> Sql {
    Sql::new("SET LOCAL max_parallel_workers_per_gather TO 0")
}

/// The encoding of the database.
pub fn encoding() -> Sql {
    Sql::new("SELECT current_setting('server_encoding')")
}

/// The encoding of a database whose texts are bytes: they may be no text in any encoding.
/// Source: PostgreSQL manual, 24.3 "Character Set Support".
pub const OF_BYTES: &str = "SQL_ASCII";

/// Texts travel as the server holds them.
pub fn as_bytes() -> Sql {
    Sql::new("SET client_encoding TO 'SQL_ASCII'")
}

/// Texts travel as they do elsewhere.
pub fn as_text() -> Sql {
    Sql::new("SET client_encoding TO 'UTF8'")
}

/// A column, as far as copying goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopiedColumn {
    pub name: Ident,
    /// As `format_type` prints it.
    pub data_type: String,
    pub transport: Transport,
    pub kind: ValueKind,
    /// Estimated number of different values; 0 where it is not known.
    pub distinct: u64,
}

/// How values travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// The binary form means the same in another database.
    Binary,
    /// It holds object numbers of this database, or there is none.
    Text,
}

/// What extremes a type has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    Number,
    Text,
    Time,
    /// Few values by nature.
    Set,
    /// Only size and absence can be told.
    Other,
}

impl ValueKind {
    /// From the category of `pg_type` and whether it is an enum.
    pub fn of(category: &str, data_type: &str) -> Self {
        match category {
            "N" if data_type.starts_with("reg") || data_type == "oid" || data_type == "money" => {
                ValueKind::Other
            }
            "N" => ValueKind::Number,
            "S" => ValueKind::Text,
            "D" | "T" => ValueKind::Time,
            "E" | "B" => ValueKind::Set,
            _ => ValueKind::Other,
        }
    }
}

/// The columns of tables, generated ones left out: schema, table, column, type, `binary` or `text`, category,
/// estimated different values.
///
/// Arrays, composites and ranges of types that a user made carry object numbers in their binary form; a domain is sent as
/// its base type. Source: PostgreSQL `array_recv`, `record_recv`, `domain_recv`.
pub fn columns() -> Sql {
    Sql::new(
        "SELECT n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), \
         CASE WHEN (b.typtype = 'e' OR b.oid < 16384) AND b.typname !~ '^_?reg' AND b.typsend <> 0 \
              AND b.typreceive <> 0 AND b.typtype <> 'd' THEN 'binary' ELSE 'text' END, \
         b.typcategory, \
         (CASE WHEN s.n_distinct > 0 THEN s.n_distinct::bigint ELSE 0 END)::text \
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
         JOIN pg_catalog.pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END \
         LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname \
         AND s.attname = a.attname AND NOT s.inherited \
         WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND a.attnum > 0 AND NOT a.attisdropped \
         AND a.attgenerated = '' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
         ORDER BY 1, 2, a.attnum",
    )
}

/// A column and what is sent in its place.
pub struct Sent<'a> {
    pub column: &'a CopiedColumn,
    /// An expression of the column, or none to send it as it is.
    pub masked: Option<String>,
}

fn transport(columns: &[Sent<'_>]) -> Transport {
    if columns.iter().all(|sent| sent.column.transport == Transport::Binary) {
        Transport::Binary
    } else {
        Transport::Text
    }
}

fn format(columns: &[Sent<'_>]) -> &'static str {
    match transport(columns) {
        Transport::Binary => " (FORMAT binary)",
        Transport::Text => "",
    }
}

/// Which rows are copied.
pub enum RowsOf<'a> {
    All,
    At(&'a BTreeSet<String>),
    /// Those whose key is among these values; outer by column, inner by row.
    Keyed(&'a [Ident], &'a [String], &'a [Vec<String>]),
}

/// Sends rows of a table.
pub fn copy_out(table: &QName, columns: &[Sent<'_>], rows: &RowsOf<'_>) -> Sql {
    let format = format(columns);
    let plain = columns.iter().all(|sent| sent.masked.is_none());
    if let (RowsOf::All, true) = (rows, plain) {
        return Sql::new(format!("COPY {}{} TO STDOUT{format}", qualified(table), names(columns)));
    }
    let list: Vec<String> = columns
        .iter()
        .map(|sent| match &sent.masked {
            Some(expression) => expression.clone(),
            None => format!("t.{}", quote_name(sent.column.name.as_str())),
        })
        .collect();
    let list = list.join(", ");
    let from = format!("SELECT {list} FROM ONLY {} t", qualified(table));
    let query = match rows {
        RowsOf::All => from,
        RowsOf::At(places) => {
            let places: Vec<String> = places.iter().map(|place| format!("\"{place}\"")).collect();
            format!("{from} WHERE t.ctid = ANY('{{{}}}'::tid[])", places.join(","))
        }
        RowsOf::Keyed(keys, types, values) => {
            format!("{from} JOIN {} ON {}", unnested(types, values), equal("t", keys))
        }
    };
    Sql::new(format!("COPY ({query}) TO STDOUT{format}"))
}

/// Takes the rows in.
pub fn copy_in(table: &QName, columns: &[Sent<'_>]) -> Sql {
    Sql::new(format!("COPY {}{} FROM STDIN{}", qualified(table), names(columns), format(columns)))
}

fn names(columns: &[Sent<'_>]) -> String {
    let list: Vec<String> =
        columns.iter().map(|sent| quote_name(sent.column.name.as_str())).collect();
    // A table without columns has rows too, and no list.
    if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) }
}

fn unnested(types: &[String], values: &[Vec<String>]) -> String {
    let arrays: Vec<String> = types
        .iter()
        .zip(values)
        .map(|(data_type, values)| {
            let list: Vec<String> = values.iter().map(|value| element(value)).collect();
            format!("{}::{data_type}[]", quote_text(&format!("{{{}}}", list.join(","))))
        })
        .collect();
    let keys: Vec<String> = (0..types.len()).map(|at| format!("k{at}")).collect();
    format!("unnest({}) u({})", arrays.join(", "), keys.join(", "))
}

/// An element of an array in its text form. Source: PostgreSQL manual 8.15.6.
fn element(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn equal(table: &str, keys: &[Ident]) -> String {
    let pairs: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(at, key)| format!("{table}.{} = u.k{at}", quote_name(key.as_str())))
        .collect();
    pairs.join(" AND ")
}

/// Places of random pages of a table, about `rows` of `of` rows, and of its last pages, which hold the newest rows.
/// No LIMIT: one that is reached would cut off the last pages.
pub fn sample(table: &QName, rows: u64, of: u64, pages: u64, seed: u64) -> Sql {
    #[expect(clippy::cast_precision_loss, reason = "a share of pages need not be exact")]
    let percent = (100.0 * rows as f64 / of.max(1) as f64).min(100.0);
    let name = qualified(table);
    Sql::new(format!(
        "SELECT ctid::text FROM ONLY {name} TABLESAMPLE SYSTEM ({percent:.6}) REPEATABLE ({seed}) \
         UNION SELECT ctid::text FROM ONLY {name} WHERE ctid >= '({},0)'::tid",
        pages.saturating_sub(8)
    ))
}

/// Places of rows that stand for the extremes of each column, each as one value; two scans.
pub fn witnesses(table: &QName, columns: &[CopiedColumn]) -> Vec<Sql> {
    // A result may have 1664 columns. Source: PostgreSQL manual, appendix K.
    columns.chunks(150).map(|part| witnesses_of(table, part)).collect()
}

fn witnesses_of(table: &QName, columns: &[CopiedColumn]) -> Sql {
    let (mut bounds, mut conditions) = (vec!["1 AS one".to_owned()], Vec::new());
    for (at, column) in columns.iter().enumerate() {
        let name = format!("t.{}", quote_name(column.name.as_str()));
        conditions.push(format!("{name} IS NULL"));
        let mut bound = |label: &str, expression: &str| {
            bounds.push(format!("{} AS {label}{at}", expression.replace('?', &name)));
        };
        match column.kind {
            ValueKind::Number => {
                bound("lo", "min(?)");
                bound("hi", "max(?)");
                conditions.push(format!("{name} = x.lo{at}"));
                conditions.push(format!("{name} = x.hi{at}"));
                conditions.push(format!("{name} = 0"));
                conditions.push(format!("{name} < 0"));
            }
            ValueKind::Time => {
                bound("lo", "min(?)");
                bound("hi", "max(?)");
                conditions.push(format!("{name} = x.lo{at}"));
                conditions.push(format!("{name} = x.hi{at}"));
            }
            ValueKind::Text => {
                bound("lo", "min(?::text)");
                bound("hi", "max(?::text)");
                bound("len", "max(octet_length(?::text))");
                conditions.push(format!("{name}::text = x.lo{at}"));
                conditions.push(format!("{name}::text = x.hi{at}"));
                conditions.push(format!("octet_length({name}::text) = x.len{at}"));
                conditions.push(format!("{name}::text = ''"));
                conditions.push(format!("{name}::text <> btrim({name}::text)"));
                conditions.push(format!("octet_length({name}::text) <> length({name}::text)"));
            }
            ValueKind::Set => {}
            ValueKind::Other => {
                bound("size", "max(pg_catalog.pg_column_size(?))");
                conditions.push(format!("pg_catalog.pg_column_size({name}) = x.size{at}"));
            }
        }
    }
    let found: Vec<String> = conditions
        .iter()
        .map(|condition| format!("min(t.ctid::text) FILTER (WHERE {condition})"))
        .collect();
    let name = qualified(table);
    Sql::new(format!(
        "WITH x AS MATERIALIZED (SELECT {} FROM ONLY {name} t) SELECT {} FROM ONLY {name} t, x",
        bounds.join(", "),
        found.join(", ")
    ))
}

/// Places of one row for each value of a column with few values, the rarest first.
pub fn rarest(table: &QName, column: &Ident) -> Sql {
    let column = quote_name(column.as_str());
    Sql::new(format!(
        "SELECT min(t.ctid::text) FROM ONLY {} t GROUP BY t.{column} ORDER BY count(*), 1 LIMIT 50",
        qualified(table)
    ))
}

/// Places of the rows with these keys.
pub fn places_of(table: &QName, keys: &[Ident], types: &[String], values: &[Vec<String>]) -> Sql {
    Sql::new(format!(
        "SELECT t.ctid::text FROM ONLY {} t JOIN {} ON {}",
        qualified(table),
        unnested(types, values),
        equal("t", keys)
    ))
}

/// Places of rows that refer to these keys.
pub fn places_of_children(
    child: &QName,
    key: &ForeignKey,
    types: &[String],
    values: &[Vec<String>],
    limit: u64,
) -> Sql {
    Sql::new(format!(
        "SELECT t.ctid::text FROM ONLY {} t JOIN {} ON {} LIMIT {limit}",
        qualified(child),
        unnested(types, values),
        equal("t", &key.columns)
    ))
}

/// Key values that rows of the copy refer to and that the copy does not hold, [`KEYS_AT_ONCE`] at most.
pub fn missing_keys(child: &QName, parent: &QName, key: &ForeignKey) -> Sql {
    let columns: Vec<String> =
        key.columns.iter().map(|column| format!("c.{}", quote_name(column.as_str()))).collect();
    let list: Vec<String> = columns.iter().map(|column| format!("{column}::text")).collect();
    let present: Vec<String> =
        columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    let pairs: Vec<String> = columns
        .iter()
        .zip(&key.referenced_columns)
        .map(|(column, other)| format!("p.{} = {column}", quote_name(other.as_str())))
        .collect();
    Sql::new(format!(
        "SELECT DISTINCT {} FROM {} c WHERE {} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {}) ORDER BY 1 LIMIT {KEYS_AT_ONCE}",
        list.join(", "),
        qualified(child),
        present.join(" AND "),
        qualified(parent),
        pairs.join(" AND ")
    ))
}

/// Distinct values of columns in the copy, as text.
pub fn keys_held(table: &QName, keys: &[Ident], limit: u64) -> Sql {
    let list: Vec<String> =
        keys.iter().map(|key| format!("t.{}::text", quote_name(key.as_str()))).collect();
    let present: Vec<String> =
        keys.iter().map(|key| format!("t.{} IS NOT NULL", quote_name(key.as_str()))).collect();
    Sql::new(format!(
        "SELECT DISTINCT {} FROM {} t WHERE {} ORDER BY 1 LIMIT {limit}",
        list.join(", "),
        qualified(table),
        present.join(" AND ")
    ))
}

/// Statements that set sequences to where they stand; sequences that this user may not read are left out.
pub fn sequence_positions() -> Sql {
    Sql::new(
        "SELECT format('SELECT pg_catalog.setval(%L::regclass, %s, true)', \
         format('%I.%I', schemaname, sequencename), last_value) \
         FROM pg_catalog.pg_sequences WHERE last_value IS NOT NULL AND schemaname !~ '^pg_' ORDER BY 1",
    )
}

/// Statements that make the tables of bookkeeping and of kept data, as they are.
pub fn bookkeeping_tables() -> Sql {
    Sql::new(include_str!("bookkeeping_tables.sql"))
}

/// Lets the planner know what was copied.
pub fn analyze(table: &QName) -> Sql {
    Sql::new(format!("ANALYZE {}", qualified(table)))
}

fn qualified(table: &QName) -> String {
    format!("{}.{}", quote_name(table.schema.as_str()), quote_name(table.name.as_str()))
}
