//! MG416 `allow-without-reason`: an allowance without a reason.

use crate::lint::rule::{Ask, Rule, Severity, Ways};

pub const RULE: Rule = Rule {
    code: "MG416",
    name: "allow-without-reason",
    severity: Severity::Error,
    dialect: None,
    versions: "all",
    ways: Ways::Both,
    what: "An allowance without a reason.",
    why: "The next reader cannot know whether it still holds.",
    instead: "Write why after the code: `-- migrate:allow MG202 empty since 2.0`.",
    bad: include_str!("../../../fixtures/lint/MG416/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG416/good.sql"),
    ask: Ask::Reader,
};
