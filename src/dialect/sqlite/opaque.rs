//! Views and triggers: dropped before anything else where they change, made again at the end from their own text.

use std::collections::BTreeSet;

use super::facts::{facts, statements, whole};
use super::kept::Scope;
use super::lower::name_of;
use super::quote::quote;
use super::virtual_table;
use crate::catalog::{Dependency, ObjectId, Opaque, OpaqueKind};
use crate::change::{Change, Delta, Diff};
use crate::dialect::{LowerError, Order, Resource, Step, Undo, Work, moving};
use crate::text::{Ident, QName};

/// The steps of one view, trigger or virtual table.
///
/// # Errors
/// A kind of object that SQLite does not have.
pub(super) fn steps(delta: &Delta<Opaque>, scope: &Scope<'_>) -> Result<Vec<Step>, LowerError> {
    let kind = delta.before().or(delta.after()).map(|opaque| opaque.id.kind);
    match kind {
        Some(OpaqueKind::VirtualTable) => Ok(virtual_table::steps(delta, scope)),
        Some(OpaqueKind::View | OpaqueKind::Trigger) | None => {
            let gone = delta.before().map(drop);
            let made = delta.after().map(|opaque| create(opaque, scope));
            Ok(gone.into_iter().chain(made).collect())
        }
        Some(
            kind @ (OpaqueKind::Extension
            | OpaqueKind::Sequence
            | OpaqueKind::Domain
            | OpaqueKind::Type
            | OpaqueKind::RangeType
            | OpaqueKind::BaseType
            | OpaqueKind::Function
            | OpaqueKind::Procedure
            | OpaqueKind::Aggregate
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
            | OpaqueKind::ForeignTable
            | OpaqueKind::MaterializedView
            | OpaqueKind::Index
            | OpaqueKind::Rule
            | OpaqueKind::Policy
            | OpaqueKind::Statistics
            | OpaqueKind::EventTrigger
            | OpaqueKind::Publication
            | OpaqueKind::PublicationTable
            | OpaqueKind::PublicationSchema),
        ) => Err(LowerError {
            what: format!("a {}", kind.word().replace('_', " ")),
            why: "SQLite has no such object".to_owned(),
            help: "take it out of the schema for SQLite".to_owned(),
        }),
    }
}

/// Whether the change is one of a trigger.
pub(super) fn is_trigger(change: &Change) -> bool {
    match change {
        Change::Opaque(delta) => {
            let either = delta.before().or(delta.after());
            either.is_some_and(|opaque| opaque.id.kind == OpaqueKind::Trigger)
        }
        Change::Rename(_)
        | Change::Schema(_)
        | Change::Facets(_)
        | Change::Enum(_)
        | Change::Table(_)
        | Change::AlterTable(_) => false,
    }
}

/// Before the renames, which would rewrite its text.
fn drop(opaque: &Opaque) -> Step {
    let name = &opaque.id.name.name;
    let texts = vec![format!("DROP {} {}", opaque.id.kind.words(), quote(name.as_str()))];
    Step {
        title: format!("drop {}", opaque.id),
        statements: statements(texts),
        facts: facts(Work::Catalog, Undo::Exact, "it holds no values of its own"),
        reads_kept: None,
        order: Order {
            makes: [Resource::Renames].into_iter().collect(),
            takes: [name_of(name)].into_iter().collect(),
            ..Order::default()
        },
    }
}

fn create(opaque: &Opaque, scope: &Scope<'_>) -> Step {
    let name = &opaque.id.name;
    let mut texts: Vec<String> = opaque.create.iter().map(|text| whole(text)).collect();
    let depends_on = opaque.depends_on.iter().filter(|needed| !is_circular(opaque, needed, scope));
    let mut needs: Vec<Resource> = depends_on.flat_map(resource).collect();
    match &opaque.id.table {
        Some(table) => needs.extend(after_the_rows(scope.diff, table)),
        // INSTEAD OF triggers went with the view.
        None => texts.extend(
            triggers_that_stay(scope.diff, name)
                .iter()
                .flat_map(|trigger| &trigger.create)
                .map(|text| whole(text)),
        ),
    }
    Step {
        title: format!("create {}", opaque.id),
        statements: statements(texts),
        facts: facts(Work::Catalog, Undo::Exact, "it holds no values of its own"),
        reads_kept: None,
        order: Order {
            needs: needs.into_iter().collect(),
            makes: [name_of(&name.name), Resource::Opaque(opaque.id.clone())].into_iter().collect(),
            ..Order::default()
        },
    }
}

fn resource(dependency: &Dependency) -> Option<Resource> {
    match dependency {
        Dependency::Table(table) => Some(Resource::Table(table.clone())),
        Dependency::Column(table, column) => Some(Resource::Column(table.clone(), column.clone())),
        Dependency::Constraint(..) | Dependency::Enum(_) => None,
        Dependency::Opaque(id) => Some(Resource::Opaque(id.clone())),
    }
}

/// Whether what the object mentions mentions it in turn, however far. SQLite makes a view without looking at what it
/// reads, so the order is then free.
fn is_circular(opaque: &Opaque, needed: &Dependency, scope: &Scope<'_>) -> bool {
    let objects = |found: &Dependency| match found {
        Dependency::Opaque(id) => Some(id.clone()),
        Dependency::Table(_)
        | Dependency::Column(..)
        | Dependency::Constraint(..)
        | Dependency::Enum(_) => None,
    };
    let mut seen = BTreeSet::new();
    let mut next: Vec<ObjectId> = objects(needed).into_iter().collect();
    while let Some(id) = next.pop() {
        if id == opaque.id {
            return true;
        }
        let mentions = scope.diff.after.opaques.get(&id).map(|found| &found.depends_on);
        if seen.insert(id) {
            next.extend(mentions.into_iter().flatten().filter_map(objects));
        }
    }
    false
}

/// A trigger must not fire on what a restore writes. Those of a view stand on it alone.
fn after_the_rows(diff: &Diff, table: &QName) -> Vec<Resource> {
    let Some(columns) = diff.after.tables.get(table).map(|table| &table.columns) else {
        return Vec::new();
    };
    let mut resources: Vec<Resource> =
        columns.iter().map(|column| Resource::Values(table.clone(), column.name.clone())).collect();
    resources.extend([all_rows(table), moving::arrived(table)]);
    resources.push(Resource::Table(table.clone()));
    resources
}

/// The rows of a restored table.
pub(super) fn all_rows(table: &QName) -> Resource {
    Resource::Values(table.clone(), Ident::new("*"))
}

/// Triggers on the table that this difference does not touch.
pub(super) fn triggers_that_stay<'a>(diff: &'a Diff, table: &QName) -> Vec<&'a Opaque> {
    let changed = |opaque: &Opaque| {
        diff.changes.iter().any(|change| match change {
            Change::Opaque(delta) => delta.after().is_some_and(|after| after.id == opaque.id),
            Change::Rename(_)
            | Change::Schema(_)
            | Change::Facets(_)
            | Change::Enum(_)
            | Change::Table(_)
            | Change::AlterTable(_) => false,
        })
    };
    diff.after
        .opaques
        .values()
        .filter(|opaque| opaque.id.kind == OpaqueKind::Trigger)
        .filter(|opaque| opaque.id.table.as_ref() == Some(table) && !changed(opaque))
        .collect()
}
