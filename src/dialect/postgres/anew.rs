//! The steps that build a table anew, or a tree of partitions: moved aside, made again, filled, thrown away.

use std::collections::BTreeSet;

use super::action::{Action, step};
use super::context::Context;
use super::hierarchy;
use super::keep::{kept_table, restore_rows};
use super::parts::{column_sequences, columns, keys, slots, texts_and_indexes, values};
use super::quote::quote_name;
use super::rebuild::{below, is_reshaped};
use super::stages::{self, converted, filled};
use super::{aside, constraints, moves, not_null, positions, settings, tables};
use crate::catalog::facets::{Subject, Switch};
use crate::catalog::{Column, ConstraintKind, Sequence, Table};
use crate::change::TableChange;
use crate::dialect::{Lock, Resource, Sql, Step, Work};
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, Ident, QName};

/// Builds a table anew: moved aside, made again, filled, thrown away.
pub(super) fn steps(change: &TableChange, context: &Context<'_>) -> Vec<Step> {
    let (before, after) = (&change.before, &change.after);
    let name = &after.name;
    let mut steps = tables::drop_foreign_keys(before, context);
    if !context.rebuilds.is_heir(name) {
        steps.push(move_aside(change, context));
    }
    steps.extend(tables::create(after, context));
    steps.extend(settings::of_new(after, context));
    steps.extend(not_null::of_new(after));
    if !context.rebuilds.is_below(name) {
        steps.extend(move_rows(change, context));
    }
    for constraint in &after.constraints {
        if !constraints::stands_in_create(after, constraint, context) {
            steps.extend(constraints::add_own(after, constraint, context));
        }
    }
    let counts_anew = |column: &&Column| {
        let old = before.column(&column.name).and_then(column_sequences);
        old.is_none() && positions::is_kept(name, &column.name, context)
    };
    let anew = after.columns.iter().filter(counts_anew);
    steps.extend(anew.filter_map(|column| positions::restore(name, column, context)));
    steps
}

fn move_aside(change: &TableChange, context: &Context<'_>) -> Step {
    let (before, name) = (&change.before, &change.after.name);
    let aside = context.keeps_as(name, None);
    let (mut statements, kept) = before_it_goes(change, context);
    statements.extend(aside::move_aside(before, &aside));
    let made =
        step(Action::MoveTable, format!("move table {name} aside to build it anew"), statements)
            .undo(crate::dialect::Undo::Exact, "the way back builds it anew from the same rows")
            .makes(kept)
            .makes([Resource::Kept(aside)]);
    going_with(made, before, context)
}

/// What a step takes that takes a table away.
fn going_with(step: Step, before: &Table, context: &Context<'_>) -> Step {
    step.takes([Resource::Table(before.name.clone())])
        .takes(columns(before))
        .takes(keys(before))
        .takes(slots(before))
        .frees(context.taken_in(texts_and_indexes(before)))
}

/// Keeps the positions of sequences that go for good, and lets the plan see all rows.
fn before_it_goes(change: &TableChange, context: &Context<'_>) -> (Vec<String>, Vec<Resource>) {
    let (before, after) = (&change.before, &change.after);
    let name = &after.name;
    let (mut statements, mut kept) = (Vec::new(), Vec::new());
    for column in &before.columns {
        let counts_on = after.column(&column.name).is_some_and(|it| column_sequences(it).is_some());
        if let Some(sequence) = column_sequences(column).filter(|_| !counts_on)
            && positions::is_kept(name, &column.name, context)
        {
            let position = positions::kept_as(name, &column.name, context);
            statements.push(positions::save(sequence, name, column, &position));
            kept.push(Resource::Kept(position));
        }
    }
    let facets = context.before.facets_of(&Subject::Table(name.clone()));
    if facets.is_some_and(|facets| facets.switches.contains(&Switch::ForceRowSecurity)) {
        statements.push(format!("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", quote_name(name)));
    }
    (statements, kept)
}

/// Moves the rows of a tree into the one that was made anew; those of partitions that go come along.
fn move_rows(change: &TableChange, context: &Context<'_>) -> Vec<Step> {
    let after = &change.after;
    let name = &after.name;
    let aside = context.keeps_as(name, None);
    let mut steps = Vec::new();
    let mut statements;
    let mut made =
        step(Action::FillTable, format!("move rows into {name}"), Vec::new()).work(Work::Rewrite);
    match context.rebuilds.stage_of(name) {
        None => {
            statements = restore_rows(after, &aside);
            let drop = statements.pop();
            let carried = carried(change, context).into_iter();
            statements.extend(carried.map(|it| positions::copy(it.after, &it.aside)));
            statements.extend(drop);
            made = made.needs(went(change, context)).frees(texts_of(change, context));
        }
        Some(stage) => {
            steps.push(match context.rebuilds.is_heir(name) {
                true => take_own_rows(change, stage, context),
                false => take_rows(change, stage, context),
            });
            statements = restore_rows(after, stage.name.as_str());
            if let (Some(insert), Some(order)) =
                (statements.first_mut(), stages::order_of_rows(stage, context))
            {
                insert.push_str(&order);
            }
            for it in carried(change, context) {
                statements.extend(positions::carry(it.after, &it.saved));
            }
            made = made.needs([filled(stage), converted(stage)]);
        }
    }
    made.statements = statements.into_iter().map(Sql::new).collect();
    steps.push(
        made.needs([Resource::Table(name.clone())])
            .needs(hierarchy::partitions_joined(name, context))
            .makes(values(after))
            .makes([moved_in(name)]),
    );
    steps
}

