//! Rows that get kept values back: what they hold today says nothing of what they will hold.

use std::collections::BTreeSet;

use super::quote;
use super::rows::Rows;
use crate::catalog::{Catalog, Table};
use crate::change::{Diff, Rename, TableChange, table_before};
use crate::dialect::Direction;
use crate::dialect::keep::{SQLITE_PREFIX, kept_name};
use crate::dialect::postgres::types::is_builtin;
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
    /// What leaves out rows `r` that get back a kept value of one of the columns; `None` where kept rows cannot be told (no
    /// primary key): then only putting them back tells.
    pub(super) fn others(&self, columns: &[Ident]) -> Option<Others> {
        self.others_as("r", columns)
    }

    /// As [`KeptRows::others`], where the rows go by another alias.
    pub(super) fn others_as(&self, alias: &'static str, columns: &[Ident]) -> Option<Others> {
        let mut others = Others { alias, joins: Vec::new(), condition: String::new() };
        for column in columns {
            let name = self.name(column);
            if !self.kept.contains(&name) {
                continue;
            }
            let key = self.key()?;
            if self.rows.keys.is_empty() || !self.tells_rows_apart(key) {
                return None;
            }
            match self.rows.dialect {
                Dialect::Postgres => {
                    let at = format!("k{}", others.joins.len());
                    others.joins.push(self.joined((alias, &at), &name, column, key));
                }
                Dialect::Sqlite => {
                    let kept = self.is_kept(alias, &name, column, key);
                    others.condition.push_str(&format!(" AND NOT {kept}"));
                }
            }
        }
        Some(others)
    }

    /// The key that rows are kept by, as both engines choose it: that of the old shape where the rows have it still, else
    /// theirs.
    fn key(&self) -> Option<&[Ident]> {
        let sides = [&self.change.after, &self.change.before];
        let is_in_both = |key: &&[Ident]| {
            let stored = |table: &Table, name: &Ident| {
                table.column(name).is_some_and(|column| column.generated.is_none())
            };
            !key.is_empty() && key.iter().all(|name| sides.iter().all(|side| stored(side, name)))
        };
        sides.iter().map(|side| side.primary_key()).find(is_in_both)
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
        table_before(self.diff.renames(), &self.change.after.name)
    }

    /// The condition that a row still has what was written when the value was kept: other rows get what is computed now.
    fn unchanged(&self, (alias, held): (&str, &str), column: &Ident) -> Option<String> {
        let mapping = &self.change.mapping;
        let source = mapping.iter().find(|source| source.column == *column)?;
        let is_computed = source.computed(self.rows.dialect).is_some();
        let own = format!("{alias}.{}", quote(column));
        is_computed.then(|| match self.rows.dialect {
            Dialect::Postgres => format!("{own}::text IS NOT DISTINCT FROM {held}.\"written\""),
            Dialect::Sqlite => format!("{own} IS {held}.\"_migrate_written\""),
        })
    }

    /// The kept rows of a column, joined. Asked by EXISTS or IN, PostgreSQL looks for each row anew once the kept keys do not
    /// fit its memory, and where it counts by FILTER always; a join it hashes in parts.
    fn joined(&self, (alias, held): (&str, &str), name: &str, of: &Ident, key: &[Ident]) -> Joined {
        let same = key.iter().enumerate().map(|(index, column)| {
            let (own, kept) =
                (format!("{alias}.{}", quote(column)), format!("{held}.\"key_{}\"", index + 1));
            match self.compares_plainly(column) {
                true => format!("{kept} = {own}"),
                // Keys of user-defined types are kept as text. No collation of theirs decides which row is which.
                false => format!("{kept}::text COLLATE \"C\" = {own}::text COLLATE \"C\""),
            }
        });
        let same: Vec<String> = same.collect();
        let table = kept_table(name, self.rows.dialect);
        let returns = std::iter::once(format!("{held}.\"key_1\" IS NOT NULL"))
            .chain(self.unchanged((alias, held), of));
        Joined {
            join: format!(" LEFT JOIN {table} AS {held} ON {}", same.join(" AND ")),
            returns: returns.collect::<Vec<_>>().join(" AND "),
        }
    }

    /// Whether a column of the key is kept in the type that it has.
    fn compares_plainly(&self, column: &Ident) -> bool {
        let sides = (self.change.before.column(column), self.change.after.column(column));
        sides.0.zip(sides.1).is_some_and(|(before, after)| {
            before.data_type == after.data_type
                && is_builtin(&before.data_type)
                && before.collation.is_none()
                && after.collation.is_none()
        })
    }

    /// The condition that a value of the row is kept and returns to it. SQLite finds it by the key of the kept table.
    fn is_kept(&self, alias: &str, name: &str, of: &Ident, key: &[Ident]) -> String {
        let table = kept_table(name, self.rows.dialect);
        let same = key.iter().enumerate().map(|(index, column)| {
            format!("k.\"_migrate_key_{}\" IS {alias}.{}", index + 1, quote(column))
        });
        let same: Vec<String> = same.chain(self.unchanged((alias, "k"), of)).collect();
        format!("EXISTS (SELECT 1 FROM {table} AS k WHERE {})", same.join(" AND "))
    }

    /// The other way kept it under the names before this way's renames.
    pub(super) fn name(&self, column: &Ident) -> String {
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

/// What leaves out rows that get a kept value back.
pub(super) struct Others {
    alias: &'static str,
    joins: Vec<Joined>,
    /// A further condition (` AND …`) on the rows, or empty.
    condition: String,
}

/// A kept table beside the rows.
struct Joined {
    join: String,
    /// The condition that the row has a value there, and that it returns.
    returns: String,
}

impl Others {
    /// Nothing is left out.
    pub(super) fn none() -> Self {
        Others { alias: "r", joins: Vec::new(), condition: String::new() }
    }

    /// Whether all rows are asked.
    pub(super) fn is_none(&self) -> bool {
        self.joins.is_empty() && self.condition.is_empty()
    }

    /// The rows of a FROM item, each with a column for each kept table that says whether it has a row there.
    pub(super) fn joined_to(&self, from: &str) -> String {
        if self.joins.is_empty() {
            return from.to_owned();
        }
        let alias = self.alias;
        let flags = self.joins.iter().enumerate();
        let flags = flags.map(|(at, it)| format!("({}) AS \"migrate_kept_{at}\"", it.returns));
        let joins = self.joins.iter().map(|joined| joined.join.as_str());
        format!(
            "(SELECT {alias}.*, {} FROM {from} AS {alias}{})",
            flags.collect::<Vec<_>>().join(", "),
            joins.collect::<String>()
        )
    }

    /// The further condition (` AND …`) on the rows, or empty.
    pub(super) fn condition(&self) -> String {
        let flags = (0..self.joins.len())
            .map(|at| format!(" AND NOT {}.\"migrate_kept_{at}\"", self.alias));
        flags.chain([self.condition.clone()]).collect()
    }
}

/// The kept table as a FROM item.
pub(super) fn kept_table(name: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres => format!("\"migrate_kept\".{}", quote(&Ident::new(name))),
        Dialect::Sqlite => quote(&Ident::new(format!("{SQLITE_PREFIX}{name}"))),
    }
}
