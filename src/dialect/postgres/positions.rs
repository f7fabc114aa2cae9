//! Where sequences stand: kept when a sequence goes with its column, and put back with it.

use super::action::{Action, step};
use super::context::Context;
use super::keep::{drop_kept, kept_table};
use super::parts::{column_sequences, slot};
use super::quote::{literal, quote_ident, quote_name};
use crate::catalog::{Column, Sequence};
use crate::dialect::{KeptUse, Resource, Step};
use crate::text::{Ident, QName};

/// The name under which this plan keeps the position of a column's sequence.
pub(super) fn kept_as(table: &QName, column: &Ident, context: &Context<'_>) -> String {
    context.keeps_as(table, Some(&position_of(column)))
}

/// The position that the other way kept.
pub(super) fn kept_by_the_other_way(
    table: &QName,
    column: &Ident,
    context: &Context<'_>,
) -> KeptUse {
    context.kept_part_by_the_other_way(table, column, position_of)
}

/// No column can be mixed up with it: a kept name with a blank gets a hash.
fn position_of(column: &Ident) -> Ident {
    Ident::new(format!("position of {column}"))
}

/// Keeps a sequence's position, and how far the column had come.
pub(super) fn save(sequence: &Sequence, table: &QName, column: &Column, kept: &str) -> String {
    format!(
        "CREATE TABLE {} AS SELECT \"s\".last_value, \"s\".is_called, ({}) AS \"furthest\" FROM {} AS \"s\"",
        kept_table(kept),
        furthest(sequence, table, column),
        quote_name(&sequence.name)
    )
}

/// The greatest number in a column, in the direction of its sequence; NULL where it holds no numbers.
fn furthest(sequence: &Sequence, table: &QName, column: &Column) -> String {
    if !counts_in(column) {
        return "SELECT NULL::bigint AS \"furthest\"".to_owned();
    }
    let aggregate = if sequence.increment < 0 { "min" } else { "max" };
    format!(
        "SELECT {aggregate}({})::bigint AS \"furthest\" FROM {}",
        quote_ident(&column.name),
        quote_name(table)
    )
}

/// Whether the values of a column can be compared with a sequence's.
pub(super) fn counts_in(column: &Column) -> bool {
    let base = column.data_type.split('(').next().unwrap_or_default();
    ["smallint", "integer", "bigint", "numeric"].contains(&base)
}

/// Puts a kept position back exactly, unless rows written since have come further.
fn put_back(sequence: &Sequence, table: &QName, column: &Column, kept: &str) -> Vec<String> {
    let beyond = if sequence.increment < 0 { "<=" } else { ">=" };
    let moved = format!(
        "\"n\".\"furthest\" {beyond} \"k\".last_value AND \"n\".\"furthest\" IS DISTINCT FROM \"k\".\"furthest\""
    );
    vec![
        format!(
            "SELECT pg_catalog.setval({}, CASE WHEN {moved} THEN \"n\".\"furthest\" ELSE \"k\".last_value END, \
             CASE WHEN {moved} THEN true ELSE \"k\".is_called END) FROM {} AS \"k\", ({}) AS \"n\"",
            literal(&quote_name(&sequence.name)),
            kept_table(kept),
            furthest(sequence, table, column)
        ),
        drop_kept(kept),
    ]
}

/// Lets a sequence go on where another one stood, which was saved.
pub(super) fn carry(sequence: &Sequence, saved: &str) -> Vec<String> {
    vec![copy(sequence, &kept_table(saved)), drop_kept(saved)]
}

/// Sets a sequence to where another relation says: at its own end where that is beyond it, and not at all where that is
/// before its beginning, as after counting the other way.
pub(super) fn copy(sequence: &Sequence, from: &str) -> String {
    let (end, begun) = match sequence.increment < 0 {
        false => (
            format!("least(last_value, {})", sequence.max),
            format!("last_value >= {}", sequence.min),
        ),
        true => (
            format!("greatest(last_value, {})", sequence.min),
            format!("last_value <= {}", sequence.max),
        ),
    };
    format!(
        "SELECT pg_catalog.setval({}, {end}, is_called) FROM {from} WHERE {begun}",
        literal(&quote_name(&sequence.name))
    )
}

