//! Reads a SQLite schema from the answers to a few queries.
//!
//! Bookkeeping (`_migrate_*`), the engine's own tables (`sqlite_*`) and the shadow tables of virtual tables are left
//! out. Sources: sqlite.org/schematab.html, sqlite.org/pragma.html#pragma_table_list and `table_xinfo`.

pub(in crate::dialect::sqlite) mod opaque;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use super::ddl;
use crate::catalog::{Catalog, ConstraintKind, Index, IndexKey};
use crate::dialect::{InspectError, InspectQuery, Joins, Sql};
use crate::text::{Dialect, Ident, QName};

const OBJECTS: &str = "objects";
const SHADOWS: &str = "shadows";
const COLUMNS: &str = "columns";

/// One row of an answer: a text or NULL for each column of the query.
pub type InspectRow = Vec<Option<String>>;

/// The queries whose answers [`catalog`] reads.
pub fn queries() -> Vec<InspectQuery> {
    let query = |name, sql| InspectQuery { name, sql: Sql::new(sql), joins: Joins::Planned };
    vec![
        query(OBJECTS, include_str!("inspect/objects.sql")),
        query(SHADOWS, include_str!("inspect/shadows.sql")),
        query(COLUMNS, include_str!("inspect/columns.sql")),
    ]
}

/// The catalog that the answers, by the name of their query, describe.
///
/// # Errors
/// `Unreadable` where an answer is missing or is not what the query promises.
pub fn catalog(results: &BTreeMap<&str, Vec<InspectRow>>) -> Result<Catalog, InspectError> {
    let objects = answers(results, OBJECTS, Object::of)?;
    let hidden: BTreeSet<&str> = answers(results, SHADOWS, |[name]| name)?.into_iter().collect();
    let columns = answers(results, COLUMNS, ColumnRow::of)?;
    let objects: Vec<&Object<'_>> = objects
        .iter()
        .filter(|object| {
            // People may hang triggers on shadow tables; those are theirs.
            let is_shadow = object.kind != "trigger" && hidden.contains(object.table);
            !is_bookkeeping(object.name) && !is_bookkeeping(object.table) && !is_shadow
        })
        .collect();

    // The columns of a table come one after the other.
    let columns_of: BTreeMap<&str, &[ColumnRow<'_>]> = columns
        .chunk_by(|one, next| one.table == next.table)
        .map(|own| (own[0].table, own))
        .collect();
    let mut catalog = Catalog::empty(Dialect::Sqlite);
    for object in objects.iter().filter(|object| object.kind == "table") {
        let text = text_of(object)?;
        if opaque::is_virtual(text) {
            continue;
        }
        let own = columns_of.get(object.name).copied().unwrap_or_default();
        let table = table::table(object.name, text, own)?;
        catalog.tables.insert(table.name.clone(), table);
    }
    spell_references(&mut catalog);
    add_indexes(&mut catalog, &objects)?;
    opaque::add(&mut catalog, &objects)?;
    Ok(catalog)
}

#[derive(Debug)]
struct Object<'r> {
    kind: &'r str,
    name: &'r str,
    table: &'r str,
    sql: Option<&'r str>,
}

impl<'r> Object<'r> {
    fn of([kind, name, table, sql]: [Option<&'r str>; 4]) -> Option<Self> {
        Some(Object { kind: kind?, name: name?, table: table?, sql })
    }
}

#[derive(Clone, Copy, Debug)]
struct ColumnRow<'r> {
    table: &'r str,
    name: &'r str,
    data_type: &'r str,
    not_null: bool,
    default: Option<&'r str>,
}

