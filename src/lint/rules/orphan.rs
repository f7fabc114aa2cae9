//! MG503 `orphan`: a row refers to one that is not there.

use crate::lint::rule::{Ask, Rule, Severity, Ways};

pub const RULE: Rule = Rule {
    code: "MG503",
    name: "orphan",
    severity: Severity::Error,
    dialect: None,
    versions: "all",
    ways: Ways::Both,
    what: "A row refers to one that is not there.",
    why: "A foreign key cannot be added while it is there.",
    instead: "Set the reference to NULL, move the row to quarantine or delete it (`--repair RULE=null`, `quarantine`), or bring back what it refers to.",
    bad: include_str!("../../../fixtures/lint/MG503/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG503/good.sql"),
    ask: Ask::Rows,
};
