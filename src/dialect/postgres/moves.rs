//! Rows that change their partition because bounds change, partitions come or go, or the default partition gives
//! some up: they go aside before the partitions are attached, and into the partitioned table after.

use super::bounds::{Bound, Key};
use super::context::Context;
use super::hierarchy::{joined_marker, options, partitions};
use super::keep::{kept_table, restore_rows};
use super::parts::{columns, values};
use super::quote::{list, quote_name};
use crate::catalog::{Catalog, Table};
use crate::change::TableChange;
use crate::dialect::{Direction, Resource, Step};
use crate::text::{Ident, QName};

/// Rows of one table that move.
pub(super) struct Move<'c> {
    pub(super) parent: &'c Table,
    /// The partition that they leave, in the shape in which it is then.
    child: &'c Table,
    condition: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A partition whose bound changes.
    Rebound,
    /// The default partition, which stays.
    Default,
    /// A partition that goes.
    Dropped,
}

/// All rows that move.
pub(super) fn all<'c>(context: &'c Context<'_>) -> Vec<Move<'c>> {
    let mut moves = Vec::new();
    for parent in context.after().tables.values() {
        if options(parent).partition_by.is_some()
            && context.before.tables.contains_key(&parent.name)
            && !context.around.rebuilt_tables.contains(&parent.name)
        {
            moves.extend(of_parent(parent, context));
        }
    }
    moves
}

fn bound_of(table: &Table) -> Option<Bound> {
    Bound::parse(options(table).bound.as_ref()?)
}

/// The partitions of a table that take rows which they did not take before.
fn takers<'c>(parent: &'c QName, before: &Catalog, after: &'c Catalog) -> Vec<&'c Table> {
    partitions(after, parent).filter(|child| is_new_taker(child, parent, before)).collect()
}

fn is_new_taker(child: &Table, parent: &QName, before: &Catalog) -> bool {
    before.tables.get(&child.name).is_none_or(|old| {
        !options(old).parents.contains(parent) || options(old).bound != options(child).bound
    })
}

fn of_parent<'c>(parent: &'c Table, context: &'c Context<'_>) -> Vec<Move<'c>> {
    let takers = takers(&parent.name, &context.before, context.after());
    let is_touched = !takers.is_empty()
        || partitions(&context.before, &parent.name)
            .any(|old| !context.after().tables.contains_key(&old.name));
    let key = options(parent).partition_by.as_deref().and_then(Key::parse);
    let Some(key) = key.filter(|_| is_touched) else { return Vec::new() };
    let takes = |table: &Table| key.takes(&bound_of(table)?, &parent.name);
    let mut moves = Vec::new();
    for child in partitions(context.after(), &parent.name) {
        let Some(old) = context.before.tables.get(&child.name) else { continue };
        if !options(old).parents.contains(&parent.name) {
            continue;
        }
        let (Some(before), Some(after)) = (bound_of(old), bound_of(child)) else { continue };
        let (kind, condition) = match (before == after, &after) {
            (true, Bound::Default) => (Kind::Default, any(takers.iter().map(|it| takes(it)))),
            (true, _) => continue,
            (false, _) if before.is_within(&after) => continue,
            (false, Bound::Default) => {
                let others = partitions(context.after(), &parent.name);
                (Kind::Rebound, any(others.filter(|it| it.name != child.name).map(takes)))
            }
            (false, _) => (Kind::Rebound, takes(child).map(|it| format!("NOT {it}"))),
        };
        moves.extend(condition.map(|condition| Move { parent, child, condition, kind }));
    }
    for old in partitions(&context.before, &parent.name) {
        if !context.after().tables.contains_key(&old.name) {
            moves.extend(of_dropped(parent, old, &takers, &takes, context));
        }
    }
    moves
}

/// True for what any of the conditions takes; `None` where there is none, or one is not known.
fn any(conditions: impl Iterator<Item = Option<String>>) -> Option<String> {
    let conditions: Vec<String> = conditions.collect::<Option<_>>()?;
    (!conditions.is_empty()).then(|| format!("({})", conditions.join(" OR ")))
}

/// The rows of a partition that goes and for which another partition is made or changed. On the way back, those of a
/// partition that came go where they would have been: into the default one.
fn of_dropped<'c>(
    parent: &'c Table,
    old: &'c Table,
    takers: &[&Table],
    takes: &dyn Fn(&Table) -> Option<String>,
    context: &'c Context<'_>,
) -> Option<Move<'c>> {
    let bound = bound_of(old).filter(|_| !context.is_discarded(&old.name, None))?;
    let condition = match goes_to(&bound, &parent.name, takers, context.after(), context.direction)
    {
        To::Default => "true".to_owned(),
        To::Some(near) => any(near.iter().map(|taker| takes(taker)))?,
    };
    Some(Move { parent, child: old, condition, kind: Kind::Dropped })
}

