//! Entities: keys, uniques, indexes, rules, foreign keys.

use super::field::{self, ACTION_WORDS};
use super::permissions;
use super::reader::{Keys, Reader};
use crate::catalog::rule::Enforce;
use crate::model::keys::Context;
use crate::model::tree::{Entry, Tree, Value};
use crate::model::{
    Entity, ForeignKey, Index, IndexOverride, Key, Order, Part, PartText, PostgresTable, Raw,
    RawText, Rule, SqliteTable, Unique,
};

pub(super) fn read<'t>(reader: &mut Reader<'t>, entry: &'t Entry) -> Option<Entity> {
    let mut keys = reader.keys(&entry.value, Context::Entity)?;
    let mut entity = Entity { name: entry.key.clone(), ..Entity::default() };
    entity.place = reader.place(entry.key_span);
    if let Some(entry) = keys.take("was") {
        entity.was = reader.one_or_more(&entry.value, "was");
    }
    entity.table = keys.take("table").and_then(|entry| reader.text(entry));
    entity.comment = keys.take("comment").and_then(|entry| reader.text(entry));
    reader.carried(&mut keys, "tenant", &mut entity.carried);
    entity.key = keys.take("key").and_then(|entry| primary_key(reader, entry));
    match keys.take("fields") {
        Some(fields) => {
            for entry in reader.named(&fields.value, "fields") {
                entity.fields.extend(field::read(reader, entry));
            }
        }
        None => {
            let message = format!("entity `{}` has no `fields`", entry.key);
            reader.error_help(entry.key_span, message, "write `fields:` and one field a line");
        }
    }
    parts(reader, &mut keys, &mut entity);
    tables(reader, &mut keys, &mut entity);
    if let Some(entry) = keys.left_entry("permissions") {
        entity.permissions = permissions::read(reader, &entry.value);
    }
    reader.carried(&mut keys, "permissions", &mut entity.carried);
    audit(reader, &mut keys, &mut entity);
    reader.finish(keys);
    Some(entity)
}

fn parts<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>, entity: &mut Entity) {
    if let Some(entry) = keys.take("unique") {
        for entry in reader.named(&entry.value, "unique") {
            entity.unique.extend(unique(reader, entry));
        }
    }
    if let Some(entry) = keys.take("indexes") {
        for entry in reader.named(&entry.value, "indexes") {
            entity.indexes.extend(index(reader, entry));
        }
    }
    if let Some(entry) = keys.take("foreign_keys") {
        for entry in reader.named(&entry.value, "foreign_keys") {
            entity.foreign_keys.extend(foreign_key(reader, entry));
        }
    }
    if let Some(entry) = keys.take("rules") {
        for entry in reader.named(&entry.value, "rules") {
            entity.rules.extend(rule(reader, entry));
        }
    }
    if let Some(entry) = keys.take("checks") {
        for entry in reader.named(&entry.value, "checks") {
            entity.checks.extend(raw_text(reader, entry));
        }
    }
    if let Some(entry) = keys.take("constraints") {
        for entry in reader.named(&entry.value, "constraints") {
            entity.constraints.extend(raw_text(reader, entry));
        }
    }
}

fn tables<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>, entity: &mut Entity) {
    if let Some(entry) = keys.take("postgres")
        && let Some(mut inner) = reader.keys(&entry.value, Context::EntityPostgres)
    {
        entity.postgres = PostgresTable {
            schema: inner.take("schema").and_then(|entry| reader.text(entry)),
            unlogged: inner.take("unlogged").and_then(|entry| reader.flag(entry)),
        };
        reader.finish(inner);
    }
    if let Some(entry) = keys.take("sqlite")
        && let Some(mut inner) = reader.keys(&entry.value, Context::EntitySqlite)
    {
        entity.sqlite = SqliteTable {
            strict: inner.take("strict").and_then(|entry| reader.flag(entry)),
            without_rowid: inner.take("without_rowid").and_then(|entry| reader.flag(entry)),
            autoincrement: inner.take("autoincrement").and_then(|entry| reader.flag(entry)),
        };
        reader.finish(inner);
    }
}

fn audit<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>, entity: &mut Entity) {
    if let Some(entry) = keys.left_entry("audit") {
        for word in reader.one_or_more(&entry.value, "audit") {
            if !["timestamps", "actor", "history"].contains(&word.as_str()) {
                let message = format!("`{word}` is not a kind of audit");
                reader.error_help(entry.value.span, message, "it is timestamps, actor or history");
            }
        }
    }
    reader.carried(keys, "audit", &mut entity.carried);
}

