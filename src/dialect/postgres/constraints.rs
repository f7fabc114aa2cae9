//! Constraints and indexes of tables that stay.

use std::collections::BTreeSet;

use super::action::{Action, all, step};
use super::context::Context;
use super::parts::{columns, has_index, keys, slot, values};
use super::{hierarchy, in_place, online, paged, partial, persistence, render, twins};
use crate::catalog::{Constraint, ConstraintKind, Index, Table};
use crate::change::{Delta, TableChange};
use crate::dialect::{Lock, Resource, Step};
use crate::text::{Ident, QName};

/// The steps for what differs in one table.
pub(super) fn steps(change: &TableChange, context: &Context<'_>) -> Vec<Step> {
    let table = &change.after.name;
    let mut steps = Vec::new();
    for delta in &change.constraints {
        if is_around(table, delta.before().and_then(|it| it.name.as_ref()), context) {
            continue;
        }
        if let Delta::Alter { before, after } = delta
            && let Some(altered) = in_place::constraint(&change.after, before, after, context)
        {
            steps.extend(altered);
            continue;
        }
        let dropped = delta.before().and_then(|it| drop(&change.before, it, context));
        if let (Delta::Alter { before, after }, Some(dropped)) = (delta, &dropped)
            && let Some(plain) = add_own(&change.after, after, context)
            && let Some(replaced) =
                online::replace_check(change, (before, after), (dropped, plain), context)
        {
            steps.extend(replaced);
            continue;
        }
        steps.extend(dropped);
        if let Delta::Add(constraint) = delta {
            let plain = add_own(&change.after, constraint, context);
            steps.extend(
                plain
                    .into_iter()
                    .flat_map(|it| online::add(&change.after, constraint, it, context)),
            );
            continue;
        }
        steps.extend(delta.after().and_then(|it| add_own(&change.after, it, context)));
    }
    for delta in &change.indexes {
        if is_around(table, delta.before().map(|index| &index.name), context) {
            continue;
        }
        if let Delta::Alter { before, after } = delta
            && let Some(altered) = in_place::index(&change.after, before, after, context)
        {
            steps.push(altered);
            continue;
        }
        let drop = delta.before().and_then(|index| drop_own(&change.before, index, context));
        let create = delta.after().map(|index| create_index(&change.after, index, context));
        let tables = (&change.before, &change.after);
        steps.extend(online::index(tables, delta, (drop, create), context));
    }
    steps
}

/// Whether something is dropped and made again around other changes.
fn is_around(table: &QName, name: Option<&Ident>, context: &Context<'_>) -> bool {
    name.is_some_and(|name| {
        let key = (table.clone(), name.clone());
        context.around.constraints.contains(&key) || context.around.indexes.contains(&key)
    })
}

/// A constraint that is not made with the one of a parent.
pub(super) fn add_own(
    table: &Table,
    constraint: &Constraint,
    context: &Context<'_>,
) -> Option<Step> {
    let arrives = hierarchy::arrives(&table.name, constraint, context);
    if !arrives {
        return Some(add(table, constraint, context));
    }
    // A check that the parent does not vouch for may be valid here.
    let name = constraint.name.as_ref()?;
    let (parent, key) = hierarchy::origin(table, name, context)?;
    let trusts = |definition: &str| definition.ends_with(" NOT VALID");
    (trusts(&key.definition) && !trusts(&constraint.definition)).then(|| {
        let statement = format!(
            "ALTER TABLE {} VALIDATE CONSTRAINT {}",
            super::quote::quote_name(&table.name),
            super::quote::quote_ident(name)
        );
        step(Action::AddCheck, format!("validate {name} of {}", table.name), vec![statement])
            .needs(all([columns(table), values(table)]))
            .needs([Resource::Constraint(parent.clone(), name.to_string())])
    })
}

/// An index that does not go with the one of a parent.
fn drop_own(table: &Table, index: &Index, context: &Context<'_>) -> Option<Step> {
    let goes = hierarchy::cascades(&table.name, &index.name, context);
    (!goes).then(|| drop_index(table, index, context))
}

/// Whether the change of a table itself makes a key or index anew.
fn is_listed(table: &QName, name: &Ident, context: &Context<'_>) -> bool {
    let change = context.changes.get(table).copied();
    hierarchy::cascades(table, name, context)
        || context.around.rebuilt_tables.contains(table)
        || change.is_some_and(|change| hierarchy::lists(change, name))
}

