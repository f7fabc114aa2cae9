//! Partitions and heirs: who stays with which parent, what a change of the parent does to its children by itself, and
//! the steps that part and join them.
//!
//! A constraint or an index of a child is made before the one of its parent, which then takes it in under its own name
//! instead of making another; what the parent drops goes from the children with it.

use std::collections::BTreeSet;

use super::action::{Action, step};
use super::context::{Context, columns, slot, table_changes, values};
use super::quote::quote_name;
use super::render;
use crate::catalog::postgres_table::{Origin, PostgresTable};
use crate::catalog::{Catalog, Column, Constraint, ConstraintKind, Table};
use crate::change::{Delta, Diff, TableChange};
use crate::dialect::{LowerError, Resource, Step};
use crate::text::{Ident, QName};

static NOTHING: std::sync::OnceLock<PostgresTable> = std::sync::OnceLock::new();

/// The PostgreSQL side of a table.
pub(super) fn options(table: &Table) -> &PostgresTable {
    table.options.of_postgres().unwrap_or_else(|| NOTHING.get_or_init(PostgresTable::default))
}

/// Whether a table is built anew: what it is partitioned by cannot be altered, nor whether a partitioned table has a
/// log.
pub(super) fn is_rebuilt(change: &TableChange) -> bool {
    let (before, after) = (options(&change.before), options(&change.after));
    before.partition_by != after.partition_by
        || before.partition_by.is_some() && before.unlogged != after.unlogged
}

/// The tables that are built anew.
pub(super) fn rebuilt(diff: &Diff) -> BTreeSet<QName> {
    let changes = table_changes(diff);
    let rebuilt = changes.values().filter(|change| is_rebuilt(change));
    rebuilt.map(|change| change.after.name.clone()).collect()
}

fn parents<'c>(catalog: &'c Catalog, table: &QName) -> &'c [QName] {
    catalog.tables.get(table).map_or(&[], |table| options(table).parents.as_slice())
}

/// Whether a child belongs to a parent before and after and is not parted from it in between.
pub(super) fn stays(child: &QName, parent: &QName, context: &Context<'_>) -> bool {
    let (before, after) = (context.before.tables.get(child), context.after().tables.get(child));
    let (Some(before), Some(after)) = (before, after) else { return false };
    let rebuilt = &context.around.rebuilt_tables;
    options(before).parents.contains(parent)
        && options(after).parents.contains(parent)
        && options(before).bound == options(after).bound
        && !rebuilt.contains(child)
        && !rebuilt.contains(parent)
        && !context.parted.contains(&(child.clone(), parent.clone()))
}

/// Children that must leave their parent for a moment: a constraint of theirs stands on an index that belongs to the
/// parent's, and one of the two goes without the other. The engine lets neither go while they belong together.
pub(super) fn parted_for_keys(context: &Context<'_>) -> BTreeSet<(QName, QName)> {
    let mut found = BTreeSet::new();
    for child in context.before.tables.values() {
        let Some(after) = context.after().tables.get(&child.name) else { continue };
        let change = context.changes.get(&child.name).copied();
        for parent in &options(child).parents {
            if !stays(&child.name, parent, context) {
                continue;
            }
            let holds = options(child).inherited.iter().any(|(name, link)| {
                let key = child.constraints.iter().find(|it| it.name.as_ref() == Some(name));
                let has_key = key.is_some_and(super::context::has_index);
                let is_index = child.indexes.iter().any(|index| index.name == *name);
                let parent_goes = goes(parent, &link.parent, context);
                let is_plain = context.before.tables.get(parent).is_some_and(|table| {
                    table.indexes.iter().any(|index| index.name == link.parent)
                });
                let own_goes = || {
                    let listed = change.is_some_and(|change| lists(change, name));
                    listed || options(after).inherited.get(name) != Some(link)
                };
                has_key && is_plain && parent_goes
                    || (has_key || is_index) && !parent_goes && own_goes()
            });
            if holds {
                found.insert((child.name.clone(), parent.clone()));
            }
        }
    }
    found
}

