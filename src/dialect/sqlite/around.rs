//! Views and triggers around renames. The engine rewrites the texts that use a renamed thing in its own way, or not at
//! all where they do not resolve; those that mention it are dropped before the renames and made again from the text
//! that the new schema has for them.
//!
//! Renaming a column further rewrites every string in double quotes of the whole schema into single quotes
//! (`renameFixQuotes` in `alter.c`); what has such strings is made again too.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::ddl::{self, ClauseKind, Key};
use crate::catalog::{Catalog, Index, IndexKey, Opaque, OpaqueKind, Table, TableOptions};
use crate::change::{Change, Delta, Diff, Rename, TableChange};
use crate::text::Dialect;
use crate::text::token::{Kind, tokenize};

/// The difference, with unchanged views and triggers that mention a renamed thing replaced by themselves.
pub(super) fn replaced_around_renames(diff: &Diff) -> Cow<'_, Diff> {
    let names = renamed_names(diff);
    if names.is_empty() {
        return Cow::Borrowed(diff);
    }
    let known = known_names(&diff.after);
    let strings = rewrites_strings(diff) == Strings::Rewritten;
    let affected =
        |opaque: &Opaque| mentions(opaque, &names) || strings && has_unknown_names(opaque, &known);
    let mut diff = diff.clone();
    let changed: BTreeSet<_> = diff
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Opaque(delta) => delta.after().map(|opaque| opaque.id.clone()),
            Change::Rename(_)
            | Change::Schema(_)
            | Change::Facets(_)
            | Change::Enum(_)
            | Change::Table(_)
            | Change::AlterTable(_) => None,
        })
        .collect();
    let replaced: Vec<Change> = diff
        .after
        .opaques
        .values()
        .filter(|opaque| matches!(opaque.id.kind, OpaqueKind::View | OpaqueKind::Trigger))
        .filter(|opaque| !changed.contains(&opaque.id) && affected(opaque))
        .map(|opaque| {
            Change::Opaque(Delta::Alter { before: opaque.clone(), after: opaque.clone() })
        })
        .collect();
    diff.changes.extend(replaced);
    Cow::Owned(diff)
}

/// Old and new names, lower case.
fn renamed_names(diff: &Diff) -> BTreeSet<String> {
    let both = diff.renames().flat_map(|rename| match rename {
        Rename::Table { before, after } => vec![before.name.to_string(), after.name.to_string()],
        Rename::Column { before, after, .. } => vec![before.to_string(), after.to_string()],
        Rename::Enum { .. }
        | Rename::EnumValue { .. }
        | Rename::Constraint { .. }
        | Rename::Index { .. } => Vec::new(),
    });
    both.map(|name| name.to_ascii_lowercase()).collect()
}

/// What becomes of strings in double quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strings {
    Stay,
    Rewritten,
}

/// Whether the engine rewrites strings in double quotes, wherever they are.
pub(super) fn rewrites_strings(diff: &Diff) -> Strings {
    match diff.renames().any(|rename| matches!(rename, Rename::Column { .. })) {
        true => Strings::Rewritten,
        false => Strings::Stay,
    }
}

/// Tables that this difference does not touch and the engine rewrites.
pub(super) fn rewritten_tables(diff: &Diff) -> Vec<TableChange> {
    let touched: BTreeSet<_> = diff
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Table(delta) => delta.after().map(|table| &table.name),
            Change::AlterTable(change) => Some(&change.after.name),
            Change::Rename(_)
            | Change::Schema(_)
            | Change::Enum(_)
            | Change::Facets(_)
            | Change::Opaque(_) => None,
        })
        .collect();
    let rest = diff.after.tables.values().filter(|table| !touched.contains(&table.name));
    let rewritten =
        rest.filter(|table| has_strings(table) || table.indexes.iter().any(index_has_strings));
    match rewrites_strings(diff) {
        Strings::Stay => Vec::new(),
        Strings::Rewritten => rewritten.map(|table| TableChange::unchanged(table, table)).collect(),
    }
}

/// Whether a check or a generated column of the table says a string in double quotes.
pub(super) fn has_strings(table: &Table) -> bool {
    let TableOptions::Sqlite { create, .. } = &table.options else { return false };
    if !create.contains('"') {
        return false;
    }
    let Ok(parsed) = ddl::parse_table(create) else { return false };
    let columns = parsed.columns.iter().map(|column| column.name.as_str());
    parsed.clauses().any(|clause| match &clause.kind {
        ClauseKind::Check(span) | ClauseKind::Generated { expression: span, .. } => {
            let text = &create[span.start..span.end];
            ddl::with_strings(text, columns.clone(), &parsed.name) != text
        }
        ClauseKind::PrimaryKey { .. }
        | ClauseKind::NotNull
        | ClauseKind::Null
        | ClauseKind::Unique { .. }
        | ClauseKind::Default(_)
        | ClauseKind::Collate(_)
        | ClauseKind::ForeignKey(_) => false,
    })
}

/// Whether a key or the predicate of the index, as it was told, is not what its text says.
pub(super) fn index_has_strings(index: &Index) -> bool {
    let Ok(parsed) = ddl::parse_index(&index.definition) else { return false };
    let told = index.keys.iter().map(|key| match key {
        IndexKey::Column(_) => None,
        IndexKey::Expression(text) => Some(text),
    });
    let written = parsed.keys.iter().map(|key| match key {
        Key::Column(_) => None,
        Key::Expression(text) => Some(text),
    });
    index.predicate != parsed.predicate || !told.eq(written)
}

/// Every name that a view or trigger can use, lower case.
fn known_names(catalog: &Catalog) -> BTreeSet<String> {
    let tables = catalog.tables.values().flat_map(|table| {
        let columns = table.columns.iter().map(|column| column.name.to_string());
        columns.chain([table.name.name.to_string()])
    });
    let opaques = catalog.opaques.keys().map(|id| id.name.name.to_string());
    tables.chain(opaques).map(|name| name.to_ascii_lowercase()).collect()
}

fn has_unknown_names(opaque: &Opaque, known: &BTreeSet<String>) -> bool {
    opaque.create.iter().flat_map(|text| tokenize(text, Dialect::Sqlite)).any(|token| {
        token.kind == Kind::Quoted
            && token.text.starts_with('"')
            && token.name().is_some_and(|name| !known.contains(&name.to_ascii_lowercase()))
    })
}

fn mentions(opaque: &Opaque, names: &BTreeSet<String>) -> bool {
    opaque
        .create
        .iter()
        .flat_map(|text| tokenize(text, Dialect::Sqlite))
        .any(|token| token.name().is_some_and(|name| names.contains(&name.to_ascii_lowercase())))
}
