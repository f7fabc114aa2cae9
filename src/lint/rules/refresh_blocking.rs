//! MG119 `refresh-blocking`: a materialized view is refreshed without CONCURRENTLY.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Deed, Online};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG119",
    name: "refresh-blocking",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A materialized view is refreshed without CONCURRENTLY.",
    why: "Nobody reads the view until its query has run to the end.",
    instead: "`REFRESH MATERIALIZED VIEW CONCURRENTLY name`, which needs a unique index on the view.",
    bad: include_str!("../../../fixtures/lint/MG119/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG119/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::Refresh { view, online: Online::Blocking } if at.is_old(view) => {
            let message = format!("nobody reads `{}` until the refresh is done", view.key);
            vec![Found::new(at.statement().span, message)]
        }
        _ => Vec::new(),
    }
}
