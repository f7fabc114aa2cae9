//! Rows that no partition takes: of partitions that go on the way back while their table stays, which would be gone
//! from it, and of tables whose partitions become others, which would stop the step that moves them.

use std::collections::BTreeSet;

use super::kept::KeptRows;
use super::query::row_check;
use super::rows::{Names, Rows};
use super::{Check, literal, mentioned, pending_check, qualified};
use crate::catalog::Table;
use crate::catalog::rule::{Enforce, Requirement, Rule};
use crate::change::{Diff, Rename, TableChange, Way};
use crate::dialect::postgres::{moves, places};
use crate::text::{Dialect, QName};

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

/// A check for each partitioned table that may be left without a partition for some of its rows, and for each table that
/// becomes a partition.
pub(super) fn placeless(diff: &Diff, tag: &str, kept: &BTreeSet<String>) -> Vec<Check> {
    if diff.after.dialect != Dialect::Postgres {
        return Vec::new();
    }
    let renames: Vec<Rename> = diff.renames().cloned().collect();
    let before = crate::diff::renamed(&diff.before, &renames);
    let found = places::missing(diff, &before, &renames);
    let joining = places::joining(diff, &before, &renames);
    found.into_iter().chain(joining).filter_map(|it| placed(&it, diff, tag, kept)).collect()
}

/// The check that every row has a place; `None` where only putting kept values back tells.
fn placed(
    missing: &places::Missing<'_>,
    diff: &Diff,
    tag: &str,
    kept: &BTreeSet<String>,
) -> Option<Check> {
    let places::Missing { table, joins, placed, leaving, change } = missing;
    let mut names = Names::before(diff);
    if !leaving.is_empty() {
        names.leave_out(&table.name, leaving);
    }
    let rows = Rows::pending(change, &names, Dialect::Postgres);
    let rule = Rule {
        table: table.name.clone(),
        name: match joins {
            None => format!("partitions of {}", table.name),
            Some(_) => format!("partition {}", table.name),
        },
        message: Some(match joins {
            None => format!("no partition that `{}` will have takes it", table.name),
            Some(parent) => {
                format!("`{}` becomes a partition of `{parent}` that does not take it", table.name)
            }
        }),
        origin: None,
        enforce: Enforce::Database,
        requirement: Requirement::Holds { expression: placed.clone() },
    };
    let mentioned = mentioned(&rule.requirement, table, Dialect::Postgres);
    let asked = KeptRows { diff, change, rows: &rows, tag, kept }.others(&mentioned)?;
    pending_check(rule, &rows, (&mentioned, &asked), diff, &names)
}

impl Names {
    /// Leaves the rows of some partitions out of a table.
    fn leave_out(&mut self, table: &QName, partitions: &[QName]) {
        let all = || format!("SELECT * FROM {}", qualified(table));
        let select = self.expressions.remove(table).unwrap_or_else(all);
        let list = partitions.iter().map(|it| format!("{}::regclass", literal(&qualified(it))));
        let list: Vec<String> = list.collect();
        let select = format!("{select} WHERE tableoid NOT IN ({})", list.join(", "));
        self.expressions.insert(table.clone(), select);
    }
}
