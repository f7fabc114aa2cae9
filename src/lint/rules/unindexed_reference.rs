//! MG126 `unindexed-reference`: a column of a new table refers to another table and has no index.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Column, ConstraintRule, Deed, IndexKey};

pub const RULE: Rule = Rule {
    code: "MG126",
    name: "unindexed-reference",
    severity: Severity::Note,
    dialect: None,
    versions: "all that `migrate` knows",
    ways: Ways::Up,
    what: "A column of a new table refers to another table and has no index.",
    why: "Whoever deletes a row over there, or changes its key, reads this whole table for each of them; so does a join from there.",
    instead: "Give the column an index in the same migration, while nobody uses the table.",
    bad: include_str!("../../../fixtures/lint/MG126/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG126/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    // A table that is there may have an index already, or get it in a migration of its own.
    let Deed::CreateTable(table) = at.deed() else { return Vec::new() };
    let is_key =
        |rule: &ConstraintRule| matches!(rule, ConstraintRule::Unique | ConstraintRule::PrimaryKey);
    // Over which columns a key of the table is, is not read: it may be this one.
    if table.constraints.iter().any(|it| is_key(&it.rule)) {
        return Vec::new();
    }
    let leads = |column: &str| {
        at.statements.iter().any(|statement| match &statement.deed {
            Deed::CreateIndex { table: of, keys, .. } => {
                let first = IndexKey::Column(column.to_owned());
                of.key == table.name.key && keys.first() == Some(&first)
            }
            _ => false,
        })
    };
    let refers = |column: &&Column| {
        let rules = || column.constraints.iter().map(|it| &it.rule);
        rules().any(|rule| matches!(rule, ConstraintRule::References(_))) && !rules().any(is_key)
    };
    let lacking = table.columns.iter().filter(refers).filter(|it| !leads(&it.name));
    lacking
        .map(|column| Found::new(column.span, format!("no index begins with `{}`", column.name)))
        .collect()
}
