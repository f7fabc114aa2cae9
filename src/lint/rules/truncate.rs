//! MG204 `truncate`: a table is emptied by TRUNCATE.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Deed;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG204",
    name: "truncate",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "A table is emptied by TRUNCATE.",
    why: "All rows are gone, under ACCESS EXCLUSIVE; with CASCADE also those of every table that points at it.",
    instead: "Delete what has to go by a condition, in batches, and keep it aside first.",
    bad: include_str!("../../../fixtures/lint/MG204/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG204/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let Deed::Truncate { tables } = at.deed() else { return Vec::new() };
    tables
        .iter()
        .filter(|table| at.is_old(table))
        .map(|table| Found::new(table.span, format!("the rows of `{}` are lost", table.key)))
        .collect()
}
