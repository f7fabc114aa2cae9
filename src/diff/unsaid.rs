//! What a side leaves unsaid is as it was: owners in plain SQL files, names of NOT NULL constraints in models.

use std::collections::BTreeSet;

use crate::catalog::facets::Facets;
use crate::catalog::postgres_table::NotNull;
use crate::catalog::{Catalog, Table, TableOptions};
use crate::text::Ident;

/// Whether the new side says who owns its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owners {
    /// It does not: they stay as they are.
    Stay,
    Compared,
}

/// The new side with what it leaves unsaid and the old one has. `None` where it is as it should be.
pub(super) fn settled(before: &Catalog, after: &Catalog, owners: Owners) -> Option<Catalog> {
    let with_owners = match owners {
        Owners::Stay => with_owners(before, after),
        Owners::Compared => None,
    };
    let with_names = with_not_null_names(before, with_owners.as_ref().unwrap_or(after));
    with_names.or(with_owners)
}

/// A model made on PostgreSQL 18 gets NOT NULL constraints with the names the engine chose, and says nothing of them:
/// a table that was renamed has others, and they may stay.
pub fn forget_not_null_names(mut catalog: Catalog) -> Catalog {
    for table in catalog.tables.values_mut() {
        if let TableOptions::Postgres(options) = &mut table.options {
            options.not_nulls.retain(|column, it| !it.is_plain(&table.name.name, column));
        }
    }
    catalog
}

/// A plain SQL file leaves owners as they are in the database.
fn with_owners(before: &Catalog, after: &Catalog) -> Option<Catalog> {
    let owned = || before.facets.values().filter(|facets| facets.owner.is_some());
    owned().next()?;
    let mut settled = after.clone();
    for old in owned().filter(|facets| after.has(&facets.of)) {
        let nothing = || Facets::none(old.of.clone());
        settled.facets.entry(old.of.clone()).or_insert_with(nothing).owner = old.owner.clone();
    }
    Some(settled)
}

/// The new side with the names of NOT NULL constraints of the old one, where it says nothing of them. `None` where it is
/// as it should be.
pub fn with_not_null_names(before: &Catalog, after: &Catalog) -> Option<Catalog> {
    let mut settled: Option<Catalog> = None;
    for (name, new) in &after.tables {
        let Some(old) = before.tables.get(name) else { continue };
        let unsaid = unsaid(old, new);
        if unsaid.is_empty() {
            continue;
        }
        let table = settled.get_or_insert_with(|| after.clone()).tables.get_mut(name);
        if let Some(TableOptions::Postgres(options)) = table.map(|table| &mut table.options) {
            options.not_nulls.extend(unsaid);
        }
    }
    settled
}

/// The constraints of columns that are required on both sides and of which only the old one says more. That rows are
/// not checked yet is no matter of names: a required column has all of them checked.
fn unsaid(old: &Table, new: &Table) -> Vec<(Ident, NotNull)> {
    let (TableOptions::Postgres(before), TableOptions::Postgres(after)) =
        (&old.options, &new.options)
    else {
        return Vec::new();
    };
    before
        .not_nulls
        .iter()
        .filter(|(column, _)| !after.not_nulls.contains_key(*column))
        .filter(|(column, _)| new.column(column).is_some_and(|column| column.not_null))
        .map(|(column, it)| (column.clone(), NotNull { not_valid: false, ..it.clone() }))
        .collect()
}

/// Both sides with a mark at the NOT NULL constraints of which the engine would choose another name, where one that is
/// there meanwhile has theirs: a table that was renamed keeps the old ones, a partition has its parent's. `None` where
/// there is none.
/// Source: `ChooseConstraintName` in `pg_constraint.c`.
pub(super) fn spelled(before: &Catalog, after: &Catalog) -> [Option<Catalog>; 2] {
    // A partition is made behind its parent, but those of the other side may be there still.
    let names = [before, after].map(|side| {
        (
            foreign_names(side, Partitions::StandOnTheirOwn),
            foreign_names(side, Partitions::FollowTheirParent),
        )
    });
    let [(all_before, own_before), (all_after, own_after)] = &names;
    [marked(before, &[all_after, own_before]), marked(after, &[all_before, own_after])]
}

fn marked(side: &Catalog, foreign: &[&BTreeSet<Ident>]) -> Option<Catalog> {
    let mut marked: Option<Catalog> = None;
    for (name, table) in side.tables.iter().filter(|_| foreign.iter().any(|it| !it.is_empty())) {
        let TableOptions::Postgres(options) = &table.options else { continue };
        let is_taken = |(column, it): &(&Ident, &NotNull)| {
            foreign.iter().any(|names| names.contains(&it.name)) && it.is_plain(&name.name, column)
        };
        let taken: Vec<&Ident> =
            options.not_nulls.iter().filter(is_taken).map(|(column, _)| column).collect();
        if taken.is_empty() {
            continue;
        }
        let table = marked.get_or_insert_with(|| side.clone()).tables.get_mut(name);
        if let Some(TableOptions::Postgres(options)) = table.map(|table| &mut table.options) {
            let entries = options.not_nulls.iter_mut();
            entries.filter(|(it, _)| taken.contains(it)).for_each(|(_, it)| it.spelled = true);
        }
    }
    marked
}

/// Names of constraints that the engine might choose for a column of another table.
fn foreign_names(catalog: &Catalog, partitions: Partitions) -> BTreeSet<Ident> {
    let mut found = BTreeSet::new();
    for table in catalog.tables.values() {
        let TableOptions::Postgres(options) = &table.options else { continue };
        // Servers that have none of them choose no names.
        if options.not_nulls.is_empty() {
            continue;
        }
        let is_behind = options.is_partition() && partitions == Partitions::FollowTheirParent;
        let moved = options.not_nulls.iter().filter(|(column, it)| {
            it.name != NotNull::default_name(&table.name.name, column)
                && !(is_behind && it.origin.is_some())
        });
        found.extend(moved.map(|(_, it)| it.name.clone()));
        let others = table.constraints.iter().filter_map(|it| it.name.as_ref());
        found.extend(others.filter(|name| name.as_str().ends_with("_not_null")).cloned());
    }
    found
}

/// Whether what partitions have from their parents counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Partitions {
    StandOnTheirOwn,
    FollowTheirParent,
}
