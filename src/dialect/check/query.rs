//! One rule as queries: how many rows break it, and which.

use super::kept::{KeptRows, Others};
use super::parents::Keys;
use super::reading::{Beside, ParentKeys, Reading, SetRule};
use super::rows::{Names, Parent, Rows, keys_of, shown};
use std::collections::BTreeSet;

use super::{About, Check, Fault, Part, SAMPLE, Scan, Shape, enum_values, literal, message, quote};
use crate::catalog::Catalog;
use crate::catalog::rule::{Enforce, Join, Matching, Nulls, Requirement, Rule};
use crate::change::{SourceOrigin, TableChange, Target};
use crate::dialect::{Sql, castability};
use crate::text::token::tokenize;
use crate::text::{Ident, QName};

/// The queries of one rule; `None` where it speaks of a column that cannot be told beforehand.
/// `others` tells which rows are asked.
pub(super) fn check(
    rule: &Rule,
    rows: &Rows,
    mentioned: &[Ident],
    others: &Others,
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
        Requirement::Across { columns, joins, expression } => {
            if speaks_of_untold(expression) {
                return None;
            }
            let values = columns.iter().map(|column| format!("r.{}", quote(column))).collect();
            return Some(across(rule, rows, names, (joins, expression), values));
        }
        Requirement::References { columns, table, referenced_columns, matching } => {
            let key =
                ForeignKey { columns, table, referenced: referenced_columns, matching: *matching };
            (orphan(&key, rows, before, names)?, columns.iter().map(quote).collect())
        }
        Requirement::Unique { keys, predicate, nulls } => {
            if keys.iter().chain(predicate).any(|text| speaks_of_untold(text)) {
                return None;
            }
            let unique = Unique { keys, predicate: predicate.as_deref(), nulls: *nulls };
            return Some(unique.check(rule, rows, names));
        }
        Requirement::Excludes { elements, predicate } => {
            return pairs(rule, rows, elements, predicate.as_deref());
        }
        Requirement::OnlyEngine { .. } => return None,
    };
    if speaks_of_untold(&bad) {
        return None;
    }
    let bad = format!("{bad}{}", others.condition());
    let all = &rows.from;
    let rows = &rows.asking(others);
    if !matches!(rule.requirement, Requirement::References { .. }) {
        return Some(of_rows(rule, rows, names, &bad, &values));
    }
    let (with, from) = (names.prefix(), &rows.from);
    // As a WHERE the engine can join with the other table once.
    let count = format!(
        "{with}SELECT count(*), (SELECT count(*) FROM {all} AS a) FROM {from} AS r WHERE {bad}"
    );
    let sample = sample(rows, names, &bad, &values);
    let seen = rows.seen(&format!("{from} AS r WHERE {bad}"));
    let reading = Reading::of(rows, columns_of(rows, &values), by_keys(rows))
        .map(|reading| reading.with(looked_up(&rule.requirement, rows, before, names)));
    let bad = Some(bad);
    let check = blank(rule, rows, count, sample, &values);
    Some(Check { shape: Shape::Lookup, seen, bad, reading, ..check })
}

/// The check that no row answers true to `bad`.
pub(super) fn row_check(rule: &Rule, rows: &Rows, bad: &str, values: &[String]) -> Check {
    of_rows(rule, rows, &Names::default(), bad, values)
}

fn of_rows(rule: &Rule, rows: &Rows, names: &Names, bad: &str, values: &[String]) -> Check {
    let (with, from) = (names.prefix(), rows.from.clone());
    let count = format!("{with}SELECT count(*) FILTER (WHERE {bad}), count(*) FROM {from} AS r");
    let sample = sample(rows, names, bad, values);
    let seen = rows.seen(&format!("{from} AS r WHERE {bad}"));
    let scan = Some(Scan { with, from, bad: bad.to_owned(), came: rows.came.clone(), shown: None });
    let reading = Reading::of(rows, columns_of(rows, values), by_keys(rows));
    let bad = Some(bad.to_owned());
    let check = blank(rule, rows, count, sample, values);
    Check { scan, seen, reading, bad, ..check }
}

