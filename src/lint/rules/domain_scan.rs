//! MG120 `domain-scan`: a domain gets a rule, and every table that uses it is read.

use crate::lint::rule::{Ask, At, Found, Rule, Severity, Ways};
use crate::lint::statement::{Deed, Scans};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG120",
    name: "domain-scan",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A domain gets a rule, and every table that uses it is read.",
    why: "All tables with a column of the domain are read under SHARE: writes to all of them wait.",
    instead: "Add the rule `NOT VALID`; validating it later still reads under SHARE, so do that when little is written. A CHECK on the columns can be validated without.",
    bad: include_str!("../../../fixtures/lint/MG120/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG120/good.sql"),
    ask: Ask::Statement(ask),
};

fn ask(at: &At<'_>) -> Vec<Found> {
    match at.deed() {
        Deed::AlterDomain { name, scans: Scans::Yes } if at.known.domain(&name.key).is_none() => {
            let message =
                format!("writes to every table with a `{}` wait while it is read", name.key);
            vec![Found::new(at.statement().span, message)]
        }
        _ => Vec::new(),
    }
}
