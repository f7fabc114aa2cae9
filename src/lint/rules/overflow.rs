//! MG506 `overflow`: a value is too long or too large for the new type of its column.

use crate::lint::rule::{Ask, Rule, Severity, Ways};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG506",
    name: "overflow",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all",
    ways: Ways::Both,
    what: "A value is too long or too large for the new type of its column.",
    why: "The change of the type ends with an error at the first such row.",
    instead: "Shorten the values (`--repair RULE=clamp`), or choose a type that has room for them.",
    bad: include_str!("../../../fixtures/lint/MG506/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG506/good.sql"),
    ask: Ask::Rows,
};
