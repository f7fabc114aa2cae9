//! What stays the same and yet must be dropped and made again, because something it stands on changes: PostgreSQL
//! refuses to alter the type of a column that a view, a trigger or a generated column uses, to drop a key that a
//! foreign key points at, and to convert a column whose index or check names the old type.

use std::collections::BTreeSet;

use super::context::Mention;
use super::opaques::is_replaceable;
use super::values::returns_through_text;
use crate::catalog::{
    Catalog, Column, Constraint, ConstraintKind, Dependency, EnumType, ForeignKey, Generated,
    GeneratedStorage, Index, IndexKey, ObjectId, Opaque, OpaqueKind, Table,
};
use crate::change::{Change, Delta, Diff, TableChange};
use crate::dialect::Resource;
use crate::text::token::tokenize;
use crate::text::{Dialect, Ident, QName};

/// Unchanged objects to take away first and bring back last.
#[derive(Clone, Debug, Default)]
pub(super) struct Around {
    pub(super) opaques: BTreeSet<ObjectId>,
    pub(super) constraints: BTreeSet<(QName, Ident)>,
    pub(super) indexes: BTreeSet<(QName, Ident)>,
    pub(super) generated: BTreeSet<(QName, Ident)>,
    /// Columns whose default is off meanwhile, though it stays.
    pub(super) defaults: BTreeSet<(QName, Ident)>,
    /// Columns that are text meanwhile, because their type is made again.
    pub(super) passing: BTreeSet<(QName, Ident)>,
    /// Tables that are built anew.
    pub(super) rebuilt_tables: BTreeSet<QName>,
    /// Enum types that lose or reorder values.
    rebuilt: BTreeSet<QName>,
    /// Composite types whose attributes come or go at the end, in place.
    pub(super) attributes: BTreeSet<ObjectId>,
    /// Opaque objects that change and cannot be replaced in place.
    remade: BTreeSet<ObjectId>,
}

impl Around {
    pub(super) fn of(diff: &Diff, before: &Catalog, rebuilt_tables: &BTreeSet<QName>) -> Self {
        let rebuilt_tables = rebuilt_tables.clone();
        let mut around = Around { rebuilt_tables, ..Around::default() };
        for change in &diff.changes {
            match change {
                Change::Enum(Delta::Alter { before, after }) if !only_adds(before, after) => {
                    around.rebuilt.insert(after.name.clone());
                }
                Change::Opaque(Delta::Alter { before: old, after }) => {
                    if super::attributes::change_in_place(old, after, before) {
                        around.attributes.insert(after.id.clone());
                    } else if !is_replaceable(old, after)
                        || super::attributes::is_held_inside(old, after, before)
                    {
                        around.remade.insert(after.id.clone());
                    }
                }
                _ => {}
            }
        }
        // What goes takes more with it, until nothing unchanged stands on anything that goes.
        loop {
            let size = around.size();
            let gone = around.gone(diff, before);
            around.find_columns(diff, before, &gone);
            let touched = around.touched_columns(diff, before);
            around.find_tables(diff, before, &touched, &gone);
            around.find_opaques(diff, before, &touched);
            if around.size() == size {
                return around;
            }
        }
    }

    fn size(&self) -> usize {
        self.opaques.len()
            + self.constraints.len()
            + self.indexes.len()
            + self.generated.len()
            + self.defaults.len()
            + self.passing.len()
            + self.remade.len()
    }

    /// The types and functions that go and come back, as texts name them.
    fn gone(&self, diff: &Diff, before: &Catalog) -> Vec<Mention> {
        let enums = self.rebuilt.iter().filter(|name| before.enums.contains_key(*name));
        let enums = enums.map(|name| Mention::new(Resource::Enum(name.clone()), name));
        // What goes for good may have a follower of its name: the same function with other argument names.
        let dropped = before.opaques.keys().filter(|id| !diff.after.opaques.contains_key(id));
        let opaques = self.opaques.iter().chain(&self.remade).chain(dropped);
        let opaques =
            opaques.filter(|id| id.kind.is_mentionable() && id.kind != OpaqueKind::Sequence);
        let opaques = opaques.filter_map(|id| before.opaques.get(id));
        enums.chain(opaques.map(|opaque| Mention::of_either(None, opaque))).collect()
    }