/// Where the rows of a partition that goes may have a place.
enum To<'t> {
    Default,
    Some(Vec<&'t Table>),
}

fn goes_to<'t>(
    bound: &Bound,
    parent: &QName,
    takers: &[&'t Table],
    after: &Catalog,
    direction: Direction,
) -> To<'t> {
    let default = partitions(after, parent).find(|it| bound_of(it) == Some(Bound::Default));
    let is_taker = |it: &&Table| takers.iter().any(|taker| taker.name == it.name);
    if default.is_some_and(|it| direction == Direction::Down || is_taker(&it)) {
        return To::Default;
    }
    let is_near = |taker: &Table| bound_of(taker).is_some_and(|other| !other.excludes(bound));
    To::Some(takers.iter().copied().filter(|taker| is_near(taker)).collect())
}

/// The partitions that the way back takes from tables which stay, with the condition for those of their rows that have no
/// place in what is left of the table, in the names that they have before. `before` is `original` under the new names. A
/// tree that is built anew is not asked.
pub(in crate::dialect) fn without_a_place<'c>(
    original: &'c Catalog,
    before: &Catalog,
    after: &Catalog,
) -> Vec<(&'c Table, String)> {
    let mut found = Vec::new();
    for parent in after.tables.values() {
        let Some(old_parent) = before.tables.get(&parent.name) else { continue };
        let (old, new) = (options(old_parent), options(parent));
        if new.partition_by.is_none() || old.partition_by != new.partition_by {
            continue;
        }
        let takers = takers(&parent.name, before, after);
        for child in partitions(before, &parent.name) {
            let going = bound_of(child).filter(|_| !after.tables.contains_key(&child.name));
            // What goes is not renamed.
            let (Some(bound), Some(child)) = (going, original.tables.get(&child.name)) else {
                continue;
            };
            let own = options(child).parents.first().and_then(|it| original.tables.get(it));
            let key = own.and_then(|it| Key::parse(options(it).partition_by.as_deref()?));
            let near = match goes_to(&bound, &parent.name, &takers, after, Direction::Down) {
                To::Default => continue,
                To::Some(near) => near,
            };
            let takes = |table: &&Table| key.as_ref()?.takes(&bound_of(table)?, &parent.name);
            match any(near.iter().map(takes)) {
                Some(placed) => found.push((child, format!("NOT {placed}"))),
                None if near.is_empty() => found.push((child, "true".to_owned())),
                // Where they go only moving them tells.
                None => {}
            }
        }
    }
    found
}

/// Whether rows of partitions that go have a place in others.
pub(super) fn leaves_partitions(
    parent: &QName,
    before: &Catalog,
    after: &Catalog,
    direction: Direction,
) -> bool {
    let takers = takers(parent, before, after);
    let gone = partitions(before, parent).filter(|it| !after.tables.contains_key(&it.name));
    let mut bounds = gone.filter_map(bound_of);
    bounds.any(|bound| match goes_to(&bound, parent, &takers, after, direction) {
        To::Default => true,
        To::Some(near) => !near.is_empty(),
    })
}

/// Partitions of a table that is built anew which go, with the condition for those of their rows that have a place in
/// it: told of the rows as they are before the columns change.
pub(super) fn leaving<'c>(
    parent: &QName,
    change: &TableChange,
    context: &'c Context<'_>,
) -> Vec<(&'c Table, String)> {
    let (before, after): (&'c Catalog, &'c Catalog) = (&context.before, context.after());
    let Some(name) = after.tables.get_key_value(parent).map(|(name, _)| name) else {
        return Vec::new();
    };
    let takers = takers(name, before, after);
    let key = after.tables.get(name).and_then(|it| options(it).partition_by.as_deref());
    let key = key
        .and_then(Key::parse)
        .and_then(|key| key.converted(|item| super::anew::in_new_shape(item, change, context)));
    let takes = |taker: &&Table| match (bound_of(taker)?, &key) {
        (Bound::Hash { .. }, _) | (_, None) => None,
        (bound, Some(key)) => key.takes(&bound, name),
    };
    let gone = before.tables.values().filter(|table| {
        options(table).is_partition_of(parent)
            && !after.tables.contains_key(&table.name)
            && !context.is_discarded(&table.name, None)
    });
    let conditions = gone.filter_map(|old| {
        let condition = match goes_to(&bound_of(old)?, name, &takers, after, context.direction) {
            To::Default => "true".to_owned(),
            To::Some(near) if near.is_empty() => return None,
            To::Some(near) => any(near.iter().map(takes)).unwrap_or_else(|| "true".to_owned()),
        };
        Some((old, condition))
    });
    conditions.collect()
}

