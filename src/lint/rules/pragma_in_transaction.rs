//! MG611 `pragma-in-transaction`: `PRAGMA foreign_keys` inside a transaction.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways, Wrapped};
use crate::lint::statement::Deed;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG611",
    name: "pragma-in-transaction",
    severity: Severity::Error,
    dialect: Some(Dialect::Sqlite),
    versions: "all",
    ways: Ways::Both,
    what: "`PRAGMA foreign_keys` inside a transaction.",
    why: "It does nothing there: foreign keys stay as they were, and the statements after it run under what they were not written for.",
    instead: "Set it before BEGIN. A tool that wraps each file in a transaction has a switch for that.",
    bad: include_str!("../../../fixtures/lint/MG611/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG611/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::Pragma { name, value: Some(_) }
            if name == "foreign_keys" && at.wrapped == Wrapped::Yes =>
        {
            vec![Found::new(at.statement().span, "inside a transaction this does nothing")]
        }
        _ => Vec::new(),
    }
}
