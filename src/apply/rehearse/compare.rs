//! Whether rows are what they were: first by fingerprint, then, where one differs, value by value against rows put
//! aside, to name columns and keys.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fault, Finding};
use crate::catalog::Catalog;
use crate::db::fingerprint::{TableFingerprint, fingerprints_of, row_fingerprints};
use crate::db::{Database, DbError, DbErrorKind, Row};
use crate::dialect::aside::{self, Aside, Now, SHOWN, Side, Which, key_of};
use crate::dialect::fingerprint::Counted;
use crate::dialect::{Sql, Step};
use crate::plan::carries::{Carried, Carries};
use crate::text::token::tokenize;
use crate::text::{Ident, QName};

/// Tables up to this many rows are put aside whether or not the plan speaks of them.
const SMALL: u64 = 50_000;

/// Schema and rows of the shadow before a plan.
pub(super) struct Picture {
    pub(super) catalog: Catalog,
    pub(super) tables: BTreeMap<QName, Pictured>,
}

pub(super) struct Pictured {
    fingerprint: TableFingerprint,
    /// Only the columns that `up` is to leave as they are, where these are not all.
    carried: Option<(Carried, TableFingerprint)>,
    aside: Option<Aside>,
}

impl Picture {
    /// What becomes of each table, where it is known.
    pub(super) fn carried(&self) -> impl Iterator<Item = &Carried> {
        self.tables.values().filter_map(|table| table.carried.as_ref()).map(|(carried, _)| carried)
    }

    /// How many rows each table has.
    pub(super) fn counts(&self) -> impl Iterator<Item = (&QName, u64)> {
        self.tables.iter().map(|(name, table)| (name, table.fingerprint.rows))
    }

    pub(super) fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.fingerprint.rows).sum()
    }
}

/// The partitioned table at the top, where a table is a partition.
fn root_of<'c>(catalog: &'c Catalog, name: &'c QName) -> Option<&'c QName> {
    let mut top = name;
    while let Some(options) = catalog.tables.get(top).and_then(|table| table.options.of_postgres())
        && options.is_partition()
        && let Some(parent) = options.parents.first()
    {
        top = parent;
    }
    (top != name).then_some(top)
}

impl Picture {
    /// The name that a table has now.
    fn present<'s>(&'s self, name: &'s QName) -> &'s QName {
        let carried = self.tables.get(name).and_then(|table| table.carried.as_ref());
        carried.and_then(|(carried, _)| carried.after.as_ref()).unwrap_or(name)
    }

    /// Whether a table was there before, under this name or another.
    pub(super) fn has(&self, present: &QName) -> bool {
        self.tables.keys().any(|name| self.present(name) == present)
    }

    /// Whether a partition was in the tree of another table before; both by their names now.
    pub(super) fn is_within(&self, partition: &QName, root: &QName) -> bool {
        self.catalog.tables.keys().any(|name| {
            self.present(name) == partition
                && root_of(&self.catalog, name).is_some_and(|top| self.present(top) == root)
        })
    }

    /// Whether the rows of a table must be those that it had. Within a tree of partitions they move about, and what
    /// joins or leaves a tree takes its rows along.
    fn tells_alone(&self, name: &QName, present: &QName, after: &Catalog) -> bool {
        let before = &self.catalog;
        let is_parted = |catalog: &Catalog, name: &QName| {
            let options = catalog.tables.get(name).and_then(|table| table.options.of_postgres());
            options.is_some_and(|options| options.partition_by.is_some())
        };
        if root_of(before, name).is_some() && root_of(after, present).is_some()
            || is_parted(before, name) != is_parted(after, present)
        {
            return false;
        }
        before.tables.keys().all(|other| {
            let was_in = root_of(before, other) == Some(name);
            let is_in = root_of(after, self.present(other)) == Some(present);
            was_in == is_in
        })
    }
}

