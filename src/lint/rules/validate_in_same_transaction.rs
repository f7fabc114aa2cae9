//! MG404 `validate-in-same-transaction`: a constraint is added NOT VALID and validated in the same transaction.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways, Wrapped};
use crate::lint::statement::{Act, Deed};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG404",
    name: "validate-in-same-transaction",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A constraint is added NOT VALID and validated in the same transaction.",
    why: "The strong lock of ADD CONSTRAINT is held until the transaction ends, so the table is read under it: nothing is won.",
    instead: "Validate in a transaction of its own, best in a migration of its own. Where the tool decides whether the file is one transaction and the file does not tell, this is a warning.",
    bad: include_str!("../../../fixtures/lint/MG404/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG404/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    if at.wrapped == Wrapped::No || at.wrapped == Wrapped::Unknown && has_commit(at) {
        return Vec::new();
    }
    at.actions()
        .filter_map(|(table, action)| match &action.act {
            Act::Validate(name)
                if at.state.unchecked.contains(&(table.key.clone(), name.clone())) =>
            {
                let message = format!(
                    "`{}` is read under the lock that adding `{name}` still holds",
                    table.key
                );
                let found = Found::new(action.span, message);
                Some(if at.wrapped == Wrapped::Yes {
                    found
                } else {
                    found.at_most(Severity::Warning)
                })
            }
            _ => None,
        })
        .collect()
}

/// A file with transactions of its own is not put into one by its tool.
fn has_commit(at: &At<'_>) -> bool {
    at.statements.iter().any(|statement| statement.deed == Deed::Commit)
}
