//! Rules as queries: which rows break a rule, asked of the rows as they are, or as a pending change will leave
//! them.
//!
//! A pending change is told as a projection: `SELECT <value of each new column> FROM <old table>`. New names are
//! given to old tables by common table expressions, so that every rule can be written in the new names before the
//! renames have run.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::keep::{SQLITE_PREFIX, kept_name};
use super::{Direction, Sql};
use crate::catalog::rule::{Enforce, Requirement, Rule, rules_of};
use crate::catalog::{Catalog, Column, Table, TableOptions};
use crate::change::{Change, ColumnSource, Diff, Rename, SourceOrigin, TableChange};
use crate::text::token::{canonical_name, tokenize};
use crate::text::{Dialect, Ident, QName};

/// How many violating rows a check fetches.
pub const SAMPLE: usize = 10;

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
}

/// What a failed check means for the checks after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Values that cannot be converted: other checks of the table would stop with an error, so they are left out.
    Guard,
    Rule,
}

/// What rows must satisfy before a change runs: rules that are new or tightened, and rules on columns whose values
/// change. `rules` are the model's, which carry names, messages and places. `kept` names the kept tables that the
/// steps put back: rows that get their old values from there are not asked.
pub fn checks(diff: &Diff, rules: &[Rule], tag: &str, kept: &BTreeSet<String>) -> Vec<Check> {
    let names = Names::before(diff);
    let mut checks = Vec::new();
    for change in &diff.changes {
        let Change::AlterTable(change) = change else { continue };
        let rows = Rows::pending(change, &names, diff.after.dialect);
        checks.extend(castable(change, &rows));
        let kept = KeptRows { diff, change, rows: &rows, tag, kept };
        let held = rules_of(&change.before);
        for rule in all_rules(&change.after, rules) {
            let is_new = !held.iter().any(|old| old.requirement == rule.requirement);
            let mentioned = mentioned(&rule.requirement, &change.after, diff.after.dialect);
            if !is_new && !mentioned.iter().any(|column| is_altered(column, &change.mapping)) {
                continue;
            }
            let Some(asked) = kept.others(&mentioned) else { continue };
            if !asked.is_empty() && matches!(rule.requirement, Requirement::Unique { .. }) {
                continue; // whether kept values are unique among the others only putting them back tells
            }
            checks.extend(check(&rule, &rows, &asked, &diff.before, &names));
        }
    }
    checks
}

/// Every rule on the rows as they are. Rules of the database come from `catalog`, the others from `rules`.
pub fn standing_checks(catalog: &Catalog, rules: &[Rule]) -> Vec<Check> {
    let names = Names::default();
    catalog
        .tables
        .values()
        .flat_map(|table| {
            let rows = Rows::standing(table, catalog.dialect);
            all_rules(table, rules)
                .into_iter()
                .filter_map(|rule| check(&rule, &rows, "", catalog, &names))
                .collect::<Vec<_>>()
        })
        .collect()
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
                || !source.values.is_empty()
                || source.fill.is_some())
    })
}