/// Puts the position back that the other way kept, after the rows are there.
pub(super) fn restore(table: &QName, column: &Column, context: &Context<'_>) -> Option<Step> {
    let sequence = column_sequences(column)?;
    let kept = kept_by_the_other_way(table, &column.name, context);
    let statements = put_back(sequence, table, column, &kept.name);
    let title = format!("put position of {} back", sequence.name);
    Some(
        step(Action::AlterSequence, title, statements)
            .lock(crate::dialect::Lock::None)
            .needs([
                Resource::Table(table.clone()),
                Resource::Column(table.clone(), column.name.clone()),
                Resource::Values(table.clone(), column.name.clone()),
                slot(&sequence.name.schema, &sequence.name.name),
            ])
            .reads(kept),
    )
}

/// A sequence that was not used yet begins where a new one would.
pub(super) fn begin_anew(before: &Sequence, after: &Sequence) -> Option<String> {
    (before.start != after.start).then(|| {
        let name = quote_name(&after.name);
        format!(
            "SELECT pg_catalog.setval({}, {}, false) FROM {name} WHERE NOT is_called AND last_value = {}",
            literal(&name),
            after.start,
            before.start
        )
    })
}

/// The least and the greatest number.
pub(super) type Range = (i64, i64);

/// Whether a position may lie outside the new range.
pub(super) fn is_narrower(before: Range, after: Range) -> bool {
    after.0 > before.0 || after.1 < before.1
}

/// `ALTER SEQUENCE` where the position may lie outside the new range, which PostgreSQL refuses: it moves to the nearest
/// end of the new range, or to the new start where the ranges have nothing in common. Where it stood is kept.
pub(super) fn within(
    name: &str,
    (before, after): (Range, Range),
    start: i64,
    alter: String,
    kept: &str,
) -> Vec<String> {
    if !is_narrower(before, after) {
        return vec![alter];
    }
    let text = literal(name);
    let apart = before.0 > after.1 || before.1 < after.0;
    let (place, called) = match apart {
        true => (start.to_string(), "false"),
        false => (format!("greatest(least(last_value, {}), {})", after.1, after.0), "is_called"),
    };
    let keep = format!(
        "CREATE TABLE {} AS SELECT last_value, is_called, ({place})::bigint AS \"after\", {called} AS \"after_called\" FROM {name}",
        kept_table(kept)
    );
    match apart {
        true => vec![keep, format!("{alter} RESTART WITH {start}")],
        false => {
            let set = format!("SELECT pg_catalog.setval({text}, {place}, is_called) FROM {name}");
            vec![keep, set, alter]
        }
    }
}

/// Puts a position back and throws away what was kept, unless somebody has taken a number since.
pub(super) fn put_back_unless_taken(sequence: &QName, kept: &str) -> Vec<String> {
    let name = quote_name(sequence);
    vec![
        format!(
            "SELECT pg_catalog.setval({}, \"k\".last_value, \"k\".is_called) FROM {} AS \"k\", {name} AS \"s\" \
             WHERE \"s\".last_value = \"k\".\"after\" AND \"s\".is_called = \"k\".\"after_called\"",
            literal(&name),
            kept_table(kept)
        ),
        drop_kept(kept),
    ]
}

/// Lets a sequence stand where it stood before the other way moved it into a narrower range, unless somebody has taken
/// a number since.
pub(super) fn widen(name: &QName, kept: KeptUse) -> Step {
    let statements = put_back_unless_taken(name, &kept.name);
    step(Action::AlterSequence, format!("put position of {name} back"), statements)
        .lock(crate::dialect::Lock::None)
        .reads(kept)
}

/// Whether the position of a column's sequence is kept and put back.
pub(super) fn is_kept(table: &QName, column: &Ident, context: &Context<'_>) -> bool {
    !context.is_discarded(table, None) && !context.is_discarded(table, Some(column))
}
