//! MG507 `unknown-label`: a value is none of those that the enum has.

use crate::lint::rule::{Ask, Rule, Severity, Ways};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG507",
    name: "unknown-label",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all",
    ways: Ways::Both,
    what: "A value is none of those that the enum has.",
    why: "A value of an enum cannot go while a row holds it.",
    instead: "Say what becomes of it: `was: { old: new }` in the model, or `--map` of `migrate plan`.",
    bad: include_str!("../../../fixtures/lint/MG507/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG507/good.sql"),
    ask: Ask::Rows,
};