/// Whether a key or index of a table goes by its own change.
pub(super) fn lists(change: &TableChange, name: &Ident) -> bool {
    let keys = change.constraints.iter().filter_map(Delta::before);
    let indexes = change.indexes.iter().filter_map(Delta::before);
    keys.into_iter().any(|it| it.name.as_ref() == Some(name))
        || indexes.into_iter().any(|it| it.name == *name)
}

/// Whether two tables are on one side only and so go, or come back, as one.
fn moves_together(child: &QName, parent: &QName, here: &Catalog, there: &Catalog) -> bool {
    here.tables.contains_key(parent)
        && !there.tables.contains_key(child)
        && !there.tables.contains_key(parent)
}

/// Whether the rows of a table that goes or comes travel with the rows of a parent that is built anew.
pub(super) fn travels(table: &Table, context: &Context<'_>) -> bool {
    let options = options(table);
    options.is_partition()
        && options.parents.iter().any(|parent| context.around.rebuilt_tables.contains(parent))
}

fn discards(tables: [&QName; 2], context: &Context<'_>) -> bool {
    tables.iter().any(|table| context.is_discarded(table, None))
}

/// The parents that a table must leave.
fn left<'c>(child: &QName, context: &'c Context<'_>) -> Vec<&'c QName> {
    let Some(table) = context.before.tables.get(child) else { return Vec::new() };
    let is_partition = options(table).is_partition();
    let goes = !context.after().tables.contains_key(child);
    let leaves = |parent: &&QName| {
        if stays(child, parent, context) {
            return false;
        }
        if goes && !is_partition {
            // The rows of an heir are copied, and the heir is dropped.
            return false;
        }
        let together = moves_together(child, parent, &context.before, context.after())
            && !discards([child, parent], context);
        !(together || goes && travels(table, context))
    };
    options(table).parents.iter().filter(leaves).collect()
}

/// The parents that a table must join.
pub(super) fn joined<'c>(child: &QName, context: &'c Context<'_>) -> Vec<&'c QName> {
    let Some(table) = context.after().tables.get(child) else { return Vec::new() };
    let is_partition = options(table).is_partition();
    let comes = !context.before.tables.contains_key(child);
    let joins = |parent: &&QName| {
        if stays(child, parent, context) || comes && !is_partition {
            return false;
        }
        let together = moves_together(child, parent, context.after(), &context.before)
            && context.direction == crate::dialect::Direction::Down
            && !discards([child, parent], context);
        !together
    };
    options(table).parents.iter().filter(joins).collect()
}

/// The parent that a column of a child follows: the column is inherited on each side where it is, and the parent has
/// it there too.
pub(super) fn followed<'c>(
    child: &QName,
    column: &Ident,
    context: &'c Context<'_>,
) -> Option<(Option<&'c Column>, Option<&'c Column>)> {
    let inherits = |catalog: &Catalog| {
        catalog.tables.get(child).is_none_or(|table| {
            table.column(column).is_none() || options(table).inherited_columns.contains_key(column)
        })
    };
    if !inherits(&context.before) || !inherits(context.after()) {
        return None;
    }
    let has = |catalog: &'c Catalog, table: &QName| catalog.tables.get(table)?.column(column);
    parents(&context.before, child)
        .iter()
        .filter(|parent| stays(child, parent, context))
        .map(|parent| (has(&context.before, parent), has(context.after(), parent)))
        .find(|(before, after)| {
            before.is_some() == has(&context.before, child).is_some()
                && after.is_some() == has(context.after(), child).is_some()
        })
}

/// Whether a constraint or index of a child goes with the one of its parent.
pub(super) fn cascades(child: &QName, name: &Ident, context: &Context<'_>) -> bool {
    let Some(table) = context.before.tables.get(child) else { return false };
    let Some(inherited) = options(table).inherited.get(name) else { return false };
    inherited.origin == Origin::Inherited
        && options(table)
            .parents
            .iter()
            .any(|parent| stays(child, parent, context) && goes(parent, &inherited.parent, context))
}

