//! MG511 `not-validated`: a row breaks a constraint that is there and was never validated.

use crate::lint::rule::{Ask, Rule, Severity, Ways};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG511",
    name: "not-validated",
    severity: Severity::Error,
    dialect: Some(Dialect::Postgres),
    versions: "all",
    ways: Ways::Both,
    what: "A row breaks a constraint that is there and was never validated.",
    why: "New rows are held to it and old ones are not: who relies on it is wrong, and VALIDATE fails.",
    instead: "Repair the rows, then `ALTER TABLE ... VALIDATE CONSTRAINT ...`; `migrate verify` says when none is left.",
    bad: include_str!("../../../fixtures/lint/MG511/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG511/good.sql"),
    ask: Ask::Rows,
};
