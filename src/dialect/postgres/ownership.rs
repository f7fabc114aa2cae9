//! Sequences that stay while the column that owns them does not: it goes, is built anew, or another one owns them now.
//!
//! Such a sequence is let go first and owned last, and the tables are lowered as if no column owned it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::action::{Action, step};
use super::context::Context;
use super::quote::{quote_ident, quote_name};
use super::{positions, render, sequences};
use crate::catalog::facets::Subject;
use crate::catalog::{Catalog, Column, Dependency, Opaque, OpaqueKind, Sequence, Table};
use crate::change::{Change, Delta, Diff};
use crate::dialect::{Resource, Step};
use crate::text::{Ident, QName};

/// How the statement that gives a sequence to a column is told from others.
const OWNED: &str = " OWNED BY ";

/// Who has a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    /// Nobody, or a column that has another of its own: then its text says so.
    Free(Opaque),
    Column {
        table: QName,
        column: Ident,
        sequence: Sequence,
    },
}

impl Owner {
    fn column(&self) -> Option<(&QName, &Ident)> {
        match self {
            Owner::Free(opaque) if !is_owned(opaque) => None,
            Owner::Free(opaque) => opaque.depends_on.iter().find_map(|it| match it {
                Dependency::Column(table, column) => Some((table, column)),
                Dependency::Table(_)
                | Dependency::Constraint(..)
                | Dependency::Enum(_)
                | Dependency::Opaque(_) => None,
            }),
            Owner::Column { table, column, .. } => Some((table, column)),
        }
    }
}

impl Owner {
    fn range(&self) -> Option<positions::Range> {
        match self {
            Owner::Free(opaque) => sequences::range_of(opaque),
            Owner::Column { sequence, .. } => Some((sequence.min, sequence.max)),
        }
    }
}

/// One sequence that is on both sides.
#[derive(Clone, Debug)]
pub(super) struct Moving {
    pub(super) name: QName,
    before: Owner,
    after: Owner,
}

impl Moving {
    /// Whether a column owns it afterwards.
    pub(super) fn gets_owned(&self) -> bool {
        match &self.after {
            Owner::Column { .. } => true,
            Owner::Free(opaque) => is_owned(opaque),
        }
    }
}

