//! Sequences that will hand out values which rows already have: the next INSERT then fails, or makes a double.
//! Source: PostgreSQL manual, CREATE SEQUENCE; a sequence answers `last_value` and `is_called` like a table of one row.

use std::collections::BTreeSet;

use super::rows::Rows;
use super::{Check, Fault, Part, SAMPLE, Shape, qualified, quote};
use crate::catalog::rule::Enforce;
use crate::catalog::{Column, ConstraintKind, IndexKey, Sequence, Table};
use crate::dialect::Sql;

/// A check for each column that a sequence of its own counts. PostgreSQL only.
pub(super) fn behind(table: &Table, rows: &Rows) -> Vec<Check> {
    let counted = table.columns.iter().filter_map(|column| {
        let identity = column.identity.as_ref().map(|identity| &identity.sequence);
        let sequence = identity.or(column.owned_sequence.as_ref())?;
        Some((column, sequence))
    });
    // A sequence that starts anew hands out every value again, and is meant to.
    counted
        .filter(|(_, sequence)| !sequence.cycle)
        .map(|(column, sequence)| check(table, column, sequence, rows))
        .collect()
}

fn check(table: &Table, column: &Column, sequence: &Sequence, rows: &Rows) -> Check {
    let (name, from) = (quote(&column.name), &rows.from);
    let place = qualified(&sequence.name);
    let step = sequence.increment;
    let next = format!("s.last_value::numeric + CASE WHEN s.is_called THEN {step} ELSE 0 END");
    let ahead = if step > 0 { ">=" } else { "<=" };
    let bad = format!("{from} AS r, {place} AS s WHERE r.{name} {ahead} {next}");
    let keys: Vec<String> = rows
        .keys
        .iter()
        .map(|key| format!("r.{}", quote(&key.as_str().into())))
        .chain([format!("r.{name}")])
        .collect();
    let largest = if step > 0 { "max" } else { "min" };
    let enforce = if is_key(table, column) { Enforce::Verify } else { Enforce::Warn };
    Check {
        rule: format!("{}.{} sequence", table.name, column.name),
        table: table.name.to_string(),
        message: format!(
            "`{}` has values that its sequence `{}` has yet to hand out; `SELECT setval('{}', \
             {largest}({name})) FROM {}` moves it on",
            column.name,
            sequence.name,
            place.replace('\'', "''"),
            qualified(&table.name),
        ),
        enforce,
        origin: None,
        count: Sql::new(format!("SELECT count(*), (SELECT count(*) FROM {from} AS a) FROM {bad}")),
        sample: Sql::new(format!(
            "SELECT {} FROM {bad} ORDER BY r.{name} LIMIT {SAMPLE}",
            keys.join(", ")
        )),
        keys: rows.keys.clone(),
        values: vec![column.name.to_string()],
        part: Part::Rule,
        fault: Fault::Ahead,
        scan: None,
        shape: Shape::Counter,
        personal: BTreeSet::new(),
        seen: rows.seen(&bad),
        validates: None,
        reading: None,
        about: None,
        bad: None,
    }
}

/// Whether no two rows may have the same value, so that an INSERT fails.
fn is_key(table: &Table, column: &Column) -> bool {
    let alone = std::slice::from_ref(&column.name);
    let constraint = table.constraints.iter().any(|constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns } => {
            columns == alone
        }
        ConstraintKind::Check { .. }
        | ConstraintKind::ForeignKey(_)
        | ConstraintKind::Exclusion => false,
    });
    constraint
        || table.indexes.iter().any(|index| {
            index.unique
                && index.predicate.is_none()
                && index.keys == [IndexKey::Column(column.name.clone())]
        })
}
