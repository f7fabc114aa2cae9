//! Rows that get kept values back: what they hold today says nothing of what they will hold.

use std::collections::BTreeSet;

use super::quote;
use super::rows::Rows;
use crate::change::{Diff, Rename, TableChange};
use crate::dialect::Direction;
use crate::dialect::keep::{SQLITE_PREFIX, kept_name};
use crate::text::{Dialect, Ident};

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
            if key.is_empty() || key != self.change.after.primary_key() || self.rows.keys.is_empty()
            {
                return None;
            }
            condition.push_str(&format!(" AND NOT EXISTS ({})", self.lookup(alias, &name, key)));
        }
        Some(condition)
    }

    fn lookup(&self, alias: &str, name: &str, key: &[Ident]) -> String {
        let table = kept_table(name, self.rows.dialect);
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
            .collect();
        format!("SELECT 1 FROM {table} AS k WHERE {}", same.join(" AND "))
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
        let old_table = self.diff.renames().find_map(|rename| match rename {
            Rename::Table { before, after } if after == table => Some(before),
            _ => None,
        });
        let (table, column) = (old_table.unwrap_or(table), old_column.unwrap_or(column));
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
