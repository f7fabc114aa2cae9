//! A reference evaluator with SQL's three-valued logic: the meaning that both engines are tested against.

use regex::Regex;

use super::pattern::{LikePart, like_parts, to_regex};
use super::{BinaryOp, Case, Expr, Function, IsTest, Polarity, ValueType, literal};

/// A value of a row. Dates, times, uuids, enum members and json are their canonical text.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(Decimal),
    Float(f64),
    Text(String),
}

/// An exact number: `units` divided by ten to the power of `scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    pub units: i128,
    pub scale: u32,
}

impl Decimal {
    pub fn whole(number: i64) -> Self {
        Decimal { units: i128::from(number), scale: 0 }
    }

    /// Reads digits with at most one point; `None` where they do not fit.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let units = format!("{whole}{fraction}").parse().ok()?;
        Some(Decimal { units, scale: u32::try_from(fraction.len()).ok()? })
    }

    fn aligned(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        let raise =
            |number: Decimal| number.units.checked_mul(10_i128.checked_pow(scale - number.scale)?);
        Some((raise(self)?, raise(other)?, scale))
    }
}

/// Evaluates an expression over a row. What has no value in the portable subset (overflow, the clock) is NULL.
pub fn eval(expr: &Expr, row: &dyn Fn(&[String]) -> Value) -> Value {
    match expr {
        Expr::Null => Value::Null,
        Expr::Bool(value) => Value::Bool(*value),
        Expr::Number(text) => Decimal::parse(text).map_or(Value::Null, Value::Number),
        Expr::Text(text) => Value::Text(text.clone()),
        Expr::Field(path) => row(path),
        Expr::Not(operand) => truth(as_bool(&eval(operand, row)).map(|value| !value)),
        Expr::Negate(operand) => match eval(operand, row) {
            Value::Number(Decimal { units, scale }) => {
                Value::Number(Decimal { units: -units, scale })
            }
            Value::Float(number) => Value::Float(-number),
            _ => Value::Null,
        },
        Expr::Binary(left, op, right) => binary(&eval(left, row), *op, &eval(right, row)),
        Expr::Is { operand, test, polarity } => {
            let value = eval(operand, row);
            let holds = match test {
                IsTest::Null => value == Value::Null,
                IsTest::True => value == Value::Bool(true),
                IsTest::False => value == Value::Bool(false),
            };
            truth(polar(Some(holds), *polarity))
        }
        Expr::Distinct { left, right, polarity } => {
            let (left, right) = (eval(left, row), eval(right, row));
            let same = match (&left, &right) {
                (Value::Null, Value::Null) => true,
                (left, right) => compare(left, right) == Some(std::cmp::Ordering::Equal),
            };
            truth(polar(Some(!same), *polarity))
        }
        Expr::In { operand, list, polarity } => {
            let operand = eval(operand, row);
            let found = list.iter().map(|item| equal(&operand, &eval(item, row)));
            truth(polar(found.fold(Some(false), or), *polarity))
        }
        Expr::Between { operand, low, high, polarity } => {
            let operand = eval(operand, row);
            let above = compare(&operand, &eval(low, row)).map(std::cmp::Ordering::is_ge);
            let below = compare(&operand, &eval(high, row)).map(std::cmp::Ordering::is_le);
            truth(polar(and(above, below), *polarity))
        }
        Expr::Like { operand, pattern, case, polarity } => {
            let found = text(&eval(operand, row)).and_then(|text| like(text, pattern, *case));
            truth(polar(found, *polarity))
        }
        Expr::Match { operand, pattern, case, polarity } => {
            let regex = Regex::new(&to_regex(pattern, *case)).ok();
            let value = eval(operand, row);
            let found = text(&value).zip(regex).map(|(text, regex)| regex.is_match(text));
            truth(polar(found, *polarity))
        }
        Expr::Case { branches, otherwise } => {
            let chosen = branches
                .iter()
                .find(|(test, _)| eval(test, row) == Value::Bool(true))
                .map(|(_, result)| result)
                .or(otherwise.as_deref());
            chosen.map_or(Value::Null, |result| eval(result, row))
        }
        Expr::Call(function, arguments) => {
            let values: Vec<Value> = arguments.iter().map(|argument| eval(argument, row)).collect();
            call(*function, &values)
        }
        Expr::Cast(operand, target) => cast(eval(operand, row), target),
        Expr::JsonText(operand, key) => json_text(&eval(operand, row), key),
        // What other rows say is asked of the row by the aggregate's own text.
        Expr::Aggregate { .. } => row(&[super::print::print(expr)]),
    }
}