/// Takes the rows out of what is aside and of partitions that go, into the stage; what is aside is dropped, for its
/// types may go.
fn take_rows(change: &TableChange, stage: &QName, context: &Context<'_>) -> Step {
    let name = &change.after.name;
    let parts = going(name, change, context);
    let from = kept_table(&context.keeps_as(name, None));
    let mut statements = stages::take_out(change, stage, &from, &parts, context);
    statements.extend(carried(change, context).into_iter().map(|it| {
        let saved = kept_table(&it.saved);
        format!("CREATE TABLE {saved} AS SELECT last_value, is_called FROM {}", it.aside)
    }));
    statements.push(super::keep::drop_kept(&context.keeps_as(name, None)));
    let deletes = parts
        .iter()
        .map(|(part, when)| format!("DELETE FROM {} WHERE {when}", quote_name(&part.name)));
    statements.extend(deletes);
    step(Action::FillTable, format!("take the rows of {name} out"), statements)
        .lock(if parts.is_empty() { Lock::None } else { Lock::RowExclusive })
        .work(Work::Rewrite)
        .needs(went(change, context))
        .needs(parts.iter().map(|(part, _)| super::opaques::triggers_gone(&part.name)))
        .frees(parts.iter().map(|(part, _)| Resource::Table(part.name.clone())))
        .frees(parts.iter().flat_map(|(part, _)| columns(part)))
        .frees(texts_of(change, context))
        .makes([filled(stage)])
}

/// Takes the rows of an heir or of a parent out, not those of its own heirs, and drops it.
fn take_own_rows(change: &TableChange, stage: &QName, context: &Context<'_>) -> Step {
    let (before, name) = (&change.before, &change.after.name);
    let (mut statements, kept) = before_it_goes(change, context);
    statements.insert(0, super::keep::hold_writes(name));
    let from = format!("ONLY {}", quote_name(name));
    statements.extend(stages::take_out(change, stage, &from, &[], context));
    statements.extend(carried(change, context).into_iter().map(|it| {
        let saved = kept_table(&it.saved);
        format!("CREATE TABLE {saved} AS SELECT last_value, is_called FROM {}", it.before)
    }));
    statements.push(format!("DROP TABLE {}", quote_name(name)));
    let parents = &hierarchy::options(before).parents;
    let above = parents.iter().filter_map(|parent| context.before.tables.get(parent));
    let above: Vec<Resource> = above
        .flat_map(|parent| {
            let own = [Resource::Table(parent.name.clone())];
            own.into_iter().chain(columns(parent)).chain(values(parent)).collect::<Vec<_>>()
        })
        .collect();
    let made =
        step(Action::MoveTable, format!("take the rows of {name} out and drop it"), statements)
            .undo(crate::dialect::Undo::Exact, "the way back builds it anew from the same rows")
            .work(Work::Rewrite)
            .frees(above)
            .makes(kept)
            .makes([filled(stage)]);
    going_with(made, before, context)
}

/// All that must be aside before the rows are read.
fn went(change: &TableChange, context: &Context<'_>) -> Vec<Resource> {
    let name = &change.after.name;
    let below = below(name, &context.before);
    let tables = below.iter().filter(|table| travels(table, context)).chain([name]);
    tables.map(|table| Resource::Kept(context.keeps_as(table, None))).collect()
}

/// What the tables that are aside still stand on.
fn texts_of(change: &TableChange, context: &Context<'_>) -> BTreeSet<Resource> {
    let name = &change.after.name;
    let below = below(name, &context.before);
    let tables = below.iter().filter(|table| travels(table, context)).chain([name]);
    let tables = tables.filter_map(|table| context.before.tables.get(table));
    let tables: Vec<&Table> = tables.collect();
    let mut taken = context.taken_in(tables.iter().flat_map(|table| texts_and_indexes(table)));
    // Names that went aside with the tables hold nobody back: a sequence that a column owns.
    for name in tables.iter().flat_map(|table| slots(table)) {
        taken.remove(&name);
    }
    taken
}

/// The marker of a tree that has its rows.
fn moved_in(root: &QName) -> Resource {
    Resource::Constraint(root.clone(), "the rows are in the new tree".to_owned())
}

