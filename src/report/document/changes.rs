//! What changes, in the words of the domain: entities, fields, rules, states, permissions. One sentence a change.

use serde::Serialize;

use super::picture::{
    Entity, Field, Mark, Picture, Sides, States, Transition, entities, fields, named,
};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub mark: Mark,
    /// What it is a change of: `entity`, `field`, `rule`.
    pub kind: &'static str,
    /// The entity, or what else it is about.
    pub of: String,
    pub says: String,
}

/// All changes, entity by entity.
pub fn changes(before: &Picture, after: &Picture) -> Vec<Change> {
    let mut list = List::default();
    list.reasons.clone_from(&after.reasons);
    for role in named(&before.roles, &after.roles, String::as_str) {
        match role.mark() {
            Mark::Added => list.add("role", role.shown(), "a role that users may have".into()),
            Mark::Removed => list.remove("role", role.shown(), "nobody has this role".into()),
            Mark::Same | Mark::Changed => {}
        }
    }
    for sides in entities(before, after) {
        match (sides.before, sides.after) {
            (Some(before), Some(after)) => altered(&mut list, before, after),
            (None, Some(after)) => list.add("entity", &after.name, size(after)),
            (Some(before), None) => list.remove("entity", &before.name, size(before)),
            (None, None) => {}
        }
    }
    for sides in named(&before.objects, &after.objects, |object| &object.name) {
        let object = sides.shown();
        let says = format!("{} written in SQL", object.kind);
        list.push(sides.mark(), "object", &object.name, says);
    }
    list.changes
}

#[derive(Default)]
struct List {
    changes: Vec<Change>,
    /// What goes, and why.
    reasons: Vec<(String, String)>,
}

impl List {
    fn push(&mut self, mark: Mark, kind: &'static str, of: &str, says: String) {
        if mark.is_change() {
            self.changes.push(Change { mark, kind, of: of.to_owned(), says });
        }
    }

    fn add(&mut self, kind: &'static str, of: &str, says: String) {
        self.push(Mark::Added, kind, of, says);
    }

    fn remove(&mut self, kind: &'static str, of: &str, mut says: String) {
        if let Some((_, reason)) = self.reasons.iter().find(|(what, _)| what == of) {
            says.push_str(&format!(": {reason}"));
        }
        self.push(Mark::Removed, kind, of, says);
    }

    fn change(&mut self, kind: &'static str, of: &str, says: String) {
        self.push(Mark::Changed, kind, of, says);
    }
}

/// `9 fields, 2 references, 3 rules`
fn size(entity: &Entity) -> String {
    let references = entity.fields.iter().filter(|field| field.refers_to.is_some()).count();
    let fields = entity.fields.iter().filter(|field| field.column.is_some()).count();
    let parts = [
        (fields, "field"),
        (references, "reference"),
        (entity.rules.len(), "rule"),
        (entity.permissions.len(), "permission"),
    ];
    let told = parts.iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told.map(|(count, noun)| counted(*count, noun)).collect();
    match &entity.comment {
        Some(comment) => format!("{comment} ({})", told.join(", ")),
        None => told.join(", "),
    }
}

fn counted(count: usize, noun: &str) -> String {
    crate::report::style::count(count as u64, noun)
}

fn altered(list: &mut List, before: &Entity, after: &Entity) {
    let of = &after.name;
    if before.name != after.name {
        list.change("entity", of, format!("was called {}; its rows stay", before.name));
    }
    if before.tenant != after.tenant {
        list.change("ownership", of, from_to(&before.tenant, &after.tenant, "no owner"));
    }
    if before.audit != after.audit {
        let words = |audit: &[String]| (!audit.is_empty()).then(|| audit.join(", "));
        let says = from_to(&words(&before.audit), &words(&after.audit), "nothing");
        list.change("audit trail", of, says);
    }
    for sides in fields(Sides { before: Some(before), after: Some(after) }) {
        let name = format!("{of}.{}", sides.shown().name);
        match (sides.before, sides.after) {
            (Some(before), Some(after)) => altered_field(list, &name, before, after),
            (None, Some(after)) => list.add("field", &name, described(after)),
            (Some(before), None) => {
                list.remove("field", &name, format!("{}; its values go", before.kind));
            }
            (None, None) => {}
        }
    }
    for sides in named(&before.rules, &after.rules, |rule| &rule.name) {
        let name = format!("{of}.{}", sides.shown().name);
        let says = match (sides.before, sides.after) {
            (Some(before), Some(after)) if before.says != after.says => {
                format!("{} (was: {})", after.says, before.says)
            }
            (_, Some(after)) => format!("{}; {}", after.says, after.held),
            (Some(before), None) => before.says.clone(),
            (None, None) => continue,
        };
        list.push(sides.mark(), "rule", &name, says);
    }
    permissions(list, before, after);
}

