//! MG601 `unsupported-alter`: aLTER TABLE in a form that SQLite does not know.

use crate::lint::rule::{Ask, At, Found, Rule, ServerVersion, Severity, Ways};
use crate::lint::statement::{Act, Deed};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG601",
    name: "unsupported-alter",
    severity: Severity::Error,
    dialect: Some(Dialect::Sqlite),
    versions: "3.38 to 3.52; since 3.53 SET NOT NULL, DROP NOT NULL and constraints of tables can be altered",
    ways: Ways::Both,
    what: "ALTER TABLE in a form that SQLite does not know.",
    why: "SQLite renames tables and columns, adds and drops columns. Everything else is a syntax error.",
    instead: "Build the table anew, in this order: make `new_orders`, copy the rows, drop `orders`, rename `new_orders` to `orders`, make indexes, triggers and views again; with `PRAGMA foreign_keys=OFF` before the transaction. `migrate plan` writes all of it.",
    bad: include_str!("../../../fixtures/lint/MG601/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG601/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let new = at.server.is_some_and(|server| server >= ServerVersion { major: 3, minor: Some(53) });
    let Deed::AlterTable { actions, .. } = at.deed() else { return Vec::new() };
    actions
        .iter()
        .filter(|action| match &action.act {
            Act::AddColumn(_) | Act::DropColumn(_) => false,
            Act::RenameColumn { .. } | Act::RenameTable(_) => false,
            Act::AddConstraint(_) | Act::DropConstraint => !new,
            Act::Other => !new,
            _ => true,
        })
        .map(|action| Found::new(action.span, "SQLite has no such ALTER TABLE"))
        .collect()
}
