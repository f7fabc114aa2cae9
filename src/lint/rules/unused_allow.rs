//! MG415 `unused-allow`: an allowance allows nothing.

use crate::lint::rule::{Ask, Rule, Severity, Ways};

pub const RULE: Rule = Rule {
    code: "MG415",
    name: "unused-allow",
    severity: Severity::Warning,
    dialect: None,
    versions: "all",
    ways: Ways::Both,
    what: "An allowance allows nothing.",
    why: "What it was written for is gone, or its code is wrong. Left there, it lets the next fault pass.",
    instead: "Remove the line.",
    bad: include_str!("../../../fixtures/lint/MG415/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG415/good.sql"),
    ask: Ask::Reader,
};
