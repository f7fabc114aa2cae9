//! Which of the written renames apply to a pair of catalogs, and what the old catalog looks like under new names.
//!
//! A rename applies where the old side has the old name and lacks the new one, and the new side has the new name
//! and lacks the old one. Otherwise it is done already, or not yet possible, and is ignored: hints may stay.

pub(super) mod chain;
mod letter_case;

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::catalog::fingerprint::{normalize_constraint, normalize_index};
use crate::catalog::{Catalog, Constraint, ConstraintKind, OpaqueKind, Table};
use crate::change::{ColumnIntent, Intent, Rename, Target, Way, table_before, using};
use crate::text::{Dialect, Ident, QName};

/// The renames that apply, in the order in which they run: tables and types, columns, values, then constraints
/// and indexes that kept their definition. The way back takes back exactly what the way there did.
pub(super) fn resolve(before: &Catalog, after: &Catalog, intent: &Intent, way: Way) -> Vec<Rename> {
    match way {
        Way::Forth => forth(before, after, intent),
        Way::Back => inverse(&forth(after, before, intent)),
    }
}

fn forth(before: &Catalog, after: &Catalog, intent: &Intent) -> Vec<Rename> {
    let mut renames: Vec<Rename> = Vec::new();
    let mut take = |renamed: &mut Cow<'_, Catalog>, found: Vec<Rename>| {
        for rename in found {
            let (old, new) = chain::names(&rename);
            // Two hints may want one name: the first has it.
            if exists(renamed, &rename, &old) && !exists(renamed, &rename, &new) {
                apply_one(renamed.to_mut(), &rename);
                renames.push(rename);
            }
        }
    };
    let mut renamed = Cow::Borrowed(before);
    let (objects, columns): (Vec<Rename>, Vec<Rename>) =
        intent.renames.iter().cloned().partition(|rename| !matches!(rename, Rename::Column { .. }));
    let objects = chain::in_order(&objects, &renamed, after);
    take(&mut renamed, objects);
    let by_case = letter_case::tables(&renamed, after);
    take(&mut renamed, by_case);
    let columns = letter_case::spelled(columns, &renamed, after);
    let columns = chain::in_order(&columns, &renamed, after);
    take(&mut renamed, columns);
    let by_case = letter_case::columns(&renamed, after);
    take(&mut renamed, by_case);
    for rename in enum_values(&renamed, after, intent) {
        if applies(&renamed, after, &rename) {
            take(&mut renamed, vec![rename]);
        }
    }
    if after.dialect == Dialect::Postgres {
        let found = same_definitions(&renamed, after);
        take(&mut renamed, found);
    }
    renames
}

/// The catalog after the renames have run.
pub(super) fn apply<'a>(before: &'a Catalog, renames: &[Rename]) -> Cow<'a, Catalog> {
    let mut renamed = Cow::Borrowed(before);
    renames.iter().for_each(|rename| apply_one(renamed.to_mut(), rename));
    renamed
}

fn apply_one(catalog: &mut Catalog, rename: &Rename) {
    match rename {
        Rename::Table { before, after } => catalog.rename_table(before, after),
        Rename::Column { table, before, after } => catalog.rename_column(table, before, after),
        Rename::Enum { before, after } => catalog.rename_enum(before, after),
        Rename::EnumValue { name, before, after } => {
            catalog.rename_enum_value(name, before, after);
        }
        Rename::Constraint { table, before, after } => {
            catalog.rename_constraint(table, before, after);
        }
        Rename::Index { table, before, after } => catalog.rename_index(table, before, after),
    }
}

/// Whether the old side has the old name and lacks the new one, and the new side has it the other way round.
fn applies(before: &Catalog, after: &Catalog, rename: &Rename) -> bool {
    let (old, new) = chain::names(rename);
    !is_inherited(before, rename)
        && exists(before, rename, &old)
        && !exists(before, rename, &new)
        && exists(after, rename, &new)
        && !exists(after, rename, &old)
}

