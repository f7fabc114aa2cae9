//! The picture of a schema that no model tells: tables as entities, constraints as rules.

use super::picture::{Entity, Field, Picture, Reference, Rule, SqlObject};
use crate::catalog::{Action, Catalog, Column, ConstraintKind, Table};
use crate::text::Ident;

/// What a schema says.
pub fn picture(catalog: &Catalog, name: &str) -> Picture {
    let objects = catalog.opaques.values().map(|opaque| SqlObject {
        kind: opaque.id.kind.word().replace('_', " "),
        name: opaque.id.name.to_string(),
        text: opaque.create.join(";\n"),
    });
    Picture {
        name: name.to_owned(),
        roles: Vec::new(),
        entities: catalog.tables.values().map(entity).collect(),
        objects: objects.collect(),
        reasons: Vec::new(),
    }
}

fn entity(table: &Table) -> Entity {
    let name = table.name.to_string();
    Entity {
        table: name.clone(),
        name,
        comment: table.comment.clone(),
        fields: table.columns.iter().map(|column| field(column, table)).collect(),
        rules: rules(table),
        ..Entity::default()
    }
}

fn field(column: &Column, table: &Table) -> Field {
    let is_of_it = |columns: &[Ident]| columns.first() == Some(&column.name);
    let refers_to = table.constraints.iter().find_map(|constraint| match &constraint.kind {
        ConstraintKind::ForeignKey(key) if is_of_it(&key.columns) => Some(Reference {
            entity: key.references.to_string(),
            on_delete: match key.on_delete {
                Action::NoAction | Action::Restrict => "cannot be deleted while referred to",
                Action::Cascade => "is deleted with it",
                Action::SetNull => "is emptied",
                Action::SetDefault => "gets its default",
            }
            .to_owned(),
        }),
        _ => None,
    });
    Field {
        name: column.name.to_string(),
        kind: if column.data_type.is_empty() { "any".into() } else { column.data_type.clone() },
        required: column.not_null,
        key: table.primary_key().contains(&column.name),
        default: column.default.clone(),
        refers_to,
        comment: column.comment.clone(),
        column: Some(column.name.to_string()),
        ..Field::default()
    }
}

fn rules(table: &Table) -> Vec<Rule> {
    let told = table.constraints.iter().filter(|constraint| match &constraint.kind {
        ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion => true,
        ConstraintKind::PrimaryKey { .. } | ConstraintKind::ForeignKey(_) => false,
    });
    let constraints = told.map(|constraint| Rule {
        name: constraint.name.as_ref().map_or_else(String::new, ToString::to_string),
        says: constraint.definition.clone(),
        held: "held by the database",
    });
    let indexes = table.indexes.iter().filter(|index| index.unique).map(|index| Rule {
        name: index.name.to_string(),
        says: index.definition.clone(),
        held: "held by the database",
    });
    constraints.chain(indexes).collect()
}