/// The columns of `table` that a requirement speaks of.
fn mentioned(requirement: &Requirement, table: &Table, dialect: Dialect) -> Vec<Ident> {
    let texts: Vec<&str> = match requirement {
        Requirement::Required { column } => return vec![column.clone()],
        Requirement::References { columns, .. } => return columns.clone(),
        Requirement::Holds { expression } => vec![expression],
        Requirement::Unique { keys, predicate } => {
            keys.iter().chain(predicate).map(String::as_str).collect()
        }
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

/// Rows whose old values are kept and will be put back.
struct KeptRows<'a> {
    diff: &'a Diff,
    change: &'a TableChange,
    rows: &'a Rows,
    tag: &'a str,
    kept: &'a BTreeSet<String>,
}

impl KeptRows<'_> {
    /// The condition (` AND …`) that leaves out rows that get back a kept value of one of the columns; empty where
    /// nothing is kept, `None` where kept rows cannot be told (no primary key): then only putting them back tells.
    fn others(&self, columns: &[Ident]) -> Option<String> {
        let mut condition = String::new();
        for column in columns {
            let name = self.name(column);
            if !self.kept.contains(&name) {
                continue;
            }
            let key = self.change.before.primary_key();
            if key.is_empty() || key != self.change.after.primary_key() || self.rows.keys.is_empty()
            {
                return None;
            }
            condition.push_str(&format!(" AND NOT EXISTS ({})", self.lookup(&name, key)));
        }
        Some(condition)
    }

    fn lookup(&self, name: &str, key: &[Ident]) -> String {
        let (table, prefix) = match self.rows.dialect {
            Dialect::Postgres => (format!("\"migrate_kept\".{}", quote(&Ident::new(name))), "key_"),
            Dialect::Sqlite => {
                (quote(&Ident::new(format!("{SQLITE_PREFIX}{name}"))), "_migrate_key_")
            }
        };
        let same: Vec<String> = key
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let held = format!("k.\"{prefix}{}\"", index + 1);
                match self.rows.dialect {
                    // Keys of user-defined types are kept as text.
                    Dialect::Postgres => format!("{held}::text = r.{}::text", quote(column)),
                    Dialect::Sqlite => format!("{held} IS r.{}", quote(column)),
                }
            })
            .collect();
        format!("SELECT 1 FROM {table} AS k WHERE {}", same.join(" AND "))
    }

    /// The other way kept it under the names before this way's renames.
    fn name(&self, column: &Ident) -> String {
        let table = &self.change.after.name;
        let old_column = self.diff.renames().find_map(|rename| match rename {
            Rename::Column { table: own, before, after } if own == table && after == column => {
                Some(before)
            }
            _ => None,
        });
        let old_table = self.diff.renames().find_map(|rename| match rename {
            Rename::Table { before, after } if after == table => Some(before),
            _ => None,
        });
        let (table, column) = (old_table.unwrap_or(table), old_column.unwrap_or(column));
        kept_name(self.tag, Direction::Up, table, Some(column), self.rows.dialect)
    }
}

/// Tables that a pending change renames, as common table expressions in the new names.
#[derive(Default)]
struct Names {
    expressions: BTreeMap<QName, String>,
}

impl Names {
    fn before(diff: &Diff) -> Self {
        let mut old_tables: BTreeMap<QName, QName> = BTreeMap::new();
        let mut columns: BTreeMap<QName, Vec<(Ident, Ident)>> = BTreeMap::new();
        for rename in diff.renames() {
            match rename {
                Rename::Table { before, after } => {
                    old_tables.insert(after.clone(), before.clone());
                }
                Rename::Column { table, before, after } => {
                    columns.entry(table.clone()).or_default().push((before.clone(), after.clone()));
                }
                Rename::Enum { .. }
                | Rename::EnumValue { .. }
                | Rename::Constraint { .. }
                | Rename::Index { .. } => {}
            }
        }
        let touched = old_tables.keys().chain(columns.keys()).cloned();
        let expressions = touched.filter_map(|table| {
            let old = old_tables.get(&table).unwrap_or(&table);
            let list: Vec<String> = diff
                .before
                .tables
                .get(old)?
                .columns
                .iter()
                .map(|column| {
                    let new = columns
                        .get(&table)
                        .and_then(|list| list.iter().find(|(before, _)| *before == column.name))
                        .map_or(&column.name, |(_, after)| after);
                    format!("{} AS {}", quote(&column.name), quote(new))
                })
                .collect();
            Some((table.clone(), format!("SELECT {} FROM {}", list.join(", "), qualified(old))))
        });
        Names { expressions: expressions.collect() }
    }

    fn prefix(&self) -> String {
        if self.expressions.is_empty() {
            return String::new();
        }
        let list: Vec<String> = self
            .expressions
            .iter()
            .map(|(table, select)| format!("{} AS ({select})", quote(&table.name)))
            .collect();
        format!("WITH {} ", list.join(", "))
    }