/// Whether a column comes from a parent: it is renamed there.
fn is_inherited(catalog: &Catalog, rename: &Rename) -> bool {
    let Rename::Column { table, before, .. } = rename else { return false };
    catalog
        .tables
        .get(table)
        .and_then(|table| table.options.of_postgres())
        .is_some_and(|options| options.inherited_columns.contains_key(before))
}

/// Whether the catalog has a thing of that name where the rename looks for one.
fn exists(catalog: &Catalog, rename: &Rename, name: &QName) -> bool {
    let table = |table: &QName| catalog.tables.get(table);
    match rename {
        Rename::Table { .. } => {
            table(name).is_some() || virtual_tables(catalog).any(|other| other == name)
        }
        Rename::Enum { .. } => catalog.enums.contains_key(name),
        Rename::Column { table: of, .. } => {
            table(of).is_some_and(|table| table.column(&name.name).is_some())
        }
        Rename::EnumValue { name: of, .. } => {
            let value = name.name.as_str();
            catalog.enums.get(of).is_some_and(|kind| kind.values.iter().any(|own| own == value))
        }
        Rename::Constraint { table: of, .. } => table(of).is_some_and(|table| {
            table.constraints.iter().any(|c| c.name.as_ref() == Some(&name.name))
        }),
        Rename::Index { table: of, .. } => {
            table(of).is_some_and(|table| table.indexes.iter().any(|index| index.name == name.name))
        }
    }
}

/// Names of virtual tables (SQLite only); `RENAME` takes them too.
fn virtual_tables(catalog: &Catalog) -> impl Iterator<Item = &QName> {
    catalog.opaques.keys().filter(|id| id.kind == OpaqueKind::VirtualTable).map(|id| &id.name)
}

