//! From the text of a condition to a typed tree: a white list.

use std::collections::BTreeSet;

use sqlparser::ast::{self as sql, Expr};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::Field;
use super::eval::{Constant, Conversion, Extreme, Node};
use super::kind::{Family, Kind, Order};
use super::literal;
use super::shape::is_certain;
use super::value::Number;

/// Names that are functions of the server where they stand without quotes. Source: manual appendix C.
const SERVER_WORDS: [&str; 12] = [
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "system_user",
    "user",
];

/// What is known of a part's type while its surroundings are not read yet.
#[derive(Clone, Debug)]
pub(super) enum Given {
    Known(Kind),
    /// A quoted literal: the other side decides.
    Literal(String),
    Null,
}

/// A part and its type.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) given: Given,
}

impl Typed {
    pub(super) fn known(node: Node, kind: Kind) -> Self {
        Typed { node, given: Given::Known(kind) }
    }

    pub(super) fn truth(node: Node) -> Self {
        Typed::known(node, Kind::Bool)
    }
}

/// Why a part is left to the server.
pub(super) type Refused = String;

pub(super) struct Compiler<'f> {
    fields: &'f [Field],
    /// Positions of the fields that are looked at.
    pub(super) used: BTreeSet<usize>,
    pub(super) parts: usize,
    pub(super) patterns: usize,
}

impl<'f> Compiler<'f> {
    pub(super) fn new(fields: &'f [Field]) -> Self {
        Compiler { fields, used: BTreeSet::new(), parts: 0, patterns: 0 }
    }

    pub(super) fn condition(&mut self, text: &str) -> Result<Node, Refused> {
        let tree = parsed(text)?;
        self.bool(&tree)
    }

    pub(super) fn expression(&mut self, text: &str) -> Result<(Node, Kind), Refused> {
        let tree = parsed(text)?;
        let typed = self.part(&tree)?;
        match typed.given {
            Given::Known(kind) => Ok((typed.node, kind)),
            Given::Literal(_) | Given::Null => Err(format!("`{text}` has no type of its own")),
        }
    }

    pub(super) fn bool(&mut self, tree: &Expr) -> Result<Node, Refused> {
        let typed = self.part(tree)?;
        as_kind(typed, &Kind::Bool)
    }

    pub(super) fn boxed_bool(&mut self, tree: &Expr) -> Result<Box<Node>, Refused> {
        self.bool(tree).map(Box::new)
    }

    /// A text. Any kind of text will do.
    pub(super) fn text(&mut self, tree: &Expr) -> Result<(Node, Order), Refused> {
        let typed = self.part(tree)?;
        let order = match &typed.given {
            Given::Known(Kind::Text(order)) => *order,
            _ => Order::Locale,
        };
        Ok((as_kind(typed, &Kind::Text(order))?, order))
    }

