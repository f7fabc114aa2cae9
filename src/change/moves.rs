//! Values that go to another table: as the user says it, and as it is once both schemas are known.

use super::{Change, Delta, Diff, Rename, Target, Way};
use crate::catalog::Column;
use crate::text::{Ident, QName};

/// What the user said: a column of one table is from now on a column of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The column that goes, as the user calls it.
    pub said: String,
    /// The column that goes: each one that may be meant where its table is no more.
    pub givers: Vec<Target>,
    /// The column that comes.
    pub receiver: Target,
    /// A column of the reference, where there are several references: each one that may be meant. Empty where nothing is said.
    pub by: Vec<Target>,
    pub pick: Pick,
}

/// Which one of several rows says the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// Any: they must agree.
    #[default]
    Agreed,
    Least,
    Greatest,
    /// The row that is first by another of its columns.
    First(Ident),
    Last(Ident),
}

/// A column whose values go to another table, the one where they arrive, and the reference between the two. The names are
/// those after the renames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveIntent {
    pub giver: Target,
    pub receiver: Target,
    /// The table that has the reference, its columns, and the columns of the other table that they refer to.
    pub holder: QName,
    pub reference: Vec<Ident>,
    pub keys: Vec<Ident>,
    /// What the receiving column holds in rows that get no value by the move, where the table that gives goes.
    pub otherwise: Option<String>,
}

/// Rows of a new table that values of columns which go from another become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extraction {
    pub from: QName,
    pub per: Per,
    /// The reference between the two tables, and the columns that it refers to.
    pub reference: Vec<Ident>,
    pub keys: Vec<Ident>,
    pub values: Vec<Extracted>,
}

/// What becomes a row of a new table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Per {
    /// Each set of values, once: rows of the table that gives refer to it.
    Set,
    /// Each row that has a value: the new row refers to it.
    Row,
}

/// Rows of a table that goes said values of another: what a row of that other holds once they have gone there tells, when
/// the table comes back, whether it was changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    pub into: QName,
    /// The columns that the table which goes refers to.
    pub keys: Vec<Ident>,
    pub columns: Vec<Ident>,
}

/// A column that goes, and the column of the new table that holds its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    pub from: Ident,
    pub from_type: String,
    pub into: Ident,
    pub into_type: String,
    /// A constant that stands for no value: what rows without a value were given.
    pub otherwise: Option<String>,
}

impl Diff {
    /// The moves as this way goes, in its own names after the renames: what goes, what comes, and the move.
    pub fn moves(&self) -> impl Iterator<Item = (Target, Target, &MoveIntent)> {
        self.intent.moves.iter().map(|said| match self.way {
            Way::Forth => (said.giver.clone(), said.receiver.clone(), said),
            Way::Back => (self.told(&said.receiver), self.told(&said.giver), said),
        })
    }

    /// A column that comes or goes, under the name that this way's renames give its table.
    fn told(&self, target: &Target) -> Target {
        let mut renames = self.renames().filter_map(Rename::of_table);
        let renamed = renames.find(|(before, _)| **before == target.table);
        let table = renamed.map_or(&target.table, |(_, after)| after).clone();
        Target { table, column: target.column.clone() }
    }

    /// What makes rows of a table that this way adds out of values that go there: one for each table and reference.
    pub fn extractions(&self, table: &QName) -> Vec<Extraction> {
        match self.intent.moves.is_empty() || !self.adds(table) {
            true => Vec::new(),
            false => self.arriving(table),
        }
    }

    /// Values that go where rows of a table which stays say the same already: over references to it that are new.
    pub fn looked_up(&self, table: &QName) -> Vec<Extraction> {
        if self.intent.moves.is_empty() || self.adds(table) {
            return Vec::new();
        }
        let changes = self.table_changes();
        let is_new = |from: &QName, reference: &Ident| {
            let change = changes.get(from);
            change.is_some_and(|it| {
                it.before.column(reference).is_none() && it.after.column(reference).is_some()
            })
        };
        let was = |into: &Ident| {
            changes.get(table).is_none_or(|change| change.before.column(into).is_some())
        };
        let mut found = self.arriving(table);
        found.retain(|it| {
            it.per == Per::Set
                && it.reference.iter().all(|reference| is_new(&it.from, reference))
                && it.values.iter().all(|value| was(&value.into))
        });
        found
    }

    fn adds(&self, table: &QName) -> bool {
        let is_added = |change: &Change| matches!(change, Change::Table(Delta::Add(added)) if added.name == *table);
        self.changes.iter().any(is_added)
    }

