//! MG121 `several-tables-locked`: a new table refers to several tables that are in use.

use std::collections::BTreeSet;

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Constraint, ConstraintRule, Deed};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG121",
    name: "several-tables-locked",
    severity: Severity::Note,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows",
    ways: Ways::Both,
    what: "A new table refers to several tables that are in use.",
    why: "SHARE ROW EXCLUSIVE on each of them at once: while it waits for the second, writes to the first wait too, and two such migrations can lock each other out.",
    instead: "Set `lock_timeout`, or add the references one by one, each in a migration of its own.",
    bad: include_str!("../../../fixtures/lint/MG121/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG121/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let Deed::CreateTable(table) = at.deed() else { return Vec::new() };
    let of_columns = table.columns.iter().flat_map(|column| &column.constraints);
    let other = |constraint: &Constraint| match &constraint.rule {
        ConstraintRule::References(other) if at.is_old(other) && other.key != table.name.key => {
            Some(other.key.clone())
        }
        _ => None,
    };
    let others: BTreeSet<String> = of_columns.chain(&table.constraints).filter_map(other).collect();
    if others.len() < 2 {
        return Vec::new();
    }
    let names: Vec<String> = others.iter().map(|name| format!("`{name}`")).collect();
    vec![Found::new(table.name.span, format!("writes to {} wait at once", names.join(", ")))]
}
