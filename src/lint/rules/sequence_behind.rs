//! MG510 `sequence-behind`: a row has a number that its sequence has yet to hand out.

use crate::lint::rule::{Ask, Rule, Severity, Ways};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG510",
    name: "sequence-behind",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all",
    ways: Ways::Both,
    what: "A row has a number that its sequence has yet to hand out.",
    why: "The next rows that are inserted get numbers that are taken, and fail.",
    instead: "`SELECT setval(...)`, as the message has it.",
    bad: include_str!("../../../fixtures/lint/MG510/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG510/good.sql"),
    ask: Ask::Rows,
};
