//! MG111 `unique-builds-index`: a UNIQUE or PRIMARY KEY constraint builds its index while the table is locked.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::ConstraintRule;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG111",
    name: "unique-builds-index",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A UNIQUE or PRIMARY KEY constraint builds its index while the table is locked.",
    why: "The index is built under ACCESS EXCLUSIVE: nobody reads or writes the table until it is complete.",
    instead: "Build the index first, then let the constraint take it over:\n\n```sql\nCREATE UNIQUE INDEX CONCURRENTLY people_email ON people (email);\n-- then, in a transaction:\nALTER TABLE people ADD CONSTRAINT people_email UNIQUE USING INDEX people_email;\n```",
    bad: include_str!("../../../fixtures/lint/MG111/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG111/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    at.added_constraints()
        .filter(|(_, constraint, _)| {
            matches!(constraint.rule, ConstraintRule::Unique | ConstraintRule::PrimaryKey)
        })
        .map(|(table, constraint, _)| {
            let message = format!("an index on `{}` is built under ACCESS EXCLUSIVE", table.key);
            Found::new(constraint.span, message)
        })
        .collect()
}
