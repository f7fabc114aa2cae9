//! Objects carried as text: made, dropped, replaced in place where PostgreSQL can.

use super::action::{Action, all, step};
use super::around::extension_version;
use super::context::{Context, columns, keys, resource, slot, values};
use super::ownership;
use super::quote::{quote_ident, quote_name};
use super::sequences;
use crate::catalog::{Catalog, Dependency, ObjectId, Opaque, OpaqueKind, Table};
use crate::change::Delta;
use crate::dialect::{Lock, LowerError, Resource, Step};
use crate::text::QName;

/// The steps for one object.
///
/// # Errors
/// A domain whose base type changes while columns use it.
pub(super) fn steps(delta: &Delta<Opaque>, context: &Context<'_>) -> Result<Vec<Step>, LowerError> {
    match delta {
        Delta::Add(opaque) => Ok(create(opaque, context).into_iter().collect()),
        Delta::Drop(opaque) => Ok(drop(opaque, context).into_iter().collect()),
        Delta::Alter { before, after } if context.around.drops(&after.id) => {
            if before.create.first() != after.create.first() {
                refuse_used_domain(after, context)?;
            }
            Ok(drop(before, context).into_iter().chain(create(after, context)).collect())
        }
        Delta::Alter { before, after } => Ok(vec![replace(before, after, context)]),
    }
}

/// Unchanged objects that must be made again around a change.
pub(super) fn around(context: &Context<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for id in &context.around.opaques {
        steps.extend(context.before.opaques.get(id).and_then(|opaque| drop(opaque, context)));
        steps.extend(context.after().opaques.get(id).and_then(|opaque| create(opaque, context)));
    }
    steps
}

fn refuse_used_domain(domain: &Opaque, context: &Context<'_>) -> Result<(), LowerError> {
    if !matches!(domain.id.kind, OpaqueKind::Domain | OpaqueKind::Type) {
        return Ok(());
    }
    let own = Resource::Opaque(domain.id.clone());
    let user = context.after().tables.values().find(|table| {
        let stays = context.before.tables.get(&table.name);
        table.columns.iter().any(|column| {
            stays.and_then(|before| before.column(&column.name)).is_some_and(|before| {
                before.data_type == column.data_type
                    && context.made_in([column.data_type.as_str()]).contains(&own)
            })
        })
    });
    match user {
        None => Ok(()),
        Some(table) => Err(LowerError {
            what: domain.id.to_string(),
            why: format!("it changes while table {} uses it", table.name),
            help: "make a type of another name and change the columns to it".to_owned(),
        }),
    }
}

fn create(opaque: &Opaque, context: &Context<'_>) -> Option<Step> {
    let id = &opaque.id;
    let mut statements = Vec::new();
    if matches!(id.kind, OpaqueKind::Function | OpaqueKind::Procedure) {
        // A body may name what comes later; the engine looks at it when it runs.
        statements.push("SET LOCAL check_function_bodies = off".to_owned());
    }
    statements.extend(opaque.create.iter().cloned());
    if is_filled(context.before.opaques.get(id))
        && let Some(first) = statements.first_mut()
    {
        *first = first.strip_suffix(NO_DATA).unwrap_or(first).to_owned();
    }
    let action = match id.kind {
        OpaqueKind::View => Action::CreateView,
        OpaqueKind::MaterializedView => Action::CreateMaterializedView,
        OpaqueKind::Trigger => Action::CreateTrigger,
        OpaqueKind::Policy => Action::CreatePolicy,
        OpaqueKind::Extension
        | OpaqueKind::Sequence
        | OpaqueKind::Domain
        | OpaqueKind::Type
        | OpaqueKind::Function
        | OpaqueKind::Procedure
        | OpaqueKind::VirtualTable => Action::CreateObject,
    };
    let own = Resource::Opaque(id.clone());
    let mut needs = stands_on(opaque, context.after());
    if id.kind != OpaqueKind::Extension {
        needs.extend(context.made_in([]));
    }
    needs.remove(&own);
    let is_new =
        tables(opaque, context.after()).all(|table| context.new_tables.contains(&table.name));
    let made = step(action, format!("create {id}"), statements)
        .needs(needs)
        .makes([own])
        .makes(own_slot(id));
    Some(if is_new { made.lock(Lock::None) } else { made })
}

