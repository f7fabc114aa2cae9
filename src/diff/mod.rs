//! Compares two catalogs under the user's intent. Nothing is guessed: what only the user can decide comes back as
//! a question, with the exact line that answers it.

mod facets;
mod mapping;
mod question;
mod rename;
mod retold;
mod table;
mod unsaid;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use self::rename::enum_of;
pub use self::rename::forget_conversions;
use self::unsaid::Owners;
pub use self::unsaid::{forget_not_null_names, with_not_null_names};
use crate::catalog::fingerprint::normalize_opaque;
use crate::catalog::{Catalog, Opaque, Table};
use crate::change::{Change, Delta, Diff, Intent, Question, Rename, Way};

/// All that differs between `before` and `after`, and what is left open.
///
/// Both catalogs must be printed by the same hand (both by our printer, or both by an engine), else equal things
/// look different.
pub fn diff(
    before: &(impl Clone + Into<Arc<Catalog>>),
    after: &(impl Clone + Into<Arc<Catalog>>),
    intent: &Intent,
) -> (Diff, Vec<Question>) {
    let diff = compare(before.clone().into(), after.clone().into(), intent, Way::Forth);
    let questions = question::ask(&diff);
    (diff, questions)
}

/// The way back: the same comparison with the sides swapped, so `inverse(inverse(d)) == d`.
pub fn inverse(diff: &Diff) -> Diff {
    let way = match diff.way {
        Way::Forth => Way::Back,
        Way::Back => Way::Forth,
    };
    compare(Arc::clone(&diff.after), Arc::clone(&diff.before), &diff.intent, way)
}

/// The catalog under new names, as the engine's own RENAME statements would leave it.
pub fn renamed<'a>(catalog: &'a Catalog, renames: &[Rename]) -> Cow<'a, Catalog> {
    rename::apply(catalog, renames)
}

/// The catalog before, under the names that the renames of the intent which apply give.
pub fn under_new_names<'a>(
    before: &'a Catalog,
    after: &Catalog,
    intent: &Intent,
) -> Cow<'a, Catalog> {
    rename::apply(before, &rename::resolve(before, after, intent, Way::Forth))
}

fn compare(before: Arc<Catalog>, after: Arc<Catalog>, intent: &Intent, way: Way) -> Diff {
    // Two scripts, or two databases, say all that there is to say.
    let is_silent =
        before.reader.is_some() && after.reader.is_none() && !facets::says_owners(&after);
    let owners = if is_silent { Owners::Stay } else { Owners::Compared };
    let (before, after) = match way {
        Way::Forth => {
            let old = facets::without_runner(&before, &after).map(Arc::new);
            let new = facets::without_runner(&after, &before).map(Arc::new);
            (old.unwrap_or(before), new.unwrap_or(after))
        }
        Way::Back => (before, after),
    };
    let renames = rename::resolve(&before, &after, intent, way);
    let settled = match way {
        Way::Forth => unsaid::settled(&rename::apply(&before, &renames), &after, owners),
        // The way forth has settled it, and both sides are as it left them.
        Way::Back => None,
    };
    let after = settled.map_or(after, Arc::new);
    let (before, after) = match way {
        Way::Forth => {
            let [marked, target] = unsaid::spelled(&before, &after);
            (marked.map_or(before, Arc::new), target.map_or(after, Arc::new))
        }
        Way::Back => (before, after),
    };
    let changes = changes(&before, &after, intent, way, &renames);
    let discard = rename::under_both_names(&intent.discard, intent);
    Diff { before, after, changes, discard, intent: intent.clone(), way }
}

fn changes(
    before: &Catalog,
    after: &Catalog,
    intent: &Intent,
    way: Way,
    renames: &[Rename],
) -> Vec<Change> {
    let renamed = rename::apply(before, renames);
    let mut changes: Vec<Change> = renames.iter().cloned().map(Change::Rename).collect();

    let schemas = |catalog: &Catalog| -> BTreeMap<_, _> {
        catalog.schemas.iter().map(|name| (name.clone(), name.clone())).collect()
    };
    changes
        .extend(deltas(&schemas(&renamed), &schemas(after), same).into_iter().map(Change::Schema));
    changes.extend(deltas(&renamed.enums, &after.enums, same).into_iter().map(Change::Enum));

    let sides = mapping::Sides { before: &renamed, after, intent, way, renames };
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

    let same_opaque = |left: &Opaque, right: &Opaque| {
        left == right
            || normalize_opaque(left, after.dialect) == normalize_opaque(right, after.dialect)
    };
    changes.extend(
        deltas(&renamed.opaques, &after.opaques, same_opaque).into_iter().map(Change::Opaque),
    );

    changes.extend(facets::compare(&renamed, after));
    changes
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
