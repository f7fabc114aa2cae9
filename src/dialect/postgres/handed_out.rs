//! Numbers that a plan itself takes from a sequence which stays: the rows of a new column get its default. The way back
//! takes the column away, so it lets the sequence stand where it stood.

use std::collections::BTreeSet;

use super::action::{Action, step};
use super::context::{Context, printed_names};
use super::keep::kept_table;
use super::ownership::counted_with;
use super::passing::counts_itself;
use super::positions;
use super::quote::quote_name;
use crate::catalog::{Catalog, Column, Table};
use crate::change::{Delta, TableChange};
use crate::dialect::{Direction, Lock, Resource, Step};
use crate::text::{Ident, QName};

/// Adds the steps that note where sequences stand, and those that put them back.
pub(super) fn finish(mut steps: Vec<Step>, context: &Context<'_>) -> Vec<Step> {
    let given = match context.direction {
        Direction::Up => counting(context, Delta::after, Delta::before),
        // Rows that come back have their old numbers, and others keep those that they get.
        Direction::Down => Vec::new(),
    };
    let sequences: BTreeSet<&QName> = given.iter().map(|(sequence, ..)| sequence).collect();
    let mut found = Vec::new();
    for sequence in sequences {
        let columns = given.iter().filter(|(own, ..)| own == sequence);
        let columns: Vec<_> = columns.map(|(_, table, column)| (table, column)).collect();
        for step in &mut steps {
            let gives = columns.iter().any(|(table, column)| {
                let column = Resource::Column((*table).clone(), (*column).clone());
                step.order.makes.contains(&column)
            });
            if gives {
                step.order.needs.insert(marker(sequence));
            }
        }
        // The rows of a stage get theirs before they move into the table that is made anew.
        let settled = columns.iter().filter(|(table, _)| !super::stages::is_stage(table));
        let values =
            settled.map(|(table, column)| Resource::Values((*table).clone(), (*column).clone()));
        found.extend(note(sequence, values.collect(), context));
    }
    if context.direction == Direction::Down {
        let taken = counting(context, Delta::before, Delta::after);
        let sequences: BTreeSet<QName> = taken.into_iter().map(|(sequence, ..)| sequence).collect();
        found.extend(sequences.iter().map(|sequence| put_back(sequence, context)));
    }
    steps.extend(found);
    steps
}

/// Whether the default of a column counts with a sequence of somebody else.
pub(super) fn counts_elsewhere(column: &Column) -> bool {
    let counts = |text: &str| text.contains("nextval(");
    column.default.as_deref().is_some_and(counts) && !counts_itself(column)
}

/// The columns that only one side of a table has and that count with a sequence which stays.
fn counting(
    context: &Context<'_>,
    side: for<'d> fn(&'d Delta<Column>) -> Option<&'d Column>,
    other: for<'d> fn(&'d Delta<Column>) -> Option<&'d Column>,
) -> Vec<(QName, QName, Ident)> {
    let comes = |change: &'_ TableChange| -> Vec<Column> {
        let columns = change.columns.iter().filter(|delta| other(delta).is_none());
        let columns = columns.filter_map(side).filter(|column| counts_elsewhere(column));
        columns.cloned().collect()
    };
    let mut found = Vec::new();
    for (table, change) in &context.changes {
        for column in comes(change) {
            let names = counted_with(column.default.as_deref().unwrap_or_default());
            let sequences = staying(context).into_iter().filter(|sequence| {
                printed_names(sequence).iter().any(|printed| names.contains(printed))
            });
            found.extend(
                sequences.map(|sequence| (sequence, (*table).clone(), column.name.clone())),
            );
        }
    }
    found
}

/// Every sequence that is on both sides.
fn staying(context: &Context<'_>) -> Vec<QName> {
    let names = |catalog: &Catalog| -> BTreeSet<QName> {
        let columns = catalog.tables.values().flat_map(|table: &Table| &table.columns);
        let owned = columns.filter_map(super::parts::column_sequences);
        let free = catalog.opaques.keys();
        let free = free.filter(|id| id.kind == crate::catalog::OpaqueKind::Sequence);
        owned.map(|it| it.name.clone()).chain(free.map(|id| id.name.clone())).collect()
    };
    let moving = context.moving.iter().map(|it| it.name.clone());
    let after = names(context.after());
    names(&context.before).into_iter().filter(|name| after.contains(name)).chain(moving).collect()
}

fn marker(sequence: &QName) -> Resource {
    Resource::Constraint(sequence.clone(), "where it stood is noted".to_owned())
}

/// No column can be mixed up with it: a kept name with a blank gets a hash.
fn part(_: &Ident) -> Ident {
    Ident::new("numbers handed out")
}

fn note(sequence: &QName, values: Vec<Resource>, context: &Context<'_>) -> [Step; 2] {
    let kept = context.keeps_as(sequence, Some(&part(&sequence.name)));
    let (table, name) = (kept_table(&kept), quote_name(sequence));
    let begin = format!(
        "CREATE TABLE {table} AS SELECT last_value, is_called, last_value AS \"after\", is_called AS \"after_called\" FROM {name}"
    );
    let end = format!(
        "UPDATE {table} SET \"after\" = (SELECT \"s\".last_value FROM {name} AS \"s\"), \
         \"after_called\" = (SELECT \"s\".is_called FROM {name} AS \"s\")"
    );
    [
        step(Action::AlterSequence, format!("note where {sequence} stands"), vec![begin])
            .lock(Lock::None)
            .makes([marker(sequence)]),
        step(Action::AlterSequence, format!("note how far {sequence} has come"), vec![end])
            .lock(Lock::None)
            .needs([marker(sequence)])
            .needs(values)
            .makes([Resource::Kept(kept)]),
    ]
}

/// Unless somebody else has taken a number since.
fn put_back(sequence: &QName, context: &Context<'_>) -> Step {
    let kept = context.kept_part_by_the_other_way(sequence, &sequence.name, part);
    let statements = positions::put_back_unless_taken(sequence, &kept.name);
    step(Action::AlterSequence, format!("let {sequence} stand where it stood"), statements)
        .lock(Lock::None)
        .needs([super::parts::slot(&sequence.schema, &sequence.name)])
        .reads(kept)
}
