//! A place in the tokens of one statement.

use crate::lint::statement::Name;
use crate::text::Dialect;
use crate::text::diagnostic::Span;
use crate::text::token::{Kind, Token};

/// Why reading stopped, and where.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) at: Span,
    pub(super) expected: String,
}

/// Tokens without spaces and comments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'t, 'a> {
    pub(super) tokens: &'t [Token<'a>],
    pub(super) at: usize,
    pub(super) dialect: Dialect,
}

impl<'t, 'a> Cursor<'t, 'a> {
    pub(super) fn new(tokens: &'t [Token<'a>], dialect: Dialect) -> Self {
        Cursor { tokens, at: 0, dialect }
    }

    pub(super) fn peek(&self) -> Option<&'t Token<'a>> {
        self.tokens.get(self.at)
    }

    pub(super) fn is_done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    pub(super) fn sees(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.is_word(word))
    }

    pub(super) fn sees_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.sees(word))
    }

    /// Takes the words if they all come next.
    pub(super) fn takes(&mut self, words: &str) -> bool {
        let mut at = self.at;
        for word in words.split(' ') {
            if !self.tokens.get(at).is_some_and(|token| token.is_word(word)) {
                return false;
            }
            at += 1;
        }
        self.at = at;
        true
    }

    pub(super) fn takes_mark(&mut self, mark: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_mark(mark));
        self.at += usize::from(found);
        found
    }

    /// Whether a word stands anywhere in what is left, outside parentheses.
    pub(super) fn has(&self, word: &str) -> bool {
        let mut depth = 0_usize;
        self.tokens[self.at.min(self.tokens.len())..].iter().any(|token| {
            depth = deeper(depth, token);
            depth == 0 && token.is_word(word)
        })
    }

    pub(super) fn stop<T>(&self, expected: &str) -> Result<T, Stop> {
        let end = self.tokens.last().map(|token| token.span).unwrap_or_default();
        let at = self.peek().map_or(end, |token| token.span);
        Err(Stop { at, expected: expected.to_owned() })
    }

    /// The span of tokens from `from` to the one before the cursor.
    pub(super) fn span_from(&self, from: usize) -> Span {
        let start = self.tokens.get(from).map_or(0, |token| token.span.start);
        let last = self.at.saturating_sub(1).max(from);
        Span { start, end: self.tokens.get(last).map_or(start, |token| token.span.end) }
    }

    /// One identifier, folded.
    pub(super) fn ident(&mut self, expected: &str) -> Result<(String, Span), Stop> {
        let named = self.peek().and_then(|token| token.name().map(|name| (name, token)));
        match named {
            Some((name, token)) => {
                self.at += 1;
                let folds = token.kind == Kind::Word || self.dialect == Dialect::Sqlite;
                Ok((if folds { name.to_lowercase() } else { name }, token.span))
            }
            None => self.stop(expected),
        }
    }

    /// `name` or `schema.name`; more parts are kept as they are.
    pub(super) fn name(&mut self, expected: &str) -> Result<Name, Stop> {
        let (first, start) = self.ident(expected)?;
        let mut parts = vec![first];
        let mut end = start;
        while self.takes_mark(".") {
            let (part, span) = self.ident(expected)?;
            parts.push(part);
            end = span;
        }
        let qualified = parts.len() > 1;
        if qualified && parts[0] == self.dialect.default_schema() {
            parts.remove(0);
        }
        let span = Span { start: start.start, end: end.end };
        Ok(Name { key: parts.join("."), span, qualified })
    }

    /// `a, b.c, d`, each perhaps with `ONLY` before or `*` after.
    pub(super) fn names(&mut self, expected: &str) -> Result<Vec<Name>, Stop> {
        let mut names = Vec::new();
        loop {
            self.takes("only");
            names.push(self.name(expected)?);
            self.takes_mark("*");
            if !self.takes_mark(",") {
                return Ok(names);
            }
        }
    }

    /// Passes a parenthesised group, if one comes next; the tokens inside.
    pub(super) fn group(&mut self) -> Option<&'t [Token<'a>]> {
        if !self.peek()?.is_mark("(") {
            return None;
        }
        let from = self.at + 1;
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            depth = deeper(depth, token);
            self.at += 1;
            if depth == 0 {
                return Some(&self.tokens[from..self.at - 1]);
            }
        }
        Some(&self.tokens[from.min(self.tokens.len())..])
    }
}

/// The depth of parentheses after a token.
pub(super) fn deeper(depth: usize, token: &Token<'_>) -> usize {
    if token.kind != Kind::Mark {
        return depth;
    }
    match token.text {
        "(" | "[" => depth + 1,
        ")" | "]" => depth.saturating_sub(1),
        _ => depth,
    }
}

/// The parts between commas outside parentheses.
pub(super) fn parts<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, token) in tokens.iter().enumerate() {
        depth = deeper(depth, token);
        if depth == 0 && token.is_mark(",") {
            found.push(&tokens[start..at]);
            start = at + 1;
        }
    }
    found.push(&tokens[start..]);
    found.retain(|part| !part.is_empty());
    found
}

/// Tokens in one layout: words in lower case, one space between.
pub(super) fn layout(tokens: &[Token<'_>]) -> String {
    let words: Vec<String> = tokens
        .iter()
        .map(|token| match token.kind {
            Kind::Word => token.text.to_lowercase(),
            Kind::Quoted
            | Kind::Text
            | Kind::Number
            | Kind::Parameter
            | Kind::Mark
            | Kind::Comment
            | Kind::Space => token.text.to_owned(),
        })
        .collect();
    words.join(" ")
}
