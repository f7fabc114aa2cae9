//! Values in the place of personal ones: the same value always becomes the same other value of the same shape, and
//! different values stay different, so that keys, joins and rules about shape stay true.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::Sql;
use super::sampling::{CopiedColumn, ValueKind};
use super::session::{quote_name, quote_text};
use crate::expr::literal;
use crate::text::{Ident, QName};

/// The expression that stands for a column, or `None` for a type whose values cannot be replaced.
///
/// Letters and digits are exchanged by a secret rearrangement of the alphabet; length, case, spaces and marks stay. Times
/// move by a secret number of days.
pub fn masked(column: &CopiedColumn, key: &[u8]) -> Option<String> {
    let name = format!("t.{}", quote_name(column.name.as_str()));
    let data_type = &column.data_type;
    match column.kind {
        ValueKind::Text => {
            let (plain, exchanged) = alphabet(key);
            Some(format!(
                "translate({name}::text, {}, {})::{data_type}",
                quote_text(&plain),
                quote_text(&exchanged)
            ))
        }
        ValueKind::Time if data_type == "date" => Some(format!("({name} - {})::date", days(key))),
        ValueKind::Time if data_type.starts_with("timestamp") => {
            Some(format!("({name} - interval '{} days')::{data_type}", days(key)))
        }
        ValueKind::Other if data_type == "uuid" => {
            Some(format!("md5({} || {name}::text)::uuid", quote_text(&hexadecimal(key))))
        }
        ValueKind::Number | ValueKind::Time | ValueKind::Set | ValueKind::Other => None,
    }
}

/// What stands for texts of SQLite, where dates and times are texts too.
#[derive(Clone, Debug)]
pub struct Mask {
    key: Vec<u8>,
    letters: BTreeMap<char, char>,
}

impl Mask {
    pub fn of(key: &[u8]) -> Self {
        let (plain, exchanged) = alphabet(key);
        Mask { key: key.to_vec(), letters: plain.chars().zip(exchanged.chars()).collect() }
    }

    /// Dates move, a UUID becomes another one, in all else letters and digits are exchanged.
    pub fn stand_in(&self, value: &str) -> String {
        if let Some(moved) = moved_date(value, &self.key) {
            return moved;
        }
        if is_uuid(value) {
            return self.uuid(value);
        }
        let exchange = |letter: char| self.letters.get(&letter).copied().unwrap_or(letter);
        value.chars().map(exchange).collect()
    }

    fn uuid(&self, value: &str) -> String {
        let plain = value.to_ascii_lowercase();
        let digits = hexadecimal(Sha256::digest([&self.key, plain.as_bytes()].concat()).as_slice());
        let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
        let parts: Vec<&str> =
            parts.iter().filter_map(|(from, to)| digits.get(*from..*to)).collect();
        let uuid = parts.join("-");
        if value == plain { uuid } else { uuid.to_ascii_uppercase() }
    }
}

/// `2024-02-29` and what follows it, some days earlier.
fn moved_date(value: &str, key: &[u8]) -> Option<String> {
    let (day, rest) = (value.get(..10)?, value.get(10..)?);
    if !rest.is_empty() && !rest.starts_with([' ', 'T']) {
        return None;
    }
    let moved = literal::date(day)? - i64::from(days(key));
    // There is no year zero to write down.
    (moved >= literal::date("0001-01-01")?).then(|| format!("{}{rest}", literal::civil_text(moved)))
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The function that [`Mask::stand_in`] is in a SQLite session.
pub const FUNCTION: &str = "migrate_stand_in";

/// Whether a column of a SQLite table holds anything that is neither text nor NULL.
pub fn sqlite_holds_more_than_text(table: &QName, column: &Ident) -> Sql {
    let column = quote_name(column.as_str());
    Sql::new(format!(
        "SELECT typeof({column}) FROM {} WHERE typeof({column}) NOT IN ('text', 'null') LIMIT 1",
        quote_name(table.name.as_str())
    ))
}

/// Puts stand-ins into columns of a SQLite table. In two rounds, because a stand-in may be another row's value until that
/// row has its own; checks see only the last.
pub fn sqlite_masking(table: &QName, columns: &BTreeSet<Ident>) -> [Sql; 2] {
    let table = quote_name(table.name.as_str());
    let names: Vec<String> = columns.iter().map(|column| quote_name(column.as_str())).collect();
    let first = names.iter().map(|name| format!("{name} = char(1) || {FUNCTION}({name})"));
    let last = names.iter().map(|name| format!("{name} = substr({name}, 2)"));
    let (first, last): (Vec<_>, Vec<_>) = (first.collect(), last.collect());
    [
        Sql::new(format!(
            "PRAGMA secure_delete = ON; PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; \
             UPDATE {table} SET {}; PRAGMA ignore_check_constraints = OFF",
            first.join(", ")
        )),
        Sql::new(format!("UPDATE {table} SET {}", last.join(", "))),
    ]
}

fn hexadecimal(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn days(key: &[u8]) -> u32 {
    let digest = Sha256::digest([b"days", key].concat());
    1 + u32::from(u16::from_be_bytes([digest[0], digest[1]])) % 1000
}

/// Letters and digits, and what each becomes. Zero stays: a number that starts with another digit keeps doing so.
fn alphabet(key: &[u8]) -> (String, String) {
    let (mut plain, mut exchanged) = (String::new(), String::new());
    for group in ["abcdefghijklmnopqrstuvwxyz", "123456789"] {
        let mut letters: Vec<char> = group.chars().collect();
        letters.sort_by_key(|letter| {
            let mut hash = Sha256::new();
            hash.update(key);
            hash.update(letter.to_string());
            hash.finalize().to_vec()
        });
        // By one step at least, so that no letter stays what it is: each goes to its neighbour in the secret order.
        let next = letters.iter().cycle().skip(1);
        let pairs: Vec<(char, char)> = letters.iter().copied().zip(next.copied()).collect();
        for (before, after) in pairs {
            plain.push(before);
            exchanged.push(after);
            if before.is_ascii_lowercase() {
                plain.push(before.to_ascii_uppercase());
                exchanged.push(after.to_ascii_uppercase());
            }
        }
    }
    (plain, exchanged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_becomes_another_and_no_two_the_same() {
        let (plain, exchanged) = alphabet(b"secret");
        assert_eq!(plain.len(), 26 * 2 + 9);
        assert!(plain.chars().zip(exchanged.chars()).all(|(before, after)| before != after));
        let mut letters: Vec<char> = exchanged.chars().collect();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), plain.len());
        assert_eq!(alphabet(b"secret"), alphabet(b"secret"));
        assert_ne!(alphabet(b"secret"), alphabet(b"other"));
    }

    #[test]
    fn texts_keep_their_form() {
        let mask = Mask::of(b"k");
        assert_ne!(mask.stand_in("2024-02-29"), "2024-02-29");
        assert!(literal::date(&mask.stand_in("2024-02-29")).is_some());
        assert!(mask.stand_in("2024-02-29 10:00:00").ends_with(" 10:00:00"));
        assert!(is_uuid(&mask.stand_in("6f1ed002-ab5e-4b5a-8a0c-aa0f5d3e1c11")));
        let email = mask.stand_in("Ada.1@example.com");
        assert!(email.starts_with(|letter: char| letter.is_uppercase()), "{email}");
        assert_eq!(email.len(), "Ada.1@example.com".len());
        assert_eq!(email.find('@'), Some(5));
    }
}
