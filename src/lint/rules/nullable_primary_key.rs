//! MG112 `nullable-primary-key`: a primary key takes over an index of which a column may still hold NULL.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{ConstraintRule, IndexKey};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG112",
    name: "nullable-primary-key",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows",
    ways: Ways::Up,
    what: "A primary key takes over an index of which a column may still hold NULL.",
    why: "All rows are read under ACCESS EXCLUSIVE to make the column NOT NULL, and a row without a value stops the migration there.",
    instead: "Make the columns NOT NULL first, by a CHECK that is validated (see MG108), then let the key take the index over.",
    bad: include_str!("../../../fixtures/lint/MG112/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG112/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (table, constraint, _) in at.added_constraints() {
        let ConstraintRule::PrimaryKeyUsingIndex(index) = &constraint.rule else { continue };
        let Some((of, keys)) = at.known.index(index).filter(|(of, _)| *of == table.key) else {
            continue;
        };
        // What is not known of a column is not held against it.
        let is_nullable = |column: &str| {
            at.known.column(of, column).is_some() && !at.known.proves_not_null(of, column)
        };
        let nullable = keys.iter().find_map(|key| match key {
            IndexKey::Column(column) if is_nullable(column) => Some(column),
            IndexKey::Column(_) | IndexKey::Expression => None,
        });
        if let Some(column) = nullable {
            let message =
                format!("`{of}.{column}` may hold NULL: all rows are read under the lock");
            found.push(Found::new(constraint.span, message));
        }
    }
    found
}
