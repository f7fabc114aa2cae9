//! Rules, backfills, generated columns, index expressions: parsed and typed against their entity.

use super::Findings;
use crate::catalog::rule::Enforce;
use crate::expr::{Nullability, Scope, ValueType};
use crate::model::expression::{self, Use};
use crate::model::{
    ChangeNote, Condition, Entity, Field, FieldKind, Model, PartText, Rule, field_named,
};
use crate::text::Dialect;
use crate::text::diagnostic::{Diagnostic, Span};
use crate::text::suggest::did_you_mean;
use crate::text::token::{Kind, tokenize};

pub(super) fn check(model: &mut Model, findings: &mut Findings<'_>) {
    let view = model.clone();
    for (entity, before) in model.entities.iter_mut().zip(&view.entities) {
        let scope = EntityScope { model: &view, entity: before, dropped: Dropped::Gone };
        let earlier = EntityScope { dropped: Dropped::There, ..scope };
        for field in &mut entity.fields {
            let target = value_type(&view, field).ok();
            // `down` fills the old column, whose type is not in this model.
            if let Some(condition) = &mut field.backfill {
                read(condition, &earlier, Use::Backfill(target.clone()), findings);
            }
            if let Some(condition) = &mut field.down {
                read(condition, &scope, Use::Backfill(None), findings);
            }
            if let Some(condition) = &mut field.using {
                let own = OwnValue { field: &field.name, earlier: field.from.as_ref() };
                // Computed twice, for what is kept and for what is written: it must be the same both times. What it gives
                // may be of the old type, and is cast as any value is.
                read(condition, &own, Use::Generated(None), findings);
            } else if let Some((_, text)) = &field.from {
                let message = format!("`from: {text}` is the type that `using` reads");
                findings.error(field.place.span, message, "add `using:`, or take `from` out");
            }
            if let Some(condition) = &mut field.generated {
                read(condition, &scope, Use::Generated(target), findings);
            }
            if let FieldKind::States { transitions, .. } = &mut field.kind {
                for when in transitions.iter_mut().filter_map(|it| it.when.as_mut()) {
                    guard(when, &scope, findings);
                }
            }
        }
        for unique in &mut entity.unique {
            for part in &mut unique.parts {
                if let PartText::Expression(condition) = &mut part.text {
                    read(condition, &scope, Use::Index, findings);
                }
            }
            if let Some(condition) = &mut unique.condition {
                read(condition, &scope, Use::RowRule, findings);
            }
        }
        for index in &mut entity.indexes {
            for part in &mut index.parts {
                if let PartText::Expression(condition) = &mut part.text {
                    read(condition, &scope, Use::Index, findings);
                }
            }
            if let Some(condition) = &mut index.condition {
                read(condition, &scope, Use::RowRule, findings);
            }
        }
        for rule in &mut entity.rules {
            check_rule(rule, before, &scope, findings);
        }
    }
    for note in &mut model.changes {
        dropped(note, &view, findings);
    }
}

/// What a dropped field gets on the way back, over the fields that its entity has by then.
fn dropped(note: &mut ChangeNote, model: &Model, findings: &mut Findings<'_>) {
    let said = note.clone();
    let (name, field) = said.target();
    let is_named = |entity: &&Entity| entity.name == name || entity.was.iter().any(|w| w == name);
    let entity = model.entities.iter().find(is_named);
    let place = said.place.span;
    match (field, entity, &mut note.down) {
        (None, _, Some(_)) => {
            let message = "`down` is the value of a field, and this is an entity";
            findings.error(place, message, "write `- drop: Entity.field`, or leave `down` out");
        }
        (Some(_), None, Some(_)) => {
            let message = "the entity is not here, and `down` would read its fields";
            findings.error(place, message, "leave `down` out: what goes is kept, and comes back");
        }
        (Some(_), Some(entity), Some(down)) => {
            let scope = EntityScope { model, entity, dropped: Dropped::Gone };
            let target = said.value_type.map(|(value_type, _)| value_type);
            read(down, &scope, Use::Backfill(target), findings);
        }
        (_, _, None) => {}
    }
}