fn sample(rows: &Rows, names: &Names, bad: &str, values: &[String]) -> String {
    format!(
        "{}SELECT {} FROM {} AS r WHERE {bad}{} LIMIT {SAMPLE}",
        names.prefix(),
        columns_of(rows, values),
        rows.from,
        by_keys(rows)
    )
}

/// A check with its queries, and nothing that is special to one kind of rule.
fn blank(rule: &Rule, rows: &Rows, count: String, sample: String, values: &[String]) -> Check {
    Check {
        rule: rule.name.clone(),
        table: rows.table.to_string(),
        message: message(rule),
        enforce: rule.enforce,
        origin: rule.origin,
        count: Sql::new(count),
        sample: Sql::new(sample),
        keys: rows.keys.clone(),
        values: values.iter().map(|value| shown_value(value)).collect(),
        part: Part::Rule,
        fault: Fault::of(&rule.requirement),
        scan: None,
        shape: Shape::Row,
        personal: BTreeSet::new(),
        seen: None,
        validates: None,
        reading: None,
        about: Some(About::Rule(rule.requirement.clone())),
        bad: None,
    }
}

/// A rule that nobody asks before the change has run.
pub(super) fn later(rule: &Rule, rows: &Rows, reason: String) -> Check {
    let sample = format!("SELECT 1 WHERE 1 = 0 LIMIT {SAMPLE}");
    let check = blank(rule, rows, "SELECT 0, 0".to_owned(), sample, &[]);
    Check { part: Part::Later, message: reason, keys: Vec::new(), ..check }
}

/// `r."total"` and `"total"` as `total`; an expression as it is.
fn shown_value(value: &str) -> String {
    let value = value.strip_prefix("r.").unwrap_or(value);
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.replace("\"\"", "").contains('"') => inner.replace("\"\"", "\""),
        Some(_) | None => value.to_owned(),
    }
}

/// A rule over what is joined to its row.
fn across(
    rule: &Rule,
    rows: &Rows,
    names: &Names,
    (joins, expression): (&[Join], &str),
    values: Vec<String>,
) -> Check {
    let with = names.prefix();
    let joined: String =
        joins.iter().map(|join| format!(" LEFT JOIN {} ON {}", join.from, join.on)).collect();
    let from = format!("{} AS r{joined}", rows.from);
    let bad = format!("({expression}) IS FALSE");
    let count = format!("{with}SELECT count(*) FILTER (WHERE {bad}), count(*) FROM {from}");
    let sample = format!(
        "{with}SELECT {} FROM {from} WHERE {bad}{} LIMIT {SAMPLE}",
        columns_of(rows, &values),
        by_keys(rows)
    );
    let seen = rows.seen(&format!("{from} WHERE {bad}"));
    let reading = Reading::of(rows, columns_of(rows, &values), by_keys(rows))
        .map(|reading| reading.beside(Beside { joins: joined, bad }));
    Check { shape: Shape::Join, seen, reading, ..blank(rule, rows, count, sample, &values) }
}

