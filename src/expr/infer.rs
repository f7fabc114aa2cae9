//! Types of well-typed expressions, found again after parsing: printers need them where engines differ by type.

use super::lower::aggregate::sum_of;
use super::{Aggregate, BinaryOp, Expr, Function, ValueType};

/// The type at the end of a field path, where it is known.
pub type FieldType<'a> = &'a dyn Fn(&[String]) -> Option<ValueType>;

/// The type of an expression; `None` for a bare NULL or a field that is not known.
pub fn type_of(expr: &Expr, field: FieldType) -> Option<ValueType> {
    match expr {
        Expr::Null => None,
        Expr::Bool(_)
        | Expr::Not(_)
        | Expr::Is { .. }
        | Expr::Distinct { .. }
        | Expr::In { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::Match { .. } => Some(ValueType::Bool),
        Expr::Number(text) => Some(number_type(text)),
        Expr::Text(_) | Expr::JsonText(..) => Some(ValueType::Text),
        Expr::Field(path) => field(path),
        Expr::Negate(operand) => type_of(operand, field),
        Expr::Binary(left, op, right) => binary(left, *op, right, field),
        Expr::Case { branches, otherwise } => common_type(
            branches.iter().map(|(_, result)| result).chain(otherwise.as_deref()),
            field,
        ),
        Expr::Call(function, arguments) => call(*function, arguments, field),
        Expr::Cast(_, value) => Some(value.clone()),
        Expr::Aggregate { function: Aggregate::Count, .. } => Some(ValueType::Int),
        Expr::Aggregate { function: Aggregate::Sum, argument, .. } => {
            sum_of(&type_of(argument.as_deref()?, field)?)
        }
        Expr::Aggregate { function: Aggregate::Min | Aggregate::Max, argument, .. } => {
            type_of(argument.as_deref()?, field)
        }
    }
}

/// The type that several operands share: that of the first which is not a literal, numbers widened.
pub fn common_type<'a>(
    operands: impl IntoIterator<Item = &'a Expr>,
    field: FieldType,
) -> Option<ValueType> {
    let mut literal = None;
    let mut common: Option<ValueType> = None;
    for operand in operands {
        let Some(value) = type_of(operand, field) else { continue };
        if value == ValueType::Text && is_text_literal(operand) {
            literal = Some(value);
            continue;
        }
        common = match common {
            None => Some(value),
            Some(known) => Some(wider(&known, &value).unwrap_or(known)),
        };
    }
    common.or(literal)
}

/// Whether the value is made of quoted literals only, and so takes the type of the other side.
pub fn is_text_literal(expr: &Expr) -> bool {
    let literal_or_null = |expr: &Expr| matches!(expr, Expr::Null) || is_text_literal(expr);
    match expr {
        Expr::Text(_) => true,
        Expr::Case { branches, otherwise } => {
            let results = || branches.iter().map(|(_, result)| result).chain(otherwise.as_deref());
            results().all(literal_or_null) && results().any(is_text_literal)
        }
        Expr::Call(Function::Coalesce | Function::Least | Function::Greatest, arguments) => {
            arguments.iter().all(is_text_literal)
        }
        Expr::Null
        | Expr::Bool(_)
        | Expr::Number(_)
        | Expr::Field(_)
        | Expr::Not(_)
        | Expr::Negate(_)
        | Expr::Binary(..)
        | Expr::Is { .. }
        | Expr::Distinct { .. }
        | Expr::In { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::Match { .. }
        | Expr::Call(..)
        | Expr::Cast(..)
        | Expr::JsonText(..)
        | Expr::Aggregate { .. } => false,
    }
}

/// The type that holds both, if both are numbers or both the same.
pub fn wider(left: &ValueType, right: &ValueType) -> Option<ValueType> {
    use ValueType::{Decimal, Float, Int, Int32};
    match (left, right) {
        (left, right) if left == right => Some(left.clone()),
        (Float, Int | Int32 | Decimal { .. }) | (Int | Int32 | Decimal { .. }, Float) => {
            Some(Float)
        }
        (Int, Int32) | (Int32, Int) => Some(Int),
        (Decimal { precision, scale }, Int | Int32)
        | (Int | Int32, Decimal { precision, scale }) => {
            Some(Decimal { precision: *precision, scale: *scale })
        }
        (
            Decimal { precision, scale },
            Decimal { precision: other_precision, scale: other_scale },
        ) => {
            let scale_max = *scale.max(other_scale);
            let whole = (precision - scale).max(other_precision - other_scale);
            Some(Decimal { precision: whole + scale_max, scale: scale_max })
        }
        _ => None,
    }
}

/// The type of a number as written: `5` is int, `5.0` is decimal.
pub fn number_type(text: &str) -> ValueType {
    match text.split_once('.') {
        None if text.len() <= 18 => ValueType::Int,
        None => ValueType::Decimal { precision: length(text), scale: 0 },
        Some((whole, fraction)) => {
            let scale = length(fraction);
            ValueType::Decimal { precision: length(whole) + scale, scale }
        }
    }
}

fn length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX / 4)
}

fn binary(left: &Expr, op: BinaryOp, right: &Expr, field: FieldType) -> Option<ValueType> {
    match op {
        BinaryOp::And
        | BinaryOp::Or
        | BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessOrEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterOrEqual => Some(ValueType::Bool),
        BinaryOp::Concat => Some(ValueType::Text),
        BinaryOp::AddDays | BinaryOp::SubtractDays => Some(ValueType::Date),
        BinaryOp::DaysBetween => Some(ValueType::Int),
        BinaryOp::Add | BinaryOp::Subtract => common_type([left, right], field),
        BinaryOp::Multiply => product(type_of(left, field)?, type_of(right, field)?),
    }
}

fn product(left: ValueType, right: ValueType) -> Option<ValueType> {
    match (&left, &right) {
        (
            ValueType::Decimal { precision, scale },
            ValueType::Decimal { precision: other_precision, scale: other_scale },
        ) => Some(ValueType::Decimal {
            precision: precision + other_precision,
            scale: scale + other_scale,
        }),
        _ => wider(&left, &right),
    }
}

fn call(function: Function, arguments: &[Expr], field: FieldType) -> Option<ValueType> {
    match function {
        Function::Coalesce | Function::Least | Function::Greatest => common_type(arguments, field),
        Function::NullIf | Function::Abs => type_of(arguments.first()?, field),
        Function::Lower
        | Function::Upper
        | Function::Trim
        | Function::Substr
        | Function::Before
        | Function::After => Some(ValueType::Text),
        Function::Length => Some(ValueType::Int),
        Function::Now => Some(ValueType::Timestamp),
        Function::Today => Some(ValueType::Date),
        Function::Uuid => Some(ValueType::Uuid),
    }
}
