//! The rows that checks read: as they are, or as a pending change will leave them.
//!
//! A pending change is told as a projection: `SELECT <value of each new column> FROM <old table>`. New names are
//! given to old tables by common table expressions, so that every rule can be written in the new names before the
//! renames have run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::kept::{Others, kept_table};
use super::parents::Converted;
use super::reading::Source;
use super::{literal, qualified, quote};
use crate::catalog::{Catalog, Column, Table, TableOptions};
use crate::change::{Change, ColumnSource, Delta, Diff, Rename, SourceOrigin, TableChange};
use crate::dialect::keep::kept_name;
use crate::dialect::reach::Reach;
use crate::dialect::sqlite::{Affinity, default_value};
use crate::dialect::{Direction, Sql};
use crate::text::{Dialect, Ident, QName};

/// Tables that a pending change renames, as common table expressions in the new names.
#[derive(Default)]
pub(super) struct Names {
    pub(super) expressions: BTreeMap<QName, String>,
    /// Their columns and primary keys in the new names.
    pub(super) renamed: BTreeMap<QName, Parent>,
    /// Dropped tables that come back with the rows that were kept of them.
    pub(super) returning: BTreeMap<QName, Table>,
    /// Tables that stand alone and become partitions, by the partitioned tables that they will belong to.
    pub(super) joining: BTreeMap<QName, Vec<QName>>,
    /// Tables that the change makes.
    made: Vec<QName>,
    /// Those of them that get rows out of values that go there.
    extracted: BTreeSet<QName>,
    /// Tables whose rows the change gives other values.
    pub(super) converted: Converted,
}

/// What a foreign key may point at.
#[derive(Clone, Debug, Default)]
pub(super) struct Parent {
    pub(super) columns: Vec<Ident>,
    pub(super) key: Vec<Ident>,
}

impl Parent {
    pub(super) fn of(table: &Table) -> Self {
        Parent {
            columns: table.columns.iter().map(|column| column.name.clone()).collect(),
            key: table.primary_key().to_vec(),
        }
    }

    fn renamed(self, names: &[(Ident, Ident)]) -> Self {
        let new = |column: Ident| {
            let found = names.iter().find(|(before, _)| *before == column);
            found.map_or(column, |(_, after)| after.clone())
        };
        Parent {
            columns: self.columns.into_iter().map(new).collect(),
            key: self.key.into_iter().map(new).collect(),
        }
    }
}

impl Names {
    pub(super) fn before(diff: &Diff) -> Self {
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
        follow_parents(diff, &mut columns);
        let touched: BTreeSet<QName> = old_tables.keys().chain(columns.keys()).cloned().collect();
        let made = diff.changes.iter().filter_map(|change| match change {
            Change::Table(Delta::Add(table)) => Some(table.name.clone()),
            _ => None,
        });
        let made: Vec<QName> = made.collect();
        let extracted =
            made.iter().filter(|it| !diff.extractions(it).is_empty()).cloned().collect();
        let mut names = Names { joining: joining(diff), made, extracted, ..Names::default() };
        for table in touched {
            let old = old_tables.get(&table).unwrap_or(&table);
            let Some(found) = diff.before.tables.get(old) else { continue };
            let renamed = columns.get(&table).map(Vec::as_slice).unwrap_or_default();
            let parent = Parent::of(found).renamed(renamed);
            let list = found
                .columns
                .iter()
                .zip(&parent.columns)
                .map(|(column, new)| format!("{} AS {}", quote(&column.name), quote(new)));
            let list: Vec<String> = list.chain(row_numbers(found, &parent)).collect();
            let select = format!("SELECT {} FROM {}", list.join(", "), qualified(old));
            names.expressions.insert(table.clone(), select);
            names.renamed.insert(table, parent);
        }
        names
    }