    /// Columns on both sides whose default or type names something that goes.
    fn find_columns(&mut self, diff: &Diff, before: &Catalog, gone: &[Mention]) {
        let narrowed = super::containers::holding_narrowed(diff, before);
        for table in before.tables.values() {
            let Some(after) = diff.after.tables.get(&table.name) else { continue };
            if self.rebuilt_tables.contains(&table.name) {
                continue;
            }
            for old in &table.columns {
                let Some(new) = after.column(&old.name) else { continue };
                let key = (table.name.clone(), old.name.clone());
                let names = |text: &str, types: bool| {
                    gone.iter().any(|mention| {
                        (types || !matches!(mention.resource, Resource::Enum(_)))
                            && mention.is_in(text)
                    })
                };
                let default = old.default.as_deref().is_some_and(|text| names(text, false));
                if default && old.owned_sequence.is_none() {
                    self.defaults.insert(key.clone());
                }
                let stays = old.data_type == new.data_type && old.collation == new.collation;
                if stays && old.generated.is_none() && new.generated.is_none() {
                    let holds_narrowed = narrowed.iter().any(|it| it.is_in(&old.data_type));
                    let collation = old.collation.as_deref();
                    if names(&old.data_type, false)
                        || holds_narrowed
                        || collation.is_some_and(|it| names(it, false))
                    {
                        self.passing.insert(key);
                    }
                } else if old.generated.is_some()
                    && (names(&old.data_type, true)
                        || old.collation.as_deref().is_some_and(|it| names(it, true)))
                {
                    self.generated.insert(key);
                }
            }
        }
    }

    pub(super) fn rebuilds(&self, delta: &Delta<EnumType>) -> bool {
        delta.after().is_some_and(|after| self.rebuilt.contains(&after.name))
    }

    pub(super) fn rebuilt(&self) -> impl Iterator<Item = &QName> {
        self.rebuilt.iter()
    }

    /// Whether an object that is on both sides goes and comes back.
    pub(super) fn drops(&self, id: &ObjectId) -> bool {
        self.opaques.contains(id) || self.remade.contains(id)
    }

    /// Columns that are dropped or whose type or expression changes.
    fn touched_columns(&self, diff: &Diff, before: &Catalog) -> BTreeSet<(QName, Ident)> {
        let mut touched = BTreeSet::new();
        for change in &diff.changes {
            match change {
                Change::AlterTable(change) => {
                    for delta in &change.columns {
                        let column = match delta {
                            Delta::Drop(column) => column,
                            Delta::Alter { before, after }
                                if reshapes(before, after)
                                    && set_expression(before, after, change, &diff.after)
                                        .is_none() =>
                            {
                                after
                            }
                            Delta::Add(_) | Delta::Alter { .. } => continue,
                        };
                        touched.insert((change.after.name.clone(), column.name.clone()));
                    }
                }
                Change::Table(Delta::Drop(table)) => {
                    let columns = table
                        .columns
                        .iter()
                        .map(|column| (table.name.clone(), column.name.clone()));
                    touched.extend(columns);
                }
                Change::Rename(_)
                | Change::Schema(_)
                | Change::Facets(_)
                | Change::Enum(_)
                | Change::Table(_)
                | Change::Opaque(_) => {}
            }
        }
        let rebuilt: Vec<Mention> = self
            .rebuilt
            .iter()
            .map(|name| Mention::new(Resource::Enum(name.clone()), name))
            .collect();
        for table in before.tables.values() {
            for column in &table.columns {
                if rebuilt.iter().any(|mention| mention.is_in(&column.data_type)) {
                    touched.insert((table.name.clone(), column.name.clone()));
                }
            }
        }
        touched.extend(self.generated.iter().cloned());
        touched.extend(self.passing.iter().cloned());
        touched
    }

    /// Columns that go and come back, or are another type meanwhile, with all that is built on them.
    fn unsteady(&self, diff: &Diff) -> BTreeSet<(QName, Ident)> {
        let mut found: BTreeSet<_> = self.generated.union(&self.passing).cloned().collect();
        for change in &diff.changes {
            let Change::AlterTable(change) = change else { continue };
            // Kept values come back by way of text.
            let through_text =
                change.mapping.iter().filter(|it| returns_through_text(change, it, diff));
            found.extend(
                through_text.map(|source| (change.after.name.clone(), source.column.clone())),
            );
        }
        found
    }

