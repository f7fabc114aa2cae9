//! Values that an enum type loses: rows that hold one cannot be converted.

use super::kept::KeptRows;
use super::query::{Misfit, guard};
use super::rows::Names;
use super::{Check, literal, quote};
use crate::catalog::EnumType;
use crate::change::{Change, Delta, Diff, SourceOrigin};
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
    for source in &change.mapping {
        let Some(column) = change.after.column(&source.column) else { continue };
        let Some(was) = change.before.column(&source.column) else { continue };
        if source.origin != SourceOrigin::Same
            || column.generated.is_some()
            || was.data_type != column.data_type
        {
            continue;
        }
        let Some((before, after)) =
            altered(diff).find(|(_, it)| is_of(&column.data_type, &it.name))
        else {
            continue;
        };
        let mapped = |value: &&String| source.values.iter().any(|(old, _)| old == *value);
        let lost = before.values.iter().filter(|value| !after.values.contains(value));
        let lost: Vec<String> =
            lost.filter(|value| !mapped(value)).map(|value| literal(value)).collect();
        let Some(asked) = kept.others_as("\"t\"", std::slice::from_ref(&column.name)) else {
            continue;
        };
        if lost.is_empty() {
            continue;
        }
        let value = format!("\"t\".{}", quote(&source.column));
        let bad = match column.data_type.ends_with("[]") {
            true => format!("{value}::text[] && ARRAY[{}]{asked}", lost.join(", ")),
            false => format!("{value}::text IN ({}){asked}", lost.join(", ")),
        };
        let message = format!("`{}` must be one of {}", column.name, after.values.join(", "));
        let becomes = column.data_type.as_str();
        checks.push(guard(
            change,
            names,
            &Misfit { column: &column.name, becomes, message, value, bad },
        ));
    }
    checks
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
fn is_of(data_type: &str, name: &QName) -> bool {
    let plain = data_type.trim_end_matches("[]").replace('"', "");
    let (schema, own) = (name.schema.as_str(), name.name.as_str().replace('"', ""));
    plain == format!("{schema}.{own}") || schema == "public" && plain == own
}
