//! MG101 `table-rewrite`: a step of a plan writes every row of a table anew while the table is locked.

use crate::dialect::{Facts, Lock, Work};
use crate::lint::rule::{Ask, Rule, Severity, Ways};
use crate::text::Dialect;

pub const RULE: Rule = Rule {
    code: "MG101",
    name: "table-rewrite",
    severity: Severity::Warning,
    dialect: Some(Dialect::Postgres),
    versions: "all that `migrate` knows (13 to 18)",
    ways: Ways::Both,
    what: "A step of a plan writes every row of a table anew while the table is locked.",
    why: "Nobody reads or writes the table until the last row is written. The time grows with the table, and so does the space: both copies exist until commit.",
    instead: "Plan the change in two: a new column beside the old one that is filled in batches, and a later version that drops the old one. Where the table is small or the system is stopped, allow it: `-- migrate:allow MG101 the table has 200 rows`.",
    bad: include_str!("../../../fixtures/lint/MG101/bad.sql"),
    good: include_str!("../../../fixtures/lint/MG101/good.sql"),
    ask: Ask::Step(ask),
};

fn ask(facts: &Facts) -> Option<String> {
    let blocks = facts.lock >= Lock::ShareRowExclusive && facts.lock != Lock::Reserved;
    (blocks && facts.work == Work::Rewrite)
        .then(|| format!("writes every row anew under {}", facts.lock.name()))
}
