//! MG417 `opaque-statement`: a DO block or a CALL: what it does is not read.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Deed;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG417",
    name: "opaque-statement",
    severity: Severity::Note,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A DO block or a CALL: what it does is not read.",
    why: "It is in a language of its own, and may lock, write or drop anything.",
    instead: "Write plain statements, or review it by eye and allow it with the reason.",
    bad: include_str!("../../../fixtures/lint/MG417/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG417/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::Opaque { command } => {
            let message = format!("what this `{command}` does is not read");
            vec![Found::new(at.statement().span, message)]
        }
        _ => Vec::new(),
    }
}
