//! Text that PostgreSQL prints and does not read back as the same: handed to the parser as it was written first.
//!
//! `status IN ('a', 'b')` on a `varchar` column is printed `(status)::text = ANY ((ARRAY['a'::character varying, …])::text[])`.
//! Read back, the cast goes into each element (`transformTypeCast` in `parse_expr.c`), and the text stored is another one:
//! `ARRAY[('a'::character varying)::text, …]`. Without the cast the operator asks for it again, and the text is the same.
//! Source: measured on PostgreSQL 13 to 18.

use std::borrow::Cow;

use crate::catalog::{Catalog, ConstraintKind, IndexKey};
use crate::text::Dialect;
use crate::text::token::{Kind, Token, tokenize};

/// The text to write so that the engine stores what it printed.
pub(super) fn exact(sql: &str) -> Cow<'_, str> {
    if !sql.contains("((ARRAY[") || !sql.contains("])::") {
        return Cow::Borrowed(sql);
    }
    let tokens: Vec<Token<'_>> = tokenize(sql, Dialect::Postgres);
    let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
    let mut exact = String::with_capacity(sql.len());
    let mut copied = 0;
    for at in 0..code.len() {
        if let Some(found) = cast_array(&code[at..]) {
            exact.push_str(&sql[copied..code[at + 2].span.start]);
            exact.push_str(&sql[code[at + 3].span.start..code[at + found.close].span.start]);
            copied = code[at + found.end].span.end;
        }
    }
    exact.push_str(&sql[copied..]);
    Cow::Owned(exact)
}

/// A catalog in which lists of values are spelled in one way, whether their text was written once or restored from a dump:
/// without casts and parentheses. Only for comparing with another such catalog.
pub fn respelled(catalog: &Catalog) -> Catalog {
    let mut catalog = catalog.clone();
    if catalog.dialect != Dialect::Postgres {
        return catalog;
    }
    for table in catalog.tables.values_mut() {
        for constraint in &mut table.constraints {
            respell(&mut constraint.definition);
            if let ConstraintKind::Check { expression } = &mut constraint.kind {
                respell(expression);
            }
        }
        for index in &mut table.indexes {
            respell(&mut index.definition);
            index.predicate.iter_mut().for_each(respell);
            for key in &mut index.keys {
                if let IndexKey::Expression(text) = key {
                    respell(text);
                }
            }
        }
    }
    for opaque in catalog.opaques.values_mut() {
        opaque.create.iter_mut().for_each(respell);
    }
    catalog
}

fn respell(text: &mut String) {
    if !text.contains("ARRAY[") {
        return;
    }
    let tokens = tokenize(text, Dialect::Postgres);
    let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < code.len() {
        if code[at].is_mark("::") {
            at = after_type(&code, at + 1);
            continue;
        }
        if !code[at].is_mark("(") && !code[at].is_mark(")") {
            kept.push(code[at].text);
        }
        at += 1;
    }
    *text = kept.join(" ");
}

