//! A change in one line, for people.

use super::{Change, Delta, Rename, TableChange};
use crate::catalog::facets::Facets;
use crate::catalog::{Column, Constraint, Index};

/// `+ table invoices`, `- column users.fax`, `~ table users: ~ email text -> citext`.
pub fn describe(change: &Change) -> String {
    match change {
        Change::Rename(rename) => describe_rename(rename),
        Change::Schema(delta) => mark(delta, "schema", |name| name.to_string()),
        Change::Enum(delta) => mark(delta, "enum", |kind| kind.name.to_string()),
        Change::Table(delta) => mark(delta, "table", |table| table.name.to_string()),
        Change::AlterTable(change) => describe_table(change),
        Change::Opaque(delta) => match delta {
            Delta::Add(opaque) => format!("+ {}", opaque.id),
            Delta::Drop(opaque) => format!("- {}", opaque.id),
            Delta::Alter { after, .. } => format!("~ {}", after.id),
        },
        Change::Facets(delta) => describe_facets(delta),
    }
}

fn describe_facets(delta: &Delta<Facets>) -> String {
    let side = delta.after().or(delta.before()).expect("a delta has a side");
    let nothing = Facets::none(side.of.clone());
    let (before, after) = (delta.before().unwrap_or(&nothing), delta.after().unwrap_or(&nothing));
    let mut parts = Vec::new();
    if before.owner != after.owner {
        parts.push("owner");
    }
    if before.comment != after.comment {
        parts.push("comment");
    }
    if before.grants != after.grants {
        parts.push("rights");
    }
    if before.switches != after.switches {
        parts.push("row security");
    }
    if before.lines != after.lines {
        parts.push("settings");
    }
    format!("~ {}: {}", side.of, parts.join(", "))
}

fn describe_rename(rename: &Rename) -> String {
    match rename {
        Rename::Table { before, after } => format!("> table {before} -> {after}"),
        Rename::Column { table, before, after } => {
            format!("> column {table}.{before} -> {after}")
        }
        Rename::Enum { before, after } => format!("> enum {before} -> {after}"),
        Rename::EnumValue { name, before, after } => format!("> value {name}: {before} -> {after}"),
        Rename::Constraint { table, before, after } => {
            format!("> constraint {table}: {before} -> {after}")
        }
        Rename::Index { table, before, after } => format!("> index {table}: {before} -> {after}"),
    }
}

fn mark<T>(delta: &Delta<T>, kind: &str, name: impl Fn(&T) -> String) -> String {
    match delta {
        Delta::Add(after) => format!("+ {kind} {}", name(after)),
        Delta::Drop(before) => format!("- {kind} {}", name(before)),
        Delta::Alter { after, .. } => format!("~ {kind} {}", name(after)),
    }
}

fn describe_table(change: &TableChange) -> String {
    let columns = change.columns.iter().map(|delta| mark(delta, "column", describe_column));
    let altered = columns.zip(&change.columns).map(|(text, delta)| match delta {
        Delta::Alter { before, after } => {
            format!("~ column {}{}", after.name, facets(before, after))
        }
        Delta::Add(_) | Delta::Drop(_) => text,
    });
    let (constraints, moved) =
        without_renamed(&change.constraints, |left, right| left.definition == right.definition);
    let (indexes, moved_indexes) = without_renamed(&change.indexes, |left, right| {
        (left.unique, &left.keys, &left.predicate) == (right.unique, &right.keys, &right.predicate)
    });
    let constraints =
        constraints.into_iter().map(|delta| mark(delta, "constraint", describe_constraint));
    let indexes = indexes.into_iter().map(|delta| mark(delta, "index", describe_index));
    let moved = renamed(moved, "constraint").into_iter().chain(renamed(moved_indexes, "index"));
    let values = change.mapping.iter().flat_map(|source| {
        source.values.iter().map(|(old, new)| format!("~ values {}: {old} -> {new}", source.column))
    });
    let mut parts: Vec<String> =
        altered.chain(values).chain(constraints).chain(indexes).chain(moved).collect();
    if parts.is_empty() {
        parts.push("~ definition".to_owned());
    }
    format!("~ table {}: {}", change.after.name, parts.join(", "))
}

/// Leaves out pairs of a drop and an add that differ only in their name, as after the rename of a table; says how many.
fn without_renamed<T>(
    deltas: &[Delta<T>],
    equal: impl Fn(&T, &T) -> bool,
) -> (Vec<&Delta<T>>, usize) {
    let mut left: Vec<&Delta<T>> = deltas.iter().collect();
    let mut pairs = 0;
    while let Some((dropped, added)) = pair(&left, &equal) {
        left.remove(dropped.max(added));
        left.remove(dropped.min(added));
        pairs += 1;
    }
    (left, pairs)
}

fn pair<T>(deltas: &[&Delta<T>], equal: impl Fn(&T, &T) -> bool) -> Option<(usize, usize)> {
    deltas.iter().enumerate().find_map(|(dropped, delta)| {
        let Delta::Drop(before) = delta else { return None };
        let added = deltas
            .iter()
            .position(|delta| matches!(delta, Delta::Add(after) if equal(before, after)))?;
        Some((dropped, added))
    })
}

fn renamed(count: usize, kind: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("> name of 1 {kind}")),
        _ => {
            let plural = if kind == "index" { "es" } else { "s" };
            Some(format!("> names of {count} {kind}{plural}"))
        }
    }
}

fn describe_column(column: &Column) -> String {
    let null = if column.not_null { "" } else { "?" };
    format!("{} {}{null}", column.name, column.data_type)
}

fn facets(before: &Column, after: &Column) -> String {
    let mut facets = Vec::new();
    if before.data_type != after.data_type {
        facets.push(format!("{} -> {}", before.data_type, after.data_type));
    }
    match (before.not_null, after.not_null) {
        (false, true) => facets.push("required".to_owned()),
        (true, false) => facets.push("optional".to_owned()),
        (true, true) | (false, false) => {}
    }
    if before.default != after.default {
        facets.push(match &after.default {
            Some(default) => format!("default {default}"),
            None => "no default".to_owned(),
        });
    }
    if facets.is_empty() { String::new() } else { format!(" ({})", facets.join(", ")) }
}

fn describe_constraint(constraint: &Constraint) -> String {
    match &constraint.name {
        Some(name) => name.to_string(),
        None => constraint.definition.clone(),
    }
}

fn describe_index(index: &Index) -> String {
    index.name.to_string()
}
