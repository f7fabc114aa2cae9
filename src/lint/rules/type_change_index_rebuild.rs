//! MG106 `type-change-index-rebuild`: the type of a column changes in a way that builds its indexes anew.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Act;
use crate::lint::types::{self, TypeChange};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG106",
    name: "type-change-index-rebuild",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "The type of a column changes in a way that builds its indexes anew.",
    why: "The rows stay, but every index on the column is built again while ACCESS EXCLUSIVE is held.",
    instead: "Drop the indexes before (`DROP INDEX CONCURRENTLY`) and build them after (`CREATE INDEX CONCURRENTLY`), or use a new column.",
    bad: include_str!("../../../fixtures/lint/MG106/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG106/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (table, action) in at.actions() {
        let Act::SetType { column, ty, .. } = &action.act else { continue };
        let Some(before) = at.known.column(&table.key, column) else { continue };
        if types::is_known(&before.ty) && types::change(&before.ty, ty) == TypeChange::Indexes {
            let message =
                format!("from `{}` to `{ty}` builds the indexes on `{column}` anew", before.ty);
            found.push(Found::new(action.span, message));
        }
    }
    found
}
