//! Statistics of columns whose values a plan has written: without them, or with those of the values before, the server
//! guesses until its own ANALYZE comes by, which for a large table is late.
//! Source: PostgreSQL manual, ANALYZE, 25.1.3 "Updating Planner Statistics".

use super::action::{Action, step};
use super::context::Context;
use super::quote::{list, quote_name};
use super::{online, paged};
use crate::catalog::Table;
use crate::change::{ColumnSource, Keep, SourceOrigin, TableChange};
use crate::dialect::{Direction, Phase, Resource, Step};
use crate::text::Ident;

/// The last step for a table that is changed while it is used.
pub(super) fn step_of(change: &TableChange, context: &Context<'_>) -> Option<Step> {
    let table: &Table = &change.after;
    if !online::is_online(table, context) {
        return None;
    }
    let is_stored = |it: &&ColumnSource| {
        table.column(&it.column).is_some_and(|column| column.generated.is_none())
    };
    let written = change.mapping.iter().filter(is_stored).filter(|it| writes(it, change, context));
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

/// Whether a plan writes the rows of a column, or types them anew.
fn writes(source: &ColumnSource, change: &TableChange, context: &Context<'_>) -> bool {
    let returns = context.direction == Direction::Down
        && !context.is_discarded(&change.after.name, Some(&source.column));
    match source.origin {
        SourceOrigin::Cast { .. } => true,
        SourceOrigin::Same => {
            source.keep == Keep::Altered || source.fill.is_some() || !source.values.is_empty()
        }
        SourceOrigin::New => {
            returns
                || source.fill.is_some()
                || paged::columns(change, context).contains(&&source.column)
        }
        SourceOrigin::Computed => false,
    }
}