    /// Adds the tables that the change puts back: until then their rows are in kept tables.
    pub(super) fn with_returning(
        mut self,
        diff: &Diff,
        tag: &str,
        kept: &BTreeSet<String>,
    ) -> Self {
        self.converted = Converted::of(diff, tag, kept);
        for change in &diff.changes {
            let Change::Table(Delta::Add(table)) = change else { continue };
            let dialect = diff.after.dialect;
            let name = kept_name(tag, Direction::Up, &table.name, None, dialect);
            if kept.contains(&name) {
                let select = format!("SELECT * FROM {}", kept_table(&name, dialect));
                self.expressions.insert(table.name.clone(), select);
                self.returning.insert(table.name.clone(), table.clone());
            }
        }
        self
    }

    /// Whether an expression reads a table that the change makes, and that does not hold all its rows before.
    fn reads_made(&self, text: &str, dialect: Dialect) -> bool {
        let reach = Reach::of(text, dialect);
        let is_there =
            |table: &QName| self.returning.contains_key(table) && !self.extracted.contains(table);
        let mut made = self.made.iter().filter(|table| !is_there(table));
        made.any(|table| reach.reads(table))
    }

    pub(super) fn prefix(&self) -> String {
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

    /// A source whose fill reads renamed tables through the common table expressions.
    pub(super) fn localized(&self, source: &ColumnSource) -> ColumnSource {
        let localized = |text: &String| {
            self.expressions.keys().fold(text.clone(), |text, table| {
                text.replace(&qualified(table), &quote(&table.name))
            })
        };
        let fill = source.fill.as_ref().map(localized);
        let contested = source.contested.as_ref().map(localized);
        ColumnSource { fill, contested, ..source.clone() }
    }

    pub(super) fn table(&self, name: &QName) -> String {
        if self.expressions.contains_key(name) { quote(&name.name) } else { qualified(name) }
    }
}

/// The number of a row under each name that neither the table nor its columns under new names have taken.
fn row_numbers(table: &Table, renamed: &Parent) -> Vec<String> {
    let has_numbers = match &table.options {
        TableOptions::Sqlite { without_rowid, .. } => !without_rowid,
        TableOptions::Postgres(_) => false,
    };
    let columns = || table.columns.iter().map(|column| &column.name).chain(&renamed.columns);
    let is_free = |name: &&str| columns().all(|it| !it.as_str().eq_ignore_ascii_case(name));
    let names = ["rowid", "_rowid_", "oid"].into_iter().filter(|_| has_numbers).filter(is_free);
    names.map(|name| format!("{name} AS {name}")).collect()
}

/// The rows a check reads: a FROM item with the alias `r`, and how rows are told apart.
#[derive(Clone)]
pub(super) struct Rows {
    pub(super) dialect: Dialect,
    pub(super) table: QName,
    pub(super) from: String,
    pub(super) keys: Vec<String>,
    /// Columns of the new shape whose value cannot be told before the change runs.
    pub(super) untold: Vec<Ident>,
    /// The column that says when a row came.
    pub(super) came: Option<Ident>,
    /// Whether rows of heirs belong to a table when keys are asked.
    pub(super) heirs: Heirs,
    /// The rows as a stream, where they can be read so.
    pub(super) source: Option<Arc<Source>>,
}

/// Keys of a PostgreSQL table do not reach the tables that inherit from it; those of a partitioned table do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heirs {
    Asked,
    LeftOut,
}

