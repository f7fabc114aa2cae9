//! MG210 `irreversible-step`: a step of a plan loses values that the way back cannot restore.

use crate::dialect::{Facts, Undo};
use crate::lint::rule::{Ask, Rule, Severity, Ways};

pub const RULE: Rule = Rule {
    code: "MG210",
    name: "irreversible-step",
    severity: Severity::Warning,
    dialect: None,
    versions: "all",
    ways: Ways::Up,
    what: "A step of a plan loses values that the way back cannot restore.",
    why: "After it, `migrate rollback` brings back the shape, not the values.",
    instead: "Write into the model how the values are kept or computed back (`keep:`, `down:`), or allow the loss with the reason. `migrate plan` has asked already: without `--allow loss` it makes no such step.",
    bad: include_str!("../../../fixtures/lint/MG210/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG210/good.sql"),
    ask: Ask::Step(ask),
};

fn ask(facts: &Facts) -> Option<String> {
    (facts.undo == Undo::Lossy).then(|| match facts.reason.as_str() {
        "" => "loses values that no rollback brings back".to_owned(),
        reason => format!("loses values that no rollback brings back: {reason}"),
    })
}
