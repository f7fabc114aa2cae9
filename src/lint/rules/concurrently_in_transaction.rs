//! MG405 `concurrently-in-transaction`: cONCURRENTLY inside a transaction.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways, Wrapped};
use crate::lint::statement::{Act, Deed, Online};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG405",
    name: "concurrently-in-transaction",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "CONCURRENTLY inside a transaction.",
    why: "PostgreSQL refuses it: the migration fails.",
    instead: "Put the statement into a file of its own that its tool runs outside a transaction (dbmate: `-- migrate:up transaction:false`; goose: `-- +goose NO TRANSACTION`).",
    bad: include_str!("../../../fixtures/lint/MG405/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG405/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let concurrently = match at.deed() {
        Deed::CreateIndex { online, .. }
        | Deed::DropIndex { online, .. }
        | Deed::Reindex { online } => *online == Online::Concurrently,
        Deed::AlterTable { actions, .. } => {
            actions.iter().any(|action| action.act == Act::Detach { online: Online::Concurrently })
        }
        _ => false,
    };
    if !concurrently || at.wrapped != Wrapped::Yes {
        return Vec::new();
    }
    vec![Found::new(at.statement().span, "CONCURRENTLY fails inside a transaction")]
}
