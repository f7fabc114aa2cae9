//! Whole tables: made, moved aside and back, thrown away.

use std::collections::BTreeSet;

use super::action::{Action, step};
use super::aside::{
    Aside, holds_on, lets_go_for, move_aside, move_back, satellites, taken_along_by,
};
use super::context::{Context, Part};
use super::keep::{kept_table, restore_renamed_rows};
use super::parts::{column_sequences, columns, keys, slots, texts, texts_and_indexes, values};
use super::quote::{quote_ident, quote_name};
use super::{constraints, hierarchy, keep, not_null, positions, render, settings};
use crate::catalog::{ConstraintKind, Table};
use crate::change::{Extracted, Per};
use crate::dialect::{Direction, Resource, Step, moving};
use crate::text::{Dialect, Ident, QName};

/// Makes a table, or brings it back with its rows where the other way moved it aside.
pub(super) fn add(table: &Table, context: &Context<'_>) -> Vec<Step> {
    let (name, origin) = (&table.name, Origin::of(table, context));
    let mut steps = match origin {
        Origin::Aside => vec![bring_back(table, context)],
        Origin::Kept | Origin::Nowhere => {
            let mut steps = create(table, context);
            steps.extend(extract(table, Per::Row, context).filter(|_| {
                // On the way back the rows that return follow what was changed.
                origin == Origin::Nowhere || context.direction == Direction::Up
            }));
            if origin == Origin::Kept {
                steps.push(put_rows_back(table, context));
                let columns = table.columns.iter().filter(|_| is_copied(table, context));
                steps.extend(columns.filter_map(|it| positions::restore(name, it, context)));
            }
            steps.extend(settings::of_new(table, context));
            steps.extend(not_null::of_new(table));
            steps
        }
    };
    if origin != Origin::Nowhere {
        steps.extend(follow(table, context));
    }
    steps.extend(extract(table, Per::Set, context));
    for constraint in &table.constraints {
        // A table that was brought back still has its own constraints; its foreign keys were dropped.
        let is_made = match origin {
            Origin::Aside => !matches!(constraint.kind, ConstraintKind::ForeignKey(_)),
            Origin::Kept | Origin::Nowhere => {
                constraints::stands_in_create(table, constraint, context)
            }
        };
        if !is_made {
            steps.extend(constraints::add_own(table, constraint, context));
        }
    }
    steps
}

/// Where a new table gets its rows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// It was moved aside whole.
    Aside,
    /// It is made anew, and its rows may be kept.
    Kept,
    /// It starts empty, or gets its rows with those of a parent.
    Nowhere,
}

impl Origin {
    fn of(table: &Table, context: &Context<'_>) -> Self {
        let nothing = context.is_discarded(&table.name, None) || hierarchy::travels(table, context);
        match context.direction {
            _ if nothing => Origin::Nowhere,
            Direction::Up => Origin::Kept,
            Direction::Down if is_copied(table, context) => Origin::Kept,
            Direction::Down => Origin::Aside,
        }
    }
}

/// Whether a table inherits: it cannot be moved aside whole, for its columns would become its own.
fn is_heir(table: &Table) -> bool {
    let options = hierarchy::options(table);
    !options.parents.is_empty() && !options.is_partition()
}

/// Whether the rows of a table that goes are copied, since it cannot be moved aside whole.
fn is_copied(table: &Table, context: &Context<'_>) -> bool {
    is_heir(table) || holds_on(&table.name, context)
}

pub(super) fn create(table: &Table, context: &Context<'_>) -> Vec<Step> {
    let name = &table.name;
    let statements =
        render::create_table(table, &|it| constraints::stands_in_create(table, it, context));
    let mut made = step(Action::CreateTable, format!("create table {name}"), statements)
        .needs([Resource::Schema(name.schema.clone())])
        .needs(context.made_in(texts(table)))
        .makes([Resource::Table(name.clone())])
        .makes(columns(table))
        .makes(keys_at_once(table, context))
        .makes(slots(table));
    let mut parents = hierarchy::options(table).parents.iter();
    if is_heir(table) && parents.any(|parent| !context.new_tables.contains(parent)) {
        made = made.lock(crate::dialect::Lock::ShareUpdateExclusive);
    }
    {
        // A partition's default may count with the sequence of its parent.
        let parents = hierarchy::options(table).parents.iter();
        let parents = parents.filter_map(|parent| context.after().tables.get(parent));
        made = made.needs(parents.flat_map(|parent| {
            let own = std::iter::once(Resource::Table(parent.name.clone()));
            own.chain(columns(parent)).collect::<Vec<_>>()
        }));
    }
    let mut steps = vec![made];
    for index in &table.indexes {
        steps.push(constraints::create_index(table, index, context));
    }
    steps
}

