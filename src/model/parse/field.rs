//! Fields, in the short form `TYPE[?] [= DEFAULT]` and in the long one.

use super::reader::{Keys, Reader};
use crate::catalog::Action;
use crate::catalog::rule::Enforce;
use crate::expr::ValueType;
use crate::model::keys::Context;
use crate::model::tree::{Entry, Style, Tree, Value};
use crate::model::{DefaultValue, Facets, Field, FieldKind, Format, Override, Place, Transition};
use crate::text::suggest::did_you_mean;

pub(super) const ACTION_WORDS: [(&str, Action); 5] = [
    ("no_action", Action::NoAction),
    ("restrict", Action::Restrict),
    ("cascade", Action::Cascade),
    ("set_null", Action::SetNull),
    ("set_default", Action::SetDefault),
];

pub(super) fn read<'t>(reader: &mut Reader<'t>, entry: &'t Entry) -> Option<Field> {
    // The type is looked up when all types are known; until then every type reads as text.
    let mut field = Field::of_type(&entry.key, ValueType::Text, "");
    field.place = reader.place(entry.key_span);
    match &entry.value.value {
        Value::Scalar { .. } => short(reader, &entry.value, &mut field)?,
        Value::Map(_) => long(reader, &entry.value, &mut field)?,
        Value::List(_) => {
            reader.error_help(
                entry.value.span,
                format!("field `{}` is a list", entry.key),
                "write a type such as `text`, or a map such as `{ enum: [a, b] }`",
            );
            return None;
        }
    }
    Some(field)
}

/// `TYPE[?] [= DEFAULT]`.
fn short(reader: &mut Reader<'_>, tree: &Tree, field: &mut Field) -> Option<()> {
    let text = tree.as_text().unwrap_or("");
    let (data_type, default) = match text.split_once('=') {
        Some((data_type, default)) => (data_type.trim(), Some(default.trim())),
        None => (text.trim(), None),
    };
    let (data_type, optional) = match data_type.strip_suffix('?') {
        Some(data_type) => (data_type.trim(), true),
        None => (data_type, false),
    };
    if data_type.is_empty() {
        let message = format!("field `{}` has no type", field.name);
        reader.error_help(tree.span, message, "write `name: text`, `name: int? = 3` or a map");
        return None;
    }
    field.optional = optional;
    field.kind = FieldKind::Value { value_type: ValueType::Text, text: data_type.to_owned() };
    field.place = Place { span: tree.span, ..field.place };
    if let Some(default) = default {
        field.default = Some(short_default(reader, tree, default)?);
    }
    Some(())
}

fn short_default(reader: &mut Reader<'_>, tree: &Tree, text: &str) -> Option<DefaultValue> {
    if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Some(DefaultValue::Text(inner.replace("''", "'")));
    }
    if let Some(default) = word_default(text) {
        return Some(default);
    }
    reader.error_help(
        tree.span,
        format!("`{text}` is not a default"),
        "write a number, true, false, null, a 'text' in single quotes, now(), today() or uuid(); \
         anything else goes into `postgres: { default: … }` and `sqlite: { default: … }`",
    );
    None
}

fn word_default(text: &str) -> Option<DefaultValue> {
    Some(match text {
        "true" => DefaultValue::Bool(true),
        "false" => DefaultValue::Bool(false),
        "null" => DefaultValue::Null,
        "now()" => DefaultValue::Now,
        "today()" => DefaultValue::Today,
        "uuid()" => DefaultValue::Uuid,
        number if is_number(number) => DefaultValue::Number(number.to_owned()),
        _ => return None,
    })
}

pub(in crate::model) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let mut parts = digits.splitn(2, '.');
    let whole = parts.next().unwrap_or("");
    let all = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    all(whole) && parts.next().is_none_or(all)
}

