//! Statistics of columns whose values a plan has written: without them, or with those of the values before, the server
//! guesses until its own ANALYZE comes by, which for a large table is late.
//! Source: PostgreSQL manual, ANALYZE, 25.1.3 "Updating Planner Statistics".

use super::action::{Action, step};
use super::context::Context;
use super::keep::RowKey;
use super::quote::{list, quote_name};
use super::{online, paged};
use crate::catalog::{OpaqueKind, Table};
use crate::change::{ColumnSource, Keep, SourceOrigin, TableChange};
use crate::dialect::{Direction, Phase, Resource, Step};
use crate::text::Ident;

/// The last step for a table that is changed while it is used.
pub(super) fn step_of(change: &TableChange, context: &Context<'_>) -> Option<Step> {
    let table: &Table = &change.after;
    // Statistics of an expression may fail over values that it was not made for, as those of the server's own turn do.
    let has_expressions = context.after().opaques.values().any(|it| {
        let names = |text: &String| text.contains(table.name.name.as_str());
        it.id.kind == OpaqueKind::Statistics && it.create.iter().any(names)
    });
    if has_expressions || !online::is_online(table, context) {
        return None;
    }
    let is_stored = |it: &&ColumnSource| {
        table.column(&it.column).is_some_and(|column| column.generated.is_none())
    };
    let written =
        change.mapping.iter().filter(is_stored).filter(|it| is_paged(it, change, context));
    let columns: Vec<&Ident> = written.map(|source| &source.column).collect();
    if columns.is_empty() {
        return None;
    }
    let name = &table.name;
    let statement = format!("ANALYZE {} ({})", quote_name(name), list(columns.iter().copied()));
    let needs = columns.iter().flat_map(|column| {
        let values = Resource::Values(name.clone(), (*column).clone());
        [values, paged::all_written(name, column)]
    });
    let mut made =
        step(Action::Analyze, format!("gather statistics of {name}"), vec![statement]).needs(needs);
    made.order.phase = Phase::Last;
    Some(made)
}

/// Whether the rows of a column are written page by page. Where they are written at once, all of the plan may be one
/// transaction, which a step of its own would part.
fn is_paged(source: &ColumnSource, change: &TableChange, context: &Context<'_>) -> bool {
    let returns = || {
        let key = RowKey::to_restore(&change.before, &change.after, context);
        let kept = context.kept_by_the_other_way(&change.after.name, Some(&source.column)).name;
        context.direction == Direction::Down
            && source.origin == SourceOrigin::Same
            && source.keep == Keep::Altered
            && paged::returns_by_pages(&change.after, &source.column, &key, &kept, context)
    };
    paged::columns(change, context).contains(&&source.column) || returns()
}
