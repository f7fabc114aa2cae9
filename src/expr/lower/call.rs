//! Functions, casts and arithmetic of the portable subset.

use sqlparser::ast::{self as sql, Spanned};

use super::{Lowering, Node, Type, check};
use crate::expr::parse::Purpose;
use crate::expr::types::{parse_type, print_type};
use crate::expr::{BinaryOp, Expr, Function, Nullability, ValueType, infer};
use crate::text::diagnostic::Span;
use crate::text::suggest;

/// Function names, with the fewest and the most arguments.
const FUNCTIONS: [(&str, Function, usize, usize); 15] = [
    ("coalesce", Function::Coalesce, 2, usize::MAX),
    ("nullif", Function::NullIf, 2, 2),
    ("lower", Function::Lower, 1, 1),
    ("upper", Function::Upper, 1, 1),
    ("trim", Function::Trim, 1, 1),
    ("length", Function::Length, 1, 1),
    ("substr", Function::Substr, 2, 3),
    ("before", Function::Before, 2, 2),
    ("after", Function::After, 2, 2),
    ("least", Function::Least, 2, usize::MAX),
    ("greatest", Function::Greatest, 2, usize::MAX),
    ("abs", Function::Abs, 1, 1),
    ("now", Function::Now, 0, 0),
    ("today", Function::Today, 0, 0),
    ("uuid", Function::Uuid, 0, 0),
];

/// The name of a function in portable text.
pub(in crate::expr) fn function_name(function: Function) -> &'static str {
    match function {
        Function::Coalesce => "coalesce",
        Function::NullIf => "nullif",
        Function::Lower => "lower",
        Function::Upper => "upper",
        Function::Trim => "trim",
        Function::Length => "length",
        Function::Substr => "substr",
        Function::Before => "before",
        Function::After => "after",
        Function::Least => "least",
        Function::Greatest => "greatest",
        Function::Abs => "abs",
        Function::Now => "now",
        Function::Today => "today",
        Function::Uuid => "uuid",
    }
}

