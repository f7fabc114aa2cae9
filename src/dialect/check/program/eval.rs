//! What a program answers to a row: SQL's three-valued logic over typed values.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::Regex;

use super::kind::Kind;
use super::value::{Doubt, Number, Value};
use super::written::whole as whole_of;

/// The cells of one row in the server's binary form.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    pub bytes: &'a [u8],
    /// Where each cell stands in the bytes; `None` is NULL.
    pub cells: &'a [Option<(u32, u32)>],
}

impl<'a> Row<'a> {
    /// The bytes of a cell; `None` is NULL.
    pub fn cell(&self, at: usize) -> Option<&'a [u8]> {
        let (start, end) = (*self.cells.get(at)?)?;
        self.bytes.get(start as usize..end as usize)
    }
}

/// A typed expression. Both sides of what is compared are of one kind.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Constant(Constant),
    Column(usize, Kind),
    /// A whole number that is written as a text; NULL where the text is none.
    Written(usize, Kind),
    /// Whether a text is no number of the kind.
    IsMisfit(usize, Kind),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Compare(Box<Node>, Comparison, Box<Node>),
    Distinct(Box<Node>, Box<Node>),
    IsNull(Box<Node>),
    /// Whether it is this truth value, never NULL.
    IsTruth(Box<Node>, bool),
    /// Equal to one of some constants that are not NULL.
    OneOf(Box<Node>, Vec<Constant>),
    Match(Box<Node>, Regex),
    Case(Vec<(Node, Node)>, Box<Node>),
    Coalesce(Vec<Node>),
    NullIf(Box<Node>, Box<Node>),
    Extreme(Extreme, Vec<Node>),
    Arithmetic(Box<Node>, Arithmetic, Box<Node>, Kind),
    Negate(Box<Node>, Kind),
    Absolute(Box<Node>, Kind),
    Convert(Box<Node>, Conversion),
    Text(TextCall, Vec<Node>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Whole(i64),
    Number(Number),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extreme {
    Least,
    Greatest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    /// Of whole numbers only.
    Divide,
    Remainder,
    /// A day and a number of days.
    AddDays,
    SubtractDays,
    /// Two days.
    DaysBetween,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    ToNumber,
    ToFloat,
    /// A whole number or a truth value as text.
    ToText,
    /// Into the bounds of a kind of whole numbers.
    Into(Kind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextCall {
    Length,
    Octets,
    /// Of ASCII letters: in collation `C`.
    Lower,
    Upper,
    Trim,
    TrimLeft,
    TrimRight,
    Substring,
    Position,
    StartsWith,
    Concat,
}

impl Constant {
    fn value(&self) -> Value<'_> {
        match self {
            Constant::Null => Value::Null,
            Constant::Bool(truth) => Value::Bool(*truth),
            Constant::Whole(number) => Value::Whole(*number),
            Constant::Number(number) => Value::Number(*number),
            Constant::Float(number) => Value::Float(*number),
            Constant::Text(text) => Value::Text(Cow::Borrowed(text)),
            Constant::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

impl Node {
    /// The value for a row.
    pub(super) fn value<'a>(&'a self, row: Row<'a>) -> Result<Value<'a>, Doubt> {
        Ok(match self {
            Node::Constant(constant) => constant.value(),
            Node::Column(at, kind) => match row.cell(*at) {
                Some(bytes) => Value::read(kind, bytes)?,
                None => Value::Null,
            },
            Node::Written(at, kind) => row
                .cell(*at)
                .and_then(|text| whole_of(text, kind))
                .map_or(Value::Null, Value::Whole),
            Node::Not(_)
            | Node::And(..)
            | Node::Or(..)
            | Node::Compare(..)
            | Node::Distinct(..)
            | Node::IsNull(_)
            | Node::IsTruth(..)
            | Node::OneOf(..)
            | Node::IsMisfit(..)
            | Node::Match(..) => self.truth(row)?.map_or(Value::Null, Value::Bool),
            Node::Case(branches, otherwise) => {
                for (test, result) in branches {
                    if test.truth(row)? == Some(true) {
                        return result.value(row);
                    }
                }
                otherwise.value(row)?
            }
            Node::Coalesce(list) => first_known(list, row)?,
            Node::NullIf(left, right) => {
                let (left, right) = (left.value(row)?, right.value(row)?);
                match ordering(&left, &right)? {
                    Some(Ordering::Equal) => Value::Null,
                    Some(_) | None => left,
                }
            }
            Node::Extreme(which, list) => extreme(*which, list, row)?,
            Node::Arithmetic(left, how, right, kind) => {
                arithmetic(&left.value(row)?, *how, &right.value(row)?, kind)?
            }
            Node::Negate(operand, kind) => match operand.value(row)? {
                Value::Whole(number) => bounded(number.checked_neg(), kind)?,
                Value::Number(number) => Value::Number(number.negated()?),
                Value::Float(number) => Value::Float(-number),
                Value::Null => Value::Null,
                _ => return Err(Doubt),
            },
            Node::Absolute(operand, kind) => match operand.value(row)? {
                Value::Whole(number) => bounded(number.checked_abs(), kind)?,
                Value::Number(number) => Value::Number(number.absolute()?),
                Value::Float(number) => Value::Float(number.abs()),
                Value::Null => Value::Null,
                _ => return Err(Doubt),
            },
            Node::Convert(operand, conversion) => converted(operand.value(row)?, conversion)?,
            Node::Text(call, arguments) => text_call(*call, arguments, row)?,
        })
    }

    /// The truth value for a row; `None` is NULL.
    pub(super) fn truth(&self, row: Row<'_>) -> Result<Option<bool>, Doubt> {
        match self {
            Node::Not(operand) => Ok(operand.truth(row)?.map(|truth| !truth)),
            // The right side is not looked at where the left one decides, as the server does.
            Node::And(left, right) => match left.truth(row)? {
                Some(false) => Ok(Some(false)),
                Some(true) => right.truth(row),
                None => Ok(right.truth(row)?.filter(|truth| !truth)),
            },
            Node::Or(left, right) => match left.truth(row)? {
                Some(true) => Ok(Some(true)),
                Some(false) => right.truth(row),
                None => Ok(right.truth(row)?.filter(|truth| *truth)),
            },
            Node::Compare(left, how, right) => {
                let found = ordering(&left.value(row)?, &right.value(row)?)?;
                Ok(found.map(|ordering| how.holds(ordering)))
            }
            Node::Distinct(left, right) => {
                let (left, right) = (left.value(row)?, right.value(row)?);
                Ok(Some(match (&left, &right) {
                    (Value::Null, Value::Null) => false,
                    (left, right) => ordering(left, right)? != Some(Ordering::Equal),
                }))
            }
            Node::IsNull(operand) => Ok(Some(match &**operand {
                // Not read: a value that is not known exactly is there all the same.
                Node::Column(at, _) => row.cell(*at).is_none(),
                other => other.value(row)? == Value::Null,
            })),
            Node::IsTruth(operand, wanted) => Ok(Some(operand.truth(row)? == Some(*wanted))),
            Node::OneOf(operand, constants) => match operand.value(row)? {
                Value::Null => Ok(None),
                value => {
                    for constant in constants {
                        if value.compare(&constant.value())? == Ordering::Equal {
                            return Ok(Some(true));
                        }
                    }
                    Ok(Some(false))
                }
            },
            Node::IsMisfit(at, kind) => {
                Ok(row.cell(*at).map(|text| whole_of(text, kind).is_none()))
            }
            Node::Match(operand, regex) => match operand.value(row)? {
                Value::Null => Ok(None),
                value => Ok(Some(regex.is_match(value.text()?))),
            },
            other => match other.value(row)? {
                Value::Null => Ok(None),
                Value::Bool(truth) => Ok(Some(truth)),
                _ => Err(Doubt),
            },
        }
    }
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// `None` where one of them is NULL.
fn ordering(left: &Value<'_>, right: &Value<'_>) -> Result<Option<Ordering>, Doubt> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(None),
        (left, right) => left.compare(right).map(Some),
    }
}

fn first_known<'a>(list: &'a [Node], row: Row<'a>) -> Result<Value<'a>, Doubt> {
    for node in list {
        let value = node.value(row)?;
        if value != Value::Null {
            return Ok(value);
        }
    }
    Ok(Value::Null)
}

/// NULLs are passed over. Source: manual section 9.18.4.
fn extreme<'a>(which: Extreme, list: &'a [Node], row: Row<'a>) -> Result<Value<'a>, Doubt> {
    let mut found = Value::Null;
    for node in list {
        let value = node.value(row)?;
        let is_better = match (ordering(&value, &found)?, which) {
            (None, _) => found == Value::Null,
            (Some(ordering), Extreme::Least) => ordering.is_lt(),
            (Some(ordering), Extreme::Greatest) => ordering.is_gt(),
        };
        if is_better {
            found = value;
        }
    }
    Ok(found)
}

/// A whole number within the bounds of its kind; beyond them the server stops with an error.
fn bounded<'a>(number: Option<i64>, kind: &Kind) -> Result<Value<'a>, Doubt> {
    let (number, (least, most)) = (number.ok_or(Doubt)?, kind.bounds().ok_or(Doubt)?);
    if (least..=most).contains(&number) { Ok(Value::Whole(number)) } else { Err(Doubt) }
}

fn arithmetic<'a>(
    left: &Value<'_>,
    how: Arithmetic,
    right: &Value<'_>,
    kind: &Kind,
) -> Result<Value<'a>, Doubt> {
    match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Whole(left), Value::Whole(right)) => whole(*left, how, *right, kind),
        (Value::Number(left), Value::Number(right)) => Ok(Value::Number(match how {
            Arithmetic::Add => left.combine(*right, i128::checked_add)?,
            Arithmetic::Subtract => left.combine(*right, i128::checked_sub)?,
            Arithmetic::Multiply => left.times(*right)?,
            _ => return Err(Doubt),
        })),
        (Value::Float(left), Value::Float(right)) => {
            let result = match how {
                Arithmetic::Add => left + right,
                Arithmetic::Subtract => left - right,
                Arithmetic::Multiply => left * right,
                _ => return Err(Doubt),
            };
            // Overflow and underflow are errors of the server.
            let is_lost = result == 0.0 && how == Arithmetic::Multiply;
            let is_plain = result.is_finite() && (!is_lost || *left == 0.0 || *right == 0.0);
            if is_plain { Ok(Value::Float(result)) } else { Err(Doubt) }
        }
        _ => Err(Doubt),
    }
}

