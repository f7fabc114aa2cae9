//! Tables that are built anew because they cannot be altered where they stand: what a table is partitioned by changes,
//! or a column of the key, or rows change their partition together with their shape.
//!
//! The old tree goes aside whole, the new one is made, and the rows move. Where their columns change, the rows wait in a
//! plain table in between (a *stage*): to all else it is a table that changes, so its values are converted, kept and
//! put back as those of any other, under the name of the table that they belong to.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::around::Around;
use super::context::Run;
use super::hierarchy::{self, options};
use super::keep::SCHEMA;
use super::{moves, stages};
use crate::catalog::{Catalog, Column, Table};
use crate::change::{Change, ColumnSource, Diff, Keep, SourceOrigin, TableChange};
use crate::dialect::kept_name;
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, QName};

/// What is built anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rebuilds {
    /// Every table that is.
    pub(super) tables: BTreeSet<QName>,
    /// Those that are partitioned by something else, or are partitioned on one side only.
    other_keys: BTreeSet<QName>,
    /// Tables at the top of a tree that goes and comes whole, with all tables of it that are on both sides.
    trees: BTreeMap<QName, BTreeSet<QName>>,
    /// Where the rows of a table wait while their columns change.
    stages: BTreeMap<QName, QName>,
    /// Tables of an inheritance that are dropped and made again, each with its own rows.
    heirs: BTreeSet<QName>,
    /// Trees that may be altered in place on the way back, so that what is kept must go by the key of that way.
    one_way: BTreeSet<QName>,
}

impl Rebuilds {
    /// Finds them. `before` is the old catalog under the new names.
    pub(super) fn find(diff: &Diff, before: &Catalog, run: Run<'_>) -> Self {
        let pairs = Pairs { diff, before, changes: diff.table_changes(), around: None };
        let mut rebuilds = pairs.all(run);
        rebuilds.stages.retain(|root, _| rebuilds.tables.contains(root));
        rebuilds
    }

    /// The table whose rows wait in a stage, if it is one.
    pub(super) fn staged(&self, stage: &QName) -> Option<&QName> {
        let mut stages = self.stages.iter();
        stages.find(|(_, other)| *other == stage).map(|(root, _)| root)
    }

    /// Whether a table is dropped and made again because it inherits, or others inherit from it.
    pub(super) fn is_heir(&self, table: &QName) -> bool {
        self.heirs.contains(table)
    }

    /// Where the rows of a table wait, if they change.
    pub(super) fn stage_of(&self, root: &QName) -> Option<&QName> {
        self.stages.get(root)
    }

    /// The tables whose rows wait in stages, with these.
    pub(super) fn stages(&self) -> impl Iterator<Item = (&QName, &QName)> {
        self.stages.iter()
    }

    /// The tables that go and come with the one at their top.
    pub(super) fn tree(&self, root: &QName) -> Option<&BTreeSet<QName>> {
        self.trees.get(root)
    }

    /// Whether a tree may be altered in place on the way back.
    pub(super) fn is_one_way(&self, root: &QName) -> bool {
        self.one_way.contains(root)
    }

    /// Whether two tables go and come as one.
    pub(super) fn as_one(&self, child: &QName, parent: &QName) -> bool {
        self.trees.values().any(|tree| tree.contains(child) && tree.contains(parent))
    }

    /// Whether the rows of partitions that go or come move with a table, which is partitioned by something else.
    pub(super) fn carries(&self, parent: &QName) -> bool {
        self.other_keys.contains(parent)
    }

    /// Whether the rows of a table come with those of a table above it.
    pub(super) fn is_below(&self, table: &QName) -> bool {
        self.trees.iter().any(|(root, tree)| root != table && tree.contains(table))
    }

