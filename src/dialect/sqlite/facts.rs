//! The facts of SQLite's steps. There is one lock: the writer's, taken by `BEGIN IMMEDIATE` and held to the end
//! (sqlite.org/lockingv3.html), so every step says the same of it.

use crate::dialect::{Facts, Lock, Sql, Transaction, Undo, Work};
use crate::text::Dialect;
use crate::text::token::{Kind, tokenize};

pub(super) fn facts(work: Work, undo: Undo, reason: impl Into<String>) -> Facts {
    Facts {
        lock: Lock::Reserved,
        work,
        transaction: Transaction::Shared,
        over: None,
        undo,
        reason: reason.into(),
    }
}

/// Statement texts as SQL values.
pub(super) fn statements(texts: Vec<String>) -> Vec<Sql> {
    texts.into_iter().map(Sql::new).collect()
}

/// A stored text as a statement: a line comment or semicolon at its end would swallow or double the one after it.
pub(in crate::dialect) fn whole(text: &str) -> String {
    let end = tokenize(text, Dialect::Sqlite)
        .iter()
        .rev()
        .find(|token| token.is_code() && !(token.kind == Kind::Mark && token.text == ";"))
        .map_or(0, |token| token.span.end);
    text[..end].to_owned()
}
