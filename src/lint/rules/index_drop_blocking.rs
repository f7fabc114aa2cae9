//! MG115 `index-drop-blocking`: an index is dropped without CONCURRENTLY.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Deed, Online};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG115",
    name: "index-drop-blocking",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "An index is dropped without CONCURRENTLY.",
    why: "ACCESS EXCLUSIVE on the table: it waits for every running query, and everything that comes after waits behind it.",
    instead: "`DROP INDEX CONCURRENTLY`, outside a transaction. The index of a partitioned table has no such form: set `lock_timeout` and try again.",
    bad: include_str!("../../../fixtures/lint/MG115/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG115/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let Deed::DropIndex { names, online: Online::Blocking } = at.deed() else { return Vec::new() };
    names
        .iter()
        .filter(|name| !at.known.is_new_index(&name.key))
        .map(|name| {
            let message = format!("the table of `{}` takes ACCESS EXCLUSIVE", name.key);
            Found::new(name.span, message)
        })
        .collect()
}
