//! State machines: whether each state can be reached, and whether each leads to an end.

use super::Findings;
use crate::model::graph::{ends, unreachable, without_end};
use crate::model::{Entity, Field, FieldKind, Model, Transition};
use crate::text::Dialect;
use crate::text::diagnostic::Severity;
use crate::text::suggest::did_you_mean;
use crate::text::token::tokenize;

pub(super) fn check(model: &Model, findings: &mut Findings<'_>) {
    let roles = model.roles();
    // What a mistake left out is not missing.
    let is_whole = findings.issues.iter().all(|issue| issue.severity != Severity::Error);
    for entity in &model.entities {
        for field in &entity.fields {
            let FieldKind::States { values, initial, transitions, .. } = &field.kind else {
                continue;
            };
            if transitions.is_empty() {
                continue;
            }
            for transition in transitions {
                by_known_roles(transition, &roles, findings);
                guard_is_asked(transition, entity, findings);
            }
            if is_whole {
                graph(entity, field, values, initial.as_deref(), transitions, findings);
            }
        }
    }
}

fn by_known_roles(transition: &Transition, roles: &[String], findings: &mut Findings<'_>) {
    if roles.is_empty() {
        return;
    }
    for role in transition.by.iter().filter(|role| !roles.contains(role)) {
        let hint = did_you_mean(role, roles.iter().map(String::as_str));
        let message = format!("`{role}` is not one of the roles{hint}");
        findings.error(transition.place.span, message, format!("roles: {}", roles.join(", ")));
    }
}

fn guard_is_asked(transition: &Transition, entity: &Entity, findings: &mut Findings<'_>) {
    let Some(when) = &transition.when else { return };
    if asks_who_acts(&when.text, entity) {
        let message = format!(
            "transition `{}` asks who acts, which no row says: the database does not hold `when`",
            transition.name
        );
        let help = "the states are held all the same; your application must ask it";
        findings.warn(when.place.span, message, help);
    }
}

/// States that no way leads to, and states from which no way leads to an end although there is one.
fn graph(
    entity: &Entity,
    field: &Field,
    states: &[String],
    initial: Option<&str>,
    transitions: &[Transition],
    findings: &mut Findings<'_>,
) {
    let list = |found: &[&str]| {
        let quoted: Vec<String> = found.iter().map(|state| format!("`{state}`")).collect();
        quoted.join(", ")
    };
    let title = format!("`{}.{}`", entity.name, field.name);
    let lost = unreachable(states, initial, transitions);
    if !lost.is_empty() {
        let message = format!("{title}: no transition leads to {}", list(&lost));
        let help = "add a transition, or take the state out of `states` (`was: { old: new }` moves its rows)";
        findings.warn(field.place.span, message, help);
    }
    let stuck = without_end(states, transitions);
    if !stuck.is_empty() {
        let message = format!("{title}: no way leads from {} to an end", list(&stuck));
        let ends: Vec<&str> = ends(states, transitions).collect();
        let help = format!(
            "states without a way out are {}; add a transition that leads there",
            list(&ends)
        );
        findings.warn(field.place.span, message, help);
    }
}

/// Whether a condition names `actor`, and the entity has no field of that name.
pub(super) fn asks_who_acts(text: &str, entity: &Entity) -> bool {
    let tokens: Vec<_> =
        tokenize(text, Dialect::Postgres).into_iter().filter(|token| token.is_code()).collect();
    let named = tokens.windows(2).any(|two| two[0].is_word("actor") && two[1].is_mark("."));
    named && entity.field("actor").is_none()
}
