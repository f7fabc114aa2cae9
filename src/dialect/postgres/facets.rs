//! Comments, owners, rights and switches: set on what is made, changed on what stays, taken from what is moved aside.
//!
//! They come last: by then the steps say what is made anew, and what is made anew has none of them.

use std::collections::BTreeSet;

use super::action::{Action, step};
use super::context::Context;
use super::opaques::reference;
use super::parts::{column_sequences, slot};
use super::quote::{literal_or_null, quote_ident, quote_name};
use super::rights::{Repeat, Rights, held};
use super::sequences::numbered;
use super::{defaults, row_security};
use crate::catalog::facets::{Facets, Subject, Switch};
use crate::catalog::{Catalog, Column, ObjectId, OpaqueKind, Table};
use crate::dialect::{Resource, Step};
use crate::text::QName;

/// Adds the steps that give every object its facets.
pub(super) fn finish(mut steps: Vec<Step>, context: &Context<'_>) -> Vec<Step> {
    let moves = Moves::of(&steps);
    let in_force = defaults::InForce::of(context);
    let lifted = row_security::lift(&mut steps, context);
    let plan = Plan { moves: &moves, in_force: &in_force, lifted: &lifted };
    let mut found = Vec::new();
    let named = context.before.facets.keys().chain(context.after().facets.keys()).cloned();
    let mut subjects: BTreeSet<Subject> = named.collect();
    if !in_force.is_empty() {
        subjects.extend(moves.made.iter().flat_map(|resource| subjects_of(resource, context)));
    }
    for subject in &subjects {
        match subject {
            Subject::DefaultPrivileges { .. } => {}
            _ if context.after().has(subject) || is_moving(subject, context) => {
                found.extend(set(subject, &plan, context))
            }
            _ => found.extend(leave(subject, &moves, context)),
        }
    }
    defaults::order(&mut steps, context);
    steps.extend(found);
    steps.extend(defaults::steps(context));
    steps
}

/// What is known of the plan by now.
struct Plan<'p> {
    moves: &'p Moves,
    in_force: &'p defaults::InForce,
    /// Tables whose row security does not hold for the owner meanwhile.
    lifted: &'p BTreeSet<QName>,
}

/// Whether a sequence stays while its column goes.
fn is_moving(subject: &Subject, context: &Context<'_>) -> bool {
    context.moving.iter().any(|it| *subject == Subject::Sequence(it.name.clone()))
}

/// What the steps make and take away, and what they move aside.
struct Moves {
    made: BTreeSet<Resource>,
    taken: BTreeSet<Resource>,
    aside: BTreeSet<Resource>,
}

impl Moves {
    fn of(steps: &[Step]) -> Self {
        let mut moves =
            Moves { made: BTreeSet::new(), taken: BTreeSet::new(), aside: BTreeSet::new() };
        for step in steps {
            moves.made.extend(step.order.makes.iter().cloned());
            moves.taken.extend(step.order.takes.iter().cloned());
            let keeps = step.order.makes.iter().any(|made| matches!(made, Resource::Kept(_)));
            if keeps {
                let tables = step.order.takes.iter();
                moves
                    .aside
                    .extend(tables.filter(|taken| matches!(taken, Resource::Table(_))).cloned());
            }
        }
        moves
    }
}

/// How the object of a subject gets through the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    /// Made new, or made again.
    Fresh,
    /// Perhaps made again.
    Unsure,
    Stays,
}

fn passage(subject: &Subject, moves: &Moves, context: &Context<'_>) -> Passage {
    let remade = |resource: Resource| {
        if moves.taken.contains(&resource) { Passage::Fresh } else { Passage::Stays }
    };
    if let Subject::Sequence(name) = subject
        && let Some((table, column)) = owner_of(context.after(), name)
    {
        return passage_of_sequence(table, column, moves, context);
    }
    if is_moving(subject, context) {
        return Passage::Stays;
    }
    if !context.before.has(subject) {
        return Passage::Fresh;
    }
    match subject {
        Subject::Schema(_) | Subject::DefaultPrivileges { .. } => Passage::Stays,
        Subject::Table(table) => remade(Resource::Table(table.clone())),
        Subject::Constraint(table, name) | Subject::Index(table, name) => {
            if moves.taken.contains(&Resource::Table(table.clone())) {
                return Passage::Fresh;
            }
            remade(Resource::Constraint(table.clone(), name.to_string()))
        }
        Subject::Sequence(name) => remade(Resource::Opaque(free_sequence(name))),
        Subject::Enum(name) => {
            let rebuilt = context.around.rebuilt().any(|other| other == name);
            if rebuilt { Passage::Fresh } else { Passage::Stays }
        }
        Subject::Opaque(id) => remade(Resource::Opaque(id.clone())),
    }
}