fn from_to(before: &Option<String>, after: &Option<String>, none: &str) -> String {
    let word = |side: &Option<String>| side.clone().unwrap_or_else(|| none.to_owned());
    format!("{} → {}", word(before), word(after))
}

/// A field in a few words.
fn described(field: &Field) -> String {
    let mut parts = vec![field.kind.clone()];
    if field.column.is_some() {
        parts.push(if field.required { "required" } else { "optional" }.to_owned());
    }
    parts.extend(field.limits.iter().cloned());
    if let Some(default) = &field.default {
        parts.push(format!("{default} if nothing is given"));
    }
    if let Some(personal) = &field.personal {
        parts.push(format!("personal data ({personal})"));
    }
    if let Some(backfill) = &field.backfill {
        parts.push(format!("rows that are there get {backfill}"));
    }
    parts.join(", ")
}

fn altered_field(list: &mut List, name: &str, before: &Field, after: &Field) {
    if before.name != after.name {
        list.change("field", name, format!("was called {}; its values stay", before.name));
    }
    if before.states.is_none() || after.states.is_none() {
        if before.kind != after.kind {
            list.change("field", name, format!("{} → {}", before.kind, after.kind));
        }
    } else if let (Some(old), Some(new)) = (&before.states, &after.states) {
        states(list, name, (old, new), &after.values);
    }
    match (before.required, after.required) {
        (false, true) => list.change("field", name, required(after)),
        (true, false) => list.change("field", name, "is optional now".into()),
        (true, true) | (false, false) => {}
    }
    if before.default != after.default {
        let says = from_to(&before.default, &after.default, "nothing");
        list.change("default", name, says);
    }
    for limit in named(&before.limits, &after.limits, String::as_str) {
        list.push(limit.mark(), "limit", name, limit.shown().clone());
    }
    if before.personal != after.personal {
        let says = from_to(&before.personal, &after.personal, "not personal");
        list.change("personal data", name, says);
    }
    if let (Some(old), Some(new)) = (&before.refers_to, &after.refers_to)
        && old.on_delete != new.on_delete
    {
        let says = format!(
            "when a {} is deleted, it {} (was: it {})",
            new.entity, new.on_delete, old.on_delete
        );
        list.change("reference", name, says);
    }
}

fn required(after: &Field) -> String {
    match &after.backfill {
        Some(backfill) => format!("is required now; rows without a value get {backfill}"),
        None => "is required now".to_owned(),
    }
}

fn states(
    list: &mut List,
    name: &str,
    (before, after): (&States, &States),
    values: &[(String, String)],
) {
    for state in named(&before.values, &after.values, String::as_str) {
        let moved = values.iter().find(|(old, _)| old == state.shown());
        match (state.mark(), moved) {
            (Mark::Removed, Some((old, new))) => {
                list.remove("state", name, format!("{old}: its rows become {new}"));
            }
            (mark, _) => list.push(mark, "state", name, state.shown().clone()),
        }
    }
    if before.initial != after.initial {
        list.change(
            "state",
            name,
            format!("begins as {}", from_to(&before.initial, &after.initial, "any")),
        );
    }
    for step in named(&before.transitions, &after.transitions, |step| &step.name) {
        let says = match (step.before, step.after) {
            (Some(before), Some(after)) => {
                format!("{} (was: {})", step_text(after), step_text(before))
            }
            (_, _) => step_text(step.shown()),
        };
        list.push(step.mark(), "transition", name, says);
    }
}