    fn find_tables(
        &mut self,
        diff: &Diff,
        before: &Catalog,
        touched: &BTreeSet<(QName, Ident)>,
        gone: &[Mention],
    ) {
        let mut gone_keys = gone_keys(diff);
        gone_keys.extend(self.gone_keys(before));
        let unsteady = self.unsteady(diff);
        let changes = diff.table_changes();
        let circles = super::persistence::circles(diff, before);
        let goes = |table: &Table, text: &str| {
            gone.iter().any(|mention| mention.is_in(text)) || names_any(text, table, &unsteady)
        };
        for table in before.tables.values() {
            let Some(after) = diff.after.tables.get(&table.name) else { continue };
            for constraint in &table.constraints {
                let Some(name) = &constraint.name else { continue };
                let around = match &constraint.kind {
                    ConstraintKind::ForeignKey(key) => {
                        self.rebuilt_tables.contains(&key.references)
                            || circles.contains(&(table.name.clone(), name.clone()))
                            || touches(key, table, touched)
                            || names_any(&constraint.definition, table, &unsteady)
                            || points_at(key, &gone_keys, before)
                    }
                    ConstraintKind::Check { .. } | ConstraintKind::Exclusion => {
                        goes(table, &constraint.definition)
                            || is_reprinted(&constraint.definition, table, touched)
                    }
                    ConstraintKind::PrimaryKey { .. } | ConstraintKind::Unique { .. } => {
                        !super::stages::is_stage(&table.name)
                            && names_any(&constraint.definition, table, &unsteady)
                    }
                };
                if around && stands(after, constraint, name) {
                    self.constraints.insert((table.name.clone(), name.clone()));
                }
            }
            let goes = |index: &&Index| {
                goes(table, &index.definition) || is_reprinted(&index.definition, table, touched)
            };
            for index in table.indexes.iter().filter(goes) {
                if after.indexes.iter().any(|other| other.name == index.name) {
                    self.indexes.insert((table.name.clone(), index.name.clone()));
                }
            }
            for column in &table.columns {
                let Some(generated) = &column.generated else { continue };
                let used = names_any(&generated.expression, table, touched);
                let stays =
                    after.column(&column.name).is_some_and(|after| after.generated.is_some());
                let names = gone.iter().any(|mention| mention.is_in(&generated.expression));
                if (used || names) && stays {
                    self.generated.insert((table.name.clone(), column.name.clone()));
                }
            }
            self.find_on_generated(diff, changes.get(&table.name).copied(), table);
        }
        let rebuilt = &self.rebuilt_tables;
        self.constraints.retain(|(table, _)| !rebuilt.contains(table));
        self.indexes.retain(|(table, _)| !rebuilt.contains(table));
        self.generated.retain(|(table, _)| !rebuilt.contains(table));
        self.leave_to_changes(diff);
    }

    /// A table change lists what differs itself; only what it does not list goes around it.
    fn leave_to_changes(&mut self, diff: &Diff) {
        for change in &diff.changes {
            if let Change::AlterTable(change) = change {
                let table = &change.after.name;
                // What could be altered in place is dropped and made again all the same.
                let listed =
                    change.constraints.iter().filter(|delta| !super::in_place::keeps(delta));
                for name in listed.filter_map(|delta| delta.before()?.name.clone()) {
                    self.constraints.remove(&(table.clone(), name));
                }
                let listed =
                    change.indexes.iter().filter(|delta| !super::in_place::keeps_index(delta));
                for index in listed.filter_map(Delta::before) {
                    self.indexes.remove(&(table.clone(), index.name.clone()));
                }
                for column in change.columns.iter().filter_map(Delta::before) {
                    self.generated.remove(&(table.clone(), column.name.clone()));
                }
            }
        }
    }

    /// Keys and unique indexes that go and come back, by table and columns.
    fn gone_keys(&self, before: &Catalog) -> BTreeSet<(QName, BTreeSet<Ident>)> {
        let mut gone = BTreeSet::new();
        for (table, name) in self.constraints.iter().chain(&self.indexes) {
            let Some(table) = before.tables.get(table) else { continue };
            let constraints = table.constraints.iter();
            gone.extend(
                constraints
                    .filter(|constraint| constraint.name.as_ref() == Some(name))
                    .filter_map(|constraint| key_of(table, constraint)),
            );
            let indexes = table.indexes.iter().filter(|index| index.unique && index.name == *name);
            gone.extend(indexes.map(|index| unique_of(table, index)));
        }
        gone
    }