fn primary_key<'t>(reader: &mut Reader<'t>, entry: &'t Entry) -> Option<Key> {
    let place = reader.place(entry.value.span);
    if !matches!(entry.value.value, Value::Map(_)) {
        let fields = reader.one_or_more(&entry.value, "key");
        return Some(Key { fields, constraint: Default::default(), raw: Raw::default(), place });
    }
    let mut keys = reader.keys(&entry.value, Context::Key)?;
    let fields = keys.take("fields").map(|entry| reader.texts(&entry.value, "fields"));
    let name = keys.take("name");
    let constraint = reader.constraint_name(name);
    let raw = reader.raw(&mut keys);
    reader.finish(keys);
    let fields = required(reader, fields, entry, "key")?;
    Some(Key { fields, constraint, raw, place })
}

fn required<T>(
    reader: &mut Reader<'_>,
    fields: Option<Vec<T>>,
    entry: &Entry,
    what: &str,
) -> Option<Vec<T>> {
    if fields.is_none() {
        let message = format!("{what} `{}` has no `fields`", entry.key);
        reader.error_help(entry.key_span, message, "write `fields: [a, b]`");
    }
    fields
}

/// `name`, `name desc`, or an expression.
fn part_list(reader: &mut Reader<'_>, tree: &Tree, what: &str) -> Vec<Part> {
    let Value::List(items) = &tree.value else {
        reader.texts(tree, what);
        return Vec::new();
    };
    let mut parts = Vec::new();
    for item in items {
        let Some(text) = reader.text_of(item, what) else { continue };
        let trimmed = text.trim();
        let (body, order) = match trimmed.rsplit_once(' ') {
            Some((body, word)) if word.eq_ignore_ascii_case("desc") => (body, Order::Descending),
            Some((body, word)) if word.eq_ignore_ascii_case("asc") => (body, Order::Ascending),
            _ => (trimmed, Order::Ascending),
        };
        let is_field = body.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
        let text = if is_field {
            PartText::Field(body.to_owned())
        } else {
            PartText::Expression(reader.condition_of(item, body.to_owned()))
        };
        parts.push(Part { text, order, place: reader.place(item.span) });
    }
    parts
}

fn unique<'t>(reader: &mut Reader<'t>, entry: &'t Entry) -> Option<Unique> {
    let mut unique = Unique {
        name: entry.key.clone(),
        constraint: Default::default(),
        parts: Vec::new(),
        condition: None,
        raw: Raw::default(),
        place: reader.place(entry.key_span),
    };
    if !matches!(entry.value.value, Value::Map(_)) {
        unique.parts = part_list(reader, &entry.value, "unique");
        return Some(unique);
    }
    let mut keys = reader.keys(&entry.value, Context::Unique)?;
    let parts = keys.take("fields").map(|entry| part_list(reader, &entry.value, "fields"));
    unique.condition = keys.take("where").and_then(|entry| reader.condition(entry));
    let name = keys.take("name");
    unique.constraint = reader.constraint_name(name);
    unique.raw = reader.raw(&mut keys);
    reader.finish(keys);
    unique.parts = required(reader, parts, entry, "unique")?;
    Some(unique)
}

fn index<'t>(reader: &mut Reader<'t>, entry: &'t Entry) -> Option<Index> {
    let mut index = Index {
        name: entry.key.clone(),
        physical: None,
        parts: Vec::new(),
        condition: None,
        unique: false,
        postgres: IndexOverride::Same,
        sqlite: IndexOverride::Same,
        place: reader.place(entry.key_span),
    };
    if !matches!(entry.value.value, Value::Map(_)) {
        index.parts = part_list(reader, &entry.value, "indexes");
        return Some(index);
    }
    let mut keys = reader.keys(&entry.value, Context::Index)?;
    let parts = keys.take("fields").map(|entry| part_list(reader, &entry.value, "fields"));
    index.condition = keys.take("where").and_then(|entry| reader.condition(entry));
    index.unique = keys.take("unique").and_then(|entry| reader.flag(entry)).unwrap_or(false);
    index.physical = keys.take("name").and_then(|entry| reader.text(entry));
    index.postgres = index_override(reader, keys.take("postgres"));
    index.sqlite = index_override(reader, keys.take("sqlite"));
    reader.finish(keys);
    let raw = matches!(index.postgres, IndexOverride::Raw(_))
        || matches!(index.sqlite, IndexOverride::Raw(_));
    index.parts = match parts {
        None if raw => Vec::new(),
        parts => required(reader, parts, entry, "index")?,
    };
    Some(index)
}

