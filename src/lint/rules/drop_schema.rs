//! MG203 `drop-schema`: a schema or a database is dropped.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Deed, Object};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG203",
    name: "drop-schema",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "A schema or a database is dropped.",
    why: "Everything in it goes, whatever it is.",
    instead: "Drop what is in it by name, so that the review sees it.",
    bad: include_str!("../../../fixtures/lint/MG203/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG203/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::Drop { what: Object::Schema | Object::Database, names } => names
            .iter()
            .map(|name| Found::new(name.span, format!("all that is in `{}` is lost", name.key)))
            .collect(),
        _ => Vec::new(),
    }
}