/// The steps for what stays the same and must be made again.
pub(super) fn around(context: &Context<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let twins: BTreeSet<(QName, Ident)> = context
        .after()
        .tables
        .keys()
        .flat_map(|table| {
            twins::remade(table, context).into_iter().map(move |name| (table.clone(), name))
        })
        .filter(|(table, name)| !is_listed(table, name, context))
        .collect();
    for (table, name) in context.around.constraints.union(&twins) {
        let (Some(before), Some(after)) =
            (context.before.tables.get(table), context.after().tables.get(table))
        else {
            continue;
        };
        let find = |table: &Table| {
            table
                .constraints
                .iter()
                .find(|constraint| constraint.name.as_ref() == Some(name))
                .cloned()
        };
        steps.extend(find(before).and_then(|constraint| drop(before, &constraint, context)));
        steps.extend(find(after).and_then(|constraint| add_own(after, &constraint, context)));
    }
    for (table, name) in context.around.indexes.union(&twins) {
        let (Some(before), Some(after)) =
            (context.before.tables.get(table), context.after().tables.get(table))
        else {
            continue;
        };
        let find = |table: &Table| table.indexes.iter().find(|index| index.name == *name).cloned();
        steps.extend(find(before).and_then(|index| drop_own(before, &index, context)));
        steps.extend(find(after).map(|index| create_index(after, &index, context)));
    }
    steps.extend(cascaded(context));
    steps
}

/// What goes with a parent's and yet stays is made again.
fn cascaded(context: &Context<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let heirs =
        context.after().tables.values().filter(|it| !hierarchy::options(it).parents.is_empty());
    for table in heirs {
        let listed = |name: &Ident| {
            let change = context.changes.get(&table.name);
            let key = (table.name.clone(), name.clone());
            context.around.constraints.contains(&key)
                || context.around.indexes.contains(&key)
                || change.is_some_and(|change| hierarchy::lists(change, name))
        };
        let goes = |name: &Ident| hierarchy::cascades(&table.name, name, context) && !listed(name);
        for constraint in &table.constraints {
            if constraint.name.as_ref().is_some_and(goes) {
                steps.extend(add_own(table, constraint, context));
            }
        }
        for index in table.indexes.iter().filter(|index| goes(&index.name)) {
            steps.push(create_index(table, index, context));
        }
    }
    steps
}

/// What must be done with the parents and partitions of a table before one of its keys is made.
fn waits_for(table: &Table, name: &Ident, context: &Context<'_>) -> BTreeSet<Resource> {
    let mut waits = twins::waits_for(table, name, context);
    waits.extend(partial::waits_for(table, name, context));
    waits
}

/// Whether a constraint is written inside CREATE TABLE.
pub(super) fn stands_in_create(
    table: &Table,
    constraint: &Constraint,
    context: &Context<'_>,
) -> bool {
    let waits = |name: &Ident| {
        partial::is_partial(table, name) || !waits_for(table, name, context).is_empty()
    };
    let is_exclusion = matches!(constraint.kind, ConstraintKind::Exclusion);
    let arrives = is_exclusion && hierarchy::arrives(&table.name, constraint, context);
    render::stands_in_create(constraint)
        && !arrives
        && !has_twin(table, constraint)
        && !constraint.name.as_ref().is_some_and(waits)
}

/// Of two keys over the same columns, CREATE TABLE leaves one out. Source: `transformIndexConstraints` of PostgreSQL.
fn has_twin(table: &Table, constraint: &Constraint) -> bool {
    let columns = |constraint: &Constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns } => {
            Some(columns.clone())
        }
        ConstraintKind::Check { .. }
        | ConstraintKind::ForeignKey(_)
        | ConstraintKind::Exclusion => None,
    };
    matches!(constraint.kind, ConstraintKind::Unique { .. })
        && table
            .constraints
            .iter()
            .any(|other| other.name != constraint.name && columns(other) == columns(constraint))
}

