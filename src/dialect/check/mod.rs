//! Rules as queries: which rows break a rule, asked of the rows as they are, or as a pending change will leave
//! them.

mod arriving;
mod cast;
mod domain;
mod enum_values;
mod fault;
mod joined;
mod kept;
mod parents;
mod partitions;
pub mod program;
mod query;
pub mod reading;
mod rowid;
mod rows;
mod same;
pub mod sample;
mod sequence;
pub mod standing;
mod storable;
mod storage;

use std::cell::OnceCell;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Sql;
use crate::catalog::Table;
use crate::catalog::rule::{Enforce, Requirement, Rule, rules_of};
use crate::change::{Change, ColumnSource, Diff, SourceOrigin, TableChange};
use crate::text::token::{canonical_name, tokenize};
use crate::text::{Dialect, Ident, QName};

pub use fault::Fault;
use kept::{KeptRows, Others};
use query::{agreed, castable, check, fitting};
use reading::Reading;
use rows::{Names, Rows};

/// How many violating rows a check fetches.
pub const SAMPLE: usize = 10;

/// The rows that break a rule, as [`Check::sample`] answers them, up to a thousand.
pub fn breaking(check: &Check) -> Sql {
    check.first(1000)
}

/// One rule as queries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub rule: String,
    pub table: String,
    /// What a violation means, for people: `total must be at least 0`.
    pub message: String,
    pub enforce: Enforce,
    pub origin: Option<(usize, usize)>,
    /// Answers one row: violating rows, all rows.
    pub count: Sql,
    /// Answers up to [`SAMPLE`] rows: first the key columns, then the values the rule speaks of.
    pub sample: Sql,
    pub keys: Vec<String>,
    pub values: Vec<String>,
    pub part: Part,
    /// What is wrong with a row that breaks it.
    #[serde(default)]
    pub fault: Fault,
    /// How the rule is asked together with others of its rows, in one scan.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scan: Option<Scan>,
    /// How the rule is asked alone.
    #[serde(skip)]
    pub shape: Shape,
    /// Keys and values that are not shown to people.
    #[serde(skip)]
    pub personal: BTreeSet<String>,
    /// Answers one row: when the first and the last of the violating rows came.
    #[serde(skip)]
    pub seen: Option<Sql>,
    /// The statement after which the engine holds every row to the rule, once no row breaks it.
    #[serde(skip)]
    pub validates: Option<Sql>,
    /// How its rows are read as a stream, where they can be.
    #[serde(skip)]
    pub reading: Option<Reading>,
    /// What the rule says, for a repair.
    #[serde(skip)]
    pub about: Option<About>,
    /// The condition that a row `r` of the table breaks the rule, where one row tells.
    #[serde(skip)]
    pub bad: Option<String>,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    Rule(Requirement),
    /// That the values of a column can be read as another type.
    Type {
        column: Ident,
        after: String,
    },
}

impl Check {
    /// The first of the violating rows, as [`Check::sample`] answers them.
    pub fn first(&self, rows: usize) -> Sql {
        Sql::new(format!("{} LIMIT {rows}", self.unlimited()))
    }

    /// All violating rows, as [`Check::sample`] answers them.
    pub fn every(&self) -> Sql {
        Sql::new(self.unlimited())
    }

    fn unlimited(&self) -> &str {
        let text = self.sample.as_str();
        text.strip_suffix(&format!(" LIMIT {SAMPLE}")).unwrap_or(text)
    }
}

/// What the engine does to answer a rule that is asked alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Looks at each row.
    #[default]
    Row,
    /// Groups rows by their key.
    Groups,
    /// Looks each row up in another table.
    Lookup,
    /// Joins what other tables say, one row to a row.
    Join,
    /// Compares rows with each other.
    Pairs,
    /// Compares rows with the sequence that counts them.
    Counter,
}

/// A rule that looks at one row at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// Common table expressions, or empty.
    with: String,
    from: String,
    /// The condition that a row breaks the rule.
    bad: String,
    /// The column that says when a row came.
    #[serde(skip)]
    came: Option<Ident>,
    /// The values that are shown of a row, where they are not the columns of that name.
    #[serde(skip)]
    shown: Option<Vec<String>>,
}

impl Scan {
    fn showing(self, values: Vec<String>) -> Self {
        Scan { shown: Some(values), ..self }
    }

