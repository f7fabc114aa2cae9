//! Reads a PostgreSQL database's catalog: which queries to run, and what their rows mean.
//!
//! Pure: the connection that runs the queries is elsewhere. Each query returns one column of texts: JSON objects, or
//! rows as the server prints them where there are many. They must run with an empty `search_path`, so that every name in a printed text comes out qualified.

mod facets;
mod keys;
mod objects;
mod record;
mod tables;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::catalog::postgres_table::{Setting, SettingKind, SettingTarget};
use crate::catalog::{Catalog, EnumType, TableOptions};
use crate::dialect::{InspectError, InspectQuery, Joins, Sql, hide};
use crate::text::{Dialect, Ident, QName};

/// The statement that must run before the queries.
pub const PREPARE: &str = "SET search_path = ''";

/// An object in a user schema that a catalog cannot hold.
#[derive(Deserialize)]
struct Uncarried {
    kind: String,
    name: String,
}

const SERVER: &str = "server";
const SCHEMAS: &str = "schemas";
const ENUMS: &str = "enums";
const TABLES: &str = "tables";
const COLUMNS: &str = "columns";
const SEQUENCES: &str = "sequences";
const CONSTRAINTS: &str = "constraints";
const INDEXES: &str = "indexes";
const SETTINGS: &str = "settings";
const OPAQUES: &str = "opaques";
const TYPES: &str = "types";
const SERVICES: &str = "services";
const DEPENDENCIES: &str = "dependencies";
const UNSUPPORTED: &str = "unsupported";

/// The queries that read a database; they work on PostgreSQL 13 to 18.
pub fn queries() -> Vec<InspectQuery> {
    let query =
        |name, text: &str| InspectQuery { name, sql: Sql::new(text), joins: Joins::Planned };
    let hashed = |name, text: &str| InspectQuery { joins: Joins::Hashed, ..query(name, text) };
    vec![
        query(SERVER, include_str!("sql/server.sql")),
        query(SCHEMAS, include_str!("sql/schemas.sql")),
        query(ENUMS, include_str!("sql/enums.sql")),
        query(TABLES, include_str!("sql/tables.sql")),
        query(COLUMNS, include_str!("sql/columns.sql")),
        query(SEQUENCES, include_str!("sql/sequences.sql")),
        query(CONSTRAINTS, include_str!("sql/constraints.sql")),
        query(INDEXES, include_str!("sql/indexes.sql")),
        query(SETTINGS, include_str!("sql/settings.sql")),
        query(OPAQUES, include_str!("sql/opaques.sql")),
        query(TYPES, include_str!("sql/opaque_types.sql")),
        query(SERVICES, include_str!("sql/opaque_services.sql")),
        query(DEPENDENCIES, include_str!("sql/dependencies.sql")),
        hashed(facets::FACETS, include_str!("sql/facets.sql")),
        query(UNSUPPORTED, include_str!("sql/unsupported.sql")),
    ]
}

/// Whether a query has to be run after those that were: the others have no rows.
///
/// # Errors
/// The results are not those of [`queries`].
pub fn has_rows(query: &str, results: &Results) -> Result<bool, InspectError> {
    let is_any = |has: fn(&ServerRow) -> bool| -> Result<bool, InspectError> {
        Ok(rows(results, SERVER)?.first().is_none_or(has))
    };
    let is_there = |name| results.get(name).is_some_and(|rows| !rows.is_empty());
    Ok(match query {
        TYPES => is_any(|row| row.has_types)?,
        SERVICES => is_any(|row| row.has_services)?,
        DEPENDENCIES => [OPAQUES, TYPES, SERVICES].into_iter().any(is_there),
        _ => true,
    })
}

/// Query name → rows, each one text.
pub type Results = BTreeMap<String, Vec<String>>;

/// The catalog that the query results describe. Columns that a version hides are not in it.
///
/// # Errors
/// [`InspectError::Unsupported`] lists every object that cannot be carried; the other variants mean that the results
/// are not those of [`queries`].
pub fn catalog(results: &Results) -> Result<Catalog, InspectError> {
    let mut catalog = whole(results)?;
    hide::leave_out(&mut catalog);
    Ok(catalog)
}

/// As [`catalog`], with the columns that versions hide: for a copy.
///
/// # Errors
/// As [`catalog`].
pub fn whole(results: &Results) -> Result<Catalog, InspectError> {
    let unsupported: Vec<Uncarried> = rows(results, UNSUPPORTED)?;
    if !unsupported.is_empty() {
        let named = unsupported.iter().map(|object| format!("{} `{}`", object.kind, object.name));
        return Err(InspectError::Unsupported(named.collect()));
    }
    let mut catalog = Catalog::empty(Dialect::Postgres);
    let server: Vec<ServerRow> = rows(results, SERVER)?;
    catalog.server = server.first().map(|row| row.version);
    catalog.reader = server.into_iter().next().and_then(|row| row.reader);
    let schemas: Vec<SchemaRow> = rows(results, SCHEMAS)?;
    catalog.schemas = schemas.into_iter().map(|row| row.name).collect();
    let enums: Vec<EnumRow> = rows(results, ENUMS)?;
    catalog.enums = enums.into_iter().map(EnumRow::read).collect();
    let mut relations = tables::read(results)?;
    keys::read(results, &mut relations)?;
    let carried = relations.into_values().filter(|relation| relation.carried);
    catalog.tables =
        carried.map(|relation| (relation.table.name.clone(), relation.table)).collect();
    settings(results, &mut catalog)?;
    catalog.opaques = objects::opaques(results)?;
    catalog.facets = facets::read(results)?;
    objects::lines(results, &mut catalog)?;
    Ok(catalog)
}

