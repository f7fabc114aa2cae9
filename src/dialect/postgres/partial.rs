//! Indexes and keys of a partitioned table that not every partition has (made by `ON ONLY`): the engine calls them
//! invalid until the last partition's is attached. They are made after all partitions are there, and attached one by
//! one.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::action::{Action, step};
use super::context::Context;
use super::hierarchy::{comes, joined_marker, options, partitions};
use super::parts::has_index;
use super::quote::quote_name;
use crate::catalog::{Catalog, Table};
use crate::change::{Change, Delta, Diff, TableChange};
use crate::dialect::{Resource, Step};
use crate::text::{Ident, QName};

/// How the definition of such an index is told from others.
const ONLY: &str = " ON ONLY ";

/// Whether an index or key of a partitioned table lacks partitions.
pub(super) fn is_partial(table: &Table, name: &Ident) -> bool {
    options(table).incomplete.contains(name)
        || table.indexes.iter().any(|index| index.name == *name && index.definition.contains(ONLY))
}

/// The difference with keys that get or lose partitions told as keys that are made anew, or are left alone where
/// attaching the missing ones does it.
pub(super) fn tell<'d>(mut diff: Cow<'d, Diff>, before: &Catalog) -> Cow<'d, Diff> {
    let mut told = Vec::new();
    for (at, change) in diff.changes.iter().enumerate() {
        let Change::AlterTable(change) = change else { continue };
        let names: BTreeSet<&Ident> = [&change.before, &change.after]
            .into_iter()
            .flat_map(|table| {
                let indexes = table.indexes.iter().map(|index| &index.name);
                let keys = table.constraints.iter().filter(|it| has_index(it));
                indexes.chain(keys.filter_map(|it| it.name.as_ref()))
            })
            .filter(|name| is_partial(&change.before, name) || is_partial(&change.after, name))
            .collect();
        let told_now: Vec<(usize, Ident, Told)> = names
            .into_iter()
            .filter_map(|name| {
                Some((at, name.clone(), telling(change, name, before, &diff.after)?))
            })
            .collect();
        told.extend(told_now);
    }
    for (at, name, telling) in told {
        if let Some(Change::AlterTable(change)) = diff.to_mut().changes.get_mut(at) {
            apply(change, &name, telling);
        }
    }
    diff
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    MadeAnew,
    LeftAlone,
}

fn telling(change: &TableChange, name: &Ident, before: &Catalog, after: &Catalog) -> Option<Told> {
    let table = &change.after.name;
    match (is_partial(&change.before, name), is_partial(&change.after, name)) {
        (true, false) if is_completed(table, name, before, after) => Some(Told::LeftAlone),
        (true, true) if gains_without(table, name, before, after) => Some(Told::MadeAnew),
        (true, true) => None,
        (_, _) => Some(Told::MadeAnew),
    }
}

fn is_linked(table: &Table, name: &Ident) -> bool {
    options(table).inherited.iter().any(|(own, link)| {
        link.parent == *name
            && (table.indexes.iter().any(|index| index.name == *own)
                || table
                    .constraints
                    .iter()
                    .any(|it| it.name.as_ref() == Some(own) && has_index(it)))
    })
}

/// Whether some partition's index is attached by the plan; the last one makes the parent's valid.
fn is_completed(parent: &QName, name: &Ident, before: &Catalog, after: &Catalog) -> bool {
    partitions(after, parent).any(|child| {
        let old = before.tables.get(&child.name);
        is_linked(child, name)
            && old.is_some_and(|old| options(old).is_partition_of(parent) && !is_linked(old, name))
    })
}

/// Whether a partition comes that lacks the index: the engine would give it one.
fn gains_without(parent: &QName, name: &Ident, before: &Catalog, after: &Catalog) -> bool {
    partitions(after, parent).any(|child| {
        let stays = before.tables.get(&child.name).is_some_and(|old| {
            options(old).parents.contains(parent) && options(old).bound == options(child).bound
        });
        !stays && !is_linked(child, name)
    })
}

