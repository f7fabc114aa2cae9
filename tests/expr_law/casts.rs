//! What backfills may use beyond row rules: statements that are true of one row, on either engine.

use migrate::dialect::expression::{Columns, PatternUse, print};
use migrate::expr::parse::{Purpose, parse};
use migrate::expr::{Nullability, Scope, ValueType};
use migrate::text::Dialect;

pub const TRUTHS: [&str; 45] = [
    "CAST(amount AS int) = 3",
    "CAST(-amount AS int) = -3",
    "CAST(ratio AS int) = 3",
    "CAST(-ratio AS int) = -3",
    "CAST(amount AS text) = '2.50'",
    "CAST(amount AS decimal(6,1)) = 2.5",
    "CAST(amount AS float) = ratio",
    "CAST(ratio AS decimal(6,1)) = 2.5",
    "CAST(CAST(ratio AS text) AS float) = ratio",
    "CAST(n AS text) = '3'",
    "CAST(n AS float) = 3",
    "CAST(n AS decimal(6,2)) = 3",
    "CAST(n AS bool)",
    "CAST(n AS int32) = 3",
    "CAST(flag AS int) = 1",
    "CAST(flag AS text) = 'true'",
    "CAST(number_text AS int) = 42",
    "CAST(number_text AS int32) = 42",
    "CAST(number_text AS decimal(6,1)) = 42",
    "CAST(number_text AS float) = 42",
    "CAST(d AS text) = '2024-02-29'",
    "CAST(date_text AS date) = d",
    "CAST(at AS date) = d",
    "CAST(d AS timestamp) = '2024-02-29'",
    "at = '2024-02-29T20:00:00Z'",
    "at BETWEEN '2024-02-29' AND '2024-03-01'",
    "at IN ('2024-02-29 20:00', '2024-01-01')",
    "coalesce(at, '2024-01-01') = at",
    "coalesce(nothing_at, '2024-02-29 20:00') = at",
    "CASE WHEN flag THEN '2024-02-29 20:00' ELSE '2024-01-01' END = at",
    "CASE WHEN flag THEN '2024-02-29' ELSE '2023-01-01' END = d",
    "greatest('2024-02-29', '2024-02-28') = d",
    "CAST(id_text AS uuid) = id",
    "CAST(id AS text) = '0190163d-8694-739b-aea5-966c26f8ad91'",
    "id = '0190163D-8694-739B-AEA5-966C26F8AD91'",
    "now() > '2024-01-01'",
    "today() >= '2024-01-01'",
    "CAST(uuid() AS text) ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$'",
    "uuid() <> uuid()",
    "coalesce(nothing_at, now()) > '2024-01-01'",
    "coalesce(organization.currency, 'EUR') = 'USD'",
    "meta ->> 'text' = 'x' AND meta ->> 'truth' = 'true' AND meta ->> 'number' = '1.50'",
    "meta ->> 'null' IS NULL AND meta ->> 'missing' IS NULL",
    "least(n, NULLIF(n, 3), 5) = 3",
    "ratio * 2 = 5 AND ratio > 0.1",
];

struct Row;

impl Scope for Row {
    fn field(&self, path: &[String]) -> Result<(ValueType, Nullability), String> {
        let value = match path.join(".").as_str() {
            "n" => ValueType::Int,
            "amount" => ValueType::Decimal { precision: 12, scale: 2 },
            "ratio" => ValueType::Float,
            "flag" => ValueType::Bool,
            "number_text" | "date_text" | "id_text" | "organization.currency" => ValueType::Text,
            "d" => ValueType::Date,
            "at" | "nothing_at" => ValueType::Timestamp,
            "id" => ValueType::Uuid,
            "meta" => ValueType::Json,
            other => return Err(format!("no field `{other}`")),
        };
        Ok((value, Nullability::Nullable))
    }
}

impl Columns for Row {
    fn column(&self, path: &[String]) -> Result<String, String> {
        match path {
            [name] => Ok(format!("\"{name}\"")),
            _ => Ok("(SELECT 'USD')".into()),
        }
    }

    fn value_type(&self, path: &[String]) -> Option<ValueType> {
        self.field(path).ok().map(|field| field.0)
    }
}

pub fn query(text: &str, dialect: Dialect) -> String {
    let typed =
        parse(text, &Row, Purpose::Backfill).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    let sql = print(&typed.expr, dialect, &Row, PatternUse::Query);
    format!("SELECT {} FROM cast_sample", sql.unwrap_or_else(|error| panic!("{text}: {error}")))
}

pub fn create(dialect: Dialect) -> String {
    let (before, types) = match dialect {
        Dialect::Postgres => (
            "CREATE TEMP TABLE",
            [
                "bigint",
                "numeric(12,2)",
                "double precision",
                "boolean",
                "timestamptz",
                "date",
                "uuid",
                "json",
            ],
        ),
        Dialect::Sqlite => (
            "CREATE TABLE",
            ["INTEGER", "NUMERIC", "REAL", "INTEGER", "TEXT", "TEXT", "TEXT", "TEXT"],
        ),
    };
    let at = match dialect {
        Dialect::Postgres => "2024-02-29 20:00:00+00",
        Dialect::Sqlite => "2024-02-29 20:00:00",
    };
    let [int, decimal, float, boolean, timestamp, date, uuid, json] = types;
    format!(
        "{before} cast_sample (n {int}, amount {decimal}, ratio {float}, flag {boolean}, number_text TEXT, \
         date_text TEXT, id_text TEXT, d {date}, at {timestamp}, nothing_at {timestamp}, id {uuid}, \
         meta {json}); \
         INSERT INTO cast_sample VALUES (3, 2.50, 2.5, TRUE, '42', '2024-02-29', \
         '0190163d-8694-739b-aea5-966c26f8ad91', '2024-02-29', '{at}', NULL, \
         '0190163d-8694-739b-aea5-966c26f8ad91', \
         '{{\"text\": \"x\", \"truth\": true, \"number\": 1.50, \"null\": null}}');"
    )
}