fn rows<T: DeserializeOwned>(
    results: &Results,
    query: &'static str,
) -> Result<Vec<T>, InspectError> {
    each(results, query)?.collect()
}

/// The rows one by one: of some there are too many to hold them all.
fn each<T: DeserializeOwned>(
    results: &Results,
    query: &'static str,
) -> Result<impl Iterator<Item = Result<T, InspectError>>, InspectError> {
    let texts = texts(results, query)?;
    let read = move |text: &String| {
        serde_json::from_str(text).map_err(|error| InspectError::Unreadable {
            query: query.to_owned(),
            problem: format!("{error} in `{text}`"),
        })
    };
    Ok(texts.iter().map(read))
}

fn texts<'a>(results: &'a Results, query: &'static str) -> Result<&'a [String], InspectError> {
    results.get(query).map(Vec::as_slice).ok_or_else(|| InspectError::Unreadable {
        query: query.to_owned(),
        problem: "it was not run".to_owned(),
    })
}

fn settings(results: &Results, catalog: &mut Catalog) -> Result<(), InspectError> {
    for row in rows::<SettingRow>(results, SETTINGS)? {
        let name = QName { schema: row.schema.clone(), name: row.table.clone() };
        let Some(table) = catalog.tables.get_mut(&name) else { continue };
        if let TableOptions::Postgres(options) = &mut table.options {
            options.settings.push(row.read()?);
        }
    }
    for table in catalog.tables.values_mut() {
        if let TableOptions::Postgres(options) = &mut table.options {
            options.settings.sort();
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct ServerRow {
    version: u32,
    #[serde(default)]
    reader: Option<Ident>,
    has_types: bool,
    has_services: bool,
}

#[derive(Deserialize)]
struct SchemaRow {
    name: Ident,
}

#[derive(Deserialize)]
struct EnumRow {
    schema: Ident,
    name: Ident,
    values: Vec<String>,
    comment: Option<String>,
}

impl EnumRow {
    fn read(self) -> (QName, EnumType) {
        let name = QName { schema: self.schema, name: self.name };
        (name.clone(), EnumType { name, values: self.values, comment: self.comment })
    }
}

fn unexpected(query: &'static str, value: &str, expected: &'static str) -> InspectError {
    InspectError::Unreadable {
        query: query.to_owned(),
        problem: format!("`{value}` where {expected} is expected"),
    }
}

#[derive(Deserialize)]
struct SettingRow {
    schema: Ident,
    table: Ident,
    target: String,
    name: Option<Ident>,
    #[serde(flatten)]
    what: SettingValue,
}

impl SettingRow {
    fn read(self) -> Result<Setting, InspectError> {
        let on = match (self.target.as_str(), self.name) {
            ("table", _) => SettingTarget::Table,
            ("index", Some(name)) => SettingTarget::Index(name),
            (other, _) => return Err(unexpected(SETTINGS, other, "table or index")),
        };
        self.what.read(on)
    }
}

/// What is set, whatever it is set on.
#[derive(Deserialize)]
struct SettingValue {
    kind: String,
    option: Option<String>,
    value: String,
    default: Option<String>,
}

impl SettingValue {
    fn read(self, on: SettingTarget) -> Result<Setting, InspectError> {
        let kind = match (self.kind.as_str(), self.option) {
            ("parameter", Some(option)) => SettingKind::Parameter(option),
            ("replica_identity", _) => SettingKind::ReplicaIdentity,
            ("cluster", _) => SettingKind::Cluster,
            ("tablespace", _) => SettingKind::Tablespace,
            ("access_method", _) => SettingKind::AccessMethod,
            ("storage", _) => SettingKind::Storage,
            ("compression", _) => SettingKind::Compression,
            ("statistics", option) => {
                SettingKind::Statistics(option.and_then(|number| number.parse().ok()))
            }
            (other, _) => return Err(unexpected(SETTINGS, other, "a kind of setting")),
        };
        Ok(Setting { on, kind, value: self.value, default: self.default })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Results {
        queries().into_iter().map(|query| (query.name.to_owned(), Vec::new())).collect()
    }

    #[test]
    fn no_rows_are_an_empty_catalog() {
        assert_eq!(catalog(&empty()).expect("nothing to carry"), Catalog::empty(Dialect::Postgres));
    }

    #[test]
    fn what_cannot_be_carried_is_named_all_at_once() {
        let mut results = empty();
        let found =
            ["range type", "rule"].map(|kind| format!(r#"{{"kind":"{kind}","name":"public.x"}}"#));
        results.insert(UNSUPPORTED.to_owned(), found.to_vec());
        let message = catalog(&results).expect_err("two objects").to_string();
        assert!(
            message.contains("range type `public.x`") && message.contains("rule `public.x`"),
            "{message}"
        );
    }

    #[test]
    fn a_missing_result_is_an_error() {
        assert!(matches!(catalog(&Results::new()), Err(InspectError::Unreadable { .. })));
    }
}
