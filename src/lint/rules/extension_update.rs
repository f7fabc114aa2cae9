//! MG803 `extension-update`: an extension is updated.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Deed;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG803",
    name: "extension-update",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "An extension is updated.",
    why: "Which version that is, the server decides: the newest that its files bring, another one on another server. Functions may change what they return, and indexes that use them are not built anew.",
    instead: "Name the version: `ALTER EXTENSION x UPDATE TO '1.2'`, and read its release notes for indexes to build anew.",
    bad: include_str!("../../../fixtures/lint/MG803/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG803/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::UpdateExtension { name, version: None } => {
            vec![Found::new(name.span, format!("to which version `{}` goes is not said", name.key))]
        }
        _ => Vec::new(),
    }
}
