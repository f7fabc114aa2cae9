//! A cursor over the tokens that matter, with the few moves that reading DDL takes.

use super::DdlError;
use crate::text::Dialect;
use crate::text::diagnostic::Span;
use crate::text::token::{Kind, Token, tokenize};

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let tokens = tokenize(text, Dialect::Sqlite).into_iter().filter(Token::is_code).collect();
        Reader { text, tokens, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at)
    }

    pub(super) fn peek_after(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at + 1)
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token
    }

    /// Where the next token starts.
    pub(super) fn start(&self) -> usize {
        self.peek().map_or(self.text.len(), |token| token.span.start)
    }

    /// Where the last token taken ends.
    pub(super) fn end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |t| t.span.end)
    }

    pub(super) fn since(&self, start: usize) -> Span {
        Span { start, end: self.end().max(start) }
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|token| token.is_word(word))
    }

    pub(super) fn is_mark(&self, mark: &str) -> bool {
        self.peek().is_some_and(|token| token.is_mark(mark))
    }

    /// Takes the words if they all stand next, in this order.
    pub(super) fn eat(&mut self, words: &[&str]) -> bool {
        let stand = words
            .iter()
            .enumerate()
            .all(|(n, word)| self.tokens.get(self.at + n).is_some_and(|t| t.is_word(word)));
        if stand {
            self.at += words.len();
        }
        stand
    }

    pub(super) fn eat_mark(&mut self, mark: &str) -> bool {
        let stands = self.is_mark(mark);
        self.at += usize::from(stands);
        stands
    }

    pub(super) fn expect(&mut self, word: &'static str) -> Result<(), DdlError> {
        if self.eat(&[word]) { Ok(()) } else { Err(self.fault(word)) }
    }

    pub(super) fn expect_mark(&mut self, mark: &'static str) -> Result<(), DdlError> {
        if self.eat_mark(mark) { Ok(()) } else { Err(self.fault(mark)) }
    }

    /// A name in any of SQLite's quotes; single quotes are accepted where only a name can stand.
    pub(super) fn name(&mut self) -> Result<String, DdlError> {
        let name = self.peek().and_then(name_of);
        match name {
            Some(name) => {
                self.at += 1;
                Ok(name)
            }
            None => Err(self.fault("a name")),
        }
    }

    /// Takes `( … )` and gives the place of what is inside.
    pub(super) fn balanced(&mut self) -> Result<Span, DdlError> {
        self.expect_mark("(")?;
        let start = self.end();
        let mut depth = 1;
        while let Some(token) = self.next() {
            if token.is_mark("(") {
                depth += 1;
            } else if token.is_mark(")") {
                depth -= 1;
                if depth == 0 {
                    return Ok(Span { start, end: token.span.start });
                }
            }
        }
        Err(self.fault("`)`"))
    }

    /// Takes `( name … , name … )`: the first name of each item; the rest of an item (`COLLATE`, `DESC`) is passed
    /// over, and told by the second value.
    pub(super) fn names(&mut self) -> Result<Vec<String>, DdlError> {
        self.expect_mark("(")?;
        let mut names = Vec::new();
        loop {
            names.push(self.name()?);
            while !self.is_mark(",") && !self.is_mark(")") {
                if self.next().is_none() {
                    return Err(self.fault("`)`"));
                }
            }
            if self.eat_mark(")") {
                return Ok(names);
            }
            self.expect_mark(",")?;
        }
    }

    pub(super) fn fault(&self, expected: &'static str) -> DdlError {
        DdlError { text: self.text.to_owned(), expected, at: self.start() }
    }
}

/// The name a token stands for where only a name can stand.
pub(super) fn name_of(token: &Token<'_>) -> Option<String> {
    match token.kind {
        Kind::Text => {
            let inner = token.text.strip_prefix('\'')?.strip_suffix('\'')?;
            Some(inner.replace("''", "'"))
        }
        Kind::Word
        | Kind::Quoted
        | Kind::Number
        | Kind::Parameter
        | Kind::Mark
        | Kind::Comment
        | Kind::Space => token.name(),
    }
}
