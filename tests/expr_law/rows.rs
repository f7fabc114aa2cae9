//! The table that random rules are about, and rows of it with NULLs, empty texts and awkward characters.

use migrate::dialect::expression::{Columns, quote_text};
use migrate::expr::eval::{Decimal, Value};
use migrate::expr::{Nullability, Scope, ValueType};
use migrate::text::Dialect;

pub const STATES: [&str; 3] = ["draft", "submitted", "approved"];

/// Names and nullability. The names include a keyword, a space and capitals.
pub const COLUMNS: [(&str, Kind, Nullability); 12] = [
    ("n", Kind::Int, Nullability::NotNull),
    ("date", Kind::Int, Nullability::Nullable),
    ("Price", Kind::Decimal, Nullability::Nullable),
    ("t", Kind::Text, Nullability::NotNull),
    ("user note", Kind::Text, Nullability::Nullable),
    ("f", Kind::Bool, Nullability::NotNull),
    ("case", Kind::Bool, Nullability::Nullable),
    ("s", Kind::State, Nullability::NotNull),
    ("r", Kind::State, Nullability::Nullable),
    ("d", Kind::Date, Nullability::NotNull),
    ("e", Kind::Date, Nullability::Nullable),
    ("j", Kind::Json, Nullability::Nullable),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int,
    Decimal,
    Text,
    Bool,
    State,
    Date,
    Json,
}

pub const TEXTS: [&str; 18] = [
    "",
    "a",
    "A",
    "abc",
    "ABC",
    " x ",
    "a@b",
    "a@b.c",
    "INV-01",
    "0123",
    "z_%",
    "x[y]*?",
    "€",
    "it's",
    "a\\b",
    "]^-",
    "line\nbreak",
    "aab",
];

pub const DATES: [&str; 4] = ["2024-02-28", "2024-02-29", "2023-12-31", "2000-01-01"];

const JSON: [&str; 6] =
    ["{\"k\": \"a\", \"n\": 1}", "{\"k\": true}", "{\"k\": null}", "{\"k\": 42}", "{}", "\"k\""];

pub struct Table;

impl Table {
    pub fn create(dialect: Dialect) -> String {
        let columns = COLUMNS.map(|(name, kind, _)| {
            let data_type = match (dialect, kind) {
                (Dialect::Postgres, Kind::Int) => "bigint",
                (Dialect::Postgres, Kind::Decimal) => "numeric(12,2)",
                (Dialect::Postgres, Kind::Bool) => "boolean",
                (Dialect::Postgres, Kind::State) => "pg_temp.state",
                (Dialect::Postgres, Kind::Date) => "date",
                (Dialect::Postgres, Kind::Json) => "jsonb",
                (Dialect::Sqlite, Kind::Int | Kind::Bool) => "INTEGER",
                (Dialect::Sqlite, Kind::Decimal) => "NUMERIC",
                (_, Kind::Text | Kind::State | Kind::Date | Kind::Json) => "TEXT",
            };
            format!("\"{name}\" {data_type}")
        });
        let before = match dialect {
            Dialect::Postgres => {
                "CREATE TYPE pg_temp.state AS ENUM ('draft', 'submitted', 'approved'); CREATE TEMP"
            }
            Dialect::Sqlite => "CREATE",
        };
        format!("{before} TABLE sample (id integer PRIMARY KEY, {});", columns.join(", "))
    }
}

impl Scope for Table {
    fn field(&self, path: &[String]) -> Result<(ValueType, Nullability), String> {
        let name = path.join(".");
        let column = COLUMNS.iter().find(|column| column.0 == name);
        let (_, kind, nullability) = column.ok_or_else(|| format!("no field `{name}`"))?;
        let value = match kind {
            Kind::Int => ValueType::Int,
            Kind::Decimal => ValueType::Decimal { precision: 12, scale: 2 },
            Kind::Text => ValueType::Text,
            Kind::Bool => ValueType::Bool,
            Kind::State => ValueType::Enum(STATES.map(str::to_owned).to_vec()),
            Kind::Date => ValueType::Date,
            Kind::Json => ValueType::Json,
        };
        Ok((value, *nullability))
    }
}

impl Columns for Table {
    fn column(&self, path: &[String]) -> Result<String, String> {
        Ok(format!("\"{}\"", path.join(".")))
    }

    fn value_type(&self, path: &[String]) -> Option<ValueType> {
        self.field(path).ok().map(|field| field.0)
    }
}

/// Values in the order of [`COLUMNS`].
pub struct Row {
    pub id: usize,
    values: Vec<Value>,
}

impl Row {
    pub fn value(&self, path: &[String]) -> Value {
        let index = COLUMNS.iter().position(|column| [column.0] == *path).expect("a known column");
        self.values[index].clone()
    }

    pub fn insert(&self, table: &str) -> String {
        let values: Vec<String> = self.values.iter().map(sql).collect();
        format!("INSERT INTO {table} VALUES ({}, {})", self.id, values.join(", "))
    }
}

fn sql(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(Decimal { units, scale: 0 }) => units.to_string(),
        Value::Number(Decimal { units, scale }) => {
            format!("({units} / {}.0)", 10_i64.pow(*scale))
        }
        Value::Float(number) => number.to_string(),
        Value::Text(text) => quote_text(text),
    }
}

/// So many rows, the same every time.
pub fn rows(count: usize) -> Vec<Row> {
    let mut seed = 7_u64;
    let mut pick = move |count: usize| {
        // A linear congruential step (Knuth, MMIX); the high bits are the good ones.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("31 bits") % count
    };
    let text = |pool: &[&str], index: usize| Value::Text(pool[index].to_owned());
    (0..count)
        .map(|id| {
            let values = COLUMNS.iter().map(|(_, kind, nullability)| {
                if *nullability == Nullability::Nullable && pick(3) == 0 {
                    return Value::Null;
                }
                match kind {
                    Kind::Int => {
                        let number = [0, 1, 2, -1, 3, 10, 42, -30][pick(8)];
                        Value::Number(Decimal::whole(number))
                    }
                    // Quarters: exact in binary too, so that a REAL of SQLite compares as a decimal does.
                    Kind::Decimal => Value::Number(Decimal {
                        units: [0, 25, 50, 100, -75, 200, 1000][pick(7)],
                        scale: 2,
                    }),
                    Kind::Text => text(&TEXTS, pick(TEXTS.len())),
                    Kind::Bool => Value::Bool(pick(2) == 0),
                    Kind::State => text(&STATES, pick(STATES.len())),
                    Kind::Date => text(&DATES, pick(DATES.len())),
                    Kind::Json => text(&JSON, pick(JSON.len())),
                }
            });
            Row { id, values: values.collect() }
        })
        .collect()
}
