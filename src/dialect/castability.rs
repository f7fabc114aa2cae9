//! Which values of one type cannot become values of another, as a condition that never raises an error.
//!
//! PostgreSQL 13-15 have no `pg_input_is_valid`; patterns say the same for the types that matter, on every version, so that a
//! plan asks the same wherever it is applied. What a pattern takes, the cast takes: a cast that fails would end the scan. What it does not
//! take may still be read by some servers (`1_000` and `0x1F` since 16, dates in words); such values are told, not guessed at. The forms
//! are those of the input functions (`int8in`, `numeric_in`, `float8in`, `uuid_in`, `boolin`, `date_in`; PostgreSQL's
//! `src/backend/utils/adt`). `tests/castability.rs` holds them to the server.
//!
//! A pair of types that is not listed is left to the engine: it fails inside the transaction and nothing is changed.

use super::check::Fault;
use crate::text::Dialect;

/// White space that the input functions pass over, whatever the locale.
const SPACE: &str = r"[ \t\n\v\f\r]*";

/// The condition under which `column` does not fit, or `None` where every value fits or the engine must decide.
pub fn misfit(column: &str, before: &str, after: &str, dialect: Dialect) -> Option<String> {
    match dialect {
        Dialect::Postgres => postgres(column, before, after),
        Dialect::Sqlite => None,
    }
}

/// As [`misfit`], for `text`, the text of a value that an expression gives: of which type that is, the engine knows.
pub fn computed_misfit(text: &str, after: &str, dialect: Dialect) -> Option<String> {
    if Number::of(after).is_none() {
        return misfit(text, "text", after, dialect);
    }
    let no_number = misfit(text, "text", "numeric", dialect)?;
    Some(match misfit(text, "numeric", after, dialect) {
        Some(too_large) => format!("CASE WHEN {no_number} THEN true ELSE {too_large} END"),
        None => no_number,
    })
}

/// What is wrong with a value that does not become one of another type: too long or too large, or none of it.
pub fn fault(before: &str, after: &str) -> Fault {
    let are_texts = is_text(before) && is_text(after);
    let are_numbers = Number::of(before).is_some() && Number::of(after).is_some();
    if are_texts || are_numbers { Fault::Overflow } else { Fault::Cast }
}

/// Whether a type as the server prints it holds texts.
pub fn is_text(printed: &str) -> bool {
    let element = printed.ends_with("[]");
    let (base, _) = split(printed);
    !element
        && ["text", "character varying", "character", "citext", "public.citext"]
            .contains(&base.as_str())
}

/// Types of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Smallint,
    Integer,
    Bigint,
    /// Digits in all and behind the point, where the type says so.
    Numeric(Option<(i64, i64)>),
    Real,
    Double,
}

impl Number {
    fn of(printed: &str) -> Option<Self> {
        let (base, modifier) = split(printed);
        Some(match base.as_str() {
            "smallint" => Number::Smallint,
            "integer" => Number::Integer,
            "bigint" => Number::Bigint,
            "numeric" => Number::Numeric(match modifier {
                None => None,
                Some(text) => {
                    let (precision, scale) = text.split_once(',').unwrap_or((&text, "0"));
                    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
                }
            }),
            "real" => Number::Real,
            "double precision" => Number::Double,
            _ => return None,
        })
    }

    fn is_float(self) -> bool {
        matches!(self, Number::Real | Number::Double)
    }

    /// How many digits fit whatever they are; nothing is looked at further in texts of so few digits.
    fn safe_digits(self) -> i64 {
        match self {
            Number::Smallint => 4,
            Number::Integer => 9,
            Number::Bigint => 18,
            Number::Numeric(None) => 1000,
            Number::Numeric(Some((precision, scale))) => precision - scale,
            Number::Real => 38,
            Number::Double => 300,
        }
    }
}

fn postgres(column: &str, before: &str, after: &str) -> Option<String> {
    let (base, modifier) = split(after);
    if let ("character varying" | "character", Some(length)) = (base.as_str(), &modifier) {
        return Some(format!("char_length({column}::text) > {length}"));
    }
    if is_text(before) {
        let text = format!("{column}::text");
        return match Number::of(after) {
            Some(number) => Some(no_number(&text, number)),
            None => Some(format!("{text} !~ '{}'", pattern(&base)?)),
        };
    }
    too_large(column, Number::of(before)?, Number::of(after)?)
}

/// What texts of a type look like.
fn pattern(base: &str) -> Option<String> {
    // Leap years are those that 4 divides, but not 100, but 400. There is no year 0.
    const DATE: &str = concat!(
        "(?!0000)([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])",
        "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))",
        "|([0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)"
    );
    const TIME: &str = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?";
    let spaced = |inner: &str| format!("^{SPACE}({inner}){SPACE}$");
    Some(match base {
        "uuid" => {
            let digits = "[0-9a-fA-F]{4}(-?[0-9a-fA-F]{4}){7}";
            format!(r"^({digits}|\{{{digits}\}})$")
        }
        // Any beginning of a word that belongs to one word only.
        "boolean" => spaced(concat!(
            "[tT]([rR]([uU][eE]?)?)?|[fF]([aA]([lL]([sS][eE]?)?)?)?|[yY]([eE][sS]?)?|[nN][oO]?",
            "|[oO][nN]|[oO][fF][fF]?|0|1"
        )),
        "date" => spaced(DATE),
        "time without time zone" => spaced(TIME),
        "timestamp without time zone" | "timestamp with time zone" => {
            spaced(&format!("{DATE}([ T]{TIME} ?(Z|[-+](0[0-9]|1[0-5])(:?[0-5][0-9])?)?)?"))
        }
        _ => return None,
    })
}

