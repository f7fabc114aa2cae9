//! Reads a PostgreSQL database's catalog: which queries to run, and what their rows mean.
//!
//! Pure: the connection that runs the queries is elsewhere. Each query returns one column of JSON objects. They must
//! run with an empty `search_path`, so that every name in a printed text comes out qualified.

mod facets;
mod objects;
mod keys;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::catalog::postgres_table::{
    Inherited, Origin, PostgresTable, Setting, SettingKind, SettingTarget,
};
use crate::catalog::{
    Catalog, Column, EnumType, Generated, GeneratedStorage, Identity, IdentityKind, Sequence,
    Table, TableOptions,
};
use crate::dialect::{InspectError, InspectQuery, Joins, Sql};
use crate::text::{Dialect, Ident, QName};

use keys::{ConstraintRow, IndexRow};

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

/// Query name → rows, each a JSON object as text.
pub type Results = BTreeMap<String, Vec<String>>;

/// The catalog that the query results describe.
///
/// # Errors
/// [`InspectError::Unsupported`] lists every object that cannot be carried; the other variants mean that the results
/// are not those of [`queries`].
pub fn catalog(results: &Results) -> Result<Catalog, InspectError> {
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
    let tables: Vec<TableRow> = rows(results, TABLES)?;
    catalog.tables = tables.into_iter().map(TableRow::read).collect();
    for row in each::<ColumnRow>(results, COLUMNS)? {
        let row = row?;
        if let Some(table) =
            catalog.tables.get_mut(&QName { schema: row.schema.clone(), name: row.table.clone() })
        {
            if let (true, TableOptions::Postgres(options)) = (row.inherited, &mut table.options) {
                let origin = if row.local { Origin::Both } else { Origin::Inherited };
                options.inherited_columns.insert(row.name.clone(), origin);
            }
            table.columns.push(row.read()?);
        }
    }
    for row in each::<ConstraintRow>(results, CONSTRAINTS)? {
        let row = row?;
        if let Some(table) =
            catalog.tables.get_mut(&QName { schema: row.schema.clone(), name: row.table.clone() })
        {
            if let TableOptions::Postgres(options) = &mut table.options {
                if row.kind == "n" {
                    options.not_nulls.extend(row.not_null());
                    continue;
                }
                if let Some(parent) = &row.parent {
                    let origin = if row.local { Origin::Both } else { Origin::Inherited };
                    let inherited = Inherited { parent: parent.clone(), origin };
                    options.inherited.insert(row.name.clone(), inherited);
                }
            }
            if let (true, TableOptions::Postgres(options)) = (row.incomplete, &mut table.options) {
                options.incomplete.insert(row.name.clone());
            }
            table.constraints.push(row.read()?);
        }
    }
    for row in each::<IndexRow>(results, INDEXES)? {
        let row = row?;
        if let Some(table) =
            catalog.tables.get_mut(&QName { schema: row.schema.clone(), name: row.table.clone() })
        {
            if let (Some(parent), TableOptions::Postgres(options)) =
                (&row.parent, &mut table.options)
            {
                let inherited = Inherited { parent: parent.clone(), origin: Origin::Inherited };
                options.inherited.insert(row.name.clone(), inherited);
            }
            table.indexes.push(row.read());
        }
    }
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
    let texts = results.get(query).ok_or_else(|| InspectError::Unreadable {
        query: query.to_owned(),
        problem: "it was not run".to_owned(),
    })?;
    let read = move |text: &String| {
        serde_json::from_str(text).map_err(|error| InspectError::Unreadable {
            query: query.to_owned(),
            problem: format!("{error} in `{text}`"),
        })
    };
    Ok(texts.iter().map(read))
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

#[derive(Deserialize)]
struct TableRow {
    schema: Ident,
    name: Ident,
    unlogged: bool,
    partition_by: Option<String>,
    bound: Option<String>,
    of_type: Option<String>,
    parents: Vec<QName>,
    comment: Option<String>,
}

impl TableRow {
    fn read(self) -> (QName, Table) {
        let name = QName { schema: self.schema, name: self.name };
        let table = Table {
            name: name.clone(),
            columns: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            options: TableOptions::Postgres(Box::new(PostgresTable {
                unlogged: self.unlogged,
                partition_by: self.partition_by,
                parents: self.parents,
                bound: self.bound,
                of_type: self.of_type,
                ..PostgresTable::default()
            })),
            comment: self.comment,
        };
        (name, table)
    }
}

#[derive(Deserialize)]
struct ColumnRow {
    schema: Ident,
    table: Ident,
    name: Ident,
    data_type: String,
    not_null: bool,
    expression: Option<String>,
    generated: String,
    identity: String,
    collation: Option<String>,
    comment: Option<String>,
    inherited: bool,
    local: bool,
    sequence: Option<SequenceRow>,
}

#[derive(Deserialize)]
struct SequenceRow {
    schema: Ident,
    name: Ident,
    data_type: String,
    start: i64,
    increment: i64,
    min: i64,
    max: i64,
    cache: i64,
    cycle: bool,
    unlogged: Option<bool>,
}

impl SequenceRow {
    fn read(self) -> Sequence {
        Sequence {
            name: QName { schema: self.schema, name: self.name },
            data_type: self.data_type,
            start: self.start,
            increment: self.increment,
            min: self.min,
            max: self.max,
            cache: self.cache,
            cycle: self.cycle,
            unlogged: self.unlogged,
        }
    }
}

impl ColumnRow {
    fn read(self) -> Result<Column, InspectError> {
        let storage = match self.generated.as_str() {
            "" => None,
            "s" => Some(GeneratedStorage::Stored),
            "v" => Some(GeneratedStorage::Virtual),
            other => return Err(unexpected(COLUMNS, other, "attgenerated s or v")),
        };
        let kind = match self.identity.as_str() {
            "" => None,
            "a" => Some(IdentityKind::Always),
            "d" => Some(IdentityKind::ByDefault),
            other => return Err(unexpected(COLUMNS, other, "attidentity a or d")),
        };
        let sequence = self.sequence.map(SequenceRow::read);
        let (identity, owned_sequence) = match (kind, sequence) {
            (Some(kind), Some(sequence)) => (Some(Identity { kind, sequence }), None),
            (None, sequence) => (None, sequence),
            // A partition counts with the sequence of its parent (PostgreSQL 17).
            (Some(_), None) if self.inherited => (None, None),
            (Some(_), None) => {
                return Err(unexpected(
                    COLUMNS,
                    self.name.as_str(),
                    "an identity column with its sequence",
                ));
            }
        };
        let (default, generated) = match (storage, self.expression) {
            (Some(storage), Some(expression)) => (None, Some(Generated { expression, storage })),
            (None, default) => (default, None),
            (Some(_), None) => {
                return Err(unexpected(
                    COLUMNS,
                    self.name.as_str(),
                    "a generated column with its expression",
                ));
            }
        };
        Ok(Column {
            name: self.name,
            data_type: self.data_type,
            not_null: self.not_null,
            default,
            generated,
            identity,
            owned_sequence,
            collation: self.collation,
            comment: self.comment,
        })
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
    kind: String,
    option: Option<String>,
    value: String,
    default: Option<String>,
}

impl SettingRow {
    fn read(self) -> Result<Setting, InspectError> {
        let on = match (self.target.as_str(), self.name) {
            ("table", _) => SettingTarget::Table,
            ("column", Some(name)) => SettingTarget::Column(name),
            ("index", Some(name)) => SettingTarget::Index(name),
            (other, _) => return Err(unexpected(SETTINGS, other, "table, column or index")),
        };
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