/// The place behind the name of a type that starts at `at`.
fn after_type(code: &[&Token<'_>], mut at: usize) -> usize {
    let is = |at: usize, words: &[&str]| {
        code.get(at).is_some_and(|token| words.iter().any(|word| token.is_word(word)))
    };
    let marked = |at: usize, mark: &str| code.get(at).is_some_and(|token| token.is_mark(mark));
    at += 1;
    while marked(at, ".") {
        at += 2;
    }
    if is(at, &["varying", "precision"]) {
        at += 1;
    }
    if marked(at, "(") {
        while at < code.len() && !marked(at, ")") {
            at += 1;
        }
        at += 1;
    }
    if is(at, &["with", "without"]) && is(at + 1, &["time"]) {
        at += 3;
    }
    while marked(at, "[") && marked(at + 1, "]") {
        at += 2;
    }
    at
}

/// Whether the engine stores another text when it reads this one, by itself as well as from a statement.
pub(super) fn changes_when_read(text: &str) -> bool {
    matches!(exact(text), Cow::Owned(exact) if exact != text)
}

/// Where an array and its cast end, as distances from the word ANY.
struct CastArray {
    /// The parenthesis behind the array.
    close: usize,
    /// The last token of the cast.
    end: usize,
}

/// `ANY ((ARRAY[…])::type[])`, from ANY on.
fn cast_array(code: &[&Token<'_>]) -> Option<CastArray> {
    let starts = code.first().is_some_and(|token| token.is_word("any") || token.is_word("all"))
        && code.get(1)?.is_mark("(")
        && code.get(2)?.is_mark("(")
        && code.get(3)?.is_word("array")
        && code.get(4)?.is_mark("[");
    if !starts {
        return None;
    }
    let mut depth = 0_usize;
    let mut close = None;
    for (at, token) in code.iter().enumerate().skip(3) {
        match token.text {
            "(" | "[" if token.kind == Kind::Mark => depth += 1,
            ")" | "]" if token.kind == Kind::Mark && depth == 0 => {
                close = Some(at);
                break;
            }
            ")" | "]" if token.kind == Kind::Mark => depth -= 1,
            _ => {}
        }
    }
    let close = close?;
    let (cast, first) = (code.get(close + 1)?.is_mark("::"), close + 2);
    let brackets = (first..code.len()).find(|at| code[*at].is_mark("["))?;
    let names_type = code[first..brackets].iter().all(|token| {
        matches!(token.kind, Kind::Word | Kind::Quoted | Kind::Number)
            || ["(", ")", ",", "."].iter().any(|mark| token.is_mark(mark))
    });
    let ends = code.get(brackets + 1)?.is_mark("]") && code.get(brackets + 2)?.is_mark(")");
    let is_implicit = is_implicit(&code[4..close], &code[first..brackets]);
    (cast && names_type && ends && is_implicit).then_some(CastArray { close, end: brackets + 1 })
}

/// Whether the operator would ask for the cast itself: no number becomes a text by itself, and no text a number.
fn is_implicit(elements: &[&Token<'_>], target: &[&Token<'_>]) -> bool {
    let to_text = target.iter().any(|token| token.is_word("text"));
    let casts_to =
        |word: &str| elements.windows(2).any(|pair| pair[0].is_mark("::") && pair[1].is_word(word));
    if to_text {
        let is_text = |token: &&Token<'_>| !matches!(token.kind, Kind::Number | Kind::Mark);
        !casts_to("integer") && elements.iter().any(is_text)
    } else {
        !casts_to("text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cast_that_the_operator_asks_for_is_left_to_it() {
        let printed = "CHECK (((a)::text = ANY ((ARRAY['x'::character varying, 'y)'::character varying(3)])::text[])))";
        let written =
            "CHECK (((a)::text = ANY (ARRAY['x'::character varying, 'y)'::character varying(3)])))";
        assert_eq!(exact(printed), written);
        assert!(changes_when_read(printed) && !changes_when_read(written));
        let numbers = "(f = ANY ((ARRAY[1, '-2'::integer])::double precision[])) AND (b <> ALL ((ARRAY[a, 'z'::character varying])::text[]))";
        let written =
            "(f = ANY (ARRAY[1, '-2'::integer])) AND (b <> ALL (ARRAY[a, 'z'::character varying]))";
        assert_eq!(exact(numbers), written);
    }

    #[test]
    fn casts_that_somebody_wrote_and_strings_stay() {
        for text in [
            "(a = ANY (ARRAY[('x'::character varying)::text]))",
            "(n = ANY ((ARRAY['1'::text])::integer[]))",
            "(b = ANY ((ARRAY[1, 2])::text[]))",
            "SELECT ' ANY ((ARRAY[1])::numeric[])'",
            "(c && (ARRAY['x'::character varying])::text[])",
        ] {
            assert_eq!(exact(text), text);
        }
    }
}
