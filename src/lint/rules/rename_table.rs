//! MG302 `rename-table`: a table is renamed, or moved to another schema.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Act, Deed};

pub const RULE: Rule = Rule {
    code: "MG302",
    name: "rename-table",
    severity: Severity::Warning,
    dialect: None,
    versions: "all",
    ways: Ways::Up,
    what: "A table is renamed, or moved to another schema.",
    why: "Code that still runs during the release asks for the old name and fails.",
    instead: "In the same transaction make a view with the old name: `CREATE VIEW old AS SELECT * FROM new`. It takes reads and writes, and is dropped when nobody uses it.",
    bad: include_str!("../../../fixtures/lint/MG302/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG302/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let stands_in = |name: &str| {
        at.rest().iter().any(|statement| match &statement.deed {
            Deed::CreateView { name: view } => view.key == name,
            // SQLite's way to change a table ends with one of this name.
            Deed::CreateTable(table) => table.name.key == name,
            _ => false,
        })
    };
    at.actions()
        .filter(|(table, action)| {
            matches!(action.act, Act::RenameTable(_) | Act::SetSchema) && !stands_in(&table.key)
        })
        .map(|(table, action)| {
            Found::new(action.span, format!("code that names `{}` fails", table.key))
        })
        .collect()
}
