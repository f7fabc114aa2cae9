//! Fields: their types are known, their defaults and limits fit them.

use super::Findings;
use crate::expr::ValueType;
use crate::model::parse::field::is_number;
use crate::model::{DefaultValue, Facets, Field, FieldKind, Format, Model, expression};
use crate::text::suggest::did_you_mean;

/// Looks up type names and roles.
pub(super) fn resolve_types(model: &mut Model, findings: &mut Findings<'_>) {
    for (index, named) in model.types.iter().enumerate() {
        if model.types[..index].iter().any(|other| other.name == named.name) {
            findings.error(named.place.span, format!("type `{}` is defined twice", named.name), "");
        }
        if expression::value_type(&named.name).is_ok() {
            let message = format!("`{}` is a portable type already", named.name);
            findings.error(named.place.span, message, "give the type another name");
        }
    }
    let actor = model.actor().map(|(entity, _)| entity);
    let actor = actor.filter(|it| it.key_fields().len() == 1).map(|it| it.name.clone());
    for entity in &mut model.entities {
        entity.stamped_by = actor.clone().filter(|_| entity.audits("actor"));
    }
    let (types, roles) = (model.types.clone(), model.roles());
    for field in model.entities.iter_mut().flat_map(|entity| entity.fields.iter_mut()) {
        match &mut field.kind {
            FieldKind::Value { value_type, text } if !text.is_empty() => {
                if let Some(named) = types.iter().find(|named| named.name == *text) {
                    *value_type = named.base.clone();
                    continue;
                }
                match expression::value_type(text) {
                    Ok(known) => *value_type = known,
                    Err(message) => {
                        let named = did_you_mean(text, types.iter().map(|t| t.name.as_str()));
                        let hint = if message.contains("did you mean") { "" } else { &named };
                        findings.error(field.place.span, format!("{message}{hint}"), "");
                    }
                }
            }
            FieldKind::Enum { values, from_roles: true, .. } => {
                if roles.is_empty() {
                    let message = "`enum: roles` needs the model's `roles:`";
                    findings.error(field.place.span, message, "write `roles: [a, b]` at the top");
                }
                *values = roles.clone();
            }
            FieldKind::Value { .. }
            | FieldKind::Enum { .. }
            | FieldKind::States { .. }
            | FieldKind::Ref { .. }
            | FieldKind::Many { .. } => {}
        }
    }
}

pub(super) fn check(model: &Model, findings: &mut Findings<'_>) {
    for named in &model.types {
        facets(&named.facets, &named.base, findings);
    }
    for entity in &model.entities {
        for (index, field) in entity.fields.iter().enumerate() {
            if entity.fields[..index].iter().any(|other| other.name == field.name) {
                let message = format!("field `{}` is written twice", field.name);
                findings.error(field.place.span, message, "");
            }
            kind(field, findings);
        }
    }
}

fn kind(field: &Field, findings: &mut Findings<'_>) {
    match &field.kind {
        FieldKind::Value { value_type, .. } => {
            facets(&field.facets, value_type, findings);
            if let Some(default) = &field.default {
                default_fits(field, default, value_type, findings);
            }
        }
        FieldKind::Enum { values, .. } => {
            value_default(field, values, findings);
            value_map(field, values, findings);
        }
        FieldKind::States { values, .. } => {
            if field.default.is_some() {
                let help = "write `initial:` alone";
                findings.error(field.place.span, "states take `initial`, not `default`", help);
            }
            value_map(field, values, findings);
        }
        FieldKind::Ref { on_delete, .. } => {
            if *on_delete == Some(crate::catalog::Action::SetNull) && !field.optional {
                let message = format!("`{}` is required, so it cannot be set to null", field.name);
                findings.error(field.place.span, message, "add `optional: true`");
            }
        }
        FieldKind::Many { .. } => {}
    }
    if let Some(scale) = field.sqlite.scale {
        let FieldKind::Value { value_type: ValueType::Decimal { .. }, .. } = &field.kind else {
            let message = format!("`scale: {scale}` is for decimals");
            findings.error(field.sqlite.place.span, message, "remove it");
            return;
        };
    }
}

