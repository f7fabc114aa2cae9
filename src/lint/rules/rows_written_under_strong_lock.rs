//! MG403 `rows-written-under-strong-lock`: rows are written in the transaction that altered their table.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways, Wrapped};
use crate::lint::statement::Deed;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG403",
    name: "rows-written-under-strong-lock",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "Rows are written in the transaction that altered their table.",
    why: "ALTER TABLE takes ACCESS EXCLUSIVE and holds it until the transaction ends: nobody reads or writes the table while its rows are written.",
    instead: "Alter in one migration, write the rows in the next, in batches, and add what depends on them (NOT NULL, a constraint) in a third.",
    bad: include_str!("../../../fixtures/lint/MG403/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG403/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let Deed::Change { table, .. } = at.deed() else { return Vec::new() };
    if at.wrapped != Wrapped::Yes || !at.state.altered.contains(&table.key) {
        return Vec::new();
    }
    let message =
        format!("`{}` is locked against reads and writes until these rows are written", table.key);
    vec![Found::new(at.statement().span, message)]
}
