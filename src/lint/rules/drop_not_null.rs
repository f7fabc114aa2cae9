//! MG306 `drop-not-null`: a column may hold NULL from now on.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Act;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG306",
    name: "drop-not-null",
    severity: Severity::Note,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "A column may hold NULL from now on.",
    why: "Code that still runs may not expect NULL there.",
    instead: "Release code that copes with NULL first.",
    bad: include_str!("../../../fixtures/lint/MG306/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG306/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    at.actions()
        .filter(|(_, action)| action.act == Act::DropNotNull)
        .map(|(table, action)| {
            Found::new(
                action.span,
                format!("readers of `{}` meet NULL here from now on", table.key),
            )
        })
        .collect()
}
