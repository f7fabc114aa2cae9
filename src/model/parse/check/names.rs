//! Names: every one that is used exists, and none means two things.

use std::collections::BTreeMap;

use super::Findings;
use crate::catalog::OpaqueKind;
use crate::model::{Entity, FieldKind, Model, Part, PartText};
use crate::text::suggest::did_you_mean;

pub(super) fn check(model: &Model, findings: &mut Findings<'_>) {
    tables(model, findings);
    for entity in &model.entities {
        columns(entity, findings);
        earlier_names(model, entity, findings);
        references(model, entity, findings);
        keys(entity, findings);
        foreign_keys(model, entity, findings);
    }
    sql_objects(model, findings);
    super::changes::check(model, findings);
}

fn tables(model: &Model, findings: &mut Findings<'_>) {
    let mut tables: BTreeMap<(String, Option<&str>), &str> = BTreeMap::new();
    for entity in &model.entities {
        let table = entity.table_name();
        let key = (table.to_lowercase(), entity.postgres.schema.as_deref());
        if let Some(other) = tables.insert(key, &entity.name) {
            let message = format!("`{}` and `{other}` have the same table `{table}`", entity.name);
            findings.error(entity.place.span, message, "give one of them another `table:`");
        }
    }
}

fn columns(entity: &Entity, findings: &mut Findings<'_>) {
    let mut columns: BTreeMap<String, String> = BTreeMap::new();
    for field in entity.all_fields() {
        let Some(column) = field.column_name() else { continue };
        if let Some(other) = columns.insert(column.to_lowercase(), field.name.clone()) {
            let message =
                format!("fields `{}` and `{other}` have the same column `{column}`", field.name);
            findings.error(field.place.span, message, "give one of them another `column:`");
        }
    }
}

fn earlier_names(model: &Model, entity: &Entity, findings: &mut Findings<'_>) {
    for was in &entity.was {
        if model.entity(was).is_some() {
            let message = format!("`{}` was `{was}`, and `{was}` is still there", entity.name);
            findings.error(entity.place.span, message, "remove one of the two, or the `was`");
        }
    }
    for field in &entity.fields {
        for was in &field.was {
            if entity.field(was).is_some() {
                let message = format!("`{}` was `{was}`, and `{was}` is still there", field.name);
                findings.error(field.place.span, message, "remove one of the two, or the `was`");
            }
        }
    }
}

pub(super) fn unknown_entity(model: &Model, name: &str) -> String {
    let hint = did_you_mean(name, model.entities.iter().map(|entity| entity.name.as_str()));
    format!("no entity `{name}`{hint}")
}

pub(super) fn unknown_field(entity: &Entity, name: &str) -> String {
    let hint = did_you_mean(name, entity.fields.iter().map(|field| field.name.as_str()));
    format!("no field `{name}` in `{}`{hint}", entity.name)
}

fn references(model: &Model, entity: &Entity, findings: &mut Findings<'_>) {
    for field in &entity.fields {
        match &field.kind {
            FieldKind::Ref { entity: target, place, .. } => match model.entity(target) {
                None => findings.error(place.span, unknown_entity(model, target), ""),
                Some(target) if target.key_fields().len() != 1 => {
                    let message = format!(
                        "`{}` has a key of {} fields; a `ref` needs exactly one",
                        target.name,
                        target.key_fields().len()
                    );
                    let help = "use `foreign_keys:` with the fields of both sides";
                    findings.error(place.span, message, help);
                }
                Some(_) => {}
            },
            FieldKind::Many { entity: target, place, inverse, through } => {
                let Some(target) = model.entity(target) else {
                    findings.error(place.span, unknown_entity(model, target), "");
                    continue;
                };
                if let Some(inverse) = inverse {
                    inverse_refers_back(entity, target, inverse, place.span, findings);
                } else if through.is_some()
                    && (target.key_fields().len() != 1 || entity.key_fields().len() != 1)
                {
                    let message = "both sides of an n-n relationship need a key of one field";
                    findings.error(place.span, message, "write the join table as an entity");
                }
            }
            FieldKind::Value { .. } | FieldKind::Enum { .. } | FieldKind::States { .. } => {}
        }
    }
}