/// The keys that stand inside CREATE TABLE.
fn keys_at_once(table: &Table, context: &Context<'_>) -> BTreeSet<Resource> {
    let mut keys = keys(table);
    for constraint in &table.constraints {
        if !constraints::stands_in_create(table, constraint, context) {
            let name = constraint.name.iter().map(ToString::to_string);
            name.for_each(|name| {
                keys.remove(&Resource::Constraint(table.name.clone(), name));
            });
        }
    }
    for index in &table.indexes {
        keys.remove(&Resource::Constraint(table.name.clone(), index.name.to_string()));
    }
    keys
}

/// Fills a table that was made anew with the rows that the other way kept.
fn put_rows_back(table: &Table, context: &Context<'_>) -> Step {
    let name = &table.name;
    let kept = context.kept_by_the_other_way(name, None);
    let renamed = context.renamed_with_parent(table);
    let old_name = |column: &Ident| {
        let old = renamed.iter().find(|(part, _, new)| *part == Part::Column && *new == column);
        old.map_or_else(|| column.clone(), |(_, old, _)| (*old).clone())
    };
    let mut statements = restore_renamed_rows(table, &kept.name, &old_name);
    let drop = statements.pop();
    if !is_copied(table, context) {
        // The sequences that went aside with the table say where they stood.
        let asides = satellites(table, &kept.name);
        let sequences = table.columns.iter().filter_map(column_sequences);
        statements.extend(sequences.filter_map(|sequence| {
            let aside = asides
                .iter()
                .find(|(kind, own, _)| *kind == "SEQUENCE" && *own == sequence.name.name);
            aside.map(|(_, _, aside)| positions::copy(sequence, &kept_table(aside)))
        }));
    }
    statements.extend(drop);
    if context.diff.extractions(name).iter().any(|it| it.per == Per::Row) {
        statements.insert(0, format!("DELETE FROM {}", quote_name(name)));
    }
    step(Action::FillTable, format!("put rows back into {name}"), statements)
        .lock(crate::dialect::Lock::None)
        .needs([Resource::Table(name.clone()), spread(name)])
        .needs(hierarchy::partitions_joined(name, context))
        .makes(values(table))
        .reads(kept)
}

/// Makes the rows that values of another table become.
fn extract(table: &Table, per: Per, context: &Context<'_>) -> Option<Step> {
    let name = &table.name;
    let mut found = context.diff.extractions(name);
    found.retain(|it| it.per == per);
    if found.is_empty() {
        return None;
    }
    let givers: BTreeSet<&QName> = found.iter().map(|it| &it.from).collect();
    let mut statements: Vec<String> = givers.into_iter().map(keep::hold_writes).collect();
    statements.extend(found.iter().map(|it| moving::extract(it, table, Dialect::Postgres)));
    let goes = found.iter().flat_map(|it| {
        it.values.iter().map(|value| Resource::Column(it.from.clone(), value.from.clone()))
    });
    let title = format!("make the rows of {name} from what moves there");
    let made = step(Action::FillTable, title, statements)
        .lock(crate::dialect::Lock::ShareRowExclusive)
        .needs([Resource::Table(name.clone())])
        .frees(goes.collect::<Vec<_>>())
        .makes(values(table))
        .makes([moving::arrived(name)]);
    Some(match per {
        Per::Set => made.needs(values(table)),
        Per::Row => made.makes([spread(name)]),
    })
}

/// The rows are there that a first run makes; where rows were kept, those come in their place.
fn spread(table: &QName) -> Resource {
    Resource::Constraint(table.clone(), "rows are made of what moves there".to_owned())
}

/// Lets rows that came back follow what was changed while they were gone.
fn follow(table: &Table, context: &Context<'_>) -> Vec<Step> {
    let name = &table.name;
    let mut found = context.diff.extractions(name);
    found.retain(|it| it.per == Per::Row);
    let steps = found.iter().enumerate().map(|(number, extraction)| {
        let written = moving::written_name(number);
        let kept = context.kept_by_the_other_way(name, Some(&written));
        let following = moving::Following {
            extraction,
            table,
            kept: &kept_table(&kept.name),
            before: &context.before,
            after: context.after(),
        };
        let mut statements = vec![keep::hold_writes(&extraction.from)];
        statements.extend(following.statements());
        let values_of =
            |value: &Extracted| Resource::Column(extraction.from.clone(), value.from.clone());
        let title =
            format!("let the rows of {name} follow what was changed in {}", extraction.from);
        super::values::quietly(title, name, statements, context)
            .lock(crate::dialect::Lock::ShareRowExclusive)
            .needs([Resource::Table(name.clone())])
            .needs(values(table))
            .frees(extraction.values.iter().map(values_of).collect::<Vec<_>>())
            .makes(values(table))
            .makes([moving::arrived(name)])
            .reads(kept)
    });
    steps.collect()
}

