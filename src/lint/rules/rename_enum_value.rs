//! MG304 `rename-enum-value`: a value of an enum is renamed.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Deed;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG304",
    name: "rename-enum-value",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "A value of an enum is renamed.",
    why: "The old value is gone at once: code that still runs writes it and fails, or reads a value it does not know.",
    instead: "Add the new value, write it, change the rows, and leave the old value unused.",
    bad: include_str!("../../../fixtures/lint/MG304/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG304/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::RenameEnumValue => {
            vec![Found::new(at.statement().span, "code that writes the old value fails")]
        }
        _ => Vec::new(),
    }
}
