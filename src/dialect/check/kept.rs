//! Rows that get kept values back: what they hold today says nothing of what they will hold.

use std::collections::BTreeSet;

use super::quote;
use super::rows::Rows;
use crate::catalog::{Catalog, Table};
use crate::change::{Diff, Rename, TableChange};
use crate::dialect::Direction;
use crate::dialect::keep::{SQLITE_PREFIX, kept_name};
use crate::text::{Dialect, Ident, QName};

/// Rows whose old values are kept and will be put back.
pub(super) struct KeptRows<'a> {
    pub(super) diff: &'a Diff,
    pub(super) change: &'a TableChange,
    pub(super) rows: &'a Rows,
    pub(super) tag: &'a str,
    pub(super) kept: &'a BTreeSet<String>,
}

impl KeptRows<'_> {
    /// The condition (` AND …`) that leaves out rows that get back a kept value of one of the columns; empty where
    /// nothing is kept, `None` where kept rows cannot be told (no primary key): then only putting them back tells.
    pub(super) fn others(&self, columns: &[Ident]) -> Option<String> {
        self.others_as("r", columns)
    }

    /// As [`KeptRows::others`], where the rows go by another alias.
    pub(super) fn others_as(&self, alias: &str, columns: &[Ident]) -> Option<String> {
        let mut condition = String::new();
        for column in columns {
            let name = self.name(column);
            if !self.kept.contains(&name) {
                continue;
            }
            let key = self.change.before.primary_key();
            if key.is_empty()
                || key != self.change.after.primary_key()
                || self.rows.keys.is_empty()
                || !self.tells_rows_apart(key)
            {
                return None;
            }
            condition.push_str(&format!(" AND NOT {}", self.is_kept(alias, &name, column, key)));
        }
        Some(condition)
    }

    /// On PostgreSQL rows are kept by their primary key only where no row lacks it and no heir has the same.
    fn tells_rows_apart(&self, key: &[Ident]) -> bool {
        let required = |table: &Table| {
            key.iter().all(|name| table.column(name).is_some_and(|column| column.not_null))
        };
        let has_heirs = |catalog: &Catalog, name: &QName| {
            let tables = catalog.tables.values();
            let mut options = tables.filter_map(|table| table.options.of_postgres());
            options.any(|options| !options.is_partition() && options.parents.contains(name))
        };
        let after = &self.change.after.name;
        let old = self.old_table();
        self.rows.dialect == Dialect::Sqlite
            || required(&self.change.before)
                && required(&self.change.after)
                && !has_heirs(&self.diff.after, after)
                && !has_heirs(&self.diff.before, old)
    }

    fn old_table(&self) -> &QName {
        let table = &self.change.after.name;
        let renamed = self.diff.renames().find_map(|rename| match rename {
            Rename::Table { before, after } if after == table => Some(before),
            _ => None,
        });
        renamed.unwrap_or(table)
    }

    /// The condition that a row still has what was written when the value was kept: other rows get what is computed now.
    fn unchanged(&self, alias: &str, column: &Ident) -> Option<String> {
        let mapping = &self.change.mapping;
        let source = mapping.iter().find(|source| source.column == *column)?;
        let is_computed = source.computed(self.rows.dialect).is_some();
        let own = format!("{alias}.{}", quote(column));
        is_computed.then(|| match self.rows.dialect {
            Dialect::Postgres => format!("{own}::text IS NOT DISTINCT FROM k.\"written\""),
            Dialect::Sqlite => format!("{own} IS k.\"_migrate_written\""),
        })
    }

    /// The condition that a value of the row is kept and returns to it.
    fn is_kept(&self, alias: &str, name: &str, of: &Ident, key: &[Ident]) -> String {
        let table = kept_table(name, self.rows.dialect);
        if self.rows.dialect == Dialect::Postgres && self.unchanged(alias, of).is_none() {
            // Neither side is NULL. The engine asks EXISTS anew for each row where it counts by FILTER; this it hashes.
            let own = key.iter().map(|column| format!("{alias}.{}::text", quote(column)));
            let held = (1..=key.len()).map(|index| format!("k.\"key_{index}\"::text"));
            let (own, held): (Vec<_>, Vec<_>) = (own.collect(), held.collect());
            return format!(
                "(({}) IN (SELECT {} FROM {table} AS k))",
                own.join(", "),
                held.join(", ")
            );
        }
        let prefix = match self.rows.dialect {
            Dialect::Postgres => "key_",
            Dialect::Sqlite => "_migrate_key_",
        };
        let same: Vec<String> = key
            .iter()
            .enumerate()
            .map(|(index, column)| {
                let held = format!("k.\"{prefix}{}\"", index + 1);
                match self.rows.dialect {
                    // Keys of user-defined types are kept as text.
                    Dialect::Postgres => format!("{held}::text = {alias}.{}::text", quote(column)),
                    Dialect::Sqlite => format!("{held} IS {alias}.{}", quote(column)),
                }
            })
            .chain(self.unchanged(alias, of))
            .collect();
        format!("EXISTS (SELECT 1 FROM {table} AS k WHERE {})", same.join(" AND "))
    }

    /// The other way kept it under the names before this way's renames.
    fn name(&self, column: &Ident) -> String {
        let table = &self.change.after.name;
        let old_column = self.diff.renames().find_map(|rename| match rename {
            Rename::Column { table: own, before, after } if own == table && after == column => {
                Some(before)
            }
            _ => None,
        });
        let (table, column) = (self.old_table(), old_column.unwrap_or(column));
        kept_name(self.tag, Direction::Up, table, Some(column), self.rows.dialect)
    }
}

/// The kept table as a FROM item.
pub(super) fn kept_table(name: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => format!("\"migrate_kept\".{}", quote(&Ident::new(name))),
        Dialect::Sqlite => quote(&Ident::new(format!("{SQLITE_PREFIX}{name}"))),
    }
}
