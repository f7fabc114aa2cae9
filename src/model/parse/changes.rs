//! `changes:`: what goes, and what moves.

use super::reader::{Keys, Reader};
use crate::expr::ValueType;
use crate::model::keys::Context;
use crate::model::tree::{Entry, Tree, Value};
use crate::model::{ChangeNote, FieldName, KeepNote, Model, MoveNote, PickNote, expression};

pub(super) fn read<'t>(reader: &mut Reader<'t>, entry: &'t Entry, model: &mut Model) {
    let Value::List(items) = &entry.value.value else {
        if !entry.value.is_empty() {
            let message = format!("`changes` is a list, this is {}", entry.value.kind());
            let help = "begin each line with `- drop:` or `- move:`";
            reader.error_help(entry.value.span, message, help);
        }
        return;
    };
    for item in items {
        if let Some(note) = change(reader, item) {
            model.changes.push(note);
        }
    }
}

fn change<'t>(reader: &mut Reader<'t>, item: &'t Tree) -> Option<ChangeNote> {
    let mut keys = reader.keys(item, Context::Change)?;
    let span = keys.span;
    let goes = match (keys.take("drop"), keys.take("move")) {
        (Some(_), Some(both)) => {
            let message = "what moves is not dropped";
            reader.error_help(both.key_span, message, "write one of `drop:` and `move:`");
            None
        }
        (None, None) => {
            let message = "this change says nothing to drop or to move";
            let help =
                "write `- drop: Entity.field`, or `- move: Entity.field` with `to: Other.field`";
            reader.error_help(span, message, help);
            None
        }
        (Some(entry), None) => {
            for key in ["to", "by", "pick"] {
                if let Some(stray) = keys.take(key) {
                    let message = format!("`{key}` is said of what moves");
                    reader.error_help(
                        stray.key_span,
                        message,
                        "write `- move:` in place of `- drop:`",
                    );
                }
            }
            Some((entry, None))
        }
        (None, Some(entry)) => moved(reader, &mut keys, entry).map(|moved| (entry, Some(moved))),
    };
    let down = keys.take("down").and_then(|entry| reader.condition(entry));
    let value_type = keys.take("type").and_then(|entry| earlier_type(reader, entry));
    let reason = keys.take("reason").and_then(|entry| reader.text(entry));
    let keep = keys
        .take("keep")
        .and_then(|entry| {
            let words = [
                ("none", KeepNote::Discarded),
                ("copy", KeepNote::Copied),
                ("hide", KeepNote::Hidden),
            ];
            reader.word(entry, &words)
        })
        .unwrap_or_default();
    reader.finish(keys);
    let (entry, moved) = goes?;
    let drop = reader.text(entry)?;
    let is_of_a_field = moved.is_none() && drop.contains('.');
    if matches!(keep, KeepNote::Copied | KeepNote::Hidden) && !is_of_a_field {
        let message = "how values are kept is said of a field that is dropped";
        let help = "leave `keep:` out: a table is kept as a whole, and what moves is copied";
        reader.error_help(entry.value.span, message, help);
    }
    let place = reader.place(entry.value.span);
    Some(ChangeNote { drop, moved, value_type, down, reason, keep, place })
}

fn moved<'t>(reader: &mut Reader<'t>, keys: &mut Keys<'t>, from: &'t Entry) -> Option<MoveNote> {
    let (to, by, pick) = (keys.take("to"), keys.take("by"), keys.take("pick"));
    // All of them are read, so that all mistakes are told.
    let giver = field_name(reader, from);
    let receiver = match to {
        Some(entry) => field_name(reader, entry),
        None => {
            let message = "this move does not say where to";
            reader.error_help(from.key_span, message, "add `to: Other.field`");
            None
        }
    };
    let by = by.map(|entry| field_name(reader, entry));
    let pick = pick.map(|entry| pick_note(reader, entry));
    giver?;
    Some(MoveNote {
        to: receiver?,
        by: by.map_or(Some(None), |by| by.map(Some))?,
        pick: pick.unwrap_or(Some(PickNote::Agreed))?,
    })
}

fn field_name(reader: &mut Reader<'_>, entry: &Entry) -> Option<FieldName> {
    let text = reader.text(entry)?;
    match text.split_once('.') {
        Some((entity, field)) if !entity.is_empty() && !field.is_empty() => Some(FieldName {
            entity: entity.to_owned(),
            field: field.to_owned(),
            place: reader.place(entry.value.span),
        }),
        _ => {
            let message = format!("`{text}` names no field of an entity");
            reader.error_help(entry.value.span, message, "write `Entity.field`");
            None
        }
    }
}

fn pick_note(reader: &mut Reader<'_>, entry: &Entry) -> Option<PickNote> {
    let text = reader.text(entry)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["min"] => Some(PickNote::Least),
        ["max"] => Some(PickNote::Greatest),
        ["first", "by", field] => Some(PickNote::First((*field).to_owned())),
        ["last", "by", field] => Some(PickNote::Last((*field).to_owned())),
        _ => {
            let message = format!("`{text}` picks no row");
            let help = "write `min`, `max`, `first by field` or `last by field`";
            reader.error_help(entry.value.span, message, help);
            None
        }
    }
}

/// The type that a field had.
pub(super) fn earlier_type(reader: &mut Reader<'_>, entry: &Entry) -> Option<(ValueType, String)> {
    let text = reader.text(entry)?;
    match expression::value_type(&text) {
        Ok(value_type) => Some((value_type, text)),
        Err(message) => {
            reader.error(entry.value.span, message);
            None
        }
    }
}
