//! Objects carried as text: made, dropped, replaced in place where PostgreSQL can.

mod names;
mod replace;
mod used;

use std::collections::BTreeSet;

use super::action::{Action, all, step};
use super::circles;
use super::context::Context;
use super::keep::{drop_kept, kept_table};
use super::parts::{columns, keys, resource, values};
use super::quote::{literal, quote_name};
use crate::catalog::{Catalog, Dependency, ObjectId, Opaque, OpaqueKind, Table};
use crate::change::Delta;
use crate::dialect::{Lock, LowerError, Resource, Step};
use crate::text::QName;
use crate::text::token::{Token, tokenize};
pub(super) use names::reference;
use names::{drop_statement, has_own_functions, own_slot};
pub(super) use replace::is_replaceable;

/// The steps for one object.
///
/// # Errors
/// A type that changes while columns use it.
pub(super) fn steps(delta: &Delta<Opaque>, context: &Context<'_>) -> Result<Vec<Step>, LowerError> {
    match delta {
        Delta::Add(opaque) => Ok(create(opaque, context)),
        Delta::Drop(opaque) => Ok(drop(opaque, context)),
        Delta::Alter { before, after } if context.around.drops(&after.id) => {
            used::refuse(Some(before), after, context)?;
            Ok(drop(before, context).into_iter().chain(create(after, context)).collect())
        }
        Delta::Alter { before, after } => {
            let widened = replace::widened(before, after, context);
            Ok(std::iter::once(replace::step_of(before, after, context)).chain(widened).collect())
        }
    }
}

/// Unchanged objects that must be made again around a change.
///
/// # Errors
/// A type that stands on what changes while columns use it.
pub(super) fn around(context: &Context<'_>) -> Result<Vec<Step>, LowerError> {
    let mut steps = Vec::new();
    for id in &context.around.opaques {
        if let Some(opaque) = context.before.opaques.get(id) {
            used::refuse(None, opaque, context)?;
            steps.extend(drop(opaque, context));
        }
        let made = context.after().opaques.get(id).map(|opaque| create(opaque, context));
        steps.extend(made.into_iter().flatten());
    }
    Ok(steps)
}

/// Event triggers must not see the plan: those that go go first, those that come come last.
pub(super) fn order_event_triggers(steps: &mut [Step]) {
    let is_event_trigger = |resource: &Resource| matches!(resource, Resource::Opaque(id) if id.kind == OpaqueKind::EventTrigger);
    let makes = |step: &Step| step.order.makes.iter().any(is_event_trigger);
    let takes = |step: &Step| step.order.takes.iter().any(is_event_trigger);
    if !steps.iter().any(|step| makes(step) || takes(step)) {
        return;
    }
    let phase = |name: &str| Resource::Constraint(QName::new("", ""), name.to_owned());
    for step in steps {
        if takes(step) {
            step.order.makes.insert(phase("without event triggers"));
        } else {
            step.order.needs.insert(phase("without event triggers"));
        }
        if makes(step) {
            step.order.needs.insert(phase("all but event triggers"));
        } else if !step.order.needs.iter().any(is_event_trigger) {
            step.order.makes.insert(phase("all but event triggers"));
        }
    }
}

fn create(opaque: &Opaque, context: &Context<'_>) -> Vec<Step> {
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
    let own = Resource::Opaque(id.clone());
    let mut needs = needs(opaque, context);
    let mut steps = Vec::new();
    if has_own_functions(opaque) {
        let name = vec![statements.remove(0)];
        let made = step(Action::CreateObject, format!("create the name of {id}"), name)
            .needs([Resource::Schema(id.name.schema.clone())])
            .makes([name_of(&id.name)]);
        steps.push(made.makes(own_slot(id)));
        needs.insert(name_of(&id.name));
    }
    if circles::is_in_circle(opaque, context.after()) {
        if let Some(first) = statements.first_mut() {
            *first = first.replacen("CREATE VIEW", "CREATE OR REPLACE VIEW", 1);
        }
        let types: Vec<&str> =
            opaque.columns.iter().map(|column| column.data_type.as_str()).collect();
        let stub = format!("CREATE {}", circles::stub(opaque));
        let made = step(Action::CreateView, format!("create the columns of {id}"), vec![stub])
            .lock(Lock::None)
            .needs([Resource::Schema(id.name.schema.clone())])
            .needs(context.made_in(types))
            .makes([name_of(&id.name)]);
        steps.push(made.makes(own_slot(id)));
        needs.insert(name_of(&id.name));
    }
    let is_new =
        tables(opaque, context.after()).all(|table| context.new_tables.contains(&table.name));
    let (action, lock) = creation(id.kind);
    let mut made = step(action, format!("create {id}"), statements)
        .needs(needs)
        .makes([own])
        .makes(own_slot(id));
    if let Some(lock) = lock.or_else(|| body_lock(opaque)) {
        made = made.lock(lock);
    }
    steps.push(if is_new { made.lock(Lock::None) } else { made });
    steps.extend((id.kind == OpaqueKind::Sequence).then(|| put_position_back(id, context)));
    steps
}

