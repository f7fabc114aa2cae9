//! The picture of a model: what `model.yaml` says, in plain words.

use super::picture::{
    Entity, Field, Grant, Picture, Reference, Rule, SqlObject, States, Transition,
};
use crate::catalog::Action;
use crate::catalog::rule::Enforce;
use crate::model::tree::{Tree, Value};
use crate::model::{self, Carried, DefaultValue, FieldKind, Model, PartText};

/// What a model says.
pub fn picture(model: &Model) -> Picture {
    Picture {
        name: model.name.clone(),
        roles: model.roles(),
        entities: model.entities.iter().map(|entity| entity_of(entity, model)).collect(),
        objects: model.sql.iter().map(object).collect(),
        reasons: model
            .changes
            .iter()
            .filter_map(|note| Some((note.drop.clone(), note.reason.clone()?)))
            .collect(),
    }
}

fn object(object: &model::SqlObject) -> SqlObject {
    SqlObject {
        kind: object.kind.word().replace('_', " "),
        name: object.name.clone(),
        text: format!("{:?} {:?} {:?}", object.any, object.postgres, object.sqlite),
    }
}

fn entity_of(entity: &model::Entity, model: &Model) -> Entity {
    let keys = entity.key_fields();
    let of_key = |field: &model::Field| keys.contains(&field.name);
    let mut fields: Vec<Field> =
        entity.all_fields().iter().map(|field| field_of(field, of_key(field), model)).collect();
    fields.sort_by_key(|field| field.column.is_none());
    Entity {
        name: entity.name.clone(),
        table: entity.table_name(),
        was: entity.was.clone(),
        comment: entity.comment.clone(),
        tenant: carried(&entity.carried, "tenant").and_then(Tree::as_text).map(str::to_owned),
        audit: carried(&entity.carried, "audit").map(words).unwrap_or_default(),
        fields,
        rules: rules(entity),
        permissions: carried(&entity.carried, "permissions").map(grants).unwrap_or_default(),
    }
}

fn carried<'a>(list: &'a [Carried], key: &str) -> Option<&'a Tree> {
    list.iter().find(|carried| carried.key == key).map(|carried| &carried.value)
}

/// One word, or a list of them.
fn words(tree: &Tree) -> Vec<String> {
    match &tree.value {
        Value::Scalar { text, .. } => vec![text.clone()],
        Value::List(items) => {
            items.iter().filter_map(|item| item.as_text().map(str::to_owned)).collect()
        }
        Value::Map(entries) => entries.iter().map(|entry| entry.key.clone()).collect(),
    }
}

fn rules(entity: &model::Entity) -> Vec<Rule> {
    let stated = entity.rules.iter().map(|rule| Rule {
        name: rule.name.clone(),
        says: match &rule.condition {
            Some(condition) => format!("{} (where {})", rule.check.text, condition.text),
            None => rule.check.text.clone(),
        },
        held: match (rule.enforce, rule.beyond_row) {
            (Some(Enforce::Warn), _) => "warns in `migrate verify`",
            (Some(Enforce::Verify), _) | (None | Some(Enforce::Database), true) => {
                "checked by `migrate verify`"
            }
            (None | Some(Enforce::Database), false) => "held by the database",
        },
    });
    let unique = entity.unique.iter().map(|unique| Rule {
        name: unique.name.clone(),
        says: {
            let parts: Vec<&str> = unique.parts.iter().map(|part| part_text(&part.text)).collect();
            let only = unique.condition.as_ref().map(|it| format!(" (where {})", it.text));
            format!("no two rows share {}{}", parts.join(", "), only.unwrap_or_default())
        },
        held: "held by the database",
    });
    let raw = entity.checks.iter().chain(&entity.constraints).map(|check| Rule {
        name: check.name.clone(),
        says: check.raw.postgres.clone().or_else(|| check.raw.sqlite.clone()).unwrap_or_default(),
        held: "held by the database",
    });
    stated.chain(unique).chain(raw).collect()
}

fn part_text(part: &PartText) -> &str {
    match part {
        PartText::Field(name) => name,
        PartText::Expression(condition) => &condition.text,
    }
}