    pub(super) fn part(&mut self, tree: &Expr) -> Result<Typed, Refused> {
        self.parts += 1;
        if !is_certain(tree) {
            return Err(format!("parentheses are missing in `{tree}`"));
        }
        let not = |node: Node| Node::Not(Box::new(node));
        let is_null = |node: Node| Node::IsNull(Box::new(node));
        match tree {
            Expr::Nested(inner) => self.part(inner),
            Expr::Identifier(name) => self.field(name),
            // `r` is the row.
            Expr::CompoundIdentifier(names) => match names.as_slice() {
                [row, name] if row.value == "r" => self.field(name),
                _ => Err(outside(tree)),
            },
            Expr::Value(value) => constant(&value.value),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::IsNull(inner) => Ok(Typed::truth(is_null(self.any(inner)?))),
            Expr::IsNotNull(inner) => Ok(Typed::truth(not(is_null(self.any(inner)?)))),
            Expr::IsUnknown(inner) => Ok(Typed::truth(is_null(self.bool(inner)?))),
            Expr::IsNotUnknown(inner) => Ok(Typed::truth(not(is_null(self.bool(inner)?)))),
            Expr::IsTrue(inner) => Ok(Typed::truth(Node::IsTruth(self.boxed_bool(inner)?, true))),
            Expr::IsFalse(inner) => Ok(Typed::truth(Node::IsTruth(self.boxed_bool(inner)?, false))),
            Expr::IsNotTrue(inner) => {
                Ok(Typed::truth(not(Node::IsTruth(self.boxed_bool(inner)?, true))))
            }
            Expr::IsNotFalse(inner) => {
                Ok(Typed::truth(not(Node::IsTruth(self.boxed_bool(inner)?, false))))
            }
            Expr::IsDistinctFrom(left, right) => self.distinct(left, right).map(Typed::truth),
            Expr::IsNotDistinctFrom(left, right) => {
                Ok(Typed::truth(not(self.distinct(left, right)?)))
            }
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::Between { expr, negated, low, high } => self.between(expr, low, high, *negated),
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                self.like(expr, pattern, *negated)
            }
            Expr::AnyOp { left, compare_op: sql::BinaryOperator::Eq, right, .. } => {
                self.in_list(left, elements(right).ok_or_else(|| outside(tree))?, false)
            }
            Expr::AllOp { left, compare_op: sql::BinaryOperator::NotEq, right } => {
                self.in_list(left, elements(right).ok_or_else(|| outside(tree))?, true)
            }
            Expr::Case { operand: None, conditions, else_result, .. } => {
                self.case(conditions, else_result.as_deref())
            }
            Expr::Cast {
                kind: sql::CastKind::Cast | sql::CastKind::DoubleColon,
                expr,
                data_type,
                format: None,
            } => self.cast(expr, data_type),
            Expr::Collate { expr, collation } => {
                let (node, _) = self.text(expr)?;
                match collation.to_string().trim_matches('"') {
                    "C" | "POSIX" => Ok(Typed::known(node, Kind::Text(Order::Bytes))),
                    other => Err(format!("collation `{other}` is the server's")),
                }
            }
            Expr::Function(_)
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Position { .. } => self.call(tree),
            other => Err(outside(other)),
        }
    }

    /// A part of any type, a literal without one too.
    fn any(&mut self, tree: &Expr) -> Result<Node, Refused> {
        // Whether a column is there is told of every type.
        if let Some(at) = column_of(tree).and_then(|name| self.position(name)) {
            self.used.insert(at);
            let kind = self.fields[at].kind.clone().unwrap_or(Kind::Bytes);
            return Ok(self.fields[at].node(at, kind));
        }
        Ok(settled(self.part(tree)?).node)
    }

    fn position(&self, name: &sql::Ident) -> Option<usize> {
        let spelled = match name.quote_style {
            Some(_) => name.value.clone(),
            None => name.value.to_lowercase(),
        };
        let is_server_word = name.quote_style.is_none() && SERVER_WORDS.contains(&spelled.as_str());
        let found = self.fields.iter().position(|field| field.name.as_str() == spelled);
        found.filter(|_| !is_server_word)
    }

    fn field(&mut self, name: &sql::Ident) -> Result<Typed, Refused> {
        let at = self.position(name).ok_or_else(|| format!("`{name}` is no column"))?;
        let kind = self.fields[at].kind.clone().ok_or_else(|| {
            format!("only the server knows when two values of `{}` are equal", name.value)
        })?;
        self.used.insert(at);
        Ok(Typed::known(self.fields[at].node(at, kind.clone()), kind))
    }

    fn unary(&mut self, op: sql::UnaryOperator, operand: &Expr) -> Result<Typed, Refused> {
        match op {
            sql::UnaryOperator::Not => Ok(Typed::truth(Node::Not(self.boxed_bool(operand)?))),
            sql::UnaryOperator::Minus => {
                let typed = self.part(operand)?;
                match typed.given {
                    Given::Known(
                        kind
                        @ (Kind::Int2 | Kind::Int4 | Kind::Int8 | Kind::Numeric | Kind::Float8),
                    ) => Ok(Typed::known(Node::Negate(Box::new(typed.node), kind.clone()), kind)),
                    _ => Err(format!("`-{operand}` is the server's")),
                }
            }
            other => Err(format!("operator `{other}` is the server's")),
        }
    }

    /// Parts that are compared or chosen among, as values of one kind.
    pub(super) fn alike(&mut self, trees: &[&Expr]) -> Result<(Vec<Node>, Kind), Refused> {
        let mut parts = Vec::with_capacity(trees.len());
        for tree in trees {
            parts.push(self.part(tree)?);
        }
        let mut common: Option<Kind> = None;
        for part in &parts {
            let Given::Known(kind) = &part.given else { continue };
            common = Some(match common {
                None => kind.clone(),
                Some(common) => joined(common, kind.clone())?,
            });
        }
        let common = common.unwrap_or(Kind::Text(Order::Locale));
        let nodes: Result<Vec<Node>, Refused> =
            parts.into_iter().map(|part| as_kind(part, &common)).collect();
        Ok((nodes?, common))
    }

    fn distinct(&mut self, left: &Expr, right: &Expr) -> Result<Node, Refused> {
        let (nodes, _) = self.alike(&[left, right])?;
        let [left, right] = two(nodes)?;
        Ok(Node::Distinct(left, right))
    }

    fn case(
        &mut self,
        conditions: &[sql::CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Result<Typed, Refused> {
        let results: Vec<&Expr> =
            conditions.iter().map(|branch| &branch.result).chain(otherwise).collect();
        let (mut results, kind) = self.alike(&results)?;
        let otherwise = match otherwise {
            Some(_) => results.pop().unwrap_or(Node::Constant(Constant::Null)),
            None => Node::Constant(Constant::Null),
        };
        let tests: Result<Vec<Node>, Refused> =
            conditions.iter().map(|branch| self.bool(&branch.condition)).collect();
        let branches = tests?.into_iter().zip(results).collect();
        Ok(Typed::known(Node::Case(branches, Box::new(otherwise)), kind))
    }

    pub(super) fn extreme(&mut self, which: Extreme, list: &[&Expr]) -> Result<Typed, Refused> {
        let (nodes, kind) = self.alike(list)?;
        ordered(&kind)?;
        Ok(Typed::known(Node::Extreme(which, nodes), kind))
    }

    fn cast(&mut self, operand: &Expr, target: &sql::DataType) -> Result<Typed, Refused> {
        let name = type_name(target);
        let refused = || format!("the cast to {name} is the server's");
        let kind = Kind::of_type(&name).ok_or_else(refused)?;
        // A length would cut or round.
        if name.contains('(') {
            return Err(refused());
        }
        let typed = self.part(operand)?;
        let from = match &typed.given {
            Given::Literal(_) | Given::Null => {
                return Ok(Typed::known(as_kind(typed, &kind)?, kind));
            }
            Given::Known(from) => from.clone(),
        };
        let converted = |conversion| Node::Convert(Box::new(typed.node.clone()), conversion);
        let node = match (&from, &kind) {
            (Kind::Text(order), Kind::Text(_)) => {
                return Ok(Typed::known(typed.node, Kind::Text(*order)));
            }
            (from, kind) if from == kind => typed.node,
            (from, kind) if from.family() == Family::Whole && kind.family() == Family::Whole => {
                converted(Conversion::Into(kind.clone()))
            }
            (from, Kind::Numeric) if from.family() == Family::Whole => {
                converted(Conversion::ToNumber)
            }
            (from, Kind::Float8) if from.family() == Family::Whole => {
                converted(Conversion::ToFloat)
            }
            (Kind::Numeric, Kind::Float8) => converted(Conversion::ToFloat),
            (from, Kind::Text(_)) if matches!(from.family(), Family::Whole | Family::Bool) => {
                converted(Conversion::ToText)
            }
            // A label is its own text.
            (Kind::Enum(_), Kind::Text(_)) => typed.node,
            (Kind::Text(_), Kind::Int2 | Kind::Int4 | Kind::Int8) => {
                converted(Conversion::Into(kind.clone()))
            }
            _ => return Err(refused()),
        };
        Ok(Typed::known(node, kind))
    }
}

/// The name as the server prints it.
fn type_name(target: &sql::DataType) -> String {
    let name = target.to_string().to_lowercase();
    match name.as_str() {
        "int" | "int4" => "integer".into(),
        "int8" => "bigint".into(),
        "int2" => "smallint".into(),
        "bool" => "boolean".into(),
        "float8" | "double" | "float" => "double precision".into(),
        "varchar" => "character varying".into(),
        "decimal" => "numeric".into(),
        "timestamptz" => "timestamp with time zone".into(),
        "timestamp" => "timestamp without time zone".into(),
        "time" => "time without time zone".into(),
        _ => name,
    }
}

fn parsed(text: &str) -> Result<Expr, Refused> {
    let unread = || format!("`{text}` is read by the server only");
    let mut parser = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(60)
        .try_with_sql(text)
        .map_err(|_| unread())?;
    let tree = parser.parse_expr().map_err(|_| unread())?;
    (parser.peek_token().token == Token::EOF).then_some(tree).ok_or_else(unread)
}

pub(super) fn outside(tree: &Expr) -> Refused {
    format!("`{tree}` is answered by the server only")
}

fn column_of(tree: &Expr) -> Option<&sql::Ident> {
    match tree {
        Expr::Nested(inner) => column_of(inner),
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => match names.as_slice() {
            [row, name] if row.value == "r" => Some(name),
            _ => None,
        },
        _ => None,
    }
}

fn constant(value: &sql::Value) -> Result<Typed, Refused> {
    Ok(match value {
        sql::Value::Null => Typed { node: Node::Constant(Constant::Null), given: Given::Null },
        sql::Value::Boolean(truth) => Typed::truth(Node::Constant(Constant::Bool(*truth))),
        sql::Value::SingleQuotedString(text) => Typed {
            node: Node::Constant(Constant::Text(text.clone())),
            given: Given::Literal(text.clone()),
        },
        sql::Value::Number(digits, false) => number(digits)?,
        other => return Err(format!("the literal {other} is the server's")),
    })
}

/// The type of a number is the narrowest of `integer`, `bigint` and `numeric`. Source: manual section 4.1.2.6.
fn number(digits: &str) -> Result<Typed, Refused> {
    let unread = || format!("the number {digits} is the server's");
    if digits.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(number) = digits.parse::<i64>()
    {
        let kind = if i32::try_from(number).is_ok() { Kind::Int4 } else { Kind::Int8 };
        return Ok(Typed::known(Node::Constant(Constant::Whole(number)), kind));
    }
    let number = Number::parse(digits).ok_or_else(unread)?;
    Ok(Typed::known(Node::Constant(Constant::Number(number)), Kind::Numeric))
}

/// A literal that nothing gave a type is text.
pub(super) fn settled(typed: Typed) -> Typed {
    match typed.given {
        Given::Known(_) => typed,
        Given::Literal(_) | Given::Null => Typed::known(typed.node, Kind::Text(Order::Locale)),
    }
}

/// The kind in which values of two kinds are compared.
fn joined(left: Kind, right: Kind) -> Result<Kind, Refused> {
    use Family::{Float, Number, Text, Whole};
    let differ = format!("{left:?} and {right:?} are compared by the server");
    Ok(match (left.family(), right.family()) {
        (Whole, Whole) => left.wider(right),
        (Whole | Number, Whole | Number) => Kind::Numeric,
        (Whole | Number | Float, Whole | Number | Float) => Kind::Float8,
        (Text, Text) if left == Kind::Text(Order::Bytes) => left,
        (Text, Text) => right,
        _ if left == right => left,
        _ => return Err(differ),
    })
}

/// A part as a value of a kind.
pub(super) fn as_kind(typed: Typed, kind: &Kind) -> Result<Node, Refused> {
    let own = match typed.given {
        Given::Null => return Ok(typed.node),
        Given::Literal(text) => {
            return literal::read(&text, kind)
                .map(Node::Constant)
                .ok_or_else(|| format!("'{text}' is read by the server only"));
        }
        Given::Known(own) => own,
    };
    let conversion = match (own.family(), kind.family()) {
        (own, wanted) if own == wanted => return Ok(typed.node),
        (Family::Whole, Family::Number) => Conversion::ToNumber,
        (Family::Whole | Family::Number, Family::Float) => Conversion::ToFloat,
        _ => return Err(format!("{own:?} is no {kind:?}")),
    };
    // Constants are converted once.
    let node = match (&conversion, typed.node) {
        (Conversion::ToNumber, Node::Constant(Constant::Whole(number))) => {
            return Ok(Node::Constant(Constant::Number(Number::whole(number))));
        }
        (_, node) => node,
    };
    Ok(Node::Convert(Box::new(node), conversion))
}

/// Whether the order of values is known.
pub(super) fn ordered(kind: &Kind) -> Result<(), Refused> {
    match kind {
        Kind::Text(Order::Locale) => Err("texts are ordered by the database's locale".into()),
        Kind::Enum(_) => Err("labels are ordered by the server".into()),
        _ => Ok(()),
    }
}

pub(super) fn two(nodes: Vec<Node>) -> Result<[Box<Node>; 2], Refused> {
    let boxed: Vec<Box<Node>> = nodes.into_iter().map(Box::new).collect();
    boxed.try_into().map_err(|_| "two sides are needed".to_owned())
}

/// The elements of `ARRAY[…]`, of whatever text type they are said to be.
fn elements(tree: &Expr) -> Option<&[Expr]> {
    match tree {
        Expr::Nested(inner) => elements(inner),
        Expr::Cast { expr, data_type, .. } => {
            let name = type_name(data_type);
            ["text[]", "character varying[]", "varchar[]"]
                .contains(&name.as_str())
                .then(|| elements(expr))?
        }
        Expr::Array(array) => Some(&array.elem),
        _ => None,
    }
}