/// A body that is SQL is looked at as it is made, which locks the tables that it would write to.
/// Source: `interpret_AS_clause` of PostgreSQL analyses it; `setTargetRelation` locks.
pub(super) fn body_lock(opaque: &Opaque) -> Option<Lock> {
    let is_routine = matches!(opaque.id.kind, OpaqueKind::Function | OpaqueKind::Procedure);
    let tokens = opaque.create.iter().filter(|_| is_routine).flat_map(|text| {
        let tokens = tokenize(text, crate::text::Dialect::Postgres);
        tokens.into_iter().filter(Token::is_code).collect::<Vec<_>>()
    });
    let code: Vec<Token<'_>> = tokens.collect();
    let has = |words: &[&str]| code.iter().any(|token| words.iter().any(|it| token.is_word(it)));
    let writes = ["insert", "update", "delete", "merge"];
    (has(&["atomic"]) && has(&writes)).then_some(Lock::RowExclusive)
}

/// What making an object of a kind is, and its lock on a table where that is not the action's own.
fn creation(kind: OpaqueKind) -> (Action, Option<Lock>) {
    match kind {
        OpaqueKind::View => (Action::CreateView, None),
        OpaqueKind::MaterializedView => (Action::CreateMaterializedView, None),
        OpaqueKind::Trigger => (Action::CreateTrigger, None),
        OpaqueKind::Policy => (Action::CreatePolicy, None),
        OpaqueKind::Rule => (Action::CreateObject, Some(Lock::AccessExclusive)),
        OpaqueKind::Statistics | OpaqueKind::PublicationTable => {
            (Action::CreateObject, Some(Lock::ShareUpdateExclusive))
        }
        OpaqueKind::PublicationSchema => (Action::CreateObject, None),
        OpaqueKind::Index => (Action::CreateIndex, Some(Lock::None)),
        OpaqueKind::Extension
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
        | OpaqueKind::EventTrigger
        | OpaqueKind::Publication
        | OpaqueKind::VirtualTable => (Action::CreateObject, None),
    }
}

fn drop(opaque: &Opaque, context: &Context<'_>) -> Vec<Step> {
    let id = &opaque.id;
    if goes_with_its_type(opaque, context) {
        return Vec::new();
    }
    let action = match id.kind {
        OpaqueKind::Trigger => Action::DropTrigger,
        OpaqueKind::Policy => Action::DropPolicy,
        _ => Action::DropObject,
    };
    let mut gone = vec![id];
    let mut frees = frees(opaque, context);
    if has_own_functions(opaque) {
        for function in own_functions(opaque, &context.before) {
            frees.extend(self::frees(function, context));
            gone.push(&function.id);
        }
    }
    let mut statements = Vec::new();
    if id.kind == OpaqueKind::Sequence {
        statements.push(keep_position(id, context));
    }
    statements.push(drop_statement(opaque));
    let mut taken: BTreeSet<Resource> = gone.iter().filter_map(|id| own_slot(id)).collect();
    taken.extend(gone.iter().map(|id| Resource::Opaque((*id).clone())));
    if has_own_functions(opaque) {
        taken.insert(name_of(&id.name));
    }
    frees.retain(|resource| !taken.contains(resource));
    let mut made = step(action, format!("drop {id}"), statements).frees(frees).takes(taken);
    if matches!(id.kind, OpaqueKind::Trigger | OpaqueKind::Rule | OpaqueKind::Policy) {
        made = made.makes(id.table.as_ref().map(triggers_gone));
    }
    let made = match id.kind {
        OpaqueKind::Rule => made.lock(Lock::AccessExclusive),
        OpaqueKind::Statistics | OpaqueKind::PublicationTable => {
            made.lock(Lock::ShareUpdateExclusive)
        }
        OpaqueKind::Sequence => made.makes([Resource::Kept(context.keeps_as(&id.name, None))]),
        _ => made,
    };
    if !circles::is_in_circle(opaque, &context.before) {
        return vec![made];
    }
    let stub = format!("CREATE OR REPLACE {}", circles::stub(opaque));
    let emptied = step(Action::CreateView, format!("leave {id} only its columns"), vec![stub])
        .lock(Lock::None)
        .frees(made.order.frees.clone());
    let mut made = made;
    made.order.frees = BTreeSet::from([Resource::Schema(id.name.schema.clone())]);
    made.order.takes.insert(name_of(&id.name));
    vec![emptied, made]
}

/// The triggers and rules that go from a table are gone, so that steps which move rows are not seen by them.
pub(super) fn triggers_gone(table: &QName) -> Resource {
    Resource::Constraint(table.clone(), "triggers that go".to_owned())
}

/// The name of a type, which its functions need before there is a type.
fn name_of(name: &QName) -> Resource {
    Resource::Constraint(name.clone(), "the name before the type".to_owned())
}