impl Rows {
    /// The word that leaves heirs out.
    pub(super) fn only_of(&self, table: Option<&Table>) -> &'static str {
        match (self.heirs, table) {
            (Heirs::LeftOut, Some(table)) => only(table),
            (Heirs::LeftOut, None) | (Heirs::Asked, _) => "",
        }
    }

    /// Answers when the first and the last of some rows came.
    pub(super) fn seen(&self, rows: &str) -> Option<Sql> {
        let came = quote(self.came.as_ref()?);
        Some(Sql::new(format!("SELECT min(r.{came}), max(r.{came}) FROM {rows}")))
    }

    /// The same rows beside what tells those that are asked.
    pub(super) fn asking(&self, others: &Others) -> Rows {
        Rows { from: others.joined_to(&self.from), ..self.clone() }
    }

    pub(super) fn pending(change: &TableChange, names: &Names, dialect: Dialect) -> Self {
        let mut untold = Vec::new();
        let mut list = Vec::new();
        for (source, column) in change.mapping.iter().zip(&change.after.columns) {
            let source = names.localized(source);
            if source.fill.as_ref().is_some_and(|fill| names.reads_made(fill, dialect)) {
                untold.push(column.name.clone());
                continue;
            }
            match pending_value(&source, column, change, dialect) {
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
        Rows {
            dialect,
            table: change.after.name.clone(),
            from,
            keys: shown(keys),
            untold,
            came: None,
            heirs: Heirs::Asked,
            source: None,
        }
    }
}

/// `ONLY ` for a table that others may inherit from.
pub(super) fn only(table: &Table) -> &'static str {
    let options = table.options.of_postgres();
    if options.is_some_and(|options| options.partition_by.is_none()) { "ONLY " } else { "" }
}

pub(super) fn shown(keys: Vec<Ident>) -> Vec<String> {
    keys.iter().map(Ident::to_string).collect()
}

pub(super) fn keys_of(table: &Table, told: &dyn Fn(&Ident) -> bool) -> Vec<Ident> {
    let keys = table.primary_key();
    if keys.iter().all(told) { keys.to_vec() } else { Vec::new() }
}

/// The engine's own name for a row, for tables without a primary key.
pub(super) fn row_id(table: &Table, keys: &[Ident]) -> Option<String> {
    match &table.options {
        _ if !keys.is_empty() => None,
        TableOptions::Postgres(_) => Some("\"t\".ctid::text AS \"row id\"".to_owned()),
        TableOptions::Sqlite { without_rowid: true, .. } => None,
        TableOptions::Sqlite { without_rowid: false, .. } => {
            Some(format!("\"t\".{} AS \"row id\"", free_row_id(table)?))
        }
    }
}

/// SQLite's own name for a row. A column of that name would stand in its way; all three taken, nothing names the row.
pub(super) fn free_row_id(table: &Table) -> Option<&'static str> {
    let is_free =
        |name: &&str| !table.columns.iter().any(|it| it.name.as_str().eq_ignore_ascii_case(name));
    ["rowid", "_rowid_", "oid"].into_iter().find(is_free)
}

/// The value that a column will have, as the engine compares it, over the old row `t`; `None` where only running the change
/// tells.
pub(super) fn pending_value(
    source: &ColumnSource,
    column: &Column,
    change: &TableChange,
    dialect: Dialect,
) -> Option<String> {
    match dialect {
        Dialect::Postgres => value(source, column, dialect),
        Dialect::Sqlite => stored_value(source, column, change),
    }
}

/// The value as SQLite stores and compares it: after the affinity of the column, and under its collation.
fn stored_value(source: &ColumnSource, column: &Column, change: &TableChange) -> Option<String> {
    let strict = match &change.after.options {
        TableOptions::Sqlite { strict, .. } => *strict,
        TableOptions::Postgres(_) => false,
    };
    let affinity = match strict {
        true => Affinity::of_strict(&column.data_type),
        false => Affinity::of(&column.data_type),
    };
    let as_it_is = source.origin == SourceOrigin::Same
        && !source.is_converted_as_said()
        && source.fill.is_none();
    let value = value(source, column, Dialect::Sqlite)?;
    let value = if as_it_is { value } else { affinity.stored(&value) };
    match collation_changes(change, &column.name) {
        false => Some(value),
        true => {
            let collation = column.collation.as_deref().unwrap_or("BINARY");
            Some(format!("({value}) COLLATE {}", quote(&Ident::new(collation))))
        }
    }
}

