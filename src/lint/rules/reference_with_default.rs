//! MG610 `reference-with-default`: a column is added that refers to another table and has a default other than NULL.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways, fills_old_rows};
use crate::lint::statement::ConstraintRule;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG610",
    name: "reference-with-default",
    severity: Severity::Error,
    dialect: Some(Dialect::Sqlite),
    versions: "all",
    ways: Ways::Up,
    what: "A column is added that refers to another table and has a default other than NULL.",
    why: "With foreign keys on, SQLite refuses it. With foreign keys off it does not look: every row then refers to that one value, whether it exists or not.",
    instead: "Add the column without a default, put the values in, and say what new rows get in the application, or build the table anew.",
    bad: include_str!("../../../fixtures/lint/MG610/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG610/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    at.added_columns()
        .filter(|(_, column)| {
            let refers = |it: &ConstraintRule| matches!(it, ConstraintRule::References(_));
            fills_old_rows(column) && column.constraints.iter().any(|it| refers(&it.rule))
        })
        .map(|(table, column)| {
            let name = &column.name;
            Found::new(
                column.span,
                format!("every row of `{}` refers by `{name}` to one value", table.key),
            )
        })
        .collect()
}
