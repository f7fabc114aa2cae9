//! Quoted literals as values of the kind that stands on their other side. Only spellings that the server reads in one way.

use crate::expr::ValueType;
use crate::expr::literal::{adopt, date};

use super::eval::Constant;
use super::kind::Kind;
use super::value::Number;

/// 2000-01-01, counted in days from 1970-01-01.
const EPOCH: i64 = 10_957;

const MICROS_A_DAY: i64 = 86_400_000_000;

/// Reads a quoted literal; `None` where it is better left to the server.
pub(super) fn read(text: &str, kind: &Kind) -> Option<Constant> {
    Some(match kind {
        Kind::Bool => match text {
            "true" | "t" => Constant::Bool(true),
            "false" | "f" => Constant::Bool(false),
            _ => return None,
        },
        Kind::Int2 | Kind::Int4 | Kind::Int8 => {
            let (least, most) = kind.bounds()?;
            let number: i64 = plain(text)?.parse().ok()?;
            Constant::Whole(Some(number).filter(|number| (least..=most).contains(number))?)
        }
        Kind::Numeric => Constant::Number(Number::parse(text)?),
        Kind::Float4 => return None,
        Kind::Float8 => Constant::Float(Number::parse(text)?.float().ok()?),
        Kind::Text(_) => Constant::Text(text.to_owned()),
        Kind::Date => Constant::Whole(date(text)? - EPOCH),
        Kind::Time => Constant::Whole(clock(&adopt(text, &ValueType::Time).ok()?)?),
        Kind::Timestamp if is_zoned(text) => return None,
        // The session's time zone is UTC.
        Kind::Timestamp | Kind::Timestamptz => {
            let text = adopt(text, &ValueType::Timestamp).ok()?;
            let (day, time) = text.split_once(' ')?;
            Constant::Whole((date(day)? - EPOCH) * MICROS_A_DAY + clock(time)?)
        }
        Kind::Uuid => Constant::Bytes(uuid(&adopt(text, &ValueType::Uuid).ok()?)?),
        Kind::Bytes => return None,
        Kind::Enum(labels) if labels.iter().any(|label| label == text) => {
            Constant::Text(text.to_owned())
        }
        Kind::Enum(_) => return None,
    })
}

fn plain(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// The server ignores the zone of a literal without one in its type; people may not mean that.
fn is_zoned(text: &str) -> bool {
    text.ends_with('Z') || text.ends_with("+00") || text.ends_with("+00:00")
}

/// Microseconds of `HH:MM:SS[.f]`.
fn clock(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut seconds = 0;
    for part in whole.split(':') {
        seconds = seconds * 60 + part.parse::<i64>().ok()?;
    }
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    Some(seconds * 1_000_000 + micros)
}

fn uuid(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<char> = text.chars().filter(|one| *one != '-').collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok();
    digits.chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_values_as_the_server_counts_them() {
        assert_eq!(read("2000-01-02", &Kind::Date), Some(Constant::Whole(1)));
        assert_eq!(read("1999-12-31", &Kind::Date), Some(Constant::Whole(-1)));
        let stamp = read("2000-01-01 00:00:01.5+00", &Kind::Timestamptz);
        assert_eq!(stamp, Some(Constant::Whole(1_500_000)));
        assert_eq!(read("2000-01-01 00:00:01.5+00", &Kind::Timestamp), None);
        assert_eq!(read("70000", &Kind::Int2), None);
        assert_eq!(read("today", &Kind::Date), None);
        let id = read("00000000-0000-0000-0000-0000000000ff", &Kind::Uuid);
        assert_eq!(id, Some(Constant::Bytes([vec![0; 15], vec![255]].concat())));
    }
}
