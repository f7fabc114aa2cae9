//! What may stand where: types of operands, and why a construct is outside the portable subset.

use sqlparser::ast as sql;

use super::{Lowering, Node, Type, literal};
use crate::expr::parse::Purpose;
use crate::expr::types::print_type;
use crate::expr::{Expr, Function, Nullability, ValueType, infer};
use crate::text::diagnostic::Span;

/// What operands are compared for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Equality,
    Order,
}

impl Lowering<'_> {
    pub(in crate::expr) fn require_bool(&mut self, node: &Node, what: &str) -> bool {
        self.require(node, what, "true or false", |value| *value == ValueType::Bool)
    }

    pub(super) fn require_number(&mut self, node: &Node, what: &str) -> bool {
        self.require(node, what, "a number", is_number)
    }

    pub(super) fn require_text(&mut self, node: &Node, what: &str) -> bool {
        if let Type::Known(value @ (ValueType::Enum(_) | ValueType::Uuid)) = &node.value {
            let message = format!("{what} needs text, this is {}", print_type(value));
            self.error(node.span, message, Some("write CAST(… AS text)".into()));
            return false;
        }
        self.require(node, what, "text", |value| *value == ValueType::Text)
    }

    fn require(
        &mut self,
        node: &Node,
        what: &str,
        wanted: &str,
        allowed: impl Fn(&ValueType) -> bool,
    ) -> bool {
        match &node.value {
            Type::Failed | Type::Unresolved { .. } => false,
            Type::Known(value) if allowed(value) => true,
            Type::Literal if allowed(&ValueType::Text) => true,
            Type::Known(_) | Type::Literal | Type::Null => {
                let message = format!("{what} needs {wanted}, this is {}", self.type_name(node));
                self.error(node.span, message, None);
                false
            }
        }
    }

    pub(super) fn type_name(&self, node: &Node) -> String {
        match &node.value {
            Type::Known(value) => print_type(value),
            Type::Literal => "text".into(),
            Type::Null => "NULL".into(),
            Type::Failed | Type::Unresolved { .. } => "unknown".into(),
        }
    }

    /// Checks operands that are compared with each other; literals take the type of the others.
    pub(super) fn compare(&mut self, nodes: &mut [Node], use_of: Use, span: Span) -> bool {
        if let Some(null) = nodes.iter().find(|node| node.value == Type::Null) {
            let help = "write IS NULL or IS NOT NULL".to_owned();
            self.error(null.span, "comparing with NULL is never true".into(), Some(help));
            return false;
        }
        let value = match self.unify(nodes, "the two sides") {
            Type::Known(value) => value,
            Type::Literal => {
                nodes.iter_mut().for_each(Node::settle);
                ValueType::Text
            }
            Type::Null | Type::Failed | Type::Unresolved { .. } => return false,
        };
        if value == ValueType::Json {
            let help = "compare one key: meta ->> 'key' = 'value'".to_owned();
            self.error(span, "json values cannot be compared".into(), Some(help));
            return false;
        }
        if use_of == Use::Order && !is_ordered(&value) {
            let help = match value {
                ValueType::Enum(_) => Some("compare with = or list the values with IN".to_owned()),
                _ => None,
            };
            self.error(span, format!("no order on {}", print_type(&value)), help);
            return false;
        }
        true
    }

    /// The type that the operands share. Literals among them are checked and respelled.
    pub(super) fn unify(&mut self, nodes: &mut [Node], what: &str) -> Type {
        let mut common: Option<ValueType> = None;
        let mut clash = false;
        for node in nodes.iter() {
            let Type::Known(value) = &node.value else { continue };
            common = match common {
                None => Some(value.clone()),
                Some(known) => match infer::wider(&known, value) {
                    Some(wider) => Some(wider),
                    None => {
                        clash = true;
                        let (left, right) = (print_type(&known), print_type(value));
                        let message = format!("{what} must have one type, not {left} and {right}");
                        self.error(node.span, message, clash_help(&known, value));
                        Some(known)
                    }
                },
            };
        }
        let mut failed = clash || nodes.iter().any(Node::failed);
        let Some(common) = common else {
            return match nodes.iter().any(|node| node.value == Type::Literal) {
                _ if failed => Type::Failed,
                true => Type::Literal,
                false => Type::Null,
            };
        };
        for node in nodes.iter_mut() {
            if let Type::Unresolved { error, name } = &node.value {
                self.hint_quotes(*error, name, &common);
            }
            self.adopt(node, &common);
            failed |= node.failed();
        }
        if failed { Type::Failed } else { Type::Known(common) }
    }

    /// Gives a literal the type of the other side.
    pub(in crate::expr) fn adopt(&mut self, node: &mut Node, value: &ValueType) {
        if node.value != Type::Literal {
            return;
        }
        node.value = Type::Known(value.clone());
        if let Err(message) = adopt_in(&mut node.expr, value) {
            self.error(node.span, message, None);
            node.value = Type::Failed;
        }
    }

    /// A bare word where text is expected was probably meant as a literal.
    pub(in crate::expr) fn hint_quotes(&mut self, error: usize, name: &str, other: &ValueType) {
        let meant = match other {
            ValueType::Enum(members) => members.iter().any(|member| member == name),
            ValueType::Text => true,
            _ => false,
        };
        if let Some(error) = self.errors.get_mut(error)
            && meant
            && error.help.is_none()
        {
            error.help = Some(format!("write '{name}' in single quotes if it is a value"));
        }
    }
}

