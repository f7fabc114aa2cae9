//! Which values of one type cannot become values of another, as a condition that never raises an error.
//!
//! PostgreSQL 13-15 have no `pg_input_is_valid`; patterns say the same for the types that matter. A pair that is
//! not listed is left to the engine: it fails inside the transaction and nothing is changed.

use crate::text::Dialect;

/// The condition under which `column` does not fit, or `None` where every value fits or the engine must decide.
pub fn misfit(column: &str, before: &str, after: &str, dialect: Dialect) -> Option<String> {
    match dialect {
        Dialect::Postgres => postgres(column, before, after),
        Dialect::Sqlite => None,
    }
}

/// As [`misfit`], for `text`, the text of a value that an expression gives: of which type that is, the engine knows.
pub fn computed_misfit(text: &str, after: &str, dialect: Dialect) -> Option<String> {
    let is_number = ["smallint", "integer", "bigint", "numeric", "real", "double precision"]
        .contains(&split(after).0.as_str());
    if !is_number {
        return misfit(text, "text", after, dialect);
    }
    let no_number = misfit(text, "text", "numeric", dialect)?;
    Some(match misfit(text, "numeric", after, dialect) {
        Some(too_large) => format!("CASE WHEN {no_number} THEN true ELSE {too_large} END"),
        None => no_number,
    })
}

fn postgres(column: &str, before: &str, after: &str) -> Option<String> {
    let is_text =
        before.starts_with("text") || before.starts_with("character") || before == "citext";
    let (base, modifier) = split(after);
    if is_text {
        let pattern = match base.as_str() {
            "smallint" | "integer" | "bigint" => r"^\s*[-+]?[0-9]{1,18}\s*$",
            "numeric" | "real" | "double precision" => {
                r"^\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\s*$"
            }
            "uuid" => r"^\s*\{?[0-9a-fA-F]{4}(-?[0-9a-fA-F]{4}){7}\}?\s*$",
            "boolean" => {
                r"^\s*([tT]|[tT]rue|TRUE|[fF]|[fF]alse|FALSE|[yY]|[yY]es|YES|[nN]|[nN]o|NO|[oO]n|ON|[oO]ff|OFF|0|1)\s*$"
            }
            "date" => r"^\s*[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\s*$",
            "timestamp without time zone" | "timestamp with time zone" => {
                r"^\s*[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?\s*(Z|[-+][0-9]{2}(:?[0-9]{2})?)?)?\s*$"
            }
            "character varying" | "character" => {
                return modifier.map(|length| format!("char_length({column}::text) > {length}"));
            }
            _ => return None,
        };
        return Some(format!("{column}::text !~ '{pattern}'"));
    }
    let (old_base, _) = split(before);
    let is_number = ["smallint", "integer", "bigint", "numeric", "real", "double precision"]
        .contains(&old_base.as_str());
    match (base.as_str(), modifier) {
        ("smallint", _) if is_number => {
            Some(format!("{column}::numeric NOT BETWEEN -32768.4 AND 32767.4"))
        }
        ("integer", _) if is_number && old_base != "smallint" => {
            Some(format!("{column}::numeric NOT BETWEEN -2147483648.4 AND 2147483647.4"))
        }
        ("bigint", _) if ["numeric", "real", "double precision"].contains(&old_base.as_str()) => {
            Some(format!(
                "{column}::numeric NOT BETWEEN -9223372036854775808.4 AND 9223372036854775807.4"
            ))
        }
        ("numeric", Some(modifier)) if is_number => {
            let (precision, scale) = modifier.split_once(',').unwrap_or((&modifier, "0"));
            let whole: i64 =
                precision.trim().parse::<i64>().ok()? - scale.trim().parse::<i64>().ok()?;
            Some(format!(
                "abs(round({column}::numeric, {})) >= power(10::numeric, {whole})",
                scale.trim()
            ))
        }
        ("character varying" | "character", Some(length)) => {
            Some(format!("char_length({column}::text) > {length}"))
        }
        _ => None,
    }
}

/// `numeric(10,2)` as `numeric` and `10,2`.
fn split(printed: &str) -> (String, Option<String>) {
    match (printed.find('('), printed.find(')')) {
        (Some(open), Some(close)) if open < close => {
            let base = format!("{}{}", &printed[..open], &printed[close + 1..]);
            (base.trim().to_owned(), Some(printed[open + 1..close].to_owned()))
        }
        _ => (printed.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_to_integer_is_a_pattern_and_widening_needs_nothing() {
        let found = misfit("c", "text", "integer", Dialect::Postgres).expect("a condition");
        assert!(found.contains("!~"), "{found}");
        assert_eq!(misfit("c", "integer", "bigint", Dialect::Postgres), None);
        assert_eq!(misfit("c", "integer", "text", Dialect::Postgres), None);
    }

    #[test]
    fn a_narrower_numeric_is_a_range() {
        let found = misfit("c", "numeric(12,4)", "numeric(10,2)", Dialect::Postgres);
        assert_eq!(found.as_deref(), Some("abs(round(c::numeric, 2)) >= power(10::numeric, 8)"));
    }
}