fn index_override<'t>(reader: &mut Reader<'t>, entry: Option<&'t Entry>) -> IndexOverride {
    let Some(entry) = entry else { return IndexOverride::Same };
    if entry.value.as_text() == Some("skip") {
        return IndexOverride::Skip;
    }
    let Some(mut keys) = reader.keys(&entry.value, Context::IndexOverride) else {
        return IndexOverride::Same;
    };
    let using = keys.take("using").and_then(|entry| reader.text(entry));
    let create = keys.take("create").and_then(|entry| reader.text(entry));
    reader.finish(keys);
    match (using, create) {
        (Some(_), Some(_)) => {
            let message = "an index has `using` or `create`, not both";
            reader.error_help(entry.value.span, message, "put the method into the statement");
            IndexOverride::Same
        }
        (Some(method), None) => IndexOverride::Using(method),
        (None, Some(create)) => IndexOverride::Raw(create),
        (None, None) => IndexOverride::Same,
    }
}

fn rule<'t>(reader: &mut Reader<'t>, entry: &'t Entry) -> Option<Rule> {
    let place = reader.place(entry.key_span);
    if !matches!(entry.value.value, Value::Map(_)) {
        return Some(Rule {
            name: entry.key.clone(),
            constraint: Default::default(),
            check: reader.condition(entry)?,
            condition: None,
            enforce: None,
            message: None,
            beyond_row: false,
            place,
        });
    }
    let mut keys = reader.keys(&entry.value, Context::Rule)?;
    let check = keys.take("check").and_then(|entry| reader.condition(entry));
    let condition = keys.take("where").and_then(|entry| reader.condition(entry));
    let words =
        [("database", Enforce::Database), ("verify", Enforce::Verify), ("warn", Enforce::Warn)];
    let enforce = keys.take("enforce").and_then(|entry| reader.word(entry, &words));
    let message = keys.take("message").and_then(|entry| reader.text(entry));
    let name = keys.take("name");
    let constraint = reader.constraint_name(name);
    let had_check = check.is_some();
    reader.finish(keys);
    if !had_check {
        let message = format!("rule `{}` has no `check`", entry.key);
        reader.error_help(entry.key_span, message, "write `check: total >= 0`");
    }
    let name = entry.key.clone();
    let check = check?;
    Some(Rule { name, constraint, check, condition, enforce, message, beyond_row: false, place })
}

fn raw_text<'t>(reader: &mut Reader<'t>, entry: &'t Entry) -> Option<RawText> {
    let mut keys = reader.keys(&entry.value, Context::RawText)?;
    let name = keys.take("name");
    let constraint = reader.constraint_name(name);
    let raw = reader.raw(&mut keys);
    reader.finish(keys);
    if raw.is_empty() {
        let message = format!("`{}` has no text", entry.key);
        reader.error_help(entry.key_span, message, "write `postgres:`, `sqlite:` or both");
    }
    Some(RawText { name: entry.key.clone(), constraint, raw, place: reader.place(entry.key_span) })
}

fn foreign_key<'t>(reader: &mut Reader<'t>, entry: &'t Entry) -> Option<ForeignKey> {
    let mut keys = reader.keys(&entry.value, Context::ForeignKey)?;
    let fields = keys.take("fields").map(|entry| reader.texts(&entry.value, "fields"));
    let target = keys.take("ref").and_then(|entry| reader.text(entry));
    let to = keys.take("to").map(|entry| reader.texts(&entry.value, "to"));
    let on_delete = keys.take("on_delete").and_then(|entry| reader.word(entry, &ACTION_WORDS));
    let on_update = keys.take("on_update").and_then(|entry| reader.word(entry, &ACTION_WORDS));
    let name = keys.take("name");
    let constraint = reader.constraint_name(name);
    let raw = reader.raw(&mut keys);
    reader.finish(keys);
    if target.is_none() {
        let message = format!("foreign key `{}` has no `ref`", entry.key);
        reader.error_help(entry.key_span, message, "write `ref: Entity`");
    }
    Some(ForeignKey {
        name: entry.key.clone(),
        constraint,
        fields: required(reader, fields, entry, "foreign key")?,
        entity: target?,
        to: to.unwrap_or_default(),
        on_delete,
        on_update,
        raw,
        place: reader.place(entry.key_span),
    })
}
