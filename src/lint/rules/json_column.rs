//! MG309 `json-column`: a column of type `json`.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG309",
    name: "json-column",
    severity: Severity::Note,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "A column of type `json`.",
    why: "`json` has no equality: `SELECT DISTINCT`, `UNION` and `GROUP BY` over the column fail.",
    instead: "Use `jsonb`.",
    bad: include_str!("../../../fixtures/lint/MG309/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG309/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    at.added_columns()
        .filter(|(_, column)| column.ty == "json")
        .map(|(table, column)| {
            let message =
                format!("`SELECT DISTINCT` over `{}` fails on a `json` column", table.key);
            Found::new(column.ty_span, message)
        })
        .collect()
}
