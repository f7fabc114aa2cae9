//! MG407 `open-transaction`: a transaction is begun and never ended, or begun twice.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Deed, Statement};

pub const RULE: Rule = Rule {
    code: "MG407",
    name: "open-transaction",
    severity: Severity::Error,
    dialect: None,
    versions: "all",
    ways: Ways::Both,
    what: "A transaction is begun and never ended, or begun twice.",
    why: "What the file did is rolled back when the connection closes, or the next migration runs in it.",
    instead: "End each BEGIN with a COMMIT.",
    bad: include_str!("../../../fixtures/lint/MG407/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG407/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    if *at.deed() != Deed::Begin {
        return Vec::new();
    }
    let span = at.statement().span;
    if at.state.transaction.is_some() {
        return vec![Found::new(span, "a transaction is open already")];
    }
    let ends = |statement: &Statement| matches!(statement.deed, Deed::Commit | Deed::Rollback);
    match at.rest().iter().any(ends) {
        true => Vec::new(),
        false => vec![Found::new(span, "this transaction is never committed")],
    }
}
