//! MG801 `access-change`: who may do what is widened: a GRANT to PUBLIC, row security switched off, or a policy dropped.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Act, Deed, Object};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG801",
    name: "access-change",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "Who may do what is widened: a GRANT to PUBLIC, row security switched off, or a policy dropped.",
    why: "Rows become visible to more people than before, and nothing fails that would tell.",
    instead: "Grant to a named role. If it is meant, allow it with the reason.",
    bad: include_str!("../../../fixtures/lint/MG801/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG801/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let span = at.statement().span;
    match at.deed() {
        Deed::Grant { to_public: true } => {
            vec![Found::new(span, "every role, also those made later, gets this right")]
        }
        Deed::Drop { what: Object::Policy, .. } => {
            vec![Found::new(span, "rows that the policy hid may be seen, or none at all")]
        }
        _ => at
            .actions()
            .filter(|(_, action)| action.act == Act::RowSecurityOff)
            .map(|(table, action)| {
                Found::new(action.span, format!("all rows of `{}` become visible", table.key))
            })
            .collect(),
    }
}
