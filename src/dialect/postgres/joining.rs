//! The steps that part and join tables, and what they and the others wait for.

use std::collections::BTreeSet;

use super::action::{Action, step};
use super::context::Context;
use super::hierarchy::{arrives, joined, left, lists, options, parents, partitions, stays};
use super::numbers;
use super::parts::{columns, slot, values};
use super::quote::quote_name;
use crate::catalog::{Catalog, ConstraintKind, Table};
use crate::dialect::{LowerError, Resource, Step};
use crate::text::{Ident, QName};

/// A default or NOT NULL of a column is as it will be, in the children too.
pub(super) fn settled(table: &QName, column: &Ident) -> Resource {
    Resource::Constraint(table.clone(), format!("what is set on {column}"))
}

/// The marker of a table whose columns that go are gone.
fn fewer_columns(table: &QName) -> Resource {
    Resource::Constraint(table.clone(), "its columns are gone".to_owned())
}

/// The marker of a table whose keys that go are gone.
fn fewer_keys(table: &QName) -> Resource {
    Resource::Constraint(table.clone(), "its keys are gone".to_owned())
}

/// The marker of a table that has left a parent.
pub(super) fn parted(child: &QName) -> Resource {
    Resource::Constraint(child.clone(), "it has left its parent".to_owned())
}

/// The marker of a table that nothing points at any more.
fn released(parent: &QName) -> Resource {
    Resource::Constraint(parent.clone(), "nothing points at it".to_owned())
}

/// The marker of a table whose foreign keys into other trees that lose partitions are gone.
fn unpointing(child: &QName) -> Resource {
    Resource::Constraint(child.clone(), "it points at no tree that is let apart".to_owned())
}

/// A partitioned table, what it is a partition of, and all partitions of these.
pub(super) fn tree_of(table: &QName, catalog: &Catalog) -> BTreeSet<QName> {
    let mut tree = BTreeSet::from([table.clone()]);
    let mut top = table;
    while let Some(up) = parents(catalog, top).first() {
        top = up;
        tree.insert(up.clone());
    }
    loop {
        let below: Vec<QName> = catalog
            .tables
            .values()
            .filter(|it| options(it).is_partition() && !tree.contains(&it.name))
            .filter(|it| options(it).parents.iter().any(|parent| tree.contains(parent)))
            .map(|it| it.name.clone())
            .collect();
        if below.is_empty() {
            return tree;
        }
        tree.extend(below);
    }
}

/// Whether a step drops a foreign key that points into a tree of partitions.
fn drops_reference(step: &Step, tree: &BTreeSet<QName>, context: &Context<'_>) -> bool {
    step.order.takes.iter().any(|taken| match taken {
        Resource::Constraint(holder, name) => {
            let table = context.before.tables.get(holder);
            table.into_iter().flat_map(|table| &table.constraints).any(|it| match &it.kind {
                ConstraintKind::ForeignKey(key) => {
                    it.name.as_ref().is_some_and(|it| it.as_str() == name)
                        && tree.contains(&key.references)
                        && context.before.tables.contains_key(holder)
                        && !step.order.takes.contains(&Resource::Table(holder.clone()))
                }
                ConstraintKind::PrimaryKey { .. }
                | ConstraintKind::Unique { .. }
                | ConstraintKind::Check { .. }
                | ConstraintKind::Exclusion => false,
            })
        }
        _ => false,
    })
}

/// Tables of all trees of partitions that lose one, for a moment or for good.
pub(super) fn let_apart(context: &Context<'_>) -> BTreeSet<QName> {
    let children = context.before.tables.values().filter(|it| options(it).is_partition());
    children
        .flat_map(|child| left(&child.name, context))
        .flat_map(|parent| tree_of(parent, &context.before))
        .collect()
}

