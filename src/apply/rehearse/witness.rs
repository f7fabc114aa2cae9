//! Rows made up between up and down: valid in the new shape, they must live on in the old one, or be named beforehand as
//! rows that cannot.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::compare::key_text;
use crate::catalog::{Catalog, Column, ConstraintKind, IndexKey, Table};
use crate::db::{Database, DbError, Mode};
use crate::dialect::aside::{Key, key_of};
use crate::dialect::session;
use crate::dialect::witness::{self as rows, Known, Literal};
use crate::plan::carries::Carried;
use crate::text::{Dialect, Ident, QName};
use crate::verify::Violation;

/// How many rows are made up for a table.
const WANTED: usize = 4;
/// How many times a row is tried.
const TRIES: u64 = 60;
/// How many tables get rows.
const TABLES: usize = 40;

/// What became of rows that were made up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witnesses {
    /// Rows that were written after up and lived on.
    pub survived: usize,
    /// Rows that the plan's checks say cannot live in the old shape: a rollback refuses, and names them.
    pub refused: Vec<Refused>,
    /// Tables for which no row could be made up, and why.
    pub none: Vec<Unmade>,
    /// The way down stops at rows such as these, with nothing done, and no check of the plan names them beforehand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stopped: Option<Stopped>,
}

/// A way down that stopped because of rows that were made up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    pub rows: Vec<String>,
    /// Where, and what the engine said.
    pub error: String,
}

/// A made-up row that cannot live in the old shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub table: String,
    pub key: String,
    pub rule: String,
}

/// A table without made-up rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unmade {
    pub table: String,
    pub reason: String,
}

/// A row that was written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) table: QName,
    pub(super) known: Known,
    pub(super) key: Vec<(Ident, Literal)>,
}

impl Written {
    /// `invoice id 5`.
    pub(super) fn name(&self) -> String {
        format!("`{}` {}", self.table, self.key_name())
    }

    pub(super) fn key_name(&self) -> String {
        let names: Vec<String> = self.key.iter().map(|(name, _)| name.to_string()).collect();
        let values: Vec<Option<String>> =
            self.key.iter().map(|(_, value)| Some(plain(value))).collect();
        key_text(&names, &values)
    }

    /// What finds it.
    fn by(&self) -> (Known, &[(Ident, Literal)]) {
        (self.known, &self.key)
    }

    fn is(&self, violation: &Violation, row: &[Option<String>]) -> bool {
        // Rows without a key are named by all that they hold, in the words of the check.
        if self.known == Known::Values {
            return self.table.to_string() == violation.table;
        }
        let own: Vec<String> = self.key.iter().map(|(_, value)| plain(value)).collect();
        let others = row.iter().take(violation.keys.len());
        self.table.to_string() == violation.table
            && own.len() == violation.keys.len()
            && others.map(|value| value.clone().unwrap_or_default()).eq(own)
    }
}

/// A literal without its quotes.
fn plain(literal: &str) -> String {
    let inner = literal.trim_start_matches('E');
    match inner.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        Some(text) => text.replace("''", "'"),
        None => literal.to_owned(),
    }
}

/// What a made-up row holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowShape {
    /// NULL in every column that takes it.
    Sparse,
    Any,
}

/// Makes rows up in a database that has the new shape.
pub(super) struct Maker<'a> {
    database: &'a mut Database,
    catalog: &'a Catalog,
    chance: u64,
    pub(super) written: Vec<Written>,
    pub(super) unmade: Vec<Unmade>,
    tried: BTreeSet<QName>,
    seen: BTreeMap<QName, Vec<BTreeMap<Ident, Literal>>>,
}

