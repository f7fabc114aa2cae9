//! MG505 `failed-cast`: a value cannot be read as the new type of its column.

use crate::lint::rule::{Ask, Rule, Severity, Ways};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG505",
    name: "failed-cast",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all",
    ways: Ways::Both,
    what: "A value cannot be read as the new type of its column.",
    why: "The change of the type ends with an error at the first such row, after it has held its lock for as long as it took to come there.",
    instead: "Repair the values, or tell with `using:` what becomes of them.",
    bad: include_str!("../../../fixtures/lint/MG505/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG505/good.sql"),
    ask: Ask::Rows,
};