fn apply(change: &mut TableChange, name: &Ident, told: Told) {
    match told {
        Told::LeftAlone => {
            let is_it = |delta: &Delta<crate::catalog::Index>| matches!(delta, Delta::Alter { after, .. } if after.name == *name);
            change.indexes.retain(|delta| !is_it(delta));
        }
        Told::MadeAnew => {
            let index = |table: &Table| table.indexes.iter().find(|it| it.name == *name).cloned();
            let listed = |delta: &Delta<crate::catalog::Index>| {
                delta.after().or(delta.before()).is_some_and(|it| it.name == *name)
            };
            if let (Some(before), Some(after)) = (index(&change.before), index(&change.after))
                && !change.indexes.iter().any(listed)
            {
                change.indexes.push(Delta::Alter { before, after });
            }
            let key = |table: &Table| {
                table.constraints.iter().find(|it| it.name.as_ref() == Some(name)).cloned()
            };
            let listed = |delta: &Delta<crate::catalog::Constraint>| {
                delta.after().or(delta.before()).is_some_and(|it| it.name.as_ref() == Some(name))
            };
            if let (Some(before), Some(after)) = (key(&change.before), key(&change.after))
                && !change.constraints.iter().any(listed)
            {
                change.constraints.push(Delta::Alter { before, after });
            }
        }
    }
}

/// What must be there before such a key is made: every partition.
pub(super) fn waits_for(table: &Table, name: &Ident, context: &Context<'_>) -> Vec<Resource> {
    if !is_partial(table, name) {
        return Vec::new();
    }
    let children = partitions(context.after(), &table.name);
    children.map(|child| joined_marker(&child.name)).collect()
}

/// Attaches the indexes of partitions to such a key, and to one that is completed.
pub(super) fn attach(context: &Context<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for child in context.after().tables.values() {
        let Some(parent) = options(child).parents.first().filter(|_| options(child).is_partition())
        else {
            continue;
        };
        let Some(parent_table) = context.after().tables.get(parent) else { continue };
        let before = context.before.tables.get(&child.name);
        let stays = super::hierarchy::stays(&child.name, parent, context);
        let own = |name: &Ident| {
            child.indexes.iter().any(|index| index.name == *name)
                || child
                    .constraints
                    .iter()
                    .any(|it| it.name.as_ref() == Some(name) && has_index(it))
        };
        for (name, link) in options(child).inherited.iter().filter(|(name, _)| own(name)) {
            let is_made = comes(parent, &link.parent, context);
            let was =
                stays && before.is_some_and(|before| options(before).inherited.contains_key(name));
            let by_name = match is_partial(parent_table, &link.parent) {
                // All attached ones go when the parent's goes.
                true => is_made || !was,
                // Making it takes in what is there, and so does joining.
                false => !is_made && !was && stays,
            };
            if by_name {
                steps.push(attach_index(child, name, parent, &link.parent));
            }
        }
    }
    steps
}

fn attach_index(child: &Table, name: &Ident, parent: &QName, of: &Ident) -> Step {
    let index = |table: &QName, name: &Ident| {
        quote_name(&QName { schema: table.schema.clone(), name: name.clone() })
    };
    let statement =
        format!("ALTER INDEX {} ATTACH PARTITION {}", index(parent, of), index(&child.name, name));
    step(Action::JoinParent, format!("attach index {name} of {}", child.name), vec![statement])
        .needs([
            Resource::Constraint(child.name.clone(), name.to_string()),
            Resource::Constraint(parent.clone(), of.to_string()),
            joined_marker(&child.name),
        ])
        .makes([attached(&child.name, name)])
}

/// The marker of an index that has been attached.
fn attached(child: &QName, name: &Ident) -> Resource {
    Resource::Constraint(child.clone(), format!("{name} is attached"))
}