fn truth(value: Option<bool>) -> Value {
    value.map_or(Value::Null, Value::Bool)
}

fn as_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn polar(value: Option<bool>, polarity: Polarity) -> Option<bool> {
    match polarity {
        Polarity::Positive => value,
        Polarity::Negative => value.map(|value| !value),
    }
}

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

fn equal(left: &Value, right: &Value) -> Option<bool> {
    compare(left, right).map(std::cmp::Ordering::is_eq)
}

/// Text is ordered by code point, which for UTF-8 is byte order.
fn compare(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Value::Number(left), Value::Number(right)) => {
            left.aligned(*right).map(|(left, right, _)| left.cmp(&right))
        }
        _ => float(left)?.partial_cmp(&float(right)?),
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Number(number) => Some(number.units as f64 / 10_f64.powi(number.scale as i32)),
        Value::Null | Value::Bool(_) | Value::Text(_) => None,
    }
}

fn binary(left: &Value, op: BinaryOp, right: &Value) -> Value {
    let ordering = || compare(left, right);
    match op {
        BinaryOp::And => truth(and(as_bool(left), as_bool(right))),
        BinaryOp::Or => truth(or(as_bool(left), as_bool(right))),
        BinaryOp::Equal => truth(ordering().map(std::cmp::Ordering::is_eq)),
        BinaryOp::NotEqual => truth(ordering().map(std::cmp::Ordering::is_ne)),
        BinaryOp::Less => truth(ordering().map(std::cmp::Ordering::is_lt)),
        BinaryOp::LessOrEqual => truth(ordering().map(std::cmp::Ordering::is_le)),
        BinaryOp::Greater => truth(ordering().map(std::cmp::Ordering::is_gt)),
        BinaryOp::GreaterOrEqual => truth(ordering().map(std::cmp::Ordering::is_ge)),
        BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply => arithmetic(left, op, right),
        BinaryOp::Concat => match (text(left), text(right)) {
            (Some(left), Some(right)) => Value::Text(format!("{left}{right}")),
            _ => Value::Null,
        },
        BinaryOp::AddDays => move_date(left, right, 1),
        BinaryOp::SubtractDays => move_date(left, right, -1),
        BinaryOp::DaysBetween => {
            let days = |value: &Value| text(value).and_then(literal::date);
            match (days(left), days(right)) {
                (Some(left), Some(right)) => Value::Number(Decimal::whole(left - right)),
                _ => Value::Null,
            }
        }
    }
}

fn arithmetic(left: &Value, op: BinaryOp, right: &Value) -> Value {
    if let (Value::Number(left), Value::Number(right)) = (left, right) {
        let exact = match op {
            BinaryOp::Multiply => left
                .units
                .checked_mul(right.units)
                .map(|units| Decimal { units, scale: left.scale + right.scale }),
            BinaryOp::Add => left.aligned(*right).and_then(|(left, right, scale)| {
                left.checked_add(right).map(|units| Decimal { units, scale })
            }),
            _ => left.aligned(*right).and_then(|(left, right, scale)| {
                left.checked_sub(right).map(|units| Decimal { units, scale })
            }),
        };
        return exact.map_or(Value::Null, Value::Number);
    }
    match (float(left), float(right)) {
        (Some(left), Some(right)) => Value::Float(match op {
            BinaryOp::Multiply => left * right,
            BinaryOp::Add => left + right,
            _ => left - right,
        }),
        _ => Value::Null,
    }
}

fn move_date(date: &Value, days: &Value, sign: i64) -> Value {
    match (text(date).and_then(literal::date), days) {
        (Some(date), Value::Number(Decimal { units, scale: 0 })) => match i64::try_from(*units) {
            Ok(days) => Value::Text(literal::civil_text(date + sign * days)),
            Err(_) => Value::Null,
        },
        _ => Value::Null,
    }
}

