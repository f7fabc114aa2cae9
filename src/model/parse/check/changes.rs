//! What goes is gone, what moves has a place to go to and a reference to go over.

use super::Findings;
use super::names::{unknown_entity, unknown_field};
use crate::model::{ChangeNote, Entity, FieldKind, FieldName, Model, MoveNote, PickNote};

pub(super) fn check(model: &Model, findings: &mut Findings<'_>) {
    for change in &model.changes {
        let (entity, field) = change.target();
        let there = match (model.entity(entity), field) {
            // A value may make way for a reference of its name, whose column has another.
            (Some(entity), Some(name)) if change.moved.is_some() => {
                entity.field(name).is_some_and(|field| field.column_name().as_deref() == Some(name))
            }
            (Some(entity), Some(field)) => entity.field(field).is_some(),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if there {
            let what = if change.moved.is_some() { "move" } else { "be dropped" };
            let message = format!("`{}` is to {what} and is still there", change.drop);
            findings.error(change.place.span, message, "remove it above, or remove this line");
        }
        if let Some(moved) = &change.moved {
            check_move(change, moved, model, findings);
        }
    }
}

fn check_move(change: &ChangeNote, moved: &MoveNote, model: &Model, findings: &mut Findings<'_>) {
    let span = change.place.span;
    let (name, _) = change.target();
    if let Some((near, far)) = joined(&moved.to, model) {
        if name != near && name != far {
            let message = format!("`{}.{}` joins `{near}` and `{far}`", near, moved.to.field);
            let help =
                format!("move a reference of `{near}` to `{far}`, or of `{far}` to `{near}`");
            findings.error(moved.to.place.span, message, help);
        }
        return;
    }
    let receiver = field(&moved.to, model, findings);
    let Some(giver) = model.entity(name) else {
        // The entity goes, and the reference to it: only the schema before tells of them.
        return;
    };
    let by = moved.by.as_ref().map(|by| (by, field(by, model, findings)));
    let Some(receiver) = receiver else { return };
    if giver.name == receiver.name {
        let message = format!("`{}` stays in `{name}`: that is no move", change.drop);
        let help = "give the new field a `backfill:`, and write `- drop:` with a `down:`; what a join table held moves by \
                    the name of that table: `move: order_tags.tag`";
        findings.error(span, message, help);
        return;
    }
    let found = references(giver, receiver);
    let names: Vec<String> =
        found.iter().map(|(entity, field)| format!("`by: {}.{field}`", entity.name)).collect();
    let holder = match (by, found.as_slice()) {
        (Some((_, None)), _) => return,
        (Some((by, Some(_))), found) => {
            let meant = found.iter().find(|(e, field)| e.name == by.entity && *field == by.field);
            if meant.is_none() {
                let message = format!(
                    "`{}.{}` is no reference between `{}` and `{}`",
                    by.entity, by.field, giver.name, receiver.name
                );
                findings.error(by.place.span, message, names.join(", or "));
            }
            meant
        }
        (None, [one]) => Some(one),
        (None, []) => {
            let message =
                format!("there is no reference between `{}` and `{}`", giver.name, receiver.name);
            let help = "a value moves over a reference that one of the two has";
            findings.error(moved.to.place.span, message, help);
            None
        }
        (None, [_, ..]) => {
            let message = format!(
                "there are several references between `{}` and `{}`",
                giver.name, receiver.name
            );
            findings.error(moved.to.place.span, message, format!("add {}", names.join(", or ")));
            None
        }
    };
    if let (Some((holder, _)), PickNote::First(by) | PickNote::Last(by)) = (holder, &moved.pick)
        && holder.field(by).is_none_or(|field| field.column_name().is_none())
    {
        let help = "name a field of the entity that has the reference";
        findings.error(span, unknown_field(holder, by), help);
    }
}

/// The two entities that a relationship of many to many joins.
fn joined<'m>(name: &'m FieldName, model: &'m Model) -> Option<(&'m str, &'m str)> {
    let entity = model.entity(&name.entity)?;
    match &entity.fields.iter().find(|field| field.name == name.field)?.kind {
        FieldKind::Many { entity: far, through: Some(_), .. } => Some((&entity.name, far)),
        FieldKind::Many { .. }
        | FieldKind::Ref { .. }
        | FieldKind::Value { .. }
        | FieldKind::Enum { .. }
        | FieldKind::States { .. } => None,
    }
}

/// The entity of a field that has a column.
fn field<'m>(
    name: &FieldName,
    model: &'m Model,
    findings: &mut Findings<'_>,
) -> Option<&'m Entity> {
    let Some(entity) = model.entity(&name.entity) else {
        findings.error(name.place.span, unknown_entity(model, &name.entity), "");
        return None;
    };
    match entity.field(&name.field).map(|field| field.column_name()) {
        Some(Some(_)) => Some(entity),
        Some(None) => {
            let message = format!("`{}` is many rows, and has no column", name.field);
            findings.error(name.place.span, message, "name a field with a column");
            None
        }
        None => {
            findings.error(name.place.span, unknown_field(entity, &name.field), "");
            None
        }
    }
}

/// The references between two entities, by the entity that has them.
pub(in crate::model) fn references<'m>(
    left: &'m Entity,
    right: &'m Entity,
) -> Vec<(&'m Entity, &'m str)> {
    let of = |holder: &'m Entity, other: &'m Entity| {
        holder.fields.iter().filter_map(move |field| match &field.kind {
            FieldKind::Ref { entity, .. } if *entity == other.name => {
                Some((holder, field.name.as_str()))
            }
            FieldKind::Ref { .. }
            | FieldKind::Value { .. }
            | FieldKind::Enum { .. }
            | FieldKind::States { .. }
            | FieldKind::Many { .. } => None,
        })
    };
    of(left, right).chain(of(right, left)).collect()
}
