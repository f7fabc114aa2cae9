//! What differs between state machines, in the words of the domain: which change of state is possible now and was not before.

use std::collections::{BTreeMap, BTreeSet};

use super::describe::describe;
use super::{Change, Diff};
use crate::catalog::machine::{Machine, Transition, machines, objects};
use crate::catalog::{Catalog, ObjectId};
use crate::text::{Dialect, Ident, QName};

/// Every change of a difference in one line: state machines first, in words; without the objects that hold those.
pub fn described(diff: &Diff) -> Vec<String> {
    let pairs = pairs(diff);
    let mut lines: Vec<String> = Vec::new();
    let mut said: BTreeSet<ObjectId> = BTreeSet::new();
    for pair in &pairs {
        let words = differences(pair.before.as_ref(), pair.after.as_ref());
        if !words.is_empty() {
            said.extend(pair.objects.iter().cloned());
            lines.extend(words);
        }
    }
    let is_said = |change: &Change| match change {
        Change::Opaque(delta) => {
            delta.before().or(delta.after()).is_some_and(|opaque| said.contains(&opaque.id))
        }
        Change::Rename(_)
        | Change::Schema(_)
        | Change::Facets(_)
        | Change::Enum(_)
        | Change::Table(_)
        | Change::AlterTable(_) => false,
    };
    let rest = diff.changes.iter().filter(|change| !is_said(change)).map(describe);
    rest.chain(lines).collect()
}

/// One machine on both sides, and the objects that hold it on either.
struct Pair {
    before: Option<Machine>,
    after: Option<Machine>,
    objects: Vec<ObjectId>,
}

fn pairs(diff: &Diff) -> Vec<Pair> {
    let changed = |change: &Change| matches!(change, Change::Opaque(_));
    if !diff.changes.iter().any(changed) {
        return Vec::new();
    }
    let renamed = |(table, column): (QName, Ident)| {
        let table = diff
            .renames()
            .filter_map(super::Rename::of_table)
            .fold(table, |name, pair| if *pair.0 == name { pair.1.clone() } else { name });
        let column = diff.renames().fold(column, |name, rename| match rename {
            super::Rename::Column { table: of, before, after }
                if *of == table && *before == name =>
            {
                after.clone()
            }
            _ => name,
        });
        (table, column)
    };
    let mut found: BTreeMap<(QName, Ident), Pair> = BTreeMap::new();
    let mut add = |catalog: &Catalog, is_before: bool| {
        for (key, machine) in machines(catalog) {
            let objects = objects(catalog.dialect, &key.0, &key.1);
            let key = if is_before { renamed(key) } else { key };
            let pair = found.entry(key).or_insert_with(|| Pair {
                before: None,
                after: None,
                objects: Vec::new(),
            });
            pair.objects.extend(objects);
            match is_before {
                true => pair.before = Some(machine),
                false => pair.after = Some(machine),
            }
        }
    };
    add(&diff.before, true);
    add(&diff.after, false);
    let both = found.into_values().map(|mut pair| {
        // A comment is no part of a trigger there: who may take a transition is compared between models.
        if let (Dialect::Sqlite, Some(before), Some(after)) =
            (diff.after.dialect, &mut pair.before, &mut pair.after)
        {
            let each = before.transitions.iter_mut().chain(&mut after.transitions);
            each.for_each(|transition| transition.by.clear());
        }
        pair
    });
    both.filter(|pair| pair.before != pair.after).collect()
}

/// What is possible and was not, and the other way round.
pub fn differences(before: Option<&Machine>, after: Option<&Machine>) -> Vec<String> {
    let (before, after) = match (before, after) {
        (None, None) => return Vec::new(),
        (Some(before), None) => {
            return vec![format!("- {}: its state may change freely", before.title())];
        }
        (None, Some(after)) => {
            let title = after.title();
            let begins = after.initial.as_ref().map(|it| format!("+ {title} begins as {it}"));
            let ways = after.transitions.iter().map(|it| format!("+ {title}: {}", whole(it)));
            return begins.into_iter().chain(ways).collect();
        }
        (Some(before), Some(after)) => (before, after),
    };
    let title = after.title();
    let mut lines = Vec::new();
    if before.title() != title {
        lines.push(format!("> states of {} -> {title}", before.title()));
    }
    match (&before.initial, &after.initial) {
        (old, Some(new)) if old.as_ref() != Some(new) => {
            lines.push(format!("~ {title} begins as {new}{}", instead(old.as_deref())));
        }
        (Some(_), None) => lines.push(format!("~ {title} may begin in any state")),
        _ => {}
    }
    let named = |machine: &'_ Machine, name: &str| {
        machine.transitions.iter().find(|it| it.name == name).cloned()
    };
    for old in &before.transitions {
        match named(after, &old.name) {
            None => lines.push(format!("- {title}: {}", whole(old))),
            Some(new) => {
                let parts = changed(old, &new);
                lines.extend(
                    parts.into_iter().map(|it| format!("~ {title}: transition {} {it}", old.name)),
                );
            }
        }
    }
    let added = after.transitions.iter().filter(|it| named(before, &it.name).is_none());
    lines.extend(added.map(|new| format!("+ {title}: {}", whole(new))));
    lines
}

fn instead(old: Option<&str>) -> String {
    old.map(|old| format!(", not as {old}")).unwrap_or_default()
}

fn whole(transition: &Transition) -> String {
    let mut text = format!(
        "transition {} from {} to {}",
        transition.name,
        transition.from.join(", "),
        transition.to
    );
    if !transition.by.is_empty() {
        text.push_str(&format!(" by {}", transition.by.join(", ")));
    }
    if let Some(when) = &transition.when {
        text.push_str(&format!(" when {when}"));
    }
    text
}

fn changed(old: &Transition, new: &Transition) -> Vec<String> {
    let mut parts = Vec::new();
    let (starts, stops) = (more(&old.from, &new.from), more(&new.from, &old.from));
    if !starts.is_empty() {
        parts.push(format!("may now start from {}", starts.join(", ")));
    }
    if !stops.is_empty() {
        parts.push(format!("may no longer start from {}", stops.join(", ")));
    }
    if old.to != new.to {
        parts.push(format!("leads to {}, not to {}", new.to, old.to));
    }
    parts.extend(by_changed(&old.by, &new.by));
    match (&old.when, &new.when) {
        (None, Some(when)) => parts.push(format!("needs {when}")),
        (Some(when), None) => parts.push(format!("no longer needs {when}")),
        (Some(old), Some(new)) if old != new => parts.push(format!("needs {new}, not {old}")),
        _ => {}
    }
    parts
}

fn more(old: &[String], new: &[String]) -> Vec<String> {
    new.iter().filter(|it| !old.contains(it)).cloned().collect()
}

/// What a transition of other roles is; no role is every role.
pub(super) fn by_changed(old: &[String], new: &[String]) -> Vec<String> {
    let (joined, left) = (more(old, new), more(new, old));
    let mut parts = Vec::new();
    match (old.is_empty(), new.is_empty()) {
        (true, false) => parts.push(format!("is for {} only", new.join(", "))),
        (false, true) => parts.push("is for every role".to_owned()),
        (true, true) | (false, false) => {
            if !joined.is_empty() {
                parts.push(format!("may now be taken by {}", joined.join(", ")));
            }
            if !left.is_empty() {
                parts.push(format!("may no longer be taken by {}", left.join(", ")));
            }
        }
    }
    parts
}