/// Rows that another row stands in the way of. `None` where rows cannot be told apart.
fn pairs(
    rule: &Rule,
    rows: &Rows,
    elements: &[(String, String)],
    predicate: Option<&str>,
) -> Option<Check> {
    if rows.keys.is_empty() {
        return None;
    }
    let keys = (1..=elements.len()).map(|at| format!("migrate_e{at}"));
    let list: Vec<String> =
        elements.iter().zip(keys).map(|((key, _), name)| format!("({key}) AS {name}")).collect();
    let condition = predicate.map_or(String::new(), |text| format!(" WHERE {text}"));
    let own: Vec<String> =
        rows.keys.iter().map(|key| format!("x.{}", quote(&Ident::new(key.as_str())))).collect();
    let side = format!(
        "(SELECT x.*, {}, ROW({})::text AS migrate_key FROM {} AS x{condition})",
        list.join(", "),
        own.join(", "),
        rows.from
    );
    let meet: Vec<String> = elements
        .iter()
        .enumerate()
        .map(|(at, (_, operator))| format!("r.migrate_e{0} {operator} o.migrate_e{0}", at + 1))
        .collect();
    let bad = format!(
        "EXISTS (SELECT 1 FROM {side} AS o WHERE {} AND o.migrate_key <> r.migrate_key)",
        meet.join(" AND ")
    );
    let from = format!("{side} AS r WHERE {bad}");
    let count = format!("SELECT count(*), (SELECT count(*) FROM {} AS a) FROM {from}", rows.from);
    let values: Vec<String> = (1..=elements.len()).map(|at| format!("r.migrate_e{at}")).collect();
    let sample =
        format!("SELECT {} FROM {from}{} LIMIT {SAMPLE}", columns_of(rows, &values), by_keys(rows));
    let named = elements.iter().map(|(key, _)| shown_value(key)).collect();
    let seen = rows.seen(&from);
    let check = blank(rule, rows, count, sample, &values);
    Some(Check { shape: Shape::Pairs, seen, values: named, ..check })
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

/// A foreign key as a rule tells it.
struct ForeignKey<'a> {
    columns: &'a [Ident],
    table: &'a QName,
    referenced: &'a [Ident],
    matching: Matching,
}

/// The condition that a row points nowhere; `None` where the parent does not have the columns (yet), so that only
/// running the change tells.
fn orphan(key: &ForeignKey<'_>, rows: &Rows, before: &Catalog, names: &Names) -> Option<String> {
    let ForeignKey { columns, table, referenced, matching } = key;
    let present: Vec<String> =
        columns.iter().map(|column| format!("r.{} IS NOT NULL", quote(column))).collect();
    let present = match matching {
        Matching::Simple => present.join(" AND "),
        // A row in which only some are NULL finds nothing either.
        Matching::Full => format!("({})", present.join(" OR ")),
    };
    let standing = before.tables.get(table).or_else(|| names.returning.get(table));
    let parent = names.renamed.get(table).cloned().or_else(|| standing.map(Parent::of));
    // A table that the same change makes holds no row yet.
    let Some(parent) = parent else { return Some(present) };
    let referenced = if referenced.is_empty() { &parent.key } else { *referenced };
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
    let pairs = pairs.join(" AND ");
    let joining = names.joining.get(table).map(Vec::as_slice).unwrap_or_default();
    match names.converted.keys(table, referenced, names, rows.dialect) {
        Keys::Standing => {}
        Keys::Pending(from) if joining.is_empty() => {
            return Some(format!(
                "{present} AND NOT EXISTS (SELECT 1 FROM {from} AS p WHERE {pairs})"
            ));
        }
        Keys::Pending(_) | Keys::Untold => return None,
    }
    if joining.is_empty() {
        let (only, other) = (rows.only_of(standing), names.table(table));
        return Some(format!(
            "{present} AND NOT EXISTS (SELECT 1 FROM {only}{other} AS p WHERE {pairs})"
        ));
    }
    // Partitions that join bring their rows; where they have not the columns yet, only running the change tells.
    let has_all = |name: &QName| {
        let standing = || before.tables.get(name).map(Parent::of);
        names
            .renamed
            .get(name)
            .cloned()
            .or_else(standing)
            .is_some_and(|joins| referenced.iter().all(|column| joins.columns.contains(column)))
    };
    let list: Vec<String> = referenced.iter().map(quote).collect();
    let all: Vec<String> = std::iter::once(*table)
        .chain(joining)
        .map(|name| format!("SELECT {} FROM {}", list.join(", "), names.table(name)))
        .collect();
    joining.iter().all(has_all).then(|| {
        let all = all.join(" UNION ALL ");
        format!("{present} AND NOT EXISTS (SELECT 1 FROM ({all}) AS p WHERE {pairs})")
    })
}

