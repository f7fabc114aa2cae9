//! What all parts of lowering look at: both catalogs under the new names, and what texts mention.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::around::Around;
use super::mention::Mentions;
pub(super) use super::mention::{Mention, printed_names};
use super::ownership::{self, Moving};
use super::parts::{is_of_enum, owned_sequences, slot};
use super::rebuild::Rebuilds;
use crate::catalog::facets::Subject;
use crate::catalog::{Catalog, ConstraintKind, ObjectId, Opaque, OpaqueKind, Table};
use crate::change::{Change, Delta, Diff, Rename, TableChange, Target};
use crate::dialect::online::Online;
use crate::dialect::{Absence, Direction, KeptUse, Resource, kept_name};
use crate::text::{Dialect, Ident, QName};

/// The comparison being lowered.
pub(super) struct Context<'a> {
    pub(super) diff: &'a Diff,
    /// Its table changes by name.
    pub(super) changes: BTreeMap<&'a QName, &'a TableChange>,
    pub(super) direction: Direction,
    pub(super) tag: &'a str,
    /// The old catalog under the new names.
    pub(super) before: Cow<'a, Catalog>,
    pub(super) new_tables: BTreeSet<QName>,
    /// Things that texts may mention and that this plan makes or takes away.
    made: Mentions,
    taken: Mentions,
    /// Types and functions that differ between the two sides in any way: kept tables must not stand on them.
    pub(super) unstable: Mentions,
    /// The changes of opaque objects.
    opaques: Vec<&'a Delta<Opaque>>,
    /// Owned sequences that come and go, by the names in which defaults print them.
    made_sequences: BTreeMap<String, Resource>,
    taken_sequences: BTreeMap<String, Resource>,
    pub(super) around: Around,
    /// Sequences that stay without the column that owns them.
    pub(super) moving: Vec<Moving>,
    /// Whether any constraint is deferred, once it was asked.
    deferred: OnceCell<bool>,
    /// Partitions whose parent lets go for them of what they may not take along, once it was asked.
    pub(super) let_go: OnceCell<BTreeSet<QName>>,
    /// Tables that go or come and cannot be moved aside, once they were asked for.
    pub(super) holding_on: OnceCell<BTreeSet<QName>>,
    /// Tables that are built anew.
    pub(super) rebuilds: Rebuilds,
    /// Children that leave a parent for a moment.
    pub(super) parted: BTreeSet<(QName, QName)>,
    /// Tables of all trees of partitions that lose one, for a moment or for good.
    pub(super) let_apart: BTreeSet<QName>,
    /// Tables that are changed while they are used, by their new names.
    pub(super) online: Online,
}

/// A part of a table that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Column,
    Constraint,
}

/// When a trigger or rule that sees changes of rows sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Firing {
    Normal,
    Always,
}

/// Which way a plan goes, and what its kept data is called by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    pub(super) direction: Direction,
    pub(super) tag: &'a str,
    /// By their old names.
    pub(super) online: &'a Online,
}

