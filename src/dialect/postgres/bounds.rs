//! The bounds of partitions, as the engine prints them, and which rows they take.

use super::quote::{literal, quote_name};
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, QName};

/// `FOR VALUES …` or `DEFAULT`, its values as they are printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Default,
    List(Vec<String>),
    Range { from: Vec<String>, to: Vec<String> },
    Hash { modulus: u64, remainder: u64 },
}

impl Bound {
    pub(super) fn parse(text: &str) -> Option<Bound> {
        if text == "DEFAULT" {
            return Some(Bound::Default);
        }
        let lists = lists(text);
        if text.starts_with("FOR VALUES IN ") {
            return Some(Bound::List(lists.into_iter().next()?));
        }
        if text.starts_with("FOR VALUES FROM ") {
            let mut lists = lists.into_iter();
            return Some(Bound::Range { from: lists.next()?, to: lists.next()? });
        }
        let parts = lists.into_iter().next()?;
        let number = |word: &str| {
            let part = parts.iter().find_map(|part| part.strip_prefix(word))?;
            part.trim().parse().ok()
        };
        Some(Bound::Hash { modulus: number("modulus")?, remainder: number("remainder")? })
    }

    /// Whether no row can be in both, as far as the printed values tell.
    pub(super) fn excludes(&self, other: &Bound) -> bool {
        match (self, other) {
            (Bound::List(left), Bound::List(right)) => {
                left.iter().all(|value| !right.contains(value))
            }
            (Bound::Range { from, to }, Bound::Range { from: other_from, to: other_to }) => {
                is_before_or_at(to, other_from) || is_before_or_at(other_to, from)
            }
            (
                Bound::Hash { modulus, remainder },
                Bound::Hash { modulus: other, remainder: other_remainder },
            ) => {
                // Both remainders are known modulo what the two have in common.
                let common = greatest_common_divisor(*modulus, *other).max(1);
                remainder % common != other_remainder % common
            }
            (_, _) => false,
        }
    }

    /// Whether every row of `self` fits in `other`, as far as the printed values tell.
    pub(super) fn is_within(&self, other: &Bound) -> bool {
        match (self, other) {
            (Bound::List(left), Bound::List(right)) => {
                left.iter().all(|value| right.contains(value))
            }
            (Bound::Range { from, to }, Bound::Range { from: other_from, to: other_to }) => {
                is_before_or_at(other_from, from) && is_before_or_at(to, other_to)
            }
            (
                Bound::Hash { modulus, remainder },
                Bound::Hash { modulus: other, remainder: other_remainder },
            ) => *other != 0 && modulus % other == 0 && remainder % other == *other_remainder,
            (_, _) => false,
        }
    }
}

fn greatest_common_divisor(left: u64, right: u64) -> u64 {
    if right == 0 { left } else { greatest_common_divisor(right, left % right) }
}

/// The parenthesized lists of a text, each split at its own commas.
fn lists(text: &str) -> Vec<Vec<String>> {
    let mut lists = Vec::new();
    let mut parts: Vec<String> = Vec::new();
    let mut depth = 0_usize;
    for token in tokenize(text, Dialect::Postgres) {
        if token.is_mark("(") {
            depth += 1;
            if depth == 1 {
                parts = vec![String::new()];
                continue;
            }
        } else if token.is_mark(")") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                let done = std::mem::take(&mut parts);
                lists.push(done.iter().map(|part| part.trim().to_owned()).collect());
                continue;
            }
        } else if token.is_mark(",") && depth == 1 {
            parts.push(String::new());
            continue;
        }
        if let (true, Some(part)) = (depth > 0, parts.last_mut()) {
            part.push_str(token.text);
        }
    }
    lists
}

/// Whether one end of a range comes before another or is the same, where the printed values can be compared.
fn is_before_or_at(left: &[String], right: &[String]) -> bool {
    for (left, right) in left.iter().zip(right) {
        if left == right {
            continue;
        }
        return match (left.as_str(), right.as_str()) {
            ("MINVALUE", _) | (_, "MAXVALUE") => true,
            ("MAXVALUE", _) | (_, "MINVALUE") => false,
            (left, right) => is_less(left, right),
        };
    }
    true
}

/// Whether a printed value is surely less than another: whole numbers, and dates and times of one format.
fn is_less(left: &str, right: &str) -> bool {
    let plain = |text: &str| text.trim_matches('\'').to_owned();
    let (left, right) = (plain(left), plain(right));
    if let (Ok(left), Ok(right)) = (left.parse::<i128>(), right.parse::<i128>()) {
        return left < right;
    }
    // A zone must be the same for the texts to be in order.
    let zone = |text: &str| text.get(19..).unwrap_or_default().to_owned();
    let is_date = |text: &str| {
        let bytes = text.as_bytes();
        bytes.len() >= 10
            && bytes[..4].iter().all(u8::is_ascii_digit)
            && bytes[4] == b'-'
            && bytes[7] == b'-'
            && !text.contains("BC")
    };
    is_date(&left)
        && is_date(&right)
        && left.len() == right.len()
        && zone(&left) == zone(&right)
        && left < right
}

/// What a partitioned table is partitioned by: plain columns and expressions, with the order of their types.
pub(super) struct Key {
    items: Vec<String>,
}

