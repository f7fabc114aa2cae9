//! MG117 `partition-lock`: a partition is attached, detached or made while its parent is locked.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Act, Deed, Online};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG117",
    name: "partition-lock",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all; DETACH … CONCURRENTLY since 14",
    ways: Ways::Both,
    what: "A partition is attached, detached or made while its parent is locked.",
    why: "`DETACH PARTITION` and `CREATE TABLE … PARTITION OF` take ACCESS EXCLUSIVE on the parent. `ATTACH PARTITION` reads the whole partition, unless a CHECK proves that its rows belong there.",
    instead: "`DETACH PARTITION … CONCURRENTLY` (since 14, outside a transaction). Make a partition as a table of its own, give it a CHECK that says what the bounds say (`NOT VALID`, then `VALIDATE`), attach it, drop the CHECK.",
    bad: include_str!("../../../fixtures/lint/MG117/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG117/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    if let Deed::CreateTable(table) = at.deed()
        && let Some(parent) = table.partition_of.as_ref().filter(|parent| at.is_old(parent))
    {
        let message =
            format!("`{}` takes ACCESS EXCLUSIVE; attach the partition instead", parent.key);
        found.push(Found::new(parent.span, message).at_most(Severity::Note));
    }
    for (table, action) in at.actions() {
        match &action.act {
            Act::Detach { online: Online::Blocking } if at.may_be_from(14) => {
                let message =
                    format!("`{}` takes ACCESS EXCLUSIVE; CONCURRENTLY does not", table.key);
                found.push(Found::new(action.span, message));
            }
            Act::Attach(partition) if at.is_old(partition) => {
                let message = format!(
                    "all rows of `{}` are read, unless a CHECK proves that they belong there",
                    partition.key
                );
                found.push(Found::new(action.span, message).at_most(Severity::Note));
            }
            _ => {}
        }
    }
    found
}
