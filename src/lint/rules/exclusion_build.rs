//! MG113 `exclusion-build`: an EXCLUDE constraint is added to a table that has rows.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::ConstraintRule;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG113",
    name: "exclusion-build",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "An EXCLUDE constraint is added to a table that has rows.",
    why: "Its index is built, and every row compared with the others, under ACCESS EXCLUSIVE. There is no form that lets writes go on.",
    instead: "Add it while the table is empty or the system stopped; else make a new table with the constraint, copy the rows in batches while a trigger keeps both in step, and swap the names.",
    bad: include_str!("../../../fixtures/lint/MG113/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG113/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    at.added_constraints()
        .filter(|(_, constraint, _)| constraint.rule == ConstraintRule::Exclude)
        .map(|(table, constraint, _)| {
            let message =
                format!("all rows of `{}` are compared under ACCESS EXCLUSIVE", table.key);
            Found::new(constraint.span, message)
        })
        .collect()
}
