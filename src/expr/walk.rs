//! The parts of an expression, whatever they are.

use super::Expr;

/// What an expression is directly made of.
fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Null | Expr::Bool(_) | Expr::Number(_) | Expr::Text(_) | Expr::Field(_) => Vec::new(),
        Expr::Not(inner)
        | Expr::Negate(inner)
        | Expr::Cast(inner, _)
        | Expr::JsonText(inner, _) => vec![inner],
        Expr::Binary(left, _, right) | Expr::Distinct { left, right, .. } => vec![left, right],
        Expr::Is { operand, .. } | Expr::Like { operand, .. } | Expr::Match { operand, .. } => {
            vec![operand]
        }
        Expr::In { operand, list, .. } => std::iter::once(&**operand).chain(list).collect(),
        Expr::Between { operand, low, high, .. } => vec![operand, low, high],
        Expr::Case { branches, otherwise } => {
            let branches = branches.iter().flat_map(|(when, then)| [when, then]);
            branches.chain(otherwise.as_deref()).collect()
        }
        Expr::Call(_, arguments) => arguments.iter().collect(),
        Expr::Aggregate { argument, filter, .. } => {
            argument.iter().chain(filter).map(|part| &**part).collect()
        }
    }
}

/// Whether some part of the expression is such.
pub fn any(expr: &Expr, is: &dyn Fn(&Expr) -> bool) -> bool {
    is(expr) || parts(expr).into_iter().any(|part| any(part, is))
}

/// The paths of all fields that it names.
pub fn fields(expr: &Expr) -> Vec<&[String]> {
    match expr {
        Expr::Field(path) => vec![path],
        _ => parts(expr).into_iter().flat_map(fields).collect(),
    }
}