    /// The difference with a change for every table that is built anew, and with the stages as tables that change.
    pub(super) fn tell<'d>(
        &self,
        mut diff: Cow<'d, Diff>,
        before: &mut Cow<'_, Catalog>,
    ) -> Cow<'d, Diff> {
        for name in &self.tables {
            let known = diff.table_changes().contains_key(name);
            let sides = (before.tables.get(name), diff.after.tables.get(name));
            if let ((Some(old), Some(new)), false) = (sides, known) {
                let change = Change::AlterTable(Box::new(TableChange::unchanged(old, new)));
                diff.to_mut().changes.push(change);
            }
        }
        for (root, stage) in &self.stages {
            let changes = diff.table_changes();
            let Some(change) = changes.get(root) else { continue };
            let mut change = stages::staged(change, stage);
            if self.is_heir(root) {
                super::heirs::follow(&mut change, root, &changes);
            }
            before.to_mut().tables.insert(stage.clone(), change.before.clone());
            let diff = diff.to_mut();
            let after = std::sync::Arc::make_mut(&mut diff.after);
            after.tables.insert(stage.clone(), change.after.clone());
            diff.changes.push(Change::AlterTable(Box::new(change)));
        }
        diff
    }
}

/// The two sides of every table.
struct Pairs<'c> {
    diff: &'c Diff,
    before: &'c Catalog,
    changes: BTreeMap<&'c QName, &'c TableChange>,
    /// What goes and comes back around the changes, once it was asked.
    around: Option<Around>,
}

impl Pairs<'_> {
    fn all(mut self, run: Run<'_>) -> Rebuilds {
        let mut rebuilds = Rebuilds::default();
        let partitioned = |catalog: &Catalog| {
            let tables = catalog.tables.values();
            tables
                .filter(|table| options(table).partition_by.is_some())
                .map(|table| table.name.clone())
                .collect::<BTreeSet<_>>()
        };
        let names = &partitioned(self.before) | &partitioned(&self.diff.after);
        for name in names {
            let sides = (self.before.tables.get(&name), self.diff.after.tables.get(&name));
            let (Some(old), Some(new)) = sides else { continue };
            let (was, is) = (options(old), options(new));
            let other_key = was.partition_by != is.partition_by;
            let by_itself = other_key || was.partition_by.is_some() && was.unlogged != is.unlogged;
            let both = was.partition_by.is_some() && is.partition_by.is_some();
            let both_ways = both
                && (self.reshapes_key(old, new)
                    || other_key && self.has_common(&name)
                    || self.reshapes_moving(&name, by_itself, run));
            let whole = both_ways || both && self.remakes_key(old, new);
            if other_key {
                rebuilds.other_keys.insert(name.clone());
            }
            if whole {
                let root = self.top(&name).clone();
                if !both_ways {
                    rebuilds.one_way.insert(root.clone());
                }
                let tree = self.common(&root);
                rebuilds.tables.extend(tree.iter().cloned());
                rebuilds.trees.insert(root, tree);
            } else if by_itself {
                rebuilds.tables.insert(name);
            }
        }
        rebuilds.heirs = super::heirs::rebuilt(self.diff, self.before, &self.changes);
        rebuilds.tables.extend(rebuilds.heirs.iter().cloned());
        let roots: Vec<QName> =
            rebuilds.tables.iter().filter(|name| !rebuilds.is_below(name)).cloned().collect();
        for root in roots {
            let keeps_key = rebuilds.is_heir(&root)
                || rebuilds.trees.contains_key(&root) && !rebuilds.carries(&root);
            if keeps_key || self.reshapes_rows(&root) {
                let aside = format!("{} {}", root.name, "rows that change");
                let name = QName::new(root.schema.as_str(), aside);
                let stage = kept_name(run.tag, run.direction, &name, None, Dialect::Postgres);
                rebuilds.stages.insert(root, QName::new(SCHEMA, stage));
            }
        }
        rebuilds
    }

    /// The partitioned table highest above a table on both sides.
    fn top<'n>(&'n self, name: &'n QName) -> &'n QName {
        let mut top = name;
        while let Some(up) = hierarchy::parents(self.before, top).first()
            && hierarchy::parents(&self.diff.after, top).first() == Some(up)
            && self.before.tables.get(top).is_some_and(|it| options(it).is_partition())
        {
            top = up;
        }
        top
    }

    /// A table with all below it that are partitions of the tree on both sides.
    fn common(&self, root: &QName) -> BTreeSet<QName> {
        let was = below(root, self.before);
        let is = below(root, &self.diff.after);
        let both = was.intersection(&is).cloned();
        both.chain([root.clone()]).collect()
    }

    /// Whether some partition stays in the tree of a table.
    fn has_common(&self, name: &QName) -> bool {
        self.common(name).len() > 1
    }

    /// Whether a column that a table is partitioned by is altered in a way that the engine does not allow.
    fn reshapes_key(&self, old: &Table, new: &Table) -> bool {
        key_columns(old).any(|column| {
            let after = new.column(&column.name);
            after.is_none_or(|after| super::around::reshapes(column, after))
        })
    }

    /// Whether the type of such a column is made anew.
    fn remakes_key(&mut self, old: &Table, new: &Table) -> bool {
        let mut columns = key_columns(old).filter_map(|column| new.column(&column.name));
        columns.any(|column| self.remakes_type(&old.name, column))
    }

    /// Whether the type of a column that stays is made anew.
    fn remakes_type(&mut self, table: &QName, column: &Column) -> bool {
        if super::types::is_builtin(&column.data_type) {
            return false;
        }
        let (diff, before) = (self.diff, self.before);
        let around = self.around.get_or_insert_with(|| Around::of(diff, before, &BTreeSet::new()));
        let key = (table.clone(), column.name.clone());
        around.passing.contains(&key)
            || around
                .rebuilt()
                .filter_map(|name| before.enums.get(name))
                .any(|kind| super::parts::is_of_enum(&column.data_type, kind))
    }

    /// Whether rows change their partition while what is kept of their columns goes by the partition they were in, or
    /// while they are on their own.
    fn reshapes_moving(&mut self, name: &QName, by_itself: bool, run: Run<'_>) -> bool {
        let after = &self.diff.after;
        let rebounds = hierarchy::partitions(self.before, name).any(|child| {
            after.tables.get(&child.name).is_some_and(|after| {
                options(after).is_partition_of(name) && options(after).bound != options(child).bound
            })
        });
        let moves = rebounds
            || moves::leaves_partitions(name, self.before, after, run.direction)
            || moves::leaves_partitions(name, after, self.before, run.direction.other());
        match by_itself && self.has_common(name) {
            true => moves || self.reshapes_rows(name),
            false => moves && self.reshapes_rows(name),
        }
    }

    /// Whether more must be done to the rows of a table than to copy them.
    fn reshapes_rows(&mut self, name: &QName) -> bool {
        let Some(change) = self.changes.get(name).copied() else {
            let Some(after) = self.diff.after.tables.get(name) else { return false };
            return after.columns.iter().any(|column| self.remakes_type(name, column));
        };
        let goes = |column: &Column| change.after.column(&column.name).is_none();
        change.before.columns.iter().any(goes)
            || change.mapping.iter().any(|source| is_reshaped(change, source))
            || change.after.columns.iter().any(|column| self.remakes_type(name, column))
    }
}

