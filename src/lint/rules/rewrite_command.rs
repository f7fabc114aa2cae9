//! MG118 `rewrite-command`: a command writes a whole table anew: VACUUM FULL, CLUSTER, SET LOGGED, SET UNLOGGED, SET ACCESS METHOD, SET EXPRESSION.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Act, Deed};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG118",
    name: "rewrite-command",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A command writes a whole table anew: VACUUM FULL, CLUSTER, SET LOGGED, SET UNLOGGED, SET ACCESS METHOD, SET EXPRESSION.",
    why: "Nobody reads or writes the table until the copy is complete.",
    instead: "Plain `VACUUM` frees space for new rows without a lock that matters. To give space back to the system, use a tool that copies beside the table, or stop the system.",
    bad: include_str!("../../../fixtures/lint/MG118/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG118/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = at
        .actions()
        .filter_map(|(table, action)| match &action.act {
            Act::Rewrite(command) => {
                let message =
                    format!("`{command}` writes `{}` anew under ACCESS EXCLUSIVE", table.key);
                Some(Found::new(action.span, message))
            }
            _ => None,
        })
        .collect();
    if let Deed::RewriteTable { command, table } = at.deed()
        && table.as_ref().is_none_or(|table| at.is_old(table))
    {
        let of = table.as_ref().map_or("every table", |table| table.key.as_str());
        let message = format!("`{command}` writes `{of}` anew under ACCESS EXCLUSIVE");
        found.push(Found::new(at.statement().span, message));
    }
    found
}
