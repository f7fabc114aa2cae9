//! Reads portable expressions: SQL of PostgreSQL's grammar, lowered by white list and type-checked.
//!
//! One grammar is the reference, because engines group the same text differently (`LIKE` against `=`,
//! chained comparisons). Printers add all parentheses, so that grouping never depends on the engine.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::lower::{Lowering, Node, Type};
use super::types::print_type;
use super::{Expr, ExprError, Nullability, Scope, ValueType, infer};
use crate::text::diagnostic::Span;

/// Longest expression that is read, in bytes; far above what people write, and it bounds the parser's work.
const LENGTH_MAX: usize = 16 * 1024;

/// Deepest nesting that the SQL parser follows.
const RECURSION_MAX: usize = 50;

/// Most operators and brackets that may be open at once: everything that walks the tree recurses.
const DEPTH_MAX: usize = 250;

/// What an expression is for, which decides what it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A rule on one row: true or false, over the entity's own fields, never dependent on the moment.
    RowRule,
    /// A rule that only queries check: also paths over references, and aggregates over the far side of relationships.
    PathRule,
    /// A value for rows that exist already: also paths over references, the clock, and wide casts.
    Backfill,
    /// The value of a field that is not given: no fields, but the clock.
    Default,
    /// A key of an index or unique constraint: own fields only, immutable on every engine.
    Index,
}

/// An expression with what is known of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    pub expr: Expr,
    /// `None` where the expression is just NULL.
    pub value: Option<ValueType>,
    pub nullability: Nullability,
}

/// Reads an expression and checks it against the fields in scope.
///
/// # Errors
/// All that is wrong with the text, in the order of the text; nothing was lowered then.
pub fn parse(text: &str, scope: &dyn Scope, purpose: Purpose) -> Result<Typed, Vec<ExprError>> {
    let (node, mut lowering) = lower(text, scope, purpose)?;
    if matches!(purpose, Purpose::RowRule | Purpose::PathRule) {
        lowering.require_bool(&node, "a rule");
    }
    finish(node, lowering)
}

/// Reads an expression whose value goes into a field of type `target`: literals take that type.
///
/// # Errors
/// As [`parse`], and where the value does not fit the target without a cast.
pub fn parse_for(
    text: &str,
    scope: &dyn Scope,
    purpose: Purpose,
    target: &ValueType,
) -> Result<Typed, Vec<ExprError>> {
    let (mut node, mut lowering) = lower(text, scope, purpose)?;
    lowering.adopt(&mut node, target);
    if let Type::Known(value) = &node.value
        && !fits(value, &node.expr, target)
    {
        let message =
            format!("the value is {}, but the field is {}", print_type(value), print_type(target));
        let help = match target {
            ValueType::Enum(_) => {
                "map the values: CASE x WHEN 'a' THEN 'b' … ELSE 'c' END".to_owned()
            }
            other => format!("write CAST(… AS {})", print_type(other)),
        };
        lowering.error(node.span, message, Some(help));
    }
    if let Type::Unresolved { error, name } = &node.value {
        lowering.hint_quotes(*error, name, target);
    }
    finish(node, lowering)
}

/// Whether a value can be stored without losing anything that its type does not say.
fn fits(value: &ValueType, expr: &Expr, target: &ValueType) -> bool {
    match (value, target) {
        (ValueType::Int, ValueType::Int32) => match expr {
            Expr::Number(text) => text.parse::<i32>().is_ok(),
            Expr::Negate(operand) => {
                matches!(&**operand, Expr::Number(text) if text.parse::<i32>().is_ok())
            }
            _ => false,
        },
        (ValueType::Decimal { scale, .. }, ValueType::Decimal { scale: scale_max, .. }) => {
            scale <= scale_max
        }
        _ => match infer::wider(value, target) {
            Some(wider) => wider == *target,
            None => false,
        },
    }
}

fn lower<'a>(
    text: &str,
    scope: &'a dyn Scope,
    purpose: Purpose,
) -> Result<(Node, Lowering<'a>), Vec<ExprError>> {
    let places = Places::of(text);
    let tree = read(text, &places).map_err(|error| vec![error])?;
    let mut lowering = Lowering::new(scope, purpose, places);
    let node = lowering.lower(&tree);
    Ok((node, lowering))
}

fn finish(mut node: Node, mut lowering: Lowering) -> Result<Typed, Vec<ExprError>> {
    if matches!(node.value, Type::Failed) && lowering.is_clean() {
        lowering.error(node.span, "cannot tell the type of this expression".into(), None);
    }
    let mut errors = lowering.into_errors();
    if !errors.is_empty() {
        errors.sort_by_key(|error| error.span.start);
        return Err(errors);
    }
    node.settle();
    let value = match node.value {
        Type::Known(value) => Some(value),
        Type::Literal => Some(ValueType::Text),
        Type::Null | Type::Failed | Type::Unresolved { .. } => None,
    };
    Ok(Typed { expr: node.expr, value, nullability: node.nullability })
}

