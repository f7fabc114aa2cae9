//! MG301 `rename-column`: a column is renamed.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Act;

pub const RULE: Rule = Rule {
    code: "MG301",
    name: "rename-column",
    severity: Severity::Warning,
    dialect: None,
    versions: "all",
    ways: Ways::Up,
    what: "A column is renamed.",
    why: "Code that still runs during the release asks for the old name and fails.",
    instead: "Add the new column, write both, move readers over, drop the old one later; or put a view with the old names in front of the table. If nothing runs meanwhile, allow it.",
    bad: include_str!("../../../fixtures/lint/MG301/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG301/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    at.actions()
        .filter_map(|(table, action)| match &action.act {
            Act::RenameColumn { before, after } => {
                let message =
                    format!("code that names `{}.{before}` fails; it is now `{after}`", table.key);
                Some(Found::new(action.span, message))
            }
            _ => None,
        })
        .collect()
}