/// A reference for a stream; `None` where the other table does not stand.
fn looked_up(
    requirement: &Requirement,
    rows: &Rows,
    before: &Catalog,
    names: &Names,
) -> Option<SetRule> {
    let Requirement::References { columns, table, referenced_columns, matching } = requirement
    else {
        return None;
    };
    let parent = before.tables.get(table)?;
    let referenced = match referenced_columns.as_slice() {
        [] => parent.primary_key(),
        named => named,
    };
    match names.converted.keys(table, referenced, names, rows.dialect) {
        Keys::Standing => {}
        Keys::Pending(_) | Keys::Untold => return None,
    }
    let parent = ParentKeys::of(before, parent, referenced, rows.only_of(Some(parent)))?;
    let keys = columns.iter().map(quote).collect();
    Some(SetRule::References { keys, matching: *matching, parent })
}

/// A key that no two rows share.
struct Unique<'a> {
    keys: &'a [String],
    predicate: Option<&'a str>,
    nulls: Nulls,
}

impl Unique<'_> {
    fn check(&self, rule: &Rule, rows: &Rows, names: &Names) -> Check {
        let with = names.prefix();
        let from = &rows.from;
        let list = self.keys.join(", ");
        let condition = self.condition();
        let groups =
            format!("FROM {from} AS r WHERE {condition} GROUP BY {list} HAVING count(*) > 1");
        let count = format!(
            "{with}SELECT coalesce(sum(n), 0), (SELECT count(*) FROM {from} AS a) FROM \
             (SELECT count(*) AS n {groups}) AS g"
        );
        let bad = match self.nulls {
            Nulls::Distinct => {
                format!("{from} AS r WHERE {condition} AND ({list}) IN (SELECT {list} {groups})")
            }
            // NULL is IN nothing; a partition takes NULLs together.
            Nulls::Equal => format!(
                "(SELECT r.*, count(*) OVER (PARTITION BY {list}) AS migrate_n FROM {from} AS r \
                 WHERE {condition}) AS r WHERE r.migrate_n > 1"
            ),
        };
        let columns = columns_of(rows, self.keys);
        let sample = format!("{with}SELECT {columns} FROM {bad} ORDER BY {list} LIMIT {SAMPLE}");
        let seen = rows.seen(&bad);
        let set = SetRule::Unique {
            keys: self.keys.to_vec(),
            condition: self.predicate.map(str::to_owned),
            nulls: self.nulls,
        };
        let reading = Reading::of(rows, columns, format!(" ORDER BY {list}"))
            .map(|reading| reading.with(Some(set)));
        let check = blank(rule, rows, count, sample, self.keys);
        Check { shape: Shape::Groups, seen, reading, ..check }
    }

    fn condition(&self) -> String {
        let mut parts: Vec<String> = match self.nulls {
            Nulls::Distinct => self.keys.iter().map(|key| format!("({key}) IS NOT NULL")).collect(),
            Nulls::Equal => Vec::new(),
        };
        parts.extend(self.predicate.map(|predicate| format!("({predicate})")));
        if parts.is_empty() {
            parts.push("TRUE".to_owned());
        }
        parts.join(" AND ")
    }
}

/// Whether old values can be read as the new type at all, asked without casting (a failed cast ends the query).
pub(super) fn castable(kept: &KeptRows<'_>, names: &Names) -> Vec<Check> {
    let (change, rows) = (kept.change, kept.rows);
    let mut checks = Vec::new();
    for source in &change.mapping {
        let SourceOrigin::Cast { before, after } = &source.origin else { continue };
        let column = format!("\"t\".{}", quote(&source.column));
        let said = source.using_over(&column, rows.dialect).map(|said| format!("({said})::text"));
        let bad = match &said {
            Some(said) => castability::computed_misfit(said, after, rows.dialect),
            None => castability::misfit(&column, before, after, rows.dialect),
        };
        let column = said.unwrap_or(column);
        let Some(bad) = bad else {
            continue;
        };
        // Rows that get their old value back need not convert; without a key only putting them back tells.
        let Some(others) = kept.others_as("\"t\"", std::slice::from_ref(&source.column)) else {
            continue;
        };
        let bad = format!("({bad}){}", others.condition());
        let message = format!("every value must be a valid {after}");
        let misfit = Misfit { column: &source.column, becomes: after, message, value: column, bad };
        let fault = castability::fault(before, after);
        checks.push(Check { fault, ..guard(change, names, &misfit, &others) });
    }
    checks
}