impl<'a> Context<'a> {
    /// `before` is the old catalog under the new names.
    pub(super) fn new(
        diff: &'a Diff,
        before: Cow<'a, Catalog>,
        moving: Vec<Moving>,
        rebuilds: Rebuilds,
        Run { direction, tag, online }: Run<'a>,
    ) -> Self {
        let around = Around::of(diff, &before, &rebuilds.tables);
        let (mut made, mut taken, mut unstable) = (Vec::new(), Vec::new(), Vec::new());
        let mut new_tables = BTreeSet::new();
        let mut opaques = Vec::new();
        for change in &diff.changes {
            match change {
                Change::Enum(delta) => {
                    let rebuilt = around.rebuilds(delta);
                    let name = &delta.after().or(delta.before()).expect("a delta has a side").name;
                    let mention = Mention::new(Resource::Enum(name.clone()), name);
                    if delta.after().is_some() {
                        made.push(mention.clone());
                    }
                    if delta.after().is_none() || rebuilt {
                        taken.push(mention.clone());
                    }
                    unstable.push(mention);
                }
                Change::Opaque(delta) => {
                    opaques.push(delta);
                    let opaque = delta.after().or(delta.before()).expect("a delta has a side");
                    if opaque.id.kind.is_mentionable() {
                        let mention = Mention::of_either(delta.before(), opaque);
                        if delta.after().is_some() {
                            made.push(mention.clone());
                        }
                        if delta.before().is_some() {
                            taken.push(mention.clone());
                        }
                        unstable.push(mention);
                    }
                }
                Change::Table(Delta::Add(table)) => {
                    new_tables.insert(table.name.clone());
                }
                Change::Table(_)
                | Change::Rename(_)
                | Change::Schema(_)
                | Change::Facets(_)
                | Change::AlterTable(_) => {}
            }
        }
        let ids = around.opaques.iter().filter(|id| id.kind.is_mentionable());
        for opaque in ids.filter_map(|id| before.opaques.get(id)) {
            let mention = Mention::of_either(None, opaque);
            made.push(mention.clone());
            taken.push(mention);
        }
        taken.extend(super::containers::holding_narrowed(diff, &before));
        for name in owned_sequences(&before).symmetric_difference(&owned_sequences(&diff.after)) {
            unstable.push(Mention::new(slot(&name.schema, &name.name), name));
        }
        for sequence in &moving {
            let resource = slot(&sequence.name.schema, &sequence.name.name);
            unstable.push(Mention::new(resource, &sequence.name));
        }
        let made_sequences = ownership::only_in(&diff.after, &before);
        let taken_sequences = ownership::only_in(&before, &diff.after);
        Context {
            diff,
            changes: diff.table_changes(),
            direction,
            tag,
            before,
            new_tables,
            made: Mentions::of(made),
            taken: Mentions::of(taken),
            unstable: Mentions::of(unstable),
            opaques,
            made_sequences,
            taken_sequences,
            around,
            moving,
            deferred: OnceCell::new(),
            let_go: OnceCell::new(),
            holding_on: OnceCell::new(),
            rebuilds,
            parted: BTreeSet::new(),
            let_apart: BTreeSet::new(),
            online: super::online::of(diff, online),
        }
    }

    /// Finds the children that must leave their parents for a moment; one may follow from another.
    pub(super) fn part_for_keys(&mut self) {
        loop {
            let found = super::hierarchy::parted_for_keys(self);
            let count = self.parted.len();
            self.parted.extend(found);
            if self.parted.len() == count {
                break;
            }
        }
        self.let_apart = super::hierarchy::let_apart(self);
        let references = super::hierarchy::references_to_free(self);
        self.around.constraints.extend(references);
    }

    /// Partitions of a table, at all levels, on the side where it is.
    pub(super) fn descendants(&self, table: &QName) -> BTreeSet<&QName> {
        let mut found = BTreeSet::new();
        let mut open = vec![table];
        while let Some(parent) = open.pop() {
            let sides = [self.after(), &self.before];
            let tables = sides.into_iter().flat_map(|catalog| catalog.tables.values());
            let children =
                tables.filter(|it| super::hierarchy::options(it).parents.contains(parent));
            for child in children.filter(|it| it.name != *table).map(|it| &it.name) {
                if found.insert(child) {
                    open.push(child);
                }
            }
        }
        found
    }

    /// Row triggers that stand on a table or below it during the plan's data steps and must not see them.
    pub(super) fn standing_triggers_below(&self, table: &QName) -> Vec<(&QName, (&Ident, Firing))> {
        let below = self.descendants(table);
        let tables = self.before.tables.get_key_value(table).map(|(name, _)| name);
        let all = tables.into_iter().chain(below);
        all.flat_map(|table| {
            self.standing(OpaqueKind::Trigger, table)
                .into_iter()
                .map(move |trigger| (table, trigger))
        })
        .collect()
    }

