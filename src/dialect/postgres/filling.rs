//! How the rows that are there get their values in a column that is added: at once, or page by page while they are used.

use super::action::all;
use super::columns::{hold_what_goes, is_volatile, reads_first};
use super::context::Context;
use super::parts::columns;
use super::quote::{quote_ident, quote_name};
use super::{moved, online, paged, passing, sequences, values};
use crate::catalog::Column;
use crate::change::{ColumnSource, TableChange};
use crate::dialect::{Resource, Step, moving};
use crate::text::{Dialect, Ident, QName};

/// How a column is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// With the column, or in one statement.
    AtOnce,
    /// What the model says, page by page.
    ByPages,
    /// Its default, which gives each row its own value, page by page.
    DefaultByPages,
}

/// Which rows a step fills. A row that moves to another page while the others are filled is missed by pages, and not by a
/// statement that looks at the whole table, which waits for who writes a row and looks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    ThatAreThere,
    WrittenMeanwhile,
}

/// How a column is filled; `returns` says whether values that the other way kept come back to it.
pub(super) fn how(
    change: &TableChange,
    column: &Column,
    source: &ColumnSource,
    returns: bool,
    context: &Context<'_>,
) -> How {
    if !online::is_filled_by_pages(&change.after, context) {
        return How::AtOnce;
    }
    match (&source.fill, default(column)) {
        (Some(fill), _) => {
            let reads_what_goes = reads_what_goes(change, &column.name, fill, context);
            // Kept values come back to rows that hold what was filled in, and not over what was written meanwhile.
            let is_told_apart = !returns || source.computed(Dialect::Postgres).is_some();
            if is_told_apart && !reads_what_goes { How::ByPages } else { How::AtOnce }
        }
        // Kept values come back before the others are filled, for none of them is NULL.
        (None, Some(default))
            if is_volatile(default)
                && !sequences::numbers(column)
                && !super::handed_out::counts_elsewhere(column)
                && (column.not_null || !returns) =>
        {
            How::DefaultByPages
        }
        (None, _) => How::AtOnce,
    }
}

/// Whether an expression reads a column that goes: what is written into that must be seen until it goes.
pub(super) fn reads_what_goes(
    change: &TableChange,
    own: &Ident,
    text: &str,
    context: &Context<'_>,
) -> bool {
    let is_named =
        |it: &Resource| matches!(it, Resource::Column(_, name) if text.contains(name.as_str()));
    values::fill_frees(change, own).iter().any(is_named)
        || !reads_first(text, &change.after.name, context).is_empty()
}

/// The default that a column has where it is added.
pub(super) fn default(column: &Column) -> Option<&String> {
    column.default.as_ref().filter(|_| !passing::counts_itself(column))
}

/// The step that fills a column.
fn backfill(
    change: &TableChange,
    column: &Column,
    source: &ColumnSource,
    (how, rows): (How, Rows),
    context: &Context<'_>,
) -> Step {
    let table = &change.after.name;
    let fill = source.fill.as_ref().map(|fill| moved::fill(fill, table, column, context));
    let fill = match (fill, default(column)) {
        (Some(fill), Some(default)) => format!("COALESCE(({fill}), {default})"),
        (Some(fill), None) => fill,
        (None, default) => default.cloned().unwrap_or_default(),
    };
    let reads = reads_first(&fill, table, context);
    let mut statements = hold_what_goes(&reads, table);
    let update = match how {
        How::AtOnce => values::fill_statement(table, column, &fill),
        // A row whose value comes to nothing is not written.
        How::ByPages if !column.not_null && default(column).is_none() => {
            format!("{} AND ({fill}) IS NOT NULL", values::fill_statement(table, column, &fill))
        }
        How::ByPages => values::fill_statement(table, column, &fill),
        How::DefaultByPages => fill_with_default(table, column),
    };
    statements.push(match rows {
        Rows::ThatAreThere if how != How::AtOnce => of_pages(&update),
        Rows::ThatAreThere | Rows::WrittenMeanwhile => update,
    });
    let title = match rows {
        Rows::ThatAreThere => format!("backfill {table}.{}", column.name),
        Rows::WrittenMeanwhile => {
            format!("backfill {table}.{}, rows written meanwhile", column.name)
        }
    };
    let made = values::quietly(title, table, statements, context)
        .needs(all([columns(&change.after)]))
        .needs(values::fill_needs(change, context))
        .needs(moving::read_by(&fill, context.diff))
        .frees(values::fill_frees(change, &column.name))
        .frees(reads);
    match (how, rows) {
        (How::AtOnce, _) => made,
        (How::ByPages | How::DefaultByPages, Rows::ThatAreThere) => online::by_pages(made, table),
        (How::ByPages | How::DefaultByPages, Rows::WrittenMeanwhile) => made.own().apart(),
    }
}

/// The steps that fill a column of any table, and what is left for once no row without a value can come in any more.
pub(super) fn steps(
    change: &TableChange,
    column: &Column,
    source: &ColumnSource,
    how: How,
    filled: &Resource,
    context: &Context<'_>,
) -> (Vec<Step>, Option<Step>) {
    let name = &column.name;
    let own_values = || [Resource::Values(change.after.name.clone(), name.clone())];
    let first = backfill(change, column, source, (how, Rows::ThatAreThere), context);
    if how == How::AtOnce {
        return (vec![first.makes([filled.clone()]).takes(own_values())], None);
    }
    if column.not_null {
        // Nobody can write a row that is left once a check keeps others from coming in: it stands still for a last pass.
        let table = &change.after.name;
        let rest = backfill(change, column, source, (how, Rows::ThatAreThere), context);
        let again = paged::second_pass(&first, table, name).makes([filled.clone()]);
        let first = first.makes([paged::first_pass(table, name)]).takes(own_values());
        return (vec![first, again], Some(rest));
    }
    let rest = backfill(change, column, source, (how, Rows::WrittenMeanwhile), context);
    let most = Resource::Constraint(change.after.name.clone(), format!("most of {name} is filled"));
    let first = first.makes([most.clone()]).takes(own_values());
    (vec![first, rest.needs([most]).makes([filled.clone()]).takes(own_values())], None)
}

fn fill_with_default(table: &QName, column: &Column) -> String {
    let (of, name) = (quote_name(table), quote_ident(&column.name));
    format!("UPDATE {of} AS \"t\" SET {name} = DEFAULT WHERE \"t\".{name} IS NULL")
}

/// The same for the pages that the runner names.
fn of_pages(update: &str) -> String {
    format!("{update} AND {ON_PAGES}")
}

/// Whether row `t` is on the pages that the runner names.
pub(super) const ON_PAGES: &str = "\"t\".ctid >= current_setting('migrate.batch_from')::tid \
     AND \"t\".ctid < current_setting('migrate.batch_to')::tid";
