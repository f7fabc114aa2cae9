//! One rule as queries: how many rows break it, and which.

use super::kept::KeptRows;
use super::rows::{Names, Parent, Rows, keys_of, shown};
use super::{Check, Part, SAMPLE, Scan, message, quote};
use crate::catalog::Catalog;
use crate::catalog::rule::{Enforce, Requirement, Rule};
use crate::change::{SourceOrigin, TableChange};
use crate::dialect::{Sql, castability};
use crate::text::token::tokenize;
use crate::text::{Ident, QName};

/// The queries of one rule; `None` where it speaks of a column that cannot be told beforehand.
/// `asked` is a further condition (` AND …`) on the rows that are asked, or empty.
pub(super) fn check(
    rule: &Rule,
    rows: &Rows,
    mentioned: &[Ident],
    asked: &str,
    before: &Catalog,
    names: &Names,
) -> Option<Check> {
    let words = |text: &str| {
        tokenize(text, rows.dialect).iter().filter_map(|token| token.name()).collect::<Vec<_>>()
    };
    let speaks_of_untold = |text: &str| {
        words(text)
            .iter()
            .any(|word| rows.untold.iter().any(|c| c.as_str().eq_ignore_ascii_case(word)))
    };
    let (bad, values): (String, Vec<String>) = match &rule.requirement {
        Requirement::Required { column } => {
            (format!("r.{} IS NULL", quote(column)), vec![quote(column)])
        }
        Requirement::Holds { expression } => {
            (format!("({expression}) IS FALSE"), mentioned.iter().map(quote).collect())
        }
        Requirement::References { columns, table, referenced_columns } => {
            let bad = orphan(columns, table, referenced_columns, before, names)?;
            (bad, columns.iter().map(quote).collect())
        }
        Requirement::Unique { keys, predicate } => {
            if keys.iter().chain(predicate).any(|text| speaks_of_untold(text)) {
                return None;
            }
            return Some(unique(rule, keys, predicate.as_deref(), rows, names));
        }
    };
    if speaks_of_untold(&bad) {
        return None;
    }
    let bad = format!("{bad}{asked}");
    let with = names.prefix();
    let from = &rows.from;
    Some(Check {
        rule: rule.name.clone(),
        table: rows.table.to_string(),
        message: message(rule),
        enforce: rule.enforce,
        origin: rule.origin,
        count: Sql::new(match &rule.requirement {
            // As a WHERE the engine can join with the other table once.
            Requirement::References { .. } => format!(
                "{with}SELECT count(*), (SELECT count(*) FROM {from} AS a) FROM {from} AS r WHERE {bad}"
            ),
            Requirement::Required { .. }
            | Requirement::Holds { .. }
            | Requirement::Unique { .. } => {
                format!("{with}SELECT count(*) FILTER (WHERE {bad}), count(*) FROM {from} AS r")
            }
        }),
        sample: Sql::new(format!(
            "{with}SELECT {} FROM {from} AS r WHERE {bad}{} LIMIT {SAMPLE}",
            columns_of(rows, &values),
            by_keys(rows)
        )),
        keys: rows.keys.clone(),
        values: values.iter().map(|value| value.trim_matches('"').to_owned()).collect(),
        part: Part::Rule,
        scan: match &rule.requirement {
            Requirement::Required { .. } | Requirement::Holds { .. } => {
                Some(Scan { with, from: from.clone(), bad })
            }
            Requirement::References { .. } | Requirement::Unique { .. } => None,
        },
    })
}

fn columns_of(rows: &Rows, values: &[String]) -> String {
    let keys = rows.keys.iter().map(|key| format!("r.{}", quote(&Ident::new(key.clone()))));
    let list: Vec<String> = keys.chain(values.iter().map(|value| value.to_owned())).collect();
    if list.is_empty() { "1".to_owned() } else { list.join(", ") }
}

fn by_keys(rows: &Rows) -> String {
    let keys: Vec<String> = (1..=rows.keys.len()).map(|position| position.to_string()).collect();
    if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) }
}

/// The condition that a row points nowhere; `None` where the parent does not have the columns (yet), so that only
/// running the change tells.
fn orphan(
    columns: &[Ident],
    table: &QName,
    referenced: &[Ident],
    before: &Catalog,
    names: &Names,
) -> Option<String> {
    let present: Vec<String> =
        columns.iter().map(|column| format!("r.{} IS NOT NULL", quote(column))).collect();
    let present = present.join(" AND ");
    let standing = before.tables.get(table).or_else(|| names.returning.get(table));
    let parent = names.renamed.get(table).cloned().or_else(|| standing.map(Parent::of));
    // A table that the same change makes holds no row yet.
    let Some(parent) = parent else { return Some(present) };
    let referenced = if referenced.is_empty() { &parent.key } else { referenced };
    let has = |name: &Ident| {
        parent.columns.iter().any(|own| own.as_str().eq_ignore_ascii_case(name.as_str()))
    };
    if referenced.len() != columns.len() || !referenced.iter().all(has) {
        return None;
    }
    let pairs: Vec<String> = columns
        .iter()
        .zip(referenced)
        .map(|(column, other)| format!("p.{} = r.{}", quote(other), quote(column)))
        .collect();
    Some(format!(
        "{present} AND NOT EXISTS (SELECT 1 FROM {} AS p WHERE {})",
        names.table(table),
        pairs.join(" AND ")
    ))
}

