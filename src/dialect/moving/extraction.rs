//! Values that become rows of another table, each set of values one row, and the reference that leads to it.

use std::collections::BTreeMap;

use super::read::or_else;
use super::{Sides, quote, row, table_text};
use crate::catalog::{Catalog, Table, TableOptions};
use crate::change::{Extracted, Extraction, Intent, Per, Target};
use crate::text::{Dialect, Ident, QName};

/// Says of each reference over which values become rows where it leads should it be new: to the row that says the same. On
/// the way there that is a reference of the table that gives; where the other table goes, it is the one that comes back.
pub(super) fn say_references(sides: Sides<'_>, intent: &mut Intent) {
    let mut groups: BTreeMap<(Target, QName), (Extraction, Comes)> = BTreeMap::new();
    for said in &intent.moves {
        let stays = sides.after.tables.contains_key(&said.giver.table);
        let (from, into, comes) = match (stays, said.holder == said.giver.table) {
            (true, true) => (&said.giver, &said.receiver, Comes::Forth),
            (false, false) => (&said.receiver, &said.giver, Comes::Back),
            (true, false) | (false, true) => continue,
        };
        let [column] = said.reference.as_slice() else { continue };
        let catalogs = match comes {
            Comes::Forth => (sides.before, sides.after),
            Comes::Back => (sides.after, sides.before),
        };
        let Some(value) = extracted(from, into, catalogs) else { continue };
        let otherwise = said.otherwise.clone().filter(|_| comes == Comes::Back);
        let group = (Target::column(&said.holder, column), into.table.clone());
        let group = groups.entry(group).or_insert_with(|| {
            let (reference, keys) = (said.reference.clone(), said.keys.clone());
            let (from, values) = (from.table.clone(), Vec::new());
            (Extraction { from, per: Per::Set, reference, keys, values }, comes)
        });
        group.0.values.push(Extracted { otherwise, ..value });
    }
    let dialect = sides.after.dialect;
    for ((reference, table), (extraction, comes)) in groups {
        let Some(value) = leads_to(&extraction, &table, dialect) else { continue };
        match comes {
            Comes::Forth => {
                let said = intent.columns.entry(reference).or_default();
                said.leads_to = Some(or_else(value, said.backfill.clone()));
            }
            // A column that stays needs nothing to come back.
            Comes::Back if has(sides.after, &reference) => {}
            Comes::Back => {
                let said = intent.columns.entry(reference).or_default();
                said.down = Some(or_else(value, said.down.take()));
            }
        }
    }
}

/// The way on which the reference is new.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comes {
    Forth,
    Back,
}

fn has(catalog: &Catalog, target: &Target) -> bool {
    let table = catalog.tables.get(&target.table).zip(target.column.as_ref());
    table.is_some_and(|(table, column)| table.column(column).is_some())
}

/// A column that goes and the one that comes; of a move that is done already only the names are known.
fn extracted(from: &Target, into: &Target, sides: (&Catalog, &Catalog)) -> Option<Extracted> {
    let type_of = |catalog: &Catalog, target: &Target, name: &Ident| {
        let column = catalog.tables.get(&target.table).and_then(|table| table.column(name));
        column.map(|column| column.data_type.clone())
    };
    let (own, their) = (from.column.clone()?, into.column.clone()?);
    let into_type = type_of(sides.1, into, &their)?;
    let from_type = type_of(sides.0, from, &own).unwrap_or_else(|| into_type.clone());
    Some(Extracted { from: own, from_type, into: their, into_type, otherwise: None })
}

/// The key of the row of `table` that says what the row `t` says; NULL where it says nothing.
pub(in crate::dialect) fn leads_to(
    extraction: &Extraction,
    table: &QName,
    dialect: Dialect,
) -> Option<String> {
    let [key] = extraction.keys.as_slice() else { return None };
    let key = format!("\"m\".{}", quote(key));
    Some(format!(
        "CASE WHEN {} THEN (SELECT {key} FROM {} AS \"m\" WHERE {} ORDER BY {key} LIMIT 1) END",
        says_something(&extraction.values),
        table_text(table, dialect),
        says_the_same(&extraction.values, dialect)
    ))
}

/// The condition that the row `t` says anything: what rows without a value were given is nothing.
pub(in crate::dialect) fn says_something(values: &[Extracted]) -> String {
    let known: Vec<String> = values
        .iter()
        .map(|value| {
            let own = format!("\"t\".{}", quote(&value.from));
            match &value.otherwise {
                None => format!("{own} IS NOT NULL"),
                Some(nothing) => format!("{own} <> ({nothing})"),
            }
        })
        .collect();
    known.join(" OR ")
}

/// The condition that a row `m` of the new table says what the row `t` says.
fn says_the_same(values: &[Extracted], dialect: Dialect) -> String {
    let is = match (dialect, values.len()) {
        // What is one value is not NULL here, and plain equality finds an index.
        (_, 1) => "=",
        (Dialect::Postgres, _) => "IS NOT DISTINCT FROM",
        (Dialect::Sqlite, _) => "IS",
    };
    let same: Vec<String> = values
        .iter()
        .map(|value| {
            let (own, their) = (value_of_row(value, dialect), quote(&value.into));
            match &value.otherwise {
                None => format!("\"m\".{their} {is} {own}"),
                Some(nothing) => format!(
                    "(\"m\".{their} {is} {own} OR \"m\".{their} IS NULL AND \"t\".{} = ({nothing}))",
                    quote(&value.from)
                ),
            }
        })
        .collect();
    same.join(" AND ")
}