/// A default in the long form: plain words are text, as an enum value is.
fn long_default(reader: &mut Reader<'_>, entry: &Entry) -> Option<DefaultValue> {
    let text = reader.text_of(&entry.value, "default");
    match &entry.value.value {
        Value::Scalar { style: Style::Text, text } => Some(DefaultValue::Text(text.clone())),
        Value::Scalar { style: Style::Plain, .. } => {
            let text = text?;
            if text.ends_with(')') && word_default(&text).is_none() {
                return short_default(reader, &entry.value, &text);
            }
            Some(word_default(&text).unwrap_or(DefaultValue::Text(text)))
        }
        Value::List(_) | Value::Map(_) => None,
    }
}

fn long<'t>(reader: &mut Reader<'t>, tree: &'t Tree, field: &mut Field) -> Option<()> {
    let mut keys = reader.keys(tree, Context::Field)?;
    let kind = kind(reader, &mut keys, field);
    if let Some(optional) = keys.take("optional").and_then(|entry| reader.flag(entry)) {
        field.optional = optional;
    }
    field.column = keys.take("column").and_then(|entry| reader.text(entry));
    field.comment = keys.take("comment").and_then(|entry| reader.text(entry));
    if let Some(entry) = keys.take("was") {
        was(reader, entry, field);
    }
    field.backfill = keys.take("backfill").and_then(|entry| reader.condition(entry));
    field.down = keys.take("down").and_then(|entry| reader.condition(entry));
    field.using = keys.take("using").and_then(|entry| reader.condition(entry));
    field.from = keys.take("from").and_then(|entry| super::changes::earlier_type(reader, entry));
    if !matches!(field.kind, FieldKind::Many { .. }) {
        field.default = field
            .default
            .take()
            .or_else(|| keys.take("default").and_then(|entry| long_default(reader, entry)));
        (field.postgres, field.sqlite) = overrides(reader, &mut keys);
    }
    reader.carried(&mut keys, "pii", &mut field.carried);
    reader.finish(keys);
    kind
}

fn kind<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>, field: &mut Field) -> Option<()> {
    let kinds: Vec<&str> =
        ["type", "enum", "states", "ref", "many"].into_iter().filter(|key| keys.has(key)).collect();
    match kinds.as_slice() {
        ["type"] => value(reader, keys, field),
        ["enum"] => value_list(reader, keys, field),
        ["states"] => states(reader, keys, field),
        ["ref"] => reference(reader, keys, field),
        ["many"] => many(reader, keys, field),
        [] => {
            let message = format!("field `{}` has no type", field.name);
            let help = "write one of `type:`, `enum:`, `states:`, `ref:`, `many:`";
            reader.error_help(field.place.span, message, help);
            None
        }
        several => {
            for key in several {
                keys.take(key);
            }
            let message = format!("field `{}` has both `{}`", field.name, several.join("` and `"));
            reader.error_help(field.place.span, message, "keep one of them");
            None
        }
    }
}

fn value<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>, field: &mut Field) -> Option<()> {
    let entry = keys.take("type")?;
    let text = reader.text(entry)?;
    field.place.span = entry.value.span;
    if let Some(base) = text.strip_suffix('?') {
        reader.error_help(
            entry.value.span,
            "`?` belongs to the short form",
            format!("write `type: {base}, optional: true`"),
        );
        return None;
    }
    field.kind = FieldKind::Value { value_type: ValueType::Text, text };
    field.facets = facets(reader, keys);
    field.generated = keys.take("generated").and_then(|entry| reader.condition(entry));
    field.stored = keys.take("stored").and_then(|entry| reader.flag(entry));
    Some(())
}

fn value_list<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>, field: &mut Field) -> Option<()> {
    let entry = keys.take("enum")?;
    let from_roles = entry.value.as_text() == Some("roles");
    let values = if from_roles { Vec::new() } else { unique_values(reader, &entry.value, "enum") };
    let constraint = keys.take("name");
    let constraint = reader.constraint_name(constraint);
    field.kind = FieldKind::Enum { values, from_roles, constraint };
    Some(())
}

fn unique_values(reader: &mut Reader<'_>, tree: &Tree, what: &str) -> Vec<String> {
    let values = reader.texts(tree, what);
    for (index, value) in values.iter().enumerate() {
        if values[..index].contains(value) {
            reader.error(tree.span, format!("`{value}` is written twice in `{what}`"));
        }
    }
    if values.is_empty() && matches!(tree.value, Value::List(_)) {
        reader.error_help(tree.span, format!("`{what}` is empty"), "list at least one value");
    }
    values
}

