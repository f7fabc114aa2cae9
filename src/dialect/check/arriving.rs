//! Rows whose values become rows of another table, and that a required reference has to lead to one of them.

use super::kept::KeptRows;
use super::query::{Misfit, guard};
use super::rows::Names;
use super::{Check, SAMPLE, quote};
use crate::change::Extraction;
use crate::dialect::{Sql, moving};
use crate::text::QName;

/// Whether each row says something that its new and required reference can lead to.
pub(super) fn arriving(kept: &KeptRows<'_>, names: &Names) -> Vec<Check> {
    let own = &kept.change.after.name;
    let tables = kept.diff.after.tables.keys();
    let found = tables.flat_map(|table| {
        let found = kept.diff.extractions(table).into_iter();
        found.filter(|it| it.from == *own).map(move |it| (table, it))
    });
    found
        .filter_map(|(table, extraction)| nothing_to_lead_to(kept, names, table, &extraction))
        .collect()
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
        ..guard(change, names, &misfit, &super::kept::Others::none())
    })
}
