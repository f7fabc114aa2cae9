//! Renames that hand a name on: `a` becomes `b` while `b` becomes `c`. The last of a chain runs first.
//!
//! A chain shows by its ends whether it is done: `a` is there before and not after, `c` after and not before. A ring
//! (`a` and `b` change places) looks the same before and after, so only the user can tell.

use super::{applies, exists};
use crate::catalog::Catalog;
use crate::change::Rename;
use crate::text::{Ident, QName};

/// The hints in the order in which they can run: chains that apply from their end, all others as they are where they
/// apply on their own.
pub(super) fn in_order(hints: &[Rename], before: &Catalog, after: &Catalog) -> Vec<Rename> {
    let mut ordered = Vec::new();
    for hint in hints.iter().filter(|hint| !hints.iter().any(|other| hands_on(other, hint))) {
        let mut chain = vec![hint.clone()];
        while let Some(next) = chain.last().and_then(|last| next_of(hints, last)) {
            chain.push(next.clone());
        }
        if chain.len() > 1 && chain_applies(&chain, before, after) {
            ordered.extend(chain.into_iter().rev());
        } else {
            ordered.extend(chain.into_iter().filter(|hint| applies(before, after, hint)));
        }
    }
    ordered
}

/// Rings whose names are all there on both sides.
pub(in crate::diff) fn rings(
    hints: &[Rename],
    before: &Catalog,
    after: &Catalog,
) -> Vec<Vec<Rename>> {
    let mut rings: Vec<Vec<Rename>> = Vec::new();
    for hint in hints {
        if rings.iter().any(|ring| ring.contains(hint)) {
            continue;
        }
        let mut ring = vec![hint.clone()];
        while let Some(next) = ring.last().and_then(|last| next_of(hints, last)) {
            if next == hint || ring.contains(next) {
                break;
            }
            ring.push(next.clone());
        }
        let closed = ring.last().is_some_and(|last| next_of(hints, last) == Some(hint));
        let there = |rename: &Rename| {
            let (old, new) = names(rename);
            old != new && exists(before, rename, &old) && exists(after, rename, &new)
        };
        if closed && ring.len() > 1 && ring.iter().all(there) {
            rings.push(ring);
        }
    }
    rings
}

fn next_of<'a>(hints: &'a [Rename], last: &Rename) -> Option<&'a Rename> {
    hints.iter().find(|other| hands_on(last, other))
}

/// Whether the first takes the name that the second gives up.
fn hands_on(first: &Rename, second: &Rename) -> bool {
    let same_space = match (first, second) {
        (Rename::Table { .. }, Rename::Table { .. })
        | (Rename::Enum { .. }, Rename::Enum { .. }) => true,
        (Rename::Column { table, .. }, Rename::Column { table: other, .. }) => table == other,
        (
            Rename::Table { .. }
            | Rename::Enum { .. }
            | Rename::Column { .. }
            | Rename::EnumValue { .. }
            | Rename::Constraint { .. }
            | Rename::Index { .. },
            _,
        ) => false,
    };
    same_space && first != second && names(first).1 == names(second).0
}

fn chain_applies(chain: &[Rename], before: &Catalog, after: &Catalog) -> bool {
    let (Some(first), Some(last)) = (chain.first(), chain.last()) else { return false };
    let (head, tail) = (names(first).0, names(last).1);
    let between = chain[1..]
        .iter()
        .map(|rename| names(rename).0)
        .all(|name| exists(before, first, &name) && exists(after, first, &name));
    between
        && exists(before, first, &head)
        && !exists(after, first, &head)
        && exists(after, first, &tail)
        && !exists(before, first, &tail)
}

/// The old and the new name; tables and types with their schema.
pub(super) fn names(rename: &Rename) -> (QName, QName) {
    let local = |name: &Ident| QName::new("", name.as_str());
    match rename {
        Rename::Table { before, after } | Rename::Enum { before, after } => {
            (before.clone(), after.clone())
        }
        Rename::Column { before, after, .. }
        | Rename::Constraint { before, after, .. }
        | Rename::Index { before, after, .. } => (local(before), local(after)),
        Rename::EnumValue { before, after, .. } => {
            (QName::new("", before.as_str()), QName::new("", after.as_str()))
        }
    }
}
