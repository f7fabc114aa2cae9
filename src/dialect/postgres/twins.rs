//! Indexes of a partition that the engine cannot tell apart: when the partition is attached, or its parent gets an
//! index, the engine takes in the oldest one that is alike. The one that is meant is made before, its twins after.

use std::collections::BTreeSet;

use super::context::Context;
use super::hierarchy::{comes, joined, joined_marker, options, partitions};
use super::parts::has_index;
use crate::catalog::{Constraint, Index, Table};
use crate::dialect::{LowerError, Resource};
use crate::text::{Ident, QName};

/// What must be there before an index or key of a table is made, because a parent takes in another that is alike.
pub(super) fn waits_for(table: &Table, name: &Ident, context: &Context<'_>) -> BTreeSet<Resource> {
    let mut waits = BTreeSet::new();
    let links = taken_in(table, context);
    for (link, marker) in links.iter().filter(|(link, _)| link != name) {
        if !alike(table, link, name, context) {
            continue;
        }
        if !options(table).inherited.contains_key(name) {
            waits.insert(marker.clone());
        } else if is_second(table, link, name, context) {
            // Both are meant: the older one is taken in by the first of the parent's that can have it.
            waits.insert(Resource::Constraint(table.name.clone(), link.to_string()));
        }
    }
    waits.extend(siblings(table, name, context));
    waits
}

/// Whether of two indexes that both belong to a parent's this one must be made second.
fn is_second(table: &Table, first: &Ident, second: &Ident, context: &Context<'_>) -> bool {
    if alike(table, second, first, context) { second > first } else { true }
}

/// Indexes of a table that must be older than one of its own, so that they find those of partitions in order.
fn siblings(table: &Table, name: &Ident, context: &Context<'_>) -> BTreeSet<Resource> {
    let mut waits = BTreeSet::new();
    if options(table).partition_by.is_none() {
        return waits;
    }
    for child in partitions(context.after(), &table.name) {
        let own = |parent: &Ident| {
            options(child).inherited.iter().find(|(_, link)| link.parent == *parent).map(|it| it.0)
        };
        let Some(mine) = own(name) else { continue };
        let others = options(child).inherited.iter().filter(|(other, _)| *other != mine);
        for (other, link) in others {
            if alike(child, other, mine, context)
                && alike(child, mine, other, context)
                && mine > other
            {
                waits.insert(Resource::Constraint(table.name.clone(), link.parent.to_string()));
            }
        }
    }
    waits
}

/// Indexes and keys that stay the same and must go meanwhile, lest they are taken in.
pub(super) fn remade(table: &QName, context: &Context<'_>) -> BTreeSet<Ident> {
    let (Some(before), Some(after)) =
        (context.before.tables.get(table), context.after().tables.get(table))
    else {
        return BTreeSet::new();
    };
    if options(after).inherited.is_empty() || context.around.rebuilt_tables.contains(table) {
        return BTreeSet::new();
    }
    let stands = |name: &Ident| shape(before, name).is_some();
    let names = after.indexes.iter().map(|index| &index.name);
    let keys =
        after.constraints.iter().filter(|it| has_index(it)).filter_map(|it| it.name.as_ref());
    names
        .chain(keys)
        .filter(|name| stands(name) && waits_in_child(after, name, context))
        .cloned()
        .collect()
}

fn waits_in_child(table: &Table, name: &Ident, context: &Context<'_>) -> bool {
    let links = taken_in(table, context);
    links.iter().any(|(link, _)| {
        let is_linked = options(table).inherited.contains_key(name);
        link != name
            && alike(table, link, name, context)
            && (!is_linked || is_second(table, link, name, context))
    })
}

/// The marker of a table whose indexes that could be mixed up are gone.
pub(super) fn cleared(table: &QName) -> Resource {
    Resource::Constraint(table.clone(), "its twins are gone".to_owned())
}

