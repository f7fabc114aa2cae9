//! MG411 `enum-value-used-in-same-transaction`: a value is added to an enum and used in the same transaction.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways, Wrapped};
use crate::lint::statement::Deed;
use crate::text::Dialect;
use crate::text::diagnostic::Span;

pub const RULE: Rule = Rule {
    code: "MG411",
    name: "enum-value-used-in-same-transaction",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A value is added to an enum and used in the same transaction.",
    why: "PostgreSQL refuses it: a new value can be used after the transaction that adds it has ended (55P04).",
    instead: "Add the value in a migration of its own.",
    bad: include_str!("../../../fixtures/lint/MG411/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG411/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    if at.wrapped != Wrapped::Yes
        || matches!(at.deed(), Deed::AddEnumValue { .. } | Deed::Set { .. })
    {
        return Vec::new();
    }
    let used = at.state.enum_values.iter().find(|value| at.text().contains(&format!("'{value}'")));
    let Some(value) = used else { return Vec::new() };
    let start = at.statement().span.start + at.text().find(&format!("'{value}'")).unwrap_or(0);
    let span = Span { start, end: start + value.len() + 2 };
    vec![Found::new(
        span,
        format!("`{value}` cannot be used before the transaction that adds it ends"),
    )]
}
