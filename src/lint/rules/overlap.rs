//! MG508 `overlap`: two rows exclude each other.

use crate::lint::rule::{Ask, Rule, Severity, Ways};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG508",
    name: "overlap",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all",
    ways: Ways::Both,
    what: "Two rows exclude each other.",
    why: "An EXCLUDE constraint cannot be added while they are there.",
    instead: "Change or remove one of them.",
    bad: include_str!("../../../fixtures/lint/MG508/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG508/good.sql"),
    ask: Ask::Rows,
};
