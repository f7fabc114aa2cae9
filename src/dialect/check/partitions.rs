//! Partitions that go on the way back while their table stays: rows that nothing else of the table takes would be gone
//! from it.

use super::Check;
use super::query::row_check;
use super::rows::{Names, Rows};
use crate::catalog::Table;
use crate::catalog::rule::{Enforce, Requirement, Rule};
use crate::change::{Diff, Rename, TableChange, Way};
use crate::dialect::postgres::moves;
use crate::text::Dialect;

/// A check for each such partition.
pub(super) fn homeless(diff: &Diff, names: &Names) -> Vec<Check> {
    if diff.way == Way::Forth || diff.after.dialect != Dialect::Postgres {
        return Vec::new();
    }
    let renames: Vec<Rename> = diff.renames().cloned().collect();
    let before = crate::diff::renamed(&diff.before, &renames);
    let found = moves::without_a_place(&diff.before, &before, &diff.after);
    found.into_iter().map(|(table, bad)| check(table, &bad, names)).collect()
}

fn check(table: &Table, bad: &str, names: &Names) -> Check {
    let rows = Rows::pending(&TableChange::unchanged(table, table), names, Dialect::Postgres);
    let parent = table.options.of_postgres().and_then(|options| options.parents.first());
    let parent = parent.map(ToString::to_string).unwrap_or_default();
    let rule = Rule {
        table: table.name.clone(),
        name: format!("partition {}", table.name),
        message: Some(format!(
            "`{}` goes, and what is left of `{parent}` has no partition for its rows",
            table.name
        )),
        origin: None,
        enforce: Enforce::Database,
        requirement: Requirement::Holds { expression: bad.to_owned() },
    };
    row_check(&rule, &rows, bad, &[])
}
