//! Why a column is copied where it was to be hidden.

use super::{Hiding, sqlite};
use crate::catalog::{Column, ConstraintKind, Table, TableOptions};
use crate::change::{Diff, TableChange, Target};
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
    if is_read(diff, change, &column.name, table_before) {
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
        diff.intent.moves.iter().any(|it| it.giver == *target || it.reference.contains(column))
            || diff.intent.columns.get(target).is_some_and(|said| said.down.is_some())
    };
    change.computed_back(column).is_some() || targets.iter().any(says)
}

/// Whether something that this difference computes may read the column: renames run first, so it would find none. By words
/// alone: an expression of the table that has the name, or one of another table that has the names of both.
fn is_read(diff: &Diff, change: &TableChange, column: &Ident, before: &QName) -> bool {
    let dialect = diff.before.dialect;
    let tables = [before, &change.after.name];
    let reads = |of: &QName, text: &String| {
        let tokens = tokenize(text, dialect);
        let names: Vec<String> = tokens.iter().filter_map(Token::name).collect();
        let has = |name: &Ident| names.iter().any(|it| it.eq_ignore_ascii_case(name.as_str()));
        let by_name = has(column) && tables.iter().any(|it| *it == of || has(&it.name));
        by_name || tables.contains(&of) && reads_whole_row(&tokens, &tables)
    };
    let said = diff.intent.columns.iter().flat_map(|(target, said)| {
        let texts = [&said.backfill, &said.using, &said.leads_to, &said.contested.forth];
        texts.into_iter().flatten().map(|text| (&target.table, text))
    });
    let filled = diff.table_changes().into_values().flat_map(|change| {
        let fills = change.mapping.iter().filter_map(|source| source.fill.as_ref());
        fills.map(|fill| (&change.after.name, fill))
    });
    let mut all = said.chain(filled);
    all.any(|(table, text)| reads(table, text))
}

/// Whether an expression reads all columns of its row: `"t"` alone, or `"t".*`.
fn reads_whole_row(tokens: &[Token<'_>], tables: &[&QName; 2]) -> bool {
    let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
    (0..code.len()).any(|at| {
        let is_row = code[at].name().is_some_and(|name| {
            name.eq_ignore_ascii_case("t")
                || tables.iter().any(|it| name.eq_ignore_ascii_case(it.name.as_str()))
        });
        let mark = |at: usize, mark: &str| code.get(at).is_some_and(|token| token.is_mark(mark));
        let is_qualified = at > 0 && code[at - 1].is_mark(".");
        is_row && !is_qualified && (!mark(at + 1, ".") || mark(at + 2, "*"))
    })
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
