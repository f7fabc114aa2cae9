//! From the SQL parser's tree to ours: a white list, with types checked on the way.

use sqlparser::ast::{self as sql, Spanned};

use super::literal;
use super::parse::{Places, Purpose};
use super::{
    BinaryOp, Case, Expr, ExprError, IsTest, Nullability, Polarity, Scope, ValueType, infer,
    pattern,
};
use crate::text::diagnostic::Span;

pub(super) mod aggregate;
pub(super) mod call;
mod check;

/// What is known of a value's type while its surroundings are not lowered yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    Known(ValueType),
    /// Quoted literals only: the other side decides.
    Literal,
    Null,
    /// An error was reported; nothing further is said about this part.
    Failed,
    /// A name without a field, reported as error number `error`; perhaps a literal without its quotes.
    Unresolved {
        error: usize,
        name: String,
    },
}

/// An expression, its type and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) expr: Expr,
    pub(super) value: Type,
    pub(super) nullability: Nullability,
    pub(super) span: Span,
}

impl Node {
    /// A literal that nothing gave a type is text.
    pub(super) fn settle(&mut self) {
        if self.value == Type::Literal {
            self.value = Type::Known(ValueType::Text);
        }
    }

    fn failed(&self) -> bool {
        matches!(self.value, Type::Failed | Type::Unresolved { .. })
    }
}

/// One expression on its way, with all that was found wrong so far.
pub(super) struct Lowering<'a> {
    scope: &'a dyn Scope,
    purpose: Purpose,
    places: Places,
    errors: Vec<ExprError>,
    /// The relationship whose far side the fields are of, inside an aggregate.
    over: Option<String>,
}

impl<'a> Lowering<'a> {
    pub(super) fn new(scope: &'a dyn Scope, purpose: Purpose, places: Places) -> Self {
        Lowering { scope, purpose, places, errors: Vec::new(), over: None }
    }

    pub(super) fn into_errors(self) -> Vec<ExprError> {
        self.errors
    }

    pub(super) fn is_clean(&self) -> bool {
        self.errors.is_empty()
    }

    pub(super) fn error(&mut self, span: Span, message: String, help: Option<String>) {
        self.errors.push(ExprError { message, span, help });
    }

    /// Reports, and stands in for the part that is wrong.
    fn refuse(&mut self, span: Span, message: impl Into<String>, help: Option<&str>) -> Node {
        self.error(span, message.into(), help.map(str::to_owned));
        Node { expr: Expr::Null, value: Type::Failed, nullability: Nullability::Nullable, span }
    }

    /// Lowers one expression; what is wrong is collected, so that all of it is said in one run.
    pub(super) fn lower(&mut self, tree: &sql::Expr) -> Node {
        let span = self.places.span(tree.span());
        self.expression(tree, span)
    }

