//! One shape for a whole schema, independent of layout, quoting and the order objects were made in, and its hash.
//!
//! PostgreSQL appends columns and cannot move them, so the order of columns does not count there. On SQLite a
//! rebuild makes the order exact, so it does.

mod sqlite_text;

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::facets::Facets;
use super::postgres_table::Origin;
use super::{
    Catalog, Column, Constraint, ConstraintKind, EnumType, Index, Opaque, OpaqueKind, Table,
    TableOptions,
};
use crate::text::token::canonical;
use crate::text::{Dialect, hash};

impl Catalog {
    /// The catalog with every text in canonical layout and every list in a fixed order: two catalogs that mean the
    /// same are equal in this form.
    pub fn normalized(&self) -> Catalog {
        let dialect = self.dialect;
        Catalog {
            dialect,
            server: None,
            reader: None,
            schemas: self.schemas.clone(),
            enums: self.enums.clone(),
            tables: self
                .tables
                .iter()
                .map(|(name, table)| (name.clone(), normalize_table(table, dialect)))
                .collect(),
            opaques: self
                .opaques
                .iter()
                .map(|(id, opaque)| (id.clone(), normalize_opaque(opaque, dialect)))
                .collect(),
            facets: self
                .facets
                .values()
                .map(normalize_facets)
                .filter(|facets| !facets.is_none())
                .map(|facets| (facets.of.clone(), facets))
                .collect(),
        }
    }

    /// SHA-256 of the normalized catalog.
    pub fn fingerprint(&self) -> String {
        let mut hashing = hash::Hashing::default();
        serde_json::to_writer(&mut hashing, &Normal(self)).expect("a catalog is plain data");
        hashing.finish()
    }
}

/// [`Catalog::normalized`] as it is written, one table at a time: a second catalog is never whole in memory.
struct Normal<'a>(&'a Catalog);

impl Serialize for Normal<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The server's version is no part of a schema.
        let Catalog { dialect, server: _, reader: _, schemas, enums, tables, opaques, facets } =
            self.0;
        let facets: Vec<Facets> =
            facets.values().map(normalize_facets).filter(|facets| !facets.is_none()).collect();
        let mut fields = serializer.serialize_struct("Catalog", 6)?;
        fields.serialize_field("dialect", dialect)?;
        fields.serialize_field("schemas", schemas)?;
        fields.serialize_field("enums", &Each(enums, EnumType::clone))?;
        fields
            .serialize_field("tables", &Each(tables, |it: &Table| normalize_table(it, *dialect)))?;
        fields.serialize_field(
            "opaques",
            &Each(opaques, |it: &Opaque| normalize_opaque(it, *dialect)),
        )?;
        if !facets.is_empty() {
            fields.serialize_field("facets", &facets)?;
        }
        fields.end()
    }
}

/// The values of a map in another form.
struct Each<'a, K, V, F>(&'a BTreeMap<K, V>, F);

impl<K, V, T: Serialize, F: Fn(&V) -> T> Serialize for Each<'_, K, V, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.values().map(&self.1))
    }
}

/// A sequence that is logged or not as its table is says nothing by it.
fn follow_persistence(column: &mut Column, options: &TableOptions) {
    let TableOptions::Postgres(options) = options else { return };
    let owned = column.owned_sequence.as_mut();
    let sequences = owned.into_iter().chain(column.identity.as_mut().map(|it| &mut it.sequence));
    for sequence in sequences.filter(|it| it.unlogged == Some(options.unlogged)) {
        sequence.unlogged = None;
    }
}

/// A table in the form of [`Catalog::normalized`].
pub fn normalize_table(table: &Table, dialect: Dialect) -> Table {
    let mut columns: Vec<Column> =
        table.columns.iter().map(|column| normalize_column(column, dialect)).collect();
    if dialect == Dialect::Postgres {
        columns.sort_by(|left, right| left.name.cmp(&right.name));
        columns.iter_mut().for_each(|column| follow_persistence(column, &table.options));
    }
    let mut constraints: Vec<Constraint> = table
        .constraints
        .iter()
        .map(|constraint| normalize_constraint(constraint, dialect))
        .collect();
    constraints.sort_by(|left, right| {
        (&left.name, &left.definition).cmp(&(&right.name, &right.definition))
    });
    let mut indexes: Vec<Index> =
        table.indexes.iter().map(|index| normalize_index(index, dialect)).collect();
    indexes.sort_by(|left, right| left.name.cmp(&right.name));
    let options = match &table.options {
        TableOptions::Postgres(options) => {
            let mut options = options.clone();
            // What plain NOT NULL makes says nothing, and what a parent has is the parent's.
            options.not_nulls.retain(|column, it| {
                let follows = it.origin == Some(Origin::Inherited)
                    || it.origin.is_some() && options.bound.is_some();
                !follows && !it.is_plain(&table.name.name, column)
            });
            TableOptions::Postgres(options)
        }
        TableOptions::Sqlite { strict, without_rowid, autoincrement, rest, create: _ } => {
            TableOptions::Sqlite {
                strict: *strict,
                without_rowid: *without_rowid,
                autoincrement: *autoincrement,
                rest: rest.clone(),
                create: String::new(),
            }
        }
    };
    Table {
        name: table.name.clone(),
        columns,
        constraints,
        indexes,
        options,
        comment: table.comment.clone(),
    }
}