/// `approve: submitted → approved, by approver, when total > 0`
pub fn step_text(step: &Transition) -> String {
    let mut text = format!("{}: {} → {}", step.name, step.from.join(", "), step.to);
    if !step.by.is_empty() {
        text.push_str(&format!(", by {}", step.by.join(", ")));
    }
    if let Some(when) = &step.when {
        text.push_str(&format!(", when {when}"));
    }
    text
}

fn permissions(list: &mut List, before: &Entity, after: &Entity) {
    let key = |it: &super::picture::Grant| format!("{} {}", it.role, it.operation);
    let keyed = |entity: &Entity| {
        let grants = entity.permissions.iter();
        grants.map(|grant| (key(grant), grant.clone())).collect::<Vec<_>>()
    };
    let (old, new) = (keyed(before), keyed(after));
    for sides in named(&old, &new, |(key, _)| key) {
        let (_, grant) = sides.shown();
        let who = if grant.role == "any" { "everybody" } else { grant.role.as_str() };
        let may = format!("{} {}", grant.operation, after.name);
        let when =
            |it: &Option<String>| it.as_ref().map_or(String::new(), |c| format!(" when {c}"));
        let says = match (sides.before, sides.after) {
            (None, _) => format!("{who} may {may}{}", when(&grant.condition)),
            (Some(_), None) => format!("{who} may no longer {may}"),
            (Some((_, before)), Some(_)) => {
                let always = " always".to_owned();
                let word = |it: &Option<String>| {
                    let text = when(it);
                    if text.is_empty() { always.clone() } else { text }
                };
                format!(
                    "{who} may {may}{} (was:{})",
                    word(&grant.condition),
                    word(&before.condition)
                )
            }
        };
        list.push(sides.mark(), "permission", &after.name, says);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::parse;
    use crate::report::document::of_model::picture;

    fn told(before: &str, after: &str) -> Vec<String> {
        let read = |entities: &str| {
            let text = format!(
                "model: 1\nname: a\ntargets: [sqlite >= 3.38]\nroles: [clerk, boss]\nentities:\n{entities}"
            );
            let (model, findings) = parse(&text);
            picture(&model.unwrap_or_else(|| panic!("{findings:?}")))
        };
        changes(&read(before), &read(after))
            .into_iter()
            .map(|it| format!("{} {} {}: {}", it.mark.sign(), it.kind, it.of, it.says))
            .collect()
    }

    #[test]
    fn every_kind_of_change_has_a_sentence() {
        let before = "  Bill:\n    fields:\n      id: int\n      note: text?\n      state: { states: [open, wait, done], \
                      initial: open, transitions: { end: { from: open, to: done, by: [clerk] } } }\n    permissions: { \
                      delete: { clerk: 'true', boss: 'true' } }\n";
        let after = "  Invoice:\n    was: Bill\n    fields:\n      id: int\n      note: { type: text, backfill: \"'-'\", \
                     max: 9 }\n      state: { states: [open, done], was: { wait: open }, initial: open, transitions: { end: { \
                     from: open, to: done, by: [boss] } } }\n    permissions: { delete: { boss: id > 9 }, read: [any] }\n";
        assert_eq!(
            told(before, after),
            [
                "~ entity Invoice: was called Bill; its rows stay",
                "~ field Invoice.note: is required now; rows without a value get '-'",
                "+ limit Invoice.note: at most 9",
                "− state Invoice.state: wait: its rows become open",
                "~ transition Invoice.state: end: open → done, by boss (was: end: open → done, by clerk)",
                "~ permission Invoice: boss may delete Invoice when id > 9 (was: always)",
                "+ permission Invoice: everybody may read Invoice",
                "− permission Invoice: clerk may no longer delete Invoice",
            ]
        );
    }

    #[test]
    fn equal_models_do_not_differ() {
        let text = "  Bill:\n    fields: { id: int }\n";
        assert_eq!(told(text, text), [""; 0]);
    }
}