/// Notes what rows hold of the values that were gathered from a table which goes.
fn note(table: &Table, context: &Context<'_>) -> Vec<Step> {
    let name = &table.name;
    let found = context.diff.gathered(name);
    let steps = found.iter().enumerate().filter_map(|(number, gathered)| {
        let into = context.after().tables.get(&gathered.into)?;
        let kept = context.keeps_as(name, Some(&moving::written_name(number)));
        let mut statements = vec![keep::hold_writes(&into.name)];
        let made = moving::note(gathered, into, &kept_table(&kept), Dialect::Postgres);
        statements.extend(made);
        let title = format!("note what {} holds of {name}", into.name);
        let of_columns = |make: fn(QName, Ident) -> Resource| {
            let columns = gathered.columns.iter().chain(&gathered.keys);
            columns.map(|it| make(into.name.clone(), it.clone())).collect::<Vec<_>>()
        };
        let made = step(Action::FillTable, title, statements)
            .lock(crate::dialect::Lock::ShareRowExclusive)
            .needs(of_columns(Resource::Column))
            .needs(of_columns(Resource::Values))
            .makes([Resource::Kept(kept)]);
        Some(made)
    });
    steps.collect()
}

/// Moves a table aside with its rows, or throws it away where that was asked for.
pub(super) fn drop(table: &Table, context: &Context<'_>) -> Vec<Step> {
    let name = &table.name;
    let (early, foreign_keys): (Vec<_>, Vec<_>) = foreign_keys(table, context)
        .into_iter()
        .partition(|(key, _)| is_in_the_way(table, key, context));
    let early = table
        .constraints
        .iter()
        .filter(|constraint| early.iter().any(|(key, _)| constraint.name.as_ref() == Some(*key)));
    let early = early.filter_map(|constraint| constraints::drop(table, constraint, context));
    let mut statements: Vec<String> =
        foreign_keys.iter().map(|(key, _)| render::drop_constraint(name, key)).collect();
    let step = if context.is_discarded(name, None) {
        statements.push(format!("DROP TABLE {}", quote_name(name)));
        step(Action::DropTable, format!("drop table {name}"), statements)
    } else if is_copied(table, context) {
        let kept = context.keeps_as(name, None);
        statements.insert(0, keep::hold_writes(name));
        statements.push(keep::keep_rows(table, &kept));
        statements.extend(table.columns.iter().filter_map(|column| {
            let position = positions::kept_as(name, &column.name, context);
            Some(positions::save(column_sequences(column)?, name, column, &position))
        }));
        statements.push(format!("DROP TABLE {}", quote_name(name)));
        let parents = hierarchy::options(table).parents.iter();
        step(Action::MoveTable, format!("keep the rows of {name} and drop it"), statements)
            .undo(crate::dialect::Undo::Kept, "all rows are copied")
            .frees(parents.map(|parent| Resource::Table(parent.clone())).collect::<Vec<_>>())
            .makes([Resource::Kept(kept)])
    } else {
        let kept = context.keeps_as(name, None);
        let mut along = Vec::new();
        if !hierarchy::travels(table, context) && taken_along_by(table, context).is_none() {
            let aside = Aside::of(table, context);
            statements.extend(aside.leave());
            along = aside.partitions();
        }
        statements.extend(move_aside(table, &kept));
        step(Action::MoveTable, format!("move table {name} aside"), statements)
            .needs([has_let_go(name)])
            .makes(along.iter().map(|it| has_let_go(&it.name)))
            .frees(context.taken_in(along.iter().flat_map(|it| texts_and_indexes(it))))
            .makes([Resource::Kept(kept)])
    };
    let own = if lets_go_for(name, context) { Vec::new() } else { texts_and_indexes(table) };
    let step = step
        .takes([Resource::Table(name.clone())])
        .takes(columns(table))
        .takes(keys(table))
        .takes(slots(table))
        .frees([Resource::Schema(name.schema.clone())])
        .frees(context.taken_in(own))
        .frees(referenced(&foreign_keys, name, context));
    let noted = if context.is_discarded(name, None) { Vec::new() } else { note(table, context) };
    early.chain(noted).chain([step]).collect()
}

