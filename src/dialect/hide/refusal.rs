//! Why a column is copied where it was to be hidden.

use super::{Hiding, sqlite};
use crate::catalog::{Column, ConstraintKind, Table, TableOptions};
use crate::change::{Change, Diff, TableChange, Target};
use crate::dialect::mention;
use crate::dialect::postgres::types::is_builtin;
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, Ident, QName};

/// Why a column cannot be hidden; `None` where it can.
pub(super) fn refusal(
    diff: &Diff,
    change: &TableChange,
    column: &Column,
    hiding: &Hiding,
) -> Option<&'static str> {
    let table_before = crate::change::table_before(diff.renames(), &change.after.name);
    let is_personal = [table_before, &change.after.name]
        .into_iter()
        .filter_map(|table| hiding.personal.get(table))
        .any(|columns| columns.contains(&column.name));
    if is_personal {
        return Some("it holds personal data, and whoever reads the table could read it still");
    }
    if is_computed_back(diff, change, &column.name, table_before) {
        return Some("what the way back computes for it is noted for each row");
    }
    if is_read(diff, &column.name) {
        return Some("another column is filled from a column of that name");
    }
    if counts(column, diff.before.dialect) {
        return Some("it counts, and rows that are written since would need a number");
    }
    if change.before.primary_key().contains(&column.name) {
        return Some("it is a part of the key, which rows that are written since would need");
    }
    match &change.before.options {
        TableOptions::Postgres(_) => of_postgres(diff, change, column),
        TableOptions::Sqlite { create, .. } => sqlite_table(&change.before, column, create),
    }
}

/// Whether the way back has a value for rows of which nothing is kept, or gets the values from somewhere else.
fn is_computed_back(diff: &Diff, change: &TableChange, column: &Ident, before: &QName) -> bool {
    let targets = [before, &change.after.name].map(|table| Target::column(table, column));
    let says = |target: &Target| {
        diff.intent.moves.contains_key(target)
            || diff.intent.columns.get(target).is_some_and(|said| said.down.is_some())
    };
    change.computed_back(column).is_some() || targets.iter().any(says)
}

/// Whether something that this difference computes reads a column of that name. Renames run first, so it would find none.
fn is_read(diff: &Diff, column: &Ident) -> bool {
    let dialect = diff.before.dialect;
    let names_it = |text: &String| {
        tokenize(text, dialect)
            .iter()
            .filter_map(Token::name)
            .any(|name| name.eq_ignore_ascii_case(column.as_str()))
    };
    let said = diff.intent.columns.values().flat_map(|said| {
        [&said.backfill, &said.using, &said.leads_to, &said.contested.forth].into_iter().flatten()
    });
    let filled = diff.changes.iter().filter_map(|change| match change {
        Change::AlterTable(change) => Some(change),
        Change::Rename(_)
        | Change::Schema(_)
        | Change::Enum(_)
        | Change::Table(_)
        | Change::Opaque(_)
        | Change::Facets(_) => None,
    });
    let filled = filled.flat_map(|change| &change.mapping).filter_map(|it| it.fill.as_ref());
    said.chain(filled).any(names_it)
}

fn counts(column: &Column, dialect: Dialect) -> bool {
    let calls = |default: &String| {
        dialect == Dialect::Postgres && default.to_ascii_lowercase().contains("nextval")
    };
    column.identity.is_some()
        || column.owned_sequence.is_some()
        || column.default.as_ref().is_some_and(calls)
}

fn of_postgres(diff: &Diff, change: &TableChange, column: &Column) -> Option<&'static str> {
    let in_a_tree = |table: &Table| {
        let options = table.options.of_postgres();
        options.is_some_and(|it| it.partition_by.is_some() || !it.parents.is_empty())
    };
    let has_heirs = |table: &Table| {
        [&diff.before, &diff.after].into_iter().flat_map(|side| side.tables.values()).any(|other| {
            other.options.of_postgres().is_some_and(|it| it.parents.contains(&table.name))
        })
    };
    let sides = [&change.before, &change.after];
    let old =
        diff.before.tables.get(crate::change::table_before(diff.renames(), &change.after.name));
    if sides.into_iter().chain(old).any(|side| in_a_tree(side) || has_heirs(side)) {
        return Some("its table is partitioned or takes part in inheritance");
    }
    let of_type = |table: &&Table| {
        table.options.of_postgres().is_some_and(|options| options.of_type.is_some())
    };
    if sides.iter().any(of_type) {
        return Some("the columns of its table are those of a type");
    }
    if !is_builtin(&column.data_type) {
        return Some("its type may change or go, and the hidden column would hold on to it");
    }
    let own = |collation: &String| !collation.starts_with("pg_catalog.");
    if column.collation.as_ref().is_some_and(own) {
        return Some("its collation may go, and the hidden column would hold on to it");
    }
    if column.default.as_ref().is_some_and(|default| calls_what_may_go(default, diff)) {
        return Some("what its default calls may go, and the hidden column would hold on to it");
    }
    None
}

/// Whether a default names anything that is not the engine's own, which prints without a schema.
fn calls_what_may_go(default: &str, diff: &Diff) -> bool {
    let tokens = tokenize(default, Dialect::Postgres);
    let names: Vec<String> = tokens.iter().filter_map(Token::name).collect();
    tokens.iter().any(|token| token.is_mark(".") || token.text.starts_with("reg"))
        || diff.before.opaques.keys().any(|id| names.iter().any(|it| it == id.name.name.as_str()))
}

/// On SQLite all that is said of a column stands in the text of its table, and most of it cannot be taken out but by
/// writing the table anew.
fn sqlite_table(table: &Table, column: &Column, create: &str) -> Option<&'static str> {
    if column.not_null && column.default.is_none() {
        return Some("to make it optional SQLite writes the table anew");
    }
    if !sqlite::hidden::can_stay(create, &column.name) {
        return Some("to take a rule from it SQLite writes the table anew");
    }
    let is_ruled = table.constraints.iter().any(|constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns } => {
            columns.contains(&column.name)
        }
        ConstraintKind::ForeignKey(key) => key.columns.contains(&column.name),
        ConstraintKind::Check { expression } => mention::names(expression, &column.name),
        ConstraintKind::Exclusion => false,
    });
    let is_computed_from = table.columns.iter().filter_map(|it| it.generated.as_ref());
    let mut is_computed_from = is_computed_from.map(|it| &it.expression);
    (is_ruled || is_computed_from.any(|text| mention::names(text, &column.name)))
        .then_some("to take a rule from it SQLite writes the table anew")
}