fn states<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>, field: &mut Field) -> Option<()> {
    let entry = keys.take("states")?;
    let values = unique_values(reader, &entry.value, "states");
    let initial = keys.take("initial");
    if let Some(initial) = initial {
        known_state(reader, &initial.value, &values);
    }
    let initial = initial.and_then(|entry| reader.text(entry));
    let mut transitions = Vec::new();
    if let Some(entry) = keys.take("transitions") {
        for entry in reader.named(&entry.value, "transitions") {
            if let Some(transition) = transition(reader, entry, &values) {
                transitions.push(transition);
            }
        }
    }
    let words = [("database", Enforce::Database), ("verify", Enforce::Verify)];
    let enforce = keys.take("enforce");
    if let Some(entry) = enforce.filter(|_| transitions.is_empty()) {
        let message = "`enforce` says who holds the transitions, and there are none";
        reader.error_help(entry.value.span, message, "write `transitions:`, or take it out");
    }
    let enforce = enforce.and_then(|entry| reader.word(entry, &words));
    let constraint = keys.take("name");
    let constraint = reader.constraint_name(constraint);
    field.kind = FieldKind::States { values, initial, transitions, enforce, constraint };
    Some(())
}

fn known_state(reader: &mut Reader<'_>, tree: &Tree, states: &[String]) {
    let names: Vec<(&Tree, &str)> = match &tree.value {
        Value::Scalar { text, .. } => vec![(tree, text)],
        Value::List(items) => {
            items.iter().filter_map(|item| item.as_text().map(|text| (item, text))).collect()
        }
        Value::Map(_) => Vec::new(),
    };
    for (tree, name) in names {
        if !states.iter().any(|state| state == name) {
            let hint = did_you_mean(name, states.iter().map(String::as_str));
            let message = format!("`{name}` is not one of the states{hint}");
            reader.error_help(tree.span, message, format!("states: {}", states.join(", ")));
        }
    }
}

fn transition<'t>(
    reader: &mut Reader<'t>,
    entry: &'t Entry,
    states: &[String],
) -> Option<Transition> {
    let mut keys = reader.keys(&entry.value, Context::Transition)?;
    let (from, to) = (keys.take("from"), keys.take("to"));
    let by = keys.take("by").map(|entry| reader.one_or_more(&entry.value, "by"));
    let when = keys.take("when").and_then(|entry| reader.condition(entry));
    let span = keys.span;
    reader.finish(keys);
    let (Some(from), Some(to)) = (from, to) else {
        let message = format!("transition `{}` needs `from` and `to`", entry.key);
        reader.error_help(span, message, "write `{ from: a, to: b }`");
        return None;
    };
    known_state(reader, &from.value, states);
    known_state(reader, &to.value, states);
    Some(Transition {
        name: entry.key.clone(),
        from: reader.one_or_more(&from.value, "from"),
        to: reader.text(to)?,
        by: by.unwrap_or_default(),
        when,
        place: reader.place(entry.key_span),
    })
}

fn reference<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>, field: &mut Field) -> Option<()> {
    let entry = keys.take("ref")?;
    let entity = reader.text(entry)?;
    let place = reader.place(entry.value.span);
    let on_delete = keys.take("on_delete").and_then(|entry| reader.word(entry, &ACTION_WORDS));
    let on_update = keys.take("on_update").and_then(|entry| reader.word(entry, &ACTION_WORDS));
    let constraint = keys.take("name");
    let constraint = reader.constraint_name(constraint);
    field.kind = FieldKind::Ref { entity, place, on_delete, on_update, constraint };
    Some(())
}

fn many<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>, field: &mut Field) -> Option<()> {
    let entry = keys.take("many")?;
    let entity = reader.text(entry)?;
    let place = reader.place(entry.value.span);
    let inverse = keys.take("inverse").and_then(|entry| reader.text(entry));
    let through = keys.take("through").and_then(|entry| reader.text(entry));
    if inverse.is_some() == through.is_some() {
        let help =
            "write `inverse: field` for the other side of a reference, or `through: table` for n-n";
        let message = format!("`{}` needs exactly one of `inverse` and `through`", field.name);
        reader.error_help(entry.value.span, message, help);
    }
    field.kind = FieldKind::Many { entity, place, inverse, through };
    Some(())
}