/// The columns that a table is partitioned by, in whatever way.
pub(super) fn key_columns(table: &Table) -> impl Iterator<Item = &Column> {
    let key = options(table).partition_by.as_deref().unwrap_or_default();
    let tokens = tokenize(key, Dialect::Postgres);
    let names: BTreeSet<String> = tokens.iter().filter_map(Token::name).collect();
    table.columns.iter().filter(move |column| names.contains(column.name.as_str()))
}

/// Whether a value is another one after the change, or is kept.
pub(super) fn is_reshaped(change: &TableChange, source: &ColumnSource) -> bool {
    let is_same = match source.origin {
        SourceOrigin::Same => true,
        SourceOrigin::Computed => {
            let before = change.before.column(&source.column);
            before.is_none_or(|before| before.generated.is_some())
        }
        SourceOrigin::Cast { .. } | SourceOrigin::New => false,
    };
    !is_same
        || source.is_converted_as_said()
        || source.fill.is_some()
        || source.keep != Keep::Nothing
}

/// All partitions below a table.
pub(super) fn below(root: &QName, catalog: &Catalog) -> BTreeSet<QName> {
    let mut found = BTreeSet::new();
    let mut open = vec![root.clone()];
    while let Some(parent) = open.pop() {
        for child in hierarchy::partitions(catalog, &parent) {
            if found.insert(child.name.clone()) {
                open.push(child.name.clone());
            }
        }
    }
    found
}
