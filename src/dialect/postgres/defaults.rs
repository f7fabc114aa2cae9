//! Default privileges: what objects get that are made later, and what those that a plan makes get because of them.
//!
//! What a plan takes from them it takes first, and what it adds it adds last. So while it makes objects, the lesser of
//! both sides is in force.

use std::collections::BTreeMap;

use super::action::{Action, step};
use super::context::Context;
use super::quote::quote_ident;
use super::rights::{Key, Repeat, Rights, held, unsaid};
use crate::catalog::Catalog;
use crate::catalog::facets::{DefaultsOn, Facets, Held, Subject};
use crate::catalog::{ObjectId, OpaqueKind};
use crate::dialect::{Resource, Step};
use crate::text::{Ident, QName};

/// The default privileges that hold while a plan makes objects, of the role that runs it.
pub(super) struct InForce(BTreeMap<(Option<Ident>, DefaultsOn), BTreeMap<Key, Held>>);

impl InForce {
    pub(super) fn of(context: &Context<'_>) -> Self {
        let mut found = BTreeMap::new();
        for subject in subjects(context) {
            let Subject::DefaultPrivileges { role: None, schema, on } = &subject else { continue };
            let before = held(context.before.facets_of(&subject));
            let after = held(context.after().facets_of(&subject));
            let mut rights = BTreeMap::new();
            for key in before.keys().chain(after.keys()) {
                let (old, new) = match (before.get(key), after.get(key)) {
                    (Some(old), Some(new)) => (*old, *new),
                    (Some(old), None) => (*old, unsaid(key, *old)),
                    (None, Some(new)) => (unsaid(key, *new), *new),
                    (None, None) => continue,
                };
                let without = unsaid(key, old.min(new));
                // Only what was taken away from those who have it by themselves is told as not held.
                let is_told = before.get(key).or(after.get(key)) == Some(&Held::No)
                    || old.min(new) != Held::No;
                if is_told && old.min(new) != without {
                    rights.insert(key.clone(), old.min(new));
                }
            }
            found.insert((schema.clone(), *on), rights);
        }
        InForce(found)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rights that a new object has because of them.
    pub(super) fn on(&self, subject: &Subject) -> BTreeMap<Key, Held> {
        let Some((on, schema)) = kind(subject) else { return BTreeMap::new() };
        let mut rights = BTreeMap::new();
        for schema in [None, schema] {
            for (key, held) in self.0.get(&(schema, on)).into_iter().flatten() {
                match rights.insert(key.clone(), *held) {
                    // Taken away in all schemas and given in this one: as if nothing were said.
                    Some(Held::No) if *held != Held::No => {
                        rights.remove(key);
                    }
                    Some(known) => {
                        rights.insert(key.clone(), known.max(*held));
                    }
                    None => {}
                }
            }
        }
        rights
    }
}

/// The kind of object that default privileges know it as, and its schema.
fn kind(subject: &Subject) -> Option<(DefaultsOn, Option<Ident>)> {
    let in_schema = |on: DefaultsOn, name: &QName| Some((on, Some(name.schema.clone())));
    match subject {
        Subject::Schema(_) => Some((DefaultsOn::Schemas, None)),
        Subject::Table(name) => in_schema(DefaultsOn::Tables, name),
        Subject::Sequence(name) => in_schema(DefaultsOn::Sequences, name),
        Subject::Enum(name) => in_schema(DefaultsOn::Types, name),
        Subject::Opaque(ObjectId { kind, name, .. }) => match kind {
            OpaqueKind::View
            | OpaqueKind::MaterializedView
            | OpaqueKind::ForeignTable
            | OpaqueKind::VirtualTable => in_schema(DefaultsOn::Tables, name),
            OpaqueKind::Sequence => in_schema(DefaultsOn::Sequences, name),
            OpaqueKind::Domain
            | OpaqueKind::Type
            | OpaqueKind::RangeType
            | OpaqueKind::BaseType => in_schema(DefaultsOn::Types, name),
            OpaqueKind::Function | OpaqueKind::Procedure | OpaqueKind::Aggregate => {
                in_schema(DefaultsOn::Functions, name)
            }
            OpaqueKind::Extension
            | OpaqueKind::Operator
            | OpaqueKind::OperatorFamily
            | OpaqueKind::OperatorClass
            | OpaqueKind::Collation
            | OpaqueKind::Conversion
            | OpaqueKind::Cast
            | OpaqueKind::TextSearchParser
            | OpaqueKind::TextSearchTemplate
            | OpaqueKind::TextSearchDictionary
            | OpaqueKind::TextSearchConfiguration
            | OpaqueKind::Language
            | OpaqueKind::AccessMethod
            | OpaqueKind::Transform
            | OpaqueKind::ForeignDataWrapper
            | OpaqueKind::Server
            | OpaqueKind::UserMapping
            | OpaqueKind::Index
            | OpaqueKind::Rule
            | OpaqueKind::Trigger
            | OpaqueKind::Policy
            | OpaqueKind::Statistics
            | OpaqueKind::EventTrigger
            | OpaqueKind::Publication
            | OpaqueKind::PublicationTable
            | OpaqueKind::PublicationSchema => None,
        },
        Subject::Constraint(..) | Subject::Index(..) | Subject::DefaultPrivileges { .. } => None,
    }
}

fn subjects(context: &Context<'_>) -> Vec<Subject> {
    let mut all: Vec<Subject> = context
        .before
        .facets
        .keys()
        .chain(context.after().facets.keys())
        .filter(|subject| matches!(subject, Subject::DefaultPrivileges { .. }))
        .cloned()
        .collect();
    all.sort();
    all.dedup();
    all
}

/// What the first steps make and the last ones take: that fewer, and that more privileges are in force.
fn marker(which: &str) -> Resource {
    Resource::Constraint(QName::new("", "default privileges"), which.to_owned())
}

/// Lets every step that makes an object wait for what is taken, and what is added wait for every such step.
pub(super) fn order(steps: &mut [Step], context: &Context<'_>) {
    if subjects(context).is_empty() {
        return;
    }
    for step in steps.iter_mut() {
        let makes = step.order.makes.iter().any(|made| match made {
            Resource::Schema(_) | Resource::Enum(_) | Resource::Table(_) | Resource::Column(..) => {
                true
            }
            // There are no rights on one, and it comes behind all others.
            Resource::Opaque(id) => id.kind != OpaqueKind::EventTrigger,
            Resource::Constraint(..)
            | Resource::Values(..)
            | Resource::Kept(_)
            | Resource::Renames => false,
        });
        let makes_a_schema =
            step.order.makes.iter().any(|made| matches!(made, Resource::Schema(_)));
        if makes {
            step.order.frees.insert(marker("more"));
        }
        // A new schema has no default privileges that could be taken.
        if makes && !makes_a_schema {
            step.order.needs.insert(marker("fewer"));
        }
    }
}

/// The steps that change default privileges.
pub(super) fn steps(context: &Context<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for subject in subjects(context) {
        let Subject::DefaultPrivileges { role, schema, on } = &subject else { continue };
        let stays = |catalog: &Catalog| {
            schema.as_ref().is_none_or(|name| catalog.has(&Subject::Schema(name.clone())))
        };
        if !stays(context.after()) {
            continue;
        }
        let before = if stays(&context.before) { context.before.facets_of(&subject) } else { None };
        let after: Option<&Facets> = context.after().facets_of(&subject);
        let rights = Rights::between(&held(before), &held(after), Repeat::Never);
        let mut prefix = "ALTER DEFAULT PRIVILEGES ".to_owned();
        prefix.extend(role.iter().map(|role| format!("FOR ROLE {} ", quote_ident(role))));
        prefix.extend(schema.iter().map(|name| format!("IN SCHEMA {} ", quote_ident(name))));
        let Rights { taken, given } = rights;
        let needs: Vec<Resource> = schema.iter().cloned().map(Resource::Schema).collect();
        if !taken.is_empty() {
            let rights = Rights { taken, given: BTreeMap::new() };
            let statements = rights.statements(&prefix, on.words(), role.as_ref());
            let title = format!("take back default rights on {subject}");
            let made = step(Action::Grant, title, statements).makes([marker("fewer")]);
            steps.push(made.needs(needs.clone()));
        }
        if !given.is_empty() {
            let rights = Rights { taken: BTreeMap::new(), given };
            let statements = rights.statements(&prefix, on.words(), role.as_ref());
            let title = format!("give default rights on {subject}");
            let made = step(Action::Grant, title, statements).takes([marker("more")]);
            steps.push(made.needs(needs));
        }
    }
    steps
}