/// `operation: { role: condition }`, `operation: [roles]`, and the same of single fields.
fn grants(tree: &Tree) -> Vec<Grant> {
    let Value::Map(operations) = &tree.value else { return Vec::new() };
    let mut found = Vec::new();
    for operation in operations {
        if operation.key == "fields" {
            let Value::Map(fields) = &operation.value.value else { continue };
            for field in fields {
                for mut grant in grants(&field.value) {
                    grant.operation = format!("{} {}", grant.operation, field.key);
                    found.push(grant);
                }
            }
            continue;
        }
        let grant = |role: &str, condition: Option<&str>| Grant {
            operation: operation.key.clone(),
            role: role.to_owned(),
            condition: condition.filter(|text| *text != "true").map(str::to_owned),
        };
        match &operation.value.value {
            Value::Map(roles) => {
                found.extend(roles.iter().map(|it| grant(&it.key, it.value.as_text())));
            }
            Value::Scalar { .. } | Value::List(_) => {
                found.extend(words(&operation.value).iter().map(|role| grant(role, None)));
            }
        }
    }
    found
}

fn field_of(field: &model::Field, key: bool, model: &Model) -> Field {
    let named = match &field.kind {
        FieldKind::Value { text, .. } => model.named_type(text),
        FieldKind::Enum { .. }
        | FieldKind::States { .. }
        | FieldKind::Ref { .. }
        | FieldKind::Many { .. } => None,
    };
    let personal = carried(&field.carried, "pii")
        .or_else(|| named.and_then(|named| carried(&named.carried, "pii")));
    let mut limits = limits(&field.facets);
    if let Some(generated) = &field.generated {
        limits.push(format!("computed: {}", generated.text));
    }
    Field {
        name: field.name.clone(),
        was: field.was.clone(),
        kind: kind(&field.kind),
        required: !field.optional,
        key,
        default: field.default.as_ref().map(default),
        limits,
        refers_to: reference(&field.kind),
        personal: personal.and_then(Tree::as_text).map(str::to_owned),
        states: states(&field.kind),
        comment: field.comment.clone(),
        column: field.column_name(),
        backfill: field.backfill.as_ref().map(|it| it.text.clone()),
        values: field.values.clone(),
    }
}

fn kind(kind: &FieldKind) -> String {
    match kind {
        FieldKind::Value { text, .. } => text.clone(),
        FieldKind::Enum { from_roles: true, .. } => "one of the roles".to_owned(),
        FieldKind::Enum { values, .. } => format!("one of {}", values.join(", ")),
        FieldKind::States { values, .. } => format!("state: {}", values.join(", ")),
        FieldKind::Ref { entity, .. } => format!("→ {entity}"),
        FieldKind::Many { entity, through: Some(_), .. } => format!("many {entity}, both ways"),
        FieldKind::Many { entity, through: None, .. } => format!("many {entity}"),
    }
}

fn reference(kind: &FieldKind) -> Option<Reference> {
    let FieldKind::Ref { entity, on_delete, .. } = kind else { return None };
    let on_delete = match on_delete {
        None | Some(Action::NoAction | Action::Restrict) => "cannot be deleted while referred to",
        Some(Action::Cascade) => "is deleted with it",
        Some(Action::SetNull) => "is emptied",
        Some(Action::SetDefault) => "gets its default",
    };
    Some(Reference { entity: entity.clone(), on_delete: on_delete.to_owned() })
}

fn states(kind: &FieldKind) -> Option<States> {
    let FieldKind::States { values, initial, transitions, .. } = kind else { return None };
    let transitions = transitions.iter().map(|step| Transition {
        name: step.name.clone(),
        from: step.from.clone(),
        to: step.to.clone(),
        by: step.by.clone(),
        when: step.when.as_ref().map(|it| it.text.clone()),
    });
    Some(States {
        values: values.clone(),
        initial: initial.clone(),
        transitions: transitions.collect(),
    })
}

fn default(value: &DefaultValue) -> String {
    match value {
        DefaultValue::Null => "nothing".to_owned(),
        DefaultValue::Bool(value) => value.to_string(),
        DefaultValue::Number(text) => text.clone(),
        DefaultValue::Text(text) => format!("'{text}'"),
        DefaultValue::Now => "now()".to_owned(),
        DefaultValue::Today => "today()".to_owned(),
        DefaultValue::Uuid => "uuid()".to_owned(),
    }
}

fn limits(facets: &model::Facets) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(min) = &facets.min {
        found.push(format!("at least {min}"));
    }
    if let Some(max) = &facets.max {
        found.push(format!("at most {max}"));
    }
    if let Some(length) = facets.length {
        found.push(format!("exactly {length} long"));
    }
    if let Some(pattern) = &facets.pattern {
        found.push(format!("matches {pattern}"));
    }
    if let Some(format) = facets.format {
        found.push(format!("a valid {}", format.name()));
    }
    found
}