    /// How many regular expressions a row is matched against.
    pub fn patterns(&self) -> usize {
        let tokens = tokenize(&self.bad, Dialect::Postgres);
        let is_pattern = |token: &&crate::text::token::Token<'_>| {
            ["~", "~*", "!~", "!~*"].iter().any(|mark| token.is_mark(mark))
                || token.is_word("similar")
                || token.text.to_ascii_lowercase().starts_with("regexp")
        };
        tokens.iter().filter(is_pattern).count()
    }
}

/// Whether two checks can be asked in one scan.
pub fn share_rows(left: &Check, right: &Check) -> bool {
    match (&left.scan, &right.scan) {
        (Some(left), Some(right)) => left.with == right.with && left.from == right.from,
        (None, _) | (_, None) => false,
    }
}

/// Asks checks that share their rows in one scan: answers one row, the violating rows of each, then all rows.
pub fn scan(checks: &[Check]) -> Option<Sql> {
    let scans: Vec<&Scan> =
        checks.iter().map(|check| check.scan.as_ref()).collect::<Option<_>>()?;
    let first = scans.first()?;
    let counts: Vec<String> =
        scans.iter().map(|scan| format!("count(*) FILTER (WHERE {})", scan.bad)).collect();
    Some(Sql::new(format!(
        "{}SELECT {}, count(*) FROM {} AS r",
        first.with,
        counts.join(", "),
        first.from
    )))
}

/// The violating rows of checks that share their rows, in one scan: the keys of a row, then for each check whether the row
/// breaks it and the values the rule speaks of; in the order of the keys.
pub fn breaking_any(checks: &[&Check]) -> Option<Sql> {
    let scans: Vec<&Scan> =
        checks.iter().map(|check| check.scan.as_ref()).collect::<Option<_>>()?;
    let (first, scan) = (checks.first()?, scans.first()?);
    let column = |name: &String| format!("r.{}", quote(&Ident::new(name.as_str())));
    let mut list: Vec<String> = first.keys.iter().map(column).collect();
    for (check, scan) in checks.iter().zip(&scans) {
        list.push(format!("({})", scan.bad));
        match &scan.shown {
            Some(shown) => list.extend(shown.iter().cloned()),
            None => list.extend(check.values.iter().map(column)),
        }
    }
    let any: Vec<String> = scans.iter().map(|scan| format!("({})", scan.bad)).collect();
    let order: Vec<String> = (1..=first.keys.len()).map(|at| at.to_string()).collect();
    let order =
        if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
    Some(Sql::new(format!(
        "{}SELECT {} FROM {} AS r WHERE {}{order}",
        scan.with,
        list.join(", "),
        scan.from,
        any.join(" OR ")
    )))
}

/// When the first and the last of the violating rows came, for each of some checks that share their rows.
pub fn seen_any(checks: &[&Check]) -> Option<Sql> {
    let scans: Vec<&Scan> =
        checks.iter().map(|check| check.scan.as_ref()).collect::<Option<_>>()?;
    let scan = scans.first()?;
    let came = quote(scan.came.as_ref()?);
    let list: Vec<String> = scans
        .iter()
        .map(|scan| {
            let bad = &scan.bad;
            format!("min(r.{came}) FILTER (WHERE {bad}), max(r.{came}) FILTER (WHERE {bad})")
        })
        .collect();
    Some(Sql::new(format!("{}SELECT {} FROM {} AS r", scan.with, list.join(", "), scan.from)))
}

/// What a failed check means for the checks after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Values that cannot be converted: other checks of the table would stop with an error, so they are left out.
    Guard,
    Rule,
    /// A rule that only `migrate verify` asks and that cannot be told before the change has run; its message says why.
    Later,
}