fn like(text: &str, pattern: &str, case: Case) -> Option<bool> {
    let fold = |one: char| match case {
        Case::Sensitive => one,
        Case::Insensitive => one.to_ascii_lowercase(),
    };
    let characters: Vec<char> = text.chars().map(fold).collect();
    let parts = like_parts(pattern)?;
    // `reached[n]`: the parts so far match the first n characters.
    let mut reached = vec![false; characters.len() + 1];
    reached[0] = true;
    for part in parts {
        let mut next = vec![false; characters.len() + 1];
        for (index, matched) in reached.iter().enumerate().filter(|(_, matched)| **matched) {
            debug_assert!(*matched);
            match part {
                LikePart::AnyMany => next[index..].fill(true),
                LikePart::AnyOne if index < characters.len() => next[index + 1] = true,
                LikePart::Character(one) if characters.get(index) == Some(&fold(one)) => {
                    next[index + 1] = true;
                }
                LikePart::AnyOne | LikePart::Character(_) => {}
            }
        }
        reached = next;
    }
    reached.last().copied()
}

fn call(function: Function, values: &[Value]) -> Value {
    let first = values.first().unwrap_or(&Value::Null);
    let of_text = |change: &dyn Fn(&str) -> Value| text(first).map_or(Value::Null, change);
    let known = || values.iter().filter(|value| **value != Value::Null).cloned();
    match function {
        Function::Coalesce => known().next().unwrap_or(Value::Null),
        Function::NullIf => match values {
            [left, right] if equal(left, right) == Some(true) => Value::Null,
            _ => first.clone(),
        },
        Function::Lower => of_text(&|text| Value::Text(text.to_ascii_lowercase())),
        Function::Upper => of_text(&|text| Value::Text(text.to_ascii_uppercase())),
        Function::Trim => of_text(&|text| Value::Text(text.trim_matches(' ').to_owned())),
        Function::Length => of_text(&|text| {
            Value::Number(Decimal { units: text.chars().count() as i128, scale: 0 })
        }),
        Function::Substr => of_text(&|text| {
            let count = |index: usize| match values.get(index) {
                Some(Value::Number(number)) => usize::try_from(number.units).ok(),
                _ => None,
            };
            let rest = text.chars().skip(count(1).unwrap_or(1).saturating_sub(1));
            Value::Text(rest.take(count(2).unwrap_or(usize::MAX)).collect())
        }),
        Function::Before | Function::After => match (text(first), values.get(1).and_then(text)) {
            (Some(whole), Some(mark)) => {
                let (before, after) = whole.split_once(mark).unwrap_or((whole, ""));
                let part = if function == Function::Before { before } else { after };
                Value::Text(part.to_owned())
            }
            (Some(_), None) | (None, _) => Value::Null,
        },
        Function::Least => {
            let lesser = |left: Value, right: Value| match compare(&left, &right) {
                Some(std::cmp::Ordering::Greater) => right,
                _ => left,
            };
            known().reduce(lesser).unwrap_or(Value::Null)
        }
        Function::Greatest => {
            let greater = |left: Value, right: Value| match compare(&left, &right) {
                Some(std::cmp::Ordering::Less) => right,
                _ => left,
            };
            known().reduce(greater).unwrap_or(Value::Null)
        }
        Function::Abs => match first {
            Value::Number(number) => {
                Value::Number(Decimal { units: number.units.abs(), scale: number.scale })
            }
            Value::Float(number) => Value::Float(number.abs()),
            Value::Null | Value::Bool(_) | Value::Text(_) => Value::Null,
        },
        // The evaluator is pure; row rules cannot name these.
        Function::Now | Function::Today | Function::Uuid => Value::Null,
    }
}

/// The casts of row rules; those of backfills are the engines' own.
fn cast(value: Value, target: &ValueType) -> Value {
    match (value, target) {
        (Value::Number(Decimal { units, scale: 0 }), ValueType::Text) => {
            Value::Text(units.to_string())
        }
        (Value::Bool(value), ValueType::Text) => Value::Text(value.to_string()),
        (value @ Value::Number(_), ValueType::Float) => {
            float(&value).map_or(Value::Null, Value::Float)
        }
        (value, _) => value,
    }
}

fn json_text(value: &Value, key: &str) -> Value {
    let object = text(value).and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    match object.as_ref().and_then(|object| object.get(key)) {
        None | Some(serde_json::Value::Null) => Value::Null,
        Some(serde_json::Value::String(text)) => Value::Text(text.clone()),
        Some(other) => Value::Text(other.to_string()),
    }
}
