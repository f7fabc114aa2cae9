//! What only the whole model can tell: unknown names, types that do not fit, expressions, clashes.

mod changes;
mod expressions;
mod fields;
mod names;
mod permissions;
mod states;

use std::collections::BTreeMap;

use crate::model::{FieldKind, Model, NamedType};
use crate::text::diagnostic::{Diagnostic, Span};

/// Checks the whole model and fills in what the parts could not know: types, roles, expression trees.
pub(super) fn check(model: &mut Model, issues: &mut Vec<Diagnostic>) {
    let mut findings = Findings { issues };
    fields::resolve_types(model, &mut findings);
    names::check(model, &mut findings);
    fields::check(model, &mut findings);
    expressions::check(model, &mut findings);
    permissions::check(model, &mut findings);
    states::check(model, &mut findings);
    warn_of_carried(model, &mut findings);
}

/// Where findings go.
struct Findings<'i> {
    issues: &'i mut Vec<Diagnostic>,
}

impl Findings<'_> {
    fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        let help: String = help.into();
        let finding = Diagnostic::error(span, message);
        self.issues.push(if help.is_empty() { finding } else { finding.help(help) });
    }

    fn warn(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.issues.push(Diagnostic::warning(span, message).help(help));
    }
}

/// One warning for each kind of thing that is kept in the model and not acted on.
fn warn_of_carried(model: &Model, findings: &mut Findings<'_>) {
    let mut first: BTreeMap<&str, Span> = BTreeMap::new();
    let entities = model.entities.iter().flat_map(|entity| {
        entity.carried.iter().chain(entity.fields.iter().flat_map(|field| field.carried.iter()))
    });
    let types = model.types.iter().flat_map(|named: &NamedType| named.carried.iter());
    for carried in model.carried.iter().chain(types).chain(entities) {
        // What is told of in permissions says nothing by itself.
        let is_acted_on = matches!(carried.key.as_str(), "roles" | "actor" | "audit");
        if is_acted_on {
            continue;
        }
        let span = first.entry(&carried.key).or_insert(carried.value.span);
        if carried.value.span.start < span.start {
            *span = carried.value.span;
        }
    }
    for entity in &model.entities {
        for field in &entity.fields {
            if let FieldKind::States { transitions, .. } = &field.kind
                && let Some(transition) = transitions.iter().find(|it| !it.by.is_empty())
            {
                first.entry("by").or_insert(transition.place.span);
            }
        }
    }
    for (key, span) in first {
        let help = match key {
            "permissions" | "by" => {
                "it is checked, and `diff`, `plan` and `check` tell what changes in it; the database does not hold it"
            }
            _ => {
                "it stays in the model and in its snapshots; nothing in the database follows from it"
            }
        };
        findings.warn(span, format!("`{key}`: carried, but not enforced yet"), help);
    }
}
