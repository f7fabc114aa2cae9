//! MG706 `char-column`: a column of type `char(n)`.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways, new_columns};
use crate::lint::types;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG706",
    name: "char-column",
    severity: Severity::Note,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "A column of type `char(n)`.",
    why: "Values are filled up with spaces, which come back when read and do not count when compared.",
    instead: "Use `text`, with a CHECK on the length where it matters.",
    bad: include_str!("../../../fixtures/lint/MG706/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG706/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    new_columns(at)
        .into_iter()
        .filter(|column| types::split(&column.ty).0 == "char")
        .map(|column| Found::new(column.ty_span, "values are filled up with spaces"))
        .collect()
}