fn drop(opaque: &Opaque, context: &Context<'_>) -> Option<Step> {
    let id = &opaque.id;
    let action = match id.kind {
        OpaqueKind::Trigger => Action::DropTrigger,
        OpaqueKind::Policy => Action::DropPolicy,
        OpaqueKind::Extension
        | OpaqueKind::Sequence
        | OpaqueKind::Domain
        | OpaqueKind::Type
        | OpaqueKind::Function
        | OpaqueKind::Procedure
        | OpaqueKind::View
        | OpaqueKind::MaterializedView
        | OpaqueKind::VirtualTable => Action::DropObject,
    };
    let own = Resource::Opaque(id.clone());
    let mut frees = stands_on(opaque, &context.before);
    if id.kind != OpaqueKind::Extension {
        frees.extend(context.taken_in([]));
    }
    frees.remove(&own);
    let statement = format!("DROP {} {}", id.kind.words(), reference(id));
    Some(
        step(action, format!("drop {id}"), vec![statement])
            .frees(frees)
            .takes([own])
            .takes(own_slot(id))
            .makes(id.table.as_ref().map(triggers_gone)),
    )
}

/// The triggers that go from a table are gone, so that steps which move rows are not seen by them.
pub(super) fn triggers_gone(table: &QName) -> Resource {
    Resource::Constraint(table.clone(), "triggers that go".to_owned())
}

/// The name that an object occupies among its like: a view and a table, a function and a procedure share one.
fn own_slot(id: &ObjectId) -> Option<Resource> {
    match id.kind {
        OpaqueKind::Sequence
        | OpaqueKind::Domain
        | OpaqueKind::Type
        | OpaqueKind::View
        | OpaqueKind::MaterializedView
        | OpaqueKind::VirtualTable => Some(slot(&id.name.schema, &id.name.name)),
        OpaqueKind::Function | OpaqueKind::Procedure => {
            Some(Resource::Constraint(id.name.clone(), "the routine name itself".to_owned()))
        }
        OpaqueKind::Extension | OpaqueKind::Trigger | OpaqueKind::Policy => None,
    }
}

/// How the text of a materialized view ends that has not been filled.
pub(super) const NO_DATA: &str = "\n WITH NO DATA";

/// Whether an object is a materialized view with rows; it has rows again when it is made again.
fn is_filled(before: Option<&Opaque>) -> bool {
    before.is_some_and(|opaque| {
        opaque.id.kind == OpaqueKind::MaterializedView
            && !opaque.create.iter().any(|text| text.ends_with(NO_DATA))
    })
}

/// How statements about an object name it.
pub(super) fn reference(id: &ObjectId) -> String {
    match (id.kind, &id.table) {
        (OpaqueKind::Extension, _) => quote_ident(&id.name.name),
        (OpaqueKind::Trigger | OpaqueKind::Policy, Some(table)) => {
            format!("{} ON {}", quote_ident(&id.name.name), quote_name(table))
        }
        (OpaqueKind::Function | OpaqueKind::Procedure, _) => {
            format!("{}({})", quote_name(&id.name), id.signature)
        }
        (
            OpaqueKind::Sequence
            | OpaqueKind::Domain
            | OpaqueKind::Type
            | OpaqueKind::View
            | OpaqueKind::MaterializedView
            | OpaqueKind::Trigger
            | OpaqueKind::Policy
            | OpaqueKind::VirtualTable,
            _,
        ) => quote_name(&id.name),
    }
}

/// The tables an object stands on.
fn tables<'c>(opaque: &'c Opaque, catalog: &'c Catalog) -> impl Iterator<Item = &'c Table> {
    let named = opaque.depends_on.iter().filter_map(|dependency| match dependency {
        Dependency::Table(table) | Dependency::Column(table, _) => Some(table),
        Dependency::Enum(_) | Dependency::Opaque(_) => None,
    });
    named.chain(&opaque.id.table).filter_map(|name| catalog.tables.get(name))
}

