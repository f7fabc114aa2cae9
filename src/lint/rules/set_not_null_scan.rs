//! MG108 `set-not-null-scan`: a column becomes NOT NULL, and nothing proves yet that it holds no NULL.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Act, ConstraintRule};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG108",
    name: "set-not-null-scan",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all; since 12 a proven CHECK spares the scan, since 18 NOT NULL can be added NOT VALID",
    ways: Ways::Both,
    what: "A column becomes NOT NULL, and nothing proves yet that it holds no NULL.",
    why: "PostgreSQL reads the whole table under ACCESS EXCLUSIVE to see that no row holds NULL.",
    instead: "Prove it first, with a lock that lets reads and writes go on:\n\n```sql\nALTER TABLE orders ADD CONSTRAINT total_set CHECK (total IS NOT NULL) NOT VALID;\n-- in another transaction:\nALTER TABLE orders VALIDATE CONSTRAINT total_set;\nALTER TABLE orders ALTER COLUMN total SET NOT NULL;\nALTER TABLE orders DROP CONSTRAINT total_set;\n```\n\nOn PostgreSQL 18: `ADD CONSTRAINT total_set NOT NULL total NOT VALID`, then `VALIDATE CONSTRAINT total_set`. A constraint that an earlier file of the same run validated counts.",
    bad: include_str!("../../../fixtures/lint/MG108/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG108/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (table, action) in at.actions() {
        let message = match &action.act {
            Act::SetNotNull(column) if !at.known.proves_not_null(&table.key, column) => {
                format!(
                    "all rows of `{}` are read under ACCESS EXCLUSIVE to see that `{column}` holds no NULL",
                    table.key
                )
            }
            Act::AddConstraint(constraint) if !constraint.skips_rows => match &constraint.rule {
                ConstraintRule::NotNull(column) => {
                    format!(
                        "all rows of `{}` are read under ACCESS EXCLUSIVE to see that `{column}` holds no NULL",
                        table.key
                    )
                }
                _ => continue,
            },
            _ => continue,
        };
        found.push(Found::new(action.span, message));
    }
    found
}
