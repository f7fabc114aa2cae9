//! What there is to copy: tables with their sizes and columns, and the foreign keys between them.

use std::collections::{BTreeMap, BTreeSet};

use super::ShadowError;
use super::copy::unreadable;
use crate::catalog::{Action, Catalog, ConstraintKind, ForeignKey, Table};
use crate::db::postgres::PostgresDb;
use crate::db::{DbError, DbErrorKind};
use crate::dialect::mention::tables_spoken_of;
use crate::dialect::sampling::{self, CopiedColumn, Transport, ValueKind};
use crate::dialect::witness::referenced;
use crate::dialect::{Sql, pending};
use crate::text::{Dialect, Ident, QName};

/// What the source says of one table that holds rows.
pub(super) struct Facts {
    /// `None` where the table was never counted.
    pub(super) counted: Option<u64>,
    pub(super) pages: u64,
    pub(super) bytes: u64,
    pub(super) columns: Vec<CopiedColumn>,
}

impl Facts {
    pub(super) fn rows(&self) -> u64 {
        // A table that was never counted: rows of a hundred bytes.
        self.counted.unwrap_or(self.bytes / 100)
    }
}

/// A foreign key with the table that holds it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) child: QName,
    pub(super) key: ForeignKey,
}

/// Asks the source for sizes and columns.
///
/// # Errors
/// What the source says; a table that was dropped meanwhile.
pub(super) fn facts(source: &mut PostgresDb) -> Result<BTreeMap<QName, Facts>, ShadowError> {
    let number =
        |text: Option<String>| text.and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1);
    let mut facts = BTreeMap::new();
    for row in source.rows(&sampling::sizes())? {
        let mut values = row.into_iter();
        let mut next = || values.next().flatten();
        let name = QName::new(next().unwrap_or_default(), next().unwrap_or_default());
        let (rows, pages, bytes) = (number(next()), number(next()), number(next()));
        if pages < 0 {
            // The server has no file for it any more.
            let mut gone = DbError::new(DbErrorKind::Sql, "relation does not exist");
            gone.sqlstate = Some("42P01".to_owned());
            return Err(unreadable(&name, gone));
        }
        let positive = |number: i64| u64::try_from(number).unwrap_or_default();
        let counted = (rows > 0 || (rows == 0 && pages == 0)).then(|| positive(rows));
        let (pages, bytes) = (positive(pages), positive(bytes));
        facts.insert(name, Facts { counted, pages, bytes, columns: Vec::new() });
    }
    for row in source.rows(&sampling::columns())? {
        let mut values = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || values.next().unwrap_or_default();
        let name = QName::new(next(), next());
        let (column, data_type, transport, category) = (next(), next(), next(), next());
        let column = CopiedColumn {
            name: Ident::new(column),
            kind: ValueKind::of(&category, &data_type),
            transport: if transport == "binary" { Transport::Binary } else { Transport::Text },
            data_type,
            distinct: next().parse().unwrap_or_default(),
        };
        if let Some(facts) = facts.get_mut(&name) {
            facts.columns.push(column);
        }
    }
    Ok(facts)
}

/// Every foreign key, with the names that the tables and columns have which it refers to.
pub(super) fn links(catalog: &Catalog) -> Vec<Link> {
    let of_table = |table: &Table| {
        let child = table.name.clone();
        let keys = table.constraints.iter().filter_map(|constraint| match &constraint.kind {
            ConstraintKind::ForeignKey(key) => Some(key.clone()),
            ConstraintKind::PrimaryKey { .. }
            | ConstraintKind::Unique { .. }
            | ConstraintKind::Check { .. }
            | ConstraintKind::Exclusion => None,
        });
        keys.map(|key| Link { child: child.clone(), key: spelled(key, table, catalog) })
            .collect::<Vec<_>>()
    };
    catalog.tables.values().flat_map(of_table).collect()
}

/// A key with the names that columns and tables have: SQLite takes any spelling of them, and the primary key where a
/// reference names no columns.
fn spelled(mut key: ForeignKey, child: &Table, catalog: &Catalog) -> ForeignKey {
    if catalog.dialect == Dialect::Postgres {
        return key;
    }
    let of = |table: &Table, names: &[Ident]| -> Vec<Ident> {
        let own = |name: &Ident| table.columns.iter().find(|column| same(&column.name, name));
        names.iter().map(|name| own(name).map_or(name, |column| &column.name).clone()).collect()
    };
    key.columns = of(child, &key.columns);
    let parent = catalog.tables.values().find(|table| same(&table.name.name, &key.references.name));
    if let Some(parent) = parent {
        key.references = parent.name.clone();
        key.referenced_columns = of(parent, &referenced(&key, catalog));
    }
    key
}