impl<'r> ColumnRow<'r> {
    fn of([table, name, data_type, not_null, default]: [Option<&'r str>; 5]) -> Option<Self> {
        let not_null = not_null? != "0";
        Some(ColumnRow { table: table?, name: name?, data_type: data_type?, not_null, default })
    }
}

/// The rows of an answer, read by `read`.
fn answers<'r, T, const WIDTH: usize>(
    results: &'r BTreeMap<&str, Vec<InspectRow>>,
    query: &str,
    read: impl Fn([Option<&'r str>; WIDTH]) -> Option<T>,
) -> Result<Vec<T>, InspectError> {
    let rows = results.get(query).ok_or_else(|| unreadable(query, "no answer"))?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let values: Option<&'r [Option<String>; WIDTH]> = row.as_slice().try_into().ok();
        let read = values.and_then(|values| read(values.each_ref().map(Option::as_deref)));
        found.push(read.ok_or_else(|| unreadable(query, format!("a row is {row:?}")))?);
    }
    Ok(found)
}

fn unreadable(query: &str, problem: impl ToString) -> InspectError {
    InspectError::Unreadable { query: query.to_owned(), problem: problem.to_string() }
}

fn is_bookkeeping(name: &str) -> bool {
    ["sqlite_", "_migrate_"].iter().any(|prefix| {
        name.as_bytes()
            .get(..prefix.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(prefix.as_bytes()))
    })
}

fn text_of<'r>(object: &Object<'r>) -> Result<&'r str, InspectError> {
    object.sql.ok_or_else(|| unreadable(OBJECTS, format!("`{}` has no text", object.name)))
}

/// Foreign keys name their parent in any case; here they name it as it is spelled.
fn spell_references(catalog: &mut Catalog) {
    let spelled: BTreeMap<String, (QName, Vec<Ident>)> = catalog
        .tables
        .values()
        .map(|table| {
            let columns = table.columns.iter().map(|column| column.name.clone()).collect();
            (table.name.name.as_str().to_ascii_lowercase(), (table.name.clone(), columns))
        })
        .collect();
    for constraint in catalog.tables.values_mut().flat_map(|table| &mut table.constraints) {
        let ConstraintKind::ForeignKey(key) = &mut constraint.kind else { continue };
        let parent = key.references.name.as_str().to_ascii_lowercase();
        let Some((name, columns)) = spelled.get(&parent) else { continue };
        key.references = name.clone();
        for own in &mut key.referenced_columns {
            let same = |column: &&Ident| column.as_str().eq_ignore_ascii_case(own.as_str());
            if let Some(column) = columns.iter().find(same) {
                *own = column.clone();
            }
        }
    }
}

/// Indexes with a text; those of constraints have none and belong to the constraint.
fn add_indexes(catalog: &mut Catalog, objects: &[&Object<'_>]) -> Result<(), InspectError> {
    let texts = objects
        .iter()
        .filter(|object| object.kind == "index")
        .filter_map(|object| Some((*object, object.sql?)));
    for (object, text) in texts {
        let parsed = ddl::parse_index(text).map_err(|error| unreadable(OBJECTS, error))?;
        let name = QName::local(Dialect::Sqlite, object.table);
        let table = catalog.tables.get_mut(&name).ok_or_else(|| {
            unreadable(OBJECTS, format!("index `{}` is on no table", object.name))
        })?;
        let columns = table.columns.iter().map(|column| column.name.as_str());
        let told = |text: &str| ddl::with_strings(text, columns.clone(), table.name.name.as_str());
        let keys = parsed.keys.into_iter().map(|key| match key {
            ddl::Key::Column(column) => IndexKey::Column(table::column_ident(table, &column)),
            ddl::Key::Expression(text) => IndexKey::Expression(told(&text)),
        });
        let index = Index {
            name: Ident::new(object.name),
            unique: parsed.unique,
            keys: keys.collect(),
            predicate: parsed.predicate.as_deref().map(told),
            definition: text.to_owned(),
        };
        table.indexes.push(index);
    }
    for table in catalog.tables.values_mut() {
        table.indexes.sort_by(|left, right| left.name.cmp(&right.name));
    }
    Ok(())
}