/// Whether a constraint of a child is altered with the one of its parent.
pub(super) fn follows(child: &QName, name: &Ident, context: &Context<'_>) -> bool {
    let Some(table) = context.after().tables.get(child) else { return false };
    let Some(inherited) = options(table).inherited.get(name) else { return false };
    options(table).parents.iter().any(|parent| {
        let change = table_changes(context.diff).get(parent).copied();
        stays(child, parent, context)
            && change.is_some_and(|change| {
                change.constraints.iter().any(|delta| {
                    super::in_place::keeps(delta)
                        && delta.after().and_then(|it| it.name.as_ref()) == Some(&inherited.parent)
                })
            })
    })
}

/// Whether a constraint of a table that goes is dropped by the parent that goes with it.
pub(super) fn goes_with_parent(table: &Table, name: &Ident, context: &Context<'_>) -> bool {
    let Some(link) = options(table).inherited.get(name) else { return false };
    if !options(table).is_partition() {
        return false;
    }
    let key = table.constraints.iter().find(|it| it.name.as_ref() == Some(name));
    // A key that points into the tree goes before the table leaves it.
    let goes_first = key.is_some_and(|it| match &it.kind {
        ConstraintKind::ForeignKey(key) => options(table).parents.iter().any(|parent| {
            goes(parent, &link.parent, context)
                && tree_of(parent, &context.before).contains(&key.references)
        }),
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion => false,
    });
    goes_first || left(&table.name, context).is_empty()
}

fn goes(table: &QName, name: &Ident, context: &Context<'_>) -> bool {
    let key = (table.clone(), name.clone());
    let listed = context.changes.get(table).is_some_and(|change| {
        change
            .constraints
            .iter()
            .filter(|delta| !super::in_place::keeps(delta))
            .filter_map(Delta::before)
            .any(|constraint| constraint.name.as_ref() == Some(name))
            || change.indexes.iter().filter_map(Delta::before).any(|index| index.name == *name)
    });
    listed
        || context.around.constraints.contains(&key)
        || context.around.indexes.contains(&key)
        || cascades(table, name, context)
}

/// Whether a constraint of a child is made with the one of its parent, or by joining it.
pub(super) fn arrives(child: &QName, constraint: &Constraint, context: &Context<'_>) -> bool {
    let Some(name) = &constraint.name else { return false };
    let Some(table) = context.after().tables.get(child) else { return false };
    let Some(inherited) = options(table).inherited.get(name) else { return false };
    let parents = &options(table).parents;
    match &constraint.kind {
        ConstraintKind::Check { .. } => {
            inherited.origin == Origin::Inherited
                && parents.iter().any(|parent| {
                    stays(child, parent, context) && comes(parent, &inherited.parent, context)
                })
        }
        ConstraintKind::ForeignKey(_) => {
            *name == inherited.parent
                && (!joined(child, context).is_empty()
                    || parents.iter().any(|parent| comes(parent, &inherited.parent, context)))
        }
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Exclusion => false,
    }
}

/// The constraint of a parent that one of a child belongs to.
pub(super) fn origin<'c>(
    child: &'c Table,
    name: &Ident,
    context: &'c Context<'_>,
) -> Option<(&'c QName, &'c Constraint)> {
    let link = options(child).inherited.get(name)?;
    options(child).parents.iter().find_map(|parent| {
        let table = context.after().tables.get(parent)?;
        let found = table.constraints.iter().find(|it| it.name.as_ref() == Some(&link.parent));
        Some((parent, found?))
    })
}

pub(super) fn comes(table: &QName, name: &Ident, context: &Context<'_>) -> bool {
    let key = (table.clone(), name.clone());
    let is_new = !context.before.tables.contains_key(table);
    let listed = context.changes.get(table).is_some_and(|change| {
        is_rebuilt(change)
            || change
                .constraints
                .iter()
                .filter(|delta| !super::in_place::keeps(delta))
                .filter_map(Delta::after)
                .any(|constraint| constraint.name.as_ref() == Some(name))
            || change.indexes.iter().filter_map(Delta::after).any(|index| index.name == *name)
    });
    let by_its_own_parent = || {
        let table = context.after().tables.get(table)?;
        let constraint = table.constraints.iter().find(|c| c.name.as_ref() == Some(name))?;
        Some(arrives(&table.name, constraint, context))
    };
    is_new
        || listed
        || context.around.constraints.contains(&key)
        || context.around.indexes.contains(&key)
        || by_its_own_parent().unwrap_or(false)
}

