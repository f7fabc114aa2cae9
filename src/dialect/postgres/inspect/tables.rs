//! Rows about tables, their columns and the sequences that columns own.

use std::collections::BTreeMap;

use super::record::Record;
use super::{COLUMNS, Results, SEQUENCES, SettingValue, TABLES, texts};
use crate::catalog::postgres_table::{Origin, PostgresTable, SettingTarget};
use crate::catalog::{
    Column, Generated, GeneratedStorage, Identity, IdentityKind, Sequence, Table, TableOptions,
};
use crate::dialect::InspectError;
use crate::text::{Ident, QName};

/// A table, and what rows about it refer to by number.
pub(super) struct Relation {
    pub(super) table: Table,
    /// The table's name as it stands in definitions.
    pub(super) printed: String,
    /// Whether it is an object of its own, not part of an extension.
    pub(super) carried: bool,
    /// The number of each column, and its name as it stands in definitions where it must be quoted.
    columns: Vec<(i16, Option<String>)>,
}

/// Tables by their number on the server.
pub(super) type Relations = BTreeMap<u32, Relation>;

impl Relation {
    pub(super) fn options(&mut self) -> Option<&mut PostgresTable> {
        match &mut self.table.options {
            TableOptions::Postgres(options) => Some(options),
            TableOptions::Sqlite { .. } => None,
        }
    }

    fn place(&self, number: i16) -> Option<usize> {
        self.columns.binary_search_by_key(&number, |(number, _)| *number).ok()
    }

    pub(super) fn column(&self, number: i16) -> Option<&Ident> {
        Some(&self.table.columns.get(self.place(number)?)?.name)
    }

    /// The names of columns; none where one is not there.
    pub(super) fn names(&self, numbers: &[i16]) -> Option<Vec<Ident>> {
        numbers.iter().map(|number| self.column(*number).cloned()).collect()
    }

    /// The name of a column as it stands in definitions.
    pub(super) fn printed(&self, number: i16) -> Option<&str> {
        let place = self.place(number)?;
        match self.columns.get(place) {
            Some((_, Some(quoted))) => Some(quoted),
            _ => Some(self.table.columns.get(place)?.name.as_str()),
        }
    }

    /// `a, "B"`.
    pub(super) fn list(&self, numbers: &[i16]) -> Option<String> {
        let names: Option<Vec<&str>> = numbers.iter().map(|number| self.printed(*number)).collect();
        Some(names?.join(", "))
    }
}

/// The tables with their columns.
pub(super) fn read(results: &Results) -> Result<Relations, InspectError> {
    let mut relations = Relations::new();
    for row in texts(results, TABLES)? {
        let (number, relation) = table(&mut Record::of(TABLES, row)?)?;
        relations.insert(number, relation);
    }
    let mut owned = BTreeMap::new();
    for row in texts(results, SEQUENCES)? {
        let mut row = Record::of(SEQUENCES, row)?;
        let owner = (row.number()?, row.number()?);
        let sequence = sequence(&mut row)?;
        owned.entry(owner).or_insert(sequence);
    }
    for row in texts(results, COLUMNS)? {
        let mut row = Record::of(COLUMNS, row)?;
        let number: u32 = row.number()?;
        if let Some(relation) = relations.get_mut(&number) {
            let place = row.number()?;
            column(&mut row, relation, place, owned.remove(&(number, place)))?;
        }
    }
    Ok(relations)
}

fn table(row: &mut Record<'_>) -> Result<(u32, Relation), InspectError> {
    let number = row.number()?;
    let name = QName { schema: row.name()?, name: row.name()? };
    let printed = row.text()?.into_owned();
    let carried = !row.flag()?;
    let options = PostgresTable {
        unlogged: row.flag()?,
        partition_by: row.owned()?,
        bound: row.owned()?,
        of_type: row.owned()?,
        parents: match row.optional()? {
            None => Vec::new(),
            Some(json) => {
                serde_json::from_str(&json).map_err(|_| row.unexpected("names of parents"))?
            }
        },
        ..PostgresTable::default()
    };
    let table = Table {
        name,
        columns: Vec::new(),
        constraints: Vec::new(),
        indexes: Vec::new(),
        options: TableOptions::Postgres(Box::new(options)),
        comment: row.owned()?,
    };
    Ok((number, Relation { table, printed, carried, columns: Vec::new() }))
}

fn sequence(row: &mut Record<'_>) -> Result<Sequence, InspectError> {
    Ok(Sequence {
        name: QName { schema: row.name()?, name: row.name()? },
        data_type: row.text()?.into_owned(),
        start: row.number()?,
        increment: row.number()?,
        min: row.number()?,
        max: row.number()?,
        cache: row.number()?,
        cycle: row.flag()?,
        unlogged: row.optional()?.map(|flag| flag == "t"),
    })
}

fn column(
    row: &mut Record<'_>,
    relation: &mut Relation,
    number: i16,
    sequence: Option<Sequence>,
) -> Result<(), InspectError> {
    let name = row.name()?;
    relation.columns.push((number, row.owned()?));
    let data_type = row.text()?.into_owned();
    let not_null = row.flag()?;
    let (default, generated) = expression(row)?;
    let kind = match &*row.text()? {
        "" => None,
        "a" => Some(IdentityKind::Always),
        "d" => Some(IdentityKind::ByDefault),
        _ => return Err(row.unexpected("attidentity a or d")),
    };
    let collation = row.owned()?;
    let comment = row.owned()?;
    let is_inherited = row.flag()?;
    let origin = if row.flag()? { Origin::Both } else { Origin::Inherited };
    if let (Some(json), Some(options)) = (row.optional()?, relation.options()) {
        let values: Vec<SettingValue> =
            serde_json::from_str(&json).map_err(|_| row.unexpected("settings of a column"))?;
        for value in values {
            options.settings.push(value.read(SettingTarget::Column(name.clone()))?);
        }
    }
    let (identity, owned_sequence) = match (kind, sequence) {
        (Some(kind), Some(sequence)) => (Some(Identity { kind, sequence }), None),
        (None, sequence) => (None, sequence),
        // A partition counts with the sequence of its parent (PostgreSQL 17).
        (Some(_), None) if is_inherited => (None, None),
        (Some(_), None) => return Err(row.unexpected("an identity column with its sequence")),
    };
    if let (true, Some(options)) = (is_inherited, relation.options()) {
        options.inherited_columns.insert(name.clone(), origin);
    }
    relation.table.columns.push(Column {
        name,
        data_type,
        not_null,
        default,
        generated,
        identity,
        owned_sequence,
        collation,
        comment,
    });
    Ok(())
}

/// The default, or what the column is generated from.
fn expression(row: &mut Record<'_>) -> Result<(Option<String>, Option<Generated>), InspectError> {
    let expression = row.owned()?;
    let storage = match &*row.text()? {
        "" => return Ok((expression, None)),
        "s" => GeneratedStorage::Stored,
        "v" => GeneratedStorage::Virtual,
        _ => return Err(row.unexpected("attgenerated s or v")),
    };
    match expression {
        Some(expression) => Ok((None, Some(Generated { expression, storage }))),
        None => Err(row.unexpected("a generated column with its expression")),
    }
}