/// The condition that a text is no such number. Most texts are a few digits, which takes no pattern to see.
fn no_number(text: &str, number: Number) -> String {
    let is_whole = matches!(number, Number::Smallint | Number::Integer | Number::Bigint);
    let form = match is_whole {
        // More digits than any of them has would be none of it, save for zeros in front.
        true => format!("^{SPACE}[-+]?0*[0-9]{{1,19}}{SPACE}$"),
        false => {
            format!(r"^{SPACE}[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{{1,4}})?{SPACE}$")
        }
    };
    // The type in which a value is compared has room for all of these.
    let beyond = match (is_whole, number) {
        (true, _) => beyond_whole(&format!("{text}::numeric"), number, ""),
        (false, Number::Numeric(Some(digits))) => {
            beyond_digits(&format!("{text}::numeric"), digits)
        }
        // What rounds to zero without being zero is out of range, as is what rounds to infinity.
        (false, Number::Real) => {
            format!(
                "abs({text}::numeric) NOT BETWEEN 7.1e-46 AND 3.4028235e38 AND {text}::numeric <> 0"
            )
        }
        (false, Number::Double) => {
            format!(
                "abs({text}::numeric) NOT BETWEEN 2.5e-324 AND 1.7976931348623157e308 AND {text}::numeric <> 0"
            )
        }
        (false, _) => "false".to_owned(),
    };
    let word = match number {
        Number::Real | Number::Double => {
            format!("WHEN {text} ~* '^{SPACE}([-+]?inf(inity)?|nan){SPACE}$' THEN false ")
        }
        Number::Numeric(_) => format!("WHEN {text} ~* '^{SPACE}nan{SPACE}$' THEN false "),
        Number::Smallint | Number::Integer | Number::Bigint => String::new(),
    };
    let safe = number.safe_digits();
    let quick = match safe {
        1.. => format!(
            "WHEN octet_length({text}) BETWEEN 1 AND {safe} AND ltrim({text}, '0123456789') = '' THEN false "
        ),
        _ => String::new(),
    };
    format!(
        "CASE {quick}WHEN octet_length({text}) <= 1000 AND {text} ~ '{form}' THEN {beyond} \
         {word}ELSE {text} IS NOT NULL END"
    )
}

/// The condition that a number does not fit another type of numbers; `None` where each does.
fn too_large(column: &str, before: Number, after: Number) -> Option<String> {
    match after {
        Number::Smallint | Number::Integer | Number::Bigint => {
            let is_wide = match (before, after) {
                (Number::Smallint, _) | (Number::Integer, Number::Integer | Number::Bigint) => true,
                (Number::Bigint, Number::Bigint) => true,
                (_, _) => false,
            };
            // A float becomes a numeric of few digits, which says too little of the others.
            let (value, cast) = match before.is_float() {
                true => (format!("{column}::double precision"), "::double precision"),
                false => (format!("{column}::numeric"), ""),
            };
            (!is_wide).then(|| beyond_whole(&value, after, cast))
        }
        Number::Numeric(Some(digits)) => {
            let beyond = beyond_digits(&format!("{column}::numeric"), digits);
            Some(match before.is_float() {
                // PostgreSQL 13 has no infinite numeric.
                true => format!(
                    "CASE WHEN abs({column}::double precision) = 'Infinity' THEN true ELSE {beyond} END"
                ),
                false => beyond,
            })
        }
        Number::Numeric(None) | Number::Real | Number::Double => None,
    }
}

/// The condition that a value does not round to a whole number of the type.
fn beyond_whole(value: &str, number: Number, cast: &str) -> String {
    // Halves are rounded away from zero in `numeric`, and to the even neighbour in floats, which takes the lower end in.
    let (least, most) = match number {
        Number::Smallint => ("-32768.5", "32767.5"),
        Number::Integer => ("-2147483648.5", "2147483647.5"),
        _ => ("-9223372036854775808.5", "9223372036854775807.5"),
    };
    let from = if cast.is_empty() { ">" } else { ">=" };
    format!("NOT ({value} {from} {least}{cast} AND {value} < {most}{cast})")
}

/// The condition that a numeric has more digits in front of its point than the type.
fn beyond_digits(value: &str, (precision, scale): (i64, i64)) -> String {
    let whole = precision - scale;
    format!("abs(round({value}, {scale})) >= power(10::numeric, {whole}) AND {value} <> 'NaN'")
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
    fn text_to_integer_is_asked_and_widening_needs_nothing() {
        let found = misfit("c", "text", "integer", Dialect::Postgres).expect("a condition");
        assert!(found.contains("octet_length"), "{found}");
        assert_eq!(misfit("c", "integer", "bigint", Dialect::Postgres), None);
        assert_eq!(misfit("c", "integer", "text", Dialect::Postgres), None);
    }

    #[test]
    fn a_narrower_numeric_is_a_range() {
        let found = misfit("c", "numeric(12,4)", "numeric(10,2)", Dialect::Postgres);
        let range = "abs(round(c::numeric, 2)) >= power(10::numeric, 8) AND c::numeric <> 'NaN'";
        assert_eq!(found.as_deref(), Some(range));
    }
}
