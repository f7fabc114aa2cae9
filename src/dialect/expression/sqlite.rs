//! The forms that only SQLite needs.

use super::{PatternUse, Unprintable, quote_text};
use crate::expr::glob::{GlobTest, Part, to_glob};
use crate::expr::pattern::to_regex;
use crate::expr::types::print_type;
use crate::expr::{Case, ValueType};
use crate::text::Dialect;

/// A random (version 4) uuid; SQLite has no function for it.
pub(super) const UUID: &str = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || \
     substr(hex(randomblob(2)), 2) || '-' || substr('89ab', 1 + (random() & 3), 1) || \
     substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))";

/// Text of one key. SQLite's own `->>` gives numbers as numbers and truth as 1 and 0; `->` gives json text.
pub(super) fn json_text(operand: &str, key: &str) -> String {
    let path = quote_text(&format!("$.\"{key}\""));
    format!(
        "CASE WHEN json_type({operand}, {path}) IN ('text', 'null') \
         THEN json_extract({operand}, {path}) ELSE ({operand} -> {path}) END"
    )
}

/// Scalar `min` and `max` give NULL if any argument is; rotated, each argument is the first that is known.
pub(super) fn extreme(name: &str, arguments: &[String]) -> String {
    let rotated = (0..arguments.len()).map(|first| {
        let turned: Vec<&str> =
            arguments[first..].iter().chain(&arguments[..first]).map(String::as_str).collect();
        format!("coalesce({})", turned.join(", "))
    });
    format!("{name}({})", rotated.collect::<Vec<_>>().join(", "))
}

/// A regular expression: as `GLOB` where that is exact, else with our function where that is allowed.
pub(super) fn pattern(
    operand: &str,
    pattern: &str,
    case: Case,
    pattern_use: PatternUse,
) -> Result<String, Unprintable> {
    match (to_glob(pattern, case), pattern_use) {
        (Some(test), _) => Ok(glob_test(operand, &test)),
        (None, PatternUse::Query) => {
            Ok(format!("regexp({}, {operand})", quote_text(&to_regex(pattern, case))))
        }
        (None, PatternUse::Ddl) => Err(Unprintable::Pattern { pattern: pattern.to_owned() }),
    }
}

fn glob_test(operand: &str, test: &GlobTest) -> String {
    let join = |tests: &[GlobTest], word: &str| {
        let tests: Vec<String> = tests.iter().map(|test| glob_test(operand, test)).collect();
        format!("({})", tests.join(word))
    };
    match test {
        GlobTest::Glob(piece, glob) => {
            format!("({} GLOB {})", part(operand, piece), quote_text(glob))
        }
        GlobTest::NotGlob(piece, glob) => {
            format!("({} NOT GLOB {})", part(operand, piece), quote_text(glob))
        }
        GlobTest::Length { part: piece, least, most } => {
            let length = format!("length({})", part(operand, piece));
            match (least, most) {
                (least, None) => format!("({length} >= {least})"),
                (0, Some(most)) => format!("({length} <= {most})"),
                (least, Some(most)) => format!("({length} BETWEEN {least} AND {most})"),
            }
        }
        GlobTest::Contains(piece, one) => {
            format!("(instr({}, {}) > 0)", part(operand, piece), quote_text(&one.to_string()))
        }
        GlobTest::All(tests) => join(tests, " AND "),
        GlobTest::Any(tests) => join(tests, " OR "),
    }
}

fn part(operand: &str, piece: &Part) -> String {
    match piece {
        Part::Whole => operand.to_owned(),
        Part::Before(outer, one) => {
            let (outer, one) = (part(operand, outer), quote_text(&one.to_string()));
            format!("substr({outer}, 1, instr({outer}, {one}) - 1)")
        }
        Part::After(outer, one) => {
            let (outer, one) = (part(operand, outer), quote_text(&one.to_string()));
            format!("substr({outer}, instr({outer}, {one}) + 1)")
        }
        Part::Inner { part: outer, left, right } => {
            let outer = part(operand, outer);
            let from = left + 1;
            match left + right {
                0 => outer,
                _ if *right == 0 => format!("substr({outer}, {from})"),
                // Never negative: a negative length would count backwards.
                taken => format!("substr({outer}, {from}, max(length({outer}) - {taken}, 0))"),
            }
        }
    }
}

/// Casts in the forms that give what PostgreSQL gives.
pub(super) fn cast(
    text: &str,
    source: Option<&ValueType>,
    target: &ValueType,
) -> Result<String, Unprintable> {
    use ValueType::{Bool, Date, Decimal, Float, Int, Int32, Text, Timestamp};
    let is_text = matches!(source, Some(Text));
    Ok(match (source, target) {
        (Some(source), target) if source == target => text.to_owned(),
        // Rounding, where CAST alone would cut off.
        (Some(Decimal { .. } | Float), Int | Int32) => format!("CAST(round({text}) AS INTEGER)"),
        (_, Int | Int32) => format!("CAST({text} AS INTEGER)"),
        (Some(Int | Int32), Decimal { .. }) => text.to_owned(),
        (_, Decimal { scale, .. }) if is_text => format!("round(CAST({text} AS REAL), {scale})"),
        (_, Decimal { scale, .. }) => format!("round({text}, {scale})"),
        (_, Float) => format!("CAST({text} AS REAL)"),
        (Some(Bool), Text) => {
            format!("CASE {text} WHEN TRUE THEN 'true' WHEN FALSE THEN 'false' END")
        }
        (Some(Decimal { scale, .. }), Text) => {
            format!("CASE WHEN {text} IS NOT NULL THEN printf('%.{scale}f', {text}) END")
        }
        (_, Text) => format!("CAST({text} AS TEXT)"),
        (Some(Int | Int32), Bool) => format!("({text} <> 0)"),
        // The modifier makes all versions normalise: `2025-02-31` is no date that SQLite keeps.
        (_, Date) => format!("date({text}, '+0 days')"),
        (Some(Date), Timestamp) => format!("({text} || ' 00:00:00')"),
        (_, ValueType::Uuid) => format!("lower({text})"),
        (_, target) => {
            return Err(Unprintable::Cast { target: print_type(target), dialect: Dialect::Sqlite });
        }
    })
}
