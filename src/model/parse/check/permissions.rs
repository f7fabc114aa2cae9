//! Permissions: known roles, conditions that can be asked, and what people are likely to have overlooked.

use super::Findings;
use super::expressions::{Dropped, EntityScope, read};
use crate::expr::{Nullability, Scope, ValueType};
use crate::model::expression::Use;
use crate::model::{Condition, Entity, Field, FieldKind, Model, Operation, Permission, Who};
use crate::text::suggest::did_you_mean;

pub(super) fn check(model: &mut Model, findings: &mut Findings<'_>) {
    let view = model.clone();
    actor(&view, findings);
    for (entity, before) in model.entities.iter_mut().zip(&view.entities) {
        for permission in &mut entity.permissions {
            known_role(permission, &view, findings);
            if let Some(condition) = &mut permission.condition {
                ask(condition, before, &view, findings);
            }
        }
        twice(&entity.permissions, findings);
    }
    if view.entities.iter().all(|entity| entity.permissions.is_empty()) {
        return;
    }
    for entity in &view.entities {
        overlooked(entity, &view, findings);
    }
}

/// Reads a condition that may name who acts.
pub(super) fn ask(
    condition: &mut Condition,
    entity: &Entity,
    model: &Model,
    findings: &mut Findings<'_>,
) {
    let scope = ActorScope { rows: EntityScope { model, entity, dropped: Dropped::Gone } };
    read(condition, &scope, Use::PathRule, findings);
}

/// The fields of the row, and those of who acts.
struct ActorScope<'m> {
    rows: EntityScope<'m>,
}

impl ActorScope<'_> {
    fn is_actor(&self, path: &[String]) -> bool {
        path.first().is_some_and(|first| first.eq_ignore_ascii_case("actor"))
            && self.rows.entity.field("actor").is_none()
    }
}

impl Scope for ActorScope<'_> {
    fn field(&self, path: &[String]) -> Result<(ValueType, Nullability), String> {
        let model = self.rows.model;
        if self.is_actor(path) {
            let (entity, _) = model.actor().ok_or_else(|| {
                "`actor` is nobody: write `actor: { entity: User }` at the top".to_owned()
            })?;
            let of_actor = EntityScope { entity, ..self.rows };
            return match &path[1..] {
                [] => of_actor.field(&entity.key_fields()),
                rest => of_actor.field(rest),
            };
        }
        self.rows.field(path)
    }

    fn many(&self, name: &str) -> Option<String> {
        self.rows.many(name)
    }

    fn far_field(&self, many: &str, path: &[String]) -> Result<(ValueType, Nullability), String> {
        self.rows.far_field(many, path)
    }
}

fn actor(model: &Model, findings: &mut Findings<'_>) {
    let Some(carried) = model.carried.iter().find(|carried| carried.key == "actor") else { return };
    let span = carried.value.span;
    match model.actor() {
        None => {
            let message = "`actor` names no entity";
            findings.error(span, message, "write `actor: { entity: User, role: role }`");
        }
        Some((entity, Some(role))) if entity.field(role).is_none() => {
            findings.error(span, super::names::unknown_field(entity, role), "");
        }
        Some(_) => {}
    }
}

fn known_role(permission: &Permission, model: &Model, findings: &mut Findings<'_>) {
    let (roles, Who::Role(role)) = (model.roles(), &permission.who) else { return };
    if !roles.contains(role) {
        let names = roles.iter().map(String::as_str).chain(["any"]);
        let message = format!("`{role}` is not one of the roles{}", did_you_mean(role, names));
        let help = match roles.as_slice() {
            [] => "write `roles: [a, b]` at the top; `any` is every role".to_owned(),
            roles => format!("roles: {}; `any` is every role", roles.join(", ")),
        };
        findings.error(permission.place.span, message, help);
    }
}

fn twice(permissions: &[Permission], findings: &mut Findings<'_>) {
    for (at, permission) in permissions.iter().enumerate() {
        let same = |other: &Permission| {
            other.operation == permission.operation && other.who == permission.who
        };
        if permissions[..at].iter().any(same) {
            let (who, what) = (permission.who.name(), permission.operation.name());
            let message = format!("`{who}` is written twice in `{what}`");
            findings.error(permission.place.span, message, "join the conditions with OR");
        }
    }
}

/// What is allowed and of no use, or more than anybody meant.
fn overlooked(entity: &Entity, model: &Model, findings: &mut Findings<'_>) {
    if entity.permissions.is_empty() {
        let message =
            format!("`{}` says nothing of permissions, and other entities do", entity.name);
        let help = "nobody may do anything with it; write `permissions: { read: any }`, or who may";
        findings.warn(entity.place.span, message, help);
        return;
    }
    let reads = |role: &str| entity.permissions_of(Operation::Read, role).next().is_some();
    let mut told: Vec<&str> = Vec::new();
    for permission in &entity.permissions {
        let Who::Role(role) = &permission.who else { continue };
        if permission.operation != Operation::Read && !reads(role) && !told.contains(&role.as_str())
        {
            told.push(role);
            let what = permission.operation.name();
            let message = format!("`{role}` may {what} `{}` and not read it", entity.name);
            let help = format!("add `{role}` to `read`, or take it out here");
            findings.warn(permission.place.span, message, help);
        }
    }
    for field in &entity.fields {
        blind_transitions(entity, field, &reads, findings);
        personal(entity, field, model, findings);
    }
}

fn blind_transitions(
    entity: &Entity,
    field: &Field,
    reads: &dyn Fn(&str) -> bool,
    findings: &mut Findings<'_>,
) {
    let FieldKind::States { transitions, .. } = &field.kind else { return };
    for transition in transitions {
        for role in transition.by.iter().filter(|role| !reads(role)) {
            let message = format!(
                "transition `{}` is for `{role}`, who may not read `{}`",
                transition.name, entity.name
            );
            let help = format!("add `{role}` to `read`, or take it out of `by`");
            findings.warn(transition.place.span, message, help);
        }
    }
}

/// Personal data that everyone may read, whoever they are.
fn personal(entity: &Entity, field: &Field, model: &Model, findings: &mut Findings<'_>) {
    let kind = model.personal(field);
    let Some(kind) = kind else { return };
    let open = entity.permissions.iter().find(|it| {
        let is_open = it.operation == Operation::Read && it.who == Who::Any;
        let asks = |condition: &Condition| super::states::asks_who_acts(&condition.text, entity);
        is_open && !it.condition.as_ref().is_some_and(asks)
    });
    if let Some(open) = open {
        let message = format!(
            "`{}.{}` is personal data ({kind}), and everyone may read it",
            entity.name, field.name
        );
        let help = "name the roles that may read it, or ask who acts: `any: organization = actor.organization`";
        findings.warn(open.place.span, message, help);
    }
}
