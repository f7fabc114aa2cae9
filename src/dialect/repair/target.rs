//! The table that a repair works on: how its rows are told apart, and who refers to them.

use super::text::ident;
use crate::catalog::{Catalog, Column, ConstraintKind, IdentityKind, Table, TableOptions};
use crate::dialect::aside::{Key, key_of, table_name};
use crate::dialect::check::Check;
use crate::dialect::postgres::types::is_builtin;
use crate::text::token::canonical_name;
use crate::text::{Dialect, Ident, QName};

/// A table with rows to repair.
pub(super) struct Target<'c> {
    pub(super) catalog: &'c Catalog,
    pub(super) table: &'c Table,
    pub(super) key: Key,
}

/// A foreign key that leads to the table.
pub(super) struct Inbound<'c> {
    pub(super) child: &'c Table,
    pub(super) columns: &'c [Ident],
    pub(super) referenced: Vec<Ident>,
}

impl<'c> Target<'c> {
    /// The table of a check.
    ///
    /// # Errors
    /// Why its rows cannot be repaired.
    pub(super) fn of(check: &Check, catalog: &'c Catalog) -> Result<Self, String> {
        let named = |table: &&Table| table.name.to_string() == check.table;
        let table = catalog.tables.values().find(named).ok_or_else(|| {
            format!("`{}` is no table: what it shows is repaired where it stands", check.table)
        })?;
        Target::table(table, catalog)
    }

    /// As [`Target::of`].
    ///
    /// # Errors
    /// Why its rows cannot be repaired.
    pub(super) fn table(table: &'c Table, catalog: &'c Catalog) -> Result<Self, String> {
        let heir = catalog.tables.values().find(|other| {
            let options = other.options.of_postgres();
            options.is_some_and(|it| !it.is_partition() && it.parents.contains(&table.name))
        });
        if let Some(heir) = heir {
            return Err(format!(
                "`{}` inherits from `{}`: rows of both share one name, so no key tells them apart",
                heir.name, table.name
            ));
        }
        // SQLite numbers rows anew when it packs a file, unless a column says the number. A key that may be NULL names
        // the rows in which it is not.
        let key = match (key_of(table), table.primary_key()) {
            (Key::Rowid, primary @ [_, ..]) => Key::Columns(primary.to_vec()),
            (key, _) => key,
        };
        Ok(Target { catalog, table, key })
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.catalog.dialect
    }

