//! Views and triggers around renames. The engine rewrites the texts that use a renamed thing in its own way, or not at
//! all where they do not resolve; those that mention it are dropped before the renames and made again from the text
//! that the new schema has for them.

use std::collections::BTreeSet;

use crate::catalog::{Opaque, OpaqueKind};
use crate::change::{Change, Delta, Diff, Rename};
use crate::text::Dialect;
use crate::text::token::tokenize;

/// The difference, with unchanged views and triggers that mention a renamed thing replaced by themselves.
pub(super) fn replaced_around_renames(diff: &Diff) -> Diff {
    let mut diff = diff.clone();
    let names = renamed_names(&diff);
    if names.is_empty() {
        return diff;
    }
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
        .filter(|opaque| !changed.contains(&opaque.id) && mentions(opaque, &names))
        .map(|opaque| {
            Change::Opaque(Delta::Alter { before: opaque.clone(), after: opaque.clone() })
        })
        .collect();
    diff.changes.extend(replaced);
    diff
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

fn mentions(opaque: &Opaque, names: &BTreeSet<String>) -> bool {
    opaque
        .create
        .iter()
        .flat_map(|text| tokenize(text, Dialect::Sqlite))
        .any(|token| token.name().is_some_and(|name| names.contains(&name.to_ascii_lowercase())))
}