fn was(reader: &mut Reader<'_>, entry: &Entry, field: &mut Field) {
    let has_values = matches!(field.kind, FieldKind::Enum { .. } | FieldKind::States { .. });
    let Value::Map(pairs) = &entry.value.value else {
        field.was = reader.one_or_more(&entry.value, "was");
        return;
    };
    if !has_values {
        let message = "`was` with old and new values is for enum and states";
        reader.error_help(entry.value.span, message, "write the earlier name of the field");
        return;
    }
    for pair in pairs {
        if let Some(after) = reader.text(pair) {
            field.values.push((pair.key.clone(), after));
        }
    }
}

pub(super) fn facets<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>) -> Facets {
    let mut facets = Facets { place: reader.place(keys.span), ..Facets::default() };
    if let Some(entry) = keys.take("min") {
        facets.place = reader.place(entry.value.span);
        facets.min = reader.text(entry);
    }
    if let Some(entry) = keys.take("max") {
        facets.place = reader.place(entry.value.span);
        facets.max = reader.text(entry);
    }
    if let Some(entry) = keys.take("length") {
        if entry.value.as_text().is_some() {
            facets.length = reader.number(entry);
        } else if let Some(mut inner) = reader.keys(&entry.value, Context::Length) {
            let min = inner.take("min").and_then(|entry| reader.number(entry));
            let max = inner.take("max").and_then(|entry| reader.number(entry));
            facets.min = min.map(|min| min.to_string()).or(facets.min);
            facets.max = max.map(|max| max.to_string()).or(facets.max);
            reader.finish(inner);
        }
    }
    if let Some(entry) = keys.take("match") {
        facets.place = reader.place(entry.value.span);
        facets.pattern = reader.text(entry);
    }
    let formats = Format::ALL.map(|format| (format.name(), format));
    facets.format = keys.take("format").and_then(|entry| reader.word(entry, &formats));
    facets
}

/// `postgres:` and `sqlite:` of a field or a type.
pub(super) fn overrides<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>) -> (Override, Override) {
    let mut read = |key| {
        let entry = keys.take(key);
        entry.map(|entry| one_override(reader, &entry.value)).unwrap_or_default()
    };
    (read("postgres"), read("sqlite"))
}

fn one_override<'t>(reader: &mut Reader<'t>, tree: &'t Tree) -> Override {
    let Some(mut keys) = reader.keys(tree, Context::FieldOverride) else {
        return Override::default();
    };
    let identities = [("always", "always"), ("by_default", "by_default")];
    let mut sequence = Vec::new();
    if let Some(entry) = keys.take("sequence") {
        for pair in reader.named(&entry.value, "sequence") {
            sequence.extend(reader.text(pair).map(|text| (pair.key.clone(), text)));
        }
    }
    let mut text =
        |reader: &mut Reader<'t>, key: &str| keys.take(key).and_then(|entry| reader.text(entry));
    let data_type = text(reader, "type");
    let default = text(reader, "default");
    let collate = text(reader, "collate");
    let serial = text(reader, "serial");
    let generated = text(reader, "generated");
    let identity = keys.take("identity").and_then(|entry| reader.word(entry, &identities));
    let not_null = keys.take("not_null").and_then(|entry| reader.flag(entry));
    let scale = keys.take("scale").and_then(|entry| reader.number(entry));
    let enum_values = keys.take("enum").map(|entry| reader.texts(&entry.value, "enum"));
    let enum_values = enum_values.unwrap_or_default();
    let place = reader.place(keys.span);
    reader.finish(keys);
    let identity = identity.map(str::to_owned);
    Override {
        data_type,
        default,
        collate,
        identity,
        serial,
        sequence,
        generated,
        not_null,
        enum_values,
        scale,
        place,
    }
}
