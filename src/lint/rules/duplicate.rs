//! MG504 `duplicate`: two rows have the same key.

use crate::lint::rule::{Ask, Rule, Severity, Ways};

pub const RULE: Rule = Rule {
    code: "MG504",
    name: "duplicate",
    severity: Severity::Error,
    dialect: None,
    versions: "all",
    ways: Ways::Both,
    what: "Two rows have the same key.",
    why: "A unique constraint or index cannot be built while they are there; built CONCURRENTLY it ends as an INVALID index.",
    instead: "Keep one of them: `--repair RULE=dedupe:newest`, `dedupe:oldest`, or change the key.",
    bad: include_str!("../../../fixtures/lint/MG504/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG504/good.sql"),
    ask: Ask::Rows,
};