/// Whether the rows that say a new column's value agree on it.
pub(super) fn agreed(change: &TableChange, names: &Names) -> Vec<Check> {
    let asked = change.mapping.iter().filter_map(|source| {
        let source = names.localized(source);
        let (bad, value) = (source.contested?, source.fill?);
        let column = &source.column;
        let message = format!("the rows that say `{column}` must agree on it");
        let misfit = Misfit { column, becomes: "one value", message, value, bad };
        let check = guard(change, names, &misfit, &Others::none());
        Some(Check { fault: Fault::Condition, ..check })
    });
    asked.collect()
}

/// Whether the new column takes what an expression computes for it. Rows that get a kept value back are not asked.
pub(super) fn fitting(kept: &KeptRows<'_>, names: &Names) -> Vec<Check> {
    let (change, rows) = (kept.change, kept.rows);
    let columns = change.mapping.iter().zip(&change.after.columns);
    let computed = columns.filter(|(source, column)| {
        source.origin == SourceOrigin::New
            && source.fill.is_some()
            && !rows.untold.contains(&column.name)
    });
    let asked = computed.filter_map(|(_, column)| {
        let value = format!("r.{}", quote(&column.name));
        let after = column.data_type.as_str();
        let moved = kept.diff.moved_from_type(&Target::column(&change.after.name, &column.name));
        // Assignment takes texts for texts and numbers for numbers; anything else no row could hold.
        let before = moved.unwrap_or(match after.starts_with("character") {
            true => "text",
            false => "numeric",
        });
        let bad = castability::misfit(&value, before, after, rows.dialect)
            .or_else(|| moved.and_then(|_| no_value_of(&value, after, &kept.diff.after)))?;
        let others = kept.others(std::slice::from_ref(&column.name))?;
        let (with, from) = (names.prefix(), others.joined_to(&rows.from));
        let bad = format!("({bad}){}", others.condition());
        let mut list: Vec<String> =
            rows.keys.iter().map(|key| format!("r.{}", quote(&Ident::new(key.as_str())))).collect();
        list.push(value);
        let message = format!("the computed value must fit {after}");
        let misfit =
            Misfit { column: &column.name, becomes: after, message, value: String::new(), bad };
        let count = format!(
            "{with}SELECT count(*) FILTER (WHERE {0}), count(*) FROM {from} AS r",
            misfit.bad
        );
        let sample = format!(
            "{with}SELECT {} FROM {from} AS r WHERE {} LIMIT {SAMPLE}",
            list.join(", "),
            misfit.bad
        );
        Some(Check {
            count: Sql::new(count),
            sample: Sql::new(sample),
            keys: rows.keys.clone(),
            ..guard(change, names, &misfit, &Others::none())
        })
    });
    asked.collect()
}

/// The condition that a text is no value of an enum type.
pub(super) fn no_value_of(text: &str, data_type: &str, catalog: &Catalog) -> Option<String> {
    let of_type = catalog.enums.values().find(|it| enum_values::is_of(data_type, &it.name))?;
    let values: Vec<String> = of_type.values.iter().map(|value| literal(value)).collect();
    Some(format!("{text}::text NOT IN ({})", values.join(", ")))
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
pub(super) fn guard(
    change: &TableChange,
    names: &Names,
    misfit: &Misfit<'_>,
    others: &Others,
) -> Check {
    let Misfit { column, becomes, message, value, bad } = misfit;
    let table = &change.after.name;
    let keys: Vec<Ident> = keys_of(&change.before, &|_| true);
    let mut list: Vec<String> = keys.iter().map(|key| format!("\"t\".{}", quote(key))).collect();
    list.push(value.clone());
    let (with, from) = (names.prefix(), others.joined_to(&names.table(table)));
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
        fault: Fault::Cast,
        scan: None,
        shape: Shape::Row,
        personal: BTreeSet::new(),
        seen: None,
        validates: None,
        reading: None,
        about: None,
        bad: None,
    }
}
