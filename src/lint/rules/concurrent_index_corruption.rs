//! MG124 `concurrent-index-corruption`: an index is built CONCURRENTLY on a server whose version can lose entries while it does.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Deed, Online};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG124",
    name: "concurrent-index-corruption",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "14.0 to 14.3",
    ways: Ways::Both,
    what: "An index is built CONCURRENTLY on a server whose version can lose entries while it does.",
    why: "PostgreSQL 14.0 to 14.3 could leave rows out of an index that was built or rebuilt concurrently. The release notes of 14.4 tell of it.",
    instead: "Update the server to 14.4 or later first.",
    bad: include_str!("../../../fixtures/lint/MG124/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG124/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let broken = at
        .server
        .is_some_and(|server| server.major == 14 && server.minor.is_some_and(|minor| minor < 4));
    match at.deed() {
        Deed::CreateIndex { online: Online::Concurrently, .. }
        | Deed::Reindex { online: Online::Concurrently }
            if broken =>
        {
            vec![Found::new(at.statement().span, "on this version the index may lack rows")]
        }
        _ => Vec::new(),
    }
}