impl Key {
    /// `RANGE (at, lower(b))`; `None` where a collation or operator class makes another order.
    pub(super) fn parse(partition_by: &str) -> Option<Key> {
        let items = lists(partition_by).into_iter().next()?;
        let is_plain = |item: &String| {
            let tokens: Vec<Token<'_>> = tokenize(item, Dialect::Postgres);
            let mut depth = 0_i32;
            let mut words = 0;
            for token in &tokens {
                if token.is_mark("(") {
                    depth += 1;
                } else if token.is_mark(")") {
                    depth -= 1;
                } else if depth == 0 && token.name().is_some() {
                    words += 1;
                }
            }
            // A word after the first thing at the top is COLLATE or an operator class.
            words <= usize::from(!item.starts_with('(')) + item.matches('.').count()
        };
        items.iter().all(is_plain).then_some(Key { items })
    }

    /// The key over other columns; `None` where one of them has no other form.
    pub(super) fn converted(self, form: impl Fn(&str) -> Option<String>) -> Option<Key> {
        let items = self.items.iter().map(|item| form(item)).collect::<Option<_>>()?;
        Some(Key { items })
    }

    /// A condition over the columns of the table that is true for the rows of a partition, and never NULL.
    pub(super) fn takes(&self, bound: &Bound, parent: &QName) -> Option<String> {
        match bound {
            Bound::Default => None,
            Bound::List(values) => {
                let [item] = self.items.as_slice() else { return None };
                let has_null = values.iter().any(|value| value == "NULL");
                let rest: Vec<&str> =
                    values.iter().map(String::as_str).filter(|value| *value != "NULL").collect();
                let mut parts = Vec::new();
                if !rest.is_empty() {
                    parts.push(format!("coalesce({item} IN ({}), false)", rest.join(", ")));
                }
                if has_null {
                    parts.push(format!("{item} IS NULL"));
                }
                Some(format!("({})", parts.join(" OR ")))
            }
            Bound::Range { from, to } => {
                if from.len() != self.items.len() || to.len() != self.items.len() {
                    return None;
                }
                let lower = self.beyond(from, End::From);
                let upper = self.beyond(to, End::To);
                Some(format!("coalesce({lower} AND {upper}, false)"))
            }
            Bound::Hash { modulus, remainder } => Some(format!(
                "pg_catalog.satisfies_hash_partition({}::regclass, {modulus}, {remainder}, {})",
                literal(&quote_name(parent)),
                self.items.join(", ")
            )),
        }
    }

    /// Whether a row is on the right side of one end of a range; NULL where a column is.
    fn beyond(&self, values: &[String], end: End) -> String {
        let mut condition = match end {
            End::From => "true".to_owned(),
            End::To => "false".to_owned(),
        };
        for (item, value) in self.items.iter().zip(values).rev() {
            condition = match (value.as_str(), end) {
                ("MINVALUE", End::From) | ("MAXVALUE", End::To) => "true".to_owned(),
                ("MINVALUE", End::To) | ("MAXVALUE", End::From) => "false".to_owned(),
                (_, End::From) => {
                    format!("({item} > {value} OR ({item} = {value} AND {condition}))")
                }
                (_, End::To) => format!("({item} < {value} OR ({item} = {value} AND {condition}))"),
            };
        }
        condition
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    From,
    To,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str) -> Bound {
        Bound::parse(text).expect("a bound")
    }

    #[test]
    fn ranges_are_compared_where_their_values_can_be() {
        let year = |n: u32| bound(&format!("FOR VALUES FROM ('{n}-01-01') TO ('{}-01-01')", n + 1));
        assert!(year(2024).excludes(&year(2025)));
        assert!(!year(2024).excludes(&year(2024)));
        assert!(year(2024).is_within(&bound("FOR VALUES FROM (MINVALUE) TO ('2025-01-01')")));
        let text = |value: &str| bound(&format!("FOR VALUES FROM ('{value}') TO ('zzz')"));
        assert!(!text("B").is_within(&text("a")), "a collation may order them otherwise");
    }

    #[test]
    fn a_range_of_two_columns_is_in_the_order_of_rows() {
        let key = Key::parse("RANGE (a, lower(b))").expect("a key");
        let condition = key
            .takes(&bound("FOR VALUES FROM (1, MINVALUE) TO (5, 'x')"), &QName::new("public", "p"));
        assert_eq!(
            condition.as_deref(),
            Some(
                "coalesce((a > 1 OR (a = 1 AND true)) AND (a < 5 OR (a = 5 AND (lower(b) < 'x' OR (lower(b) = 'x' AND false)))), false)"
            )
        );
    }

    #[test]
    fn another_collation_is_not_compared() {
        assert!(Key::parse("RANGE (a COLLATE \"C\")").is_none());
        assert!(Key::parse("RANGE (a text_pattern_ops)").is_none());
        assert!(Key::parse("LIST (((a + 1)))").is_some());
        assert!(Key::parse("LIST (date_trunc('day'::text, a))").is_some());
    }

    #[test]
    fn a_hash_of_a_multiple_lies_within_its_factor() {
        let hash = |m, r| bound(&format!("FOR VALUES WITH (modulus {m}, remainder {r})"));
        assert!(hash(4, 3).is_within(&hash(2, 1)));
        assert!(hash(4, 3).excludes(&hash(2, 0)));
        assert!(!hash(2, 1).is_within(&hash(4, 3)));
        assert!(!hash(3, 2).excludes(&hash(2, 1)));
    }
}