fn whole<'a>(left: i64, how: Arithmetic, right: i64, kind: &Kind) -> Result<Value<'a>, Doubt> {
    let result = match how {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide => left.checked_div(right),
        Arithmetic::Remainder => left.checked_rem(right),
        Arithmetic::AddDays | Arithmetic::SubtractDays => {
            let right = if how == Arithmetic::AddDays { right } else { -right };
            return day(left)?.checked_add(right).ok_or(Doubt).and_then(day).map(Value::Whole);
        }
        Arithmetic::DaysBetween => return Ok(Value::Whole(day(left)? - day(right)?)),
    };
    bounded(result, kind)
}

/// A day that the server can hold and that is not infinity: 4713 BC to 5874897 AD. Source: manual section 8.5.
fn day(day: i64) -> Result<i64, Doubt> {
    if (-2_451_545..2_145_031_949).contains(&day) { Ok(day) } else { Err(Doubt) }
}

fn converted<'a>(value: Value<'a>, conversion: &Conversion) -> Result<Value<'a>, Doubt> {
    Ok(match (conversion, value) {
        (_, Value::Null) => Value::Null,
        (Conversion::ToNumber, Value::Whole(number)) => Value::Number(Number::whole(number)),
        (Conversion::ToFloat, Value::Whole(number)) => Value::Float(number as f64),
        (Conversion::ToFloat, Value::Number(number)) => Value::Float(number.float()?),
        (Conversion::ToText, Value::Whole(number)) => Value::Text(number.to_string().into()),
        (Conversion::ToText, Value::Bool(truth)) => {
            Value::Text(Cow::Borrowed(if truth { "true" } else { "false" }))
        }
        (Conversion::Into(kind), Value::Whole(number)) => bounded(Some(number), kind)?,
        // Only plain digits: what else the server reads differs from version to version.
        (Conversion::Into(kind), Value::Text(text)) => {
            let digits = text.strip_prefix('-').unwrap_or(&text);
            let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            bounded(text.parse().ok().filter(|_| is_plain), kind)?
        }
        (_, _) => return Err(Doubt),
    })
}

