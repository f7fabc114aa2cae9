//! MG401 `missing-lock-timeout`: a statement waits for a strong lock without a limit.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Act, Deed, Object, Online};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG401",
    name: "missing-lock-timeout",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A statement waits for a strong lock without a limit.",
    why: "While it waits, every query on the table that comes later waits behind it. One long report is enough to stop the system.",
    instead: "`SET lock_timeout = '2s'` at the top, and run the migration again when it fails. `migrate apply` sets it by itself.",
    bad: include_str!("../../../fixtures/lint/MG401/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG401/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let limited = at.state.lock_timeout.as_deref().is_some_and(|value| !value.starts_with('0'));
    let earlier = &at.statements[..at.index];
    if limited || !is_strong(at, at.deed()) || earlier.iter().any(|one| is_strong(at, &one.deed)) {
        return Vec::new();
    }
    let message = "this waits for a strong lock without `lock_timeout`, and others wait behind it";
    vec![Found::new(at.statement().span, message)]
}

/// Whether the statement blocks reads or writes of a table that was there before.
fn is_strong(at: &At<'_>, deed: &Deed) -> bool {
    match deed {
        Deed::AlterTable { table, actions } => {
            at.is_old(table)
                && actions.iter().any(|action| {
                    !matches!(
                        action.act,
                        Act::Validate(_)
                            | Act::Setting
                            | Act::Detach { online: Online::Concurrently }
                    )
                })
        }
        Deed::CreateIndex { table, online: Online::Blocking, .. } => at.is_old(table),
        Deed::DropIndex { online: Online::Blocking, names } => {
            names.iter().any(|name| !at.known.is_new_index(&name.key))
        }
        Deed::Drop { what: Object::Table, names } => names.iter().any(|name| at.is_old(name)),
        Deed::Truncate { tables } => tables.iter().any(|name| at.is_old(name)),
        Deed::Trigger { table } => at.is_old(table),
        _ => false,
    }
}