/// What a transition asks of its row. Who acts is nothing that the row says.
fn guard(when: &mut Condition, scope: &EntityScope<'_>, findings: &mut Findings<'_>) {
    if super::states::asks_who_acts(&when.text, scope.entity) {
        super::permissions::ask(when, scope.entity, scope.model, findings);
        when.expr = None;
        return;
    }
    let many = |field: &&Field| matches!(field.kind, FieldKind::Many { .. });
    let named = tokenize(&when.text, Dialect::Postgres);
    let named = named.iter().filter_map(|token| token.name());
    let mut fields = named.filter_map(|name| field_named(&scope.entity.fields, &name));
    if let Some(field) = fields.find(many) {
        let message = format!("`{}` is many rows, and a transition asks its own row", field.name);
        let help = "ask this row, or a row it refers to; a rule with `enforce: verify` can look at many rows";
        findings.error(when.place.span, message, help);
        return;
    }
    read(when, scope, Use::PathRule, findings);
}

fn check_rule(rule: &mut Rule, entity: &Entity, scope: &EntityScope<'_>, f: &mut Findings<'_>) {
    rule.beyond_row = looks_beyond(&rule.check.text, entity)
        || rule.condition.as_ref().is_some_and(|c| looks_beyond(&c.text, entity));
    if rule.beyond_row && matches!(rule.enforce, None | Some(Enforce::Database)) {
        let message =
            format!("rule `{}` looks beyond its row, so no constraint can hold it", rule.name);
        f.error(rule.check.place.span, message, "add `enforce: verify`");
        return;
    }
    let purpose = if rule.beyond_row { Use::PathRule } else { Use::RowRule };
    read(&mut rule.check, scope, purpose.clone(), f);
    if let Some(condition) = &mut rule.condition {
        read(condition, scope, purpose, f);
    }
}

/// Whether the text names the far side of a relationship, or goes over a reference.
fn looks_beyond(text: &str, entity: &Entity) -> bool {
    let tokens: Vec<_> =
        tokenize(text, Dialect::Postgres).into_iter().filter(|token| token.is_code()).collect();
    tokens.iter().enumerate().any(|(at, token)| {
        let field =
            (token.kind == Kind::Word).then(|| field_named(&entity.fields, token.text)).flatten();
        match field.map(|field| &field.kind) {
            Some(FieldKind::Many { .. }) => true,
            Some(FieldKind::Ref { .. }) => tokens.get(at + 1).is_some_and(|next| next.is_mark(".")),
            Some(FieldKind::Value { .. } | FieldKind::Enum { .. } | FieldKind::States { .. })
            | None => false,
        }
    })
}

pub(super) fn read(
    condition: &mut Condition,
    scope: &dyn Scope,
    purpose: Use,
    f: &mut Findings<'_>,
) {
    match expression::check(&condition.text, scope, &purpose) {
        Ok(expr) => condition.expr = Some(expr),
        Err(errors) => {
            for error in errors {
                let mut finding = Diagnostic::error(place(condition, error.span), error.message);
                finding.help = error.help;
                f.issues.push(finding);
            }
        }
    }
}

/// The place of an error in the file: exact where the expression stands there as it is, else all of it.
fn place(condition: &Condition, span: Span) -> Span {
    let whole = condition.place.span;
    if whole.end - whole.start != condition.text.len() || span.end > condition.text.len() {
        return whole;
    }
    Span { start: whole.start + span.start, end: whole.start + span.end }
}

/// The fields an expression of an entity may name.
#[derive(Clone, Copy)]
pub(in crate::model) struct EntityScope<'m> {
    pub(in crate::model) model: &'m Model,
    pub(in crate::model) entity: &'m Entity,
    pub(in crate::model) dropped: Dropped,
}

/// Whether an expression is asked while the fields under `changes: - drop:` are still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model) enum Dropped {
    There,
    Gone,
}

