//! Partitions and heirs: who stays with which parent, what a change of the parent does to its children by itself, and
//! the steps that part and join them.
//!
//! A constraint or an index of a child is made before the one of its parent, which then takes it in under its own name
//! instead of making another; what the parent drops goes from the children with it.

use std::collections::BTreeSet;

use super::action::{Action, step};
use super::context::Context;
use super::quote::{quote_ident, quote_name};
use super::render;
use crate::catalog::postgres_table::{Origin, PostgresTable};
use crate::catalog::{Catalog, Column, Constraint, ConstraintKind, Table};
use crate::change::{Delta, TableChange};
use crate::dialect::{Resource, Step};
use crate::text::{Ident, QName};

pub(super) use super::joining::{
    finish, joined_marker, let_apart, partitions_joined, references_to_free, settled,
};

static NOTHING: std::sync::OnceLock<PostgresTable> = std::sync::OnceLock::new();

/// The PostgreSQL side of a table.
pub(super) fn options(table: &Table) -> &PostgresTable {
    table.options.of_postgres().unwrap_or_else(|| NOTHING.get_or_init(PostgresTable::default))
}

pub(super) fn parents<'c>(catalog: &'c Catalog, table: &QName) -> &'c [QName] {
    catalog.tables.get(table).map_or(&[], |table| options(table).parents.as_slice())
}

/// The parents of a table on one side, theirs, and so on.
pub(super) fn above<'c>(catalog: &'c Catalog, table: &QName) -> BTreeSet<&'c QName> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&QName> = parents(catalog, table).iter().collect();
    while let Some(parent) = open.pop() {
        if found.insert(parent) {
            open.extend(parents(catalog, parent));
        }
    }
    found
}

/// The partitions right below a table.
pub(super) fn partitions<'c>(
    catalog: &'c Catalog,
    parent: &'c QName,
) -> impl Iterator<Item = &'c Table> {
    // Most tables have none: all tables are looked through for those alone that can.
    let can = catalog.tables.get(parent).is_none_or(|it| options(it).partition_by.is_some());
    let all = can.then(|| catalog.tables.values()).into_iter().flatten();
    all.filter(move |table| options(table).is_partition_of(parent))
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
                let has_key = key.is_some_and(super::parts::has_index);
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
        && options.parents.iter().any(|parent| {
            let above = || context.after().tables.get(parent).or(context.before.tables.get(parent));
            let is_on_both = context.after().tables.contains_key(parent)
                && context.before.tables.contains_key(parent);
            context.rebuilds.carries(parent)
                || !is_on_both && above().is_some_and(|above| travels(above, context))
        })
}

fn discards(tables: [&QName; 2], context: &Context<'_>) -> bool {
    tables.iter().any(|table| context.is_discarded(table, None))
}

