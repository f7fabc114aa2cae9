//! MG110 `foreign-key-scan`: a foreign key is added to a table that has rows, and all rows are checked at once.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways, fills_old_rows};
use crate::lint::statement::ConstraintRule;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG110",
    name: "foreign-key-scan",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A foreign key is added to a table that has rows, and all rows are checked at once.",
    why: "Both tables are read while SHARE ROW EXCLUSIVE blocks all writes to both of them.",
    instead: "Add it `NOT VALID` and validate it in another transaction:\n\n```sql\nALTER TABLE orders ADD CONSTRAINT orders_person FOREIGN KEY (person) REFERENCES people NOT VALID;\n-- in another transaction:\nALTER TABLE orders VALIDATE CONSTRAINT orders_person;\n```\n\nUp to PostgreSQL 17 a partitioned table takes no `NOT VALID` foreign key: add and validate it on each partition, then add it to the parent, which adopts them.",
    bad: include_str!("../../../fixtures/lint/MG110/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG110/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    at.added_constraints()
        .filter(|(_, constraint, column)| {
            // A new column that is NULL in all rows points nowhere: nothing is read.
            let reads = column.is_none_or(fills_old_rows);
            matches!(constraint.rule, ConstraintRule::References(_))
                && !constraint.skips_rows
                && reads
        })
        .map(|(table, constraint, _)| {
            let other = match &constraint.rule {
                ConstraintRule::References(other) => other.key.as_str(),
                _ => "",
            };
            let message =
                format!("writes to `{}` and `{other}` wait while all rows are checked", table.key);
            Found::new(constraint.span, message)
        })
        .collect()
}
