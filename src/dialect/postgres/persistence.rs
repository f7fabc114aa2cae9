//! Tables with and without a write-ahead log. A foreign key of a table with a log must point at one with a log, at
//! every moment: keys that go do so first, keys that come do so last, and in between the tables change in the order
//! of the keys that stay.

use std::collections::{BTreeMap, BTreeSet};

use super::action::{Action, step};
use super::context::Context;
use super::ownership;
use super::parts::{column_sequences, values};
use super::quote::quote_name;
use crate::catalog::{Catalog, ConstraintKind, ForeignKey, Table};
use crate::change::{Change, Diff, TableChange};
use crate::dialect::{Resource, Step};
use crate::text::{Ident, QName};

pub(super) fn is_unlogged(table: &Table) -> bool {
    table.options.of_postgres().is_some_and(|options| options.unlogged)
}

fn changes(change: &TableChange) -> bool {
    is_unlogged(&change.before) != is_unlogged(&change.after)
}

/// The marker of a table that has a log, or none, as it will have.
pub(super) fn settled(table: &QName) -> Resource {
    Resource::Constraint(table.clone(), "whether it has a log".to_owned())
}

/// Sets a table logged or unlogged; its sequences follow it.
pub(super) fn steps(change: &TableChange, context: &Context<'_>) -> Option<Step> {
    if !changes(change) {
        return None;
    }
    let (before, after) = (&change.before, &change.after);
    let word = if is_unlogged(after) { "UNLOGGED" } else { "LOGGED" };
    let mut statements = vec![format!("ALTER TABLE {} SET {word}", quote_name(&after.name))];
    let sequences = after.columns.iter().filter_map(column_sequences);
    let apart = sequences.filter(|it| it.unlogged.is_some_and(|it| it != is_unlogged(after)));
    statements.extend(apart.filter_map(ownership::set_persistence));
    let mut made =
        step(Action::SetLogged, format!("set {} {}", after.name, word.to_lowercase()), statements)
            .needs(values(after))
            .makes([settled(&after.name)]);
    for (holder, key, name) in keys(&context.before) {
        if holder.name != before.name && key.references != before.name {
            continue;
        }
        if goes(holder, name, context) {
            // Who takes the old one away runs before who makes the new one.
            made.order.makes.insert(Resource::Constraint(holder.name.clone(), name.to_string()));
        } else if is_unlogged(after) && key.references == after.name && holder.name != after.name {
            made.order.needs.insert(settled(&holder.name));
        } else if !is_unlogged(after) && holder.name == after.name && key.references != after.name {
            made.order.needs.insert(settled(&key.references));
        }
    }
    Some(made)
}

fn keys(catalog: &Catalog) -> impl Iterator<Item = (&Table, &ForeignKey, &Ident)> {
    catalog.tables.values().flat_map(|holder| {
        holder.constraints.iter().filter_map(move |constraint| match &constraint.kind {
            ConstraintKind::ForeignKey(key) => Some((holder, key, constraint.name.as_ref()?)),
            ConstraintKind::PrimaryKey { .. }
            | ConstraintKind::Unique { .. }
            | ConstraintKind::Check { .. }
            | ConstraintKind::Exclusion => None,
        })
    })
}

/// Whether a foreign key goes at some moment of the plan.
fn goes(holder: &Table, name: &Ident, context: &Context<'_>) -> bool {
    if context.around.constraints.contains(&(holder.name.clone(), name.clone())) {
        return true;
    }
    let find =
        |table: &Table| table.constraints.iter().find(|it| it.name.as_ref() == Some(name)).cloned();
    let after = context.after().tables.get(&holder.name).and_then(find);
    after.is_none_or(|after| find(holder).is_some_and(|before| before.kind != after.kind))
}

/// Foreign keys that stand among tables which change and point at each other in a circle: no order of the tables is
/// right, so the keys must go meanwhile.
pub(super) fn circles(diff: &Diff, before: &Catalog) -> BTreeSet<(QName, Ident)> {
    let changed: BTreeSet<&QName> = diff
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::AlterTable(change) if changes(change) => Some(&change.after.name),
            _ => None,
        })
        .collect();
    if changed.len() < 2 {
        return BTreeSet::new();
    }
    let mut targets: BTreeMap<&QName, BTreeSet<&QName>> = BTreeMap::new();
    for (holder, key, _) in keys(before) {
        if changed.contains(&holder.name)
            && changed.contains(&key.references)
            && holder.name != key.references
        {
            targets.entry(&holder.name).or_default().insert(&key.references);
        }
    }
    let reaches = |from: &QName, to: &QName| {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at.clone()) {
                open.extend(targets.get(at).into_iter().flatten().copied());
            }
        }
        false
    };
    let circular = keys(before).filter(|(holder, key, _)| {
        targets.get(&holder.name).is_some_and(|targets| targets.contains(&key.references))
            && reaches(&key.references, &holder.name)
    });
    circular.map(|(holder, _, name)| (holder.name.clone(), name.clone())).collect()
}