fn same(one: &Ident, other: &Ident) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// What a plan asks of several tables at once.
pub(super) struct Together {
    /// Foreign keys that it makes between tables that are there.
    pub(super) links: Vec<Link>,
    /// Tables whose rows are needed whole: which of them belong together cannot be told.
    pub(super) whole: BTreeSet<QName>,
}

/// Finds out what statements ask of several tables at once.
pub(super) fn together(statements: &[Sql], catalog: &Catalog, links: &[Link]) -> Together {
    let mut found = Together { links: Vec::new(), whole: BTreeSet::new() };
    let renamed: BTreeSet<String> =
        statements.iter().filter_map(|statement| pending::renamed_to(statement, catalog)).collect();
    for key in statements.iter().flat_map(|it| pending::pending_keys(it, catalog)) {
        let Some(parent) = catalog.tables.get(&key.parent) else {
            // A table that the plan makes is filled from rows that are there; one that it renames is not known here.
            if renamed.contains(key.parent.name.as_str()) {
                found.whole.extend(tables_spoken_of(statements, catalog));
            }
            continue;
        };
        let referenced = match key.referenced.as_slice() {
            [] => parent.primary_key().to_vec(),
            written => written.to_vec(),
        };
        let child = key.child.as_ref().and_then(|name| catalog.tables.get(name));
        let child = child.filter(|child| {
            !key.columns.is_empty()
                && key.columns.len() == referenced.len()
                && key.columns.iter().all(|column| child.column(column).is_some())
                && referenced.iter().all(|column| parent.column(column).is_some())
        });
        match child {
            Some(child) => found.links.push(Link {
                child: child.name.clone(),
                key: ForeignKey {
                    columns: key.columns,
                    references: key.parent,
                    referenced_columns: referenced,
                    on_delete: Action::NoAction,
                    on_update: Action::NoAction,
                },
            }),
            None => {
                found.whole.insert(key.parent);
            }
        }
    }
    for statement in statements {
        let joined = pending::joined_tables(statement, catalog);
        for left in &joined {
            let is_alone = |right: &QName| {
                right != left
                    && !links.iter().chain(&found.links).any(|link| {
                        let pair = (&link.child, &link.key.references);
                        pair == (left, right) || pair == (right, left)
                    })
            };
            if joined.iter().any(is_alone) {
                found.whole.insert(left.clone());
            }
        }
    }
    found
}

/// Masked columns, and those that share their values through foreign keys.
pub(super) fn spread(
    mask: &BTreeMap<QName, BTreeSet<Ident>>,
    links: &[Link],
) -> BTreeMap<QName, BTreeSet<Ident>> {
    let mut masked = mask.clone();
    loop {
        let mut more: Vec<(QName, Ident)> = Vec::new();
        let has = |table: &QName, column: &Ident| {
            masked.get(table).is_some_and(|set| set.contains(column))
        };
        for link in links {
            for (column, other) in link.key.columns.iter().zip(&link.key.referenced_columns) {
                match (has(&link.child, column), has(&link.key.references, other)) {
                    (true, false) => more.push((link.key.references.clone(), other.clone())),
                    (false, true) => more.push((link.child.clone(), column.clone())),
                    (true, true) | (false, false) => {}
                }
            }
        }
        if more.is_empty() {
            return masked;
        }
        for (table, column) in more {
            masked.entry(table).or_default().insert(column);
        }
    }
}

/// Tables with their partitions and heirs.
pub(super) fn with_heirs(mut names: BTreeSet<QName>, catalog: &Catalog) -> BTreeSet<QName> {
    loop {
        let heirs: Vec<QName> = catalog
            .tables
            .values()
            .filter(|table| !names.contains(&table.name))
            .filter(|table| {
                let options = table.options.of_postgres();
                options.is_some_and(|it| it.parents.iter().any(|parent| names.contains(parent)))
            })
            .map(|table| table.name.clone())
            .collect();
        if heirs.is_empty() {
            return names;
        }
        names.extend(heirs);
    }
}
