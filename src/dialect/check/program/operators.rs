//! Operators and functions whose meaning here is the server's.

use regex::Regex;
use sqlparser::ast::{self as sql, BinaryOperator, Expr};

use super::compile::{Compiler, Given, Refused, Typed, as_kind, ordered, outside, settled, two};
use super::eval::{Arithmetic, Comparison, Constant, Extreme, Node, TextCall};
use super::kind::{Family, Kind, Order};
use crate::expr::Case;
use crate::expr::pattern::{self, LikePart};

impl Compiler<'_> {
    pub(super) fn binary(
        &mut self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
    ) -> Result<Typed, Refused> {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        match op {
            BinaryOperator::And => {
                let (left, right) = (self.boxed_bool(left)?, self.boxed_bool(right)?);
                Ok(Typed::truth(Node::And(left, right)))
            }
            BinaryOperator::Or => {
                let (left, right) = (self.boxed_bool(left)?, self.boxed_bool(right)?);
                Ok(Typed::truth(Node::Or(left, right)))
            }
            BinaryOperator::Eq => self.comparison(left, Equal, right),
            BinaryOperator::NotEq => self.comparison(left, NotEqual, right),
            BinaryOperator::Lt => self.comparison(left, Less, right),
            BinaryOperator::LtEq => self.comparison(left, LessOrEqual, right),
            BinaryOperator::Gt => self.comparison(left, Greater, right),
            BinaryOperator::GtEq => self.comparison(left, GreaterOrEqual, right),
            BinaryOperator::Plus => self.arithmetic(left, Arithmetic::Add, right),
            BinaryOperator::Minus => self.arithmetic(left, Arithmetic::Subtract, right),
            BinaryOperator::Multiply => self.arithmetic(left, Arithmetic::Multiply, right),
            BinaryOperator::Divide => self.arithmetic(left, Arithmetic::Divide, right),
            BinaryOperator::Modulo => self.arithmetic(left, Arithmetic::Remainder, right),
            BinaryOperator::StringConcat => {
                let (left, one) = self.text(left)?;
                let (right, other) = self.text(right)?;
                let order = if one == Order::Bytes { one } else { other };
                let node = Node::Text(TextCall::Concat, vec![left, right]);
                Ok(Typed::known(node, Kind::Text(order)))
            }
            BinaryOperator::PGRegexMatch => self.matched(left, right, false),
            BinaryOperator::PGRegexNotMatch => self.matched(left, right, true),
            BinaryOperator::PGLikeMatch => self.like(left, right, false),
            BinaryOperator::PGNotLikeMatch => self.like(left, right, true),
            other => Err(format!("operator `{other}` is the server's")),
        }
    }

    fn comparison(&mut self, left: &Expr, how: Comparison, right: &Expr) -> Result<Typed, Refused> {
        let (nodes, kind) = self.alike(&[left, right])?;
        if !matches!(how, Comparison::Equal | Comparison::NotEqual) {
            ordered(&kind)?;
        }
        let [left, right] = two(nodes)?;
        Ok(Typed::truth(Node::Compare(left, how, right)))
    }

    pub(super) fn in_list(
        &mut self,
        operand: &Expr,
        list: &[Expr],
        negated: bool,
    ) -> Result<Typed, Refused> {
        let trees: Vec<&Expr> = std::iter::once(operand).chain(list).collect();
        let (nodes, _) = self.alike(&trees)?;
        let mut nodes = nodes.into_iter();
        let operand = nodes.next().ok_or("a list needs an operand")?;
        let items: Vec<Node> = nodes.collect();
        let constants: Option<Vec<Constant>> = items
            .iter()
            .map(|item| match item {
                Node::Constant(constant) if *constant != Constant::Null => Some(constant.clone()),
                _ => None,
            })
            .collect();
        let found = match constants {
            Some(constants) if !constants.is_empty() => Node::OneOf(Box::new(operand), constants),
            _ => {
                let each = items.into_iter().map(|item| {
                    let operand = Box::new(operand.clone());
                    Node::Compare(operand, Comparison::Equal, Box::new(item))
                });
                each.reduce(|all, next| Node::Or(Box::new(all), Box::new(next)))
                    .ok_or("the list is empty")?
            }
        };
        Ok(Typed::truth(negate(found, negated)))
    }

    pub(super) fn between(
        &mut self,
        operand: &Expr,
        low: &Expr,
        high: &Expr,
        negated: bool,
    ) -> Result<Typed, Refused> {
        let mut side =
            |how, bound| self.comparison(operand, how, bound).map(|it| Box::new(it.node));
        let above = side(Comparison::GreaterOrEqual, low)?;
        let below = side(Comparison::LessOrEqual, high)?;
        Ok(Typed::truth(negate(Node::And(above, below), negated)))
    }

    fn arithmetic(&mut self, left: &Expr, how: Arithmetic, right: &Expr) -> Result<Typed, Refused> {
        let refused = || format!("`{left} … {right}` is computed by the server");
        let sides = [self.part(left)?, self.part(right)?];
        let kinds = sides.each_ref().map(|side| match &side.given {
            Given::Known(kind) => Some(kind.clone()),
            Given::Literal(_) | Given::Null => None,
        });
        let is_days = |kind: &Option<Kind>| matches!(kind, Some(Kind::Int2 | Kind::Int4));
        let (how, kind) = match (&kinds, how) {
            ([Some(Kind::Date), days], Arithmetic::Add) if is_days(days) => {
                (Arithmetic::AddDays, Kind::Date)
            }
            ([Some(Kind::Date), days], Arithmetic::Subtract) if is_days(days) => {
                (Arithmetic::SubtractDays, Kind::Date)
            }
            ([Some(Kind::Date), Some(Kind::Date)], Arithmetic::Subtract) => {
                (Arithmetic::DaysBetween, Kind::Int4)
            }
            ([Some(one), Some(other)], how) => {
                (how, result_of(one, how, other).ok_or_else(refused)?)
            }
            _ => return Err(refused()),
        };
        let [left, right] = match kind.family() {
            Family::Number | Family::Float => {
                let [left, right] = sides;
                [as_kind(left, &kind)?, as_kind(right, &kind)?]
            }
            _ => sides.map(|side| side.node),
        };
        let node = Node::Arithmetic(Box::new(left), how, Box::new(right), kind.clone());
        Ok(Typed::known(node, kind))
    }

    fn matched(&mut self, operand: &Expr, pattern: &Expr, negated: bool) -> Result<Typed, Refused> {
        let (operand, _) = self.text(operand)?;
        let pattern = quoted(pattern).ok_or("the pattern is no literal")?;
        pattern::check(&pattern)?;
        let regex = compiled(&pattern::to_regex(&pattern, Case::Sensitive))?;
        self.patterns += 1;
        Ok(Typed::truth(negate(Node::Match(Box::new(operand), regex), negated)))
    }

    pub(super) fn like(
        &mut self,
        operand: &Expr,
        pattern: &Expr,
        negated: bool,
    ) -> Result<Typed, Refused> {
        let (operand, _) = self.text(operand)?;
        let text = quoted(pattern).ok_or("the pattern is no literal")?;
        let parts = pattern::like_parts(&text).ok_or("the pattern ends in a backslash")?;
        let parts: String = parts
            .into_iter()
            .map(|part| match part {
                LikePart::AnyOne => ".".to_owned(),
                LikePart::AnyMany => ".*".to_owned(),
                LikePart::Character(one) => regex::escape(&one.to_string()),
            })
            .collect();
        let regex = compiled(&format!("(?s)^{parts}$"))?;
        Ok(Typed::truth(negate(Node::Match(Box::new(operand), regex), negated)))
    }

    pub(super) fn call(&mut self, tree: &Expr) -> Result<Typed, Refused> {
        match tree {
            Expr::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                let list: Vec<&Expr> =
                    [&**expr, &**from].into_iter().chain(substring_for.as_deref()).collect();
                self.substring(&list)
            }
            Expr::Trim { trim_where, trim_what, expr, trim_characters: None } => {
                let call = match trim_where {
                    None | Some(sql::TrimWhereField::Both) => TextCall::Trim,
                    Some(sql::TrimWhereField::Leading) => TextCall::TrimLeft,
                    Some(sql::TrimWhereField::Trailing) => TextCall::TrimRight,
                };
                let list: Vec<&Expr> =
                    std::iter::once(&**expr).chain(trim_what.as_deref()).collect();
                self.text_call(call, &list)
            }
            Expr::Position { expr, r#in } => self.text_call(TextCall::Position, &[r#in, expr]),
            Expr::Function(function) => {
                let list = arguments(function).ok_or_else(|| outside(tree))?;
                let name = function.name.to_string().to_lowercase();
                self.function(&name, &list).map_err(|reason| match reason.as_str() {
                    "" => format!("`{name}` is the server's"),
                    _ => reason,
                })
            }
            other => Err(outside(other)),
        }
    }

    /// An empty reason: no such function is known.
    fn function(&mut self, name: &str, list: &[&Expr]) -> Result<Typed, Refused> {
        match (name, list.len()) {
            ("length" | "char_length" | "character_length", 1) => {
                self.text_call(TextCall::Length, list)
            }
            ("octet_length", 1) => self.text_call(TextCall::Octets, list),
            ("lower", 1) => self.folded(TextCall::Lower, list),
            ("upper", 1) => self.folded(TextCall::Upper, list),
            ("btrim", 1 | 2) => self.text_call(TextCall::Trim, list),
            ("ltrim", 1 | 2) => self.text_call(TextCall::TrimLeft, list),
            ("rtrim", 1 | 2) => self.text_call(TextCall::TrimRight, list),
            ("strpos", 2) => self.text_call(TextCall::Position, list),
            ("starts_with", 2) => self.text_call(TextCall::StartsWith, list),
            ("substr" | "substring", 2 | 3) => self.substring(list),
            ("coalesce", 1..) => {
                let (nodes, kind) = self.alike(list)?;
                Ok(Typed::known(Node::Coalesce(nodes), kind))
            }
            ("nullif", 2) => {
                let (nodes, kind) = self.alike(list)?;
                let [left, right] = two(nodes)?;
                Ok(Typed::known(Node::NullIf(left, right), kind))
            }
            ("least", 1..) => self.extreme(Extreme::Least, list),
            ("greatest", 1..) => self.extreme(Extreme::Greatest, list),
            ("abs", 1) => {
                let typed = self.part(list[0])?;
                match typed.given {
                    Given::Known(
                        kind
                        @ (Kind::Int2 | Kind::Int4 | Kind::Int8 | Kind::Numeric | Kind::Float8),
                    ) => Ok(Typed::known(Node::Absolute(Box::new(typed.node), kind.clone()), kind)),
                    _ => Err("`abs` of this is the server's".into()),
                }
            }
            _ => Err(String::new()),
        }
    }

    fn text_call(&mut self, call: TextCall, list: &[&Expr]) -> Result<Typed, Refused> {
        let mut nodes = Vec::with_capacity(list.len());
        let mut order = Order::Locale;
        for tree in list {
            let (node, own) = self.text(tree)?;
            order = if own == Order::Bytes { own } else { order };
            nodes.push(node);
        }
        let kind = match call {
            TextCall::Length | TextCall::Octets | TextCall::Position => Kind::Int4,
            TextCall::StartsWith => Kind::Bool,
            TextCall::Lower
            | TextCall::Upper
            | TextCall::Trim
            | TextCall::TrimLeft
            | TextCall::TrimRight
            | TextCall::Substring
            | TextCall::Concat => Kind::Text(order),
        };
        Ok(Typed::known(Node::Text(call, nodes), kind))
    }

    /// Letters are folded by the database's locale, unless the collation is `C`.
    fn folded(&mut self, call: TextCall, list: &[&Expr]) -> Result<Typed, Refused> {
        let typed = self.text_call(call, list)?;
        match typed.given {
            Given::Known(Kind::Text(Order::Bytes)) => Ok(typed),
            _ => Err("letters are folded by the database's locale".into()),
        }
    }

    fn substring(&mut self, list: &[&Expr]) -> Result<Typed, Refused> {
        let [text, bounds @ ..] = list else { return Err(String::new()) };
        let (node, order) = self.text(text)?;
        let mut nodes = vec![node];
        for bound in bounds {
            let typed = settled(self.part(bound)?);
            match typed.given {
                Given::Known(Kind::Int2 | Kind::Int4) => nodes.push(typed.node),
                _ => return Err("this substring is the server's".into()),
            }
        }
        Ok(Typed::known(Node::Text(TextCall::Substring, nodes), Kind::Text(order)))
    }
}

