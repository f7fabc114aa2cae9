//! Compares two catalogs under the user's intent. Nothing is guessed: what only the user can decide comes back as
//! a question, with the exact line that answers it.

mod facets;
mod mapping;
mod question;
mod rename;
mod table;

use std::collections::BTreeMap;

use crate::catalog::fingerprint::normalize_opaque;
use crate::catalog::{Catalog, Table};
use crate::change::{Change, Delta, Diff, Intent, Question, Rename, Way};

/// All that differs between `before` and `after`, and what is left open.
///
/// Both catalogs must be printed by the same hand (both by our printer, or both by an engine), else equal things
/// look different.
pub fn diff(before: &Catalog, after: &Catalog, intent: &Intent) -> (Diff, Vec<Question>) {
    let diff = compare(before, after, intent, Way::Forth);
    let questions = question::ask(&diff);
    (diff, questions)
}

/// The way back: the same comparison with the sides swapped, so `inverse(inverse(d)) == d`.
pub fn inverse(diff: &Diff) -> Diff {
    let way = match diff.way {
        Way::Forth => Way::Back,
        Way::Back => Way::Forth,
    };
    compare(&diff.after, &diff.before, &diff.intent, way)
}

/// The catalog under new names, as the engine's own RENAME statements would leave it.
pub fn renamed(catalog: &Catalog, renames: &[Rename]) -> Catalog {
    rename::apply(catalog, renames)
}

fn compare(before: &Catalog, after: &Catalog, intent: &Intent, way: Way) -> Diff {
    let renames = rename::resolve(before, after, intent, way);
    let renamed = rename::apply(before, &renames);
    let mut changes: Vec<Change> = renames.iter().cloned().map(Change::Rename).collect();

    let schemas = |catalog: &Catalog| -> BTreeMap<_, _> {
        catalog.schemas.iter().map(|name| (name.clone(), name.clone())).collect()
    };
    changes
        .extend(deltas(&schemas(&renamed), &schemas(after), same).into_iter().map(Change::Schema));
    changes.extend(deltas(&renamed.enums, &after.enums, same).into_iter().map(Change::Enum));

    let sides = mapping::Sides { before: &renamed, after, intent, way, renames: &renames };
    // Values of an enum that changes may be mapped, so the tables that use it change with it.
    let changed_enums: Vec<_> = after
        .enums
        .values()
        .filter(|new| renamed.enums.get(&new.name).is_some_and(|old| old.values != new.values))
        .collect();
    let uses_changed_enum = |table: &Table| {
        table.columns.iter().any(|column| {
            let element = column.data_type.trim_end_matches("[]");
            changed_enums.iter().any(|new| rename::is_type(element, &new.name))
        })
    };
    let same_table = |left: &Table, right: &Table| {
        table::same(left, right, after.dialect) && !uses_changed_enum(right)
    };
    for delta in deltas(&renamed.tables, &after.tables, same_table) {
        changes.push(match delta {
            Delta::Alter { before: old, after: new } => {
                Change::AlterTable(Box::new(table::change(old, new, &sides)))
            }
            delta @ (Delta::Add(_) | Delta::Drop(_)) => Change::Table(delta),
        });
    }

    let same_opaque = |left: &_, right: &_| {
        normalize_opaque(left, after.dialect) == normalize_opaque(right, after.dialect)
    };
    changes.extend(
        deltas(&renamed.opaques, &after.opaques, same_opaque).into_iter().map(Change::Opaque),
    );

    changes.extend(facets::compare(&renamed, after));

    Diff {
        before: before.clone(),
        after: after.clone(),
        changes,
        discard: rename::under_both_names(&intent.discard, intent),
        intent: intent.clone(),
        way,
    }
}

fn same<T: PartialEq>(left: &T, right: &T) -> bool {
    left == right
}

/// What was dropped, added and altered between two maps, in key order.
fn deltas<'a, K: Ord, T: Clone>(
    before: &'a BTreeMap<K, T>,
    after: &'a BTreeMap<K, T>,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<Delta<T>> {
    let dropped = before
        .iter()
        .filter(|(key, _)| !after.contains_key(key))
        .map(|(_, value)| Delta::Drop(value.clone()));
    let rest = after.iter().filter_map(|(key, new)| match before.get(key) {
        None => Some(Delta::Add(new.clone())),
        Some(old) if same(old, new) => None,
        Some(old) => Some(Delta::Alter { before: old.clone(), after: new.clone() }),
    });
    dropped.chain(rest).collect()
}

#[cfg(test)]
mod tests;
