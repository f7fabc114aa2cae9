//! Values that an enum type loses: rows that hold one cannot be converted.

use std::collections::BTreeSet;

use super::kept::KeptRows;
use super::query::{Misfit, guard};
use super::rows::{Names, Rows};
use super::{Check, Fault, literal, quote};
use crate::catalog::{Catalog, EnumType, Table};
use crate::change::{Change, ColumnSource, Delta, Diff, SourceOrigin, TableChange};
use crate::dialect::postgres::shapes::{Shape, Shapes};
use crate::text::QName;

/// A check for each column of a type that loses values which nothing maps. Rows that get a kept value back are not
/// asked.
pub(super) fn stranded(diff: &Diff, kept: &KeptRows<'_>, names: &Names) -> Vec<Check> {
    let change = kept.change;
    let mut checks = Vec::new();
    // A parent reads the rows of its partitions.
    if change.after.options.of_postgres().is_none_or(|options| options.is_partition()) {
        return checks;
    }
    let shapes = Shapes::of(&diff.before);
    for source in &change.mapping {
        let Some(column) = change.after.column(&source.column) else { continue };
        let Some(was) = change.before.column(&source.column) else { continue };
        if source.origin != SourceOrigin::Same
            || column.generated.is_some()
            || was.data_type != column.data_type
        {
            continue;
        }
        let value = format!("\"t\".{}", quote(&source.column));
        let is_direct = losing(diff).any(|(_, it)| is_of(&column.data_type, &it.name));
        let found = match is_direct {
            true => lost_directly(diff, source, &column.data_type, &value),
            false => lost_inside(diff, &shapes, &column.data_type, &value, 0).map(|bad| {
                let stay = losing(diff).map(|(_, after)| after.values.join(", "));
                (bad, stay.collect::<Vec<_>>().join(", or "))
            }),
        };
        let Some((bad, stay)) = found else { continue };
        let Some(asked) = kept.others_as("\"t\"", std::slice::from_ref(&column.name)) else {
            continue;
        };
        let message = format!("`{}` must be one of {stay}", column.name);
        let (becomes, bad) = (column.data_type.as_str(), format!("{bad}{}", asked.condition()));
        let misfit = Misfit { column: &column.name, becomes, message, value, bad };
        checks.push(Check { fault: Fault::Label, ..guard(change, names, &misfit, &asked) });
    }
    checks
}

/// Whether an enum has lost a value between two catalogs.
pub(super) fn has_fewer(data_type: &str, (before, after): (&Catalog, &Catalog)) -> bool {
    let of = |catalog: &Catalog| {
        let found = catalog.enums.values().find(|it| is_of(data_type, &it.name));
        found.map(|it| it.values.clone())
    };
    match (of(before), of(after)) {
        (Some(before), Some(after)) => before.iter().any(|value| !after.contains(value)),
        (_, _) => false,
    }
}

/// As [`stranded`], of a table that stays as it is: its columns hold the enum inside a domain, a composite type or a range.
pub(super) fn stranded_where_nothing_changes(
    diff: &Diff,
    names: &Names,
    tag: &str,
    kept: &BTreeSet<String>,
) -> Vec<Check> {
    if losing(diff).next().is_none() {
        return Vec::new();
    }
    let changes = diff.table_changes();
    let stay = diff.after.tables.values().filter(|table| !changes.contains_key(&table.name));
    let is_new = |table: &&Table| {
        diff.changes.iter().any(|change| match change {
            Change::Table(Delta::Add(added)) => added.name == table.name,
            Change::Table(Delta::Drop(_) | Delta::Alter { .. })
            | Change::Rename(_)
            | Change::Schema(_)
            | Change::Facets(_)
            | Change::Enum(_)
            | Change::AlterTable(_)
            | Change::Opaque(_) => false,
        })
    };
    stay.filter(|table| !is_new(table))
        .flat_map(|table| {
            let change = TableChange::unchanged(table, table);
            let rows = Rows::pending(&change, names, diff.after.dialect);
            let kept = KeptRows { diff, change: &change, rows: &rows, tag, kept };
            stranded(diff, &kept, names)
        })
        .collect()
}

