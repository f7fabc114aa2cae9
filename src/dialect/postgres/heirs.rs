//! Tables that inherit and tables that others inherit from: which of them are dropped and made again, because the engine
//! turns no column that a table has into one that it only inherits, and because what is kept of a parent's column must
//! be kept of each heir by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::hierarchy::options;
use crate::catalog::postgres_table::Origin;
use crate::catalog::{Catalog, Column, Table};
use crate::change::{Delta, Diff, Keep, TableChange};
use crate::text::QName;

/// The tables that are made again.
pub(super) fn rebuilt(
    diff: &Diff,
    before: &Catalog,
    changes: &BTreeMap<&QName, &TableChange>,
) -> BTreeSet<QName> {
    let after: &Catalog = &diff.after;
    let pairs = before.tables.values().filter_map(|old| Some((old, after.tables.get(&old.name)?)));
    let mut found: BTreeSet<QName> = pairs
        .filter(|(old, new)| {
            let change = changes.get(&new.name).copied();
            is_disowned(old, new) || has_heirs(&new.name, before, after) && moves_values(change)
        })
        .map(|(_, new)| new.name.clone())
        .collect();
    // An heir stands on its parent, so it goes first, and comes back after it.
    let mut open: Vec<QName> = found.iter().cloned().collect();
    while let Some(parent) = open.pop() {
        let below = [before, after].into_iter().flat_map(|catalog| heirs(catalog, &parent));
        for heir in below.map(|table| table.name.clone()).collect::<Vec<_>>() {
            let is_on_both = before.tables.contains_key(&heir) && after.tables.contains_key(&heir);
            if is_on_both && found.insert(heir.clone()) {
                open.push(heir);
            }
        }
    }
    found
}

/// The tables that inherit from a table, partitions aside.
fn heirs<'c>(catalog: &'c Catalog, parent: &QName) -> impl Iterator<Item = &'c Table> {
    let parent = parent.clone();
    catalog.tables.values().filter(move |table| {
        let options = options(table);
        !options.is_partition() && options.parents.contains(&parent)
    })
}

/// Whether some table that stays inherits from a table.
fn has_heirs(parent: &QName, before: &Catalog, after: &Catalog) -> bool {
    [before, after].into_iter().any(|catalog| heirs(catalog, parent).next().is_some())
}

/// Whether columns or checks that a table has of its own, or gets by joining a parent, become inherited ones only; or
/// inherited ones its own as well.
fn is_disowned(before: &Table, after: &Table) -> bool {
    let (was, is) = (options(before), options(after));
    if is.is_partition() || is.parents.is_empty() {
        return false;
    }
    let joins = is.parents.iter().any(|parent| !was.parents.contains(parent))
        || was.parents != is.parents && is.parents.len() > 1;
    let columns = after.columns.iter().filter(|column| before.column(&column.name).is_some());
    let mut origins = columns.map(|column| {
        let name = &column.name;
        (was.inherited_columns.get(name), is.inherited_columns.get(name))
    });
    let checks = is.inherited.iter().any(|(name, link)| {
        let stood = before.constraints.iter().any(|it| it.name.as_ref() == Some(name));
        link.origin == Origin::Inherited && (joins || stood && !was.inherited.contains_key(name))
    });
    checks
        || origins.any(|pair| match pair {
            (Some(Origin::Inherited), Some(Origin::Inherited)) => joins,
            (_, Some(Origin::Inherited)) => true,
            (Some(Origin::Inherited), Some(Origin::Both)) => !joins,
            (_, _) => false,
        })
}

/// Whether values of a table are kept, or put back, or filled in, on either way.
fn moves_values(change: Option<&TableChange>) -> bool {
    let Some(change) = change else { return false };
    let is_stored = |column: &Column| column.generated.is_none();
    let comes_or_goes = change.columns.iter().any(|delta| match delta {
        Delta::Add(column) | Delta::Drop(column) => is_stored(column),
        Delta::Alter { before, after } => is_stored(before) != is_stored(after),
    });
    let moves = change.mapping.iter().any(|source| {
        source.keep == Keep::Altered || source.fill.is_some() || !source.values.is_empty()
    });
    comes_or_goes || moves
}

/// What was said of a column of a parent holds for the heirs that have it from there.
pub(super) fn follow(
    stage: &mut TableChange,
    heir: &QName,
    changes: &BTreeMap<&QName, &TableChange>,
) {
    let above = above(heir, changes, |change| &change.after);
    for source in &mut stage.mapping {
        let said = above.iter().flat_map(|change| &change.mapping).find(|other| {
            other.column == source.column
                && (other.fill.is_some() || !other.values.is_empty() || other.keep == Keep::Altered)
        });
        if let Some(said) = said.filter(|_| source.fill.is_none() && source.values.is_empty()) {
            source.fill.clone_from(&said.fill);
            source.values.clone_from(&said.values);
            source.using.clone_from(&said.using);
            source.keep = said.keep;
        }
    }
    // What the way back fills in, by the same rule: the parents there are those before this way.
    let inherited = self::above(heir, changes, |change| &change.before);
    for leaving in inherited.iter().flat_map(|change| &change.leaving) {
        let goes = stage.before.column(&leaving.column).is_some()
            && stage.after.column(&leaving.column).is_none();
        if goes && stage.computed_back(&leaving.column).is_none() {
            stage.leaving.push(leaving.clone());
        }
    }
}

/// The changes of all that a table inherits from in one of its shapes, the nearest first.
fn above<'c>(
    heir: &QName,
    changes: &BTreeMap<&QName, &'c TableChange>,
    shape: fn(&TableChange) -> &Table,
) -> Vec<&'c TableChange> {
    let parents = |change: &'c TableChange| &options(shape(change)).parents;
    let mut found = Vec::new();
    let mut open: Vec<&QName> =
        changes.get(heir).into_iter().flat_map(|change| parents(change)).collect();
    while let Some(name) = open.pop() {
        let Some(change) = changes.get(name) else { continue };
        found.push(*change);
        open.extend(parents(change));
    }
    found
}