    pub(super) fn after(&self) -> &'a Catalog {
        &self.diff.after
    }

    /// What the texts mention of the things that the plan makes; extensions count as mentioned by everything.
    pub(super) fn made_in<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str> + Clone,
    ) -> BTreeSet<Resource> {
        let unnamed = self.unnamed(texts.clone(), Delta::after);
        let sequences = counting(&self.made_sequences, texts.clone());
        let found = self.made.in_texts(texts).into_iter().chain(self.extensions(Delta::after));
        found.chain(sequences).chain(unnamed).collect()
    }

    /// What the texts mention of the things that the plan takes away.
    pub(super) fn taken_in<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str> + Clone,
    ) -> BTreeSet<Resource> {
        let unnamed = self.unnamed(texts.clone(), Delta::before);
        let sequences = counting(&self.taken_sequences, texts.clone());
        let found = self.taken.in_texts(texts).into_iter().chain(self.extensions(Delta::before));
        found.chain(sequences).chain(unnamed).collect()
    }

    /// Whether a text mentions anything that the plan takes away.
    pub(super) fn takes_any_in(&self, text: &str) -> bool {
        self.taken.any_in(text)
    }

    /// What PostgreSQL may use for any text without naming it.
    fn unnamed<'t>(
        &self,
        texts: impl IntoIterator<Item = &'t str>,
        side: for<'d> fn(&'d Delta<crate::catalog::Opaque>) -> Option<&'d crate::catalog::Opaque>,
    ) -> Vec<Resource> {
        if texts.into_iter().next().is_none() {
            return Vec::new();
        }
        let changed = self.diff.changes.iter().filter_map(move |change| match change {
            Change::Opaque(delta) => side(delta).map(|opaque| &opaque.id),
            Change::Rename(_)
            | Change::Schema(_)
            | Change::Enum(_)
            | Change::Table(_)
            | Change::AlterTable(_)
            | Change::Facets(_) => None,
        });
        changed
            .chain(&self.around.opaques)
            .filter(|id| id.kind.is_used_unnamed())
            .map(|id| Resource::Opaque(id.clone()))
            .collect()
    }

    /// The extensions on one side of the changes.
    fn extensions(
        &self,
        side: for<'d> fn(&'d Delta<Opaque>) -> Option<&'d Opaque>,
    ) -> impl Iterator<Item = Resource> {
        let changed = self.opaques.iter().filter_map(move |delta| side(delta));
        let extensions = changed.filter(|opaque| opaque.id.kind == OpaqueKind::Extension);
        extensions.map(|opaque| Resource::Opaque(opaque.id.clone()))
    }

    /// Whether a printed column type is an enum that is built anew.
    pub(super) fn rebuilds_type(&self, data_type: &str) -> bool {
        self.around
            .rebuilt()
            .filter_map(|name| self.before.enums.get(name))
            .any(|enum_type| is_of_enum(data_type, enum_type))
    }

    pub(super) fn changes_an_extension(&self) -> bool {
        self.extensions(Delta::after).chain(self.extensions(Delta::before)).next().is_some()
    }

    /// The name under which this plan keeps a table or a column.
    pub(super) fn keeps_as(&self, table: &QName, column: Option<&Ident>) -> String {
        let table = self.rebuilds.staged(table).unwrap_or(table);
        kept_name(self.tag, self.direction, table, column, Dialect::Postgres)
    }

    /// The kept data of the other way, under the name that its own plan gave it.
    pub(super) fn kept_by_the_other_way(&self, table: &QName, column: Option<&Ident>) -> KeptUse {
        let (other, absence) = self.other_way();
        let (table, column) = self.other_name(table, column);
        KeptUse {
            name: kept_name(self.tag, other, &table, column.as_ref(), Dialect::Postgres),
            absence,
        }
    }

    /// Kept data of the other way that goes by a name made from a column's.
    pub(super) fn kept_part_by_the_other_way(
        &self,
        table: &QName,
        column: &Ident,
        part: impl Fn(&Ident) -> Ident,
    ) -> KeptUse {
        let (other, absence) = self.other_way();
        let (table, column) = self.other_name(table, Some(column));
        let part = column.as_ref().map(part);
        KeptUse {
            name: kept_name(self.tag, other, &table, part.as_ref(), Dialect::Postgres),
            absence,
        }
    }

    fn other_way(&self) -> (Direction, Absence) {
        match self.direction {
            Direction::Up => (Direction::Down, Absence::Skip),
            Direction::Down => (Direction::Up, Absence::Refuse),
        }
    }

    /// What a table and column are called on the other side of the renames: where the other way's plan runs, the
    /// names that hold after *its* renames are the names before ours.
    pub(super) fn other_name(
        &self,
        table: &QName,
        column: Option<&Ident>,
    ) -> (QName, Option<Ident>) {
        let table = self.rebuilds.staged(table).unwrap_or(table);
        let mut old_table = table.clone();
        let mut old_column = column.cloned();
        for rename in self.diff.renames() {
            match rename {
                Rename::Table { before, after } if after == table => old_table = before.clone(),
                Rename::Column { table: holder, before, after }
                    if Some(after) == column
                        && (holder == table || self.inherits(table, after, holder)) =>
                {
                    old_column = Some(before.clone());
                }
                _ => {}
            }
        }
        (old_table, old_column)
    }

    /// The values of an enum that this plan renames, old name first, where `data_type` is one.
    pub(super) fn renamed_values(&self, data_type: &str) -> Vec<(String, String)> {
        let renames = self.diff.renames().filter_map(|rename| match rename {
            Rename::EnumValue { name, before, after }
                if printed_names(name).iter().any(|printed| printed == data_type) =>
            {
                Some((before.clone(), after.clone()))
            }
            _ => None,
        });
        renames.collect()
    }

    /// Whether a table has a column from one above it, by its new name.
    fn inherits(&self, table: &QName, column: &Ident, above: &QName) -> bool {
        let known = self.after().tables.get(table).or(self.before.tables.get(table));
        known.is_some_and(|it| {
            super::hierarchy::options(it).inherited_columns.contains_key(column)
                && self.above(it).contains(&above)
        })
    }

    /// The parents of a table, theirs, and so on.
    fn above<'t>(&'t self, table: &'t Table) -> Vec<&'t QName> {
        let mut above: Vec<&QName> = Vec::new();
        let mut open: Vec<&QName> = super::hierarchy::options(table).parents.iter().collect();
        while let Some(parent) = open.pop() {
            above.push(parent);
            let up = self.after().tables.get(parent).or(self.before.tables.get(parent));
            open.extend(up.into_iter().flat_map(|it| &super::hierarchy::options(it).parents));
        }
        above
    }

    /// Columns and checks of a table that are renamed with those of a parent, old name first. While the table is
    /// aside it keeps the old ones.
    pub(super) fn renamed_with_parent(&self, table: &Table) -> Vec<(Part, &Ident, &Ident)> {
        let above = self.above(table);
        let renames = self.diff.renames().filter_map(|rename| match rename {
            Rename::Column { table: of, before, after }
                if above.contains(&of) && table.column(after).is_some() =>
            {
                Some((Part::Column, before, after))
            }
            Rename::Constraint { table: of, before, after }
                if above.contains(&of)
                    && table.constraints.iter().any(|it| {
                        it.name.as_ref() == Some(after)
                            && matches!(it.kind, ConstraintKind::Check { .. })
                    }) =>
            {
                Some((Part::Constraint, before, after))
            }
            _ => None,
        });
        renames.collect()
    }

    pub(super) fn is_discarded(&self, table: &QName, column: Option<&Ident>) -> bool {
        let table = self.rebuilds.staged(table).unwrap_or(table);
        let target = Target { table: table.clone(), column: column.cloned() };
        self.diff.discard.contains(&target)
    }

    /// Triggers or rules that stand on a table during the plan's data steps and must not see them.
    pub(super) fn standing(&self, kind: OpaqueKind, table: &QName) -> Vec<(&Ident, Firing)> {
        let of_table = |id: &&ObjectId| {
            id.kind == kind
                && id.table.as_ref() == Some(table)
                && self.after().opaques.contains_key(id)
                && !self.around.drops(id)
        };
        let firing = |id: &ObjectId| {
            let facets = self.before.facets_of(&Subject::Opaque(id.clone()));
            let lines = facets.iter().flat_map(|facets| &facets.lines);
            let mut states = lines.filter(|line| line.set.starts_with("ALTER TABLE"));
            match states.next() {
                None => Some(Firing::Normal),
                Some(line) if line.set.contains(" ENABLE ALWAYS ") => Some(Firing::Always),
                // Disabled, or for replicas alone: it sees nothing.
                Some(_) => None,
            }
        };
        let standing = self.before.opaques.keys().filter(of_table);
        standing.filter_map(|id| Some((&id.name.name, firing(id)?))).collect()
    }

    /// Whether some foreign key waits for the end of the transaction, so that an ALTER TABLE after an UPDATE fails.
    pub(super) fn has_deferred_constraints(&self) -> bool {
        *self.deferred.get_or_init(|| {
            let deferred = |catalog: &Catalog| {
                catalog
                    .tables
                    .values()
                    .flat_map(|table| &table.constraints)
                    .any(|constraint| constraint.definition.contains("INITIALLY DEFERRED"))
            };
            deferred(&self.before) || deferred(self.after())
        })
    }
}

/// The owned sequences among some that the texts count with.
fn counting<'t>(
    sequences: &BTreeMap<String, Resource>,
    texts: impl IntoIterator<Item = &'t str>,
) -> Vec<Resource> {
    if sequences.is_empty() {
        return Vec::new();
    }
    let names = texts.into_iter().flat_map(ownership::counted_with);
    names.filter_map(|name| sequences.get(&name).cloned()).collect()
}
