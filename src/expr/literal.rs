//! Text literals that take the type of the other side: checked, and brought to one spelling.
//!
//! Dates, times and timestamps are ISO text on SQLite, so that text order is time order; a literal has to be
//! spelled in exactly that way to compare.

use super::ValueType;
use super::types::print_type;
use crate::text::suggest;

/// Reads a quoted literal as `value` and returns its canonical text.
///
/// # Errors
/// The text is no such value; the message says what would be.
pub fn adopt(text: &str, value: &ValueType) -> Result<String, String> {
    match value {
        ValueType::Text => Ok(text.to_owned()),
        ValueType::Enum(members) => member(text, members),
        ValueType::Date => date(text)
            .map(civil_text)
            .ok_or_else(|| format!("'{text}' is not a date; write it as '2024-12-31'")),
        ValueType::Time => {
            time(text).ok_or_else(|| format!("'{text}' is not a time; write it as '23:59:59'"))
        }
        ValueType::Timestamp => timestamp(text).ok_or_else(|| {
            format!("'{text}' is not a timestamp; write it in UTC as '2024-12-31 23:59:59'")
        }),
        ValueType::Uuid => uuid(text).ok_or_else(|| {
            format!("'{text}' is not a uuid; write it as 8-4-4-4-12 hexadecimal digits")
        }),
        ValueType::Json => match serde_json::from_str::<serde_json::Value>(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(problem) => Err(format!("'{text}' is not json: {problem}")),
        },
        ValueType::Int | ValueType::Int32 | ValueType::Decimal { .. } | ValueType::Float => {
            Err(format!(
                "'{text}' is text, but the other side is {}; remove the quotes",
                print_type(value)
            ))
        }
        ValueType::Bool => {
            Err(format!("'{text}' is text, but the other side is bool; write true or false"))
        }
        ValueType::Bytes => Err("a bytes literal is not in the portable subset".to_owned()),
    }
}

fn member(text: &str, members: &[String]) -> Result<String, String> {
    if members.iter().any(|member| member == text) {
        return Ok(text.to_owned());
    }
    let hint = suggest::did_you_mean(text, members.iter().map(String::as_str));
    Err(format!("'{text}' is not one of [{}]{hint}", members.join(", ")))
}

/// Days since 1970-01-01 of `YYYY-MM-DD`.
pub fn date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let (year, month, day) = (digits(year)?, digits(month)?, digits(day)?);
    let days = days_of(year, month, day);
    (year >= 1 && (1..=12).contains(&month) && civil_of(days) == (year, month, day)).then_some(days)
}

/// `YYYY-MM-DD` of days since 1970-01-01.
pub fn civil_text(days: i64) -> String {
    let (year, month, day) = civil_of(days);
    format!("{year:04}-{month:02}-{day:02}")
}

fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Proleptic Gregorian day number, counted from 1970-01-01; years start in March, so that the leap day is last.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

/// `HH:MM[:SS[.f]]` as `HH:MM:SS[.f]` without trailing zeros.
fn time(text: &str) -> Option<String> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => {
            digits(fraction)?;
            (clock, fraction.trim_end_matches('0'))
        }
        None => (text, ""),
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] if !text.contains('.') => (*hour, *minute, "00"),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    if [hour, minute, second].iter().any(|part| part.len() != 2) || fraction.len() > 6 {
        return None;
    }
    if digits(hour)? > 23 || digits(minute)? > 59 || digits(second)? > 59 {
        return None;
    }
    let dot = if fraction.is_empty() { "" } else { "." };
    Some(format!("{hour}:{minute}:{second}{dot}{fraction}"))
}

/// `YYYY-MM-DD[( |T)TIME][Z|+00|+00:00]` as `YYYY-MM-DD HH:MM:SS[.f]`, in UTC.
fn timestamp(text: &str) -> Option<String> {
    let utc = ["Z", "+00:00", "+00"].iter().find_map(|zone| text.strip_suffix(zone));
    let text = utc.unwrap_or(text);
    let (day, clock) = match text.split_once(['T', ' ']) {
        Some((day, clock)) => (day, time(clock)?),
        None if utc.is_none() => (text, "00:00:00".to_owned()),
        None => return None,
    };
    Some(format!("{} {clock}", civil_text(date(day)?)))
}

fn uuid(text: &str) -> Option<String> {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let hexadecimal = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    (lengths == [8, 4, 4, 4, 12] && hexadecimal).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_real_days() {
        assert_eq!(date("1970-01-01"), Some(0));
        assert_eq!(date("2000-03-01"), Some(11_017));
        assert_eq!(date("2024-02-29").map(civil_text).as_deref(), Some("2024-02-29"));
        for wrong in ["2023-02-29", "2024-13-01", "2024-1-1", "0000-01-01", "x", "2024-01-01-01"] {
            assert_eq!(date(wrong), None, "{wrong}");
        }
        for days in (-800_000..800_000).step_by(97).filter(|days| *days > -719_000) {
            assert_eq!(date(&civil_text(days)), Some(days));
        }
    }

    #[test]
    fn times_and_timestamps_have_one_spelling() {
        let stamp = |text| adopt(text, &ValueType::Timestamp).ok();
        assert_eq!(stamp("2024-01-02T03:04:05.120Z").as_deref(), Some("2024-01-02 03:04:05.12"));
        assert_eq!(stamp("2024-01-02").as_deref(), Some("2024-01-02 00:00:00"));
        assert_eq!(stamp("2024-01-02 10:00+02"), None);
        let time = |text| adopt(text, &ValueType::Time).ok();
        assert_eq!(time("08:30").as_deref(), Some("08:30:00"));
        assert_eq!(time("24:00:00"), None);
    }

    #[test]
    fn a_literal_that_does_not_fit_says_what_would() {
        let members = ValueType::Enum(vec!["draft".into(), "approved".into()]);
        let message = adopt("aproved", &members).unwrap_err();
        assert_eq!(message, "'aproved' is not one of [draft, approved]; did you mean `approved`?");
        assert!(adopt("5", &ValueType::Int).unwrap_err().contains("remove the quotes"));
        assert!(adopt("yes", &ValueType::Bool).unwrap_err().contains("true or false"));
        let id = "0190163D-8694-739B-AEA5-966C26F8AD91";
        assert_eq!(adopt(id, &ValueType::Uuid), Ok(id.to_lowercase()));
        assert!(adopt("x", &ValueType::Uuid).is_err());
        assert!(adopt("{", &ValueType::Json).is_err());
    }
}
