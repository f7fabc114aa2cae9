//! Constraints and indexes of tables that stay.

use std::collections::BTreeSet;

use super::action::{Action, all, step};
use super::context::{Context, columns, has_index, keys, slot, values};
use super::render;
use crate::catalog::{Constraint, ConstraintKind, Index, Table};
use crate::change::TableChange;
use crate::dialect::{Lock, Resource, Step};

/// The steps for what differs in one table.
pub(super) fn steps(change: &TableChange, context: &Context<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for delta in &change.constraints {
        steps.extend(
            delta.before().and_then(|constraint| drop(&change.before, constraint, context)),
        );
        steps.extend(delta.after().map(|constraint| add(&change.after, constraint, context)));
    }
    for delta in &change.indexes {
        steps.extend(delta.before().map(|index| drop_index(&change.before, index, context)));
        steps.extend(delta.after().map(|index| create_index(&change.after, index, context)));
    }
    steps
}

/// The steps for what stays the same and must be made again.
pub(super) fn around(context: &Context<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for (table, name) in &context.around.constraints {
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
        steps.extend(find(after).map(|constraint| add(after, &constraint, context)));
    }
    for (table, name) in &context.around.indexes {
        let (Some(before), Some(after)) =
            (context.before.tables.get(table), context.after().tables.get(table))
        else {
            continue;
        };
        let find = |table: &Table| table.indexes.iter().find(|index| index.name == *name).cloned();
        steps.extend(find(before).map(|index| drop_index(before, &index, context)));
        steps.extend(find(after).map(|index| create_index(after, &index, context)));
    }
    steps
}

/// A constraint on a table that exists by then.
pub(super) fn add(table: &Table, constraint: &Constraint, context: &Context<'_>) -> Step {
    let name = &table.name;
    let label =
        constraint.name.as_ref().map_or_else(|| constraint.definition.clone(), ToString::to_string);
    let is_new = context.new_tables.contains(name);
    let trusted = constraint.definition.ends_with(" NOT VALID");
    let (action, word) = match &constraint.kind {
        ConstraintKind::PrimaryKey { .. } => (Action::AddUnique, "primary key"),
        ConstraintKind::Unique { .. } => (Action::AddUnique, "unique constraint"),
        ConstraintKind::Check { .. } => (Action::AddCheck, "check"),
        ConstraintKind::Exclusion => (Action::AddExclusion, "exclusion constraint"),
        ConstraintKind::ForeignKey(_) => (Action::AddForeignKey, "foreign key"),
    };
    let mut made = step(
        action,
        format!("add {word} {label} to {name}"),
        vec![render::add_constraint(name, constraint)],
    )
    .needs([Resource::Table(name.clone())])
    .needs(all([columns(table), values(table)]))
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
            if let Some(other) = context.after().tables.get(&key.references) {
                made = made.needs([Resource::Table(other.name.clone())]).needs(all([
                    columns(other),
                    values(other),
                    keys(other),
                ]));
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

fn drop(table: &Table, constraint: &Constraint, context: &Context<'_>) -> Option<Step> {
    let label = constraint.name.as_ref()?;
    let name = &table.name;
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

/// The name that a constraint's index occupies.
fn index_slot(table: &Table, constraint: &Constraint) -> Option<Resource> {
    let name = constraint.name.as_ref().filter(|_| has_index(constraint))?;
    Some(slot(&table.name.schema, name))
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