fn value_default(field: &Field, values: &[String], findings: &mut Findings<'_>) {
    let text = match &field.default {
        None | Some(DefaultValue::Null) => return,
        Some(DefaultValue::Text(text) | DefaultValue::Number(text)) => text.clone(),
        Some(DefaultValue::Bool(flag)) => flag.to_string(),
        Some(DefaultValue::Now | DefaultValue::Today | DefaultValue::Uuid) => "a function".into(),
    };
    if !values.contains(&text) {
        let hint = did_you_mean(&text, values.iter().map(String::as_str));
        let message = format!("default `{text}` is not one of the values{hint}");
        findings.error(field.place.span, message, format!("values: {}", values.join(", ")));
    }
}

fn value_map(field: &Field, values: &[String], findings: &mut Findings<'_>) {
    for (before, after) in &field.values {
        if !values.contains(after) {
            let hint = did_you_mean(after, values.iter().map(String::as_str));
            let message = format!("`was` maps `{before}` to `{after}`, which is not a value{hint}");
            findings.error(field.place.span, message, format!("values: {}", values.join(", ")));
        }
    }
}

fn default_fits(
    field: &Field,
    default: &DefaultValue,
    value_type: &ValueType,
    findings: &mut Findings<'_>,
) {
    use ValueType as T;
    let (fits, example) = match value_type {
        T::Bool => (matches!(default, DefaultValue::Bool(_)), "true or false"),
        T::Int | T::Int32 => (
            matches!(default, DefaultValue::Number(number) if !number.contains('.')),
            "a whole number",
        ),
        T::Decimal { .. } | T::Float => (matches!(default, DefaultValue::Number(_)), "a number"),
        T::Text | T::Json | T::Bytes | T::Enum(_) => {
            (matches!(default, DefaultValue::Text(_)), "a 'text' in single quotes")
        }
        T::Uuid => {
            (matches!(default, DefaultValue::Uuid | DefaultValue::Text(_)), "uuid() or a 'text'")
        }
        T::Date => (matches!(default, DefaultValue::Today | DefaultValue::Text(_)), "today()"),
        T::Timestamp => (matches!(default, DefaultValue::Now | DefaultValue::Text(_)), "now()"),
        T::Time => (matches!(default, DefaultValue::Text(_)), "a 'text' such as '09:00:00'"),
    };
    let is_empty = *default == DefaultValue::Null && field.optional;
    if !fits && !is_empty {
        let message = format!("this default does not fit the type of `{}`", field.name);
        findings.error(field.place.span, message, format!("the default is {example} here"));
    }
}

fn facets(facets: &Facets, value_type: &ValueType, findings: &mut Findings<'_>) {
    use ValueType as T;
    let span = facets.place.span;
    let is_text = *value_type == T::Text;
    if !is_text && (facets.pattern.is_some() || facets.format.is_some() || facets.length.is_some())
    {
        let message = "`match`, `format` and `length` are for text";
        findings.error(span, message, "remove them, or make the field a text");
    }
    for limit in [&facets.min, &facets.max].into_iter().flatten() {
        let (fits, help) = match value_type {
            T::Text => (limit.parse::<u32>().is_ok(), "write a length, such as 40"),
            T::Int | T::Int32 => (is_number(limit) && !limit.contains('.'), "write a whole number"),
            T::Decimal { .. } | T::Float => (is_number(limit), "write a number"),
            T::Date => (is_date(limit), "write a date, such as '2024-01-31'"),
            T::Timestamp | T::Time | T::Bool | T::Uuid | T::Json | T::Bytes | T::Enum(_) => {
                (false, "remove it: this type has no limits")
            }
        };
        if !fits {
            findings.error(span, format!("the limit `{limit}` does not fit the type"), help);
        }
    }
    if let (Some(min), Some(max)) = (&facets.min, &facets.max)
        && let (Ok(low), Ok(high)) = (min.parse::<f64>(), max.parse::<f64>())
        && low > high
    {
        findings.error(span, format!("`min` {min} is more than `max` {max}"), "swap them");
    }
    if let Some(Err(message)) = facets.pattern.as_deref().map(expression::pattern) {
        findings.error(span, message, "");
    }
    if facets.format.is_some() && facets.pattern.is_some() {
        let formats: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        let help = format!("a format is a pattern: {}", formats.join(", "));
        findings.error(span, "a text has `match` or `format`, not both", help);
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([4, 2, 2])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}
