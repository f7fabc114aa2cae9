//! MG122 `constrained-domain-column`: a column of a domain with rules is added to a table that has rows.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::Checked;
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG122",
    name: "constrained-domain-column",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A column of a domain with rules is added to a table that has rows.",
    why: "PostgreSQL checks the rule by writing the whole table and all its indexes anew under ACCESS EXCLUSIVE, with a default or without.",
    instead: "Use the base type and a CHECK that is added `NOT VALID` and validated later.",
    bad: include_str!("../../../fixtures/lint/MG122/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG122/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    at.added_columns()
        .filter(|(_, column)| at.known.domain(&column.ty) == Some(Checked::Yes))
        .map(|(table, column)| {
            let message =
                format!("the rules of `{}` write every row of `{}` anew", column.ty, table.key);
            Found::new(column.ty_span, message)
        })
        .collect()
}
