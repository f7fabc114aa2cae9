//! MG705 `timestamp-without-zone`: a column of type `timestamp` without time zone.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways, new_columns};
use crate::lint::types;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG705",
    name: "timestamp-without-zone",
    severity: Severity::Note,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "A column of type `timestamp` without time zone.",
    why: "It does not say which moment it is: what is read depends on where it was written.",
    instead: "Use `timestamptz`.",
    bad: include_str!("../../../fixtures/lint/MG705/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG705/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    new_columns(at)
        .into_iter()
        .filter(|column| types::split(&column.ty).0 == "timestamp")
        .map(|column| Found::new(column.ty_span, "this does not say which moment it is"))
        .collect()
}
