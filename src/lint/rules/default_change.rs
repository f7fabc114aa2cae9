//! MG307 `default-change`: the default of a column changes.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Act, Deed};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG307",
    name: "default-change",
    severity: Severity::Note,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows",
    ways: Ways::Up,
    what: "The default of a column changes.",
    why: "Rows that exist keep what they have, and code that still runs may rely on the old one, or write it itself from a cached schema.",
    instead: "Release code that writes the value explicitly, then change the default.",
    bad: include_str!("../../../fixtures/lint/MG307/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG307/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    // The default of a new column comes after it, so that old rows are not written anew (MG102).
    let is_new = |table: &str, column: &str| {
        at.statements[..=at.index].iter().any(|statement| match &statement.deed {
            Deed::AlterTable { table: of, actions } if of.key == table => actions
                .iter()
                .any(|it| matches!(&it.act, Act::AddColumn(added) if added.name == column)),
            _ => false,
        })
    };
    at.actions()
        .filter(|(table, action)| {
            matches!(&action.act, Act::SetDefault(column) if !is_new(&table.key, column))
        })
        .map(|(table, action)| {
            let message = format!("new rows of `{}` get another value from here on", table.key);
            Found::new(action.span, message)
        })
        .collect()
}