/// Whether a partition is aside with the tree that it was in.
fn travels(name: &QName, context: &Context<'_>) -> bool {
    let goes =
        || context.before.tables.get(name).filter(|_| !context.after().tables.contains_key(name));
    context.rebuilds.tables.contains(name)
        || goes().is_some_and(|table| {
            hierarchy::travels(table, context) && !context.is_discarded(name, None)
        })
}

/// An item of a partition key as it will be, told of rows whose columns have not changed yet; `None` where that cannot
/// be said.
pub(super) fn in_new_shape(
    item: &str,
    change: &TableChange,
    context: &Context<'_>,
) -> Option<String> {
    let tokens = tokenize(item, Dialect::Postgres);
    let names: BTreeSet<String> = tokens.iter().filter_map(Token::name).collect();
    let mut reshaped = change.mapping.iter().filter(|source| {
        let column = change.after.column(&source.column);
        let is_remade = column.is_some_and(|column| context.rebuilds_type(&column.data_type));
        names.contains(source.column.as_str()) && (is_remade || is_reshaped(change, source))
    });
    let Some(source) = reshaped.next() else { return Some(item.to_owned()) };
    let (before, after) =
        (change.before.column(&source.column)?, change.after.column(&source.column)?);
    let is_plain = tokens.iter().filter(|token| token.is_code()).count() == 1;
    if !is_plain || source.fill.is_some() {
        return None;
    }
    if context.rebuilds_type(&after.data_type) {
        return Some(super::values::text_as_said(item, source));
    }
    let (before, after) = (&before.data_type, &after.data_type);
    Some(format!("({})", super::values::convert_as_said(item, before, after, source)))
}

/// A sequence of a column that counts on.
struct Carried<'c> {
    after: &'c Sequence,
    /// The old one where it stands.
    before: String,
    /// Where the old one is while its table is aside.
    aside: String,
    /// Where its position waits once the table is gone.
    saved: String,
}

fn carried<'c>(change: &'c TableChange, context: &Context<'_>) -> Vec<Carried<'c>> {
    let (before, name) = (&change.before, &change.after.name);
    let asides = aside::satellites(before, &context.keeps_as(name, None));
    let pairs = change.after.columns.iter().filter_map(|column| {
        let old = before.column(&column.name).and_then(column_sequences)?;
        let is_it = |kind: &str, own: &Ident| kind == "SEQUENCE" && *own == old.name.name;
        let (_, _, aside) = asides.iter().find(|(kind, own, _)| is_it(kind, own))?;
        let part = Ident::new(format!("where {} waits", column.name));
        Some(Carried {
            after: column_sequences(column)?,
            before: quote_name(&old.name),
            aside: kept_table(aside),
            saved: context.keeps_as(name, Some(&part)),
        })
    });
    pairs.collect()
}

/// Partitions of a tree that go by themselves, and which of their rows have a place in the new tree.
fn going<'c>(
    root: &QName,
    change: &TableChange,
    context: &'c Context<'_>,
) -> Vec<(&'c Table, String)> {
    let Some(tree) = context.rebuilds.tree(root) else { return Vec::new() };
    let parents = tree.iter().filter(|parent| !context.rebuilds.carries(parent));
    parents.flat_map(|parent| moves::leaving(parent, change, context)).collect()
}

/// Puts the steps that convert the rows of stages between the one that takes the rows out and the one that moves
/// them in, and after that one what must see all rows of a partition, or none while they move.
pub(super) fn finish(steps: &mut [Step], context: &Context<'_>) {
    for (root, stage) in context.rebuilds.stages() {
        steps.iter_mut().for_each(|step| stages::convert(step, root, stage));
    }
    for root in context.rebuilds.tables.iter().filter(|it| !context.rebuilds.is_below(it)) {
        let tree = below(root, context.after());
        let points_in = |resource: &Resource| {
            let Resource::Constraint(holder, name) = resource else { return false };
            let holder = context.after().tables.get(holder);
            let keys = holder.into_iter().flat_map(|table| &table.constraints);
            keys.filter(|it| it.name.as_ref().is_some_and(|it| it.as_str() == name)).any(|it| {
                match &it.kind {
                    ConstraintKind::ForeignKey(key) => tree.contains(&key.references),
                    ConstraintKind::PrimaryKey { .. }
                    | ConstraintKind::Unique { .. }
                    | ConstraintKind::Check { .. }
                    | ConstraintKind::Exclusion => false,
                }
            })
        };
        for step in steps.iter_mut() {
            let order = &step.order;
            let sees = order.makes.iter().any(|it| matches!(it, Resource::Opaque(_)))
                && order
                    .needs
                    .iter()
                    .filter_map(super::joining::table_of)
                    .any(|it| tree.contains(it));
            if sees || order.makes.iter().any(points_in) {
                step.order.needs.insert(moved_in(root));
            }
        }
    }
}
