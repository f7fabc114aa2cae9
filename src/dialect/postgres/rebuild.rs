//! Tables that are built anew because they cannot be altered where they stand: what a table is partitioned by changes,
//! or a column of the key, or rows change their partition together with their shape.
//!
//! The old tree goes aside whole, the new one is made, and the rows move. Where their columns change, the rows wait in a
//! plain table in between (a *stage*): to all else it is a table that changes, so its values are converted, kept and
//! put back as those of any other, under the name of the table that they belong to.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::action::{Action, step};
use super::around::Around;
use super::context::{
    Context, Run, column_sequences, columns, keys, slots, table_changes, texts_and_indexes, values,
};
use super::hierarchy::{self, options};
use super::keep::{SCHEMA, kept_table, restore_rows};
use super::quote::{list, literal, quote_name};
use super::{constraints, moves, not_null, positions, render, settings, tables};
use crate::catalog::facets::{Subject, Switch};
use crate::catalog::{Catalog, Column, Constraint, ConstraintKind, Table, TableOptions};
use crate::change::{Change, ColumnSource, Delta, Diff, Keep, SourceOrigin, TableChange};
use crate::dialect::{Lock, Resource, Step, Work, kept_name};
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, Ident, QName};

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
}

impl Rebuilds {
    /// Finds them. `before` is the old catalog under the new names.
    pub(super) fn find(diff: &Diff, before: &Catalog, run: Run<'_>) -> Self {
        let pairs = Pairs { diff, before, changes: table_changes(diff), around: None };
        let mut rebuilds = pairs.all(run);
        rebuilds.stages.retain(|root, _| rebuilds.tables.contains(root));
        rebuilds
    }

    /// The table whose rows wait in a stage, if it is one.
    pub(super) fn staged(&self, stage: &QName) -> Option<&QName> {
        let mut stages = self.stages.iter();
        stages.find(|(_, other)| *other == stage).map(|(root, _)| root)
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
    fn is_below(&self, table: &QName) -> bool {
        self.trees.iter().any(|(root, tree)| root != table && tree.contains(table))
    }

    /// The difference with a change for every table that is built anew, and with the stages as tables that change.
    pub(super) fn tell<'d>(
        &self,
        mut diff: Cow<'d, Diff>,
        before: &mut Cow<'_, Catalog>,
    ) -> Cow<'d, Diff> {
        for name in &self.tables {
            let known = table_changes(&diff).contains_key(name);
            let sides = (before.tables.get(name), diff.after.tables.get(name));
            if let ((Some(old), Some(new)), false) = (sides, known) {
                let change = Change::AlterTable(Box::new(unchanged(old, new)));
                diff.to_mut().changes.push(change);
            }
        }
        for (root, stage) in &self.stages {
            let Some(change) = table_changes(&diff).get(root).map(|it| staged(it, stage)) else {
                continue;
            };
            before.to_mut().tables.insert(stage.clone(), change.before.clone());
            let diff = diff.to_mut();
            let after = std::sync::Arc::make_mut(&mut diff.after);
            after.tables.insert(stage.clone(), change.after.clone());
            diff.changes.push(Change::AlterTable(Box::new(change)));
        }
        diff
    }
}