/// Reads all rows, and puts those aside whose keys a finding may have to name.
pub(super) fn take(database: &mut Database, steps: &[&[Step]]) -> Result<Picture, DbError> {
    let catalog = database.inspect()?;
    let dialect = catalog.dialect;
    let named = names_in(steps, dialect);
    if let Some(sql) = aside::room(dialect) {
        database.execute(&sql)?;
    }
    let mut tables = BTreeMap::new();
    for (number, table) in catalog.tables.values().enumerate() {
        let fingerprint = match row_fingerprints(database, table) {
            // Whoever runs the plan may not read it, so the plan does not touch it, and its rows were not copied.
            Err(error) if error.kind == DbErrorKind::Auth && !database.in_transaction()? => {
                continue;
            }
            other => other?,
        };
        let is_named = named.contains(&table.name.name.as_str().to_lowercase());
        let aside = (fingerprint.rows > 0 && (is_named || fingerprint.rows <= SMALL))
            .then(|| Aside::new(number, table, dialect));
        for sql in aside.iter().flat_map(|aside| aside.fill(&table.name)) {
            database.execute(&sql)?;
        }
        let pictured = Pictured { fingerprint, carried: None, aside };
        tables.insert(table.name.clone(), pictured);
    }
    Ok(Picture { catalog, tables })
}

/// Throws away what was put aside.
pub(super) fn forget(database: &mut Database, picture: &Picture) -> Result<(), DbError> {
    if let Some(sql) = aside::no_room(picture.catalog.dialect) {
        return database.execute(&sql).map(|_| ());
    }
    for aside in picture.tables.values().filter_map(|table| table.aside.as_ref()) {
        database.execute(&aside.forget())?;
    }
    Ok(())
}

/// Every name that stands in the statements.
fn names_in(steps: &[&[Step]], dialect: crate::text::Dialect) -> BTreeSet<String> {
    let statements = steps.iter().copied().flatten().flat_map(|step| &step.statements);
    let names = statements.flat_map(|sql| {
        let tokens = tokenize(sql.as_str(), dialect);
        tokens
            .iter()
            .filter_map(|token| token.name())
            .map(|name| name.to_lowercase())
            .collect::<Vec<_>>()
    });
    names.collect()
}

/// Compares tables as they are now with a picture.
pub(super) struct Comparison<'a> {
    pub(super) database: &'a mut Database,
    pub(super) plan: &'a str,
    pub(super) before: &'a Picture,
    pub(super) findings: &'a mut Vec<Finding>,
}