impl Scope for EntityScope<'_> {
    fn field(&self, path: &[String]) -> Result<(ValueType, Nullability), String> {
        let mut entity = self.entity;
        let mut nullability = Nullability::NotNull;
        for (index, name) in path.iter().enumerate() {
            let fields = entity.all_fields();
            let Some(field) = field_named(&fields, name) else {
                return match self.model.dropped_field(entity, name) {
                    Some(note) if self.dropped == Dropped::There && index + 1 == path.len() => {
                        let value = note.value_type.as_ref().map(|(value, _)| value.clone());
                        Ok((value.unwrap_or(ValueType::Text), Nullability::Nullable))
                    }
                    Some(_) => {
                        Err(format!("`{}.{name}` is dropped, and gone by then", entity.name))
                    }
                    None => {
                        let goes = self.model.dropped_fields(entity).map(|(_, field)| field);
                        let goes = goes.filter(|_| self.dropped == Dropped::There);
                        let names = fields.iter().map(|field| field.name.as_str()).chain(goes);
                        let hint = did_you_mean(name, names);
                        Err(format!("no field `{name}` in `{}`{hint}", entity.name))
                    }
                };
            };
            if field.optional && !entity.key_fields().contains(&field.name) {
                nullability = Nullability::Nullable;
            }
            if index + 1 == path.len() {
                return Ok((value_type(self.model, field)?, nullability));
            }
            entity = match &field.kind {
                FieldKind::Ref { entity: target, .. } => self
                    .model
                    .entity(target)
                    .ok_or_else(|| format!("`{name}` refers to no entity"))?,
                FieldKind::Value { .. }
                | FieldKind::Enum { .. }
                | FieldKind::States { .. }
                | FieldKind::Many { .. } => {
                    return Err(format!("`{name}` refers to no other entity"));
                }
            };
        }
        Err("an empty path".to_owned())
    }

    fn many(&self, name: &str) -> Option<String> {
        let field = field_named(&self.entity.fields, name)?;
        matches!(field.kind, FieldKind::Many { .. }).then(|| field.name.clone())
    }

    fn far_field(&self, many: &str, path: &[String]) -> Result<(ValueType, Nullability), String> {
        let field = field_named(&self.entity.fields, many).map(|field| &field.kind);
        let Some(FieldKind::Many { entity, .. }) = field else {
            return Err(format!("`{many}` is no relationship to many rows"));
        };
        let entity =
            self.model.entity(entity).ok_or_else(|| format!("`{many}` refers to no entity"))?;
        EntityScope { entity, ..*self }.field(path)
    }
}

/// What `using` may name: the field itself, of the type that it had.
struct OwnValue<'m> {
    field: &'m str,
    earlier: Option<&'m (ValueType, String)>,
}

impl Scope for OwnValue<'_> {
    fn field(&self, path: &[String]) -> Result<(ValueType, Nullability), String> {
        match path {
            [name] if name == self.field => {
                let earlier = self.earlier.map_or(ValueType::Text, |(known, _)| known.clone());
                Ok((earlier, Nullability::Nullable))
            }
            _ => Err(format!("`using` reads the old value of `{}` and nothing else", self.field)),
        }
    }

    fn many(&self, _: &str) -> Option<String> {
        None
    }

    fn far_field(&self, many: &str, _: &[String]) -> Result<(ValueType, Nullability), String> {
        Err(format!("`{many}` is no relationship to many rows"))
    }
}

fn value_type(model: &Model, field: &Field) -> Result<ValueType, String> {
    match &field.kind {
        FieldKind::Value { value_type, .. } => Ok(value_type.clone()),
        FieldKind::Enum { values, .. } | FieldKind::States { values, .. } => {
            Ok(ValueType::Enum(values.clone()))
        }
        FieldKind::Ref { entity, .. } => key_type(model, entity, 0)
            .ok_or_else(|| format!("`{}` refers to an entity without a key", field.name)),
        FieldKind::Many { .. } => Err(format!("`{}` is many rows, not a value", field.name)),
    }
}

/// The type of an entity's only key field, over keys that are references themselves.
fn key_type(model: &Model, entity: &str, depth: usize) -> Option<ValueType> {
    let entity = model.entity(entity)?;
    let keys = entity.key_fields();
    let [name] = keys.as_slice() else { return None };
    match &entity.field(name)?.kind {
        FieldKind::Value { value_type, .. } => Some(value_type.clone()),
        FieldKind::Enum { values, .. } | FieldKind::States { values, .. } => {
            Some(ValueType::Enum(values.clone()))
        }
        FieldKind::Ref { entity, .. } if depth < 8 => key_type(model, entity, depth + 1),
        FieldKind::Ref { .. } | FieldKind::Many { .. } => None,
    }
}