/// The parents that a table must leave.
pub(super) fn left<'c>(child: &QName, context: &'c Context<'_>) -> Vec<&'c QName> {
    let Some(table) = context.before.tables.get(child) else { return Vec::new() };
    let is_partition = options(table).is_partition();
    if context.rebuilds.is_heir(child) && !is_partition {
        // It is dropped.
        return Vec::new();
    }
    let goes = !context.after().tables.contains_key(child);
    let leaves = |parent: &&QName| {
        if stays(child, parent, context) || context.rebuilds.as_one(child, parent) {
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
    let comes = !context.before.tables.contains_key(child) || context.rebuilds.is_heir(child);
    let joins = |parent: &&QName| {
        if stays(child, parent, context) || comes && !is_partition {
            return false;
        }
        let together = moves_together(child, parent, context.after(), &context.before)
            && context.direction == crate::dialect::Direction::Down
            && !super::aside::holds_on(child, context)
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
        && options(table).parents.iter().any(|parent| {
            stays(child, parent, context) && goes(parent, &inherited.parent, context)
                || goes_first(parent, &inherited.parent, context)
        })
}

/// Whether a constraint of a parent goes, and before partitions leave: a foreign key into a tree that is let apart,
/// for the engine looks whether rows that leave are pointed at.
fn goes_first(parent: &QName, name: &Ident, context: &Context<'_>) -> bool {
    let Some(table) = context.before.tables.get(parent) else { return false };
    let key = table.constraints.iter().find(|it| it.name.as_ref() == Some(name));
    key.is_some_and(|it| match &it.kind {
        ConstraintKind::ForeignKey(key) => {
            context.let_apart.contains(&key.references)
                && (!context.after().tables.contains_key(parent)
                    || context.around.rebuilt_tables.contains(parent)
                    || goes(parent, name, context))
        }
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion => false,
    })
}

/// Whether a constraint of a child is altered with the one of its parent.
pub(super) fn follows(child: &QName, name: &Ident, context: &Context<'_>) -> bool {
    let Some(table) = context.after().tables.get(child) else { return false };
    let Some(inherited) = options(table).inherited.get(name) else { return false };
    options(table).parents.iter().any(|parent| {
        let change = context.diff.table_changes().get(parent).copied();
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
    // A key that points into a tree that is let apart goes before the table leaves its own.
    let parents = &options(table).parents;
    let is_first = parents.iter().any(|parent| goes_first(parent, &link.parent, context));
    is_first || left(&table.name, context).is_empty()
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
            // An heir that is made with its parents in place gets what they get later.
            let is_made = !options(table).is_partition()
                && (!context.before.tables.contains_key(child) || context.rebuilds.is_heir(child));
            inherited.origin == Origin::Inherited
                && parents.iter().any(|parent| {
                    (is_made || stays(child, parent, context))
                        && comes(parent, &inherited.parent, context)
                })
        }
        ConstraintKind::ForeignKey(_) => {
            *name == inherited.parent
                && (!joined(child, context).is_empty()
                    || parents.iter().any(|parent| comes(parent, &inherited.parent, context)))
        }
        // The engine takes in no exclusion that is there already: it makes one of its own.
        // Source: `CompareIndexInfo` in `index.c`.
        ConstraintKind::Exclusion => {
            !joined(child, context).is_empty()
                || parents.iter().any(|parent| comes(parent, &inherited.parent, context))
        }
        ConstraintKind::PrimaryKey { .. } | ConstraintKind::Unique { .. } => false,
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
    let is_new =
        !context.before.tables.contains_key(table) || context.around.rebuilt_tables.contains(table);
    let listed = context.changes.get(table).is_some_and(|change| {
        change
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

/// Whether all tables that take a column from the topmost parent of a table have one default, so that it is set for
/// all of them at once.
pub(super) fn default_goes_down(table: &QName, column: &Ident, context: &Context<'_>) -> bool {
    let mut top = table;
    while followed(top, column, context).is_some() {
        let above = parents(&context.before, top).iter();
        let Some(parent) = above.into_iter().find(|parent| stays(top, parent, context)) else {
            break;
        };
        top = parent;
    }
    let default = |table: &QName| {
        let column = context.after().tables.get(table)?.column(column)?;
        Some(column.default.as_ref())
    };
    let below = context.descendants(top).into_iter();
    let mut followers = below.filter(|it| followed(it, column, context).is_some());
    followers.all(|it| default(it) == default(top))
}

/// A statement about a column that is not meant for the tables below.
pub(super) fn alter_own(
    table: &QName,
    column: &Ident,
    what: &str,
    context: &Context<'_>,
) -> String {
    let only = if context.descendants(table).is_empty() { "" } else { "ONLY " };
    format!("ALTER TABLE {only}{} ALTER COLUMN {} {what}", quote_name(table), quote_ident(column))
}

/// What is left to do for a column that follows its parent: the child's own default, NOT NULL and comment.
pub(super) fn follow(
    change: &TableChange,
    column: &Column,
    (parent_before, parent_after): (Option<&Column>, Option<&Column>),
    context: &Context<'_>,
) -> Vec<Step> {
    let table = &change.after.name;
    let before = change.before.column(&column.name);
    let mut statements = Vec::new();
    let parent_default = parent_after.and_then(|column| column.default.as_ref());
    let parent_sets = match (parent_before, parent_after) {
        (Some(old), Some(new)) => {
            old.data_type != new.data_type
                || super::sequences::sets_default(old, new)
                || old.default != new.default && default_goes_down(table, &column.name, context)
        }
        (_, _) => true,
    };
    let is_off = !super::passing::waits(table, &column.name, context).is_empty();
    let reference = if parent_sets {
        parent_default
    } else {
        before.and_then(|column| column.default.as_ref()).filter(|_| !is_off)
    };
    if column.default.as_ref() != reference && column.generated.is_none() {
        let what = match &column.default {
            Some(default) => format!("SET DEFAULT {default}"),
            None => "DROP DEFAULT".to_owned(),
        };
        statements.push(alter_own(table, &column.name, &what, context));
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
            .needs(context.made_in(column.default.as_deref()))
            .needs(super::passing::waits(table, &column.name, context))
            // NOT NULL goes only after the primary key that asks for it.
            .makes(gone),
    ]
}