/// A column with its texts in canonical layout.
pub fn normalize_column(column: &Column, dialect: Dialect) -> Column {
    let mut column = column.clone();
    column.data_type = match dialect {
        Dialect::Postgres => column.data_type,
        // A comment between the words of a type is part of it to SQLite.
        Dialect::Sqlite if column.data_type.contains("--") || column.data_type.contains("/*") => {
            column.data_type.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase()
        }
        Dialect::Sqlite => canonical(&column.data_type, dialect),
    };
    column.default = column.default.map(|text| match dialect {
        Dialect::Postgres => canonical(&text, dialect),
        Dialect::Sqlite => sqlite_text::default(&text),
    });
    if dialect == Dialect::Sqlite {
        column.collation = column.collation.map(|name| name.to_ascii_lowercase());
    }
    if let Some(generated) = &mut column.generated {
        generated.expression = canonical(&generated.expression, dialect);
    }
    column
}

/// A constraint with its texts in canonical layout.
pub fn normalize_constraint(constraint: &Constraint, dialect: Dialect) -> Constraint {
    let mut constraint = constraint.clone();
    // The default actions may be written or left out.
    constraint.definition = canonical(&constraint.definition, dialect)
        .replace(" on delete no action", "")
        .replace(" on update no action", "");
    if let ConstraintKind::Check { expression } = &mut constraint.kind {
        *expression = canonical(expression, dialect);
    }
    constraint
}

/// An index with its texts in canonical layout.
pub fn normalize_index(index: &Index, dialect: Dialect) -> Index {
    let mut index = index.clone();
    index.definition = match dialect {
        Dialect::Postgres => canonical(&index.definition, dialect),
        Dialect::Sqlite => sqlite_text::index(&index),
    };
    index.definition = without_existence_test(&index.definition);
    index.predicate = index.predicate.map(|text| canonical(&text, dialect));
    for key in &mut index.keys {
        if let super::IndexKey::Expression(text) = key {
            *text = canonical(text, dialect);
        }
    }
    index
}

/// An opaque object with its texts in canonical layout.
pub fn normalize_opaque(opaque: &Opaque, dialect: Dialect) -> Opaque {
    let mut opaque = opaque.clone();
    // A function body is a string to the engine: its layout is part of what it is, and `canonical` keeps strings.
    for text in &mut opaque.create {
        *text = without_existence_test(&match dialect {
            Dialect::Postgres => canonical(text, dialect),
            Dialect::Sqlite => sqlite_text::opaque(text, opaque.id.kind),
        });
        // Whether a materialized view has been filled is data, not schema.
        if opaque.id.kind == OpaqueKind::MaterializedView
            && let Some(definition) = text.strip_suffix(" with no data")
        {
            *text = definition.to_owned();
        }
    }
    opaque.depends_on.clear();
    opaque.columns.clear();
    opaque
}

/// Facets without the owner: who runs a migration differs from database to database, and the schema is the same.
fn normalize_facets(facets: &Facets) -> Facets {
    Facets { owner: None, ..facets.clone() }
}

/// Drops `if not exists` and the schema prefix `main .` of the created name from canonical text.
fn without_existence_test(canonical: &str) -> String {
    let text = canonical.replacen(" if not exists ", " ", 1);
    match text.find(" main . ") {
        Some(at) if at < 24 => text.replacen(" main . ", " ", 1),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_hash_of_the_normalized_catalog() {
        let mut catalog = Catalog::empty(Dialect::Postgres);
        let name = crate::text::QName::new("public", "mood");
        let mood = EnumType { name: name.clone(), values: vec!["sad".into()], comment: None };
        catalog.enums.insert(name, mood);
        let table = Table {
            name: crate::text::QName::new("public", "t"),
            columns: vec![Column::plain("b", "text"), Column::plain("a", "text")],
            constraints: Vec::new(),
            indexes: Vec::new(),
            options: TableOptions::postgres(),
            comment: None,
        };
        catalog.tables.insert(table.name.clone(), table);
        let json = serde_json::to_vec(&catalog.normalized()).expect("a catalog is plain data");
        assert_eq!(catalog.fingerprint(), hash::sha256(&json));
    }
}
