//! MG502 `broken-condition`: a row breaks a rule.

use crate::lint::rule::{Ask, Rule, Severity, Ways};

pub const RULE: Rule = Rule {
    code: "MG502",
    name: "broken-condition",
    severity: Severity::Error,
    dialect: None,
    versions: "all",
    ways: Ways::Both,
    what: "A row breaks a rule.",
    why: "A CHECK cannot be added while it is there; and a rule that only the model states is not true of the data.",
    instead: "Repair the rows, or relax the rule. `enforce: warn` keeps it as a warning.",
    bad: include_str!("../../../fixtures/lint/MG502/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG502/good.sql"),
    ask: Ask::Rows,
};