impl<'a> Maker<'a> {
    /// `seed` makes the same rows again.
    pub(super) fn new(database: &'a mut Database, catalog: &'a Catalog, seed: &str) -> Self {
        let chance = seed.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        Maker {
            database,
            catalog,
            chance: chance | 1,
            written: Vec::new(),
            unmade: Vec::new(),
            tried: BTreeSet::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Writes rows into some tables, and into those that they point at and that hold none, in one transaction.
    pub(super) fn write(&mut self, tables: &[QName]) -> Result<(), DbError> {
        self.database.begin(Mode::Write)?;
        for name in tables.iter().take(TABLES) {
            if let Err(error) = self.fill(name, WANTED) {
                // Whatever it is, it is about rows that we made up.
                let _ = self.database.rollback();
                self.written.clear();
                self.unmade.push(Unmade { table: name.to_string(), reason: error.to_string() });
                return Ok(());
            }
        }
        // Keys and triggers that wait for the end may refuse all of it.
        if let Err(error) = self.database.commit() {
            self.written.clear();
            let table = tables.first().map(QName::to_string).unwrap_or_default();
            self.unmade.push(Unmade { table, reason: error.to_string() });
        }
        Ok(())
    }

    fn random(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance
    }

    fn pick<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        let at = usize::try_from(self.random() % all.len().max(1) as u64).unwrap_or(0);
        all.get(at).cloned()
    }

    fn fill(&mut self, name: &QName, wanted: usize) -> Result<(), DbError> {
        if !self.tried.insert(name.clone()) {
            return Ok(());
        }
        let Some(table) = self.catalog.tables.get(name) else { return Ok(()) };
        let Some((known_by, key)) = rows::known_by(table) else {
            let reason = "it has no columns".to_owned();
            self.unmade.push(Unmade { table: name.to_string(), reason });
            return Ok(());
        };
        self.fill_parents(table)?;
        let known = self.look(table)?.clone();
        let mut made = 0;
        let mut reason = "no value fits".to_owned();
        for attempt in 0..TRIES * wanted as u64 {
            if made == wanted {
                break;
            }
            // One row lacks whatever may be lacking: what was required before is where a way back stops.
            let shape = match made == 0 && attempt < TRIES / 2 {
                true => RowShape::Sparse,
                false => RowShape::Any,
            };
            let values = self.row(table, &known, attempt % TRIES, shape)?;
            let sql = rows::insert(name, &values, &key, self.catalog.dialect);
            self.database.execute(&session::savepoint())?;
            match self.database.rows(&sql) {
                Ok(returned) => {
                    self.database.execute(&session::release_savepoint())?;
                    // A trigger may have put the row elsewhere, or nowhere.
                    let Some(row) = returned.into_iter().next() else { continue };
                    let values = row.into_iter().map(|value| value.unwrap_or("NULL".to_owned()));
                    let key = key.iter().cloned().zip(values).collect();
                    self.written.push(Written { table: name.clone(), known: known_by, key });
                    made += 1;
                }
                Err(error) => {
                    self.database.execute(&session::rollback_to_savepoint())?;
                    self.database.execute(&session::release_savepoint())?;
                    reason = error.message.clone();
                }
            }
        }
        if made == 0 {
            self.unmade.push(Unmade { table: name.to_string(), reason });
        }
        self.seen.remove(name);
        Ok(())
    }

    fn fill_parents(&mut self, table: &Table) -> Result<(), DbError> {
        for constraint in &table.constraints {
            let ConstraintKind::ForeignKey(key) = &constraint.kind else { continue };
            let Some(parent) = self.catalog.tables.get(&key.references) else { continue };
            if self.look(parent)?.is_empty() {
                self.fill(&key.references, 2)?;
            }
        }
        Ok(())
    }

    /// Some rows of a table as it is now.
    fn look(&mut self, table: &Table) -> Result<&Vec<BTreeMap<Ident, Literal>>, DbError> {
        if !self.seen.contains_key(&table.name) {
            let names: Vec<Ident> =
                table.columns.iter().map(|column| column.name.clone()).collect();
            let found = match names.is_empty() {
                true => Vec::new(),
                false => self.database.rows(&rows::look(table, &names, self.catalog.dialect))?,
            };
            let row = |row: Vec<Option<String>>| {
                let values = row.into_iter().map(|value| value.unwrap_or("NULL".to_owned()));
                names.iter().cloned().zip(values).collect()
            };
            self.seen.insert(table.name.clone(), found.into_iter().map(row).collect());
        }
        Ok(&self.seen[&table.name])
    }

    /// One row: a real one with other values here and there, or made of whole cloth. The more tries have failed, the
    /// less is made up.
    fn row(
        &mut self,
        table: &Table,
        known: &[BTreeMap<Ident, Literal>],
        attempt: u64,
        shape: RowShape,
    ) -> Result<Vec<(Ident, Literal)>, DbError> {
        let base = self.pick(known);
        let boldness = 60_u64.saturating_sub(attempt * 2);
        let unique = unique_columns(table);
        let mut values: BTreeMap<Ident, Literal> = BTreeMap::new();
        for column in &table.columns {
            if rows::makes_its_own(column, table) {
                continue;
            }
            let real = base.as_ref().and_then(|row| row.get(&column.name)).cloned();
            let lacks = shape == RowShape::Sparse && !column.not_null;
            let value = if lacks && !unique.contains(&column.name) {
                Some("NULL".to_owned())
            } else if unique.contains(&column.name) && attempt % 4 != 3 {
                let number = self.random() >> 20;
                Some(rows::fresh(column, number, self.catalog.dialect))
            } else if real.is_none() || self.random() % 100 < boldness {
                self.made_up(column, table, known)
            } else {
                real
            };
            if let Some(value) = value {
                values.insert(column.name.clone(), value);
            }
        }
        self.point(table, &mut values, shape)?;
        Ok(values.into_iter().collect())
    }

    /// A value; `None` leaves it to the default.
    fn made_up(
        &mut self,
        column: &Column,
        table: &Table,
        known: &[BTreeMap<Ident, Literal>],
    ) -> Option<Literal> {
        let choice = self.random() % 10;
        if choice < 2 && (column.default.is_some() || !column.not_null) {
            return (column.default.is_none()).then(|| "NULL".to_owned());
        }
        let mut all = rows::candidates(column, table, self.catalog);
        if choice < 6 || all.is_empty() {
            let real = known.iter().filter_map(|row| row.get(&column.name).cloned());
            all.extend(real.filter(|value| !column.not_null || value != "NULL"));
        }
        self.pick(&all)
    }

    /// Foreign keys point at rows that are there.
    fn point(
        &mut self,
        table: &Table,
        values: &mut BTreeMap<Ident, Literal>,
        shape: RowShape,
    ) -> Result<(), DbError> {
        for constraint in &table.constraints {
            let ConstraintKind::ForeignKey(key) = &constraint.kind else { continue };
            let is_null = |own: &Ident| values.get(own).is_some_and(|value| value == "NULL");
            if shape == RowShape::Sparse && key.columns.iter().all(is_null) {
                continue;
            }
            let Some(parent) = self.catalog.tables.get(&key.references) else { continue };
            let parents = self.look(parent)?.clone();
            let columns = rows::referenced(key, self.catalog);
            let target = self.pick(&parents);
            for (own, other) in key.columns.iter().zip(&columns) {
                let value = target.as_ref().and_then(|row| row.get(other)).cloned();
                values.insert(own.clone(), value.unwrap_or_else(|| "NULL".to_owned()));
            }
        }
        Ok(())
    }
}

/// Columns of keys and unique indexes.
fn unique_columns(table: &Table) -> BTreeSet<Ident> {
    let mut names = BTreeSet::new();
    if matches!(key_of(table), Key::Nothing) {
        names.extend(rows::telling_column(table).cloned());
    }
    for constraint in &table.constraints {
        match &constraint.kind {
            ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns } => {
                names.extend(columns.iter().cloned());
            }
            ConstraintKind::Check { .. }
            | ConstraintKind::ForeignKey(_)
            | ConstraintKind::Exclusion => {}
        }
    }
    for key in table.indexes.iter().filter(|index| index.unique).flat_map(|index| &index.keys) {
        match key {
            IndexKey::Column(name) => drop(names.insert(name.clone())),
            IndexKey::Expression(text) => {
                let columns = table.columns.iter().map(|column| &column.name);
                names.extend(columns.filter(|name| text.contains(name.as_str())).cloned());
            }
        }
    }
    names
}