fn text_call<'a>(call: TextCall, arguments: &'a [Node], row: Row<'a>) -> Result<Value<'a>, Doubt> {
    let mut values = Vec::with_capacity(3);
    for argument in arguments {
        values.push(argument.value(row)?);
    }
    if values.contains(&Value::Null) {
        return Ok(Value::Null);
    }
    let Some(Value::Text(text)) = values.first() else { return Err(Doubt) };
    let second = || values.get(1).ok_or(Doubt).and_then(Value::text);
    let number = |at: usize| match values.get(at) {
        Some(Value::Whole(number)) => Ok(*number),
        _ => Err(Doubt),
    };
    Ok(match call {
        TextCall::Length => Value::Whole(length(text)),
        TextCall::Octets => Value::Whole(text.len() as i64),
        TextCall::Lower => Value::Text(text.to_ascii_lowercase().into()),
        TextCall::Upper => Value::Text(text.to_ascii_uppercase().into()),
        TextCall::Trim | TextCall::TrimLeft | TextCall::TrimRight => {
            let set = if values.len() > 1 { second()? } else { " " };
            let is_in = |one: char| set.contains(one);
            let trimmed = match call {
                TextCall::TrimLeft => text.trim_start_matches(is_in),
                TextCall::TrimRight => text.trim_end_matches(is_in),
                _ => text.trim_matches(is_in),
            };
            Value::Text(trimmed.to_owned().into())
        }
        TextCall::Substring => {
            let count = if values.len() > 2 { Some(number(2)?) } else { None };
            Value::Text(substring(text, number(1)?, count)?.to_owned().into())
        }
        TextCall::Position => {
            let found = text.find(second()?);
            Value::Whole(found.map_or(0, |at| length(&text[..at]) + 1))
        }
        TextCall::StartsWith => Value::Bool(text.starts_with(second()?)),
        TextCall::Concat => Value::Text(format!("{text}{}", second()?).into()),
    })
}

