//! MG102 `volatile-default-rewrite`: a column is added with a default that is another value for each row.

use crate::lint::known::{Volatility, volatility};
use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG102",
    name: "volatile-default-rewrite",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A column is added with a default that is another value for each row.",
    why: "PostgreSQL keeps one value for all old rows in the catalog only where the default is the same for all of them. A volatile default writes the whole table and all its indexes anew under ACCESS EXCLUSIVE. `now()` is not volatile: it is one value for the statement.",
    instead: "Add the column without a default, set the default for new rows, fill old rows in batches:\n\n```sql\nALTER TABLE orders ADD COLUMN token uuid;\nALTER TABLE orders ALTER COLUMN token SET DEFAULT gen_random_uuid();\n-- then, in batches: UPDATE orders SET token = gen_random_uuid() WHERE id BETWEEN … AND … AND token IS NULL\n```",
    bad: include_str!("../../../fixtures/lint/MG102/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG102/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (table, column) in at.added_columns() {
        let Some((words, span)) = &column.default else { continue };
        match volatility(words) {
            Volatility::Constant => {}
            Volatility::Volatile => found.push(Found::new(
                *span,
                format!("a volatile default writes every row of `{}` anew", table.key),
            )),
            Volatility::Unknown => found.push(
                Found::new(
                    *span,
                    format!(
                        "if a function here is volatile, every row of `{}` is written anew",
                        table.key
                    ),
                )
                .at_most(Severity::Warning),
            ),
        }
    }
    found
}
