//! A value of another table, as an expression over the row that gets it.

use super::link::{Holder, Link};
use super::{quote, table_text};
use crate::catalog::Table;
use crate::change::Pick;
use crate::text::{Dialect, Ident};

/// A value of another table, read by a row that is called `t`.
pub(super) struct Read<'c> {
    pub(super) of: &'c Table,
    pub(super) column: &'c Ident,
    pub(super) link: Link<'c>,
    /// Which of the two tables is read.
    pub(super) from: Holder,
    pub(super) pick: &'c Pick,
}

impl Read<'_> {
    /// Whether several rows may say the value: those that hold the reference.
    fn is_of_many(&self) -> bool {
        self.from == self.link.holder
    }

    pub(super) fn value(&self, dialect: Dialect) -> String {
        let value = format!("\"m\".{}", quote(self.column));
        let rows = self.rows(dialect);
        if !self.is_of_many() {
            return format!("(SELECT {value} {rows})");
        }
        let mut order = match self.pick {
            Pick::Agreed => Vec::new(),
            Pick::Least => vec![value.clone()],
            Pick::Greatest => vec![format!("{value} DESC")],
            Pick::First(by) => vec![unknown_last(by), format!("\"m\".{}", quote(by))],
            Pick::Last(by) => vec![unknown_last(by), format!("\"m\".{} DESC", quote(by))],
        };
        // Always the same one: what is computed twice must be equal.
        order.extend(self.of.primary_key().iter().map(|key| format!("\"m\".{}", quote(key))));
        let order = match order.as_slice() {
            [] => String::new(),
            order => format!(" ORDER BY {}", order.join(", ")),
        };
        format!("(SELECT {value} {rows} AND {value} IS NOT NULL{order} LIMIT 1)")
    }

    /// The condition under which the rows that say the value do not agree on it.
    pub(super) fn contested(&self, dialect: Dialect) -> Option<String> {
        if !self.is_of_many() || *self.pick != Pick::Agreed {
            return None;
        }
        let value = format!("\"m\".{}", quote(self.column));
        // As they are written: a collation may take two texts for one.
        let written = match dialect {
            Dialect::Postgres => format!("{value}::text"),
            Dialect::Sqlite => format!("quote({value})"),
        };
        let rows = self.rows(dialect);
        Some(format!("(SELECT count(DISTINCT {written}) {rows} AND {value} IS NOT NULL) > 1"))
    }

    fn rows(&self, dialect: Dialect) -> String {
        let (own, theirs) = match self.is_of_many() {
            true => (self.link.keys, self.link.columns),
            false => (self.link.columns, self.link.keys),
        };
        let same: Vec<String> = own
            .iter()
            .zip(theirs)
            .map(|(own, their)| format!("\"m\".{} = \"t\".{}", quote(their), quote(own)))
            .collect();
        let table = table_text(&self.of.name, dialect);
        format!("FROM {table} AS \"m\" WHERE {}", same.join(" AND "))
    }
}

/// A value, or what is said of rows that have none.
pub(super) fn or_else(value: String, otherwise: Option<String>) -> String {
    match otherwise {
        Some(otherwise) => format!("coalesce({value}, ({otherwise}))"),
        None => value,
    }
}

/// Engines differ on where NULLs stand in an order.
fn unknown_last(by: &Ident) -> String {
    format!("\"m\".{} IS NULL", quote(by))
}
