//! The top of a model file: header, types, SQL objects, changes.

use super::changes;
use super::entity;
use super::field::{facets, overrides};
use super::reader::{Keys, Reader};
use crate::catalog::OpaqueKind;
use crate::model::keys::Context;
use crate::model::tree::{Entry, Tree, Value};
use crate::model::{
    Facets, Model, NamedType, NamelessByDefault, Override, SqlObject, SqlText, Target, expression,
};
use crate::text::Dialect;
use crate::text::suggest::did_you_mean;

pub(super) fn read<'t>(reader: &mut Reader<'t>, root: &'t Tree, model: &mut Model) {
    let Some(mut keys) = reader.keys(root, Context::Model) else { return };
    header(reader, &mut keys, model);
    if let Some(entry) = keys.take("types") {
        for entry in reader.named(&entry.value, "types") {
            if let Some(named) = named_type(reader, entry) {
                model.types.push(named);
            }
        }
    }
    if let Some(entry) = keys.take("entities") {
        for entry in reader.named(&entry.value, "entities") {
            if let Some(first) = model.entities.iter().find(|known| known.name == entry.key) {
                let line = first.place.line;
                let message =
                    format!("entity `{}` is defined twice; first on line {line}", entry.key);
                reader.error(entry.key_span, message);
            } else if let Some(entity) = entity::read(reader, entry) {
                model.entities.push(entity);
            }
        }
    }
    if let Some(entry) = keys.take("sql") {
        for entry in reader.named(&entry.value, "sql") {
            if let Some(object) = sql_object(reader, entry) {
                model.sql.push(object);
            }
        }
    }
    if let Some(entry) = keys.take("changes") {
        changes::read(reader, entry, model);
    }
    reader.finish(keys);
}

fn header<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>, model: &mut Model) {
    if let Some(entry) = keys.take("model")
        && reader.text(entry).is_some_and(|version| version != "1")
    {
        reader.error_help(
            entry.value.span,
            format!("format version `{}` is not known", entry.value.as_text().unwrap_or("")),
            "this program reads `model: 1`",
        );
    }
    if let Some(name) = keys.take("name").and_then(|entry| reader.text(entry)) {
        model.name = name;
    }
    if let Some(entry) = keys.take("targets") {
        targets(reader, entry, model);
    }
    if let Some(entry) = keys.take("sqlite")
        && let Some(mut inner) = reader.keys(&entry.value, Context::ModelSqlite)
    {
        let names = inner.take("constraint_names").and_then(|entry| reader.flag(entry));
        if names == Some(false) {
            model.sqlite_constraint_names = NamelessByDefault::Nameless;
        }
        reader.finish(inner);
    }
    if let Some(entry) = keys.left_entry("roles") {
        reader.texts(&entry.value, "roles");
    }
    reader.carried(keys, "roles", &mut model.carried);
    reader.carried(keys, "actor", &mut model.carried);
}

fn targets(reader: &mut Reader<'_>, entry: &Entry, model: &mut Model) {
    let Value::List(items) = &entry.value.value else {
        reader.texts(&entry.value, "targets");
        return;
    };
    for item in items {
        let Some(text) = reader.text_of(item, "targets") else { continue };
        let (name, minimum) = match text.split_once(">=") {
            Some((name, minimum)) => (name.trim(), Some(minimum.trim().to_owned())),
            None => (text.trim(), None),
        };
        match name.parse::<Dialect>() {
            Ok(dialect) => model.targets.push(Target { dialect, minimum }),
            Err(_) => {
                let hint = did_you_mean(name, ["postgres", "sqlite"]);
                reader.error_help(
                    item.span,
                    format!("unknown engine `{name}`{hint}"),
                    "write `postgres >= 13` or `sqlite >= 3.38`",
                );
            }
        }
    }
}

fn named_type<'t>(reader: &mut Reader<'t>, entry: &'t Entry) -> Option<NamedType> {
    let mut keys = reader.keys(&entry.value, Context::NamedType)?;
    let Some(base) = keys.take("base") else {
        let help = "write `base: text`, or another portable type";
        reader.error_help(entry.key_span, format!("type `{}` has no `base`", entry.key), help);
        return None;
    };
    let base_text = reader.text(base)?;
    let value_type = match expression::value_type(&base_text) {
        Ok(value_type) => value_type,
        Err(message) => {
            reader.error(base.value.span, message);
            return None;
        }
    };
    let mut named = NamedType {
        name: entry.key.clone(),
        base: value_type,
        base_text,
        facets: Facets::default(),
        postgres: Override::default(),
        sqlite: Override::default(),
        carried: Vec::new(),
        place: reader.place(entry.key_span),
    };
    named.facets = facets(reader, &mut keys);
    (named.postgres, named.sqlite) = overrides(reader, &mut keys);
    reader.carried(&mut keys, "pii", &mut named.carried);
    reader.finish(keys);
    Some(named)
}

fn sql_object<'t>(reader: &mut Reader<'t>, entry: &'t Entry) -> Option<SqlObject> {
    let mut keys = reader.keys(&entry.value, Context::SqlObject)?;
    let words = OpaqueKind::ALL.map(|kind| (kind.word(), kind));
    let kind = match keys.take("kind") {
        Some(kind) => reader.word(kind, &words),
        None => {
            let message = format!("SQL object `{}` has no `kind`", entry.key);
            reader.error_help(
                entry.key_span,
                message,
                format!("one of {}", OpaqueKind::WORDS.join(", ")),
            );
            None
        }
    };
    let mut text =
        |reader: &mut Reader<'t>, key: &str| keys.take(key).and_then(|entry| reader.text(entry));
    let on = text(reader, "table");
    let signature = text(reader, "signature");
    let schema = text(reader, "schema");
    let physical = text(reader, "name");
    let after = keys.take("after").map(|entry| reader.one_or_more(&entry.value, "after"));
    let any = keys.take("any").and_then(|entry| sql_text(reader, entry));
    let postgres = keys.take("postgres").and_then(|entry| sql_text(reader, entry));
    let sqlite = keys.take("sqlite").and_then(|entry| sql_text(reader, entry));
    reader.finish(keys);
    if any.is_none() && postgres.is_none() && sqlite.is_none() {
        let message = format!("SQL object `{}` has no text", entry.key);
        reader.error_help(entry.key_span, message, "write `any:`, `postgres:` or `sqlite:`");
    }
    Some(SqlObject {
        name: entry.key.clone(),
        kind: kind?,
        after: after.unwrap_or_default(),
        on,
        signature,
        schema,
        physical,
        any,
        postgres,
        sqlite,
        place: reader.place(entry.key_span),
    })
}

fn sql_text<'t>(reader: &mut Reader<'t>, entry: &'t Entry) -> Option<SqlText> {
    if entry.value.as_text().is_some() {
        return Some(SqlText { up: vec![reader.text(entry)?], down: None });
    }
    let mut keys = reader.keys(&entry.value, Context::SqlText)?;
    let up = keys.take("up").map(|entry| reader.one_or_more(&entry.value, "up"));
    let down = keys.take("down").and_then(|entry| reader.text(entry));
    reader.finish(keys);
    match up {
        Some(up) => Some(SqlText { up, down }),
        None => {
            reader.error_help(
                entry.key_span,
                "there is no `up`",
                "write the CREATE statement there",
            );
            None
        }
    }
}
