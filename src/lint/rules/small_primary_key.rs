//! MG701 `small-primary-key`: a primary key of type `int` or `smallint`.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{ConstraintRule, Deed};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG701",
    name: "small-primary-key",
    severity: Severity::Note,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Up,
    what: "A primary key of type `int` or `smallint`.",
    why: "It ends at 2,147,483,647, and making it larger later writes the table and all that points at it anew.",
    instead: "Use `bigint`.",
    bad: include_str!("../../../fixtures/lint/MG701/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG701/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let Deed::CreateTable(table) = at.deed() else { return Vec::new() };
    table
        .columns
        .iter()
        .filter(|column| {
            let key = column.constraints.iter().any(|c| c.rule == ConstraintRule::PrimaryKey);
            let counts = column.identity || column.ty.ends_with("serial");
            let small = ["int", "smallint", "serial", "smallserial"].contains(&column.ty.as_str());
            key && counts && small
        })
        .map(|column| {
            Found::new(
                column.ty_span,
                format!("`{}` ends at a number that tables reach", column.ty),
            )
        })
        .collect()
}
