//! What only the text of a constraint says: how NULLs compare, how keys match, what an exclusion excludes.
//! Source: PostgreSQL manual, CREATE TABLE; `pg_get_constraintdef` in `ruleutils.c`.

use super::{Matching, Nulls, Requirement};
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, Ident};

/// Whether the text says `NULLS NOT DISTINCT`.
pub fn nulls_of(definition: &str) -> Nulls {
    match says(definition, &["nulls", "not", "distinct"]) {
        true => Nulls::Equal,
        false => Nulls::Distinct,
    }
}

/// Whether the text says `MATCH FULL`. SQLite parses the words and matches simply all the same
/// (sqlite.org/foreignkeys.html section 6), so only PostgreSQL's texts are read for it.
pub fn matching_of(definition: &str) -> Matching {
    match says(definition, &["match", "full"]) {
        true => Matching::Full,
        false => Matching::Simple,
    }
}

/// Whether a key is compared by overlap: `WITHOUT OVERLAPS` or `PERIOD`.
pub(super) fn is_temporal(definition: &str) -> bool {
    definition.contains(" WITHOUT OVERLAPS)") || definition.contains(", PERIOD ")
}

/// The requirement of a constraint written as text, of a kind that a query of ours can ask.
pub fn requirement_of(text: &str) -> Option<Requirement> {
    if is_temporal(text) {
        return None;
    }
    let tokens = code(text);
    let first = tokens.first()?;
    if first.is_word("exclude") {
        return excludes(text);
    }
    if first.is_word("unique") || first.is_word("primary") {
        let open = tokens.iter().position(|token| token.is_mark("("))?;
        let close = closing(&tokens, open)?;
        let keys = split(&tokens[open + 1..close])
            .into_iter()
            .map(|part| match part {
                [only] => only.name().map(|name| super::quote(&Ident::new(name))),
                _ => None,
            })
            .collect::<Option<Vec<String>>>()?;
        return Some(Requirement::Unique { keys, predicate: None, nulls: nulls_of(text) });
    }
    None
}

/// `EXCLUDE USING method (element WITH operator, …) WHERE (predicate)`.
pub(super) fn excludes(definition: &str) -> Option<Requirement> {
    let tokens = code(definition);
    if !tokens.first()?.is_word("exclude") {
        return None;
    }
    let open = tokens.iter().position(|token| token.is_mark("("))?;
    let close = closing(&tokens, open)?;
    let mut elements = Vec::new();
    for part in split(&tokens[open + 1..close]) {
        let with = part.iter().rposition(|token| token.is_word("with"))?;
        let (element, operator) = (&part[..with], &part[with + 1..]);
        let key = span(definition, &element[..leading(element)])?;
        elements.push((key.to_owned(), span(definition, operator)?.to_owned()));
    }
    let rest = &tokens[close + 1..];
    let predicate = match rest.iter().position(|token| token.is_word("where")) {
        None => None,
        Some(at) => {
            let open = at + 1;
            let close = closing(rest, open)?;
            Some(span(definition, &rest[open..=close])?.to_owned())
        }
    };
    Some(Requirement::Excludes { elements, predicate })
}

/// How many tokens the expression of an element takes: a name, a call or parentheses. Collation, operator class and
/// order follow.
fn leading(element: &[Token<'_>]) -> usize {
    let mut end = 0;
    while end < element.len() {
        let token = &element[end];
        if token.is_mark("(") {
            match closing(element, end) {
                Some(close) => return close + 1,
                None => return element.len(),
            }
        }
        let follows = element.get(end + 1);
        end += 1;
        let goes_on = token.is_mark(".")
            || follows.is_some_and(|next| next.is_mark("."))
            || follows.is_some_and(|next| next.is_mark("(") && next.span.start == token.span.end);
        if !goes_on {
            return end;
        }
    }
    end
}

fn code(text: &str) -> Vec<Token<'_>> {
    tokenize(text, Dialect::Postgres).into_iter().filter(|token| token.is_code()).collect()
}

fn says(definition: &str, words: &[&str]) -> bool {
    code(definition)
        .windows(words.len())
        .any(|window| window.iter().zip(words).all(|(token, word)| token.is_word(word)))
}

/// The place of the parenthesis that closes the one at `open`.
fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.is_mark("(") {
            depth += 1;
        } else if token.is_mark(")") {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

/// The parts between commas that stand in no parentheses.
fn split<'a, 't>(tokens: &'a [Token<'t>]) -> Vec<&'a [Token<'t>]> {
    let mut depth = 0_usize;
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, token) in tokens.iter().enumerate() {
        if token.is_mark("(") {
            depth += 1;
        } else if token.is_mark(")") {
            depth = depth.saturating_sub(1);
        } else if token.is_mark(",") && depth == 0 {
            parts.push(&tokens[start..at]);
            start = at + 1;
        }
    }
    parts.push(&tokens[start..]);
    parts
}

fn span<'t>(text: &'t str, tokens: &[Token<'_>]) -> Option<&'t str> {
    let (first, last) = (tokens.first()?, tokens.last()?);
    text.get(first.span.start..last.span.end)
}

/// The order of a key says nothing about what it is. PostgreSQL tells keys without it.
pub(super) fn without_order(key: &str) -> &str {
    let tokens = tokenize(key, Dialect::Sqlite);
    let mut code = tokens.iter().filter(|token| token.is_code()).rev();
    match (code.next(), code.next()) {
        (Some(last), Some(before)) if last.is_word("ASC") || last.is_word("DESC") => {
            &key[..before.span.end]
        }
        _ => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exclusion_is_read_with_its_operators() {
        let text = "EXCLUDE USING gist (room_id WITH =, tstzrange(a, b) WITH &&, (lower(x)) COLLATE \"C\" text_ops \
                    WITH OPERATOR(pg_catalog.=)) WHERE ((NOT cancelled))";
        let Some(Requirement::Excludes { elements, predicate }) = excludes(text) else {
            panic!("it is an exclusion")
        };
        let pair = |key: &str, operator: &str| (key.to_owned(), operator.to_owned());
        assert_eq!(
            elements,
            [
                pair("room_id", "="),
                pair("tstzrange(a, b)", "&&"),
                pair("(lower(x))", "OPERATOR(pg_catalog.=)")
            ]
        );
        assert_eq!(predicate.as_deref(), Some("((NOT cancelled))"));
    }

    #[test]
    fn words_of_a_definition_are_found_wherever_they_stand() {
        assert_eq!(nulls_of("UNIQUE NULLS NOT DISTINCT (a)"), Nulls::Equal);
        assert_eq!(nulls_of("UNIQUE (\"nulls not distinct\")"), Nulls::Distinct);
        assert_eq!(matching_of("FOREIGN KEY (a, b) REFERENCES t(a, b) MATCH FULL"), Matching::Full);
    }
}