/// Foreign keys that stay and point at partitioned tables whose partitions leave for a moment or exchange rows: they
/// go meanwhile, for the engine would refuse to let rows go that are pointed at.
pub(super) fn references_to_free(context: &Context<'_>) -> BTreeSet<(QName, Ident)> {
    let mut trees = BTreeSet::new();
    for child in context.after().tables.values().filter(|it| options(it).is_partition()) {
        for parent in &options(child).parents {
            let before = context.before.tables.get(&child.name);
            let was = before.is_some_and(|before| options(before).parents.contains(parent));
            let has_default = || {
                let siblings = context.before.tables.values();
                siblings
                    .filter(|it| options(it).parents.contains(parent))
                    .any(|it| options(it).bound.as_deref() == Some("DEFAULT"))
            };
            if was && !stays(&child.name, parent, context) || !was && has_default() {
                trees.extend(tree_of(parent, &context.before));
            }
        }
    }
    for child in context.before.tables.values().filter(|it| options(it).is_partition()) {
        // Rows of a table that goes with them are no longer there to be pointed at.
        let stands = context.after().tables.contains_key(&child.name);
        if stands || context.direction == crate::dialect::Direction::Down {
            let parents = left(&child.name, context);
            trees.extend(parents.into_iter().flat_map(|parent| tree_of(parent, &context.before)));
        }
    }
    if trees.is_empty() {
        return BTreeSet::new();
    }
    let mut found = BTreeSet::new();
    for holder in context.before.tables.values() {
        let Some(after) = context.after().tables.get(&holder.name) else { continue };
        for constraint in &holder.constraints {
            let (ConstraintKind::ForeignKey(key), Some(name)) =
                (&constraint.kind, &constraint.name)
            else {
                continue;
            };
            let stands = after.constraints.iter().any(|it| it.name.as_ref() == Some(name));
            let is_own = !options(holder).inherited.contains_key(name);
            let listed = context.changes.get(&holder.name).is_some_and(|it| lists(it, name));
            if trees.contains(&key.references)
                && stands
                && is_own
                && !listed
                && !context.around.rebuilt_tables.contains(&holder.name)
            {
                found.insert((holder.name.clone(), name.clone()));
            }
        }
    }
    found
}

/// The marker of a table that has joined its parents.
pub(super) fn joined_marker(child: &QName) -> Resource {
    Resource::Constraint(child.clone(), "it has joined its parent".to_owned())
}

/// The markers of all partitions that a table will have.
pub(super) fn partitions_joined(parent: &QName, context: &Context<'_>) -> Vec<Resource> {
    partitions(context.after(), parent)
        .flat_map(|child| {
            let below = partitions_joined(&child.name, context);
            below.into_iter().chain([joined_marker(&child.name)])
        })
        .collect()
}