fn passage_of_sequence(
    table: &Table,
    column: &Column,
    moves: &Moves,
    context: &Context<'_>,
) -> Passage {
    let before = context.before.tables.get(&table.name);
    let stood = before.and_then(|before| column_sequences(before.column(&column.name)?));
    let moved = [Resource::Table(table.name.clone()), numbered(&table.name, &column.name)];
    match stood {
        None => Passage::Unsure,
        Some(_) if moves.taken.contains(&moved[0]) => Passage::Fresh,
        Some(_) if moves.made.contains(&moved[1]) => Passage::Unsure,
        Some(_) => Passage::Stays,
    }
}

/// The column that a sequence belongs to.
fn owner_of<'c>(catalog: &'c Catalog, name: &QName) -> Option<(&'c Table, &'c Column)> {
    let columns =
        catalog.tables.values().flat_map(|table| table.columns.iter().map(move |it| (table, it)));
    let owns = |column: &Column| column_sequences(column).is_some_and(|it| it.name == *name);
    columns.into_iter().find(|(_, column)| owns(column))
}

pub(super) fn free_sequence(name: &QName) -> ObjectId {
    let (name, signature) = (name.clone(), String::new());
    ObjectId { kind: OpaqueKind::Sequence, name, signature, table: None }
}

/// The subjects that come with what a step makes.
fn subjects_of(resource: &Resource, context: &Context<'_>) -> Vec<Subject> {
    match resource {
        Resource::Schema(name) => vec![Subject::Schema(name.clone())],
        Resource::Enum(name) => vec![Subject::Enum(name.clone())],
        Resource::Opaque(id) if id.kind == OpaqueKind::Sequence => {
            vec![Subject::Sequence(id.name.clone())]
        }
        Resource::Opaque(id) => vec![Subject::Opaque(id.clone())],
        Resource::Table(name) => {
            let table = context.after().tables.get(name);
            let sequences = table.into_iter().flat_map(|table| &table.columns);
            let sequences = sequences.filter_map(column_sequences);
            let own = sequences.map(|sequence| Subject::Sequence(sequence.name.clone()));
            own.chain([Subject::Table(name.clone())]).collect()
        }
        Resource::Column(table, column) => {
            let table = context.after().tables.get(table);
            let sequence = table.and_then(|table| column_sequences(table.column(column)?));
            sequence.map(|sequence| Subject::Sequence(sequence.name.clone())).into_iter().collect()
        }
        Resource::Constraint(..) | Resource::Values(..) | Resource::Kept(_) | Resource::Renames => {
            Vec::new()
        }
    }
}

/// What an object has to be there for.
fn needs(subject: &Subject, catalog: &Catalog) -> Vec<Resource> {
    match subject {
        Subject::Schema(name) => vec![Resource::Schema(name.clone())],
        Subject::Table(name) => vec![Resource::Table(name.clone())],
        Subject::Constraint(table, name) | Subject::Index(table, name) => vec![
            Resource::Table(table.clone()),
            Resource::Constraint(table.clone(), name.to_string()),
        ],
        Subject::Sequence(name) => {
            let mut needs =
                vec![slot(&name.schema, &name.name), Resource::Opaque(free_sequence(name))];
            if let Some((table, column)) = owner_of(catalog, name) {
                needs.push(Resource::Table(table.name.clone()));
                needs.push(Resource::Column(table.name.clone(), column.name.clone()));
                needs.push(numbered(&table.name, &column.name));
            }
            needs
        }
        Subject::Enum(name) => vec![Resource::Enum(name.clone())],
        Subject::Opaque(id) => {
            let mut needs = vec![Resource::Opaque(id.clone())];
            // Data steps switch them off and on again: what they are set to comes after.
            if matches!(id.kind, OpaqueKind::Trigger | OpaqueKind::Rule) {
                let table = id.table.as_ref().and_then(|table| catalog.tables.get(table));
                needs.extend(table.map(super::parts::values).unwrap_or_default());
            }
            needs
        }
        Subject::DefaultPrivileges { schema, .. } => {
            schema.iter().map(|schema| Resource::Schema(schema.clone())).collect()
        }
    }
}