fn negate(node: Node, negated: bool) -> Node {
    if negated { Node::Not(Box::new(node)) } else { node }
}

fn compiled(pattern: &str) -> Result<Regex, Refused> {
    Regex::new(pattern).map_err(|_| format!("the pattern `{pattern}` is too large"))
}

/// What a computation with numbers gives; `None` where it is left to the server.
fn result_of(left: &Kind, how: Arithmetic, right: &Kind) -> Option<Kind> {
    use Family::{Number, Whole};
    match (left.family(), right.family(), how) {
        (Whole, Whole, _) => Some(left.clone().wider(right.clone())),
        (_, _, Arithmetic::Divide | Arithmetic::Remainder) => None,
        (Whole | Number, Whole | Number, _) => Some(Kind::Numeric),
        _ if *left == Kind::Float8 && *right == Kind::Float8 => Some(Kind::Float8),
        _ => None,
    }
}

/// A quoted literal, also with a cast to text.
fn quoted(tree: &Expr) -> Option<String> {
    match tree {
        Expr::Nested(inner) => quoted(inner),
        Expr::Cast { expr, data_type, .. } if data_type.to_string().to_lowercase() == "text" => {
            quoted(expr)
        }
        Expr::Value(value) => match &value.value {
            sql::Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// The arguments of a plain call.
fn arguments(function: &sql::Function) -> Option<Vec<&Expr>> {
    let sql::FunctionArguments::List(list) = &function.args else { return None };
    let is_plain = function.filter.is_none()
        && function.over.is_none()
        && function.within_group.is_empty()
        && list.clauses.is_empty()
        && list.duplicate_treatment.is_none();
    let each = list.args.iter().map(|argument| match argument {
        sql::FunctionArg::Unnamed(sql::FunctionArgExpr::Expr(inner)) => Some(inner),
        _ => None,
    });
    let each: Option<Vec<&Expr>> = each.collect();
    each.filter(|_| is_plain)
}