/// Adds the steps that part and join tables, and tells the order of the others what parents do to children.
///
/// # Errors
/// A table that joins a parent with two indexes of which either could be taken in.
pub(super) fn finish(mut steps: Vec<Step>, context: &Context<'_>) -> Result<Vec<Step>, LowerError> {
    mirror(&mut steps, context);
    steps.extend(super::partial::attach(context));
    clear_twins(&mut steps, context);
    let names: BTreeSet<&QName> =
        context.before.tables.keys().chain(context.after().tables.keys()).collect();
    let mut joins = Vec::new();
    for child in &names {
        super::twins::check(child, context)?;
        for parent in joined(child, context) {
            joins.push((join(child, parent, context), (*child).clone(), parent.clone()));
        }
    }
    for (made, child, parent) in &mut joins {
        // The columns that the parent loses, the child has not.
        let has = |column: &Ident| {
            context.after().tables.get(parent).is_some_and(|table| table.column(column).is_some())
        };
        for step in &mut steps {
            let drops = step.order.takes.iter().any(|taken| match taken {
                Resource::Column(table, column) => table == parent && !has(column),
                _ => false,
            });
            if drops {
                step.order.makes.insert(fewer_columns(parent));
                made.order.needs.insert(fewer_columns(parent));
            }
            // A partition may have no columns but its parent's.
            let own = context.after().tables.get(child);
            let drops_own = step.order.takes.iter().any(|taken| match taken {
                Resource::Column(table, column) => {
                    table == child && own.is_some_and(|own| own.column(column).is_none())
                }
                _ => false,
            });
            if drops_own {
                step.order.makes.insert(fewer_columns(child));
                made.order.needs.insert(fewer_columns(child));
            }
        }
        // What the two lose goes before they join.
        for step in &mut steps {
            for table in [&*child, &*parent] {
                let drops = step.order.takes.iter().any(|taken| match taken {
                    Resource::Constraint(of, _) => of == table,
                    _ => false,
                });
                if drops && !step.order.needs.contains(&joined_marker(child)) {
                    step.order.makes.insert(fewer_keys(table));
                    made.order.needs.insert(fewer_keys(table));
                }
            }
        }
        made.order.needs.extend(super::not_null::renamed(parent, context));
        let own = steps.iter().filter(|step| !step.order.needs.contains(&joined_marker(child)));
        let makes = own.flat_map(|step| &step.order.makes);
        made.order.needs.extend(makes.filter(|it| table_of(it) == Some(child)).cloned());
    }
    steps.extend(joins.into_iter().map(|(step, _, _)| step));
    let moves = super::moves::all(context);
    super::moves::add(&mut steps, &moves, context);
    let mut parts = Vec::new();
    for child in &names {
        for parent in left(child, context) {
            let tree = tree_of(parent, &context.before);
            for step in &mut steps {
                if drops_reference(step, &tree, context) {
                    // The engine looks whether rows of the child are pointed at.
                    step.order.makes.insert(released(parent));
                    continue;
                }
                if drops_reference(step, &context.let_apart, context) {
                    // It goes before what it points at is let apart, and takes those of the partitions along.
                    step.order.makes.insert(unpointing(child));
                    continue;
                }
                let order = &step.order;
                let sets = [&order.needs, &order.makes, &order.frees, &order.takes];
                let touches = sets.iter().any(|set| {
                    set.iter().any(|it| table_of(it) == Some(child) || table_of(it) == Some(parent))
                });
                if touches && !order.makes.contains(&Resource::Renames) {
                    step.order.needs.insert(parted(child));
                }
            }
            parts.push(part(child, parent, context));
        }
    }
    steps.extend(parts);
    Ok(steps)
}

/// Indexes that could be taken in by mistake go before the parent gets one of its own.
fn clear_twins(steps: &mut [Step], context: &Context<'_>) {
    for child in context.after().tables.values() {
        let remade = super::twins::remade(&child.name, context);
        if remade.is_empty() {
            continue;
        }
        let key =
            |table: &QName, name: &Ident| Resource::Constraint(table.clone(), name.to_string());
        let twins: Vec<Resource> = remade.iter().map(|name| key(&child.name, name)).collect();
        let links = options(child).inherited.values();
        let parents = &options(child).parents;
        let of_parents: Vec<Resource> = links
            .flat_map(|link| parents.iter().map(move |parent| key(parent, &link.parent)))
            .collect();
        for step in steps.iter_mut() {
            if twins.iter().any(|twin| step.order.takes.contains(twin)) {
                step.order.makes.insert(super::twins::cleared(&child.name));
            }
            if of_parents.iter().any(|of| step.order.makes.contains(of)) {
                step.order.needs.insert(super::twins::cleared(&child.name));
            }
        }
    }
}

pub(super) fn table_of(resource: &Resource) -> Option<&QName> {
    match resource {
        Resource::Table(table)
        | Resource::Column(table, _)
        | Resource::Constraint(table, _)
        | Resource::Values(table, _) => Some(table),
        Resource::Schema(_)
        | Resource::Enum(_)
        | Resource::Kept(_)
        | Resource::Opaque(_)
        | Resource::Renames => None,
    }
}

fn part(child: &QName, parent: &QName, context: &Context<'_>) -> Step {
    let is_partition =
        context.before.tables.get(child).is_some_and(|table| options(table).is_partition());
    let (child_name, parent_name) = (quote_name(child), quote_name(parent));
    let (title, statement) = if is_partition {
        (
            format!("detach {child} from {parent}"),
            format!("ALTER TABLE {parent_name} DETACH PARTITION {child_name}"),
        )
    } else {
        (
            format!("end inheritance of {child} from {parent}"),
            format!("ALTER TABLE {child_name} NO INHERIT {parent_name}"),
        )
    };
    step(Action::LeaveParent, title, vec![statement])
        .needs([released(parent), unpointing(child)])
        .makes([parted(child)])
}

