//! MG201 `drop-column`: a column is dropped, and its values with it.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Act;

pub const RULE: Rule = Rule {
    code: "MG201",
    name: "drop-column",
    severity: Severity::Error,
    dialect: None,
    versions: "all",
    ways: Ways::Up,
    what: "A column is dropped, and its values with it.",
    why: "The values are gone for good, and code that still runs names the column and fails.",
    instead: "Stop reading and writing the column first, and drop it in a later release. `migrate plan` keeps the values of a dropped column, so that `migrate rollback` brings them back. If they may go: `-- migrate:allow MG201 unused since 3.2`.",
    bad: include_str!("../../../fixtures/lint/MG201/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG201/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    at.actions()
        .filter_map(|(table, action)| match &action.act {
            Act::DropColumn(column) => {
                let message = format!("the values of `{}.{column}` are lost", table.key);
                Some(Found::new(action.span, message))
            }
            _ => None,
        })
        .collect()
}