fn length(text: &str) -> i64 {
    if text.is_ascii() { text.len() as i64 } else { text.chars().count() as i64 }
}

/// Characters count from 1; a place before the text counts as one of the characters that are taken. Source: manual section
/// 9.4, `substr`; `text_substring` in `varlena.c`.
fn substring(text: &str, from: i64, count: Option<i64>) -> Result<&str, Doubt> {
    let end = match count {
        Some(count) if count < 0 => return Err(Doubt), // an error of the server
        Some(count) => from.saturating_add(count),
        None => i64::MAX,
    };
    let place = |at: i64| {
        let skipped = usize::try_from(at.saturating_sub(1)).unwrap_or(0);
        text.char_indices().nth(skipped).map_or(text.len(), |(at, _)| at)
    };
    let (start, end) = (place(from), place(end));
    Ok(text.get(start..end.max(start)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_substring_counts_places_before_the_text() {
        assert_eq!(substring("abcdef", 2, Some(3)), Ok("bcd"));
        assert_eq!(substring("abcdef", -1, Some(3)), Ok("a"));
        assert_eq!(substring("abcdef", -5, Some(3)), Ok(""));
        assert_eq!(substring("äöü", 2, None), Ok("öü"));
        assert_eq!(substring("ab", 9, Some(1)), Ok(""));
        assert_eq!(substring("ab", 1, Some(-1)), Err(Doubt));
    }

    #[test]
    fn days_that_the_server_cannot_hold_are_not_told() {
        assert_eq!(whole(1, Arithmetic::AddDays, 2, &Kind::Int4), Ok(Value::Whole(3)));
        assert_eq!(whole(1, Arithmetic::AddDays, i64::MAX, &Kind::Int4), Err(Doubt));
        assert_eq!(whole(i64::from(i32::MAX), Arithmetic::DaysBetween, 1, &Kind::Int4), Err(Doubt));
        assert_eq!(whole(7, Arithmetic::Divide, 0, &Kind::Int4), Err(Doubt));
        assert_eq!(whole(i64::from(i32::MAX), Arithmetic::Add, 1, &Kind::Int4), Err(Doubt));
    }
}