/// What rows must satisfy before a change runs: rules that are new or tightened, and rules on columns whose values
/// change. `rules` are the model's, which carry names, messages and places. `kept` names the kept tables that the
/// steps put back: rows that get their old values from there are not asked.
pub fn checks(diff: &Diff, rules: &[Rule], tag: &str, kept: &BTreeSet<String>) -> Vec<Check> {
    let names = Names::before(diff).with_returning(diff, tag, kept);
    let taken = OnceCell::new();
    let mut checks = Vec::new();
    for change in &diff.changes {
        let Change::AlterTable(change) = change else { continue };
        let rows = Rows::pending(change, &names, diff.after.dialect);
        let kept = KeptRows { diff, change, rows: &rows, tag, kept };
        let mut asked_here = castable(&kept, &names);
        asked_here.extend(agreed(change, &names));
        asked_here.extend(arriving::arriving(&kept, &names));
        asked_here.extend(fitting(&kept, &names));
        asked_here.extend(rowid::mistakable(&kept, &names, &taken));
        asked_here.extend(storable::storable(change, &rows, &names));
        asked_here.extend(enum_values::stranded(diff, &kept, &names));
        let held = rules_of(&change.before);
        for rule in all_rules(&change.after, rules) {
            let is_new = !held.iter().any(|old| old.requirement == rule.requirement);
            let mentioned = mentioned(&rule.requirement, &change.after, diff.after.dialect);
            let altered = |column: &Ident| {
                is_altered(column, &change.mapping)
                    || diff.after.dialect == Dialect::Sqlite
                        && rows::collation_changes(change, column)
            };
            if !is_new && !mentioned.iter().any(altered) {
                continue;
            }
            let Some(asked) = kept.others(&mentioned) else { continue };
            if !asked.is_none() && matches!(rule.requirement, Requirement::Unique { .. }) {
                continue; // whether kept values are unique among the others only putting them back tells
            }
            asked_here.extend(pending_check(rule, &rows, (&mentioned, &asked), diff, &names));
        }
        checks.extend(in_order(asked_here));
    }
    checks.extend(enum_values::stranded_where_nothing_changes(diff, &names, tag, kept));
    checks.extend(partitions::homeless(diff, &names));
    checks.extend(partitions::placeless(diff, tag, kept));
    checks.extend(beside(diff, rules, &names));
    checks
}

/// Rules that only queries ask, of tables that stay as they are but for their names, or that join a table that changes.
fn beside(diff: &Diff, rules: &[Rule], names: &Names) -> Vec<Check> {
    let altered = diff.table_changes();
    let is_added = |name: &QName| {
        let added = |change: &Change| matches!(change, Change::Table(delta) if delta.after().is_some_and(|it| it.name == *name));
        diff.changes.iter().any(added)
    };
    let is_touched = |name: &QName| {
        names.expressions.contains_key(name) || altered.contains_key(name) || is_added(name)
    };
    let joins_touched = |rule: &Rule| match &rule.requirement {
        Requirement::Across { joins, .. } => {
            joins.iter().flat_map(|join| &join.needs).any(|(table, _)| is_touched(table))
        }
        Requirement::Required { .. }
        | Requirement::Holds { .. }
        | Requirement::Unique { .. }
        | Requirement::References { .. }
        | Requirement::Excludes { .. }
        | Requirement::OnlyEngine { .. } => false,
    };
    let mut checks = Vec::new();
    for rule in rules.iter().filter(|rule| rule.enforce != Enforce::Database) {
        let Some(table) = diff.after.tables.get(&rule.table) else { continue };
        let is_asked = altered.contains_key(&rule.table) || is_added(&rule.table);
        if is_asked || !names.expressions.contains_key(&rule.table) && !joins_touched(rule) {
            continue;
        }
        let rows = Rows::pending(&TableChange::unchanged(table, table), names, diff.after.dialect);
        let mentioned = mentioned(&rule.requirement, table, diff.after.dialect);
        checks.extend(pending_check(
            rule.clone(),
            &rows,
            (&mentioned, &Others::none()),
            diff,
            names,
        ));
    }
    checks
}

/// The check of a rule on rows as they will be; `asked` tells which of them.
fn pending_check(
    rule: Rule,
    rows: &Rows,
    (mentioned, asked): (&[Ident], &Others),
    diff: &Diff,
    names: &Names,
) -> Option<Check> {
    let rule = match as_pending(&rule, diff, names) {
        Ok(rule) => rule,
        Err(reason) => return Some(query::later(&rule, rows, reason)),
    };
    check(&rule, rows, mentioned, asked, &diff.before, names).or_else(|| {
        // The engine asks in the step that makes the constraint.
        let is_later = rule.enforce != Enforce::Database;
        let reason = "it speaks of what the change makes".to_owned();
        is_later.then(|| query::later(&rule, rows, reason))
    })
}

/// A rule over the tables that it joins as the change will leave them; else why that cannot be told.
fn as_pending(rule: &Rule, diff: &Diff, names: &Names) -> Result<Rule, String> {
    let requirement = match &rule.requirement {
        Requirement::Across { columns, joins, expression } => Requirement::Across {
            columns: columns.clone(),
            joins: joined::pending(joins, diff, names)?,
            expression: expression.clone(),
        },
        other => other.clone(),
    };
    Ok(Rule { requirement, ..rule.clone() })
}