/// A constraint on a table that exists by then.
pub(super) fn add(table: &Table, constraint: &Constraint, context: &Context<'_>) -> Step {
    let name = &table.name;
    let label =
        constraint.name.as_ref().map_or_else(|| constraint.definition.clone(), ToString::to_string);
    let is_new = context.new_tables.contains(name);
    let trusted = in_place::is_unchecked(constraint);
    let (action, word) = match &constraint.kind {
        ConstraintKind::PrimaryKey { .. } => (Action::AddUnique, "primary key"),
        ConstraintKind::Unique { .. } => (Action::AddUnique, "unique constraint"),
        ConstraintKind::Check { .. } => (Action::AddCheck, "check"),
        ConstraintKind::Exclusion => (Action::AddExclusion, "exclusion constraint"),
        ConstraintKind::ForeignKey(_) => (Action::AddForeignKey, "foreign key"),
    };
    let mut statement = render::add_constraint(name, constraint);
    if constraint.name.as_ref().is_some_and(|it| partial::is_partial(table, it)) {
        statement = statement.replacen("ALTER TABLE ", "ALTER TABLE ONLY ", 1);
    }
    let mut made = step(action, format!("add {word} {label} to {name}"), vec![statement])
        .needs(constraint.name.iter().flat_map(|it| waits_for(table, it, context)))
        .needs([Resource::Table(name.clone())])
        .needs(all([columns(table), values(table)]))
        .needs(paged::all_written_in(table))
        .needs(context.made_in([constraint.definition.as_str()]))
        .makes([Resource::Constraint(name.clone(), label)])
        .makes(index_slot(table, constraint));
    if trusted {
        made = made.work(crate::dialect::Work::Catalog);
    }
    match &constraint.kind {
        ConstraintKind::ForeignKey(key) => {
            let other_is_new = context.new_tables.contains(&key.references);
            if is_new && (other_is_new || key.references == *name) {
                made = made.lock(Lock::None);
            }
            made = made.needs([name, &key.references].map(persistence::settled));
            // Rows that point, and rows that are pointed at, come in with the partitions that join.
            made = made
                .needs(hierarchy::partitions_joined(name, context))
                .needs(hierarchy::partitions_joined(&key.references, context));
            if let Some(other) = context.after().tables.get(&key.references) {
                made = made
                    .needs([Resource::Table(other.name.clone())])
                    .needs(all([columns(other), values(other), keys(other)]))
                    .needs(paged::all_written_in(other));
            }
            made
        }
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion
            if is_new =>
        {
            made.lock(Lock::None)
        }
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion => made,
    }
}

pub(super) fn drop(table: &Table, constraint: &Constraint, context: &Context<'_>) -> Option<Step> {
    let label = constraint.name.as_ref()?;
    let name = &table.name;
    if hierarchy::cascades(name, label, context) {
        return None;
    }
    let action = match &constraint.kind {
        ConstraintKind::ForeignKey(_) => Action::DropForeignKey,
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion => Action::DropConstraint,
    };
    let mut frees: BTreeSet<Resource> = all([columns(table), values(table)]);
    frees.extend(context.taken_in([constraint.definition.as_str()]));
    if let ConstraintKind::ForeignKey(key) = &constraint.kind
        && let Some(other) = context.before.tables.get(&key.references)
    {
        frees.insert(Resource::Table(other.name.clone()));
        frees.extend(all([columns(other), values(other), keys(other)]));
        // A key that points into its own table does not hold itself back.
        frees.remove(&Resource::Constraint(name.clone(), label.to_string()));
    }
    Some(
        step(
            action,
            format!("drop constraint {label} of {name}"),
            vec![render::drop_constraint(name, label)],
        )
        .frees(frees)
        .takes([Resource::Constraint(name.clone(), label.to_string())])
        .takes(index_slot(table, constraint)),
    )
}

/// The place of the primary key of a table.
pub(super) fn key_itself(table: &QName) -> Resource {
    Resource::Constraint(table.clone(), "the primary key itself".to_owned())
}

/// What a constraint occupies: the name of its index, and a table has one primary key.
fn index_slot(table: &Table, constraint: &Constraint) -> Vec<Resource> {
    let mut slots = Vec::new();
    if let Some(name) = constraint.name.as_ref().filter(|_| has_index(constraint)) {
        slots.push(slot(&table.name.schema, name));
    }
    if matches!(constraint.kind, ConstraintKind::PrimaryKey { .. }) {
        slots.push(key_itself(&table.name));
    }
    slots
}

pub(super) fn create_index(table: &Table, index: &Index, context: &Context<'_>) -> Step {
    let name = &table.name;
    let made = step(
        Action::CreateIndex,
        format!("create index {} on {name}", index.name),
        vec![render::create_index(index)],
    )
    .needs([Resource::Table(name.clone())])
    .needs(all([columns(table), values(table)]))
    .needs(waits_for(table, &index.name, context))
    .needs(context.made_in([index.definition.as_str()]))
    .makes([Resource::Constraint(name.clone(), index.name.to_string())])
    .makes([slot(&name.schema, &index.name)]);
    if context.new_tables.contains(name) { made.lock(Lock::None) } else { made }
}

fn drop_index(table: &Table, index: &Index, context: &Context<'_>) -> Step {
    let name = &table.name;
    step(
        Action::DropIndex,
        format!("drop index {} of {name}", index.name),
        vec![render::drop_index(name, &index.name)],
    )
    .frees(all([columns(table), values(table)]))
    .frees(context.taken_in([index.definition.as_str()]))
    .takes([Resource::Constraint(name.clone(), index.name.to_string())])
    .takes([slot(&name.schema, &index.name)])
}
