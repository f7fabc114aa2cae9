//! MG116 `reindex-blocking`: rEINDEX without CONCURRENTLY.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Deed, Online};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG116",
    name: "reindex-blocking",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "REINDEX without CONCURRENTLY.",
    why: "Writes to the table wait, and so do queries that use the index.",
    instead: "`REINDEX INDEX CONCURRENTLY name`, outside a transaction (partitioned ones since 14).",
    bad: include_str!("../../../fixtures/lint/MG116/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG116/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::Reindex { online: Online::Blocking } => {
            vec![Found::new(
                at.statement().span,
                "writes, and reads by the index, wait until it is built",
            )]
        }
        _ => Vec::new(),
    }
}