    fn table(&self, name: &QName) -> String {
        if self.expressions.contains_key(name) { quote(&name.name) } else { qualified(name) }
    }
}

/// The rows a check reads: a FROM item with the alias `r`, and how rows are told apart.
struct Rows {
    dialect: Dialect,
    table: QName,
    from: String,
    keys: Vec<String>,
    /// Columns of the new shape whose value cannot be told before the change runs.
    untold: Vec<Ident>,
}

impl Rows {
    fn standing(table: &Table, dialect: Dialect) -> Self {
        let keys = keys_of(table, &|column| table.column(column).is_some());
        let from = match row_id(table, &keys) {
            Some(id) => format!("(SELECT \"t\".*, {id} FROM {} AS \"t\")", qualified(&table.name)),
            None => qualified(&table.name),
        };
        Rows { dialect, table: table.name.clone(), from, keys: shown(keys), untold: Vec::new() }
    }

    fn pending(change: &TableChange, names: &Names, dialect: Dialect) -> Self {
        let mut untold = Vec::new();
        let mut list = Vec::new();
        for (source, column) in change.mapping.iter().zip(&change.after.columns) {
            match value(source, column, dialect) {
                Some(text) => list.push(format!("{text} AS {}", quote(&column.name))),
                None => untold.push(column.name.clone()),
            }
        }
        let told =
            |column: &Ident| change.after.column(column).is_some() && !untold.contains(column);
        let keys = keys_of(&change.after, &told);
        // Through a common table expression the engine's own row id is out of sight.
        let keys = if keys.is_empty() && !names.expressions.contains_key(&change.after.name) {
            list.extend(row_id(&change.before, &keys));
            row_id(&change.before, &keys).map(|_| vec![Ident::new("row id")]).unwrap_or_default()
        } else {
            keys
        };
        if list.is_empty() {
            list.push("1 AS \"row\"".to_owned());
        }
        let from = format!(
            "(SELECT {} FROM {} AS \"t\")",
            list.join(", "),
            names.table(&change.after.name)
        );
        Rows { dialect, table: change.after.name.clone(), from, keys: shown(keys), untold }
    }
}

fn shown(keys: Vec<Ident>) -> Vec<String> {
    keys.iter().map(Ident::to_string).collect()
}

fn keys_of(table: &Table, told: &dyn Fn(&Ident) -> bool) -> Vec<Ident> {
    let keys = table.primary_key();
    if keys.iter().all(told) { keys.to_vec() } else { Vec::new() }
}

/// The engine's own name for a row, for tables without a primary key.
fn row_id(table: &Table, keys: &[Ident]) -> Option<String> {
    match &table.options {
        _ if !keys.is_empty() => None,
        TableOptions::Postgres { .. } => Some("\"t\".ctid::text AS \"row id\"".to_owned()),
        TableOptions::Sqlite { without_rowid: true, .. } => None,
        TableOptions::Sqlite { without_rowid: false, .. } => {
            Some("\"t\".rowid AS \"row id\"".to_owned())
        }
    }
}

/// The value a column of the new shape will have, over the old row `t`; `None` where only running the change
/// tells (generated columns, defaults that call a function).
fn value(source: &ColumnSource, column: &Column, dialect: Dialect) -> Option<String> {
    let old = format!("\"t\".{}", quote(&source.column));
    let mapped = match (&source.values[..], dialect) {
        ([], _) => old,
        (values, Dialect::Postgres) => case(&format!("{old}::text"), values),
        (values, Dialect::Sqlite) => case(&old, values),
    };
    let moved = match (&source.origin, dialect) {
        (SourceOrigin::Computed, _) => return None,
        (SourceOrigin::New, _) => match (&source.fill, &column.default) {
            (Some(fill), _) => format!("({fill})"),
            (None, None) => null_of(column, dialect),
            (None, Some(default)) if is_constant(default) => format!("({default})"),
            (None, Some(_)) => return None,
        },
        (SourceOrigin::Same, Dialect::Postgres) if source.values.is_empty() => mapped,
        (SourceOrigin::Same | SourceOrigin::Cast { .. }, Dialect::Postgres) => {
            format!("CAST({mapped} AS {})", column.data_type)
        }
        (SourceOrigin::Same | SourceOrigin::Cast { .. }, Dialect::Sqlite) => mapped,
    };
    Some(match (&source.fill, &source.origin) {
        (Some(fill), SourceOrigin::Same | SourceOrigin::Cast { .. }) => {
            format!("coalesce({moved}, {fill})")
        }
        _ => moved,
    })
}