/// Takes written rows away, the last first.
pub(super) fn take_away(
    database: &mut Database,
    written: &[Written],
    dialect: Dialect,
) -> Result<(), DbError> {
    database.within(Mode::Write, |database| {
        written.iter().rev().try_for_each(|row| {
            database.execute(&rows::delete(&row.table, row.by(), dialect)).map(|_| ())
        })
    })
}

/// The rows that violations speak of, with what they break.
pub(super) fn named<'w>(
    written: &'w [Written],
    violations: &[Violation],
) -> Vec<(usize, &'w Written, String)> {
    let mut found = Vec::new();
    for (at, row) in written.iter().enumerate() {
        let broken = violations
            .iter()
            .find(|violation| violation.sample.iter().any(|sample| row.is(violation, sample)));
        if let Some(violation) = broken {
            found.push((at, row, violation.message.clone()));
        }
    }
    found
}

/// The table that a row is in, which may be a partition of the one it was written to.
pub(super) fn home(database: &mut Database, row: &Written) -> Result<QName, DbError> {
    if database.dialect() == Dialect::Sqlite {
        return Ok(row.table.clone());
    }
    let found = database.rows(&rows::lives_in(&row.table, row.by()))?;
    let mut names = found.into_iter().next().unwrap_or_default().into_iter().flatten();
    Ok(match (names.next(), names.next()) {
        (Some(schema), Some(name)) => QName::new(schema, name),
        (None, _) | (_, None) => row.table.clone(),
    })
}

