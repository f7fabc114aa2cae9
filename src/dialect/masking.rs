//! Values in the place of personal ones: the same value always becomes the same other value of the same shape, and
//! different values stay different, so that keys, joins and rules about shape stay true.

use sha2::{Digest, Sha256};

use super::sampling::{CopiedColumn, ValueKind};
use super::session::{quote_name, quote_text};

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
}
