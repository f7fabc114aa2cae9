//! MG207 `drop-sequence`: a sequence is dropped.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Deed, Object};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG207",
    name: "drop-sequence",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "A sequence is dropped.",
    why: "How far it has counted is lost: one that is made again starts over, and hands out numbers that rows already have.",
    instead: "Keep it, or note its position and set the new one by `setval`.",
    bad: include_str!("../../../fixtures/lint/MG207/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG207/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::Drop { what: Object::Sequence, names } => names
            .iter()
            .map(|name| {
                Found::new(name.span, format!("how far `{}` has counted is lost", name.key))
            })
            .collect(),
        _ => Vec::new(),
    }
}
