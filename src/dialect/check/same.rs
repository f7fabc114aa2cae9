//! Whether two conditions are the same although different hands wrote them: ours in a model, PostgreSQL's in its catalog.
//!
//! Both are parsed, and what PostgreSQL adds or rewrites when it stores a condition is taken back: parentheses, casts of
//! literals to the column's type, `= ANY (ARRAY[…])` for `IN`, `~~` for `LIKE`, two comparisons for `BETWEEN`. Whatever is
//! not known here stays as it is written, so that in doubt two conditions differ, and are both asked.
//! Source: `ruleutils.c` of PostgreSQL.

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

/// Whether two conditions of PostgreSQL say the same.
pub(super) fn is_same_condition(left: &str, right: &str) -> bool {
    left == right || matches!((normal(left), normal(right)), (Some(l), Some(r)) if l == r)
}

/// A key in one spelling, or as it is where it cannot be read.
pub(super) fn spelled(key: &str) -> String {
    normal(key).unwrap_or_else(|| key.to_owned())
}

/// The condition in one spelling; `None` where it cannot be read.
fn normal(text: &str) -> Option<String> {
    let mut parser =
        Parser::new(&PostgreSqlDialect {}).with_recursion_limit(60).try_with_sql(text).ok()?;
    let tree = parser.parse_expr().ok()?;
    (parser.peek_token().token == Token::EOF).then(|| told(&tree))
}

fn told(tree: &Expr) -> String {
    match tree {
        Expr::Nested(inner) => told(inner),
        Expr::Identifier(name) => match name.quote_style {
            Some(_) => format!("\"{}\"", name.value),
            None => format!("\"{}\"", name.value.to_lowercase()),
        },
        Expr::Value(value) => literal(&value.value),
        Expr::Cast { expr, data_type, .. } => cast(expr, &data_type.to_string().to_lowercase()),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => list(tree, left, right, "and"),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => list(tree, left, right, "or"),
        Expr::BinaryOp { left, op, right } => {
            let sign = match op.to_string().as_str() {
                "!=" => "<>".to_owned(),
                other => other.to_lowercase(),
            };
            format!("({} {sign} {})", told(left), told(right))
        }
        Expr::UnaryOp { op, expr } => match (op.to_string().as_str(), told(expr)) {
            ("-", number) if number.starts_with(|c: char| c.is_ascii_digit()) => {
                format!("-{number}")
            }
            (op, inner) => format!("({} {inner})", op.to_lowercase()),
        },
        Expr::IsNull(inner) => format!("({} is null)", told(inner)),
        Expr::IsNotNull(inner) => format!("({} is not null)", told(inner)),
        Expr::IsTrue(inner) => format!("({} is true)", told(inner)),
        Expr::IsNotTrue(inner) => format!("({} is not true)", told(inner)),
        Expr::IsFalse(inner) => format!("({} is false)", told(inner)),
        Expr::IsNotFalse(inner) => format!("({} is not false)", told(inner)),
        Expr::IsDistinctFrom(left, right) => {
            format!("({} is distinct from {})", told(left), told(right))
        }
        Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
            matched(*negated, "~~", expr, pattern)
        }
        Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
            matched(*negated, "~~*", expr, pattern)
        }
        Expr::Between { expr, negated: false, low, high } => {
            let value = told(expr);
            format!("and(({value} >= {});({value} <= {}))", told(low), told(high))
        }
        Expr::InList { expr, list, negated } => found_in(expr, list, *negated),
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => match elements(right) {
            Some(list) => found_in(left, list, false),
            None => tree.to_string(),
        },
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => match elements(right) {
            Some(list) => found_in(left, list, true),
            None => tree.to_string(),
        },
        Expr::Function(function) => call(function).unwrap_or_else(|| tree.to_string()),
        other => other.to_string(),
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::Number(digits, _) => digits.clone(),
        Value::SingleQuotedString(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Boolean(truth) => truth.to_string(),
        Value::Null => "null".to_owned(),
        other => other.to_string(),
    }
}

/// A literal takes the type of what it stands beside; text of a text and the exact number of a whole one are themselves.
fn cast(inner: &Expr, data_type: &str) -> String {
    let text = told(inner);
    let is_number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let of_numbers = ["smallint", "integer", "int", "bigint", "numeric"].contains(&data_type);
    if let Some(quoted) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return if of_numbers && is_number(quoted) { quoted.to_owned() } else { text };
    }
    let is_column = text.starts_with('"') && text.ends_with('"');
    if is_number(&text) && of_numbers || is_column && ["text", "numeric"].contains(&data_type) {
        return text;
    }
    format!("cast({text} as {data_type})")
}

