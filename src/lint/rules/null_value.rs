//! MG501 `null-value`: a row lacks a value that is required.

use crate::lint::rule::{Ask, Rule, Severity, Ways};

pub const RULE: Rule = Rule {
    code: "MG501",
    name: "null-value",
    severity: Severity::Error,
    dialect: None,
    versions: "all",
    ways: Ways::Both,
    what: "A row lacks a value that is required.",
    why: "NOT NULL cannot be added while it is there: the migration stops, under a lock that everybody waits for.",
    instead: "Give old rows a value with `backfill:`, or repair them (`migrate verify --repair RULE=STRATEGY`).",
    bad: include_str!("../../../fixtures/lint/MG501/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG501/good.sql"),
    ask: Ask::Rows,
};