impl Comparison<'_> {
    /// After `up`: the columns that the plan leaves as they are.
    pub(super) fn carried(&mut self, after: &Catalog) -> Result<(), DbError> {
        for (name, pictured) in &self.before.tables {
            let Some((carried, before)) = &pictured.carried else { continue };
            // A table that the plan drops is gone: whether it comes back, the way down shows.
            let Some(present) = &carried.after else { continue };
            let Some(here) = after.tables.get(present) else {
                let message = format!(
                    "`{name}` is gone after up with its {} rows, and the plan does not drop it",
                    before.rows
                );
                self.find(Place::table(name), message, Vec::new(), before.rows);
                continue;
            };
            if !self.before.tells_alone(name, present, after) {
                continue;
            }
            let counted: Vec<Counted> = counted(carried, &|name| carried.columns[name].clone());
            if counted.iter().any(|counted| here.column(&counted.column).is_none()) {
                continue; // the comparison of schemas names the column
            }
            let now = fingerprints_of(self.database, present, &counted)?;
            if now != *before {
                let columns: Vec<(Ident, Ident)> = carried.columns.clone().into_iter().collect();
                let now_table = Now { table: present, key: key_of(here), columns: &columns };
                self.name_rows("up", pictured, (before, &now), name, &now_table)?;
            }
        }
        Ok(())
    }

    /// After `down`: every value of every row.
    pub(super) fn everything(&mut self, after: &Catalog) -> Result<(), DbError> {
        for (name, pictured) in &self.before.tables {
            // What is gone or has other columns, the comparison of schemas names.
            let (Some(was), Some(here)) =
                (self.before.catalog.tables.get(name), after.tables.get(name))
            else {
                continue;
            };
            let now = row_fingerprints(self.database, here)?;
            if now == pictured.fingerprint {
                continue;
            }
            let columns: Vec<(Ident, Ident)> = was
                .columns
                .iter()
                .filter(|column| here.column(&column.name).is_some())
                .map(|column| (column.name.clone(), column.name.clone()))
                .collect();
            let now_table = Now { table: name, key: key_of(here), columns: &columns };
            let both = (&pictured.fingerprint, &now);
            self.name_rows("down", pictured, both, name, &now_table)?;
        }
        Ok(())
    }

    /// A fingerprint differs: says in which columns of which rows.
    fn name_rows(
        &mut self,
        way: &'static str,
        pictured: &Pictured,
        (before, after): (&TableFingerprint, &TableFingerprint),
        name: &QName,
        now: &Now<'_>,
    ) -> Result<(), DbError> {
        let found = self.findings.len();
        match &pictured.aside {
            Some(aside) if aside.can_join(now) => self.join(way, aside, name, now, after.rows)?,
            Some(aside) if *aside.key() == aside::Key::Nothing => {
                self.unmatched(way, aside, (before, after), name, now)?;
            }
            Some(_) | None => {}
        }
        if self.findings.len() == found {
            self.by_fingerprint(way, (before, after), name);
        }
        Ok(())
    }

    fn join(
        &mut self,
        way: &'static str,
        aside: &Aside,
        name: &QName,
        now: &Now<'_>,
        of: u64,
    ) -> Result<(), DbError> {
        let row =
            self.database.rows(&aside.differences(now))?.into_iter().next().unwrap_or_default();
        let counts: Vec<u64> = row.into_iter().map(number).collect();
        let key_names = aside.key_names();
        let gone = counts.first().copied().unwrap_or(0);
        if gone > 0 {
            let keys = self.keys(&aside.sample(now, Which::Gone), &key_names)?;
            let message =
                format!("`{name}` lacks {} after {way}: {}", rows(gone), some(&keys, gone));
            self.find(Place::table(name), message, keys, gone);
        }
        let new = number(self.database.value(&aside.count_new(now))?);
        if new > 0 {
            let keys = self.keys(&aside.sample(now, Which::New), &key_names)?;
            let message =
                format!("`{name}` has {} more after {way}: {}", rows(new), some(&keys, new));
            self.find(Place::table(name), message, keys, new);
        }
        for (at, (column, _)) in now.columns.iter().enumerate() {
            let differ = counts.get(at + 1).copied().unwrap_or(0);
            if differ == 0 {
                continue;
            }
            let keys = self.keys(&aside.sample(now, Which::Differs(at)), &key_names)?;
            let why = match way {
                "up" => ", which the plan does not change",
                _ => "",
            };
            let message = format!(
                "`{name}.{column}`{why}: {} of {of} rows hold another value after {way}: {}",
                differ,
                some(&keys, differ)
            );
            self.find(Place::column(name, column), message, keys, differ);
        }
        Ok(())
    }

    fn unmatched(
        &mut self,
        way: &'static str,
        aside: &Aside,
        (before, after): (&TableFingerprint, &TableFingerprint),
        name: &QName,
        now: &Now<'_>,
    ) -> Result<(), DbError> {
        for (side, verb) in [(Side::Aside, "lacks"), (Side::Here, "has since")] {
            let found = self.database.rows(&aside.unmatched(now, side))?;
            if found.is_empty() {
                continue;
            }
            let texts: Vec<String> = found.iter().map(text_of).collect();
            let columns = differing(before, after);
            let at_least = if texts.len() == SHOWN { "at least " } else { "" };
            let message = format!(
                "`{name}`{} {verb} {at_least}{} after {way} (it has no key): {}",
                in_columns(&columns),
                rows(texts.len() as u64),
                texts.join("; ")
            );
            let count = texts.len() as u64;
            let place = match &columns[..] {
                [column] => Place::column(name, column),
                _ => Place::table(name),
            };
            self.find(place, message, texts, count);
        }
        Ok(())
    }

    /// Nothing was put aside: the fingerprints of columns tell what they can.
    fn by_fingerprint(
        &mut self,
        way: &str,
        (before, after): (&TableFingerprint, &TableFingerprint),
        name: &QName,
    ) {
        let columns = differing(before, after);
        let message = if before.rows != after.rows {
            format!("`{name}` had {} and has {} after {way}", rows(before.rows), after.rows)
        } else if columns.is_empty() {
            format!("values of `{name}` stand in other rows after {way}")
        } else {
            format!("`{name}`{}: values are others after {way}", in_columns(&columns))
        };
        self.find(Place::table(name), message, Vec::new(), 0);
    }

    fn keys(&mut self, query: &Sql, names: &[String]) -> Result<Vec<String>, DbError> {
        Ok(self.database.rows(query)?.iter().map(|row| key_text(names, row)).collect())
    }

    fn find(&mut self, place: Place, message: String, keys: Vec<String>, rows: u64) {
        self.findings.push(Finding {
            plan: self.plan.to_owned(),
            fault: Fault::Plan,
            message,
            table: Some(place.table),
            column: place.column,
            keys,
            rows,
        });
    }
}

