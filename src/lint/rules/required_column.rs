//! MG305 `required-column`: a NOT NULL column without a default is added to a table that has rows.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways, fills_old_rows};
use crate::lint::statement::{ConstraintRule, Generated};

pub const RULE: Rule = Rule {
    code: "MG305",
    name: "required-column",
    severity: Severity::Error,
    dialect: None,
    versions: "all",
    ways: Ways::Both,
    what: "A NOT NULL column without a default is added to a table that has rows.",
    why: "The statement fails if the table has a row. Where it has none, code that still runs inserts rows without the column and fails.",
    instead: "Add it nullable or with a default, fill old rows, then make it NOT NULL (see MG108).",
    bad: include_str!("../../../fixtures/lint/MG305/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG305/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    at.added_columns()
        .filter(|(_, column)| {
            let filled = fills_old_rows(column)
                || column.identity
                || column.generated != Generated::No
                || column.ty.ends_with("serial")
                || column.constraints.iter().any(|c| c.rule == ConstraintRule::PrimaryKey);
            column.not_null && !filled
        })
        .map(|(table, column)| {
            let message = format!(
                "rows of `{}` have no value for `{}`: the statement fails",
                table.key, column.name
            );
            Found::new(column.span, message)
        })
        .collect()
}