/// What is left to do for a column that follows its parent: the child's own default, NOT NULL and comment.
pub(super) fn follow(
    change: &TableChange,
    column: &Column,
    (parent_before, parent_after): (Option<&Column>, Option<&Column>),
) -> Vec<Step> {
    let table = &change.after.name;
    let before = change.before.column(&column.name);
    let mut statements = Vec::new();
    let parent_default = parent_after.and_then(|column| column.default.as_ref());
    let parent_sets = parent_before.is_none_or(|old| {
        parent_after.is_none_or(|new| old.default != new.default || old.data_type != new.data_type)
    });
    let reference = if parent_sets {
        parent_default
    } else {
        before.and_then(|column| column.default.as_ref())
    };
    if column.default.as_ref() != reference && column.generated.is_none() {
        let what = match &column.default {
            Some(default) => format!("SET DEFAULT {default}"),
            None => "DROP DEFAULT".to_owned(),
        };
        statements.push(render::alter_column(table, &column.name, &what));
    }
    let required = |column: Option<&Column>| column.is_some_and(|column| column.not_null);
    let own = options(&change.before).not_nulls.get(&column.name);
    let has_own = own.is_some_and(|it| it.origin == Some(Origin::Both));
    let reference = if required(parent_before) != required(parent_after) {
        required(parent_after) || has_own
    } else {
        required(before)
    };
    match (reference, column.not_null) {
        (false, true) => {
            statements.push(super::not_null::require(&change.after, &column.name));
        }
        (true, false) => {
            statements.push(render::alter_column(table, &column.name, "DROP NOT NULL"));
        }
        (true, true) | (false, false) => {}
    }
    if before.and_then(|column| column.comment.as_ref()) != column.comment.as_ref() {
        statements.push(render::comment_on_column(table, &column.name, column.comment.as_deref()));
    }
    if statements.is_empty() {
        return Vec::new();
    }
    let title = format!("what {table} has of its own on {}", column.name);
    let parents = options(&change.after).parents.iter();
    let settled = parents.map(|parent| settled(parent, &column.name));
    let gone: Vec<Resource> = change
        .constraints
        .iter()
        .filter_map(Delta::before)
        .filter(|constraint| matches!(constraint.kind, ConstraintKind::PrimaryKey { .. }))
        .filter_map(|constraint| constraint.name.as_ref())
        .filter(|_| !column.not_null)
        .map(|name| Resource::Constraint(table.clone(), name.to_string()))
        .collect();
    vec![
        step(Action::SetNotNull, title, statements)
            .needs([Resource::Column(table.clone(), column.name.clone())])
            .needs([Resource::Values(table.clone(), column.name.clone())])
            .needs(settled)
            // NOT NULL goes only after the primary key that asks for it.
            .makes(gone),
    ]
}

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
fn parted(child: &QName) -> Resource {
    Resource::Constraint(child.clone(), "it has left its parent".to_owned())
}

/// The marker of a table that nothing points at any more.
fn released(parent: &QName) -> Resource {
    Resource::Constraint(parent.clone(), "nothing points at it".to_owned())
}

/// A partitioned table, what it is a partition of, and all partitions of these.
fn tree_of(table: &QName, catalog: &Catalog) -> BTreeSet<QName> {
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
        let goes = !context.after().tables.contains_key(&child.name);
        let parents = options(child).parents.iter();
        for parent in
            parents.filter(|_| goes && context.direction == crate::dialect::Direction::Down)
        {
            trees.extend(tree_of(parent, &context.before));
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
    let children =
        context.after().tables.values().filter(|table| {
            options(table).is_partition() && options(table).parents.contains(parent)
        });
    children
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
        let own = steps.iter().filter(|step| !step.order.needs.contains(&joined_marker(child)));
        let makes = own.flat_map(|step| &step.order.makes);
        made.order.needs.extend(makes.filter(|it| table_of(it) == Some(child)).cloned());
    }
    steps.extend(joins.into_iter().map(|(step, _, _)| step));
    let moves = super::moves::all(context)?;
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

fn table_of(resource: &Resource) -> Option<&QName> {
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
        .needs([released(parent)])
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
