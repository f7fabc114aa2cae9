//! MG603 `rename-old-first`: a table is rebuilt by renaming the old one away first.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Deed;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG603",
    name: "rename-old-first",
    severity: Severity::Error,
    dialect: Some(Dialect::Sqlite),
    versions: "all",
    ways: Ways::Both,
    what: "A table is rebuilt by renaming the old one away first.",
    why: "Foreign keys of other tables, views and triggers follow the rename: they point at the old table, and when it is dropped they point at nothing.",
    instead: "The other way round: make the new table under another name, copy, drop the old one, rename the new one.",
    bad: include_str!("../../../fixtures/lint/MG603/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG603/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let Deed::CreateTable(table) = at.deed() else { return Vec::new() };
    if !at.state.renamed_away.contains(&table.name.key) {
        return Vec::new();
    }
    let message =
        format!("what points at `{}` points at the table that was renamed away", table.name.key);
    vec![Found::new(table.name.span, message)]
}