/// What a row held that must live on: the columns that the plan leaves as they are, by their old names.
pub(super) struct Expected {
    /// The row in the old shape.
    pub(super) before: Written,
    pub(super) values: Vec<(Ident, Literal)>,
}

/// Reads the values that must live on; `None` for rows that the old shape has no key to find by.
pub(super) fn expected(
    database: &mut Database,
    row: &Written,
    carried: &Carried,
    before: &Table,
    dialect: Dialect,
) -> Result<Option<Expected>, DbError> {
    let pairs = carried.columns.clone().into_iter();
    let kept = pairs.filter(|(name, _)| !carried.changed_back.contains(name));
    let (names, after): (Vec<Ident>, Vec<Ident>) = kept.unzip();
    let found = database.rows(&rows::find(&row.table, &after, row.by(), dialect))?;
    let Some(values) = found.into_iter().next() else { return Ok(None) };
    let values = values.into_iter().map(|value| value.unwrap_or("NULL".to_owned()));
    let values: Vec<(Ident, Literal)> = names.into_iter().zip(values).collect();
    let mut known = Known::Key;
    let key = match key_of(before) {
        Key::Nothing => {
            known = Known::Values;
            (!values.is_empty()).then(|| values.clone())
        }
        // A rowid that a column shows on one side alone is another number.
        Key::Rowid => {
            (row.key.len() == 1 && row.key[0].0.as_str() == "rowid").then(|| row.key.clone())
        }
        Key::Columns(columns) => {
            let pair = |column: &Ident| values.iter().find(|(name, _)| name == column).cloned();
            columns.iter().map(pair).collect()
        }
    };
    let Some(key) = key else { return Ok(None) };
    let before = Written { table: carried.before.clone(), known, key };
    Ok(Some(Expected { before, values }))
}

/// The columns of a row that do not hold what they must; `None` where the row is gone.
pub(super) fn differing(
    database: &mut Database,
    expected: &Expected,
    dialect: Dialect,
) -> Result<Option<Vec<Ident>>, DbError> {
    let names: Vec<Ident> = expected.values.iter().map(|(name, _)| name.clone()).collect();
    let query = rows::find(&expected.before.table, &names, expected.before.by(), dialect);
    let Some(found) = database.rows(&query)?.into_iter().next() else { return Ok(None) };
    let pairs = expected.values.iter().zip(found);
    let other = pairs.filter(|((_, was), is)| *was != is.clone().unwrap_or("NULL".to_owned()));
    Ok(Some(other.map(|((name, _), _)| name.clone()).collect()))
}
