//! Reads a SQLite schema from the answers to a few queries.
//!
//! Bookkeeping (`_migrate_*`), the engine's own tables (`sqlite_*`) and the shadow tables of virtual tables are left
//! out. Sources: sqlite.org/schematab.html, sqlite.org/pragma.html#pragma_table_list and `table_xinfo`.

pub(in crate::dialect::sqlite) mod opaque;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ddl;
use crate::catalog::{Catalog, ConstraintKind, Index, IndexKey};
use crate::dialect::{InspectError, InspectQuery, Sql};
use crate::text::{Dialect, Ident, QName};

const OBJECTS: &str = "objects";
const TABLES: &str = "tables";
const COLUMNS: &str = "columns";

/// The queries whose answers [`catalog`] reads. Each row is one JSON object.
pub fn queries() -> Vec<InspectQuery> {
    let query = |name, sql| InspectQuery { name, sql: Sql::new(sql) };
    vec![
        query(OBJECTS, include_str!("inspect/objects.sql")),
        query(TABLES, include_str!("inspect/tables.sql")),
        query(COLUMNS, include_str!("inspect/columns.sql")),
    ]
}

/// The catalog that the answers describe.
///
/// # Errors
/// `Unreadable` where an answer is missing or is not what the query promises.
pub fn catalog(results: &BTreeMap<String, Vec<String>>) -> Result<Catalog, InspectError> {
    let objects: Vec<Object> = answers(results, OBJECTS)?;
    let listed: Vec<ListedTable> = answers(results, TABLES)?;
    let columns: Vec<ColumnRow> = answers(results, COLUMNS)?;
    let hidden: BTreeSet<&str> = listed
        .iter()
        .filter(|table| table.kind == "shadow")
        .map(|table| table.name.as_str())
        .collect();
    let objects: Vec<&Object> = objects
        .iter()
        .filter(|object| {
            // People may hang triggers on shadow tables; those are theirs.
            let is_shadow = object.kind != "trigger" && hidden.contains(object.table.as_str());
            !is_bookkeeping(&object.name) && !is_bookkeeping(&object.table) && !is_shadow
        })
        .collect();

    let mut columns_of: BTreeMap<&str, Vec<&ColumnRow>> = BTreeMap::new();
    for column in &columns {
        columns_of.entry(&column.table).or_default().push(column);
    }
    let mut catalog = Catalog::empty(Dialect::Sqlite);
    for object in objects.iter().filter(|object| object.kind == "table") {
        let text = text_of(object)?;
        if opaque::is_virtual(text) {
            continue;
        }
        let own = columns_of.get(object.name.as_str()).map_or(&[][..], Vec::as_slice);
        let table = table::table(&object.name, text, own)?;
        catalog.tables.insert(table.name.clone(), table);
    }
    spell_references(&mut catalog);
    add_indexes(&mut catalog, &objects)?;
    opaque::add(&mut catalog, &objects)?;
    Ok(catalog)
}

#[derive(Debug, Deserialize)]
struct Object {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(rename = "tbl_name")]
    table: String,
    sql: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ListedTable {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct ColumnRow {
    table: String,
    name: String,
    #[serde(rename = "type")]
    data_type: String,
    notnull: i64,
    #[serde(rename = "dflt_value")]
    default: Option<String>,
}

fn answers<T: DeserializeOwned>(
    results: &BTreeMap<String, Vec<String>>,
    query: &str,
) -> Result<Vec<T>, InspectError> {
    let rows = results.get(query).ok_or_else(|| unreadable(query, "no answer"))?;
    rows.iter()
        .map(|row| serde_json::from_str(row).map_err(|error| unreadable(query, error)))
        .collect()
}

fn unreadable(query: &str, problem: impl ToString) -> InspectError {
    InspectError::Unreadable { query: query.to_owned(), problem: problem.to_string() }
}

fn is_bookkeeping(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("sqlite_") || name.starts_with("_migrate_")
}

fn text_of(object: &Object) -> Result<&str, InspectError> {
    object
        .sql
        .as_deref()
        .ok_or_else(|| unreadable(OBJECTS, format!("`{}` has no text", object.name)))
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
fn add_indexes(catalog: &mut Catalog, objects: &[&Object]) -> Result<(), InspectError> {
    let texts = objects
        .iter()
        .filter(|object| object.kind == "index")
        .filter_map(|object| Some((*object, object.sql.as_deref()?)));
    for (object, text) in texts {
        let parsed = ddl::parse_index(text).map_err(|error| unreadable(OBJECTS, error))?;
        let name = QName::local(Dialect::Sqlite, object.table.as_str());
        let table = catalog.tables.get_mut(&name).ok_or_else(|| {
            unreadable(OBJECTS, format!("index `{}` is on no table", object.name))
        })?;
        let columns: Vec<String> =
            table.columns.iter().map(|column| column.name.to_string()).collect();
        let told = |text: &str| ddl::with_strings(text, &columns, table.name.name.as_str());
        let keys = parsed.keys.into_iter().map(|key| match key {
            ddl::Key::Column(column) => IndexKey::Column(table::column_ident(table, &column)),
            ddl::Key::Expression(text) => IndexKey::Expression(told(&text)),
        });
        let index = Index {
            name: Ident::new(object.name.as_str()),
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
