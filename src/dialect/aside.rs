//! Rows put aside before a rehearsal, and what differs from them afterwards: which values, in which rows.
//!
//! On PostgreSQL they lie in the bookkeeping schema, which nobody compares; values of types that users made lie there
//! as text, so that nothing stands on those types. On SQLite they lie in a database of their own, in a temporary file
//! that is gone with the connection (sqlite.org/inmemorydb.html), in columns without type, so that nothing is converted.

use super::Sql;
use super::session::quote_name;
use crate::catalog::{Column, IndexKey, Table, TableOptions};
use crate::text::{Dialect, Ident, QName};

/// How many keys are shown.
pub const SHOWN: usize = 5;

/// A table whose rows are put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    number: usize,
    dialect: Dialect,
    columns: Vec<Column>,
    key: Key,
}

/// What tells the rows of a table apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Columns(Vec<Ident>),
    /// SQLite's hidden key.
    Rowid,
    /// Nothing: rows are only alike or not.
    Nothing,
}

/// A table now, and the names that columns put aside have in it. What it does not name is not compared.
pub struct Now<'a> {
    pub table: &'a QName,
    /// What its rows are told apart by now.
    pub key: Key,
    pub columns: &'a [(Ident, Ident)],
}

/// Which rows are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// They were there and are not.
    Gone,
    /// They were not there and are.
    New,
    /// This of the compared columns differs.
    Differs(usize),
}

/// Makes room, once a connection and outside any transaction.
pub fn room(dialect: Dialect) -> Option<Sql> {
    match dialect {
        Dialect::Postgres => None,
        Dialect::Sqlite => Some(Sql::new("ATTACH '' AS migrate_aside")),
    }
}

/// Gives the room back.
pub fn no_room(dialect: Dialect) -> Option<Sql> {
    match dialect {
        Dialect::Postgres => None,
        Dialect::Sqlite => Some(Sql::new("DETACH migrate_aside")),
    }
}

impl Aside {
    pub fn new(number: usize, table: &Table, dialect: Dialect) -> Self {
        Aside { number, dialect, columns: table.columns.clone(), key: key_of(table) }
    }

    pub fn key(&self) -> &Key {
        &self.key
    }

    fn name(&self) -> String {
        match self.dialect {
            Dialect::Postgres => format!("migrate.aside_{}", self.number),
            Dialect::Sqlite => format!("migrate_aside.aside_{}", self.number),
        }
    }

    /// Puts all rows aside.
    pub fn fill(&self, table: &QName) -> Vec<Sql> {
        let name = self.name();
        let from = table_name(table);
        let named = self.columns.iter().enumerate();
        match self.dialect {
            Dialect::Postgres => {
                let list: Vec<String> = named
                    .map(|(at, column)| format!("{} AS c{at}", self.plain(column, "t")))
                    .collect();
                let list = list.join(", ");
                vec![Sql::new(format!(
                    "CREATE UNLOGGED TABLE {name} AS SELECT {list} FROM ONLY {from} t"
                ))]
            }
            Dialect::Sqlite => {
                let own: Vec<String> = named.map(|(at, _)| format!("c{at}")).collect();
                let theirs: Vec<String> =
                    self.columns.iter().map(|column| quote_name(column.name.as_str())).collect();
                let (mut own, mut theirs) = (own, theirs);
                if self.key == Key::Rowid {
                    own.push("k".to_owned());
                    theirs.push("rowid".to_owned());
                }
                vec![
                    Sql::new(format!("CREATE TABLE {name} ({})", own.join(", "))),
                    Sql::new(format!(
                        "INSERT INTO {name} SELECT {} FROM {from}",
                        theirs.join(", ")
                    )),
                ]
            }
        }
    }

    /// Throws them away.
    pub fn forget(&self) -> Sql {
        Sql::new(format!("DROP TABLE {}", self.name()))
    }

    /// A value that stands on nothing a user made.
    fn plain(&self, column: &Column, row: &str) -> String {
        let name = format!("{row}.{}", quote_name(column.name.as_str()));
        let made_by_users = column.data_type.contains('.') || column.collation.is_some();
        if made_by_users { format!("({name})::text COLLATE \"C\"") } else { name }
    }

    fn position(&self, name: &Ident) -> Option<usize> {
        self.columns.iter().position(|column| column.name == *name)
    }

