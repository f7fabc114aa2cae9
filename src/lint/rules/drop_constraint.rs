//! MG308 `drop-constraint`: a constraint is dropped.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Act;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG308",
    name: "drop-constraint",
    severity: Severity::Note,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows",
    ways: Ways::Up,
    what: "A constraint is dropped.",
    why: "Rows that break it can come in from now on, and it cannot come back while they are there. An index that it brought goes with it.",
    instead: "Make sure that nobody relies on it; say in the migration why it goes.",
    bad: include_str!("../../../fixtures/lint/MG308/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG308/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let dropped = at.actions().filter(|(_, action)| action.act == Act::DropConstraint);
    // With CASCADE it is told as more than that (MG211).
    let dropped = dropped.filter(|(_, action)| at.last_word(action.span, "cascade").is_none());
    dropped
        .map(|(table, action)| {
            let message = format!("rows of `{}` may break it from here on", table.key);
            Found::new(action.span, message)
        })
        .collect()
}