/// Parses exactly one expression: anything after it is an error, else `a = 1; drop table x` would pass.
fn read(text: &str, places: &Places) -> Result<sqlparser::ast::Expr, ExprError> {
    if text.len() > LENGTH_MAX {
        return Err(ExprError {
            message: format!("the expression is longer than {LENGTH_MAX} bytes"),
            span: places.whole(),
            help: Some("split it into several rules".into()),
        });
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text)
        .tokenize_with_location()
        .map_err(|error| syntax(error.into(), places))?;
    if depth(&tokens) > DEPTH_MAX {
        return Err(too_deep(places));
    }
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(RECURSION_MAX)
        .with_tokens_with_locations(tokens);
    let tree = parser.parse_expr().map_err(|error| syntax(error, places))?;
    let after = parser.peek_token();
    if after.token == Token::EOF {
        return Ok(tree);
    }
    Err(ExprError {
        message: format!("unexpected `{}` after the expression", after.token),
        span: places.span(after.span),
        help: Some("write one expression; join conditions with AND or OR".into()),
    })
}

fn too_deep(places: &Places) -> ExprError {
    ExprError {
        message: "the expression is nested too deeply".into(),
        span: places.whole(),
        help: Some("split it into several rules".into()),
    }
}

/// A bound on the depth of the tree that the tokens make: the operators and brackets that are open at once.
/// The parser limits its own recursion, but a chain of operators becomes a deep tree without any.
fn depth(tokens: &[TokenWithSpan]) -> usize {
    let mut open = vec![0_usize];
    let mut deepest = 0;
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => open.push(1),
            Token::RParen | Token::RBracket | Token::RBrace if open.len() > 1 => {
                open.pop();
            }
            // What follows stands beside what came before, not below it.
            Token::Comma => restart(&mut open),
            Token::Word(word) => match word.keyword {
                Keyword::CASE => open.push(1),
                Keyword::END if open.len() > 1 => {
                    open.pop();
                }
                Keyword::WHEN | Keyword::THEN | Keyword::ELSE => restart(&mut open),
                Keyword::AND
                | Keyword::OR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::BETWEEN
                | Keyword::COLLATE
                | Keyword::AT
                | Keyword::SIMILAR
                | Keyword::RLIKE
                | Keyword::REGEXP
                | Keyword::MEMBER => count(&mut open),
                _ => {}
            },
            Token::Whitespace(_) | Token::Number(..) | Token::SingleQuotedString(_) => {}
            _ => count(&mut open),
        }
        deepest = deepest.max(open.iter().sum());
    }
    deepest
}

fn restart(open: &mut [usize]) {
    if let Some(last) = open.last_mut() {
        *last = 1;
    }
}

fn count(open: &mut [usize]) {
    if let Some(last) = open.last_mut() {
        *last += 1;
    }
}

fn syntax(error: ParserError, places: &Places) -> ExprError {
    let message = match error {
        ParserError::RecursionLimitExceeded => return too_deep(places),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
    };
    let (message, span) = match message.rsplit_once(" at Line: ") {
        None => (message.clone(), places.whole()),
        Some((before, place)) => (before.to_owned(), places.reported(place)),
    };
    let mut message = message.replace("Expected: ", "expected ").replace(", found: ", ", found ");
    if let Some(end) = message.strip_suffix("found EOF") {
        message = format!("{end}found the end");
    }
    ExprError { message, span, help: None }
}

/// Turns the parser's places (1-based line and column, in characters) into byte offsets.
pub(super) struct Places {
    /// Byte offset of each character, by line; each line ends with the offset of its line break or of the end.
    lines: Vec<Vec<usize>>,
    length: usize,
}

impl Places {
    fn of(text: &str) -> Self {
        let mut lines = vec![Vec::new()];
        for (offset, character) in text.char_indices() {
            if let Some(line) = lines.last_mut() {
                line.push(offset);
            }
            if character == '\n' {
                lines.push(Vec::new());
            }
        }
        if let Some(line) = lines.last_mut() {
            line.push(text.len());
        }
        Places { lines, length: text.len() }
    }

    pub(super) fn whole(&self) -> Span {
        Span { start: 0, end: self.length }
    }

    /// The whole text where the parser knows no place (its gaps: keywords, closing brackets).
    pub(super) fn span(&self, span: sqlparser::tokenizer::Span) -> Span {
        match (self.offset(span.start), self.offset(span.end)) {
            (Some(start), Some(end)) if start <= end => Span { start, end },
            _ => self.whole(),
        }
    }

    fn offset(&self, location: Location) -> Option<usize> {
        let index = |number: u64| usize::try_from(number.checked_sub(1)?).ok();
        let line = self.lines.get(index(location.line)?)?;
        // A place past the last character of a line is the end of that line.
        line.get(index(location.column)?).or_else(|| line.last()).copied()
    }

    /// The place at the end of the parser's messages: `3, Column: 7`.
    fn reported(&self, place: &str) -> Span {
        let mut numbers =
            place.split(", Column: ").filter_map(|number| number.trim().parse::<u64>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(line), Some(column)) => {
                let start = self.offset(Location { line, column }).unwrap_or(self.length);
                let end = self.offset(Location { line, column: column + 1 });
                Span { start, end: end.unwrap_or(self.length).max(start) }
            }
            _ => self.whole(),
        }
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