/// The steps that give an object what the new side says of it.
fn set(subject: &Subject, plan: &Plan<'_>, context: &Context<'_>) -> Vec<Step> {
    let moves = plan.moves;
    let passage = passage(subject, moves, context);
    let after = context.after().facets_of(subject);
    let old = match subject {
        // Its name may follow that of its table.
        Subject::Sequence(name) => before_sequence(name, context),
        _ => subject.clone(),
    };
    let before = match passage {
        Passage::Fresh => None,
        Passage::Unsure | Passage::Stays => context.before.facets_of(&old),
    };
    let mut rights_before = held(before);
    if passage != Passage::Stays {
        rights_before.extend(plan.in_force.on(subject));
    }
    let stands = |column: &crate::text::Ident| match subject {
        Subject::Table(name) => {
            context.after().tables.get(name).is_some_and(|table| table.column(column).is_some())
        }
        _ => true,
    };
    rights_before.retain(|(_, column, _), _| column.as_ref().is_none_or(stands));
    let repeat = match (passage, subject) {
        (Passage::Unsure, _) => Repeat::Always,
        // One that was moved aside comes back without what default privileges give a new one.
        (Passage::Fresh, Subject::Table(_)) if !rights_before.is_empty() => Repeat::Always,
        (Passage::Stays, Subject::Table(table)) if has_new_columns(table, moves) => Repeat::Columns,
        (Passage::Fresh | Passage::Stays, _) => Repeat::Never,
    };
    let rights = Rights::between(&rights_before, &held(after), repeat);
    let nothing = Facets::none(subject.clone());
    let mut before = before.unwrap_or(&nothing).clone();
    if matches!(subject, Subject::Table(table) if plan.lifted.contains(table)) {
        before.switches.remove(&Switch::ForceRowSecurity);
    }
    let is_owned = |name: &QName| {
        owner_of(context.after(), name).is_some()
            || context.moving.iter().any(|it| it.name == *name && it.gets_owned())
    };
    if matches!(subject, Subject::Sequence(name) if is_owned(name)) {
        // It goes with its table, whoever had it alone.
        before.owner = after.and_then(|after| after.owner.clone());
    }
    let pair = Pair { subject, before: &before, after: after.unwrap_or(&nothing) };
    let lines: Vec<&str> = pair.after.lines.iter().map(|line| line.set.as_str()).collect();
    let mentioned = context.made_in(lines);
    let mut steps = pair.steps(&rights, passage);
    for step in &mut steps {
        if step.order.makes.contains(&owned(subject)) {
            step.order.needs.extend(with_sequences(subject, context));
        }
        step.order.needs.extend(needs(subject, context.after()));
        step.order.needs.extend(mentioned.iter().cloned());
        if passage == Passage::Fresh && !is_on_an_old_table(subject, context) {
            step.facts.lock = crate::dialect::Lock::None;
        }
    }
    steps
}

/// Whether an object that was just made stands on a table that was there before, which is locked for what is said of it.
fn is_on_an_old_table(subject: &Subject, context: &Context<'_>) -> bool {
    let table = match subject {
        Subject::Constraint(table, _) => Some(table),
        Subject::Opaque(id) => {
            let kinds = [OpaqueKind::Trigger, OpaqueKind::Rule, OpaqueKind::Policy];
            id.table.as_ref().filter(|_| kinds.contains(&id.kind))
        }
        Subject::Schema(_)
        | Subject::Table(_)
        | Subject::Index(..)
        | Subject::Sequence(_)
        | Subject::Enum(_)
        | Subject::DefaultPrivileges { .. } => None,
    };
    table.is_some_and(|table| {
        context.after().tables.contains_key(table) && !context.new_tables.contains(table)
    })
}

fn has_new_columns(table: &QName, moves: &Moves) -> bool {
    let is_own = |resource: &&Resource| matches!(resource, Resource::Column(it, _) if it == table);
    moves.taken.iter().any(|resource| is_own(&resource))
}

/// The name that an owned sequence has before the plan gives it another.
fn before_sequence(name: &QName, context: &Context<'_>) -> Subject {
    let found = owner_of(context.after(), name).and_then(|(table, column)| {
        let before = context.before.tables.get(&table.name)?;
        column_sequences(before.column(&column.name)?)
    });
    Subject::Sequence(found.map_or_else(|| name.clone(), |sequence| sequence.name.clone()))
}

/// What a table that is moved aside must not keep: rights of others, and row security.
fn leave(subject: &Subject, moves: &Moves, context: &Context<'_>) -> Option<Step> {
    let Subject::Table(name) = subject else { return None };
    let own = Resource::Table(name.clone());
    if !moves.aside.contains(&own) {
        return None;
    }
    let before = context.before.facets_of(subject)?;
    let mut statements = switches(name, before, &Facets::none(subject.clone()));
    let rights = Rights::between(&held(Some(before)), &held(None), Repeat::Never);
    statements.extend(rights.statements("", &granted(subject)?, before.owner.as_ref()));
    if statements.is_empty() {
        return None;
    }
    let title = format!("take back rights on {name} before it is moved aside");
    Some(step(Action::ChangeRowSecurity, title, statements).frees([own]))
}

