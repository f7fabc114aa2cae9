//! MG104 `stored-generated-rewrite`: a stored generated column is added to a table that has rows.

use crate::lint::known::is_stored;
use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG104",
    name: "stored-generated-rewrite",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A stored generated column is added to a table that has rows.",
    why: "Its value is computed for every row: the whole table and all its indexes are written anew under ACCESS EXCLUSIVE. On PostgreSQL 18 a column without the word `STORED` is virtual, which is free.",
    instead: "Add a plain column, keep it right with a trigger, and fill old rows in batches; on PostgreSQL 18, `GENERATED ALWAYS AS (…) VIRTUAL`; or compute it in a view.",
    bad: include_str!("../../../fixtures/lint/MG104/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG104/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let major = at.server.map_or(13, |server| server.major);
    at.added_columns()
        .filter(|(_, column)| is_stored(column.generated, major))
        .map(|(table, column)| {
            let message = format!("computing the column writes every row of `{}` anew", table.key);
            Found::new(column.span, message)
        })
        .collect()
}