/// Indexes of a table that a parent takes in during this plan, and what says that it has.
fn taken_in(table: &Table, context: &Context<'_>) -> Vec<(Ident, Resource)> {
    let inherited = &options(table).inherited;
    if inherited.is_empty() {
        return Vec::new();
    }
    let joins = !joined(&table.name, context).is_empty();
    let parents = &options(table).parents;
    let links = inherited.iter().filter(|(name, _)| shape(table, name).is_some());
    links
        .filter_map(|(name, link)| {
            if joins {
                return Some((name.clone(), joined_marker(&table.name)));
            }
            let parent = parents.iter().find(|parent| comes(parent, &link.parent, context))?;
            Some((name.clone(), Resource::Constraint(parent.clone(), link.parent.to_string())))
        })
        .collect()
}

/// What the engine compares, but for the kind of constraint. Source: `CompareIndexInfo`.
fn shape(table: &Table, name: &Ident) -> Option<String> {
    let index = table.indexes.iter().find(|index| index.name == *name);
    let key = table.constraints.iter().find(|it| it.name.as_ref() == Some(name) && has_index(it));
    match (index, key) {
        (Some(index), _) => Some(shape_of_index(index)),
        (None, Some(key)) => Some(shape_of_key(key)),
        (None, None) => None,
    }
}

fn shape_of_index(index: &Index) -> String {
    let text = index.definition.split_once(" USING ").map_or("", |(_, rest)| rest);
    // Order and the place of NULLs do not count.
    let text = [" DESC", " ASC", " NULLS FIRST", " NULLS LAST"]
        .iter()
        .fold(text.to_owned(), |text, word| text.replace(word, ""));
    format!("{} {text}", index.unique)
}

fn shape_of_key(key: &Constraint) -> String {
    let text =
        ["PRIMARY KEY ", "UNIQUE "].iter().find_map(|word| key.definition.strip_prefix(word));
    match text {
        Some(text) => {
            let ends = [" WITH (", " DEFERRABLE"].map(|word| text.find(word));
            let text = &text[..ends.into_iter().flatten().min().unwrap_or(text.len())];
            let distinct = text.strip_prefix("NULLS NOT DISTINCT ");
            let after = if distinct.is_some() { " NULLS NOT DISTINCT" } else { "" };
            format!("true btree {}{after}", distinct.unwrap_or(text))
        }
        None => key.definition.clone(),
    }
}

/// Whether the engine could take in `other` where `link` is meant.
fn alike(table: &Table, link: &Ident, other: &Ident, context: &Context<'_>) -> bool {
    let (Some(left), Some(right)) = (shape(table, link), shape(table, other)) else { return false };
    // The parent's constraint takes in constraints only.
    let parent = options(table).inherited.get(link).map(|link| &link.parent);
    let of_constraint = options(table).parents.iter().any(|name| {
        context.after().tables.get(name).is_some_and(|parent_table| {
            parent_table.constraints.iter().any(|it| it.name.as_ref() == parent && has_index(it))
        })
    });
    let is_constraint = table.constraints.iter().any(|it| it.name.as_ref() == Some(other));
    left == right && (is_constraint || !of_constraint)
}

/// Refuses what the engine would decide by the age of indexes.
///
/// # Errors
/// Two indexes that are alike and belong to two of the parent.
pub(super) fn check(child: &QName, context: &Context<'_>) -> Result<(), LowerError> {
    let Some(table) = context.after().tables.get(child) else { return Ok(()) };
    let links = taken_in(table, context);
    for (at, (link, _)) in links.iter().enumerate() {
        let is_ordered = |name: &Ident| {
            let link = &options(table).inherited[name];
            options(table).parents.iter().any(|parent| comes(parent, &link.parent, context))
        };
        let twin = links[at + 1..].iter().find(|(other, _)| {
            alike(table, link, other, context)
                && alike(table, other, link, context)
                && !(is_ordered(link) && is_ordered(other))
        });
        if let Some((twin, _)) = twin {
            return Err(LowerError {
                what: format!("table {child}"),
                why: format!(
                    "its indexes `{link}` and `{twin}` are alike and belong to two indexes of its parent"
                ),
                help: format!("drop `{twin}` first: one of the two is enough"),
            });
        }
    }
    Ok(())
}