/// The functions that make up a type and take or return it.
fn own_functions<'c>(opaque: &'c Opaque, catalog: &'c Catalog) -> impl Iterator<Item = &'c Opaque> {
    let named = opaque.depends_on.iter().filter_map(|dependency| match dependency {
        Dependency::Opaque(id) => catalog.opaques.get(id),
        _ => None,
    });
    named.filter(|function| function.depends_on.contains(&Dependency::Opaque(opaque.id.clone())))
}

/// The types that a function makes up.
fn types_of<'c>(function: &'c Opaque, catalog: &'c Catalog) -> impl Iterator<Item = &'c Opaque> {
    let named = function.depends_on.iter().filter_map(|dependency| match dependency {
        Dependency::Opaque(id) => catalog.opaques.get(id),
        _ => None,
    });
    named.filter(|opaque| {
        has_own_functions(opaque)
            && opaque.depends_on.contains(&Dependency::Opaque(function.id.clone()))
    })
}

/// Whether a function is dropped by the step that drops its type.
fn goes_with_its_type(function: &Opaque, context: &Context<'_>) -> bool {
    types_of(function, &context.before).any(|opaque| {
        context.around.drops(&opaque.id) || !context.after().opaques.contains_key(&opaque.id)
    })
}

fn needs(opaque: &Opaque, context: &Context<'_>) -> BTreeSet<Resource> {
    let mut needs = stands_on(opaque, context.after());
    if opaque.id.kind != OpaqueKind::Extension {
        needs.extend(context.made_in([]));
    }
    for own in types_of(opaque, context.after()) {
        needs.remove(&Resource::Opaque(own.id.clone()));
        needs.insert(name_of(&own.id.name));
    }
    for view in circles::views_around(opaque, context.after()) {
        needs.remove(&Resource::Opaque(view.id.clone()));
        needs.insert(name_of(&view.id.name));
    }
    needs.remove(&Resource::Opaque(opaque.id.clone()));
    needs
}

fn frees(opaque: &Opaque, context: &Context<'_>) -> BTreeSet<Resource> {
    let mut frees = stands_on(opaque, &context.before);
    if opaque.id.kind != OpaqueKind::Extension {
        frees.extend(context.taken_in([]));
    }
    frees.remove(&Resource::Opaque(opaque.id.clone()));
    frees
}

/// Where a sequence stands is data: it is set aside with the sequence.
fn keep_position(id: &ObjectId, context: &Context<'_>) -> String {
    let kept = kept_table(&context.keeps_as(&id.name, None));
    format!("CREATE TABLE {kept} AS SELECT last_value, is_called FROM {}", quote_name(&id.name))
}

fn put_position_back(id: &ObjectId, context: &Context<'_>) -> Step {
    let kept = context.kept_by_the_other_way(&id.name, None);
    let name = quote_name(&id.name);
    let statements = vec![
        format!(
            "SELECT pg_catalog.setval({}::regclass, last_value, is_called) FROM {}",
            literal(&name),
            kept_table(&kept.name)
        ),
        drop_kept(&kept.name),
    ];
    step(Action::AlterSequence, format!("put the position of {id} back"), statements)
        .needs([Resource::Opaque(id.clone())])
        .reads(kept)
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

/// The tables an object stands on.
fn tables<'c>(opaque: &'c Opaque, catalog: &'c Catalog) -> impl Iterator<Item = &'c Table> {
    let named = opaque.depends_on.iter().filter_map(|dependency| match dependency {
        Dependency::Table(table)
        | Dependency::Column(table, _)
        | Dependency::Constraint(table, _) => Some(table),
        Dependency::Enum(_) | Dependency::Opaque(_) => None,
    });
    named.chain(&opaque.id.table).filter_map(|name| catalog.tables.get(name))
}

/// Everything an object stands on. A view also stands on the keys of its tables (GROUP BY on a key), a materialized
/// view on the rows, and what acts on rows waits until the plan has moved them.
fn stands_on(opaque: &Opaque, catalog: &Catalog) -> BTreeSet<Resource> {
    let mut found: BTreeSet<Resource> = opaque.depends_on.iter().map(resource).collect();
    found.insert(Resource::Schema(opaque.id.name.schema.clone()));
    // A schema that no dependency tells of: published, or that of a multirange type.
    if matches!(opaque.id.kind, OpaqueKind::PublicationSchema | OpaqueKind::RangeType) {
        found.extend(catalog.schemas.iter().map(|schema| Resource::Schema(schema.clone())));
    }
    for table in tables(opaque, catalog) {
        found.insert(Resource::Table(table.name.clone()));
        match opaque.id.kind {
            // Engines tell the key that a view groups by; a model does not.
            OpaqueKind::View if opaque.columns.is_empty() => found.extend(keys(table)),
            OpaqueKind::MaterializedView => found.extend(all([keys(table), values(table)])),
            OpaqueKind::Trigger | OpaqueKind::Rule | OpaqueKind::PublicationTable => {
                found.extend(all([columns(table), values(table)]));
            }
            _ => {}
        }
    }
    found
}
