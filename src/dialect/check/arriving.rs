//! Rows whose values become rows of another table, and that a required reference has to lead to one of them.

use std::collections::BTreeSet;

use super::kept::{KeptRows, Others, kept_table};
use super::query::{Misfit, guard};
use super::rows::Names;
use super::{Check, Fault, SAMPLE, quote};
use crate::catalog::Table;
use crate::change::{Extraction, Per};
use crate::dialect::keep::kept_name;
use crate::dialect::{Direction, Sql, moving};
use crate::text::QName;

/// Whether each row whose values become a row of another table says all that one needs, and something that its new and
/// required reference can lead to.
pub(super) fn arriving(kept: &KeptRows<'_>, names: &Names) -> Vec<Check> {
    let own = &kept.change.after.name;
    let mut checks = Vec::new();
    let receivers: BTreeSet<QName> = kept.diff.moves().map(|(_, into, _)| into.table).collect();
    for table in &receivers {
        let Some(into) = kept.diff.after.tables.get(table) else { continue };
        for lookup in kept.diff.looked_up(table).iter().filter(|it| it.from == *own) {
            checks.extend(nobody_says(kept, names, table, lookup));
        }
        let (mut number, found) = (0, kept.diff.extractions(table));
        for extraction in found {
            let at = number;
            number += usize::from(extraction.per == Per::Row);
            if extraction.from == *own {
                checks.extend(without_required(kept, names, into, (&extraction, at)));
                match extraction.per {
                    Per::Set => checks.extend(nothing_to_lead_to(kept, names, table, &extraction)),
                    Per::Row => {}
                }
            }
        }
    }
    checks
}

/// Rows that say what no row of the table says to which their new reference would lead.
fn nobody_says(
    kept: &KeptRows<'_>,
    names: &Names,
    table: &QName,
    lookup: &Extraction,
) -> Option<Check> {
    let [reference] = lookup.reference.as_slice() else { return None };
    let source = kept.change.mapping.iter().find(|source| source.column == *reference)?;
    let leads_to = names.localized(source).fill?;
    let values = lookup.values.iter().map(|value| value.into.to_string()).collect::<Vec<_>>();
    let first = lookup.values.first()?;
    let misfit = Misfit {
        column: reference,
        becomes: "a reference",
        message: format!(
            "no row of `{}` says the same: add it before, or give `{reference}` a `backfill`",
            table.name
        ),
        value: format!("\"t\".{}", quote(&first.from)),
        bad: format!(
            "({}) IS TRUE AND ({leads_to}) IS NULL",
            moving::says_something(&lookup.values)
        ),
    };
    let check = guard(kept.change, names, &misfit, &Others::none());
    Some(Check { fault: Fault::Orphan, values: vec![values.join(", ")], ..check })
}

/// Rows that say something, or said so when the table went, and lack a value without which there is no row of it.
fn without_required(
    kept: &KeptRows<'_>,
    names: &Names,
    into: &Table,
    (extraction, number): (&Extraction, usize),
) -> Vec<Check> {
    let dialect = kept.rows.dialect;
    if extraction.values.len() == 1
        && (extraction.per == Per::Set || moving::is_link(extraction, into))
    {
        return Vec::new();
    }
    let written = moving::written_name(number);
    let noted = kept_name(kept.tag, Direction::Up, &into.name, Some(&written), dialect);
    let mut says = format!("({}) IS TRUE", moving::says_something(&extraction.values));
    if extraction.per == Per::Row && kept.kept.contains(&noted) {
        let noted = moving::is_noted(extraction, &kept_table(&noted, dialect), dialect);
        says = format!("({says} OR {noted})");
    }
    let required = extraction
        .values
        .iter()
        .filter(|value| into.column(&value.into).is_some_and(|column| column.not_null));
    let checks = required.map(|value| {
        let own = format!("\"t\".{}", quote(&value.from));
        let misfit = Misfit {
            column: &value.from,
            becomes: "a row",
            message: format!(
                "a row of `{}` says more, and needs its `{}`: `{}` is required",
                into.name.name, value.into, value.from
            ),
            value: own.clone(),
            bad: format!("{own} IS NULL AND {says}"),
        };
        Check { fault: Fault::Null, ..guard(kept.change, names, &misfit, &Others::none()) }
    });
    checks.collect()
}

fn nothing_to_lead_to(
    kept: &KeptRows<'_>,
    names: &Names,
    table: &QName,
    extraction: &Extraction,
) -> Option<Check> {
    let change = kept.change;
    let [reference] = extraction.reference.as_slice() else { return None };
    let is_new = change.before.column(reference).is_none();
    let column = change.after.column(reference)?;
    let source = change.mapping.iter().find(|source| source.column == *reference)?;
    let computed = moving::leads_to(extraction, table, kept.rows.dialect);
    // What else is said of rows that say nothing gives them a value.
    if !is_new || !column.not_null || column.default.is_some() || source.fill != computed {
        return None;
    }
    let others = kept.others_as("\"t\"", std::slice::from_ref(reference))?;
    let says = moving::says_something(&extraction.values);
    let bad = format!("(({says}) IS NOT TRUE){}", others.condition());
    let misfit = Misfit {
        column: reference,
        becomes: "a reference",
        message: format!(
            "`{reference}` is required, and a row that says nothing refers to no `{}`",
            table.name
        ),
        value: String::new(),
        bad,
    };
    let keys = change.before.primary_key().iter();
    let shown = keys.clone().chain(extraction.values.iter().map(|value| &value.from));
    let list: Vec<String> = shown.map(|name| format!("\"t\".{}", quote(name))).collect();
    // Such a row has no reference by what is computed for it.
    let unreferenced = format!(
        "(SELECT \"t\".*, NULL AS {} FROM {} AS \"t\")",
        quote(reference),
        names.table(&change.after.name)
    );
    let (with, from) = (names.prefix(), others.joined_to(&unreferenced));
    let bad = &misfit.bad;
    let count =
        format!("{with}SELECT count(*) FILTER (WHERE {bad}), count(*) FROM {from} AS \"t\"");
    let sample =
        format!("{with}SELECT {} FROM {from} AS \"t\" WHERE {bad} LIMIT {SAMPLE}", list.join(", "));
    Some(Check {
        count: Sql::new(count),
        sample: Sql::new(sample),
        keys: keys.map(ToString::to_string).collect(),
        values: extraction.values.iter().map(|value| value.from.to_string()).collect(),
        ..guard(change, names, &misfit, &Others::none())
    })
}
