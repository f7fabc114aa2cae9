//! MG202 `drop-table`: a table is dropped, and its rows with it.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Act, Deed, Object};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG202",
    name: "drop-table",
    severity: Severity::Error,
    dialect: None,
    versions: "all",
    ways: Ways::Up,
    what: "A table is dropped, and its rows with it.",
    why: "The rows are gone for good. PostgreSQL also takes ACCESS EXCLUSIVE on every table that a foreign key of it points at.",
    instead: "Rename it first and drop it in a later release; `migrate plan` keeps a dropped table until `migrate release`. If the rows may go, allow it with the reason.",
    bad: include_str!("../../../fixtures/lint/MG202/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG202/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let Deed::Drop { what: Object::Table, names } = at.deed() else { return Vec::new() };
    names
        .iter()
        .filter(|name| at.is_old(name) && !is_rebuilt(at, &name.key))
        .map(|name| Found::new(name.span, format!("the rows of `{}` are lost", name.key)))
        .collect()
}

/// SQLite's way to change a table: its rows are in another one, which takes its name.
fn is_rebuilt(at: &At<'_>, name: &str) -> bool {
    at.dialect == Dialect::Sqlite
        && at.rest().iter().any(|statement| match &statement.deed {
            Deed::AlterTable { actions, .. } => {
                actions.iter().any(|action| action.act == Act::RenameTable(name.to_owned()))
            }
            _ => false,
        })
}