/// The marker of a partitioned table whose rows are all where they belong.
pub(super) fn settled(parent: &QName) -> Resource {
    Resource::Constraint(parent.clone(), "its rows are in their partitions".to_owned())
}

/// The marker of a partition whose rows that move are aside.
fn aside_marker(child: &QName) -> Resource {
    Resource::Constraint(child.clone(), "its rows that move are aside".to_owned())
}

fn aside(child: &QName, context: &Context<'_>) -> String {
    context.keeps_as(child, Some(&Ident::new("rows that move")))
}

/// Adds the steps that move rows, around those that attach partitions.
pub(super) fn add(steps: &mut Vec<Step>, moves: &[Move<'_>], context: &Context<'_>) {
    let mut parents: Vec<&Table> = moves.iter().map(|it| it.parent).collect();
    parents.dedup_by(|left, right| left.name == right.name);
    let mut made = Vec::new();
    for parent in parents {
        let own: Vec<&Move<'_>> = moves.iter().filter(|it| it.parent.name == parent.name).collect();
        let is_value = |resource: &Resource| matches!(resource, Resource::Values(table, _) if *table == parent.name);
        // What looks at rows waits until all are there.
        for step in steps.iter_mut() {
            let order = &step.order;
            let changes = order.makes.iter().chain(&order.takes).any(is_value);
            if order.needs.iter().any(is_value) && !changes {
                step.order.needs.insert(settled(&parent.name));
            }
        }
        let joins: Vec<Resource> = partitions(context.after(), &parent.name)
            .map(|child| joined_marker(&child.name))
            .collect();
        for step in steps.iter_mut() {
            if step.order.makes.iter().any(|it| joins.contains(it)) {
                step.order.needs.extend(own.iter().map(|it| aside_marker(&it.child.name)));
            }
        }
        made.extend(own.iter().map(|it| move_out(it, context)));
        made.push(move_in(parent, &own, joins, context));
    }
    steps.extend(made);
}

fn plain_columns(table: &Table) -> String {
    let columns = table.columns.iter().filter(|column| column.generated.is_none());
    list(columns.map(|column| &column.name))
}

fn move_out(moved: &Move<'_>, context: &Context<'_>) -> Step {
    let Move { child, condition, .. } = moved;
    let kept = aside(&child.name, context);
    let from = quote_name(&child.name);
    let names = plain_columns(child);
    let statements = vec![
        super::keep::hold_writes(&child.name),
        format!(
            "CREATE TABLE {} AS SELECT {names} FROM {from} WHERE {condition}",
            kept_table(&kept)
        ),
        format!("DELETE FROM {from} WHERE {condition}"),
    ];
    let title = format!("take rows out of {}", child.name);
    let made = super::values::quietly(title, &child.name, statements, context)
        .undo(crate::dialect::Undo::Exact, "the way back moves them again")
        .makes([aside_marker(&child.name)]);
    match moved.kind {
        Kind::Dropped => made.frees([Resource::Table(child.name.clone())]).frees(columns(child)),
        Kind::Rebound | Kind::Default => made
            .needs([Resource::Table(child.name.clone())])
            .needs(columns(child))
            .needs(values(child)),
    }
    .needs(values(moved.parent))
}

fn move_in(
    parent: &Table,
    moves: &[&Move<'_>],
    joins: Vec<Resource>,
    context: &Context<'_>,
) -> Step {
    let mut statements = Vec::new();
    for moved in moves {
        statements.extend(restore_rows(parent, &aside(&moved.child.name, context)));
    }
    let title = format!("put rows into their partitions of {}", parent.name);
    super::values::quietly(title, &parent.name, statements, context)
        .undo(crate::dialect::Undo::Exact, "the way back moves them again")
        .needs(moves.iter().map(|it| aside_marker(&it.child.name)))
        .needs([Resource::Table(parent.name.clone())])
        .needs(columns(parent))
        .needs(values(parent))
        .needs(joins)
        .makes([settled(&parent.name)])
}