/// Guards first, then rules that share a scan, so that they stand together.
fn all_in_order(checks: Vec<Check>) -> Vec<Check> {
    // Checks that share their rows stand together, whatever stood between them.
    let mut groups: Vec<Vec<Check>> = Vec::new();
    for check in in_order(checks) {
        match groups.iter_mut().find(|group| share_rows(&group[0], &check)) {
            Some(group) => group.push(check),
            None => groups.push(vec![check]),
        }
    }
    groups.into_iter().flatten().collect()
}

/// Guards first, then rules that share a scan, so that they stand together, then those that a stream answers too.
fn in_order(mut checks: Vec<Check>) -> Vec<Check> {
    let key = |check: &Check| {
        (check.part != Part::Guard, check.scan.is_none(), check.set_rule().is_none())
    };
    checks.sort_by_key(key);
    checks
}

/// The rules of a table: the database's own, under the model's name where the model states the same, and those
/// that only the model states.
fn all_rules(table: &Table, model: &[Rule]) -> Vec<Rule> {
    let mine: Vec<&Rule> = model.iter().filter(|rule| rule.table == table.name).collect();
    let mut rules = rules_of(table);
    for rule in &mut rules {
        if let Some(stated) = mine.iter().find(|stated| stated.requirement == rule.requirement) {
            *rule = (*stated).clone();
        }
    }
    let unstated = mine.into_iter().filter(|stated| {
        stated.enforce != Enforce::Database
            && !rules.iter().any(|rule| rule.requirement == stated.requirement)
    });
    let unstated: Vec<Rule> = unstated.cloned().collect();
    rules.into_iter().chain(unstated).collect()
}

fn is_altered(column: &Ident, mapping: &[ColumnSource]) -> bool {
    mapping.iter().any(|source| {
        source.column == *column
            && (source.origin != SourceOrigin::Same
                || source.is_converted_as_said()
                || source.fill.is_some())
    })
}

/// The columns of `table` that a requirement speaks of.
fn mentioned(requirement: &Requirement, table: &Table, dialect: Dialect) -> Vec<Ident> {
    let texts: Vec<&str> = match requirement {
        Requirement::Required { column } => return vec![column.clone()],
        Requirement::References { columns, .. } => return columns.clone(),
        Requirement::Across { columns, .. } => return columns.clone(),
        Requirement::Holds { expression } => vec![expression],
        Requirement::Unique { keys, predicate, .. } => {
            keys.iter().chain(predicate).map(String::as_str).collect()
        }
        Requirement::Excludes { elements, predicate } => {
            elements.iter().map(|(key, _)| key).chain(predicate).map(String::as_str).collect()
        }
        Requirement::OnlyEngine { .. } => Vec::new(),
    };
    let words: Vec<String> = texts
        .iter()
        .flat_map(|text| tokenize(text, dialect))
        .filter_map(|token| token.name().map(|name| canonical_word(&token, &name, dialect)))
        .collect();
    table
        .columns
        .iter()
        .filter(|column| words.contains(&canonical_name(column.name.as_str(), dialect)))
        .map(|column| column.name.clone())
        .collect()
}

fn canonical_word(token: &crate::text::token::Token<'_>, name: &str, dialect: Dialect) -> String {
    match token.kind {
        crate::text::token::Kind::Word => name.to_ascii_lowercase(),
        _ => canonical_name(name, dialect),
    }
}

pub(in crate::dialect::check) fn message(rule: &Rule) -> String {
    let names =
        |columns: &[Ident]| columns.iter().map(Ident::as_str).collect::<Vec<_>>().join(", ");
    match (&rule.message, &rule.requirement) {
        (Some(message), _) => message.clone(),
        (None, Requirement::Required { column }) => format!("`{column}` is required"),
        (None, Requirement::Holds { expression } | Requirement::Across { expression, .. }) => {
            format!("must hold: {expression}")
        }
        (None, Requirement::Unique { keys, .. }) => {
            format!("must be unique: {}", keys.join(", ").replace('"', ""))
        }
        (None, Requirement::References { columns, table, .. }) => {
            format!("`{}` must be found in `{table}`", names(columns))
        }
        (None, Requirement::Excludes { elements, .. }) => {
            let pairs: Vec<String> =
                elements.iter().map(|(key, operator)| format!("{key} {operator}")).collect();
            format!("no two rows may answer true to: {}", pairs.join(", "))
        }
        (None, Requirement::OnlyEngine { definition }) => definition.clone(),
    }
}

pub(in crate::dialect::check) fn quote(name: &Ident) -> String {
    crate::dialect::session::quote_name(name.as_str())
}

pub(in crate::dialect::check) fn qualified(name: &QName) -> String {
    format!("{}.{}", quote(&name.schema), quote(&name.name))
}

pub(in crate::dialect::check) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