/// The condition that a value of an enum, or an array of one, is none any more; and those that stay.
fn lost_directly(
    diff: &Diff,
    source: &ColumnSource,
    data_type: &str,
    value: &str,
) -> Option<(String, String)> {
    let (before, after) = losing(diff).find(|(_, it)| is_of(data_type, &it.name))?;
    let mapped = |value: &&String| source.values.iter().any(|(old, _)| old == *value);
    let lost = lost(before, after);
    let lost: Vec<String> =
        lost.filter(|value| !mapped(value)).map(|value| literal(value)).collect();
    if lost.is_empty() {
        return None;
    }
    let bad = match data_type.ends_with("[]") {
        true => format!("{value}::text[] && ARRAY[{}]", lost.join(", ")),
        false => format!("{value}::text IN ({})", lost.join(", ")),
    };
    Some((bad, after.values.join(", ")))
}

/// The condition that a value holds, somewhere in it, a value that its enum loses.
fn lost_inside(
    diff: &Diff,
    shapes: &Shapes<'_>,
    data_type: &str,
    value: &str,
    depth: usize,
) -> Option<String> {
    let inside =
        |data_type: &str, value: &str| lost_inside(diff, shapes, data_type, value, depth + 1);
    let any_of = |element: &str| {
        let one = format!("\"u{depth}\"");
        let bad = inside(element, &one)?;
        Some(format!("EXISTS (SELECT FROM pg_catalog.unnest({value}) AS {one} WHERE {bad})"))
    };
    if let Some(element) = data_type.strip_suffix("[]") {
        return any_of(element);
    }
    if let Some((before, after)) = losing(diff).find(|(_, it)| is_of(data_type, &it.name)) {
        let lost: Vec<String> = lost(before, after).map(|value| literal(value)).collect();
        return Some(format!("{value}::text IN ({})", lost.join(", ")));
    }
    match shapes.shape(data_type) {
        Shape::Domain(base) => inside(&base, value),
        Shape::Composite(attributes) => {
            let parts = attributes.iter().filter_map(|(name, data_type)| {
                inside(data_type, &format!("({value}).{}", quote(name)))
            });
            let parts: Vec<String> = parts.collect();
            (!parts.is_empty()).then(|| format!("({})", parts.join(" OR ")))
        }
        Shape::Range { subtype, .. } => {
            let lower = inside(&subtype, &format!("pg_catalog.lower({value})"))?;
            let upper = inside(&subtype, &format!("pg_catalog.upper({value})"))?;
            Some(format!("({lower} OR {upper})"))
        }
        Shape::Multirange(range) => any_of(&range),
        Shape::Plain => None,
    }
}

fn lost<'e>(before: &'e EnumType, after: &'e EnumType) -> impl Iterator<Item = &'e String> {
    before.values.iter().filter(|value| !after.values.contains(value))
}

/// Enum types that lose values, before and after.
fn losing(diff: &Diff) -> impl Iterator<Item = (&EnumType, &EnumType)> {
    altered(diff).filter(|(before, after)| lost(before, after).next().is_some())
}

fn altered(diff: &Diff) -> impl Iterator<Item = (&EnumType, &EnumType)> {
    diff.changes.iter().filter_map(|change| match change {
        Change::Enum(Delta::Alter { before, after }) => Some((before, after)),
        Change::Enum(Delta::Add(_) | Delta::Drop(_))
        | Change::Rename(_)
        | Change::Schema(_)
        | Change::Facets(_)
        | Change::Table(_)
        | Change::AlterTable(_)
        | Change::Opaque(_) => None,
    })
}

/// Whether a type as the server prints it is the enum or an array of it.
pub(super) fn is_of(data_type: &str, name: &QName) -> bool {
    let plain = data_type.trim_end_matches("[]").replace('"', "");
    let (schema, own) = (name.schema.as_str(), name.name.as_str().replace('"', ""));
    plain == format!("{schema}.{own}") || schema == "public" && plain == own
}