/// The difference as if no column owned the sequences that stay without their owner, and those sequences.
pub(super) fn split<'d>(
    diff: &'d Diff,
    before: &Catalog,
    rebuilt: &BTreeSet<QName>,
) -> (Cow<'d, Diff>, Vec<Moving>) {
    let moving = moving(diff, before, rebuilt);
    if moving.is_empty() {
        return (Cow::Borrowed(diff), moving);
    }
    let names: BTreeSet<&QName> = moving.iter().map(|moving| &moving.name).collect();
    let mut diff = diff.clone();
    let after = Arc::make_mut(&mut diff.after);
    after.tables.values_mut().for_each(|table| disown(table, &names));
    let is_own = |delta: &Delta<Opaque>| {
        delta.after().or(delta.before()).is_some_and(|opaque| {
            opaque.id.kind == OpaqueKind::Sequence && names.contains(&opaque.id.name)
        })
    };
    diff.changes.retain(|change| !matches!(change, Change::Opaque(delta) if is_own(delta)));
    for change in &mut diff.changes {
        match change {
            Change::Table(Delta::Add(table) | Delta::Drop(table)) => disown(table, &names),
            Change::Table(Delta::Alter { before, after }) => {
                disown(before, &names);
                disown(after, &names);
            }
            Change::AlterTable(change) => {
                disown(&mut change.before, &names);
                disown(&mut change.after, &names);
                for delta in &mut change.columns {
                    match delta {
                        Delta::Add(column) | Delta::Drop(column) => disown_column(column, &names),
                        Delta::Alter { before, after } => {
                            disown_column(before, &names);
                            disown_column(after, &names);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    (Cow::Owned(diff), moving)
}

/// Forgets the owner in one catalog.
pub(super) fn disown_all(catalog: &mut Cow<'_, Catalog>, moving: &[Moving]) {
    if moving.is_empty() {
        return;
    }
    let names: BTreeSet<&QName> = moving.iter().map(|moving| &moving.name).collect();
    catalog.to_mut().tables.values_mut().for_each(|table| disown(table, &names));
}

fn disown(table: &mut Table, names: &BTreeSet<&QName>) {
    table.columns.iter_mut().for_each(|column| disown_column(column, names));
}

fn disown_column(column: &mut crate::catalog::Column, names: &BTreeSet<&QName>) {
    if column.owned_sequence.as_ref().is_some_and(|sequence| names.contains(&sequence.name)) {
        column.owned_sequence = None;
    }
}

fn moving(diff: &Diff, before: &Catalog, rebuilt: &BTreeSet<QName>) -> Vec<Moving> {
    let (old, new) = (owners(before), owners(&diff.after));
    let is_made_anew = |(table, column): (&QName, &Ident)| {
        let find = |catalog: &Catalog| catalog.tables.get(table)?.column(column).cloned();
        let is_computed = |column: &Column| column.generated.is_some();
        rebuilt.contains(table)
            || find(before).is_some_and(|it| is_computed(&it))
            || find(&diff.after).is_some_and(|it| is_computed(&it))
    };
    old.into_iter()
        .filter_map(|(name, before)| {
            let after = new.get(&name)?.clone();
            let moves =
                before.column() != after.column() || before.column().is_some_and(is_made_anew);
            moves.then_some(Moving { name, before, after })
        })
        .collect()
}

fn is_owned(sequence: &Opaque) -> bool {
    sequence.create.iter().any(|text| text.contains(OWNED))
}

fn owners(catalog: &Catalog) -> BTreeMap<QName, Owner> {
    let free = catalog.opaques.values().filter(|opaque| opaque.id.kind == OpaqueKind::Sequence);
    let free = free.map(|opaque| (opaque.id.name.clone(), Owner::Free((*opaque).clone())));
    let owned = catalog.tables.values().flat_map(|table| {
        table.columns.iter().filter_map(|column| {
            let sequence = column.owned_sequence.clone()?;
            let (table, column) = (table.name.clone(), column.name.clone());
            Some((sequence.name.clone(), Owner::Column { table, column, sequence }))
        })
    });
    free.chain(owned).collect()
}

/// The steps that let sequences go and give them to their new owners.
pub(super) fn steps(context: &Context<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    for moving in &context.moving {
        let name = quote_name(&moving.name);
        let free = Resource::Constraint(moving.name.clone(), "nobody owns it".to_owned());
        let owners = match &moving.before {
            Owner::Column { table, column, .. } => vec![
                Resource::Table(table.clone()),
                Resource::Column(table.clone(), column.clone()),
            ],
            Owner::Free(opaque) => opaque.depends_on.iter().map(super::parts::resource).collect(),
        };
        let is_owned = match &moving.before {
            Owner::Column { .. } => true,
            Owner::Free(opaque) => is_owned(opaque),
        };
        if is_owned {
            let title = format!("let sequence {} go", moving.name);
            let statement = format!("ALTER SEQUENCE {name} OWNED BY NONE");
            steps.push(
                step(Action::AlterSequence, title, vec![statement])
                    .frees(owners)
                    .makes([free.clone()]),
            );
        }
        let mut statements = options(moving, &context.keeps_as(&moving.name, None));
        let mut needs = vec![free];
        match &moving.after {
            Owner::Column { table, column, sequence } => {
                let role = role_of(moving, context);
                statements.extend(like_table(&sequence.name, role, table, context));
                statements.push(render::own_sequence(sequence, table, column));
                needs.push(Resource::Table(table.clone()));
                needs.push(Resource::Column(table.clone(), column.clone()));
            }
            Owner::Free(opaque) => {
                needs.extend(opaque.depends_on.iter().map(super::parts::resource));
            }
        }
        if !statements.is_empty() {
            let title = format!("change owner of sequence {}", moving.name);
            let changed = Resource::Constraint(moving.name.clone(), "its options".to_owned());
            let made = step(Action::AlterSequence, title, statements).needs(needs);
            steps.push(made.makes([changed.clone()]));
            if let (Some(old), Some(new)) = (moving.before.range(), moving.after.range())
                && positions::is_narrower(new, old)
            {
                let kept = context.kept_by_the_other_way(&moving.name, None);
                steps.push(positions::widen(&moving.name, kept).needs([changed]));
            }
        }
    }
    steps
}

/// The role that has a sequence when its new column gets it: whoever has it alone, or the table that let it go.
fn role_of<'c>(moving: &Moving, context: &'c Context<'_>) -> Option<&'c Ident> {
    match &moving.before {
        Owner::Column { table, .. } => role_of_table(table, context),
        Owner::Free(opaque) => {
            let facets = context.before.facets_of(&Subject::Sequence(opaque.id.name.clone()));
            facets.and_then(|facets| facets.owner.as_ref())
        }
    }
}

/// The role that has a table while the plan runs: one that is made, or made anew, belongs to whoever runs the plan
/// until its owner is set.
fn role_of_table<'c>(table: &QName, context: &'c Context<'_>) -> Option<&'c Ident> {
    let stands =
        context.before.tables.contains_key(table) && !context.around.rebuilt_tables.contains(table);
    let facets = context.before.facets_of(&Subject::Table(table.clone()));
    facets.filter(|_| stands).and_then(|facets| facets.owner.as_ref())
}

/// Gives a sequence that one role has to the role of the table whose column will own it: the engine demands that they
/// are one. Source: `process_owned_by` in `sequence.c`.
pub(super) fn like_table(
    sequence: &QName,
    role: Option<&Ident>,
    table: &QName,
    context: &Context<'_>,
) -> Option<String> {
    let wanted = role_of_table(table, context);
    (wanted != role).then(|| {
        let wanted = wanted.map_or_else(|| "CURRENT_USER".to_owned(), quote_ident);
        format!("ALTER SEQUENCE {} OWNER TO {wanted}", quote_name(sequence))
    })
}

/// What differs but for the owner.
fn options(moving: &Moving, kept: &str) -> Vec<String> {
    let name = quote_name(&moving.name);
    let within = |start: i64, alter: String| match (moving.before.range(), moving.after.range()) {
        (Some(old), Some(new)) => positions::within(&name, (old, new), start, alter, kept),
        (_, _) => vec![alter],
    };
    match (&moving.before, &moving.after) {
        (Owner::Column { sequence: old, .. }, Owner::Column { sequence: new, .. }) => {
            sequences::alter(old, new, kept)
        }
        (Owner::Free(opaque), Owner::Column { sequence, .. }) => {
            let mut statements = within(sequence.start, render::alter_sequence(sequence));
            let comments = opaque.create.iter().filter(|text| text.starts_with("COMMENT ON "));
            statements.extend(
                comments
                    .filter_map(|text| text.split_once(" IS "))
                    .map(|(target, _)| format!("{target} IS NULL")),
            );
            statements.extend(set_persistence(sequence));
            statements
        }
        (Owner::Column { sequence, .. }, Owner::Free(opaque)) => {
            let texts = opaque.create.iter();
            let mut texts = texts.map(|text| text.replacen("CREATE SEQUENCE", "ALTER SEQUENCE", 1));
            let start = sequences::start_of(opaque).unwrap_or(sequence.start);
            let mut statements = texts.next().map_or_else(Vec::new, |first| within(start, first));
            statements.extend(texts);
            if sequence.unlogged == Some(true) && !is_unlogged(opaque) {
                statements.push(format!("ALTER SEQUENCE {name} SET LOGGED"));
            }
            statements
        }
        (Owner::Free(before), Owner::Free(after)) => {
            let mut statements = sequences::alter_free(before, after, kept);
            if is_unlogged(before) && !is_unlogged(after) {
                statements.push(format!("ALTER SEQUENCE {name} SET LOGGED"));
            }
            statements
        }
    }
}

fn is_unlogged(sequence: &Opaque) -> bool {
    sequence.create.iter().any(|text| text.ends_with(" SET UNLOGGED"))
}

/// What a sequence carried as text is no longer: unlogged, owned.
pub(super) fn taken_away(before: &Opaque, after: &Opaque) -> Vec<String> {
    let name = quote_name(&after.id.name);
    let has = |opaque: &Opaque, word: &str| opaque.create.iter().any(|text| text.contains(word));
    let goes = |word: &str| has(before, word) && !has(after, word);
    let owned = goes(OWNED).then(|| format!("ALTER SEQUENCE {name} OWNED BY NONE"));
    let unlogged = goes(" SET UNLOGGED").then(|| format!("ALTER SEQUENCE {name} SET LOGGED"));
    owned.into_iter().chain(unlogged).collect()
}

/// `SET LOGGED` or `SET UNLOGGED`, on engines that know it.
pub(super) fn set_persistence(sequence: &Sequence) -> Option<String> {
    let word = if sequence.unlogged? { "UNLOGGED" } else { "LOGGED" };
    Some(format!("ALTER SEQUENCE {} SET {word}", quote_name(&sequence.name)))
}

/// Owned sequences that one catalog has and the other has not, by the names in which defaults print them.
pub(super) fn only_in(here: &Catalog, there: &Catalog) -> BTreeMap<String, Resource> {
    let there = owners(there);
    let gone = owners(here)
        .into_iter()
        .filter(|(name, owner)| matches!(owner, Owner::Column { .. }) && !there.contains_key(name));
    gone.flat_map(|(name, _)| {
        let resource = super::parts::slot(&name.schema, &name.name);
        super::context::printed_names(&name).into_iter().map(move |it| (it, resource.clone()))
    })
    .collect()
}

/// The names in `nextval('…'::regclass)`, as the engine prints them.
pub(super) fn counted_with(text: &str) -> Vec<String> {
    text.split("nextval('")
        .skip(1)
        .filter_map(|rest| rest.split_once("'::regclass"))
        .map(|(name, _)| name.replace("''", "'"))
        .collect()
}