/// Whether SQLite compares the column in another way than before.
pub(super) fn collation_changes(change: &TableChange, column: &Ident) -> bool {
    let of = |table: &Table| {
        let named = table.column(column).and_then(|column| column.collation.as_deref());
        named.unwrap_or("binary").to_ascii_lowercase()
    };
    of(&change.before) != of(&change.after)
}

/// The value a column of the new shape will have, over the old row `t`; `None` where only running the change
/// tells (generated columns, defaults that call a function).
pub(super) fn value(source: &ColumnSource, column: &Column, dialect: Dialect) -> Option<String> {
    let old = format!("\"t\".{}", quote(&source.column));
    let said = source.using_over(&old, dialect).map(|said| format!("({said})"));
    let mapped = match (&source.values[..], dialect) {
        ([], _) if let Some(said) = said => said,
        ([], _) => old,
        (values, Dialect::Postgres) => case(&format!("{old}::text"), values),
        (values, Dialect::Sqlite) => case(&old, values),
    };
    let moved = match (&source.origin, dialect) {
        (SourceOrigin::Computed, _) => return None,
        (SourceOrigin::New, _) => match (&source.fill, &column.default) {
            (Some(fill), None) => format!("({fill})"),
            (Some(fill), Some(default)) if is_constant(default) => {
                format!("coalesce({fill}, {})", constant(default, dialect))
            }
            (Some(_), Some(_)) => return None,
            (None, None) => null_of(column, dialect),
            (None, Some(default)) if is_constant(default) => constant(default, dialect),
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

fn constant(default: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => format!("({default})"),
        Dialect::Sqlite => default_value(default),
    }
}

/// A default without a call is the same for every row.
fn is_constant(default: &str) -> bool {
    !default.contains('(') && !default.to_ascii_uppercase().contains("CURRENT_")
}

/// Tables with rows that become partitions, by the tables above them; those that are below them already are left out.
fn joining(diff: &Diff) -> BTreeMap<QName, Vec<QName>> {
    let above = |catalog: &Catalog, table: &QName| {
        let mut found = Vec::new();
        let mut at = table;
        while let Some(parent) = catalog
            .tables
            .get(at)
            .and_then(|table| table.options.of_postgres())
            .filter(|options| options.is_partition())
            .and_then(|options| options.parents.first())
        {
            found.push(parent.clone());
            at = parent;
        }
        found
    };
    let renames = diff.renames().filter_map(Rename::of_table);
    let renamed: BTreeMap<&QName, &QName> =
        renames.map(|(before, after)| (after, before)).collect();
    let old = |name: &QName| renamed.get(name).copied().unwrap_or(name).clone();
    let mut joining: BTreeMap<QName, Vec<QName>> = BTreeMap::new();
    for name in diff.after.tables.keys() {
        if !diff.before.tables.contains_key(&old(name)) {
            continue;
        }
        let was: Vec<QName> = above(&diff.before, &old(name));
        for parent in above(&diff.after, name) {
            if !was.contains(&old(&parent)) {
                joining.entry(parent).or_default().push(name.clone());
            }
        }
    }
    joining
}

/// Children get the new names of columns with their parents.
fn follow_parents(diff: &Diff, columns: &mut BTreeMap<QName, Vec<(Ident, Ident)>>) {
    if columns.is_empty() {
        return;
    }
    loop {
        let mut grew = false;
        for (name, table) in &diff.after.tables {
            let Some(options) = table.options.of_postgres() else { continue };
            for parent in &options.parents {
                for pair in columns.get(parent).cloned().unwrap_or_default() {
                    let own = columns.entry(name.clone()).or_default();
                    if options.inherited_columns.contains_key(&pair.1) && !own.contains(&pair) {
                        own.push(pair);
                        grew = true;
                    }
                }
            }
        }
        if !grew {
            return;
        }
    }
}