    pub(super) fn name(&self) -> &'c QName {
        &self.table.name
    }

    /// The table in a statement.
    pub(super) fn place(&self) -> String {
        table_name(&self.table.name)
    }

    /// The column of that name, as the engine tells names apart.
    pub(super) fn column(&self, name: &str) -> Option<&'c Column> {
        let same = |column: &&Column| match self.dialect() {
            Dialect::Postgres => column.name.as_str() == name,
            Dialect::Sqlite => column.name.as_str().eq_ignore_ascii_case(name),
        };
        let exact = self.table.columns.iter().find(same);
        exact.or_else(|| {
            let folded = canonical_name(name, self.dialect());
            self.table.columns.iter().find(|column| column.name.as_str() == folded)
        })
    }

    /// The key of a row as expressions over an alias; empty where nothing tells rows apart.
    pub(super) fn key_of(&self, alias: &str) -> Vec<String> {
        match &self.key {
            Key::Columns(columns) => {
                columns.iter().map(|name| format!("{alias}.{}", ident(name))).collect()
            }
            Key::Rowid => vec![format!("{alias}.rowid")],
            Key::Nothing => Vec::new(),
        }
    }

    /// The key as it is kept: values of types that users made as text.
    pub(super) fn kept_key_of(&self, alias: &str) -> Vec<String> {
        let Key::Columns(columns) = &self.key else { return self.key_of(alias) };
        columns
            .iter()
            .map(|name| {
                let own = format!("{alias}.{}", ident(name));
                let column = self.table.column(name);
                let made = column.is_some_and(|it| !is_builtin(&it.data_type));
                match (self.dialect(), made) {
                    (Dialect::Postgres, true) => format!("{own}::text"),
                    (Dialect::Postgres, false) | (Dialect::Sqlite, _) => own,
                }
            })
            .collect()
    }

    /// Names of the key for people.
    pub(super) fn key_names(&self) -> Vec<String> {
        match &self.key {
            Key::Columns(columns) => columns.iter().map(Ident::to_string).collect(),
            Key::Rowid => vec!["rowid".to_owned()],
            Key::Nothing => Vec::new(),
        }
    }

    /// The condition (` AND …`) that a row has a key; empty where each has.
    pub(super) fn has_key(&self, alias: &str) -> String {
        let Key::Columns(columns) = &self.key else { return String::new() };
        let open = columns.iter().filter(|name| {
            self.table
                .column(name)
                .is_some_and(|column| self.dialect() == Dialect::Sqlite && !column.not_null)
        });
        open.map(|name| format!(" AND {alias}.{} IS NOT NULL", ident(name))).collect()
    }

    /// `"k"."key_1" = … AND …`: the row of `alias` is the one kept as `k`.
    pub(super) fn is_kept(&self, alias: &str, kept: &str) -> String {
        let pairs = self.kept_key_of(alias);
        let pairs: Vec<String> = pairs
            .iter()
            .enumerate()
            .map(|(at, own)| format!("{own} = {kept}.\"key_{}\"", at + 1))
            .collect();
        pairs.join(" AND ")
    }

    /// Columns that hold values of their own.
    pub(super) fn stored(&self) -> impl Iterator<Item = &'c Column> {
        self.table.columns.iter().filter(|column| column.generated.is_none())
    }

    /// Foreign keys that lead here, those of partitions told once, by the table at the top.
    pub(super) fn inbound(&self) -> Vec<Inbound<'c>> {
        let same = |name: &QName| match self.dialect() {
            Dialect::Postgres => *name == self.table.name,
            Dialect::Sqlite => {
                name.name.as_str().eq_ignore_ascii_case(self.table.name.name.as_str())
            }
        };
        let mut found = Vec::new();
        for child in self.catalog.tables.values() {
            if child.options.of_postgres().is_some_and(|it| it.is_partition()) {
                continue;
            }
            for constraint in &child.constraints {
                let ConstraintKind::ForeignKey(key) = &constraint.kind else { continue };
                if same(&key.references) {
                    let referenced = match key.referenced_columns.is_empty() {
                        true => self.table.primary_key().to_vec(),
                        false => key.referenced_columns.clone(),
                    };
                    found.push(Inbound { child, columns: &key.columns, referenced });
                }
            }
        }
        found
    }

    /// Why a column cannot get another value.
    pub(super) fn refuses(&self, column: &Column) -> Option<String> {
        let name = format!("`{}.{}`", self.table.name, column.name);
        if column.generated.is_some() {
            return Some(format!("{name} is computed: repair what it is computed from"));
        }
        if column.identity.as_ref().is_some_and(|it| it.kind == IdentityKind::Always) {
            return Some(format!("{name} counts by itself and takes no other value"));
        }
        if matches!(&self.key, Key::Columns(columns) if columns.contains(&column.name)) {
            return Some(format!("{name} is part of the key that tells rows apart"));
        }
        let inbound = self.inbound();
        let by = inbound.iter().find(|it| it.referenced.contains(&column.name))?;
        Some(format!("rows of `{}` refer to {name}", by.child.name))
    }

    /// Whether SQLite numbers the rows beside their columns.
    pub(super) fn has_row_number(&self) -> bool {
        let TableOptions::Sqlite { without_rowid, .. } = &self.table.options else { return false };
        let is_taken =
            self.table.columns.iter().any(|it| it.name.as_str().eq_ignore_ascii_case("rowid"));
        let is_alias = match self.table.primary_key() {
            [only] => self
                .table
                .column(only)
                .is_some_and(|column| column.data_type.eq_ignore_ascii_case("integer")),
            _ => false,
        };
        !*without_rowid && !is_taken && !is_alias
    }

    pub(super) fn is_strict(&self) -> bool {
        matches!(self.table.options, TableOptions::Sqlite { strict: true, .. })
    }
}
