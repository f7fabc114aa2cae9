//! MG709 `wide-index`: an index over more than three columns that is no unique one.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Deed;

pub const RULE: Rule = Rule {
    code: "MG709",
    name: "wide-index",
    severity: Severity::Note,
    dialect: None,
    versions: "all that `migrate` knows",
    ways: Ways::Up,
    what: "An index over more than three columns that is no unique one.",
    why: "Each write pays for all of them, and queries seldom use what stands behind the third.",
    instead: "Index the columns that pick rows; put others into `INCLUDE` where a query is to read the index alone.",
    bad: include_str!("../../../fixtures/lint/MG709/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG709/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::CreateIndex { name, table, keys, is_unique: false, .. } if keys.len() > 3 => {
            let span = name.as_ref().map_or(table.span, |name| name.span);
            vec![Found::new(span, format!("{} columns", keys.len()))]
        }
        _ => Vec::new(),
    }
}