    /// The values that go to a table, one for each table that gives and reference.
    fn arriving(&self, table: &QName) -> Vec<Extraction> {
        let Some(added) = self.after.tables.get(table) else { return Vec::new() };
        let changes = self.table_changes();
        let mut found: Vec<Extraction> = Vec::new();
        for (from, into, said) in self.moves().filter(|(_, into, _)| into.table == *table) {
            let per = match self.gives_the_reference(said) {
                true => Per::Set,
                false => Per::Row,
            };
            let goes = changes.get(&from.table).zip(from.column.as_ref()).and_then(|(it, name)| {
                it.before.column(name).filter(|_| it.after.column(name).is_none())
            });
            let comes = into.column.as_ref().and_then(|name| added.column(name));
            let (Some(goes), Some(comes)) = (goes, comes) else { continue };
            let value = Extracted {
                from: goes.name.clone(),
                from_type: goes.data_type.clone(),
                into: comes.name.clone(),
                into_type: comes.data_type.clone(),
                otherwise: said.otherwise.clone().filter(|_| self.way == Way::Back),
            };
            let keys = match per {
                Per::Set => said.keys.clone(),
                Per::Row => self.told_columns(&from.table, &said.keys),
            };
            let same = found.iter_mut().find(|it| {
                it.from == from.table && it.per == per && it.reference == said.reference
            });
            match same {
                Some(extraction) => extraction.values.push(value),
                None => found.push(Extraction {
                    from: from.table,
                    per,
                    reference: said.reference.clone(),
                    keys,
                    values: vec![value],
                }),
            }
        }
        found
    }

    /// Whether the table that gives on this way has the reference.
    fn gives_the_reference(&self, said: &MoveIntent) -> bool {
        let giver = match self.way {
            Way::Forth => &said.giver,
            Way::Back => &said.receiver,
        };
        said.holder == giver.table
    }

    /// Columns that stay, under the names that this way's renames give them.
    fn told_columns(&self, table: &QName, columns: &[Ident]) -> Vec<Ident> {
        let told = |column: &Ident| {
            let renamed = self.renames().find_map(|rename| match rename {
                Rename::Column { table: of, before, after } if of == table && before == column => {
                    Some(after.clone())
                }
                _ => None,
            });
            renamed.unwrap_or_else(|| column.clone())
        };
        match self.way {
            Way::Forth => columns.to_vec(),
            Way::Back => columns.iter().map(told).collect(),
        }
    }

    /// The tables into which values of a table that this way drops are gathered over its own references.
    pub fn gathered(&self, table: &QName) -> Vec<Gathered> {
        let is_dropped = |change: &Change| matches!(change, Change::Table(Delta::Drop(dropped)) if dropped.name == *table);
        if self.intent.moves.is_empty() || !self.changes.iter().any(is_dropped) {
            return Vec::new();
        }
        let mut found: Vec<(&[Ident], Gathered)> = Vec::new();
        let goes = self.moves().filter(|(from, _, _)| from.table == *table);
        for (_, into, said) in goes {
            let Some(column) = into.column.filter(|_| self.gives_the_reference(said)) else {
                continue;
            };
            let same = found
                .iter_mut()
                .find(|(by, it)| *by == said.reference.as_slice() && it.into == into.table);
            match same {
                Some((_, gathered)) => gathered.columns.push(column),
                None => {
                    let keys = self.told_columns(&into.table, &said.keys);
                    let gathered = Gathered { into: into.table, keys, columns: vec![column] };
                    found.push((&said.reference, gathered));
                }
            }
        }
        found.into_iter().map(|(_, gathered)| gathered).collect()
    }

    /// The type of the column whose values a new column of this way gets by a move, where it is another type than its own.
    pub fn moved_from_type(&self, receiver: &Target) -> Option<&str> {
        let (giver, _, _) = self.moves().find(|(_, into, _)| into == receiver)?;
        let own = self.after.tables.get(&receiver.table)?.column(receiver.column.as_ref()?)?;
        let from = self.column_before(&giver)?;
        (from.data_type != own.data_type).then_some(from.data_type.as_str())
    }

    /// A column as it is before this way, by its name after the renames.
    fn column_before(&self, target: &Target) -> Option<&Column> {
        let name = target.column.as_ref()?;
        self.changes.iter().find_map(|change| match change {
            Change::AlterTable(change) if change.after.name == target.table => {
                change.before.column(name)
            }
            Change::Table(Delta::Drop(table)) if table.name == target.table => table.column(name),
            Change::AlterTable(_)
            | Change::Table(_)
            | Change::Rename(_)
            | Change::Schema(_)
            | Change::Facets(_)
            | Change::Enum(_)
            | Change::Opaque(_) => None,
        })
    }
}
