//! Aggregates over the far side of a relationship: `sum(lines.amount)`, `count(lines) FILTER (WHERE lines.amount < 0)`.

use sqlparser::ast as sql;

use super::{Lowering, Node, Type};
use crate::expr::{Aggregate, Expr, Nullability, ValueType};
use crate::text::Dialect;
use crate::text::diagnostic::Span;
use crate::text::token::tokenize;

/// The aggregate of that name.
pub(super) fn named(name: &str) -> Option<Aggregate> {
    Some(match name {
        "count" => Aggregate::Count,
        "sum" => Aggregate::Sum,
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        _ => return None,
    })
}

/// The name of an aggregate in portable text, which is that of both engines.
pub(in crate::expr) fn name_of(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Count => "count",
        Aggregate::Sum => "sum",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
    }
}

impl Lowering<'_> {
    pub(super) fn aggregate(
        &mut self,
        aggregate: Aggregate,
        function: &sql::Function,
        span: Span,
    ) -> Node {
        let name = name_of(aggregate);
        let Some(argument) = only_argument(function) else {
            let message = format!("this form of `{name}` is not in the portable subset");
            return self.refuse(span, message, Some("write sum(lines.amount) or count(lines)"));
        };
        let Some(over) = self.relationship(argument) else {
            let message = format!("`{name}` needs the far side of a relationship");
            return self.refuse(span, message, Some("write sum(lines.amount) or count(lines)"));
        };
        if self.over.is_some() {
            return self.refuse(span, "an aggregate stands in no other aggregate", None);
        }
        self.over = Some(over.clone());
        let is_rows = aggregate == Aggregate::Count && matches!(argument, sql::Expr::Identifier(_));
        let argument = (!is_rows).then(|| self.lower(argument));
        let filter = function.filter.as_ref().map(|filter| {
            let node = self.lower(filter);
            self.require_bool(&node, "a filter");
            node
        });
        self.over = None;
        let (value, nullability) = self.aggregated(aggregate, argument.as_ref());
        let failed = argument.iter().chain(&filter).any(Node::failed);
        let boxed = |node: Node| Box::new(node.expr);
        let expr = Expr::Aggregate {
            function: aggregate,
            over,
            argument: argument.map(boxed),
            filter: filter.map(boxed),
        };
        let value = if failed { Type::Failed } else { value };
        Node { expr, value, nullability, span }
    }

    /// What the aggregate gives.
    fn aggregated(&mut self, aggregate: Aggregate, node: Option<&Node>) -> (Type, Nullability) {
        let Some(node) = node.filter(|_| aggregate != Aggregate::Count) else {
            return (Type::Known(ValueType::Int), Nullability::NotNull);
        };
        let value = match (&node.value, aggregate) {
            (Type::Known(value), Aggregate::Sum) => sum_of(value),
            (Type::Known(value), Aggregate::Min | Aggregate::Max) => ordered(value),
            _ => None,
        };
        if value.is_none() && !node.failed() {
            let what = if aggregate == Aggregate::Sum {
                "numbers"
            } else {
                "numbers, dates and timestamps"
            };
            let message = format!("`{}` takes {what} only", name_of(aggregate));
            self.error(node.span, message, None);
        }
        (value.map_or(Type::Failed, Type::Known), Nullability::Nullable)
    }

    /// The relationship that an argument names first.
    fn relationship(&self, argument: &sql::Expr) -> Option<String> {
        let text = argument.to_string();
        tokenize(&text, Dialect::Postgres)
            .iter()
            .filter_map(|token| token.name())
            .find_map(|name| self.scope.many(&name))
    }

    /// A field of the far side, or a relationship where only a value can stand.
    pub(super) fn far_field(&mut self, exact: &[String], folded: &[String], span: Span) -> Node {
        let text = exact.join(".");
        let Some(over) = self.over.clone() else {
            let message = format!("`{}` is many rows, not a value", exact[0]);
            let help = "write sum(lines.amount), count(lines), min or max";
            return self.refuse(span, message, Some(help));
        };
        if self.scope.many(&exact[0]).as_ref() != Some(&over) || exact.len() < 2 {
            let message = format!("`{text}` is no field of `{over}`");
            let help = format!("inside an aggregate all fields begin with `{over}.`");
            return self.refuse(span, message, Some(&help));
        }
        let found = [exact, folded]
            .into_iter()
            .map(|path| self.scope.far_field(&over, &path[1..]).map(|found| (&path[1..], found)))
            .reduce(Result::or);
        match found {
            Some(Ok((rest, (value, nullability)))) => {
                let path = [std::slice::from_ref(&over), rest].concat();
                Node { expr: Expr::Field(path), value: Type::Known(value), nullability, span }
            }
            Some(Err(message)) => self.refuse(span, message, None),
            None => self.refuse(span, "an empty path", None),
        }
    }
}

/// The type of a sum; a sum has more digits than its parts.
pub(in crate::expr) fn sum_of(value: &ValueType) -> Option<ValueType> {
    match value {
        ValueType::Int | ValueType::Int32 => Some(ValueType::Int),
        ValueType::Decimal { precision, scale } => {
            Some(ValueType::Decimal { precision: precision + 19, scale: *scale })
        }
        ValueType::Float => Some(ValueType::Float),
        ValueType::Bool
        | ValueType::Text
        | ValueType::Uuid
        | ValueType::Date
        | ValueType::Timestamp
        | ValueType::Time
        | ValueType::Json
        | ValueType::Bytes
        | ValueType::Enum(_) => None,
    }
}

/// Types that have the same order everywhere.
fn ordered(value: &ValueType) -> Option<ValueType> {
    match value {
        ValueType::Int
        | ValueType::Int32
        | ValueType::Decimal { .. }
        | ValueType::Float
        | ValueType::Date
        | ValueType::Timestamp => Some(value.clone()),
        ValueType::Bool
        | ValueType::Text
        | ValueType::Uuid
        | ValueType::Time
        | ValueType::Json
        | ValueType::Bytes
        | ValueType::Enum(_) => None,
    }
}

fn only_argument(function: &sql::Function) -> Option<&sql::Expr> {
    let is_plain = function.over.is_none()
        && function.null_treatment.is_none()
        && function.within_group.is_empty()
        && matches!(function.parameters, sql::FunctionArguments::None);
    let sql::FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [sql::FunctionArg::Unnamed(sql::FunctionArgExpr::Expr(only))]
            if is_plain && list.clauses.is_empty() && list.duplicate_treatment.is_none() =>
        {
            Some(only)
        }
        _ => None,
    }
}
