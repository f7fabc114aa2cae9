//! The parts of a table: what they are as resources, and the texts in which they mention other objects.

use std::collections::BTreeSet;

use super::mention::Mention;
use crate::catalog::{
    Catalog, Column, Constraint, ConstraintKind, Dependency, EnumType, Sequence, Table,
};
use crate::dialect::Resource;
use crate::text::{Ident, QName};

/// All texts of a table that may mention other objects, foreign keys aside.
pub(super) fn texts(table: &Table) -> Vec<&str> {
    let columns = table.columns.iter().flat_map(column_texts);
    let constraints = table
        .constraints
        .iter()
        .filter(|constraint| !matches!(constraint.kind, ConstraintKind::ForeignKey(_)))
        .map(|constraint| constraint.definition.as_str());
    let options = table.options.of_postgres();
    let own =
        options.into_iter().flat_map(|it| [it.of_type.as_deref(), it.partition_by.as_deref()]);
    columns.chain(constraints).chain(own.flatten()).collect()
}

/// [`texts`], and the definitions of indexes, which go and come with a table that is moved.
pub(super) fn texts_and_indexes(table: &Table) -> Vec<&str> {
    let indexes = table.indexes.iter().map(|index| index.definition.as_str());
    texts(table).into_iter().chain(indexes).collect()
}

/// All texts of a column that may mention other objects.
pub(super) fn column_texts(column: &Column) -> Vec<&str> {
    let generated = column.generated.as_ref().map(|generated| generated.expression.as_str());
    let texts = [
        Some(column.data_type.as_str()),
        column.collation.as_deref(),
        column.default.as_deref(),
        generated,
    ];
    texts.into_iter().flatten().collect()
}

/// Every column of a table.
pub(super) fn columns(table: &Table) -> BTreeSet<Resource> {
    table
        .columns
        .iter()
        .map(|column| Resource::Column(table.name.clone(), column.name.clone()))
        .collect()
}

/// The values of every column of a table.
pub(super) fn values(table: &Table) -> BTreeSet<Resource> {
    table
        .columns
        .iter()
        .map(|column| Resource::Values(table.name.clone(), column.name.clone()))
        .collect()
}

/// Constraints and indexes of a table that a foreign key can point at.
pub(super) fn keys(table: &Table) -> BTreeSet<Resource> {
    let constraints = table.constraints.iter().filter_map(|constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey { .. } | ConstraintKind::Unique { .. } => {
            constraint.name.as_ref()
        }
        ConstraintKind::Check { .. }
        | ConstraintKind::ForeignKey(_)
        | ConstraintKind::Exclusion => None,
    });
    let indexes = table.indexes.iter().filter(|index| index.unique).map(|index| &index.name);
    constraints
        .chain(indexes)
        .map(|name| Resource::Constraint(table.name.clone(), name.to_string()))
        .collect()
}

/// A name in the space that tables, views, sequences, indexes and types of a schema share: who lets it go runs
/// before who takes it up.
pub(super) fn slot(schema: &Ident, name: &Ident) -> Resource {
    let name = QName { schema: schema.clone(), name: name.clone() };
    Resource::Constraint(name, "the name itself".to_owned())
}

/// The names that a table occupies: its own, those of its key indexes and of its own sequences.
pub(super) fn slots(table: &Table) -> BTreeSet<Resource> {
    let schema = &table.name.schema;
    let keys = table.constraints.iter().filter(|constraint| has_index(constraint));
    let keys = keys.filter_map(|constraint| constraint.name.as_ref());
    let sequences = table.columns.iter().flat_map(column_sequences);
    let indexes = table.indexes.iter().map(|index| &index.name);
    std::iter::once(&table.name.name)
        .chain(keys)
        .chain(indexes)
        .map(|name| slot(schema, name))
        .chain(sequences.map(|sequence| slot(&sequence.name.schema, &sequence.name.name)))
        .collect()
}

/// The sequence behind a column, if any.
pub(super) fn column_sequences(column: &Column) -> Option<&Sequence> {
    column.owned_sequence.as_ref().or(column.identity.as_ref().map(|identity| &identity.sequence))
}

/// The sequences that columns own.
pub(super) fn owned_sequences(catalog: &Catalog) -> BTreeSet<&QName> {
    let columns = catalog.tables.values().flat_map(|table| &table.columns);
    columns.filter_map(column_sequences).map(|sequence| &sequence.name).collect()
}

/// Whether a constraint is kept by an index of its name.
pub(super) fn has_index(constraint: &Constraint) -> bool {
    match constraint.kind {
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Exclusion => true,
        ConstraintKind::Check { .. } | ConstraintKind::ForeignKey(_) => false,
    }
}

/// The resource behind a dependency.
pub(super) fn resource(dependency: &Dependency) -> Resource {
    match dependency {
        Dependency::Table(table) => Resource::Table(table.clone()),
        Dependency::Column(table, column) => Resource::Column(table.clone(), column.clone()),
        Dependency::Constraint(table, name) => {
            Resource::Constraint(table.clone(), name.to_string())
        }
        Dependency::Enum(name) => Resource::Enum(name.clone()),
        Dependency::Opaque(id) => Resource::Opaque(id.clone()),
    }
}

/// Whether a printed column type is this enum (or an array of it).
pub(super) fn is_of_enum(data_type: &str, enum_type: &EnumType) -> bool {
    // Printed names hold the name as it is, unless it holds quotes.
    let name = enum_type.name.name.as_str();
    if !name.contains('"') && !data_type.contains(name) {
        return false;
    }
    Mention::new(Resource::Enum(enum_type.name.clone()), &enum_type.name).is_in(data_type)
}
