//! MG602 `drop-deletes-children`: a table is dropped while foreign keys may be enforced.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Act, Deed, Object};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG602",
    name: "drop-deletes-children",
    severity: Severity::Error,
    dialect: Some(Dialect::Sqlite),
    versions: "all",
    ways: Ways::Both,
    what: "A table is dropped while foreign keys may be enforced.",
    why: "With `foreign_keys` on, DROP TABLE first deletes the rows, and rows of other tables that point at them with ON DELETE CASCADE are deleted too, without a word; with SET NULL they are emptied. This is how rebuilding a table loses rows. `defer_foreign_keys` does not help.",
    instead: "`PRAGMA foreign_keys=OFF` before the transaction (inside one it does nothing), `PRAGMA foreign_key_check` before COMMIT.",
    bad: include_str!("../../../fixtures/lint/MG602/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG602/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let Deed::Drop { what: Object::Table, names } = at.deed() else { return Vec::new() };
    if at.state.foreign_keys_off {
        return Vec::new();
    }
    let is_rebuilt = |name: &str| {
        at.rest().iter().any(|statement| match &statement.deed {
            Deed::AlterTable { actions, .. } => {
                actions.iter().any(|action| action.act == Act::RenameTable(name.to_owned()))
            }
            _ => false,
        })
    };
    names
        .iter()
        .filter(|name| at.is_old(name) && is_rebuilt(&name.key))
        .map(|name| {
            let message = format!(
                "rows that point at `{}` with ON DELETE CASCADE are deleted with it",
                name.key
            );
            Found::new(name.span, message)
        })
        .collect()
}
