//! MG114 `index-blocking`: an index is built without CONCURRENTLY on a table that has rows.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Deed, Online};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG114",
    name: "index-blocking",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "An index is built without CONCURRENTLY on a table that has rows.",
    why: "SHARE is held until the index is complete: all writes to the table wait.",
    instead: "Build it outside a transaction, in a migration of its own:\n\n```sql\nCREATE INDEX CONCURRENTLY orders_person ON orders (person);\n```\n\nIf it fails, an index that is not valid is left: drop it and build it again. A partitioned table takes no CONCURRENTLY: `CREATE INDEX … ON ONLY parent`, then CONCURRENTLY on each partition, then `ALTER INDEX … ATTACH PARTITION`.",
    bad: include_str!("../../../fixtures/lint/MG114/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG114/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::CreateIndex { table, online: Online::Blocking, .. } if at.is_old(table) => {
            let message = format!("writes to `{}` wait until the index is built", table.key);
            vec![Found::new(at.statement().span, message)]
        }
        _ => Vec::new(),
    }
}