/// Whether a table is a stage: no catalog holds one of that schema.
pub(super) fn is_stage(table: &QName) -> bool {
    table.schema.as_str() == SCHEMA
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
            let whole = both
                && (self.reshapes_key(old, new)
                    || other_key && self.has_common(&name)
                    || self.reshapes_moving(&name, by_itself, run));
            if other_key {
                rebuilds.other_keys.insert(name.clone());
            }
            if whole {
                let root = self.top(&name).clone();
                let tree = self.common(&root);
                rebuilds.tables.extend(tree.iter().cloned());
                rebuilds.trees.insert(root, tree);
            } else if by_itself {
                rebuilds.tables.insert(name);
            }
        }
        let roots: Vec<QName> =
            rebuilds.tables.iter().filter(|name| !rebuilds.is_below(name)).cloned().collect();
        for root in roots {
            let keeps_key = rebuilds.trees.contains_key(&root) && !rebuilds.carries(&root);
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
    fn reshapes_key(&mut self, old: &Table, new: &Table) -> bool {
        let Some(key) = &options(old).partition_by else { return false };
        let tokens = tokenize(key, Dialect::Postgres);
        let names: BTreeSet<String> = tokens.iter().filter_map(Token::name).collect();
        let mut columns = old.columns.iter().filter(|it| names.contains(it.name.as_str()));
        columns.any(|column| {
            new.column(&column.name).is_none_or(|after| {
                super::around::reshapes(column, after) || self.remakes_type(&old.name, after)
            })
        })
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
                .any(|kind| super::context::is_of_enum(&column.data_type, kind))
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

/// Whether a value is another one after the change, or is kept.
fn is_reshaped(change: &TableChange, source: &ColumnSource) -> bool {
    let is_same = match source.origin {
        SourceOrigin::Same => true,
        SourceOrigin::Computed => {
            let before = change.before.column(&source.column);
            before.is_none_or(|before| before.generated.is_some())
        }
        SourceOrigin::Cast { .. } | SourceOrigin::New => false,
    };
    !is_same || !source.values.is_empty() || source.fill.is_some() || source.keep != Keep::Nothing
}

/// All partitions below a table.
fn below(root: &QName, catalog: &Catalog) -> BTreeSet<QName> {
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

fn unchanged(before: &Table, after: &Table) -> TableChange {
    let mapping = after.columns.iter().map(|column| ColumnSource {
        column: column.name.clone(),
        origin: match column.generated {
            Some(_) => SourceOrigin::Computed,
            None => SourceOrigin::Same,
        },
        values: Vec::new(),
        fill: None,
        keep: Keep::Nothing,
    });
    TableChange {
        before: before.clone(),
        after: after.clone(),
        columns: Vec::new(),
        constraints: Vec::new(),
        indexes: Vec::new(),
        mapping: mapping.collect(),
    }
}

/// The change of the rows of a table, told of the plain table in which they wait.
fn staged(change: &TableChange, stage: &QName) -> TableChange {
    let side = |table: &Table| Table {
        name: stage.clone(),
        columns: table.columns.iter().map(|column| staged_column(column, change)).collect(),
        constraints: table.constraints.iter().filter(|it| is_primary(it)).cloned().collect(),
        indexes: Vec::new(),
        options: TableOptions::postgres(),
        comment: None,
    };
    let (before, after) = (side(&change.before), side(&change.after));
    let gone = before.columns.iter().filter(|it| after.column(&it.name).is_none());
    let mut deltas: Vec<Delta<Column>> = gone.cloned().map(Delta::Drop).collect();
    for column in &after.columns {
        match before.column(&column.name) {
            None => deltas.push(Delta::Add(column.clone())),
            Some(old) if old != column => {
                deltas.push(Delta::Alter { before: old.clone(), after: column.clone() });
            }
            Some(_) => {}
        }
    }
    TableChange {
        before,
        after,
        columns: deltas,
        constraints: Vec::new(),
        indexes: Vec::new(),
        mapping: change.mapping.clone(),
    }
}

/// A column of a stage: its type, how it is computed, and what a new one gets.
fn staged_column(column: &Column, change: &TableChange) -> Column {
    let name = &column.name;
    let is_new = change.before.column(name).is_none();
    let fills = change.mapping.iter().any(|source| source.column == *name && source.fill.is_some());
    let default = match &column.identity {
        Some(identity) => {
            Some(format!("nextval({}::regclass)", literal(&quote_name(&identity.sequence.name))))
        }
        // Of a column that stays, only a backfill asks for it.
        None if fills => change.after.column(name).and_then(|after| after.default.clone()),
        None => column.default.clone(),
    };
    Column {
        default: default.filter(|_| is_new || fills),
        generated: column.generated.clone(),
        collation: column.collation.clone(),
        ..Column::plain(name.as_str(), column.data_type.as_str())
    }
}

fn is_primary(constraint: &Constraint) -> bool {
    match constraint.kind {
        ConstraintKind::PrimaryKey { .. } => true,
        ConstraintKind::Unique { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::ForeignKey(_)
        | ConstraintKind::Exclusion => false,
    }
}

/// Builds a table anew: moved aside, made again, filled, thrown away.
pub(super) fn steps(change: &TableChange, context: &Context<'_>) -> Vec<Step> {
    let (before, after) = (&change.before, &change.after);
    let name = &after.name;
    let mut steps = tables::drop_foreign_keys(before, context);
    steps.push(move_aside(change, context));
    steps.extend(tables::create(after, context));
    steps.extend(settings::of_new(after, context));
    steps.extend(not_null::of_new(after));
    if !context.rebuilds.is_below(name) {
        steps.extend(move_rows(change, context));
    }
    for constraint in &after.constraints {
        if !constraints::stands_in_create(after, constraint, context) {
            steps.extend(constraints::add_own(after, constraint, context));
        }
    }
    let counts_anew = |column: &&Column| {
        let old = before.column(&column.name).and_then(column_sequences);
        old.is_none() && positions::is_kept(name, &column.name, context)
    };
    let anew = after.columns.iter().filter(counts_anew);
    steps.extend(anew.filter_map(|column| positions::restore(name, column, context)));
    steps
}

fn move_aside(change: &TableChange, context: &Context<'_>) -> Step {
    let (before, after) = (&change.before, &change.after);
    let name = &after.name;
    let aside = context.keeps_as(name, None);
    let mut statements = Vec::new();
    let mut kept = vec![Resource::Kept(aside.clone())];
    for column in &before.columns {
        let counts_on = after.column(&column.name).is_some_and(|it| column_sequences(it).is_some());
        if let Some(sequence) = column_sequences(column).filter(|_| !counts_on)
            && positions::is_kept(name, &column.name, context)
        {
            let position = positions::kept_as(name, &column.name, context);
            statements.push(positions::save(sequence, name, column, &position));
            kept.push(Resource::Kept(position));
        }
    }
    let facets = context.before.facets_of(&Subject::Table(name.clone()));
    if facets.is_some_and(|facets| facets.switches.contains(&Switch::ForceRowSecurity)) {
        // The plan itself must see its rows.
        statements.push(format!("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", quote_name(name)));
    }
    statements.extend(tables::move_aside(before, &aside));
    step(Action::MoveTable, format!("move table {name} aside to build it anew"), statements)
        .undo(crate::dialect::Undo::Exact, "the way back builds it anew from the same rows")
        .makes(kept)
        .takes([Resource::Table(name.clone())])
        .takes(columns(before))
        .takes(keys(before))
        .takes(slots(before))
        .frees(context.taken_in(texts_and_indexes(before)))
}

/// Moves the rows of a tree into the one that was made anew; those of partitions that go come along.
fn move_rows(change: &TableChange, context: &Context<'_>) -> Vec<Step> {
    let (before, after) = (&change.before, &change.after);
    let name = &after.name;
    let aside = context.keeps_as(name, None);
    let went = below(name, &context.before);
    let went: Vec<Resource> = went
        .iter()
        .filter(|table| travels(table, context))
        .map(|table| Resource::Kept(context.keeps_as(table, None)))
        .chain([Resource::Kept(aside.clone())])
        .collect();
    let carried = carried(before, after);
    let asides = tables::satellites(before, &aside);
    let from = carried.iter().map(|(old, _)| {
        let moved = asides
            .iter()
            .find(|(kind, own, _)| *kind == "SEQUENCE" && *own == old.name.name)
            .map(|(_, _, moved)| moved.clone());
        moved.unwrap_or_else(|| old.name.name.to_string())
    });
    let drop = super::keep::drop_kept(&aside);
    let mut steps = Vec::new();
    let mut statements;
    let mut needs = vec![Resource::Table(name.clone())];
    match context.rebuilds.stages.get(name) {
        None => {
            statements = restore_rows(after, &aside);
            statements.pop();
            let positions = carried.iter().zip(from);
            statements.extend(
                positions.map(|((_, new), moved)| positions::copy(new, &kept_table(&moved))),
            );
            statements.push(drop);
            needs.extend(went);
        }
        Some(stage) => {
            let saved = |index: usize| {
                let part = Ident::new(format!("position {}", index + 1));
                context.keeps_as(name, Some(&part))
            };
            let mut taking = take_out(before, stage, &aside);
            taking.extend(from.enumerate().map(|(index, moved)| {
                format!(
                    "CREATE TABLE {} AS SELECT last_value, is_called FROM {}",
                    kept_table(&saved(index)),
                    kept_table(&moved)
                )
            }));
            taking.push(drop);
            let mut made =
                step(Action::FillTable, format!("take the rows of {name} out"), Vec::new())
                    .lock(Lock::None)
                    .work(Work::Rewrite)
                    .needs(went)
                    .frees(context.taken_in(texts_and_indexes(before)))
                    .makes([filled(stage)]);
            for (part, condition) in going(name, change, context) {
                let (from, names) = (quote_name(&part.name), stored(part));
                let stage = quote_name(stage);
                taking.push(format!(
                    "INSERT INTO {stage} ({names}) SELECT {names} FROM {from} WHERE {condition}"
                ));
                taking.push(format!("DELETE FROM {from} WHERE {condition}"));
                made = made
                    .frees([Resource::Table(part.name.clone())])
                    .frees(columns(part))
                    .needs([super::opaques::triggers_gone(&part.name)]);
            }
            made.statements = taking.into_iter().map(crate::dialect::Sql::new).collect();
            steps.push(made);
            statements = restore_rows(after, stage.name.as_str());
            for (index, (_, new)) in carried.iter().enumerate() {
                statements.extend(positions::carry(new, &saved(index)));
            }
            needs.extend([filled(stage), converted(stage)]);
        }
    }
    steps.push(
        step(Action::FillTable, format!("move rows into {name}"), statements)
            .work(Work::Rewrite)
            .needs(needs)
            .needs(hierarchy::partitions_joined(name, context))
            .makes(values(after))
            .makes([moved_in(name)]),
    );
    steps
}

/// The marker of a tree that has its rows.
fn moved_in(root: &QName) -> Resource {
    Resource::Constraint(root.clone(), "the rows are in the new tree".to_owned())
}

/// Whether a partition is aside with the tree that it was in.
fn travels(name: &QName, context: &Context<'_>) -> bool {
    let goes =
        || context.before.tables.get(name).filter(|_| !context.after().tables.contains_key(name));
    context.rebuilds.tables.contains(name)
        || goes().is_some_and(|table| {
            hierarchy::travels(table, context) && !context.is_discarded(name, None)
        })
}

/// An item of a partition key as it will be, told of rows whose columns have not changed yet; `None` where that cannot
/// be said.
pub(super) fn in_new_shape(
    item: &str,
    change: &TableChange,
    context: &Context<'_>,
) -> Option<String> {
    let tokens = tokenize(item, Dialect::Postgres);
    let names: BTreeSet<String> = tokens.iter().filter_map(Token::name).collect();
    let mut reshaped = change.mapping.iter().filter(|source| {
        let column = change.after.column(&source.column);
        let is_remade = column.is_some_and(|column| context.rebuilds_type(&column.data_type));
        names.contains(source.column.as_str()) && (is_remade || is_reshaped(change, source))
    });
    let Some(source) = reshaped.next() else { return Some(item.to_owned()) };
    let (before, after) =
        (change.before.column(&source.column)?, change.after.column(&source.column)?);
    let is_plain = tokens.iter().filter(|token| token.is_code()).count() == 1;
    if !is_plain || source.fill.is_some() {
        return None;
    }
    if context.rebuilds_type(&after.data_type) {
        return Some(super::values::mapped_or_text(item, &source.values));
    }
    let (before, after) = (&before.data_type, &after.data_type);
    Some(format!("({})", super::values::convert(item, before, after, &source.values)))
}

/// Sequences of columns that count on, old and new.
fn carried<'c>(
    before: &'c Table,
    after: &'c Table,
) -> Vec<(&'c crate::catalog::Sequence, &'c crate::catalog::Sequence)> {
    let pairs = after.columns.iter().filter_map(|column| {
        let old = before.column(&column.name).and_then(column_sequences)?;
        Some((old, column_sequences(column)?))
    });
    pairs.collect()
}

/// Copies the rows into a plain table.
fn take_out(before: &Table, stage: &QName, aside: &str) -> Vec<String> {
    let items = before.columns.iter().map(|column| {
        let plain = Column { default: None, identity: None, ..column.clone() };
        let bare = Table {
            name: stage.clone(),
            columns: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            options: TableOptions::postgres(),
            comment: None,
        };
        let plain = Column { not_null: false, ..plain };
        format!("    {}", render::column_definition(&bare, &plain))
    });
    let items: Vec<String> = items.collect();
    let names = stored(before);
    let table = quote_name(stage);
    vec![
        format!("CREATE TABLE {table} (\n{}\n)", items.join(",\n")),
        format!("INSERT INTO {table} ({names}) SELECT {names} FROM {}", kept_table(aside)),
    ]
}

/// The columns of a table that are not computed.
fn stored(table: &Table) -> String {
    let stored = table.columns.iter().filter(|column| column.generated.is_none());
    list(stored.map(|column| &column.name))
}

/// Partitions of a tree that go by themselves, and which of their rows have a place in the new tree.
fn going<'c>(
    root: &QName,
    change: &TableChange,
    context: &'c Context<'_>,
) -> Vec<(&'c Table, String)> {
    let Some(tree) = context.rebuilds.trees.get(root) else { return Vec::new() };
    let parents = tree.iter().filter(|parent| !context.rebuilds.carries(parent));
    parents.flat_map(|parent| moves::leaving(parent, change, context)).collect()
}

/// The marker of a stage that holds the rows.
fn filled(stage: &QName) -> Resource {
    Resource::Constraint(stage.clone(), "the rows are in it".to_owned())
}

/// The marker of a stage whose rows are as they will be.
fn converted(stage: &QName) -> Resource {
    Resource::Constraint(stage.clone(), "the rows are converted".to_owned())
}

/// Puts the steps that convert the rows of stages between the one that takes the rows out and the one that moves
/// them in, and after that one what must see all rows of a partition, or none while they move.
pub(super) fn finish(steps: &mut [Step], context: &Context<'_>) {
    for (root, stage) in &context.rebuilds.stages {
        steps.iter_mut().for_each(|step| convert(step, root, stage));
    }
    for root in context.rebuilds.tables.iter().filter(|it| !context.rebuilds.is_below(it)) {
        let tree = below(root, context.after());
        let points_in = |resource: &Resource| {
            let Resource::Constraint(holder, name) = resource else { return false };
            let holder = context.after().tables.get(holder);
            let keys = holder.into_iter().flat_map(|table| &table.constraints);
            keys.filter(|it| it.name.as_ref().is_some_and(|it| it.as_str() == name)).any(|it| {
                match &it.kind {
                    ConstraintKind::ForeignKey(key) => tree.contains(&key.references),
                    ConstraintKind::PrimaryKey { .. }
                    | ConstraintKind::Unique { .. }
                    | ConstraintKind::Check { .. }
                    | ConstraintKind::Exclusion => false,
                }
            })
        };
        for step in steps.iter_mut() {
            let order = &step.order;
            let sees = order.makes.iter().any(|it| matches!(it, Resource::Opaque(_)))
                && order
                    .needs
                    .iter()
                    .filter_map(super::joining::table_of)
                    .any(|it| tree.contains(it));
            if sees || order.makes.iter().any(points_in) {
                step.order.needs.insert(moved_in(root));
            }
        }
    }
}

/// Puts a step that touches a stage between the two that fill and empty it.
fn convert(step: &mut Step, root: &QName, stage: &QName) {
    let order = &step.order;
    if order.makes.contains(&filled(stage)) || order.needs.contains(&filled(stage)) {
        return;
    }
    let sets = [&order.needs, &order.makes, &order.frees, &order.takes];
    let touched = sets.iter().flat_map(|set| set.iter());
    let tables: BTreeSet<&QName> = touched.filter_map(super::joining::table_of).collect();
    if !tables.contains(stage) {
        return;
    }
    if tables.len() == 1 {
        step.facts.lock = Lock::None;
    }
    let counts = step.statements.iter().any(|it| it.as_str().contains("nextval("));
    step.order.needs.insert(filled(stage));
    step.order.makes.insert(converted(stage));
    if counts {
        // A new column counts with the sequence of the table that is made.
        step.order.needs.insert(Resource::Table(root.clone()));
    }
}
