//! MG109 `check-scan`: a CHECK constraint is added to a table that has rows, and all rows are checked at once.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::ConstraintRule;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG109",
    name: "check-scan",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A CHECK constraint is added to a table that has rows, and all rows are checked at once.",
    why: "The whole table is read under ACCESS EXCLUSIVE: nobody reads or writes it meanwhile.",
    instead: "Add it `NOT VALID`, which holds new rows to it at once, and validate it in another transaction, which reads the table under a lock that lets reads and writes go on:\n\n```sql\nALTER TABLE orders ADD CONSTRAINT total_positive CHECK (total > 0) NOT VALID;\n-- in another transaction:\nALTER TABLE orders VALIDATE CONSTRAINT total_positive;\n```",
    bad: include_str!("../../../fixtures/lint/MG109/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG109/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    at.added_constraints()
        .filter(|(_, constraint, _)| {
            matches!(constraint.rule, ConstraintRule::Check(_)) && !constraint.skips_rows
        })
        .map(|(table, constraint, _)| {
            let message = format!("all rows of `{}` are read under ACCESS EXCLUSIVE", table.key);
            Found::new(constraint.span, message)
        })
        .collect()
}