/// Everything an object stands on. A view also stands on the keys of its tables (GROUP BY on a key), a materialized
/// view on the rows, and a trigger waits until the plan has moved the rows.
fn stands_on(opaque: &Opaque, catalog: &Catalog) -> std::collections::BTreeSet<Resource> {
    let mut found: std::collections::BTreeSet<Resource> =
        opaque.depends_on.iter().map(resource).collect();
    found.insert(Resource::Schema(opaque.id.name.schema.clone()));
    for table in tables(opaque, catalog) {
        found.insert(Resource::Table(table.name.clone()));
        match opaque.id.kind {
            OpaqueKind::View => found.extend(keys(table)),
            OpaqueKind::MaterializedView => found.extend(all([keys(table), values(table)])),
            OpaqueKind::Trigger => found.extend(all([columns(table), values(table)])),
            OpaqueKind::Extension
            | OpaqueKind::Sequence
            | OpaqueKind::Domain
            | OpaqueKind::Type
            | OpaqueKind::Function
            | OpaqueKind::Procedure
            | OpaqueKind::Policy
            | OpaqueKind::VirtualTable => {}
        }
    }
    found
}

/// Changes an object in place.
fn replace(before: &Opaque, after: &Opaque, context: &Context<'_>) -> Step {
    let id = &after.id;
    let (action, mut statements) = match id.kind {
        OpaqueKind::Sequence => (Action::AlterSequence, sequences::alter_free(before, after)),
        OpaqueKind::Domain => (Action::AlterDomain, alter_domain(before, after)),
        OpaqueKind::Function | OpaqueKind::Procedure => {
            let mut statements = vec!["SET LOCAL check_function_bodies = off".to_owned()];
            statements.extend(after.create.iter().cloned());
            (Action::ReplaceObject, statements)
        }
        OpaqueKind::Extension => {
            let version = extension_version(after).map(|version| format!(" TO {version}"));
            let name = quote_ident(&id.name.name);
            let update = format!("ALTER EXTENSION {name} UPDATE{}", version.unwrap_or_default());
            (Action::ReplaceObject, vec![update])
        }
        OpaqueKind::View | OpaqueKind::MaterializedView => (
            Action::ReplaceObject,
            super::view_settings::changes(before, after).unwrap_or_default(),
        ),
        OpaqueKind::Type | OpaqueKind::Trigger | OpaqueKind::Policy | OpaqueKind::VirtualTable => {
            (Action::ReplaceObject, after.create.iter().skip(1).cloned().collect())
        }
    };
    if !matches!(id.kind, OpaqueKind::View | OpaqueKind::MaterializedView) {
        statements.extend(comments_taken_away(before, after));
    }
    if id.kind == OpaqueKind::Sequence {
        statements.extend(ownership::taken_away(before, after));
    }
    let own = Resource::Opaque(id.clone());
    let mut needs = stands_on(after, context.after());
    if id.kind != OpaqueKind::Extension {
        needs.extend(context.made_in([]));
    }
    needs.remove(&own);
    let mut frees = stands_on(before, &context.before);
    frees.remove(&own);
    step(action, format!("change {id}"), statements).needs(needs).frees(frees).makes([own])
}

fn comments_taken_away(before: &Opaque, after: &Opaque) -> Vec<String> {
    let targets = |opaque: &Opaque| -> Vec<String> {
        let comments = opaque.create.iter().filter(|text| text.starts_with("COMMENT ON "));
        comments.filter_map(|text| Some(text.split_once(" IS ")?.0.to_owned())).collect()
    };
    let stays = targets(after);
    targets(before)
        .into_iter()
        .filter(|target| !stays.contains(target))
        .map(|target| format!("{target} IS NULL"))
        .collect()
}

/// A domain's texts stand one property each, so what differs is what to take away and what to add.
fn alter_domain(before: &Opaque, after: &Opaque) -> Vec<String> {
    let mut statements = Vec::new();
    let gone = before.create.iter().filter(|text| !after.create.contains(text));
    for text in gone {
        if let Some((domain, rest)) = text.split_once(" ADD CONSTRAINT ") {
            let name = rest.split(" CHECK").next().unwrap_or(rest);
            statements.push(format!("{domain} DROP CONSTRAINT {name}"));
        } else if let Some((domain, _)) = text.split_once(" SET DEFAULT ") {
            statements.push(format!("{domain} DROP DEFAULT"));
        } else if let Some(domain) = text.strip_suffix(" SET NOT NULL") {
            statements.push(format!("{domain} DROP NOT NULL"));
        }
    }
    statements.extend(after.create.iter().filter(|text| !before.create.contains(text)).cloned());
    statements
}
