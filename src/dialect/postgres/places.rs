//! Rows that no partition would take: whether a tree, as a change leaves it, has a place for every row that is in it now,
//! and whether a table that becomes a partition holds only rows of that partition.

use std::collections::BTreeSet;

use super::bounds::{Bound, Key};
use super::hierarchy::{above, options, partitions};
use super::rebuild::{below, is_reshaped, key_columns};
use crate::catalog::{Catalog, Table};
use crate::change::{Change, Diff, Rename, TableChange, Target, table_before};
use crate::text::{Ident, QName};

/// A table of which some rows may have no place.
pub(in crate::dialect) struct Missing<'c> {
    pub(in crate::dialect) table: &'c Table,
    /// The table whose partition it becomes, with its rows; `None` where its own partitions are meant.
    pub(in crate::dialect) joins: Option<&'c QName>,
    /// What every row must hold, over the columns as they will be.
    pub(in crate::dialect) placed: String,
    /// Partitions whose rows are not asked, by their names before the change: they go with their rows.
    pub(in crate::dialect) leaving: Vec<QName>,
    pub(in crate::dialect) change: TableChange,
}

/// All such tables. `before` is the old catalog under the new names. A table is left out where nothing of its tree
/// changes that could matter, where the tree takes every row, and where only the engine tells what a partition takes
/// (other orders, hashes that are not all there, types that the change makes): there the step that moves the rows stops.
pub(in crate::dialect) fn missing<'c>(
    diff: &'c Diff,
    before: &Catalog,
    renames: &[Rename],
) -> Vec<Missing<'c>> {
    let changes = diff.table_changes();
    let after = &*diff.after;
    let tops = after
        .tables
        .values()
        .filter(|table| options(table).partition_by.is_some() && !options(table).is_partition());
    let found = tops.filter_map(|table| {
        let old = before.tables.get(&table.name)?;
        let change = match changes.get(&table.name) {
            Some(change) => (*change).clone(),
            None => TableChange::unchanged(old, table),
        };
        let sides = Sides { before, after, diff };
        let is_asked = sides.alters_key(&change) || !sides.keeps_places(old, table);
        if !is_asked || !sides.is_told(&change) {
            return None;
        }
        let Stranded::When(condition) = stranded(table, after) else { return None };
        let placed = format!("NOT {condition}");
        let leaving = sides.leaving(&table.name, renames);
        Some(Missing { table, joins: None, placed, leaving, change })
    });
    found.collect()
}

/// Tables that become partitions and take their rows along. Left out is what only the engine tells, as in [`missing`].
pub(in crate::dialect) fn joining<'c>(
    diff: &'c Diff,
    before: &Catalog,
    renames: &[Rename],
) -> Vec<Missing<'c>> {
    let sides = Sides { before, after: &diff.after, diff };
    let found = diff.after.tables.values().filter_map(|table| {
        let parent = options(table).is_partition().then(|| options(table).parents.first())??;
        // What is part of a tree already is asked for its places in it.
        let old = before.tables.get(&table.name).filter(|old| !options(old).is_partition())?;
        let change = match diff.table_changes().get(&table.name) {
            Some(change) => (*change).clone(),
            None => TableChange::unchanged(old, table),
        };
        let placed = within(table, &diff.after)?;
        let tables = above(&diff.after, &table.name).into_iter();
        let keys = tables.filter_map(|it| diff.after.tables.get(it)).flat_map(key_columns);
        let is_told = sides.are_told(&keys.map(|it| &it.name).collect(), &change);
        let leaving = sides.leaving(&table.name, renames);
        is_told.then_some(Missing { table, joins: Some(parent), placed, leaving, change })
    });
    found.collect()
}