fn adopt_in(expr: &mut Expr, value: &ValueType) -> Result<(), String> {
    match expr {
        Expr::Text(text) => *text = literal::adopt(text, value)?,
        Expr::Case { branches, otherwise } => {
            for (_, result) in branches {
                adopt_in(result, value)?;
            }
            if let Some(otherwise) = otherwise {
                adopt_in(otherwise, value)?;
            }
        }
        Expr::Call(Function::Coalesce | Function::Least | Function::Greatest, arguments) => {
            for argument in arguments {
                adopt_in(argument, value)?;
            }
        }
        // NULL takes any type; nothing else is a literal.
        _ => {}
    }
    Ok(())
}

fn clash_help(left: &ValueType, right: &ValueType) -> Option<String> {
    match (left, right) {
        (ValueType::Enum(_) | ValueType::Uuid, ValueType::Text)
        | (ValueType::Text, ValueType::Enum(_) | ValueType::Uuid) => Some(format!(
            "write CAST(… AS text) around the {}",
            match left {
                ValueType::Text => print_type(right),
                _ => print_type(left),
            }
        )),
        _ => None,
    }
}

pub(super) fn any_null(nodes: &[Node]) -> Nullability {
    match nodes.iter().any(|node| node.nullability == Nullability::Nullable) {
        true => Nullability::Nullable,
        false => Nullability::NotNull,
    }
}

pub(super) fn is_number(value: &ValueType) -> bool {
    matches!(
        value,
        ValueType::Int | ValueType::Int32 | ValueType::Decimal { .. } | ValueType::Float
    )
}

fn is_ordered(value: &ValueType) -> bool {
    match value {
        ValueType::Int
        | ValueType::Int32
        | ValueType::Decimal { .. }
        | ValueType::Float
        | ValueType::Text
        | ValueType::Date
        | ValueType::Timestamp
        | ValueType::Time => true,
        ValueType::Bool
        | ValueType::Uuid
        | ValueType::Json
        | ValueType::Bytes
        | ValueType::Enum(_) => false,
    }
}

/// Whether the text has a comparison here that no parentheses set apart.
pub(super) fn is_comparison(tree: &sql::Expr) -> bool {
    use sql::BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(tree, sql::Expr::BinaryOp { op: Eq | NotEq | Lt | LtEq | Gt | GtEq, .. })
}

/// Why a field may not be named here, and what to do instead.
pub(super) fn field_use(purpose: Purpose, path: &[String]) -> Option<(String, &'static str)> {
    let text = path.join(".");
    let reaches = path.len() > 1;
    match purpose {
        Purpose::RowRule if reaches => Some((
            format!("`{text}` reaches another entity, a row rule sees one row"),
            "add `enforce: verify`, or use the entity's own fields",
        )),
        Purpose::Index if reaches => Some((
            format!("`{text}` reaches another entity, an index sees one row"),
            "use the entity's own fields",
        )),
        Purpose::Default => Some((
            format!("a default cannot use the field `{text}`"),
            "write a literal in single quotes, or one of now(), today(), uuid()",
        )),
        Purpose::RowRule | Purpose::PathRule | Purpose::Index | Purpose::Backfill => None,
    }
}

/// The canonical text of a number: digits with at most one point and a digit before it.
pub(super) fn number(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || text.len() > 100 {
        return None;
    }
    match (whole, fraction, text.contains('.')) {
        ("", "", _) => None,
        ("", fraction, _) => Some(format!("0.{fraction}")),
        (whole, "", _) | (whole, _, false) => Some(whole.to_owned()),
        (whole, fraction, true) => Some(format!("{whole}.{fraction}")),
    }
}

pub(super) fn operator_help(op: &sql::BinaryOperator) -> Option<&'static str> {
    match op {
        sql::BinaryOperator::Divide => Some(
            "engines divide differently (whole numbers, division by zero); multiply instead: a >= 2 * b",
        ),
        sql::BinaryOperator::Modulo => Some("engines differ on remainders of decimals"),
        sql::BinaryOperator::Regexp | sql::BinaryOperator::Match => Some("write x ~ 'pattern'"),
        sql::BinaryOperator::Arrow => Some("read one key as text with ->>"),
        _ => None,
    }
}

/// Names a construct outside the subset, with what to do instead where there is something.
pub(super) fn outside(tree: &sql::Expr) -> (String, Option<&'static str>) {
    match tree {
        sql::Expr::Interval(_) => {
            ("intervals are".into(), Some("add whole days to a date: due_on + 30"))
        }
        sql::Expr::Extract { .. } => {
            ("EXTRACT is".into(), Some("compare with a date: due_on >= '2024-01-01'"))
        }
        sql::Expr::AtTimeZone { .. } => {
            ("AT TIME ZONE is".into(), Some("timestamps are UTC instants; compare them directly"))
        }
        sql::Expr::Subquery(_) | sql::Expr::InSubquery { .. } | sql::Expr::Exists { .. } => (
            "a query over other rows is".into(),
            Some("cross-entity rules come with `enforce: verify` later"),
        ),
        sql::Expr::SimilarTo { .. } | sql::Expr::RLike { .. } => {
            ("this pattern operator is".into(), Some("write x ~ 'pattern' or x LIKE 'pattern'"))
        }
        sql::Expr::Collate { .. } => {
            ("COLLATE is".into(), Some("text is always ordered by code point here"))
        }
        sql::Expr::TypedString(_) => {
            ("a type before a literal is".into(), Some("write the literal alone: '2024-01-01'"))
        }
        sql::Expr::Like { .. } | sql::Expr::ILike { .. } => (
            "this form of LIKE is".into(),
            Some("write x LIKE 'pattern'; a backslash escapes % and _"),
        ),
        sql::Expr::Trim { .. } => ("this form of trim is".into(), Some("write trim(x)")),
        sql::Expr::Position { .. } => ("POSITION is".into(), Some("test with x LIKE '%text%'")),
        other => (format!("`{other}` is"), None),
    }
}
