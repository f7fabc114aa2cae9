//! What differs in who may do what, and in what is personal, in the words of the domain. No statement follows from it, so
//! it is compared between the models themselves.

use std::collections::BTreeSet;

use super::machines::by_changed;
use crate::model::{Entity, Field, FieldKind, Model, Permission, Who};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessChange {
    pub line: String,
    pub reach: Reach,
}

/// Whether somebody may do more than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Wider,
    /// Another condition: who says which of the two lets more rows through?
    Unclear,
    NotWider,
}

/// Every difference, in the order of the new model.
pub fn differences(before: &Model, after: &Model) -> Vec<AccessChange> {
    let mut changes = Vec::new();
    roles(before, after, &mut changes);
    for entity in &after.entities {
        let old = before
            .entity(&entity.name)
            .or_else(|| entity.was.iter().find_map(|name| before.entity(name)));
        permissions(old, entity, &mut changes);
        for field in &entity.fields {
            let old_field = old.and_then(|old| {
                let names = std::iter::once(&field.name).chain(&field.was);
                names.into_iter().find_map(|name| old.field(name))
            });
            personal(before, old_field, after, (entity, field), &mut changes);
            if let Some(old_field) = old_field {
                transitions(old_field, entity, field, &mut changes);
            }
        }
    }
    changes
}

fn roles(before: &Model, after: &Model, changes: &mut Vec<AccessChange>) {
    let (old, new) = (before.roles(), after.roles());
    let mut tell = |mark: &str, role: &String| {
        changes.push(AccessChange { line: format!("{mark} role {role}"), reach: Reach::NotWider });
    };
    new.iter().filter(|role| !old.contains(role)).for_each(|role| tell("+", role));
    old.iter().filter(|role| !new.contains(role)).for_each(|role| tell("-", role));
}

fn permissions(old: Option<&Entity>, new: &Entity, changes: &mut Vec<AccessChange>) {
    let none = Vec::new();
    let before = old.map_or(&none, |old| &old.permissions);
    let same = |left: &Permission, right: &Permission| {
        left.operation == right.operation && left.who == right.who
    };
    // Until an entity says anything, nothing is said of it; a new one takes nothing from anybody.
    let is_first = before.is_empty();
    for permission in &new.permissions {
        let (who, what) = (permission.who.said(), permission.operation.name());
        let condition = conditioned(permission);
        let name = &new.name;
        let now = if is_first { "" } else { " now" };
        let found = before.iter().find(|other| same(other, permission));
        let (line, reach) = match found {
            Some(other) if other.told() == permission.told() => continue,
            None => {
                let reach = match is_first || is_covered(permission, before) {
                    true => Reach::NotWider,
                    false => Reach::Wider,
                };
                (format!("+ {who} may{now} {what} {name}{condition}"), reach)
            }
            Some(other) => {
                let was = conditioned(other);
                match (other.condition.is_some(), permission.condition.is_some()) {
                    (_, false) => (
                        format!("~ {who} may now {what} every {name}, not only{was}"),
                        Reach::Wider,
                    ),
                    (false, true) => {
                        (format!("~ {who} may {what} {name} only{condition}"), Reach::NotWider)
                    }
                    (true, true) => (
                        format!("~ {who} may {what} {name}{condition}, not{was}"),
                        reach_of(other, permission),
                    ),
                }
            }
        };
        changes.push(AccessChange { line, reach });
    }
    let gone = before.iter().filter(|other| !new.permissions.iter().any(|it| same(it, other)));
    for permission in gone {
        let (who, what) = (permission.who.said(), permission.operation.name());
        let line = format!("- {who} may no longer {what} {}{}", new.name, conditioned(permission));
        // Where nothing is left, nothing is said any more: the application decides.
        let reach = if new.permissions.is_empty() { Reach::Unclear } else { Reach::NotWider };
        changes.push(AccessChange { line, reach });
    }
}

/// Whether every role might do it already.
fn is_covered(permission: &Permission, before: &[Permission]) -> bool {
    before.iter().any(|other| {
        other.operation == permission.operation
            && other.who == Who::Any
            && (other.condition.is_none() || other.told() == permission.told())
    })
}

/// A condition that only got more or fewer parts.
fn reach_of(old: &Permission, new: &Permission) -> Reach {
    use crate::expr::{BinaryOp, Expr};
    fn parts(expr: &Expr) -> Vec<&Expr> {
        match expr {
            Expr::Binary(left, BinaryOp::And, right) => [parts(left), parts(right)].concat(),
            other => vec![other],
        }
    }
    let expr = |it: &'_ Permission| it.condition.as_ref().and_then(|it| it.expr.clone());
    let (Some(old), Some(new)) = (expr(old), expr(new)) else { return Reach::Unclear };
    let (old, new) = (parts(&old), parts(&new));
    if old.iter().all(|part| new.contains(part)) {
        return Reach::NotWider;
    }
    match new.iter().all(|part| old.contains(part)) {
        true => Reach::Wider,
        false => Reach::Unclear,
    }
}

fn conditioned(permission: &Permission) -> String {
    match permission.told().as_str() {
        "" => String::new(),
        text => format!(" where {text}"),
    }
}

fn personal(
    before: &Model,
    old: Option<&Field>,
    after: &Model,
    (entity, field): (&Entity, &Field),
    changes: &mut Vec<AccessChange>,
) {
    let was = old.and_then(|old| before.personal(old));
    let is = after.personal(field);
    let title = format!("{}.{}", entity.name, field.name);
    let line = match (was, is) {
        (None, Some(kind)) => format!("+ {title} is personal data ({kind})"),
        (Some(kind), None) => format!("- {title} is no longer personal data ({kind})"),
        (Some(old), Some(new)) if old != new => {
            format!("~ {title} is personal data ({new}, not {old})")
        }
        _ => return,
    };
    // A mark that is taken away takes masks away.
    let reach = if is.is_none() { Reach::Wider } else { Reach::NotWider };
    changes.push(AccessChange { line, reach });
}

fn transitions(old: &Field, entity: &Entity, new: &Field, changes: &mut Vec<AccessChange>) {
    let (
        FieldKind::States { transitions: before, .. },
        FieldKind::States { transitions: after, .. },
    ) = (&old.kind, &new.kind)
    else {
        return;
    };
    for transition in after {
        let Some(other) = before.iter().find(|it| it.name == transition.name) else { continue };
        let (was, is): (BTreeSet<&String>, BTreeSet<&String>) =
            (other.by.iter().collect(), transition.by.iter().collect());
        let is_wider = match (was.is_empty(), is.is_empty()) {
            (true, _) => false,
            (false, true) => true,
            (false, false) => !is.is_subset(&was),
        };
        let reach = if is_wider { Reach::Wider } else { Reach::NotWider };
        let title = format!("{}.{}", entity.name, new.name);
        changes.extend(by_changed(&other.by, &transition.by).into_iter().map(|words| {
            AccessChange {
                line: format!("~ {title}: transition {} {words}", transition.name),
                reach,
            }
        }));
    }
}