impl Picture {
    /// Takes the fingerprints of the columns that `up` leaves as they are, where it does not leave all.
    pub(super) fn note_carried(
        &mut self,
        database: &mut Database,
        carries: &Carries,
    ) -> Result<(), DbError> {
        for (name, pictured) in &mut self.tables {
            let Some(table) = self.catalog.tables.get(name) else { continue };
            let Some(carried) = carries.of_table(table) else { continue };
            let counted = counted(&carried, &Ident::clone);
            let fingerprint = if counted.len() == table.columns.len() {
                pictured.fingerprint.clone()
            } else {
                fingerprints_of(database, name, &counted)?
            };
            pictured.carried = Some((carried, fingerprint));
        }
        Ok(())
    }
}

/// The carried columns under their old names, in the order of these.
fn counted(carried: &Carried, present: &dyn Fn(&Ident) -> Ident) -> Vec<Counted> {
    let names = carried.columns.keys();
    names.map(|name| Counted { column: present(name), label: name.clone() }).collect()
}

/// What a finding speaks of.
struct Place {
    table: String,
    column: Option<String>,
}

impl Place {
    fn table(name: &QName) -> Place {
        Place { table: name.to_string(), column: None }
    }

    fn column(name: &QName, column: &Ident) -> Place {
        Place { table: name.to_string(), column: Some(column.to_string()) }
    }
}

fn number(value: Option<String>) -> u64 {
    value.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// The keys that are shown, and that there are more.
fn some(keys: &[String], of: u64) -> String {
    let more = if of > keys.len() as u64 { ", …" } else { "" };
    format!("{}{more}", keys.join(", "))
}

/// `id 5`; `order_id 1 line 2`.
pub(super) fn key_text(names: &[String], row: &Row) -> String {
    let parts = names
        .iter()
        .zip(row)
        .map(|(name, value)| format!("{name} {}", value.as_deref().unwrap_or("NULL")));
    parts.collect::<Vec<_>>().join(" ")
}

fn text_of(row: &Row) -> String {
    let values = row.iter().map(|value| {
        let text = value.as_deref().unwrap_or("NULL");
        match text.char_indices().nth(30) {
            Some((cut, _)) => format!("{}…", &text[..cut]),
            None => text.to_owned(),
        }
    });
    format!("({})", values.collect::<Vec<_>>().join(", "))
}

fn differing(before: &TableFingerprint, after: &TableFingerprint) -> Vec<Ident> {
    let columns = before.columns.iter();
    let other = columns.filter(|(column, sum)| after.columns.get(*column) != Some(sum));
    other.map(|(column, _)| column.clone()).collect()
}

fn in_columns(columns: &[Ident]) -> String {
    let names: Vec<&str> = columns.iter().map(Ident::as_str).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}
