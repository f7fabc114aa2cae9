//! MG412 `identifier-truncated`: a name is longer than 63 bytes.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Deed;
use crate::text::Dialect;
use crate::text::diagnostic::Span;
use crate::text::token::tokens;

pub const RULE: Rule = Rule {
    code: "MG412",
    name: "identifier-truncated",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A name is longer than 63 bytes.",
    why: "PostgreSQL cuts it off and goes on: two names may become the same, and tools look for one that is not there.",
    instead: "Choose a shorter name.",
    bad: include_str!("../../../fixtures/lint/MG412/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG412/good.sql"),
    ask: Ask::Statement(ask),
};

/// Source: PostgreSQL manual 4.1.1, NAMEDATALEN.
const LENGTH_MAX: usize = 63;

fn ask(at: &At<'_>) -> Vec<Found> {
    if matches!(at.deed(), Deed::Other | Deed::Opaque { .. }) {
        return Vec::new();
    }
    let text = at.text();
    tokens(text, Dialect::Postgres)
        .filter(|token| token.name().is_some_and(|name| name.len() > LENGTH_MAX))
        .map(|token| {
            let start = at.statement().span.start + token.span.start;
            let span = Span { start, end: start + token.text.len() };
            Found::new(span, format!("this is {} bytes long; 63 are kept", token.text.len()))
        })
        .collect()
}