fn join(child: &QName, parent: &QName, context: &Context<'_>) -> Step {
    let (child_name, parent_name) = (quote_name(child), quote_name(parent));
    let table = context.after().tables.get(child);
    let bound = table.and_then(|table| options(table).bound.as_ref());
    let (title, statement) = match bound {
        Some(bound) => (
            format!("attach {child} to {parent}"),
            format!("ALTER TABLE {parent_name} ATTACH PARTITION {child_name} {bound}"),
        ),
        None => (
            format!("let {child} inherit from {parent}"),
            format!("ALTER TABLE {child_name} INHERIT {parent_name}"),
        ),
    };
    let sides = [context.after().tables.get(parent), table];
    let needs: Vec<Resource> = sides
        .into_iter()
        .flatten()
        .flat_map(|table| {
            let own = std::iter::once(Resource::Table(table.name.clone()));
            own.chain(columns(table)).collect::<Vec<_>>()
        })
        .collect();
    step(Action::JoinParent, title, vec![statement])
        .needs(needs)
        .needs(table.map(values).unwrap_or_default())
        .needs(numbers::ended_above(child, context.after()))
        .makes([joined_marker(child)])
}

/// What a step does to a parent it does to the children: their columns, and what belongs to the parent's keys.
fn mirror(steps: &mut [Step], context: &Context<'_>) {
    let pairs: Vec<(&Table, &Table, &QName)> = context
        .after()
        .tables
        .values()
        .filter_map(|after| Some((context.before.tables.get(&after.name)?, after)))
        .flat_map(|(before, after)| {
            let parents = options(after).parents.iter();
            parents.map(move |parent| (before, after, parent))
        })
        .filter(|(_, after, parent)| stays(&after.name, parent, context))
        .collect();
    loop {
        let mut grew = false;
        for (before, after, parent) in &pairs {
            for step in steps.iter_mut() {
                grew |= mirror_step(step, before, after, parent, context);
            }
        }
        if !grew {
            return;
        }
    }
}

fn mirror_step(
    step: &mut Step,
    before: &Table,
    after: &Table,
    parent: &QName,
    context: &Context<'_>,
) -> bool {
    let child = &after.name;
    let on_column = |resource: &Resource| -> Option<Resource> {
        let inherits = |column: &Ident| {
            options(before).inherited_columns.contains_key(column)
                || options(after).inherited_columns.contains_key(column)
        };
        match resource {
            Resource::Column(table, column) if table == parent && inherits(column) => {
                Some(Resource::Column(child.clone(), column.clone()))
            }
            Resource::Values(table, column) if table == parent && inherits(column) => {
                Some(Resource::Values(child.clone(), column.clone()))
            }
            _ => None,
        }
    };
    let linked = |table: &Table, resource: &Resource| -> Vec<Ident> {
        let Resource::Constraint(holder, key) = resource else { return Vec::new() };
        if holder != parent {
            return Vec::new();
        }
        let links = options(table).inherited.iter();
        links.filter(|(_, of)| of.parent.as_str() == key).map(|(name, _)| name.clone()).collect()
    };
    let key = |name: &Ident| Resource::Constraint(child.clone(), name.to_string());
    let mut takes: Vec<Resource> = step.order.takes.iter().filter_map(on_column).collect();
    let mut makes: Vec<Resource> = step.order.makes.iter().filter_map(on_column).collect();
    let mut needs = Vec::new();
    for name in step.order.takes.iter().flat_map(|resource| linked(before, resource)) {
        takes.extend([key(&name), slot(&child.schema, &name)]);
    }
    for name in step.order.makes.iter().flat_map(|resource| linked(after, resource)) {
        let of = after.constraints.iter().find(|it| it.name.as_ref() == Some(&name));
        if of.is_some_and(|constraint| arrives(child, constraint, context)) {
            makes.push(key(&name));
        } else {
            needs.push(key(&name));
        }
    }
    let order = &mut step.order;
    let before_count = order.takes.len() + order.makes.len() + order.needs.len();
    order.takes.extend(takes);
    order.makes.extend(makes);
    order.needs.extend(needs);
    before_count < order.takes.len() + order.makes.len() + order.needs.len()
}
