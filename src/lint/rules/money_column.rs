//! MG711 `money-column`: a column of type `money`.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways, new_columns};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG711",
    name: "money-column",
    severity: Severity::Note,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "A column of type `money`.",
    why: "What it means and how it is printed depends on `lc_monetary` of the server.",
    instead: "Use `numeric` and a column for the currency.",
    bad: include_str!("../../../fixtures/lint/MG711/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG711/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    new_columns(at)
        .into_iter()
        .filter(|column| column.ty == "money")
        .map(|column| {
            Found::new(column.ty_span, "what this means depends on a setting of the server")
        })
        .collect()
}
