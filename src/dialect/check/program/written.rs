//! Whole numbers that are written as texts: which texts are one, as `dialect/castability.rs` has it for the server.

use super::kind::Kind;

/// White space that `int8in` and its kin pass over.
const SPACE: [u8; 6] = [b' ', b'\t', b'\n', 0x0b, 0x0c, b'\r'];

/// Longer texts are none: the server is not asked to look at them either.
const OCTETS_MAX: usize = 1000;

/// The number that a text of a kind is, or `None`: digits with a sign before them, and white space around, within the bounds of the kind.
pub(super) fn whole(text: &[u8], kind: &Kind) -> Option<i64> {
    let (least, most) = kind.bounds()?;
    if text.len() > OCTETS_MAX {
        return None;
    }
    let start = text.iter().position(|byte| !SPACE.contains(byte))?;
    let end = text.iter().rposition(|byte| !SPACE.contains(byte))?;
    let (is_negative, digits) = match &text[start..=end] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number = 0_i128;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        // Beyond any of the kinds it only has to stay there.
        number = (number * 10 + i128::from(byte - b'0')).min(i128::from(u64::MAX));
    }
    let number = if is_negative { -number } else { number };
    i64::try_from(number).ok().filter(|number| (least..=most).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_numbers_where_the_server_reads_them_so() {
        let read = |text: &str, kind: Kind| whole(text.as_bytes(), &kind);
        assert_eq!(read("42", Kind::Int4), Some(42));
        assert_eq!(read(" \t\u{b}-0042\r\n", Kind::Int4), Some(-42));
        assert_eq!(read("+7", Kind::Int2), Some(7));
        assert_eq!(read("2147483647", Kind::Int4), Some(2_147_483_647));
        assert_eq!(read("2147483648", Kind::Int4), None);
        assert_eq!(read("-9223372036854775808", Kind::Int8), Some(i64::MIN));
        assert_eq!(read("9223372036854775808", Kind::Int8), None);
        assert_eq!(read(&format!("{}5", "0".repeat(900)), Kind::Int8), Some(5));
        assert_eq!(read(&"9".repeat(1000), Kind::Int8), None);
        assert_eq!(read(&format!("{}5", "0".repeat(1000)), Kind::Int8), None);
        for other in ["", " ", "-", "+-1", "1 2", "1.0", "1e3", "0x1F", "1_000", "\u{a0}1", "١"] {
            assert_eq!(read(other, Kind::Int8), None, "{other:?}");
        }
    }
}
