//! MG604 `autoincrement-loss`: a table with AUTOINCREMENT is rebuilt, and how far it has counted is not carried over.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Act, Deed, Object};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG604",
    name: "autoincrement-loss",
    severity: Severity::Warning,
    dialect: Some(Dialect::Sqlite),
    versions: "all",
    ways: Ways::Both,
    what: "A table with AUTOINCREMENT is rebuilt, and how far it has counted is not carried over.",
    why: "The new table counts from its largest id: an id that was handed out and deleted is handed out again.",
    instead: "Copy the count: `UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'orders') WHERE name = 'new_orders'`, before the old table is dropped.",
    bad: include_str!("../../../fixtures/lint/MG604/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG604/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let Deed::AlterTable { table, actions } = at.deed() else { return Vec::new() };
    let renamed = actions.iter().find_map(|action| match &action.act {
        Act::RenameTable(name) => Some(name),
        _ => None,
    });
    let Some(after) = renamed.filter(|_| at.known.auto_increments(&table.key)) else {
        return Vec::new();
    };
    let dropped = at.statements[..at.index].iter().any(|statement| match &statement.deed {
        Deed::Drop { what: Object::Table, names } => names.iter().any(|name| name.key == *after),
        _ => false,
    });
    let carried = at.statements.iter().any(|statement| {
        at.sql[statement.span.start..statement.span.end].to_lowercase().contains("sqlite_sequence")
    });
    if !dropped || carried {
        return Vec::new();
    }
    let message =
        format!("how far `{after}` has counted is lost: deleted ids are handed out again");
    vec![Found::new(at.statement().span, message)]
}