fn null_of(column: &Column, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => format!("CAST(NULL AS {})", column.data_type),
        Dialect::Sqlite => "NULL".to_owned(),
    }
}

fn case(operand: &str, values: &[(String, String)]) -> String {
    let branches: Vec<String> = values
        .iter()
        .map(|(old, new)| format!("WHEN {} THEN {}", literal(old), literal(new)))
        .collect();
    format!("CASE {operand} {} ELSE {operand} END", branches.join(" "))
}

/// A default without a call is the same for every row.
fn is_constant(default: &str) -> bool {
    !default.contains('(') && !default.to_ascii_uppercase().contains("CURRENT_")
}

/// The queries of one rule; `None` where it speaks of a column that cannot be told beforehand.
/// `asked` is a further condition (` AND …`) on the rows that are asked, or empty.
fn check(rule: &Rule, rows: &Rows, asked: &str, before: &Catalog, names: &Names) -> Option<Check> {
    let words = |text: &str| {
        tokenize(text, rows.dialect).iter().filter_map(|token| token.name()).collect::<Vec<_>>()
    };
    let speaks_of_untold = |text: &str| {
        words(text)
            .iter()
            .any(|word| rows.untold.iter().any(|c| c.as_str().eq_ignore_ascii_case(word)))
    };
    let (bad, values) = match &rule.requirement {
        Requirement::Required { column } => {
            (format!("r.{} IS NULL", quote(column)), vec![quote(column)])
        }
        Requirement::Holds { expression } => {
            (format!("({expression}) IS FALSE"), values_in(expression, rows.dialect))
        }
        Requirement::References { columns, table, referenced_columns } => {
            let bad = orphan(columns, table, referenced_columns, before, names);
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
        count: Sql::new(format!(
            "{with}SELECT count(*) FILTER (WHERE {bad}), count(*) FROM {from} AS r"
        )),
        sample: Sql::new(format!(
            "{with}SELECT {} FROM {from} AS r WHERE {bad}{} LIMIT {SAMPLE}",
            columns_of(rows, &values),
            by_keys(rows)
        )),
        keys: rows.keys.clone(),
        values: values.iter().map(|value| value.trim_matches('"').to_owned()).collect(),
        part: Part::Rule,
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

/// The quoted names in an expression, as written: they are what a violation should show.
fn values_in(expression: &str, dialect: Dialect) -> Vec<String> {
    let tokens = tokenize(expression, dialect);
    let code: Vec<_> = tokens.iter().filter(|token| token.is_code()).collect();
    let mut values = Vec::new();
    for (index, token) in code.iter().enumerate() {
        let quoted = token.kind == crate::text::token::Kind::Quoted;
        let called = code.get(index + 1).is_some_and(|next| next.is_mark("("));
        let cast = index > 0 && code[index - 1].is_mark("::");
        let plain = token.kind == crate::text::token::Kind::Word
            && dialect == Dialect::Postgres
            && !called
            && !cast
            && !is_keyword(token.text);
        if quoted || plain {
            let text = token.text.to_owned();
            if !values.contains(&text) {
                values.push(text);
            }
        }
    }
    values
}

/// Words that stand in printed expressions and name no column.
fn is_keyword(word: &str) -> bool {
    const WORDS: [&str; 34] = [
        "and",
        "or",
        "not",
        "null",
        "is",
        "in",
        "any",
        "all",
        "array",
        "true",
        "false",
        "case",
        "when",
        "then",
        "else",
        "end",
        "between",
        "like",
        "ilike",
        "similar",
        "to",
        "distinct",
        "from",
        "collate",
        "at",
        "time",
        "zone",
        "with",
        "without",
        "varying",
        "precision",
        "unknown",
        "interval",
        "symmetric",
    ];
    WORDS.contains(&word.to_ascii_lowercase().as_str())
}

fn orphan(
    columns: &[Ident],
    table: &QName,
    referenced: &[Ident],
    before: &Catalog,
    names: &Names,
) -> String {
    let present: Vec<String> =
        columns.iter().map(|column| format!("r.{} IS NOT NULL", quote(column))).collect();
    let present = present.join(" AND ");
    let parent = before.tables.get(table);
    let renamed = names.expressions.contains_key(table);
    if parent.is_none() && !renamed {
        // The table is made by the same change and holds no row yet.
        return present;
    }
    let key = parent.map(|parent| parent.primary_key().to_vec()).unwrap_or_default();
    let referenced = if referenced.is_empty() { &key } else { referenced };
    let pairs: Vec<String> = columns
        .iter()
        .zip(referenced)
        .map(|(column, other)| format!("p.{} = r.{}", quote(other), quote(column)))
        .collect();
    format!(
        "{present} AND NOT EXISTS (SELECT 1 FROM {} AS p WHERE {})",
        names.table(table),
        pairs.join(" AND ")
    )
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
    }
}

fn message(rule: &Rule) -> String {
    let names =
        |columns: &[Ident]| columns.iter().map(Ident::as_str).collect::<Vec<_>>().join(", ");
    match (&rule.message, &rule.requirement) {
        (Some(message), _) => message.clone(),
        (None, Requirement::Required { column }) => format!("`{column}` is required"),
        (None, Requirement::Holds { expression }) => format!("must hold: {expression}"),
        (None, Requirement::Unique { keys, .. }) => {
            format!("must be unique: {}", keys.join(", ").replace('"', ""))
        }
        (None, Requirement::References { columns, table, .. }) => {
            format!("`{}` must be found in `{table}`", names(columns))
        }
    }
}

/// Whether old values can be read as the new type at all, asked without casting (a failed cast ends the query).
fn castable(change: &TableChange, rows: &Rows) -> Vec<Check> {
    let mut checks = Vec::new();
    for source in &change.mapping {
        let SourceOrigin::Cast { before, after } = &source.origin else { continue };
        let column = format!("\"t\".{}", quote(&source.column));
        let Some(bad) = super::castability::misfit(&column, before, after, rows.dialect) else {
            continue;
        };
        let keys: Vec<Ident> = keys_of(&change.before, &|_| true);
        let mut list: Vec<String> =
            keys.iter().map(|key| format!("\"t\".{}", quote(key))).collect();
        list.push(column.clone());
        let from = qualified(&change.before.name);
        checks.push(Check {
            rule: format!("{}.{} as {after}", change.after.name, source.column),
            table: change.after.name.to_string(),
            message: format!("every value must be a valid {after}"),
            enforce: Enforce::Database,
            origin: None,
            count: Sql::new(format!(
                "SELECT count(*) FILTER (WHERE {bad}), count(*) FROM {from} AS \"t\""
            )),
            sample: Sql::new(format!(
                "SELECT {} FROM {from} AS \"t\" WHERE {bad} LIMIT {SAMPLE}",
                list.join(", ")
            )),
            keys: shown(keys),
            values: vec![source.column.to_string()],
            part: Part::Guard,
        });
    }
    checks
}

fn quote(name: &Ident) -> String {
    format!("\"{}\"", name.as_str().replace('"', "\"\""))
}

fn qualified(name: &QName) -> String {
    format!("{}.{}", quote(&name.schema), quote(&name.name))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