    /// Constraints and indexes that would go with a generated column that is dropped and added again.
    fn find_on_generated(&mut self, diff: &Diff, change: Option<&TableChange>, table: &Table) {
        let Some(after) = diff.after.tables.get(&table.name) else { return };
        let is_changed = |column: &Column| {
            change.is_some_and(|change| is_dropped_and_added(diff, change, column))
        };
        let used = |column: &Column| {
            is_changed(column)
                || self.generated.contains(&(table.name.clone(), column.name.clone()))
        };
        let gone: BTreeSet<&str> = table
            .columns
            .iter()
            .filter(|column| used(column))
            .map(|column| column.name.as_str())
            .collect();
        if gone.is_empty() {
            return;
        }
        let names = |text: &str| {
            let tokens = tokenize(text, Dialect::Postgres);
            tokens.iter().filter_map(|token| token.name()).any(|name| gone.contains(name.as_str()))
        };
        for constraint in table.constraints.iter().filter(|it| names(&it.definition)) {
            let Some(name) = &constraint.name else { continue };
            if stands(after, constraint, name) {
                self.constraints.insert((table.name.clone(), name.clone()));
            }
        }
        for index in table.indexes.iter().filter(|it| names(&it.definition)) {
            if after.indexes.iter().any(|other| other.name == index.name) {
                self.indexes.insert((table.name.clone(), index.name.clone()));
            }
        }
    }

    /// Grows the set until nothing unchanged stands on anything that goes.
    fn find_opaques(&mut self, diff: &Diff, before: &Catalog, touched: &BTreeSet<(QName, Ident)>) {
        let changed: BTreeSet<&ObjectId> = diff
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::Opaque(delta) => delta.before().map(|opaque| &opaque.id),
                _ => None,
            })
            .collect();
        let changed_constraints: BTreeSet<(&QName, &Ident)> = diff
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::AlterTable(change) => Some(change),
                _ => None,
            })
            .flat_map(|change| {
                let gone =
                    change.constraints.iter().filter_map(|delta| delta.before()?.name.as_ref());
                gone.map(|name| (&change.after.name, name))
            })
            .collect();
        loop {
            let goes = |dependency: &Dependency| match dependency {
                Dependency::Table(table) => {
                    !diff.after.tables.contains_key(table) || self.rebuilt_tables.contains(table)
                }
                Dependency::Column(table, column) => {
                    let key = (table.clone(), column.clone());
                    touched.contains(&key)
                        || self.generated.contains(&key)
                        || self.rebuilt_tables.contains(table)
                }
                Dependency::Constraint(table, name) => {
                    changed_constraints.contains(&(table, name))
                        || self.constraints.contains(&(table.clone(), name.clone()))
                        || self.rebuilt_tables.contains(table)
                        || !diff.after.tables.contains_key(table)
                }
                Dependency::Enum(name) => {
                    self.rebuilt.contains(name) || !diff.after.enums.contains_key(name)
                }
                Dependency::Opaque(id) => self.drops(id) || !diff.after.opaques.contains_key(id),
            };
            let found: Vec<&Opaque> = before
                .opaques
                .values()
                .filter(|opaque| diff.after.opaques.contains_key(&opaque.id))
                // It is let go before its column goes.
                .filter(|opaque| opaque.id.kind != OpaqueKind::Sequence)
                .filter(|opaque| !self.drops(&opaque.id) && opaque.depends_on.iter().any(goes))
                .collect();
            if found.is_empty() {
                return;
            }
            for opaque in found {
                if changed.contains(&opaque.id) {
                    self.remade.insert(opaque.id.clone());
                } else {
                    self.opaques.insert(opaque.id.clone());
                }
            }
        }
    }
}

/// Whether a text names one of the columns of the table.
fn names_any(text: &str, table: &Table, columns: &BTreeSet<(QName, Ident)>) -> bool {
    let own: Vec<&Ident> = columns
        .iter()
        .filter(|(holder, _)| *holder == table.name)
        .map(|(_, column)| column)
        .collect();
    !own.is_empty()
        && tokenize(text, Dialect::Postgres)
            .iter()
            .filter_map(|token| token.name())
            .any(|name| own.iter().any(|column| column.as_str() == name))
}

/// Whether a column goes and comes back because it is, or becomes, a generated one.
fn is_dropped_and_added(diff: &Diff, change: &TableChange, column: &Column) -> bool {
    let Some(after) = change.after.column(&column.name) else { return false };
    let is_virtual = |column: &Column| {
        let storage = column.generated.as_ref().map(|generated| generated.storage);
        storage == Some(GeneratedStorage::Virtual)
    };
    match (&column.generated, &after.generated) {
        (Some(_), Some(_)) => {
            let is_made_anew = reshapes(column, after) || column.not_null != after.not_null;
            is_made_anew && set_expression(column, after, change, &diff.after).is_none()
        }
        (None, Some(_)) => true,
        (Some(_), None) => is_virtual(column),
        (None, None) => false,
    }
}

/// Whether the engine, changing the type of a column, would store another text than the one printed.
fn is_reprinted(text: &str, table: &Table, touched: &BTreeSet<(QName, Ident)>) -> bool {
    super::reparse::changes_when_read(text) && names_any(text, table, touched)
}

