//! Whether a parsed expression is grouped as the server groups it.
//!
//! Two parsers may bind operators differently. A tree is taken only where each operator that stands in another without
//! parentheses binds tighter in PostgreSQL, so that no other grouping is possible. Source: manual section 4.1.6.

use sqlparser::ast::{BinaryOperator, CastKind, Expr, UnaryOperator};

/// How tightly an expression binds, loosest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Not,
    /// Comparisons, IS, IN, BETWEEN, LIKE.
    Test,
    /// `||`, `~`, `->>` and all other operators.
    Other,
    Add,
    Multiply,
    Sign,
    /// COLLATE, `::`.
    Suffix,
    Whole,
}

/// Whether the operands of an expression can only be its operands.
pub(super) fn is_certain(tree: &Expr) -> bool {
    let own = level(tree);
    let tighter = |operand: &Expr| level(operand) > own;
    match tree {
        Expr::BinaryOp { left, op, right } => {
            let may_chain = matches!(
                op,
                BinaryOperator::And
                    | BinaryOperator::Or
                    | BinaryOperator::Plus
                    | BinaryOperator::Minus
                    | BinaryOperator::Multiply
                    | BinaryOperator::Divide
                    | BinaryOperator::Modulo
                    | BinaryOperator::StringConcat
            );
            let chained = may_chain && level(left) == own && !is_unlike(left, op);
            (chained || tighter(left)) && tighter(right)
        }
        Expr::UnaryOp { expr, .. }
        | Expr::Collate { expr, .. }
        | Expr::Cast { kind: CastKind::DoubleColon, expr, .. } => tighter(expr),
        Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotUnknown(inner)
        | Expr::InList { expr: inner, .. } => tighter(inner),
        Expr::Like { expr, pattern, .. } | Expr::ILike { expr, pattern, .. } => {
            tighter(expr) && tighter(pattern)
        }
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
            tighter(left) && tighter(right)
        }
        Expr::Between { expr, low, high, .. } => tighter(expr) && tighter(low) && tighter(high),
        Expr::AnyOp { left, .. } | Expr::AllOp { left, .. } => tighter(left),
        _ => true,
    }
}

/// `a ~ b || c`: of one level, and not of one kind.
fn is_unlike(operand: &Expr, op: &BinaryOperator) -> bool {
    match operand {
        Expr::BinaryOp { op: own, .. } => level_of(op) == Level::Other && own != op,
        _ => true,
    }
}

fn level_of(op: &BinaryOperator) -> Level {
    match op {
        BinaryOperator::Or => Level::Or,
        BinaryOperator::And => Level::And,
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq => Level::Test,
        BinaryOperator::Plus | BinaryOperator::Minus => Level::Add,
        BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Modulo => {
            Level::Multiply
        }
        _ => Level::Other,
    }
}

fn level(tree: &Expr) -> Level {
    match tree {
        Expr::BinaryOp { op, .. } => level_of(op),
        Expr::UnaryOp { op: UnaryOperator::Not, .. } => Level::Not,
        Expr::UnaryOp { .. } => Level::Sign,
        Expr::Collate { .. } | Expr::Cast { kind: CastKind::DoubleColon, .. } => Level::Suffix,
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Nested(_)
        | Expr::Value(_)
        | Expr::Function(_)
        | Expr::Case { .. }
        | Expr::Cast { .. }
        | Expr::Substring { .. }
        | Expr::Position { .. }
        | Expr::Trim { .. }
        | Expr::Array(_) => Level::Whole,
        _ => Level::Test,
    }
}