/// The marker of a partition that has let go of what it may not take along, which its parent sees to.
fn has_let_go(partition: &QName) -> Resource {
    Resource::Constraint(partition.clone(), "what stays behind".to_owned())
}

/// Whether a foreign key points at another table that goes and that cannot go while the key is there, or at a tree of
/// which a partition leaves.
fn is_in_the_way(table: &Table, key: &Ident, context: &Context<'_>) -> bool {
    let is_inherited = hierarchy::options(table).inherited.contains_key(key);
    let constraint = table.constraints.iter().find(|it| it.name.as_ref() == Some(key));
    let Some(ConstraintKind::ForeignKey(key)) = constraint.map(|it| &it.kind) else { return false };
    if !is_inherited && context.let_apart.contains(&key.references) {
        return true;
    }
    let other = context.before.tables.get(&key.references);
    let goes = |other: &&Table| {
        other.name != table.name && !context.after().tables.contains_key(&other.name)
    };
    other.filter(goes).is_some_and(|other| {
        let is_dropped = context.is_discarded(&other.name, None) || is_copied(other, context);
        is_dropped || Aside::of(other, context).lets_go_of(&key.referenced_columns)
    })
}

/// The steps that drop the foreign keys of a table which its parent does not drop.
pub(super) fn drop_foreign_keys(table: &Table, context: &Context<'_>) -> Vec<Step> {
    let own = foreign_keys(table, context);
    let goes = |constraint: &&crate::catalog::Constraint| {
        own.iter().any(|(key, _)| constraint.name.as_ref() == Some(*key))
    };
    let keys = table.constraints.iter().filter(goes);
    keys.filter_map(|constraint| constraints::drop(table, constraint, context)).collect()
}

/// What the foreign keys of a table stand on in other tables.
fn referenced(
    foreign_keys: &[(&Ident, &QName)],
    own: &QName,
    context: &Context<'_>,
) -> BTreeSet<Resource> {
    foreign_keys
        .iter()
        .filter(|(_, table)| *table != own)
        .filter_map(|(_, table)| context.before.tables.get(*table))
        .flat_map(|table| {
            // Not the table itself: two tables that point at each other may go in either order.
            columns(table).into_iter().chain(keys(table))
        })
        .filter(|resource| match resource {
            Resource::Column(table, _) | Resource::Constraint(table, _) => {
                context.after().tables.contains_key(table)
            }
            _ => true,
        })
        .collect()
}

/// The foreign keys that a table drops itself: not those that a parent drops.
fn foreign_keys<'t>(table: &'t Table, context: &Context<'_>) -> Vec<(&'t Ident, &'t QName)> {
    let follows = |name: &Ident| hierarchy::goes_with_parent(table, name, context);
    let keys = table.constraints.iter().filter_map(|constraint| match &constraint.kind {
        ConstraintKind::ForeignKey(key) => {
            let name = constraint.name.as_ref().filter(|name| !follows(name))?;
            Some((name, &key.references))
        }
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion => None,
    });
    keys.collect()
}

fn bring_back(table: &Table, context: &Context<'_>) -> Step {
    let name = &table.name;
    let kept = context.kept_by_the_other_way(name, None);
    let mut statements = move_back(table, &kept.name);
    statements.extend(context.renamed_with_parent(table).into_iter().map(|(part, old, new)| {
        let word = match part {
            Part::Column => "COLUMN",
            Part::Constraint => "CONSTRAINT",
        };
        let (old, new) = (quote_ident(old), quote_ident(new));
        format!("ALTER TABLE {} RENAME {word} {old} TO {new}", quote_name(name))
    }));
    let mut along = Vec::new();
    if taken_along_by(table, context).is_none() {
        let aside = Aside::of(table, context);
        statements.extend(aside.return_());
        along = aside.partitions();
    }
    let own = if lets_go_for(name, context) { Vec::new() } else { texts_and_indexes(table) };
    step(Action::MoveTable, format!("bring table {name} back"), statements)
        .undo(crate::dialect::Undo::Kept, "the table is moved aside again")
        .needs([Resource::Schema(name.schema.clone())])
        .needs(along.iter().map(|it| Resource::Table(it.name.clone())))
        .needs(context.made_in(along.iter().flat_map(|it| texts_and_indexes(it))))
        .needs(context.made_in(own))
        .makes([Resource::Table(name.clone())])
        .makes(columns(table))
        .makes(values(table))
        .makes(keys(table))
        .makes(slots(table))
        .reads(kept)
}