    fn expression(&mut self, tree: &sql::Expr, span: Span) -> Node {
        use Polarity::{Negative, Positive};
        match tree {
            sql::Expr::Nested(inner) => self.lower(inner),
            sql::Expr::Identifier(name) => self.field(std::slice::from_ref(name), span),
            sql::Expr::CompoundIdentifier(names) => self.field(names, span),
            sql::Expr::Value(value) => self.literal(&value.value, span),
            sql::Expr::UnaryOp { op, expr } => self.unary(*op, expr, span),
            sql::Expr::BinaryOp { left, op, right } => self.binary(left, op, right, span),
            sql::Expr::IsNull(inner) => self.is(inner, IsTest::Null, Positive, span),
            sql::Expr::IsNotNull(inner) => self.is(inner, IsTest::Null, Negative, span),
            sql::Expr::IsTrue(inner) => self.is(inner, IsTest::True, Positive, span),
            sql::Expr::IsNotTrue(inner) => self.is(inner, IsTest::True, Negative, span),
            sql::Expr::IsFalse(inner) => self.is(inner, IsTest::False, Positive, span),
            sql::Expr::IsNotFalse(inner) => self.is(inner, IsTest::False, Negative, span),
            sql::Expr::IsUnknown(inner) => self.is(inner, IsTest::Null, Positive, span),
            sql::Expr::IsNotUnknown(inner) => self.is(inner, IsTest::Null, Negative, span),
            sql::Expr::IsDistinctFrom(left, right) => self.distinct(left, right, Positive, span),
            sql::Expr::IsNotDistinctFrom(left, right) => self.distinct(left, right, Negative, span),
            sql::Expr::InList { expr, list, negated } => {
                self.in_list(expr, list, polarity(*negated), span)
            }
            sql::Expr::Between { expr, negated, low, high } => {
                self.between([expr, low, high], polarity(*negated), span)
            }
            sql::Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                self.like(expr, pattern, Case::Sensitive, polarity(*negated), span)
            }
            sql::Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
                self.like(expr, pattern, Case::Insensitive, polarity(*negated), span)
            }
            sql::Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), span)
            }
            sql::Expr::Cast {
                kind: sql::CastKind::Cast | sql::CastKind::DoubleColon,
                expr,
                data_type,
                format: None,
            } => self.cast(expr, data_type, span),
            sql::Expr::Function(function) => self.function(function, span),
            sql::Expr::Substring { expr, substring_from, substring_for, .. } => {
                let bounds = substring_from.iter().chain(substring_for).map(|bound| &**bound);
                let arguments: Vec<&sql::Expr> = std::iter::once(&**expr).chain(bounds).collect();
                self.call("substr", &arguments, span)
            }
            sql::Expr::Trim { expr, trim_where: None, trim_what: None, trim_characters: None } => {
                self.call("trim", &[expr], span)
            }
            other => {
                let (what, help) = check::outside(other);
                self.refuse(span, format!("{what} not in the portable subset"), help)
            }
        }
    }

    /// Names are tried as spelled, then in lower case unless quoted: SQL folds, but entity fields may be CamelCase.
    fn field(&mut self, names: &[sql::Ident], span: Span) -> Node {
        let exact: Vec<String> = names.iter().map(|name| name.value.clone()).collect();
        let folded: Vec<String> = names
            .iter()
            .map(|name| match name.quote_style {
                None => name.value.to_lowercase(),
                Some(_) => name.value.clone(),
            })
            .collect();
        let text = exact.join(".");
        if self.over.is_some() || self.scope.many(&exact[0]).is_some() {
            return self.far_field(&exact, &folded, span);
        }
        if let Some((message, help)) = check::field_use(self.purpose, &exact) {
            return self.refuse(span, message, Some(help));
        }
        let found = match self.scope.field(&exact) {
            Ok(found) => Ok((exact, found)),
            Err(message) if folded == exact => Err(message),
            Err(message) => match self.scope.field(&folded) {
                Ok(found) => Ok((folded, found)),
                Err(_) => Err(message),
            },
        };
        match found {
            Ok((path, (value, nullability))) => {
                Node { expr: Expr::Field(path), value: Type::Known(value), nullability, span }
            }
            Err(message) => {
                let help = names
                    .iter()
                    .any(|name| name.quote_style == Some('"'))
                    .then(|| format!("double quotes name a field; write text as '{text}'"));
                self.error(span, message, help);
                let value = Type::Unresolved { error: self.errors.len() - 1, name: text };
                Node { expr: Expr::Null, value, nullability: Nullability::Nullable, span }
            }
        }
    }

    fn literal(&mut self, value: &sql::Value, span: Span) -> Node {
        let (expr, value, nullability) = match value {
            sql::Value::Null => (Expr::Null, Type::Null, Nullability::Nullable),
            sql::Value::Boolean(value) => {
                (Expr::Bool(*value), Type::Known(ValueType::Bool), Nullability::NotNull)
            }
            sql::Value::SingleQuotedString(text) if text.contains('\0') => {
                return self.refuse(span, "a zero byte cannot be stored as text", None);
            }
            sql::Value::SingleQuotedString(text) => {
                (Expr::Text(text.clone()), Type::Literal, Nullability::NotNull)
            }
            sql::Value::Number(text, _) => match check::number(text) {
                Some(text) => {
                    let value = Type::Known(infer::number_type(&text));
                    (Expr::Number(text), value, Nullability::NotNull)
                }
                None => {
                    let help = Some("write it out in decimal digits");
                    return self.refuse(span, format!("cannot read the number `{text}`"), help);
                }
            },
            other => {
                let help = Some("write text in single quotes: 'text'");
                return self.refuse(span, format!("`{other}` is not in the portable subset"), help);
            }
        };
        Node { expr, value, nullability, span }
    }

    fn unary(&mut self, op: sql::UnaryOperator, operand: &sql::Expr, span: Span) -> Node {
        let node = match op {
            sql::UnaryOperator::Not | sql::UnaryOperator::Minus => self.lower(operand),
            other => {
                let message = format!("operator `{other}` is not in the portable subset");
                return self.refuse(span, message, None);
            }
        };
        let boxed = Box::new(node.expr.clone());
        let (expr, allowed) = match op {
            sql::UnaryOperator::Not => (Expr::Not(boxed), self.require_bool(&node, "NOT")),
            _ => (Expr::Negate(boxed), self.require_number(&node, "`-`")),
        };
        let value = if allowed { node.value } else { Type::Failed };
        Node { expr, value, nullability: node.nullability, span }
    }

    fn binary(
        &mut self,
        left: &sql::Expr,
        op: &sql::BinaryOperator,
        right: &sql::Expr,
        span: Span,
    ) -> Node {
        use sql::BinaryOperator as Op;
        match op {
            Op::And => self.connective(left, BinaryOp::And, right, span),
            Op::Or => self.connective(left, BinaryOp::Or, right, span),
            Op::Eq => self.comparison(left, BinaryOp::Equal, right, span),
            Op::NotEq => self.comparison(left, BinaryOp::NotEqual, right, span),
            Op::Lt => self.comparison(left, BinaryOp::Less, right, span),
            Op::LtEq => self.comparison(left, BinaryOp::LessOrEqual, right, span),
            Op::Gt => self.comparison(left, BinaryOp::Greater, right, span),
            Op::GtEq => self.comparison(left, BinaryOp::GreaterOrEqual, right, span),
            Op::Plus => self.arithmetic(left, BinaryOp::Add, right, span),
            Op::Minus => self.arithmetic(left, BinaryOp::Subtract, right, span),
            Op::Multiply => self.arithmetic(left, BinaryOp::Multiply, right, span),
            Op::StringConcat => self.concat(left, right, span),
            Op::LongArrow => self.json_text(left, right, span),
            Op::PGRegexMatch => {
                self.matches(left, right, Case::Sensitive, Polarity::Positive, span)
            }
            Op::PGRegexIMatch => {
                self.matches(left, right, Case::Insensitive, Polarity::Positive, span)
            }
            Op::PGRegexNotMatch => {
                self.matches(left, right, Case::Sensitive, Polarity::Negative, span)
            }
            Op::PGRegexNotIMatch => {
                self.matches(left, right, Case::Insensitive, Polarity::Negative, span)
            }
            other => {
                let help = check::operator_help(other);
                let message = format!("operator `{other}` is not in the portable subset");
                self.refuse(span, message, help)
            }
        }
    }

    fn connective(
        &mut self,
        left: &sql::Expr,
        op: BinaryOp,
        right: &sql::Expr,
        span: Span,
    ) -> Node {
        let (left, right) = (self.lower(left), self.lower(right));
        let what = if op == BinaryOp::And { "AND" } else { "OR" };
        // Both are checked, so that both are reported.
        let allowed = [self.require_bool(&left, what), self.require_bool(&right, what)];
        let node = self.join(left, op, right, ValueType::Bool, span);
        if allowed.contains(&false) { Node { value: Type::Failed, ..node } } else { node }
    }

    fn comparison(
        &mut self,
        left: &sql::Expr,
        op: BinaryOp,
        right: &sql::Expr,
        span: Span,
    ) -> Node {
        if check::is_comparison(left) || check::is_comparison(right) {
            let help = Some("(a < b) = c compares a truth value; a < b AND b < c is a range");
            return self.refuse(span, "chained comparison: add parentheses", help);
        }
        let mut nodes = vec![self.lower(left), self.lower(right)];
        let use_of = match op {
            BinaryOp::Equal | BinaryOp::NotEqual => check::Use::Equality,
            _ => check::Use::Order,
        };
        let allowed = self.compare(&mut nodes, use_of, span);
        self.truth(nodes, allowed, span, |nodes| {
            let [left, right] = take(nodes);
            Expr::Binary(Box::new(left), op, Box::new(right))
        })
    }

    fn distinct(
        &mut self,
        left: &sql::Expr,
        right: &sql::Expr,
        polarity: Polarity,
        span: Span,
    ) -> Node {
        let mut nodes = vec![self.lower(left), self.lower(right)];
        let allowed = self.compare(&mut nodes, check::Use::Equality, span);
        let node = self.truth(nodes, allowed, span, |nodes| {
            let [left, right] = take(nodes);
            Expr::Distinct { left: Box::new(left), right: Box::new(right), polarity }
        });
        Node { nullability: Nullability::NotNull, ..node }
    }

    fn in_list(
        &mut self,
        operand: &sql::Expr,
        list: &[sql::Expr],
        polarity: Polarity,
        span: Span,
    ) -> Node {
        let mut nodes = vec![self.lower(operand)];
        nodes.extend(list.iter().map(|item| self.lower(item)));
        if list.is_empty() {
            return self.refuse(span, "IN needs at least one value", None);
        }
        let allowed = self.compare(&mut nodes, check::Use::Equality, span);
        self.truth(nodes, allowed, span, |mut nodes| {
            let operand = Box::new(nodes.remove(0));
            Expr::In { operand, list: nodes, polarity }
        })
    }

    fn between(&mut self, operands: [&sql::Expr; 3], polarity: Polarity, span: Span) -> Node {
        let mut nodes: Vec<Node> = operands.iter().map(|operand| self.lower(operand)).collect();
        let allowed = self.compare(&mut nodes, check::Use::Order, span);
        self.truth(nodes, allowed, span, |nodes| {
            let [operand, low, high] = take(nodes).map(Box::new);
            Expr::Between { operand, low, high, polarity }
        })
    }

    fn is(&mut self, operand: &sql::Expr, test: IsTest, polarity: Polarity, span: Span) -> Node {
        let mut node = self.lower(operand);
        node.settle();
        let allowed = match test {
            IsTest::Null => !node.failed(),
            IsTest::True => self.require_bool(&node, "IS TRUE"),
            IsTest::False => self.require_bool(&node, "IS FALSE"),
        };
        let node = self.truth(vec![node], allowed, span, |nodes| {
            let [operand] = take(nodes).map(Box::new);
            Expr::Is { operand, test, polarity }
        });
        Node { nullability: Nullability::NotNull, ..node }
    }

    fn like(
        &mut self,
        operand: &sql::Expr,
        pattern: &sql::Expr,
        case: Case,
        polarity: Polarity,
        span: Span,
    ) -> Node {
        let node = self.text_operand(operand, "LIKE");
        let Some(text) = self.literal_pattern(pattern, "LIKE") else {
            return Node { value: Type::Failed, span, ..node };
        };
        if let Err(message) = pattern::check_like(&text) {
            return self.refuse(self.places.span(pattern.span()), message, None);
        }
        let allowed = !node.failed();
        self.truth(vec![node], allowed, span, |nodes| {
            let [operand] = take(nodes).map(Box::new);
            Expr::Like { operand, pattern: text, case, polarity }
        })
    }

    fn matches(
        &mut self,
        operand: &sql::Expr,
        pattern: &sql::Expr,
        case: Case,
        polarity: Polarity,
        span: Span,
    ) -> Node {
        let node = self.text_operand(operand, "`~`");
        let Some(text) = self.literal_pattern(pattern, "`~`") else {
            return Node { value: Type::Failed, span, ..node };
        };
        if let Err(message) = pattern::check(&text) {
            return self.refuse(self.places.span(pattern.span()), message, None);
        }
        let allowed = !node.failed();
        self.truth(vec![node], allowed, span, |nodes| {
            let [operand] = take(nodes).map(Box::new);
            Expr::Match { operand, pattern: text, case, polarity }
        })
    }

    fn literal_pattern(&mut self, pattern: &sql::Expr, what: &str) -> Option<String> {
        let node = self.lower(pattern);
        match node.expr {
            Expr::Text(text) => Some(text),
            _ => {
                if !node.failed() {
                    let message = format!("the pattern of {what} must be a literal");
                    self.error(node.span, message, Some("write it in single quotes".into()));
                }
                None
            }
        }
    }

    fn text_operand(&mut self, operand: &sql::Expr, what: &str) -> Node {
        let mut node = self.lower(operand);
        node.settle();
        if !self.require_text(&node, what) {
            node.value = Type::Failed;
        }
        node
    }

    fn concat(&mut self, left: &sql::Expr, right: &sql::Expr, span: Span) -> Node {
        let left = self.text_operand(left, "`||`");
        let right = self.text_operand(right, "`||`");
        self.join(left, BinaryOp::Concat, right, ValueType::Text, span)
    }

    fn json_text(&mut self, operand: &sql::Expr, key: &sql::Expr, span: Span) -> Node {
        let node = self.lower(operand);
        let key = self.lower(key);
        if node.failed() || key.failed() {
            return Node { value: Type::Failed, span, ..node };
        }
        if node.value != Type::Known(ValueType::Json) {
            let message = format!("`->>` reads json, this is {}", self.type_name(&node));
            return self.refuse(node.span, message, None);
        }
        match key.expr {
            Expr::Text(key) if !key.contains(['"', '\\']) => Node {
                expr: Expr::JsonText(Box::new(node.expr), key),
                value: Type::Known(ValueType::Text),
                nullability: Nullability::Nullable,
                span,
            },
            _ => {
                let message = "the key of `->>` must be a literal without `\"` and `\\`";
                self.refuse(key.span, message, Some("write it in single quotes: meta ->> 'key'"))
            }
        }
    }

    fn case(
        &mut self,
        operand: Option<&sql::Expr>,
        conditions: &[sql::CaseWhen],
        otherwise: Option<&sql::Expr>,
        span: Span,
    ) -> Node {
        let mut tests = Vec::new();
        let mut results = Vec::new();
        let mut failed = false;
        for branch in conditions {
            // CASE x WHEN a means CASE WHEN x = a, and is kept in that form.
            let test = match operand {
                Some(operand) => {
                    let place = self.places.span(branch.condition.span());
                    self.comparison(operand, BinaryOp::Equal, &branch.condition, place)
                }
                None => self.lower(&branch.condition),
            };
            failed |= !self.require_bool(&test, "WHEN");
            tests.push(test.expr);
            results.push(self.lower(&branch.result));
        }
        results.extend(otherwise.map(|otherwise| self.lower(otherwise)));
        let value = self.unify(&mut results, "the results of CASE");
        let complete = otherwise.is_some()
            && results.iter().all(|result| result.nullability == Nullability::NotNull);
        let mut results: Vec<Expr> = results.into_iter().map(|result| result.expr).collect();
        let otherwise = otherwise.and_then(|_| results.pop()).map(Box::new);
        Node {
            expr: Expr::Case { branches: tests.into_iter().zip(results).collect(), otherwise },
            value: if failed { Type::Failed } else { value },
            nullability: if complete { Nullability::NotNull } else { Nullability::Nullable },
            span,
        }
    }

    /// A truth value over operands: NULL where any of them may be.
    fn truth(
        &mut self,
        nodes: Vec<Node>,
        allowed: bool,
        span: Span,
        make: impl FnOnce(Vec<Expr>) -> Expr,
    ) -> Node {
        let nullability = check::any_null(&nodes);
        let value = if allowed { Type::Known(ValueType::Bool) } else { Type::Failed };
        let expr = make(nodes.into_iter().map(|node| node.expr).collect());
        Node { expr, value, nullability, span }
    }

    fn join(
        &mut self,
        left: Node,
        op: BinaryOp,
        right: Node,
        value: ValueType,
        span: Span,
    ) -> Node {
        let failed = left.failed() || right.failed();
        let value = if failed { Type::Failed } else { Type::Known(value) };
        let nodes = [left, right];
        let nullability = check::any_null(&nodes);
        let [left, right] = nodes.map(|node| Box::new(node.expr));
        Node { expr: Expr::Binary(left, op, right), value, nullability, span }
    }
}

/// The expressions as an array; the callers lowered exactly that many.
fn take<const COUNT: usize>(nodes: Vec<Expr>) -> [Expr; COUNT] {
    let mut nodes = nodes.into_iter();
    std::array::from_fn(|_| nodes.next().unwrap_or(Expr::Null))
}

fn polarity(negated: bool) -> Polarity {
    if negated { Polarity::Negative } else { Polarity::Positive }
}
