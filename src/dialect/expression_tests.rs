//! The forms that the engines need, in text; what they mean is tested in `tests/expr_law.rs`.

use super::*;
use crate::expr::parse::{Purpose, parse};
use crate::expr::{Nullability, Scope};

struct Row;

impl Scope for Row {
    fn field(&self, path: &[String]) -> Result<(ValueType, Nullability), String> {
        let value = match path.join(".").as_str() {
            "n" => ValueType::Int,
            "small" => ValueType::Int32,
            "amount" => ValueType::Decimal { precision: 12, scale: 2 },
            "t" | "u" => ValueType::Text,
            "d" | "e" => ValueType::Date,
            "at" => ValueType::Timestamp,
            "flag" => ValueType::Bool,
            "j" => ValueType::Json,
            other => return Err(format!("no field `{other}`")),
        };
        Ok((value, Nullability::Nullable))
    }
}

impl Columns for Row {
    fn column(&self, path: &[String]) -> Result<String, String> {
        Ok(format!("\"{}\"", path.join(".")))
    }

    fn value_type(&self, path: &[String]) -> Option<ValueType> {
        self.field(path).ok().map(|field| field.0)
    }
}

fn both(text: &str) -> (String, String) {
    let typed = parse(text, &Row, Purpose::Backfill).expect(text);
    let sql = |dialect| print(&typed.expr, dialect, &Row, PatternUse::Ddl).expect(text);
    (sql(Dialect::Postgres), sql(Dialect::Sqlite))
}

#[test]
fn each_engine_gets_its_own_form() {
    let cases = [
        (
            "small * small > 1",
            "((CAST(\"small\" AS bigint) * CAST(\"small\" AS bigint)) > 1)",
            "((\"small\" * \"small\") > 1)",
        ),
        ("n >= 0", "(\"n\" >= 0)", "(\"n\" >= 0)"),
        ("t < u", "((\"t\" COLLATE \"C\") < \"u\")", "(\"t\" < \"u\")"),
        ("t IS DISTINCT FROM u", "(\"t\" IS DISTINCT FROM \"u\")", "(\"t\" IS NOT \"u\")"),
        ("t LIKE 'a%'", "(\"t\" LIKE 'a%')", "(\"t\" GLOB 'a*')"),
        ("t ILIKE 'a\\_'", "(\"t\" ILIKE 'a\\_')", "(\"t\" LIKE 'a\\_' ESCAPE '\\')"),
        ("t ~ '^[A-Z]{2}$'", "(\"t\" ~ '^[A-Z]{2}$')", "(\"t\" GLOB '[A-Z][A-Z]')"),
        ("t !~ 'x'", "(\"t\" !~ 'x')", "(NOT (\"t\" GLOB '*x*'))"),
        ("d + n", "(\"d\" + CAST(\"n\" AS integer))", "date(\"d\", \"n\" || ' days')"),
        ("d - 3", "(\"d\" - CAST(3 AS integer))", "date(\"d\", (- 3) || ' days')"),
        ("d - e", "(\"d\" - \"e\")", "CAST((julianday(\"d\") - julianday(\"e\")) AS INTEGER)"),
        ("least(n, 5)", "least(\"n\", 5)", "min(coalesce(\"n\", 5), coalesce(5, \"n\"))"),
        (
            "at > '2024-01-01'",
            "(\"at\" > '2024-01-01 00:00:00+00')",
            "(\"at\" > '2024-01-01 00:00:00')",
        ),
        ("now()", "now()", "CURRENT_TIMESTAMP"),
        ("CAST(n AS text)", "CAST(\"n\" AS text)", "CAST(\"n\" AS TEXT)"),
        ("CAST(amount AS int)", "CAST(\"amount\" AS bigint)", "CAST(round(\"amount\") AS INTEGER)"),
    ];
    for (text, postgres, sqlite) in cases {
        assert_eq!(both(text), (postgres.to_owned(), sqlite.to_owned()), "{text}");
    }
}

#[test]
fn a_pattern_without_glob_is_for_queries_only() {
    let typed = parse("t ~ '^(ab)+$'", &Row, Purpose::RowRule).expect("parses");
    let sql = |pattern_use| print(&typed.expr, Dialect::Sqlite, &Row, pattern_use);
    let message = sql(PatternUse::Ddl).expect_err("no GLOB").to_string();
    assert!(message.contains("`^(ab)+$`"), "{message}");
    assert_eq!(sql(PatternUse::Query).as_deref(), Ok("regexp('(?s)^(ab)+$', \"t\")"));
}