/// Which rows a partition takes, and the tables above it: over the columns of the partition.
fn within(table: &Table, catalog: &Catalog) -> Option<String> {
    let mut conditions = Vec::new();
    let mut at = table;
    while let Some(parent) =
        options(at).is_partition().then(|| options(at).parents.first()).flatten()
    {
        let parent = catalog.tables.get(parent)?;
        let key = Key::parse(options(parent).partition_by.as_deref()?)?;
        let takes = |bound: &Bound| match bound {
            // Which rows a hash takes is asked of a table that is partitioned so already.
            Bound::Hash { .. } => None,
            bound => key.takes(bound, &parent.name),
        };
        conditions.push(match bound_of(at)? {
            Bound::Default => {
                let others = partitions(catalog, &parent.name).filter(|it| it.name != at.name);
                let others: Option<Vec<String>> = others.map(|it| takes(&bound_of(it)?)).collect();
                others?.iter().map(|it| format!("NOT ({it})")).collect::<Vec<_>>().join(" AND ")
            }
            bound => takes(&bound)?,
        });
        at = parent;
    }
    conditions.retain(|it| !it.is_empty());
    (!conditions.is_empty()).then(|| format!("({})", conditions.join(" AND ")))
}

/// Which rows no partition takes.
enum Stranded {
    Never,
    When(String),
    /// Only the engine tells.
    Untold,
}

fn bound_of(table: &Table) -> Option<Bound> {
    Bound::parse(options(table).bound.as_ref()?)
}

/// The rows that a partitioned table has no place for, its partitions and theirs asked in turn.
fn stranded(table: &Table, catalog: &Catalog) -> Stranded {
    let bounds: Option<Vec<(&Table, Bound)>> =
        partitions(catalog, &table.name).map(|child| Some((child, bound_of(child)?))).collect();
    let key = options(table).partition_by.as_deref();
    let Some(bounds) = bounds else { return Stranded::Untold };
    let is_partitioned = |child: &Table| options(child).partition_by.is_some();
    let takes_all = is_whole(&bounds);
    if takes_all && !bounds.iter().any(|(child, _)| is_partitioned(child)) {
        return Stranded::Never;
    }
    let Some(key) = key.and_then(Key::parse) else { return Stranded::Untold };
    let takes = |bound: &Bound| match bound {
        // Which rows a hash takes is asked of a table that is partitioned so already.
        Bound::Hash { .. } => None,
        bound => key.takes(bound, &table.name),
    };
    let listed = bounds.iter().filter(|(_, bound)| *bound != Bound::Default);
    let listed: Option<Vec<String>> = listed.map(|(_, bound)| takes(bound)).collect();
    let Some(listed) = listed else { return Stranded::Untold };
    let any = match listed.as_slice() {
        [] => "false".to_owned(),
        some => format!("({})", some.join(" OR ")),
    };
    let mut conditions = Vec::new();
    if !takes_all {
        conditions.push(format!("(NOT {any})"));
    }
    for (child, bound) in bounds.iter().filter(|(child, _)| is_partitioned(child)) {
        let within = match stranded(child, catalog) {
            Stranded::Never => continue,
            Stranded::Untold => return Stranded::Untold,
            Stranded::When(within) => within,
        };
        let reaches = takes(bound).unwrap_or_else(|| format!("(NOT {any})"));
        conditions.push(format!("({reaches} AND {within})"));
    }
    match conditions.is_empty() {
        true => Stranded::Never,
        false => Stranded::When(format!("({})", conditions.join(" OR "))),
    }
}

/// Whether partitions take every row: there is a default one, or every remainder of a hash.
fn is_whole(bounds: &[(&Table, Bound)]) -> bool {
    let share = |bound: &Bound| match bound {
        Bound::Hash { modulus, .. } if *modulus > 0 => Some(*modulus),
        Bound::Hash { .. } | Bound::Default | Bound::List(_) | Bound::Range { .. } => None,
    };
    let shares: Option<Vec<u64>> = bounds.iter().map(|(_, bound)| share(bound)).collect();
    let is_full = |shares: Vec<u64>| {
        // Every modulus is a factor of the largest, and no two partitions take the same row.
        let largest = shares.iter().copied().max().unwrap_or(1);
        shares.iter().map(|modulus| largest / modulus).sum::<u64>() == largest
    };
    bounds.iter().any(|(_, bound)| *bound == Bound::Default)
        || !bounds.is_empty() && shares.is_some_and(is_full)
}