impl Lowering<'_> {
    pub(super) fn function(&mut self, function: &sql::Function, span: Span) -> Node {
        let name = function.name.to_string();
        if let Some(aggregate) = super::aggregate::named(&name.to_lowercase())
            && self.purpose == Purpose::PathRule
        {
            return self.aggregate(aggregate, function, span);
        }
        let plain = function.filter.is_none()
            && function.over.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && matches!(function.parameters, sql::FunctionArguments::None);
        let arguments: Option<Vec<&sql::Expr>> = match &function.args {
            sql::FunctionArguments::List(list)
                if list.clauses.is_empty() && list.duplicate_treatment.is_none() =>
            {
                list.args.iter().map(plain_argument).collect()
            }
            sql::FunctionArguments::None => Some(Vec::new()),
            sql::FunctionArguments::List(_) | sql::FunctionArguments::Subquery(_) => None,
        };
        let lower = name.to_lowercase();
        match (plain, arguments) {
            (true, Some(arguments)) => self.call(&lower, &arguments, span),
            _ if known(&lower).is_none() => self.unknown_function(&lower, span),
            _ => {
                let message = format!("this form of `{lower}` is not in the portable subset");
                self.refuse(span, message, Some("write plain arguments only"))
            }
        }
    }

    fn unknown_function(&mut self, name: &str, span: Span) -> Node {
        let names = FUNCTIONS.map(|(name, ..)| name);
        let hint = suggest::did_you_mean(name, names);
        let message = format!("function `{name}` is not in the portable subset{hint}");
        let listed = format!("use one of {}", names.join(", "));
        let help = match name {
            "sum" | "count" => "a rule over the far side of a relationship needs `enforce: verify`",
            "avg" => "compare sums: sum(lines.amount) >= 10 * count(lines)",
            "min" => "the smaller of several values is least(a, b)",
            "max" => "the larger of several values is greatest(a, b)",
            "char_length" | "character_length" | "len" => "write length(x)",
            "ifnull" | "isnull" | "nvl" => "write coalesce(x, y)",
            "current_timestamp" | "localtimestamp" | "clock_timestamp" => "write now()",
            "current_date" => "write today()",
            "gen_random_uuid" | "uuid_generate_v4" | "newid" => "write uuid()",
            "btrim" => "write trim(x)",
            "split_part" | "strpos" | "instr" | "position" | "substring_index" => {
                "write before(x, ' ') and after(x, ' ')"
            }
            "date_trunc" | "date_part" | "age" => "compare with a date: due_on >= '2024-01-01'",
            _ => listed.as_str(),
        };
        self.refuse(span, message, Some(help))
    }

    pub(super) fn call(&mut self, name: &str, arguments: &[&sql::Expr], span: Span) -> Node {
        let Some((function, count_min, count_max)) = known(name) else {
            return self.unknown_function(name, span);
        };
        let mut nodes: Vec<Node> = arguments.iter().map(|argument| self.lower(argument)).collect();
        if nodes.len() < count_min || nodes.len() > count_max {
            let count = match (count_min, count_max) {
                (least, usize::MAX) => format!("at least {least}"),
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} or {most}"),
            };
            let message = format!("`{name}` takes {count} arguments, not {}", nodes.len());
            return self.refuse(span, message, None);
        }
        let (value, nullability) = self.result(function, name, &mut nodes, span);
        let failed = nodes.iter().any(Node::failed);
        let expr = Expr::Call(function, nodes.into_iter().map(|node| node.expr).collect());
        let value = if failed { Type::Failed } else { value };
        Node { expr, value, nullability, span }
    }

    /// Checks the arguments and says what the call gives.
    fn result(
        &mut self,
        function: Function,
        name: &str,
        nodes: &mut [Node],
        span: Span,
    ) -> (Type, Nullability) {
        let all = check::any_null(nodes);
        // One argument that is never NULL is enough: engines skip NULLs here.
        let any = match nodes.iter().any(|node| node.nullability == Nullability::NotNull) {
            true => Nullability::NotNull,
            false => Nullability::Nullable,
        };
        match function {
            Function::Coalesce => (self.same_type(nodes, name), any),
            Function::Least | Function::Greatest => {
                self.settle_nulls(nodes, name);
                let value = self.same_type(nodes, name);
                let allowed =
                    value == Type::Literal || self.compare(nodes, check::Use::Order, span);
                (if allowed { value } else { Type::Failed }, any)
            }
            Function::NullIf => {
                let allowed = self.compare(nodes, check::Use::Equality, span);
                if let [first, ..] = nodes {
                    first.settle();
                }
                let value = nodes.first().map_or(Type::Failed, |node| node.value.clone());
                (if allowed { value } else { Type::Failed }, Nullability::Nullable)
            }
            Function::Lower | Function::Upper | Function::Trim | Function::Length => {
                let allowed =
                    nodes.iter().all(|node| self.require_text(node, &format!("`{name}`")));
                let value = match function {
                    Function::Length => ValueType::Int,
                    _ => ValueType::Text,
                };
                (if allowed { Type::Known(value) } else { Type::Failed }, all)
            }
            Function::Substr => (self.substr(nodes), all),
            Function::Before | Function::After => (self.parted(nodes, name), all),
            Function::Abs => {
                let allowed = nodes.iter().all(|node| self.require_number(node, "`abs`"));
                let value = nodes.first().map_or(Type::Failed, |node| node.value.clone());
                (if allowed { value } else { Type::Failed }, all)
            }
            Function::Now => (self.clock(name, ValueType::Timestamp, span), Nullability::NotNull),
            Function::Today => (self.clock(name, ValueType::Date, span), Nullability::NotNull),
            Function::Uuid => (self.clock(name, ValueType::Uuid, span), Nullability::NotNull),
        }
    }

    fn same_type(&mut self, nodes: &mut [Node], name: &str) -> Type {
        match self.unify(nodes, &format!("the arguments of `{name}`")) {
            Type::Null => {
                if let Some(node) = nodes.first() {
                    let message = format!("`{name}` needs a value that is not just NULL");
                    self.error(node.span, message, None);
                }
                Type::Failed
            }
            value => value,
        }
    }

    /// NULL among the arguments of `least` is skipped by every engine, so it says nothing.
    fn settle_nulls(&mut self, nodes: &mut [Node], name: &str) {
        for node in nodes.iter_mut().filter(|node| node.value == Type::Null) {
            let message = format!("`{name}` skips NULL");
            self.error(node.span, message, Some("remove it".into()));
            node.value = Type::Failed;
        }
    }

    fn substr(&mut self, nodes: &[Node]) -> Type {
        let mut allowed = nodes.first().is_some_and(|node| self.require_text(node, "`substr`"));
        // Engines differ on a start before the text and on negative lengths.
        for (node, least) in nodes.iter().skip(1).zip([1_u32, 0]) {
            let fits = match &node.expr {
                Expr::Number(text) => text.parse::<u32>().is_ok_and(|number| number >= least),
                _ => false,
            };
            if !fits && !node.failed() {
                let message = format!("this argument of `substr` must be a number from {least} up");
                self.error(node.span, message, Some("write substr(text, start, length)".into()));
            }
            allowed &= fits;
        }
        if allowed { Type::Known(ValueType::Text) } else { Type::Failed }
    }

    /// A text parted at another one, which is a literal: engines differ on an empty one.
    fn parted(&mut self, nodes: &[Node], name: &str) -> Type {
        let what = format!("`{name}`");
        let mut allowed = nodes.first().is_some_and(|node| self.require_text(node, &what));
        if let Some(node) = nodes.get(1) {
            let fits = matches!(&node.expr, Expr::Text(text) if !text.is_empty());
            if !fits && !node.failed() {
                let message = format!("the second argument of `{name}` must be a text in quotes");
                self.error(node.span, message, Some(format!("write {name}(text, ' ')")));
            }
            allowed &= fits;
        }
        if allowed { Type::Known(ValueType::Text) } else { Type::Failed }
    }

    /// The clock and random values: only where a value is made once and then kept.
    fn clock(&mut self, name: &str, value: ValueType, span: Span) -> Type {
        let (what, help) = match self.purpose {
            Purpose::Backfill | Purpose::Default => return Type::Known(value),
            Purpose::RowRule | Purpose::PathRule => (
                format!("`{name}()` is not in the portable subset of row rules"),
                "its value changes, so a row could break the rule without being written; compare fields",
            ),
            Purpose::Index => (
                format!("`{name}()` is not in the portable subset of indexes"),
                "an index may only hold what the row itself says",
            ),
        };
        self.error(span, what, Some(help.to_owned()));
        Type::Failed
    }

    pub(super) fn arithmetic(
        &mut self,
        left: &sql::Expr,
        op: BinaryOp,
        right: &sql::Expr,
        span: Span,
    ) -> Node {
        let (mut left, mut right) = (self.lower(left), self.lower(right));
        if left.failed() || right.failed() {
            return self.join(left, op, right, ValueType::Bool, span);
        }
        let date = Type::Known(ValueType::Date);
        if op == BinaryOp::Subtract && left.value == date {
            self.adopt(&mut right, &ValueType::Date);
        }
        if op == BinaryOp::Subtract && right.value == date {
            self.adopt(&mut left, &ValueType::Date);
        }
        let days = matches!(right.value, Type::Known(ValueType::Int | ValueType::Int32));
        match op {
            BinaryOp::Subtract if left.value == date && right.value == date => {
                return self.join(left, BinaryOp::DaysBetween, right, ValueType::Int, span);
            }
            BinaryOp::Add if left.value == date && days => {
                return self.join(left, BinaryOp::AddDays, right, ValueType::Date, span);
            }
            BinaryOp::Subtract if left.value == date && days => {
                return self.join(left, BinaryOp::SubtractDays, right, ValueType::Date, span);
            }
            _ => {}
        }
        let time = [&left, &right].into_iter().find(|node| {
            matches!(
                node.value,
                Type::Known(ValueType::Date | ValueType::Timestamp | ValueType::Time)
            )
        });
        if let Some(node) = time {
            let message = format!(
                "this arithmetic on {} is not in the portable subset",
                self.type_name(node)
            );
            let help =
                Some("a date takes whole days: due_on + 30, due_on - 30, due_on - issued_on");
            return self.refuse(span, message, help);
        }
        let what = match op {
            BinaryOp::Add => "`+`",
            BinaryOp::Multiply => "`*`",
            _ => "`-`",
        };
        let allowed = [self.require_number(&left, what), self.require_number(&right, what)];
        let mut node = self.join(left, op, right, ValueType::Bool, span);
        // The types are in the tree by now except those of fields, which the scope knows.
        let scope = self.scope;
        let over = self.over.clone();
        let value = infer::type_of(&node.expr, &|path| {
            let found = match (path.split_first(), &over) {
                (Some((first, rest)), Some(over)) if first == over => scope.far_field(over, rest),
                _ => scope.field(path),
            };
            found.ok().map(|field| field.0)
        });
        node.value = match value {
            Some(value) if !allowed.contains(&false) => Type::Known(value),
            _ => Type::Failed,
        };
        node
    }

    pub(super) fn cast(
        &mut self,
        operand: &sql::Expr,
        data_type: &sql::DataType,
        span: Span,
    ) -> Node {
        let mut node = self.lower(operand);
        let target = match parse_type(&data_type.to_string()) {
            Ok(target) => target,
            Err(message) => return self.refuse(span, message, None),
        };
        node.settle();
        let source = match &node.value {
            Type::Known(source) => source.clone(),
            Type::Null => return self.refuse(node.span, "a cast of NULL says nothing", None),
            Type::Literal | Type::Failed | Type::Unresolved { .. } => {
                return Node { value: Type::Failed, span, ..node };
            }
        };
        if !castable(&source, &target, self.purpose) {
            let (from, to) = (print_type(&source), print_type(&target));
            let message = format!("a cast from {from} to {to} is not in the portable subset");
            let help = match self.purpose {
                Purpose::Backfill => None,
                Purpose::RowRule | Purpose::PathRule | Purpose::Default | Purpose::Index => {
                    Some("only casts that every engine does alike are: int to decimal, int to text")
                }
            };
            return self.refuse(self.places.span(operand.span()), message, help);
        }
        Node {
            expr: Expr::Cast(Box::new(node.expr), target.clone()),
            value: Type::Known(target),
            nullability: node.nullability,
            span,
        }
    }
}

