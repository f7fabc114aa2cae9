//! What the condition of a rule says of single columns: bounds, lengths, lists of values. For rules of models and for
//! constraints as engines print them; whatever else a condition says is not told here.

use sqlparser::ast::{BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments};
use sqlparser::ast::{UnaryOperator, Value};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// One thing that a condition says of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) column: String,
    pub(super) limit: Limit,
}

/// Values are SQL literals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    AtLeast(String),
    AtMost(String),
    Above(String),
    Below(String),
    LengthAtMost(u64),
    OneOf(Vec<String>),
}

/// Deepest nesting that is looked into.
const DEPTH_MAX: usize = 40;

/// The bounds of a condition; empty where it cannot be read or says nothing of the kind.
pub(super) fn bounds(condition: &str) -> Vec<Bound> {
    let mut found = Vec::new();
    let parser = Parser::new(&PostgreSqlDialect {}).with_recursion_limit(DEPTH_MAX);
    if let Ok(tree) = parser.try_with_sql(condition).and_then(|mut parser| parser.parse_expr()) {
        collect(&tree, &mut found);
    }
    found
}

fn collect(tree: &Expr, found: &mut Vec<Bound>) {
    match tree {
        Expr::Nested(inner) => collect(inner, found),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            collect(left, found);
            collect(right, found);
        }
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            // `c IS NULL OR …` says the same as `…`.
            match (is_null(left), is_null(right)) {
                (true, _) => collect(right, found),
                (_, true) => collect(left, found),
                (false, false) => {}
            }
        }
        Expr::BinaryOp { left, op, right } => {
            if let Some(limit) = literal(right) {
                compare(left, op, limit, found);
            } else if let (Some(limit), Some(op)) = (literal(left), turned(op)) {
                compare(right, &op, limit, found);
            }
        }
        Expr::Between { expr, negated: false, low, high } => {
            if let (Some(low), Some(high)) = (literal(low), literal(high)) {
                compare(expr, &BinaryOperator::GtEq, low, found);
                compare(expr, &BinaryOperator::LtEq, high, found);
            }
        }
        Expr::InList { expr, list, negated: false } => {
            let values: Option<Vec<String>> = list.iter().map(text_of).collect();
            if let (Some(column), Some(values)) = (column(expr), values) {
                found.push(Bound { column, limit: Limit::OneOf(values) });
            }
        }
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
            if let (Some(column), Some(values)) = (column(left), array(right)) {
                found.push(Bound { column, limit: Limit::OneOf(values) });
            }
        }
        _ => {}
    }
}

fn compare(side: &Expr, op: &BinaryOperator, limit: String, found: &mut Vec<Bound>) {
    if let Some(column) = column(side) {
        let limit = match op {
            BinaryOperator::GtEq => Limit::AtLeast(limit),
            BinaryOperator::Gt => Limit::Above(limit),
            BinaryOperator::LtEq => Limit::AtMost(limit),
            BinaryOperator::Lt => Limit::Below(limit),
            _ => return,
        };
        found.push(Bound { column, limit });
    } else if let (Some(column), Ok(length)) = (length_of(side), limit.parse::<u64>()) {
        match op {
            BinaryOperator::LtEq => {
                found.push(Bound { column, limit: Limit::LengthAtMost(length) });
            }
            BinaryOperator::Lt => {
                let limit = Limit::LengthAtMost(length.saturating_sub(1));
                found.push(Bound { column, limit });
            }
            _ => {}
        }
    }
}

fn turned(op: &BinaryOperator) -> Option<BinaryOperator> {
    match op {
        BinaryOperator::GtEq => Some(BinaryOperator::LtEq),
        BinaryOperator::Gt => Some(BinaryOperator::Lt),
        BinaryOperator::LtEq => Some(BinaryOperator::GtEq),
        BinaryOperator::Lt => Some(BinaryOperator::Gt),
        _ => None,
    }
}

fn is_null(tree: &Expr) -> bool {
    match tree {
        Expr::Nested(inner) => is_null(inner),
        Expr::IsNull(_) => true,
        _ => false,
    }
}

fn column(tree: &Expr) -> Option<String> {
    match tree {
        Expr::Nested(inner) => column(inner),
        Expr::Cast { expr, .. } => column(expr),
        Expr::Identifier(name) => Some(match name.quote_style {
            Some(_) => name.value.clone(),
            None => name.value.to_lowercase(),
        }),
        _ => None,
    }
}

fn length_of(tree: &Expr) -> Option<String> {
    match tree {
        Expr::Nested(inner) => length_of(inner),
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            let is_length = ["length", "char_length", "character_length"].contains(&name.as_str());
            let FunctionArguments::List(list) = &function.args else { return None };
            match list.args.as_slice() {
                [FunctionArg::Unnamed(FunctionArgExpr::Expr(only))] if is_length => column(only),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A number or a text as a literal; its type is that of the column.
fn literal(tree: &Expr) -> Option<String> {
    match tree {
        Expr::Nested(inner) => literal(inner),
        Expr::Cast { expr, .. } => literal(expr),
        Expr::TypedString(typed) => literal(&Expr::Value(typed.value.clone())),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            let inner = literal(expr)?;
            (!inner.starts_with('\'')).then(|| format!("-{inner}"))
        }
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => Some(text.clone()),
            Value::SingleQuotedString(text) => Some(format!("'{}'", text.replace('\'', "''"))),
            _ => None,
        },
        _ => None,
    }
}

fn text_of(tree: &Expr) -> Option<String> {
    let literal = literal(tree)?;
    let inner = literal.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    Some(inner.map_or(literal.clone(), |text| text.replace("''", "'")))
}

fn array(tree: &Expr) -> Option<Vec<String>> {
    match tree {
        Expr::Nested(inner) => array(inner),
        Expr::Cast { expr, .. } => array(expr),
        Expr::Array(array) => array.elem.iter().map(text_of).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(column: &str, limit: Limit) -> Bound {
        Bound { column: column.to_owned(), limit }
    }

    #[test]
    fn bounds_are_read_as_people_and_engines_write_them() {
        let at_least = one("total", Limit::AtLeast("0".to_owned()));
        assert_eq!(bounds("\"total\" >= 0"), std::slice::from_ref(&at_least));
        assert_eq!(bounds("(total >= (0)::numeric)"), std::slice::from_ref(&at_least));
        assert_eq!(bounds("0 <= total"), std::slice::from_ref(&at_least));
        assert_eq!(bounds("((total IS NULL) OR (total >= (0)::numeric))"), [at_least]);
        let below = one("n", Limit::Below("-5".to_owned()));
        assert_eq!(bounds("n < '-5'::integer"), [one("n", Limit::Below("'-5'".to_owned()))]);
        assert_eq!(bounds("n < -5"), [below]);
        let length = one("name", Limit::LengthAtMost(20));
        assert_eq!(bounds("(char_length((name)::text) <= 20)"), std::slice::from_ref(&length));
        assert_eq!(bounds("length(\"name\") BETWEEN 1 AND 20"), [length]);
        let list = one("s", Limit::OneOf(vec!["a".to_owned(), "it's".to_owned()]));
        assert_eq!(
            bounds("(s = ANY (ARRAY['a'::text, 'it''s'::text]))"),
            std::slice::from_ref(&list)
        );
        assert_eq!(bounds("\"s\" IN ('a', 'it''s')"), [list]);
        assert_eq!(bounds("a = 1 OR b > 2"), []);
        assert_eq!(bounds("this is no condition ("), []);
    }
}
