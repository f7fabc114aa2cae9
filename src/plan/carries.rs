//! Which values a plan leaves as they are, so that a rehearsal can ask the rows whether it does.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, OpaqueKind, Table};
use crate::change::{Change, Diff, Rename, SourceOrigin, TableChange};
use crate::dialect::hide::is_hidden;
use crate::dialect::{Direction, Sql, Step};
use crate::diff::renamed;
use crate::text::token::tokenize;
use crate::text::{Dialect, Ident, QName};

/// What `up` leaves as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carries {
    /// Tables that are not under their old names with all their columns as they were. Any other table of the old schema
    /// is: each column that is not computed, under its own name.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tables: Vec<Carried>,
    /// Every name in statements that were written by hand: of tables so called nothing is known.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub by_hand: BTreeSet<String>,
    /// The same for the way back.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub by_hand_back: BTreeSet<String>,
}

/// A table of the old schema, what it is in the new one, and which columns keep their values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    pub before: QName,
    /// `None` where the plan drops it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<QName>,
    /// Old name to new name.
    pub columns: BTreeMap<Ident, Ident>,
    /// Those of them, by their old names, that `down` fills or maps in rows that were written since.
    #[serde(skip_serializing_if = "BTreeSet::is_empty", default)]
    pub changed_back: BTreeSet<Ident>,
}

impl Carries {
    /// What becomes of a table of the old schema; `None` where nothing is known of it.
    pub fn of_table(&self, table: &Table) -> Option<Carried> {
        let listed = self.tables.iter().find(|carried| carried.before == table.name);
        let carried = listed.cloned().unwrap_or_else(|| Carried {
            before: table.name.clone(),
            after: Some(table.name.clone()),
            columns: stored_columns(table),
            changed_back: BTreeSet::new(),
        });
        let by_hand = |name: &QName| self.by_hand.contains(&name.name.as_str().to_lowercase());
        let known = !by_hand(&carried.before) && !carried.after.as_ref().is_some_and(by_hand);
        known.then_some(carried)
    }

    /// Leaves out columns that are hidden: who compares tables does not see them.
    #[must_use]
    pub(super) fn without_hidden(mut self) -> Self {
        for carried in &mut self.tables {
            carried.columns.retain(|_, after| !is_hidden(after));
            let left = &carried.columns;
            carried.changed_back.retain(|column| left.contains_key(column));
        }
        self
    }

    /// Whether statements of the way back that name the table were written by hand.
    pub fn is_by_hand_back(&self, carried: &Carried) -> bool {
        let names = std::iter::once(&carried.before).chain(&carried.after);
        names.into_iter().any(|name| self.by_hand_back.contains(&name.name.as_str().to_lowercase()))
    }

    /// Notes the statements of `edited` that `planned` does not have.
    pub fn note_edits(
        &mut self,
        way: Direction,
        planned: &[Step],
        edited: &[Step],
        dialect: Dialect,
    ) {
        let texts = |steps: &[Step]| -> BTreeSet<String> {
            steps.iter().flat_map(|step| &step.statements).map(Sql::to_string).collect()
        };
        let planned = texts(planned);
        let noted = match way {
            Direction::Up => &mut self.by_hand,
            Direction::Down => &mut self.by_hand_back,
        };
        for text in texts(edited).difference(&planned) {
            let names = tokenize(text, dialect);
            let names = names.iter().filter_map(|token| token.name());
            noted.extend(names.map(|name| name.to_lowercase()));
        }
    }
}

/// The columns that are not computed, under their own names.
fn stored_columns(table: &Table) -> BTreeMap<Ident, Ident> {
    let stored = table.columns.iter().filter(|column| column.generated.is_none());
    stored.map(|column| (column.name.clone(), column.name.clone())).collect()
}

/// What the steps of a difference leave as it is; `back` is its inverse.
pub fn of(diff: &Diff, back: &Diff) -> Carries {
    let renames: Vec<Rename> = diff.renames().cloned().collect();
    let moved = renamed(&diff.before, &renames);
    let (changes, changes_back) = (diff.table_changes(), back.table_changes());
    let types = if changes_types(diff) { Types::Change } else { Types::Stay };
    let mut tables = Vec::new();
    for table in diff.before.tables.values() {
        let name = renames.iter().fold(table.name.clone(), |name, rename| match rename {
            Rename::Table { before, after } if *before == name => after.clone(),
            _ => name,
        });
        let (Some(moved), Some(after)) = (moved.tables.get(&name), diff.after.tables.get(&name))
        else {
            let before = table.name.clone();
            let (columns, changed_back) = (BTreeMap::new(), BTreeSet::new());
            tables.push(Carried { before, after: None, columns, changed_back });
            continue;
        };
        let pairs = table.columns.iter().zip(&moved.columns);
        let columns: BTreeMap<Ident, Ident> = pairs
            .filter_map(|(old, new)| {
                let here = after.column(&new.name)?;
                let readable = reads_the_same(&old.data_type, types, &diff.before);
                let kept = here.generated.is_none() && old.generated.is_none() && readable;
                let change = changes.get(&name);
                let untouched = change.is_none_or(|change| is_untouched(&new.name, change));
                (kept && untouched).then(|| (old.name.clone(), here.name.clone()))
            })
            .collect();
        let back = changes_back.get(&table.name);
        let changed_back: BTreeSet<Ident> = columns
            .keys()
            .filter(|column| back.is_some_and(|change| !is_untouched(column, change)))
            .cloned()
            .collect();
        let usual = name == table.name && columns == stored_columns(table);
        if !usual || !changed_back.is_empty() {
            let before = table.name.clone();
            tables.push(Carried { before, after: Some(name), columns, changed_back });
        }
    }
    Carries { tables, ..Carries::default() }
}

fn is_untouched(column: &Ident, change: &TableChange) -> bool {
    change.mapping.iter().any(|source| {
        source.column == *column
            && source.origin == SourceOrigin::Same
            && !source.is_converted_as_said()
            && source.fill.is_none()
    })
}

/// Whether values of some type may read otherwise afterwards.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Types {
    Stay,
    Change,
}

fn changes_types(diff: &Diff) -> bool {
    diff.changes.iter().any(|change| match change {
        Change::Enum(_) | Change::Rename(Rename::Enum { .. } | Rename::EnumValue { .. }) => true,
        Change::Opaque(delta) => delta.before().or(delta.after()).is_some_and(|opaque| {
            matches!(
                opaque.id.kind,
                OpaqueKind::Domain
                    | OpaqueKind::Type
                    | OpaqueKind::RangeType
                    | OpaqueKind::BaseType
                    | OpaqueKind::Extension
                    | OpaqueKind::Collation
            )
        }),
        Change::Rename(_)
        | Change::Schema(_)
        | Change::Facets(_)
        | Change::Table(_)
        | Change::AlterTable(_) => false,
    })
}

/// Whether a value of this type reads the same before and after: the name of an object (`regclass`) does not where it
/// is renamed, nor does a row where its table changes, nor a value of a type that changes. What users made is printed
/// with its schema.
fn reads_the_same(data_type: &str, types: Types, before: &Catalog) -> bool {
    if before.dialect == Dialect::Sqlite {
        return true;
    }
    let is_row = || {
        let base = data_type.trim_end_matches("[]").replace('"', "");
        let name = base.split_once('.').map(|(schema, name)| QName::new(schema, name));
        name.is_some_and(|name| before.tables.contains_key(&name))
    };
    !data_type.starts_with("reg") && (!data_type.contains('.') || types == Types::Stay && !is_row())
}
