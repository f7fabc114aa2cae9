//! MG312 `replica-identity-change`: the replica identity of a table changes.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Act;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG312",
    name: "replica-identity-change",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "The replica identity of a table changes.",
    why: "Subscribers of logical replication find rows by it. With `NOTHING`, or an index that is dropped later, UPDATE and DELETE on a published table fail.",
    instead: "Keep the primary key as the identity. Where another index takes its place, make that index first, switch, and see that subscribers have it.",
    bad: include_str!("../../../fixtures/lint/MG312/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG312/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    at.actions()
        .filter(|(_, action)| action.act == Act::ReplicaIdentity)
        .map(|(table, action)| {
            Found::new(
                action.span,
                format!("subscribers find rows of `{}` otherwise from now on", table.key),
            )
        })
        .collect()
}
