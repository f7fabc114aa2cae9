//! MG206 `lossy-type-change`: a column gets a type that holds less than the one before.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Act;
use crate::lint::types;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG206",
    name: "lossy-type-change",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "A column gets a type that holds less than the one before.",
    why: "Values that do not fit are cut or rounded, or the statement fails on the first of them, in production.",
    instead: "Look at the rows first (`migrate verify` does), and say in the migration what becomes of those that do not fit. `migrate plan` keeps what a change of type cannot give back.",
    bad: include_str!("../../../fixtures/lint/MG206/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG206/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (table, action) in at.actions() {
        let Act::SetType { column, ty, .. } = &action.act else { continue };
        let Some(before) = at.known.column(&table.key, column) else { continue };
        if types::narrows(&before.ty, ty) {
            let message = format!(
                "`{ty}` holds less than `{}`: values of `{}.{column}` may be lost or refused",
                before.ty, table.key
            );
            found.push(Found::new(action.span, message));
        }
    }
    found
}
