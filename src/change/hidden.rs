//! Columns that stay in their table, out of sight, in place of being copied and dropped.

use crate::text::{Ident, QName};

use super::{Intent, Rename};

/// How the user wants the values of a column kept that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAs {
    /// With the keys of their rows.
    Copy,
    /// Where they are.
    Hide,
}

/// A column that is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// What it is called while it is seen.
    pub column: Ident,
    /// What its kept data is called.
    pub kept: String,
    /// How much the rows of its table take, where that decided.
    pub bytes: Option<u64>,
}

/// What a rename does to a hidden column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight<'i> {
    Goes(&'i Hidden),
    Returns(&'i Hidden),
}

impl Intent {
    /// Whether a rename hides a column or brings it back; `None` for any other.
    pub fn sight(&self, rename: &Rename) -> Option<Sight<'_>> {
        let Rename::Column { table, before, after } = rename else { return None };
        let of = |name: &Ident| self.hidden.get(&(table.clone(), name.clone()));
        // On the way back the table may go by its old name already; the name of a hidden column is its own.
        let by_name = |name: &Ident| {
            let found = self.hidden.iter().find(|((_, hidden), _)| hidden == name);
            found.map(|(_, hidden)| hidden)
        };
        of(after).map(Sight::Goes).or_else(|| by_name(before).map(Sight::Returns))
    }

    /// The hidden columns of a table, by the name it has after.
    pub fn hidden_of<'i>(&'i self, table: &QName) -> impl Iterator<Item = (&'i Ident, &'i Hidden)> {
        let table = table.clone();
        let own = self.hidden.iter().filter(move |((of, _), _)| *of == table);
        own.map(|((_, name), hidden)| (name, hidden))
    }
}