fn unique(
    rule: &Rule,
    keys: &[String],
    predicate: Option<&str>,
    rows: &Rows,
    names: &Names,
) -> Check {
    let with = names.prefix();
    let from = &rows.from;
    let list = keys.join(", ");
    let present: Vec<String> = keys.iter().map(|key| format!("({key}) IS NOT NULL")).collect();
    let mut condition = present.join(" AND ");
    if let Some(predicate) = predicate {
        condition.push_str(&format!(" AND ({predicate})"));
    }
    let groups = format!(
        "SELECT {list} FROM {from} AS r WHERE {condition} GROUP BY {list} HAVING count(*) > 1"
    );
    Check {
        rule: rule.name.clone(),
        table: rows.table.to_string(),
        message: message(rule),
        enforce: rule.enforce,
        origin: rule.origin,
        count: Sql::new(format!(
            "{with}SELECT coalesce(sum(n), 0), (SELECT count(*) FROM {from} AS a) FROM \
             (SELECT count(*) AS n FROM {from} AS r WHERE {condition} GROUP BY {list} \
             HAVING count(*) > 1) AS g"
        )),
        sample: Sql::new(format!(
            "{with}SELECT {} FROM {from} AS r WHERE {condition} AND ({list}) IN ({groups}) \
             ORDER BY {list} LIMIT {SAMPLE}",
            columns_of(rows, keys)
        )),
        keys: rows.keys.clone(),
        values: keys.iter().map(|key| key.trim_matches('"').to_owned()).collect(),
        part: Part::Rule,
        scan: None,
    }
}

/// Whether old values can be read as the new type at all, asked without casting (a failed cast ends the query).
pub(super) fn castable(kept: &KeptRows<'_>, names: &Names) -> Vec<Check> {
    let (change, rows) = (kept.change, kept.rows);
    let mut checks = Vec::new();
    for source in &change.mapping {
        let SourceOrigin::Cast { before, after } = &source.origin else { continue };
        let column = format!("\"t\".{}", quote(&source.column));
        let Some(bad) = castability::misfit(&column, before, after, rows.dialect) else {
            continue;
        };
        // Rows that get their old value back need not convert; without a key only putting them back tells.
        let Some(others) = kept.others_of(std::slice::from_ref(&source.column), "\"t\"") else {
            continue;
        };
        let bad = format!("({bad}){others}");
        let message = format!("every value must be a valid {after}");
        checks.push(guard(
            change,
            names,
            &Misfit { column: &source.column, becomes: after, message, value: column, bad },
        ));
    }
    checks
}

/// Old values that the new column does not take.
pub(super) struct Misfit<'a> {
    pub(super) column: &'a Ident,
    /// The new type.
    pub(super) becomes: &'a str,
    pub(super) message: String,
    /// The value, over the old row `t`.
    pub(super) value: String,
    /// The condition under which it does not fit, over the old row `t`.
    pub(super) bad: String,
}

/// The check that asks the old rows for values that do not fit.
pub(super) fn guard(change: &TableChange, names: &Names, misfit: &Misfit<'_>) -> Check {
    let Misfit { column, becomes, message, value, bad } = misfit;
    let table = &change.after.name;
    let keys: Vec<Ident> = keys_of(&change.before, &|_| true);
    let mut list: Vec<String> = keys.iter().map(|key| format!("\"t\".{}", quote(key))).collect();
    list.push(value.clone());
    let (with, from) = (names.prefix(), names.table(table));
    Check {
        rule: format!("{table}.{column} as {becomes}"),
        table: table.to_string(),
        message: message.clone(),
        enforce: Enforce::Database,
        origin: None,
        count: Sql::new(format!(
            "{with}SELECT count(*) FILTER (WHERE {bad}), count(*) FROM {from} AS \"t\""
        )),
        sample: Sql::new(format!(
            "{with}SELECT {} FROM {from} AS \"t\" WHERE {bad} LIMIT {SAMPLE}",
            list.join(", ")
        )),
        keys: shown(keys),
        values: vec![column.to_string()],
        part: Part::Guard,
        scan: None,
    }
}