fn inverse_refers_back(
    entity: &Entity,
    target: &Entity,
    inverse: &str,
    span: crate::text::diagnostic::Span,
    findings: &mut Findings<'_>,
) {
    match target.field(inverse).map(|field| &field.kind) {
        Some(FieldKind::Ref { entity: back, .. }) if *back == entity.name => {}
        Some(_) => {
            let message =
                format!("`{}.{inverse}` does not refer to `{}`", target.name, entity.name);
            findings.error(span, message, format!("write `{inverse}: {{ ref: {} }}`", entity.name));
        }
        None => findings.error(span, unknown_field(target, inverse), ""),
    }
}

/// A field that has a column.
fn column_field(
    entity: &Entity,
    name: &str,
    span: crate::text::diagnostic::Span,
    f: &mut Findings<'_>,
) {
    let fields = entity.all_fields();
    match fields.iter().find(|field| field.name == *name) {
        None => f.error(span, unknown_field(entity, name), ""),
        Some(field) if matches!(field.kind, FieldKind::Many { .. }) => {
            let message =
                format!("`{name}` has no column here: it is the far side of a relationship");
            f.error(span, message, "name a field with a column");
        }
        Some(_) => {}
    }
}

fn parts(entity: &Entity, parts: &[Part], findings: &mut Findings<'_>) {
    for part in parts {
        if let PartText::Field(name) = &part.text {
            column_field(entity, name, part.place.span, findings);
        }
    }
}

fn keys(entity: &Entity, findings: &mut Findings<'_>) {
    match &entity.key {
        Some(key) => {
            for name in &key.fields {
                column_field(entity, name, key.place.span, findings);
            }
        }
        None if entity.field("id").is_none() && !entity.fields.is_empty() => findings.warn(
            entity.place.span,
            format!("`{}` has no key", entity.name),
            "add a field `id`, or `key: [fields]`; `key: []` says that there is none",
        ),
        None => {}
    }
    for unique in &entity.unique {
        parts(entity, &unique.parts, findings);
    }
    for index in &entity.indexes {
        parts(entity, &index.parts, findings);
    }
}

fn foreign_keys(model: &Model, entity: &Entity, findings: &mut Findings<'_>) {
    for key in &entity.foreign_keys {
        for name in &key.fields {
            column_field(entity, name, key.place.span, findings);
        }
        let Some(target) = model.entity(&key.entity) else {
            findings.error(key.place.span, unknown_entity(model, &key.entity), "");
            continue;
        };
        for name in &key.to {
            column_field(target, name, key.place.span, findings);
        }
        let to = if key.to.is_empty() { target.key_fields().len() } else { key.to.len() };
        if to != key.fields.len() && key.raw.is_empty() {
            let message = format!(
                "foreign key `{}` has {} fields here and {to} in `{}`",
                key.name,
                key.fields.len(),
                target.name
            );
            findings.error(key.place.span, message, "write as many `to:` as `fields:`");
        }
    }
}

fn sql_objects(model: &Model, findings: &mut Findings<'_>) {
    for object in &model.sql {
        for name in &object.after {
            let known = model.entity(name).is_some() || model.sql.iter().any(|o| o.name == *name);
            if !known {
                let names = model.entities.iter().map(|entity| entity.name.as_str());
                let names = names.chain(model.sql.iter().map(|object| object.name.as_str()));
                let hint = did_you_mean(name, names);
                let message =
                    format!("`{}` stands on `{name}`, which is not here{hint}", object.name);
                findings.error(object.place.span, message, "name an entity or an SQL object");
            }
        }
        match (&object.on, object.kind) {
            (Some(table), _)
                if model.entity(table).is_none()
                    && !model.sql.iter().any(|other| other.name == *table) =>
            {
                findings.error(object.place.span, unknown_entity(model, table), "");
            }
            (None, OpaqueKind::Trigger | OpaqueKind::Rule) => findings.error(
                object.place.span,
                format!("{} `{}` has no table", object.kind.word(), object.name),
                "write `table: Entity`",
            ),
            (Some(_) | None, _) => {}
        }
    }
}