/// Whether a column's stored values or expression change shape.
pub(super) fn reshapes(before: &Column, after: &Column) -> bool {
    before.data_type != after.data_type
        || before.collation != after.collation
        || before.generated != after.generated
}

/// The new expression of a generated column that the server can set: stored ones from PostgreSQL 17 on, virtual ones
/// from 18 on where the table has no checks. Source: measured; `ATExecSetExpression` in `tablecmds.c`.
pub(super) fn set_expression<'c>(
    before: &Column,
    after: &'c Column,
    change: &TableChange,
    catalog: &Catalog,
) -> Option<&'c Generated> {
    let (old, new) = (before.generated.as_ref()?, after.generated.as_ref()?);
    let same_type = before.data_type == after.data_type && before.collation == after.collation;
    // What it is computed from must stand still meanwhile.
    let names = |text: &str, name: &Ident| {
        let tokens = tokenize(text, Dialect::Postgres);
        tokens.iter().filter_map(|token| token.name()).any(|word| word == name.as_str())
    };
    let others_change = change.columns.iter().any(|delta| match delta {
        Delta::Alter { before, after: other } => {
            reshapes(before, other)
                && other.name != after.name
                && (names(&old.expression, &other.name) || names(&new.expression, &other.name))
        }
        Delta::Add(_) | Delta::Drop(_) => false,
    });
    let has_checks = change
        .before
        .constraints
        .iter()
        .chain(&change.after.constraints)
        .any(|constraint| matches!(constraint.kind, ConstraintKind::Check { .. }));
    let can = match new.storage {
        GeneratedStorage::Stored => catalog.server >= Some(17),
        GeneratedStorage::Virtual => catalog.server >= Some(18) && !has_checks,
    };
    let only_expression = same_type && old.storage == new.storage && old != new;
    (can && only_expression && !others_change).then_some(new)
}

/// Whether values are only added, so that `ALTER TYPE … ADD VALUE` does it.
pub(super) fn only_adds(before: &EnumType, after: &EnumType) -> bool {
    let mut rest = after.values.iter();
    before.values.iter().all(|value| rest.any(|other| other == value))
}

/// Keys and unique indexes that are dropped or changed, by table and columns.
fn gone_keys(diff: &Diff) -> BTreeSet<(QName, BTreeSet<Ident>)> {
    let mut gone = BTreeSet::new();
    for change in &diff.changes {
        let Change::AlterTable(change) = change else { continue };
        let constraints = change.constraints.iter().filter_map(Delta::before);
        gone.extend(constraints.filter_map(|constraint| key_of(&change.after, constraint)));
        let indexes = change.indexes.iter().filter_map(Delta::before);
        gone.extend(
            indexes.filter(|index| index.unique).map(|index| unique_of(&change.after, index)),
        );
    }
    gone
}

fn key_of(table: &Table, constraint: &Constraint) -> Option<(QName, BTreeSet<Ident>)> {
    match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns } => {
            Some((table.name.clone(), columns.iter().cloned().collect()))
        }
        ConstraintKind::Check { .. }
        | ConstraintKind::ForeignKey(_)
        | ConstraintKind::Exclusion => None,
    }
}

fn unique_of(table: &Table, index: &Index) -> (QName, BTreeSet<Ident>) {
    let columns = index.keys.iter().filter_map(|key| match key {
        IndexKey::Column(column) => Some(column.clone()),
        IndexKey::Expression(_) => None,
    });
    (table.name.clone(), columns.collect())
}

fn touches(key: &ForeignKey, holder: &Table, touched: &BTreeSet<(QName, Ident)>) -> bool {
    let own = key.columns.iter().map(|column| (holder.name.clone(), column.clone()));
    let other =
        key.referenced_columns.iter().map(|column| (key.references.clone(), column.clone()));
    own.chain(other).any(|column| touched.contains(&column))
}

fn points_at(
    key: &ForeignKey,
    gone: &BTreeSet<(QName, BTreeSet<Ident>)>,
    before: &Catalog,
) -> bool {
    let mut columns: BTreeSet<Ident> = key.referenced_columns.iter().cloned().collect();
    if columns.is_empty()
        && let Some(table) = before.tables.get(&key.references)
    {
        columns = table.primary_key().iter().cloned().collect();
    }
    gone.contains(&(key.references.clone(), columns))
}

fn stands(after: &Table, constraint: &Constraint, name: &Ident) -> bool {
    after.constraints.iter().any(|other| {
        other.name.as_ref() == Some(name)
            && std::mem::discriminant(&other.kind) == std::mem::discriminant(&constraint.kind)
    })
}