/// AND and OR in a row, however they are grouped.
fn list(tree: &Expr, left: &Expr, right: &Expr, word: &str) -> String {
    fn parts<'e>(tree: &'e Expr, op: &BinaryOperator, found: &mut Vec<&'e Expr>) {
        match tree {
            Expr::Nested(inner) => parts(inner, op, found),
            Expr::BinaryOp { left, op: own, right } if own == op => {
                parts(left, op, found);
                parts(right, op, found);
            }
            other => found.push(other),
        }
    }
    let op = match tree {
        Expr::BinaryOp { op, .. } => op,
        _ => return format!("{word}({};{})", told(left), told(right)),
    };
    let mut found = Vec::new();
    parts(tree, op, &mut found);
    // A range may stand among them as one.
    let texts: Vec<String> = found.into_iter().map(told).collect();
    let flat = texts.iter().map(|text| match text.strip_prefix(&format!("{word}(")) {
        Some(inner) => inner.strip_suffix(')').unwrap_or(inner),
        None => text,
    });
    format!("{word}({})", flat.collect::<Vec<_>>().join(";"))
}

fn matched(negated: bool, sign: &str, operand: &Expr, pattern: &Expr) -> String {
    let not = if negated { "!" } else { "" };
    format!("({} {not}{sign} {})", told(operand), told(pattern))
}

fn found_in(operand: &Expr, list: &[Expr], negated: bool) -> String {
    let list: Vec<String> = list.iter().map(told).collect();
    let (sign, word) = if negated { ("<>", "not in") } else { ("=", "in") };
    match list.as_slice() {
        [only] => format!("({} {sign} {only})", told(operand)),
        [..] => format!("({} {word} {})", told(operand), list.join(",")),
    }
}

/// The elements of `ARRAY[…]`, of whatever type they are said to be.
fn elements(tree: &Expr) -> Option<&[Expr]> {
    match tree {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => elements(inner),
        Expr::Array(array) => Some(&array.elem),
        _ => None,
    }
}

fn call(function: &sqlparser::ast::Function) -> Option<String> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let is_plain = function.filter.is_none()
        && function.over.is_none()
        && list.clauses.is_empty()
        && list.duplicate_treatment.is_none();
    let arguments: Option<Vec<String>> = list
        .args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) => Some(told(inner)),
            _ => None,
        })
        .collect();
    let name = function.name.to_string().to_lowercase();
    is_plain.then(|| arguments.map(|list| format!("{name}({})", list.join(","))))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgresql_stores_is_what_was_said() {
        for (ours, stored) in [
            ("\"total\" >= 0", "(total >= (0)::numeric)"),
            ("\"n\" > (- 5)", "(n > '-5'::integer)"),
            ("\"status\" IN ('a', 'b')", "(status = ANY (ARRAY['a'::text, 'b'::text]))"),
            (
                "\"status\" IN ('a', 'b')",
                "((status)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
            ),
            ("\"status\" IN ('a')", "(status = 'a'::text)"),
            (
                "(\"m\" LIKE '_%@_%') AND (\"m\" NOT LIKE '% %')",
                "((m ~~ '_%@_%'::text) AND (m !~~ '% %'::text))",
            ),
            (
                "(\"a\" IS NOT TRUE) OR (\"b\" > 1) OR (\"c\" > 2)",
                "((a IS NOT TRUE) OR (b > 1) OR (c > 2))",
            ),
            ("((\"a\" > 1) AND (\"b\" > 1)) AND (\"c\" > 2)", "((a > 1) AND (b > 1) AND (c > 2))"),
            ("\"n\" BETWEEN 1 AND 5", "((n >= 1) AND (n <= 5))"),
            ("length(\"name\") <= 40", "(length((name)::text) <= 40)"),
            ("\"d\" >= CAST('2024-01-01' AS date)", "(d >= '2024-01-01'::date)"),
        ] {
            assert!(is_same_condition(ours, stored), "{:?} {:?}", normal(ours), normal(stored));
        }
    }

    #[test]
    fn what_differs_stays_different() {
        for (left, right) in [
            ("a > 1", "a >= 1"),
            ("(a > 1 OR b > 1) AND c > 1", "a > 1 OR (b > 1 AND c > 1)"),
            ("a IN ('x', 'y')", "a IN ('x', 'z')"),
            ("a IN ('x', 'y')", "a NOT IN ('x', 'y')"),
            ("x::integer > 1", "x > 1"),
            ("\"A\" > 1", "a > 1"),
            ("a = '1'", "a = 1"),
            ("a LIKE 'x'", "a ILIKE 'x'"),
            ("a > 1", "not sql ("),
        ] {
            assert!(!is_same_condition(left, right), "{left} | {right}");
        }
    }
}