    /// The columns of the key that are compared, by position and present name; empty where rows cannot be told apart.
    fn keys(&self, now: &Now<'_>) -> Vec<(String, String)> {
        let columns = match &self.key {
            Key::Columns(columns) => columns,
            // A rowid that a column shows on one side alone is another number.
            Key::Rowid if now.key != Key::Rowid => return Vec::new(),
            Key::Rowid => return vec![("s.k".to_owned(), "t.rowid".to_owned())],
            Key::Nothing => return Vec::new(),
        };
        let pairs = columns.iter().map(|column| {
            let (_, present) = now.columns.iter().find(|(old, _)| old == column)?;
            let at = self.position(column)?;
            let here = Column { name: present.clone(), ..self.columns[at].clone() };
            let here = match self.dialect {
                Dialect::Postgres => self.plain(&here, "t"),
                Dialect::Sqlite => format!("t.{}", quote_name(present.as_str())),
            };
            Some((format!("s.c{at}"), here))
        });
        pairs.collect::<Option<Vec<_>>>().unwrap_or_default()
    }

    /// Whether rows put aside can be found again in the table as it is now.
    pub fn can_join(&self, now: &Now<'_>) -> bool {
        !self.keys(now).is_empty()
    }

    /// The names that the keys had, for people.
    pub fn key_names(&self) -> Vec<String> {
        match &self.key {
            Key::Columns(columns) => columns.iter().map(Ident::to_string).collect(),
            Key::Rowid => vec!["rowid".to_owned()],
            Key::Nothing => Vec::new(),
        }
    }

    /// One row: how many rows are gone, then for each compared column how many values of the others differ.
    pub fn differences(&self, now: &Now<'_>) -> Sql {
        let mut items = vec![count_where(&format!("NOT ({})", self.is_there()))];
        items.extend((0..now.columns.len()).map(|at| count_where(&self.differs(now, at))));
        Sql::new(format!("SELECT {} FROM {}", items.join(", "), self.joined(now)))
    }

    /// How many rows are new.
    pub fn count_new(&self, now: &Now<'_>) -> Sql {
        Sql::new(format!("SELECT count(*) FROM {}", self.new_rows(now)))
    }

    /// The keys of some of them.
    pub fn sample(&self, now: &Now<'_>, which: Which) -> Sql {
        let (from, condition, side) = match which {
            Which::Gone => (self.joined(now), format!("NOT ({})", self.is_there()), Side::Aside),
            Which::Differs(at) => (self.joined(now), self.differs(now, at), Side::Aside),
            Which::New => (self.new_rows(now), "true".to_owned(), Side::Here),
        };
        let keys: Vec<String> = self
            .keys(now)
            .into_iter()
            .map(|(aside, here)| match side {
                Side::Aside => aside,
                Side::Here => here,
            })
            .collect();
        let keys = keys.join(", ");
        Sql::new(format!(
            "SELECT {keys} FROM {from} WHERE {condition} ORDER BY {keys} LIMIT {SHOWN}"
        ))
    }

    /// Rows of one side that the other does not have as often, told as text: for tables without a key.
    pub fn unmatched(&self, now: &Now<'_>, side: Side) -> Sql {
        let text = |name: String| match self.dialect {
            Dialect::Postgres => format!("{name}::text COLLATE \"C\""),
            Dialect::Sqlite => format!("quote({name})"),
        };
        let compared = now.columns.iter().filter_map(|(old, new)| {
            let at = self.position(old)?;
            Some((text(format!("s.c{at}")), text(format!("t.{}", quote_name(new.as_str())))))
        });
        let (aside, here): (Vec<String>, Vec<String>) = compared.unzip();
        let only = self.only();
        let aside = format!("SELECT {} FROM {} s", list(&aside), self.name());
        let here = format!("SELECT {} FROM {only}{} t", list(&here), table_name(now.table));
        let (left, right) = match side {
            Side::Aside => (aside, here),
            Side::Here => (here, aside),
        };
        // SQLite has no EXCEPT ALL, and no need of it: its tables have keys.
        let except = match self.dialect {
            Dialect::Postgres => "EXCEPT ALL",
            Dialect::Sqlite => "EXCEPT",
        };
        Sql::new(format!("{left} {except} {right} ORDER BY 1 LIMIT {SHOWN}"))
    }

