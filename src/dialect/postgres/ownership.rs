//! Sequences that stay while the column that owns them does not: it goes, is built anew, or another one owns them now.
//!
//! Such a sequence is let go first and owned last, and the tables are lowered as if no column owned it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::action::{Action, step};
use super::context::Context;
use super::quote::quote_name;
use super::render;
use crate::catalog::{Catalog, Opaque, OpaqueKind, Sequence, Table};
use crate::change::{Change, Delta, Diff};
use crate::dialect::{Resource, Step};
use crate::text::{Ident, QName};

/// How the statement that gives a sequence to a column is told from others.
const OWNED: &str = " OWNED BY ";

/// Who has a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    /// Nobody, or a column that has another of its own.
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
            Owner::Free(_) => None,
            Owner::Column { table, column, .. } => Some((table, column)),
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
    let (before, after) = (owners(before), owners(&diff.after));
    before
        .into_iter()
        .filter_map(|(name, before)| {
            let after = after.get(&name)?.clone();
            let is_free = matches!((&before, &after), (Owner::Free(_), Owner::Free(_)));
            let is_rebuilt = before.column().is_some_and(|(table, _)| rebuilt.contains(table));
            let moves = before.column() != after.column() || is_rebuilt;
            (!is_free && moves).then_some(Moving { name, before, after })
        })
        .collect()
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
            Owner::Free(opaque) => opaque.depends_on.iter().map(super::context::resource).collect(),
        };
        let is_owned = match &moving.before {
            Owner::Column { .. } => true,
            Owner::Free(opaque) => opaque.create.iter().any(|text| text.contains(OWNED)),
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
        let mut statements = options(moving);
        let mut needs = vec![free];
        match &moving.after {
            Owner::Column { table, column, sequence } => {
                statements.push(render::own_sequence(sequence, table, column));
                needs.push(Resource::Table(table.clone()));
                needs.push(Resource::Column(table.clone(), column.clone()));
            }
            Owner::Free(opaque) => {
                needs.extend(opaque.depends_on.iter().map(super::context::resource));
            }
        }
        if !statements.is_empty() {
            let title = format!("change owner of sequence {}", moving.name);
            steps.push(step(Action::AlterSequence, title, statements).needs(needs));
        }
    }
    steps
}

/// What differs but for the owner.
fn options(moving: &Moving) -> Vec<String> {
    match (&moving.before, &moving.after) {
        (Owner::Column { sequence: old, .. }, Owner::Column { sequence: new, .. }) => {
            super::sequences::alter(old, new)
        }
        (Owner::Free(opaque), Owner::Column { sequence, .. }) => {
            let mut statements = vec![render::alter_sequence(sequence)];
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
            let texts = &opaque.create;
            let mut statements: Vec<String> = texts
                .iter()
                .map(|text| text.replacen("CREATE SEQUENCE", "ALTER SEQUENCE", 1))
                .collect();
            let is_unlogged = texts.iter().any(|text| text.ends_with(" SET UNLOGGED"));
            if sequence.unlogged == Some(true) && !is_unlogged {
                statements.push(format!("ALTER SEQUENCE {} SET LOGGED", quote_name(&moving.name)));
            }
            statements
        }
        (Owner::Free(_), Owner::Free(_)) => Vec::new(),
    }
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
        let resource = super::context::slot(&name.schema, &name.name);
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
