//! The one place where the model calls the expression language.

use crate::expr::parse::{Purpose, parse, parse_for};
use crate::expr::{Expr, ExprError, Scope, ValueType, types};

/// What an expression is for; decides which functions and fields it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// True or false of one row.
    RowRule,
    /// The same with references and aggregates, for queries only.
    PathRule,
    /// A value for a field of that type, in rows that exist already.
    Backfill(Option<ValueType>),
    /// A key of an index.
    Index,
    /// A generated column of that type.
    Generated(Option<ValueType>),
}

/// Reads and checks an expression.
///
/// # Errors
/// Everything wrong with it, with spans that count bytes of `text`.
pub fn check(text: &str, scope: &dyn Scope, purpose: &Use) -> Result<Expr, Vec<ExprError>> {
    let typed = match purpose {
        Use::RowRule => parse(text, scope, Purpose::RowRule),
        Use::PathRule => parse(text, scope, Purpose::PathRule),
        Use::Index | Use::Generated(None) => parse(text, scope, Purpose::Index),
        Use::Generated(Some(target)) => parse_for(text, scope, Purpose::Index, target),
        Use::Backfill(None) => parse(text, scope, Purpose::Backfill),
        Use::Backfill(Some(target)) => parse_for(text, scope, Purpose::Backfill, target),
    };
    typed.map(|typed| typed.expr)
}

/// Reads a portable type: `int`, `decimal(12,2)`.
///
/// # Errors
/// What is wrong, with "did you mean".
pub fn value_type(text: &str) -> Result<ValueType, String> {
    types::parse_type(text)
}

/// Checks a pattern against the subset that both engines and the verifier agree on.
///
/// # Errors
/// What is not portable.
pub fn pattern(text: &str) -> Result<(), String> {
    crate::expr::pattern::check(text)
}