fn plain_argument(argument: &sql::FunctionArg) -> Option<&sql::Expr> {
    match argument {
        sql::FunctionArg::Unnamed(sql::FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

fn known(name: &str) -> Option<(Function, usize, usize)> {
    FUNCTIONS
        .iter()
        .find(|(known, ..)| *known == name)
        .map(|(_, function, least, most)| (*function, *least, *most))
}

/// Whether every engine casts alike; a backfill may also use casts that each engine does in its printed form.
fn castable(source: &ValueType, target: &ValueType, purpose: Purpose) -> bool {
    use ValueType::{Bool, Date, Decimal, Enum, Float, Int, Int32, Text, Timestamp, Uuid};
    let numeric = |value: &ValueType| check::is_number(value);
    let widening = match (source, target) {
        (Int | Int32, Int | Decimal { .. } | Float | Text) | (Decimal { .. }, Float) => true,
        // The text of an enum is not immutable on PostgreSQL (pg_proc: `enum_out` is stable).
        (Enum(_), Text) => purpose != Purpose::Index,
        (Uuid | Bool, Text) => true,
        (source, target) => infer::wider(source, target).as_ref() == Some(target),
    };
    let wide = match (source, target) {
        (Text, target) => numeric(target) || matches!(target, Date | Uuid),
        (source, Text) => numeric(source) || *source == Date,
        (Bool, Int | Int32) | (Int | Int32, Bool) | (Timestamp, Date) | (Date, Timestamp) => true,
        (source, target) => numeric(source) && numeric(target),
    };
    widening || (wide && purpose == Purpose::Backfill)
}
