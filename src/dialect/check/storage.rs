//! Values that a SQLite column holds and its declared type does not say: SQLite stores any value in any column.
//! Source: sqlite.org/datatype3.html section 3, sqlite.org/lang_datefunc.html section 2.

use super::quote;
use crate::catalog::rule::{Enforce, Requirement, Rule};
use crate::catalog::{Column, Table, TableOptions};

/// What a declared type lets people expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Whole,
    Number,
    Text,
    Blob,
    /// Truth is kept as 1 and 0.
    Truth,
    Date,
    Timestamp,
    Time,
}

/// A rule for each column whose declared type says what its values are. STRICT tables hold their rows to it.
pub(super) fn rules(table: &Table) -> Vec<Rule> {
    let TableOptions::Sqlite { strict: false, .. } = &table.options else { return Vec::new() };
    let stored = table.columns.iter().filter(|column| column.generated.is_none());
    stored
        .filter_map(|column| {
            let expected = expected(&column.data_type)?;
            Some(rule(table, column, expected))
        })
        .collect()
}

fn rule(table: &Table, column: &Column, expected: Expected) -> Rule {
    let name = quote(&column.name);
    let is_class = |classes: &str| format!("typeof({name}) IN ({classes}, 'null')");
    let day = format!("substr({name}, 1, 10)");
    // The modifier makes all versions of SQLite normalise: `2025-02-31` is then another day.
    let is_day = format!("{day} IS date({day}, '+0 days')");
    let moment = |condition: String| {
        format!("CASE typeof({name}) WHEN 'text' THEN {condition} WHEN 'blob' THEN 0 ELSE 1 END")
    };
    let (expression, what) = match expected {
        Expected::Whole => (is_class("'integer'"), "whole numbers"),
        Expected::Number => (is_class("'integer', 'real'"), "numbers"),
        Expected::Text => (is_class("'text'"), "text"),
        Expected::Blob => (is_class("'blob'"), "bytes"),
        Expected::Truth => (format!("{name} IS NULL OR {name} IN (0, 1)"), "0 or 1"),
        Expected::Date | Expected::Timestamp => (
            moment(format!("({is_day} AND datetime({name}) IS NOT NULL)")),
            match expected {
                Expected::Date => "dates",
                _ => "dates with a time",
            },
        ),
        Expected::Time => (moment(format!("time({name}) IS NOT NULL")), "times"),
    };
    Rule {
        name: format!("{}.{} storage", table.name, column.name),
        table: table.name.clone(),
        requirement: Requirement::Holds { expression },
        enforce: Enforce::Verify,
        message: Some(format!(
            "`{}` is declared {}, so its values must be {what}",
            column.name, column.data_type
        )),
        origin: None,
    }
}

fn expected(data_type: &str) -> Option<Expected> {
    let upper = data_type.to_ascii_uppercase();
    let name = upper.split('(').next().unwrap_or_default().trim();
    let has = |part: &str| name.contains(part);
    Some(match name {
        "DATE" => Expected::Date,
        "DATETIME" | "TIMESTAMP" | "TIMESTAMPTZ" => Expected::Timestamp,
        "TIME" => Expected::Time,
        "BOOL" | "BOOLEAN" => Expected::Truth,
        "NUMERIC" | "DECIMAL" | "NUMBER" | "MONEY" => Expected::Number,
        "BLOB" => Expected::Blob,
        // SQLite finds INT in these, and people do not.
        _ if has("POINT") || has("INTERVAL") || has("PRINT") => return None,
        _ if has("INT") => Expected::Whole,
        _ if has("CHAR") || has("CLOB") || has("TEXT") => Expected::Text,
        _ if has("REAL") || has("FLOA") || has("DOUB") => Expected::Number,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_types_that_say_something_are_expected_of() {
        assert_eq!(expected("NVARCHAR(160)"), Some(Expected::Text));
        assert_eq!(expected("numeric(10,2)"), Some(Expected::Number));
        assert_eq!(expected("BIGINT"), Some(Expected::Whole));
        assert_eq!(expected("POINT"), None);
        assert_eq!(expected("uuid"), None);
        assert_eq!(expected(""), None);
    }
}
