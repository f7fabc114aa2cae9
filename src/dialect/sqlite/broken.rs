//! Views and triggers that may not resolve: a rename fails where any of them does not, whatever it has to do with
//! the renamed thing (sqlite.org/lang_altertable.html: "error in view …"). They are dropped before the renames and
//! made again from their own text afterwards, broken as they were.
//!
//! Told by words alone: one that uses a name nobody in the schema has. A sound one that is taken for broken is made
//! again for nothing; a broken one that is not found makes the rename fail, and nothing is changed.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::catalog::{Catalog, Opaque, OpaqueKind};
use crate::change::{Change, Delta, Diff, Rename};
use crate::text::Dialect;
use crate::text::token::{Kind, Token, tokenize};

/// The difference, with unchanged views and triggers that may be broken replaced by themselves if anything is renamed.
pub(super) fn replaced_around_renames(diff: &Diff) -> Cow<'_, Diff> {
    if diff.renames().next().is_none() {
        return Cow::Borrowed(diff);
    }
    let mut diff = diff.clone();
    let known = known_words(&diff);
    let changed: BTreeSet<_> = diff
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Opaque(delta) => delta.after().map(|opaque| opaque.id.clone()),
            Change::Rename(_)
            | Change::Schema(_)
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
        .filter(|opaque| !changed.contains(&opaque.id) && may_be_broken(opaque, &known))
        .map(|opaque| {
            Change::Opaque(Delta::Alter { before: opaque.clone(), after: opaque.clone() })
        })
        .collect();
    diff.changes.extend(replaced);
    Cow::Owned(diff)
}

/// Names of tables, views and columns on both sides, lower case.
fn known_words(diff: &Diff) -> BTreeSet<String> {
    let of = |catalog: &Catalog| -> Vec<String> {
        let tables = catalog.tables.values().flat_map(|table| {
            let columns = table.columns.iter().map(|column| column.name.to_string());
            columns.chain([table.name.name.to_string()])
        });
        let opaques = catalog.opaques.values().flat_map(|opaque| {
            let defined = opaque.create.iter().flat_map(|text| aliases(text));
            defined.chain([opaque.id.name.name.to_string()])
        });
        tables.chain(opaques).collect()
    };
    let renamed = diff.renames().flat_map(|rename| match rename {
        Rename::Table { before, after } => vec![before.name.to_string(), after.name.to_string()],
        Rename::Column { before, after, .. } => vec![before.to_string(), after.to_string()],
        Rename::Enum { .. }
        | Rename::EnumValue { .. }
        | Rename::Constraint { .. }
        | Rename::Index { .. } => Vec::new(),
    });
    // A name that only the old side has is gone by the time of the later renames, and still there at the first.
    let words = of(&diff.after).into_iter().chain(renamed);
    words.map(|word| word.to_lowercase()).collect()
}

fn may_be_broken(opaque: &Opaque, known: &BTreeSet<String>) -> bool {
    opaque.create.iter().any(|text| {
        let own: BTreeSet<String> = aliases(text).map(|word| word.to_lowercase()).collect();
        used_names(text).iter().any(|name| {
            !known.contains(name) && !own.contains(name) && !KEYWORDS.contains(&name.as_str())
        })
    })
}

/// Names given inside the text: after `AS`, and before `AS (` in a WITH.
fn aliases(text: &str) -> impl Iterator<Item = String> {
    let tokens = code(text);
    let mut found = Vec::new();
    for pair in tokens.windows(2) {
        let name = match (&pair[0], &pair[1]) {
            (first, second) if first.is_word("AS") => second.name(),
            (first, second) if second.is_word("AS") => first.name(),
            // `FROM t x`: two names in a row.
            (first, second) if is_name(first) && is_name(second) => second.name(),
            _ => None,
        };
        found.extend(name);
    }
    found.into_iter()
}

fn is_name(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Quoted => true,
        Kind::Word => !KEYWORDS.contains(&token.text.to_lowercase().as_str()),
        Kind::Text | Kind::Number | Kind::Parameter | Kind::Mark | Kind::Comment | Kind::Space => {
            false
        }
    }
}

/// Identifiers that are not called as functions.
fn used_names(text: &str) -> Vec<String> {
    let tokens = code(text);
    let called = |index: usize| tokens.get(index + 1).is_some_and(|next| next.is_mark("("));
    tokens
        .iter()
        .enumerate()
        .filter(|(index, token)| {
            token.kind == Kind::Quoted || (token.kind == Kind::Word && !called(*index))
        })
        .filter_map(|(_, token)| token.name())
        .map(|name| name.to_lowercase())
        .collect()
}

fn code(text: &str) -> Vec<Token<'_>> {
    tokenize(text, Dialect::Sqlite).into_iter().filter(Token::is_code).collect()
}

/// Source: sqlite.org/lang_keywords.html, and the names that are there without a table.
const KEYWORDS: &[&str] = &[
    "abort",
    "after",
    "all",
    "always",
    "and",
    "as",
    "asc",
    "before",
    "begin",
    "between",
    "by",
    "case",
    "cast",
    "collate",
    "conflict",
    "create",
    "cross",
    "current",
    "current_date",
    "current_time",
    "current_timestamp",
    "deferred",
    "delete",
    "desc",
    "distinct",
    "do",
    "each",
    "else",
    "end",
    "escape",
    "except",
    "excluded",
    "exclude",
    "exists",
    "fail",
    "false",
    "filter",
    "first",
    "following",
    "for",
    "from",
    "full",
    "glob",
    "group",
    "groups",
    "having",
    "if",
    "ignore",
    "in",
    "indexed",
    "inner",
    "insert",
    "instead",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "last",
    "left",
    "like",
    "limit",
    "main",
    "match",
    "materialized",
    "natural",
    "new",
    "no",
    "not",
    "nothing",
    "notnull",
    "null",
    "nulls",
    "of",
    "offset",
    "oid",
    "old",
    "on",
    "or",
    "order",
    "others",
    "outer",
    "over",
    "partition",
    "preceding",
    "raise",
    "range",
    "recursive",
    "regexp",
    "replace",
    "returning",
    "right",
    "rollback",
    "row",
    "rowid",
    "_rowid_",
    "rows",
    "select",
    "set",
    "temp",
    "temporary",
    "then",
    "ties",
    "trigger",
    "true",
    "unbounded",
    "union",
    "unique",
    "update",
    "using",
    "values",
    "view",
    "when",
    "where",
    "window",
    "with",
    "without",
    "binary",
    "nocase",
    "rtrim",
    "integer",
    "text",
    "real",
    "blob",
    "numeric",
];
