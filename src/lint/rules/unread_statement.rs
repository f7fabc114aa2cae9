//! MG410 `unread-statement`: a statement is not understood, so no rule was asked about it.

use crate::lint::rule::{Ask, Rule, Severity, Ways};

pub const RULE: Rule = Rule {
    code: "MG410",
    name: "unread-statement",
    severity: Severity::Note,
    dialect: None,
    versions: "all",
    ways: Ways::Both,
    what: "A statement is not understood, so no rule was asked about it.",
    why: "It may be right; the linter does not know it, and says so instead of passing over it. What stands in `DO` and in functions is not read either.",
    instead: "If it is a mistake, correct it. If it is right, review it by eye and allow it with the reason.",
    bad: include_str!("../../../fixtures/lint/MG410/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG410/good.sql"),
    ask: Ask::Reader,
};