/// What the row `t` says, in the type of the new table.
pub(super) fn value_of_row(value: &Extracted, dialect: Dialect) -> String {
    let own = format!("\"t\".{}", quote(&value.from));
    match becomes_text(&value.from_type, &value.into_type, dialect) {
        true => format!("{own}::text"),
        false => own,
    }
}

/// Whether values of one type become texts of another: each value has a text of its own, and no text is cut.
pub(in crate::dialect) fn becomes_text(from: &str, into: &str, dialect: Dialect) -> bool {
    let is_text = |name: &str| {
        let base = name.split('(').next().unwrap_or_default().trim();
        ["text", "character varying", "character", "name"].contains(&base)
    };
    let is_open = ["text", "character varying"].contains(&into);
    dialect == Dialect::Postgres && is_open && !is_text(from)
}

/// The statement that makes rows in the new table for all that the rows of another say; what is there already is not made
/// again.
pub(in crate::dialect) fn extract(
    extraction: &Extraction,
    receiver: &Table,
    dialect: Dialect,
) -> String {
    match extraction.per {
        Per::Set => make_each(extraction, receiver, dialect),
        Per::Row => row::spread(extraction, receiver, dialect),
    }
}

/// One row for each set of values.
fn make_each(extraction: &Extraction, receiver: &Table, dialect: Dialect) -> String {
    let values = &extraction.values;
    let into = table_text(&receiver.name, dialect);
    let mut names: Vec<String> = values.iter().map(|value| quote(&value.into)).collect();
    let items: Vec<String> = values
        .iter()
        .map(|value| match becomes_text(&value.from_type, &value.into_type, dialect) {
            true => format!("{} AS {}", value_of_row(value, dialect), quote(&value.from)),
            false => value_of_row(value, dialect),
        })
        .collect();
    let order: Vec<String> = (1..=items.len()).map(|at| at.to_string()).collect();
    let select = format!(
        "SELECT DISTINCT {} FROM {} AS \"t\" WHERE ({}) AND NOT EXISTS (SELECT 1 FROM {into} AS \"m\" WHERE {}) ORDER BY {}",
        items.join(", "),
        table_text(&extraction.from, dialect),
        says_something(values),
        says_the_same(values, dialect),
        order.join(", ")
    );
    let given: Vec<&Ident> = values.iter().map(|value| &value.into).collect();
    let select = match counted(&given, receiver, dialect) {
        None => select,
        Some(key) => {
            names.insert(0, quote(key));
            let key = quote(key);
            let order: Vec<String> =
                values.iter().map(|value| format!("\"d\".{}", quote(&value.from))).collect();
            format!(
                "SELECT (SELECT coalesce(max(\"m\".{key}), 0) FROM {into} AS \"m\") + row_number() OVER (ORDER BY {}), \"d\".* FROM ({select}) AS \"d\"",
                order.join(", ")
            )
        }
    };
    format!("INSERT INTO {into} ({}) {select}", names.join(", "))
}

/// A key of one number that nothing gives a value, and that is counted here.
pub(super) fn counted<'t>(
    given: &[&Ident],
    receiver: &'t Table,
    dialect: Dialect,
) -> Option<&'t Ident> {
    let [key] = receiver.primary_key() else { return None };
    let column = receiver.column(key)?;
    let is_given = given.contains(&key)
        || column.default.is_some()
        || column.identity.is_some()
        || column.owned_sequence.is_some();
    let is_number = match dialect {
        Dialect::Postgres => ["smallint", "integer", "bigint"].contains(&column.data_type.as_str()),
        Dialect::Sqlite => column.data_type.to_ascii_uppercase().contains("INT"),
    };
    (!is_given && !counts_itself(receiver, key) && is_number).then_some(key)
}

/// Whether SQLite numbers the rows by their key.
fn counts_itself(table: &Table, key: &Ident) -> bool {
    let is_integer =
        table.column(key).is_some_and(|column| column.data_type.eq_ignore_ascii_case("integer"));
    match &table.options {
        TableOptions::Sqlite { without_rowid, .. } => !without_rowid && is_integer,
        TableOptions::Postgres(_) => false,
    }
}

/// A column without which no row can be made, and that nothing gives a value.
pub(super) fn without_value<'t>(
    table: &'t Table,
    given: &[&Ident],
    dialect: Dialect,
) -> Option<&'t Ident> {
    let is_key = |name: &Ident| table.primary_key() == std::slice::from_ref(name);
    let is_number = |data_type: &str| match dialect {
        Dialect::Postgres => ["smallint", "integer", "bigint"].contains(&data_type),
        Dialect::Sqlite => data_type.to_ascii_uppercase().contains("INT"),
    };
    let lacks = |column: &&crate::catalog::Column| {
        (column.not_null || is_key(&column.name))
            && !given.contains(&&column.name)
            && column.default.is_none()
            && column.identity.is_none()
            && column.owned_sequence.is_none()
            && column.generated.is_none()
            && !(is_key(&column.name) && is_number(&column.data_type))
    };
    table.columns.iter().find(lacks).map(|column| &column.name)
}