/// The facets of one object on both sides.
struct Pair<'p> {
    subject: &'p Subject,
    before: &'p Facets,
    after: &'p Facets,
}

impl Pair<'_> {
    fn steps(&self, rights: &Rights, passage: Passage) -> Vec<Step> {
        let mut found = Vec::new();
        let (subject, before, after) = (self.subject, self.before, self.after);
        if before.owner != after.owner {
            found.push(step(Action::ChangeOwner, format!("set owner of {subject}"), self.owner()));
        }
        if !rights.is_empty()
            && let Some(on) = granted(subject)
        {
            let statements = rights.statements("", &on, after.owner.as_ref());
            let made = step(Action::Grant, format!("set rights on {subject}"), statements);
            let columns = rights.columns().into_iter().filter_map(|column| match subject {
                Subject::Table(table) => Some(Resource::Column(table.clone(), column.clone())),
                _ => None,
            });
            found.push(made.needs(columns).needs([owned(subject)]));
        }
        if let Subject::Table(name) = subject
            && before.switches != after.switches
        {
            let title = format!("set row level security of {name}");
            let made = step(Action::ChangeRowSecurity, title, switches(name, before, after));
            found.push(made.takes([row_security::moved(name)]));
        }
        let repeats = passage == Passage::Unsure && after.comment.is_some();
        if before.comment != after.comment || repeats {
            let title = format!("comment on {subject}");
            found.push(step(Action::Comment, title, vec![comment(subject, after)]));
        }
        let lines = self.lines();
        if !lines.is_empty() {
            let made = step(Action::ChangeSettings, format!("set settings of {subject}"), lines);
            found.push(match subject {
                // Source: `AlterTableGetLockLevel` of PostgreSQL, AT_EnableTrig.
                Subject::Opaque(id) if id.kind == OpaqueKind::Trigger => {
                    made.lock(crate::dialect::Lock::ShareRowExclusive)
                }
                Subject::Schema(_)
                | Subject::Table(_)
                | Subject::Constraint(..)
                | Subject::Index(..)
                | Subject::Sequence(_)
                | Subject::Enum(_)
                | Subject::Opaque(_)
                | Subject::DefaultPrivileges { .. } => made,
            });
        }
        if before.owner != after.owner
            && let Some(first) = found.first_mut()
        {
            first.order.makes.insert(owned(subject));
        }
        found
    }

    fn owner(&self) -> Vec<String> {
        let role = match (&self.after.owner, self.subject) {
            (Some(role), _) => quote_ident(role),
            (None, Subject::Schema(name)) if name.as_str() == "public" => {
                "pg_database_owner".to_owned()
            }
            (None, _) => "CURRENT_USER".to_owned(),
        };
        vec![format!("ALTER {} OWNER TO {role}", altered(self.subject))]
    }

    fn lines(&self) -> Vec<String> {
        let new = self.after.lines.iter().filter(|line| !self.before.lines.contains(line));
        let is_replaced = |unset: &str| self.after.lines.iter().any(|line| line.unset == unset);
        let gone = self.before.lines.iter().filter(|line| !self.after.lines.contains(line));
        let unset = gone.map(|line| &line.unset).filter(|unset| !is_replaced(unset)).cloned();
        unset.chain(new.map(|line| line.set.clone())).collect()
    }
}

/// The columns of a table that own sequences: those they get are given to the role that has the table before.
fn with_sequences(subject: &Subject, context: &Context<'_>) -> Vec<Resource> {
    let Subject::Table(name) = subject else { return Vec::new() };
    let columns = context.after().tables.get(name).into_iter().flat_map(|table| &table.columns);
    columns
        .filter(|column| column_sequences(column).is_some())
        .flat_map(|column| {
            let made = Resource::Column(name.clone(), column.name.clone());
            [made, numbered(name, &column.name)]
        })
        .collect()
}

/// That an object has its new owner.
fn owned(subject: &Subject) -> Resource {
    Resource::Constraint(QName::new("", subject.to_string()), "owner".to_owned())
}

fn switches(table: &QName, before: &Facets, after: &Facets) -> Vec<String> {
    let words = |switch: Switch| match switch {
        Switch::RowSecurity => ("ENABLE", "DISABLE"),
        Switch::ForceRowSecurity => ("FORCE", "NO FORCE"),
    };
    let name = quote_name(table);
    let text = |word: &str| format!("ALTER TABLE {name} {word} ROW LEVEL SECURITY");
    let off = before.switches.difference(&after.switches).map(|switch| text(words(*switch).1));
    let on = after.switches.difference(&before.switches).map(|switch| text(words(*switch).0));
    off.chain(on).collect()
}