    fn only(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => "ONLY ",
            Dialect::Sqlite => "",
        }
    }

    fn on(&self, now: &Now<'_>) -> String {
        // The table's own column stands first: SQLite compares by its collation and affinity.
        let pairs = self.keys(now);
        let pairs: Vec<String> =
            pairs.iter().map(|(aside, here)| format!("{here} = {aside}")).collect();
        pairs.join(" AND ")
    }

    fn joined(&self, now: &Now<'_>) -> String {
        let here = table_name(now.table);
        let here = match (self.dialect, &self.key) {
            (Dialect::Postgres, _) => format!("ONLY {here}"),
            (Dialect::Sqlite, Key::Rowid) => {
                format!("(SELECT 1 AS migrate_here, rowid, * FROM {here})")
            }
            (Dialect::Sqlite, Key::Columns(_) | Key::Nothing) => {
                format!("(SELECT 1 AS migrate_here, * FROM {here})")
            }
        };
        format!("{} s LEFT JOIN {here} t ON {}", self.name(), self.on(now))
    }

    fn new_rows(&self, now: &Now<'_>) -> String {
        let list = if self.key == Key::Rowid { "rowid, *" } else { "*" };
        format!(
            "(SELECT {list} FROM {}{} t WHERE NOT EXISTS (SELECT 1 FROM {} s WHERE {})) t",
            self.only(),
            table_name(now.table),
            self.name(),
            self.on(now)
        )
    }

    /// Whether the join found the row.
    fn is_there(&self) -> &'static str {
        match self.dialect {
            Dialect::Postgres => "t.ctid IS NOT NULL",
            Dialect::Sqlite => "t.migrate_here IS NOT NULL",
        }
    }

    fn differs(&self, now: &Now<'_>, at: usize) -> String {
        let (old, new) = &now.columns[at];
        let Some(position) = self.position(old) else { return "false".to_owned() };
        let (aside, here) = (format!("s.c{position}"), format!("t.{}", quote_name(new.as_str())));
        match self.dialect {
            Dialect::Postgres => format!(
                "t.ctid IS NOT NULL AND {aside}::text COLLATE \"C\" IS DISTINCT FROM {here}::text COLLATE \"C\""
            ),
            Dialect::Sqlite => format!(
                "t.migrate_here IS NOT NULL AND (typeof({aside}) <> typeof({here}) OR {aside} IS NOT {here} COLLATE BINARY)"
            ),
        }
    }
}

/// Rows put aside, or the table's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Aside,
    Here,
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "1".to_owned() } else { items.join(", ") }
}

fn count_where(condition: &str) -> String {
    format!("count(CASE WHEN {condition} THEN 1 END)")
}

/// The primary key, else columns that are required and unique; else SQLite's rowid.
pub fn key_of(table: &Table) -> Key {
    let required = |columns: &[Ident]| {
        !columns.is_empty()
            && columns.iter().all(|name| table.column(name).is_some_and(|column| column.not_null))
    };
    let hidden = match &table.options {
        TableOptions::Postgres(_) => None,
        TableOptions::Sqlite { without_rowid, .. } => {
            let taken = table.columns.iter().any(|c| c.name.as_str().eq_ignore_ascii_case("rowid"));
            (!*without_rowid && !taken).then_some(Key::Rowid)
        }
    };
    let primary = table.primary_key();
    let is_alias = matches!((&hidden, primary), (Some(_), [only]) if is_integer(table, only));
    if required(primary) || is_alias || !primary.is_empty() && hidden.is_none() {
        return Key::Columns(primary.to_vec());
    }
    if let Some(rowid) = hidden {
        return rowid;
    }
    let unique = table.indexes.iter().filter(|index| index.unique && index.predicate.is_none());
    let of_indexes = unique.filter_map(|index| {
        let names = index.keys.iter().map(|key| match key {
            IndexKey::Column(name) => Some(name.clone()),
            IndexKey::Expression(_) => None,
        });
        names.collect::<Option<Vec<_>>>()
    });
    let of_constraints = table.constraints.iter().filter_map(|constraint| match &constraint.kind {
        crate::catalog::ConstraintKind::Unique { columns } => Some(columns.clone()),
        crate::catalog::ConstraintKind::PrimaryKey { .. }
        | crate::catalog::ConstraintKind::Check { .. }
        | crate::catalog::ConstraintKind::ForeignKey(_)
        | crate::catalog::ConstraintKind::Exclusion => None,
    });
    of_constraints
        .chain(of_indexes)
        .find(|names| required(names))
        .map_or(Key::Nothing, Key::Columns)
}

/// Whether the column is another name of the rowid. Source: sqlite.org/lang_createtable.html section 5.
fn is_integer(table: &Table, name: &Ident) -> bool {
    table.column(name).is_some_and(|column| column.data_type.eq_ignore_ascii_case("integer"))
}

pub(in crate::dialect) fn table_name(table: &QName) -> String {
    format!("{}.{}", quote_name(table.schema.as_str()), quote_name(table.name.as_str()))
}