/// Both sides of a difference, the old one under the new names.
struct Sides<'c> {
    before: &'c Catalog,
    after: &'c Catalog,
    diff: &'c Diff,
}

impl Sides<'_> {
    /// Whether every row that has a place in a table keeps one, as far as the printed bounds tell. What goes with its
    /// rows does not count.
    fn keeps_places(&self, old: &Table, new: &Table) -> bool {
        if options(old).partition_by != options(new).partition_by {
            return false;
        }
        let stays = below(&new.name, self.after);
        let kept = |child: &Table| stays.contains(&child.name);
        let now: Vec<(&Table, Option<Bound>)> =
            partitions(self.after, &new.name).map(|child| (child, bound_of(child))).collect();
        partitions(self.before, &old.name).filter(|child| kept(child)).all(|child| {
            let Some(was) = bound_of(child) else { return false };
            let holds = |is: &Bound| *is == was || was.is_within(is);
            let taken = now.iter().find(|(_, is)| is.as_ref().is_some_and(holds));
            taken.is_some_and(|(taker, _)| {
                options(taker).partition_by.is_none() || self.keeps_places(child, taker)
            })
        })
    }

    /// Whether a column that the tree is partitioned by gets other values.
    fn alters_key(&self, change: &TableChange) -> bool {
        let keys = self.keys(&change.after);
        change
            .mapping
            .iter()
            .any(|source| keys.contains(&source.column) && is_reshaped(change, source))
    }

    /// Whether the engine compares the key now as it will: no type or order of its columns is made anew.
    fn is_told(&self, change: &TableChange) -> bool {
        self.are_told(&self.keys(&change.after), change)
    }

    /// As [`Sides::is_told`], of these columns.
    fn are_told(&self, keys: &BTreeSet<&Ident>, change: &TableChange) -> bool {
        keys.iter().all(|name| {
            let Some(column) = change.after.column(name) else { return false };
            let same = change.before.column(name).is_some_and(|old| {
                old.collation == column.collation && old.data_type == column.data_type
            });
            match super::types::is_builtin(&column.data_type) {
                true => same || column.collation.is_none(),
                false => same && !self.remakes_types(),
            }
        })
    }

    /// Whether types of the schema's own change.
    fn remakes_types(&self) -> bool {
        self.diff.changes.iter().any(|change| match change {
            Change::Enum(_) | Change::Opaque(_) => true,
            Change::Rename(_)
            | Change::Schema(_)
            | Change::Facets(_)
            | Change::Table(_)
            | Change::AlterTable(_) => false,
        })
    }

    /// The columns that a tree is partitioned by at any level.
    fn keys<'t>(&'t self, top: &'t Table) -> BTreeSet<&'t Ident> {
        let below = below(&top.name, self.after);
        let tables = below.iter().filter_map(|name| self.after.tables.get(name));
        tables.chain([top]).flat_map(|table| key_columns(table).map(|it| &it.name)).collect()
    }

    /// The partitions of a tree that go with the rows in them: those that stand alone afterwards or belong to another
    /// table, those of tables that stay partitioned as they are, and those whose rows nobody wants.
    fn leaving(&self, top: &QName, renames: &[Rename]) -> Vec<QName> {
        let stays = below(top, self.after);
        let others = below(top, self.before).into_iter().filter(|name| !stays.contains(name));
        let named = others.filter(|name| self.goes_alone(name));
        named.map(|name| table_before(renames, &name).clone()).collect()
    }

    fn goes_alone(&self, child: &QName) -> bool {
        let target = Target { table: child.clone(), column: None };
        if self.diff.discard.contains(&target) || self.after.tables.contains_key(child) {
            return true;
        }
        let Some(parent) = super::hierarchy::parents(self.before, child).first() else {
            return true;
        };
        let sides = (self.before.tables.get(parent), self.after.tables.get(parent));
        match sides {
            (Some(was), Some(is)) => options(was).partition_by == options(is).partition_by,
            _ => self.goes_alone(parent),
        }
    }
}