fn comment(subject: &Subject, facets: &Facets) -> String {
    let on = match subject {
        Subject::Constraint(table, name) => {
            format!("CONSTRAINT {} ON {}", quote_ident(name), quote_name(table))
        }
        Subject::Index(table, name) => {
            let name = QName { schema: table.schema.clone(), name: name.clone() };
            format!("INDEX {}", quote_name(&name))
        }
        Subject::Schema(_)
        | Subject::Table(_)
        | Subject::Sequence(_)
        | Subject::Enum(_)
        | Subject::Opaque(_)
        | Subject::DefaultPrivileges { .. } => altered(subject),
    };
    // Inspection takes the comment that `initdb` gives this schema for none.
    let standard = match subject {
        Subject::Schema(name) if name.as_str() == "public" => Some("standard public schema"),
        _ => None,
    };
    format!("COMMENT ON {on} IS {}", literal_or_null(facets.comment.as_deref().or(standard)))
}

/// How ALTER and COMMENT name an object.
fn altered(subject: &Subject) -> String {
    match subject {
        Subject::Schema(name) => format!("SCHEMA {}", quote_ident(name)),
        Subject::Table(name) => format!("TABLE {}", quote_name(name)),
        Subject::Constraint(table, _) | Subject::Index(table, _) => {
            format!("TABLE {}", quote_name(table))
        }
        Subject::Sequence(name) => format!("SEQUENCE {}", quote_name(name)),
        Subject::Enum(name) => format!("TYPE {}", quote_name(name)),
        Subject::Opaque(id) => format!("{} {}", id.kind.words(), reference(id)),
        Subject::DefaultPrivileges { .. } => "DEFAULT PRIVILEGES".to_owned(),
    }
}

/// GRANT knows aggregates as functions of all their arguments.
fn aggregate(id: &ObjectId) -> String {
    let arguments = match id.signature.split_once("ORDER BY ") {
        _ if id.signature == "*" => String::new(),
        Some((direct, ordered)) if direct.trim_end() == ordered => ordered.to_owned(),
        Some((direct, ordered)) if direct.trim().is_empty() => ordered.to_owned(),
        Some((direct, ordered)) => format!("{}, {ordered}", direct.trim_end()),
        None => id.signature.clone(),
    };
    format!("FUNCTION {}({arguments})", quote_name(&id.name))
}

/// How GRANT names an object, if it has rights.
fn granted(subject: &Subject) -> Option<String> {
    match subject {
        Subject::Schema(name) => Some(format!("SCHEMA {}", quote_ident(name))),
        Subject::Table(name) => Some(format!("TABLE {}", quote_name(name))),
        Subject::Sequence(name) => Some(format!("SEQUENCE {}", quote_name(name))),
        Subject::Enum(name) => Some(format!("TYPE {}", quote_name(name))),
        Subject::Opaque(id) => {
            let word = match id.kind {
                OpaqueKind::View
                | OpaqueKind::MaterializedView
                | OpaqueKind::ForeignTable
                | OpaqueKind::VirtualTable => "TABLE",
                OpaqueKind::Domain
                | OpaqueKind::Type
                | OpaqueKind::RangeType
                | OpaqueKind::BaseType => "TYPE",
                OpaqueKind::Function => "FUNCTION",
                OpaqueKind::Procedure => "PROCEDURE",
                OpaqueKind::Sequence => "SEQUENCE",
                OpaqueKind::Language => "LANGUAGE",
                OpaqueKind::ForeignDataWrapper => "FOREIGN DATA WRAPPER",
                OpaqueKind::Server => "FOREIGN SERVER",
                OpaqueKind::Aggregate => return Some(aggregate(id)),
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
                | OpaqueKind::AccessMethod
                | OpaqueKind::Transform
                | OpaqueKind::UserMapping
                | OpaqueKind::Index
                | OpaqueKind::Rule
                | OpaqueKind::Trigger
                | OpaqueKind::Policy
                | OpaqueKind::Statistics
                | OpaqueKind::EventTrigger
                | OpaqueKind::Publication
                | OpaqueKind::PublicationTable
                | OpaqueKind::PublicationSchema => return None,
            };
            Some(format!("{word} {}", reference(id)))
        }
        Subject::Constraint(..) | Subject::Index(..) | Subject::DefaultPrivileges { .. } => None,
    }
}