/// Renames told the other way round: things inside a table or type under its old name, each kind from its end.
fn inverse(renames: &[Rename]) -> Vec<Rename> {
    let table = |name: &QName| old_table(renames, name);
    let kind = |name: &QName| {
        let found = renames.iter().find_map(|rename| match rename {
            Rename::Enum { before, after } if after == name => Some(before.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| name.clone())
    };
    let mut inverse: Vec<Rename> = renames
        .iter()
        .rev()
        .map(|rename| match rename.clone().inverse() {
            Rename::Column { table: of, before, after } => {
                Rename::Column { table: table(&of), before, after }
            }
            Rename::Constraint { table: of, before, after } => {
                Rename::Constraint { table: table(&of), before, after }
            }
            Rename::Index { table: of, before, after } => {
                Rename::Index { table: table(&of), before, after }
            }
            Rename::EnumValue { name, before, after } => {
                Rename::EnumValue { name: kind(&name), before, after }
            }
            other @ (Rename::Table { .. } | Rename::Enum { .. }) => other,
        })
        .collect();
    inverse.sort_by_key(|rename| match rename {
        Rename::Table { .. } | Rename::Enum { .. } => 0,
        Rename::Column { .. } => 1,
        Rename::EnumValue { .. } => 2,
        Rename::Constraint { .. } | Rename::Index { .. } => 3,
    });
    inverse
}

/// The name a table had before `renames`.
fn old_table(renames: &[Rename], table: &QName) -> QName {
    table_before(renames, table).clone()
}

/// What a target was called before the written renames.
pub(super) fn old_target(intent: &Intent, target: &Target) -> Target {
    let column = target.column.as_ref().map(|column| {
        intent
            .renames
            .iter()
            .find_map(|rename| match rename {
                Rename::Column { table, before, after }
                    if *table == target.table && after == column =>
                {
                    Some(before.clone())
                }
                _ => None,
            })
            .unwrap_or_else(|| column.clone())
    });
    Target { table: old_table(&intent.renames, &target.table), column }
}

/// Takes out the conversions that the side before says in the same words: they are done, and another change of the column
/// must not do them again.
pub fn forget_conversions(intent: &mut Intent, before: &Intent, dialect: Dialect) {
    let words = |target: &Target, said: &ColumnIntent| {
        let (text, column) = (said.using.as_ref()?, target.column.as_ref()?);
        Some(using::over(text, column, "", dialect))
    };
    let done: Vec<Target> = intent
        .columns
        .iter()
        .filter(|(target, said)| {
            let old = old_target(intent, target);
            let is_said_before = |name: &Target| {
                let earlier = before.columns.get(name).and_then(|earlier| words(name, earlier));
                earlier.is_some() && earlier == words(target, said)
            };
            // A rename may be done as well.
            is_said_before(&old) || is_said_before(target)
        })
        .map(|(target, _)| target.clone())
        .collect();
    for target in done {
        let Some(said) = intent.columns.get_mut(&target) else { continue };
        said.using = None;
    }
}

/// Targets under the name they were given and the name their table has after the renames.
pub(super) fn under_both_names(targets: &BTreeSet<Target>, intent: &Intent) -> BTreeSet<Target> {
    let mut both = targets.clone();
    for target in targets {
        for rename in &intent.renames {
            if let Rename::Table { before, after } = rename
                && *before == target.table
            {
                both.insert(Target { table: after.clone(), column: target.column.clone() });
            }
        }
    }
    both
}

/// Values of PostgreSQL enum types that the intent renames one to one.
fn enum_values(before: &Catalog, after: &Catalog, intent: &Intent) -> Vec<Rename> {
    let mut renames = Vec::new();
    for (target, column) in &intent.columns {
        let Some(name) =
            enum_of(after, target).filter(|name| enum_of(before, target).as_ref() == Some(name))
        else {
            continue;
        };
        for (old, new) in &column.values {
            // Values that are merged are mapped row by row; none of them is the one that was renamed.
            if column.values.iter().filter(|(_, other)| other == new).count() > 1 {
                continue;
            }
            let (before, after) = (old.clone(), new.clone());
            let rename = Rename::EnumValue { name: name.clone(), before, after };
            if !renames.contains(&rename) {
                renames.push(rename);
            }
        }
    }
    renames
}

/// The enum type of a column, if it has one.
pub(crate) fn enum_of(catalog: &Catalog, target: &Target) -> Option<QName> {
    let table = catalog.tables.get(&target.table)?;
    let column = table.column(target.column.as_ref()?)?;
    let printed = column.data_type.as_str();
    // Where nothing is quoted, the point is that between schema and name.
    match printed.split_once('.') {
        Some((schema, name)) if !printed.contains('"') => {
            let name = QName::new(schema, name);
            catalog.enums.contains_key(&name).then_some(name)
        }
        _ => catalog.enums.keys().find(|name| is_type(printed, name)).cloned(),
    }
}

/// Whether a printed type is this one: PostgreSQL prints `mood`, `public.mood`, `app."Mood"`.
pub(super) fn is_type(printed: &str, name: &QName) -> bool {
    let is = |plain: &str| {
        let rest = plain.strip_prefix(name.schema.as_str()).and_then(|rest| rest.strip_prefix('.'));
        plain == name.name.as_str() || rest == Some(name.name.as_str())
    };
    if printed.contains('"') { is(&printed.replace('"', "")) } else { is(printed) }
}

/// Constraints and indexes of a table that only changed their name.
fn same_definitions(before: &Catalog, after: &Catalog) -> Vec<Rename> {
    let mut renames = Vec::new();
    for (name, new) in &after.tables {
        let Some(old) = before.tables.get(name) else { continue };
        renames.extend(renamed_constraints(old, new, after.dialect));
        renames.extend(renamed_indexes(old, new, after.dialect));
    }
    let taken = relation_names(before);
    renames.retain(|rename| match rename {
        Rename::Constraint { table, after, .. } | Rename::Index { table, after, .. } => {
            !taken.contains(&(table.schema.clone(), after.clone()))
        }
        Rename::Table { .. }
        | Rename::Column { .. }
        | Rename::Enum { .. }
        | Rename::EnumValue { .. } => true,
    });
    renames
}

/// The names that tables, keys and indexes have: while one is in use, nothing of its schema can be renamed to it.
fn relation_names(catalog: &Catalog) -> BTreeSet<(Ident, Ident)> {
    let of_table = |table: &Table| {
        let keys = table.constraints.iter().filter(|constraint| match constraint.kind {
            ConstraintKind::PrimaryKey { .. }
            | ConstraintKind::Unique { .. }
            | ConstraintKind::Exclusion => true,
            ConstraintKind::Check { .. } | ConstraintKind::ForeignKey(_) => false,
        });
        let keys = keys.filter_map(|constraint| constraint.name.clone());
        let indexes = table.indexes.iter().map(|index| index.name.clone());
        let names = std::iter::once(table.name.name.clone()).chain(keys).chain(indexes);
        let schema = table.name.schema.clone();
        names.map(move |name| (schema.clone(), name)).collect::<Vec<_>>()
    };
    let others = catalog.opaques.keys().filter(|id| id.table.is_none() && id.signature.is_empty());
    let others = others.map(|id| (id.name.schema.clone(), id.name.name.clone()));
    catalog.tables.values().flat_map(of_table).chain(others).collect()
}

fn renamed_constraints(old: &Table, new: &Table, dialect: Dialect) -> Vec<Rename> {
    let named = |table: &Table, name: &Option<Ident>| {
        table.constraints.iter().any(|constraint| constraint.name == *name)
    };
    let mut taken = BTreeSet::new();
    let mut renames = Vec::new();
    // A check that comes from a parent is renamed with the parent's.
    let inherits = |table: &Table, constraint: &Constraint| {
        matches!(constraint.kind, ConstraintKind::Check { .. })
            && table.options.of_postgres().is_some_and(|options| {
                constraint.name.as_ref().is_some_and(|name| options.inherited.contains_key(name))
            })
    };
    for constraint in new.constraints.iter().filter(|new| !named(old, &new.name)) {
        if inherits(new, constraint) {
            continue;
        }
        let wanted = normalize_constraint(constraint, dialect).definition;
        let found = old.constraints.iter().find(|candidate| {
            !named(new, &candidate.name)
                && !inherits(old, candidate)
                && !taken.contains(&candidate.name)
                && normalize_constraint(candidate, dialect).definition == wanted
        });
        if let Some((Some(before), Some(after))) =
            found.map(|found| (found.name.clone(), constraint.name.clone()))
        {
            taken.insert(Some(before.clone()));
            renames.push(Rename::Constraint { table: new.name.clone(), before, after });
        }
    }
    renames
}

fn renamed_indexes(old: &Table, new: &Table, dialect: Dialect) -> Vec<Rename> {
    let named = |table: &Table, name: &Ident| table.indexes.iter().any(|i| i.name == *name);
    let mut taken = BTreeSet::new();
    let mut renames = Vec::new();
    for index in new.indexes.iter().filter(|index| !named(old, &index.name)) {
        let wanted = normalize_index(index, dialect);
        let found = old.indexes.iter().find(|candidate| {
            let mut renamed = (*candidate).clone();
            renamed.definition = crate::text::token::rename_identifier(
                &renamed.definition,
                renamed.name.as_str(),
                index.name.as_str(),
                dialect,
            );
            renamed.name = index.name.clone();
            !named(new, &candidate.name)
                && !taken.contains(&candidate.name)
                && normalize_index(&renamed, dialect) == wanted
        });
        if let Some(found) = found {
            taken.insert(found.name.clone());
            renames.push(Rename::Index {
                table: new.name.clone(),
                before: found.name.clone(),
                after: index.name.clone(),
            });
        }
    }
    renames
}
