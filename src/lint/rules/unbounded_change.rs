//! MG209 `unbounded-change`: uPDATE or DELETE without WHERE on a table that has rows.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Deed, Filter, Verb};

pub const RULE: Rule = Rule {
    code: "MG209",
    name: "unbounded-change",
    severity: Severity::Warning,
    dialect: None,
    versions: "all",
    ways: Ways::Up,
    what: "UPDATE or DELETE without WHERE on a table that has rows.",
    why: "Every row is written in one statement: its row locks last until the end, the table grows to twice its size (PostgreSQL), and the one writer is busy (SQLite). A DELETE of all rows cannot be taken back.",
    instead: "Go by ranges of the key, each in its own transaction, and say which rows still need it: `WHERE id BETWEEN … AND … AND total IS NULL`.",
    bad: include_str!("../../../fixtures/lint/MG209/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG209/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::Change { verb, table, filter: Filter::AllRows } if at.is_old(table) => {
            let what = match verb {
                Verb::Update => "written",
                Verb::Delete => "deleted",
            };
            let message = format!("all rows of `{}` are {what} in one statement", table.key);
            vec![Found::new(at.statement().span, message)]
        }
        _ => Vec::new(),
    }
}
