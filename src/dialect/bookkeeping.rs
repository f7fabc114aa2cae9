//! The tables in which a database remembers what was done to it: `migrate.ledger`, `migrate.journal` on
//! PostgreSQL; `_migrate_ledger`, `_migrate_journal` on SQLite. Kept data stands beside them.

use sea_query::{
    Alias, Expr, Func, IntoTableRef, Order, PostgresQueryBuilder, Query, SimpleExpr,
    SqliteQueryBuilder, TableRef,
};

use super::Sql;
use crate::text::Dialect;

/// One of the two bookkeeping tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Book {
    Ledger,
    Journal,
}

/// A value to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Text(&'a str),
    Number(i64),
    Null,
}

/// Columns of the ledger, in order. `number`, `duration_ms` are integers, the rest text.
pub const LEDGER: [&str; 14] = [
    "number",
    "at",
    "action",
    "version",
    "plan",
    "schema",
    "actor",
    "host",
    "commit_id",
    "tool",
    "reason",
    "duration_ms",
    "previous",
    "hash",
];

/// Columns of the journal, in order. `run`, `step` are integers, the rest text.
pub const JOURNAL: [&str; 8] = ["run", "version", "way", "plan", "step", "title", "state", "at"];

impl Book {
    fn name(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Book::Ledger, Dialect::Postgres) => "ledger",
            (Book::Journal, Dialect::Postgres) => "journal",
            (Book::Ledger, Dialect::Sqlite) => "_migrate_ledger",
            (Book::Journal, Dialect::Sqlite) => "_migrate_journal",
        }
    }

    fn table(self, dialect: Dialect) -> TableRef {
        let name = Alias::new(self.name(dialect));
        match dialect {
            Dialect::Postgres => (Alias::new("migrate"), name).into_table_ref(),
            Dialect::Sqlite => name.into_table_ref(),
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Book::Ledger => &LEDGER,
            Book::Journal => &JOURNAL,
        }
    }
}

/// Makes the bookkeeping tables where they are absent.
pub fn create(dialect: Dialect) -> Vec<Sql> {
    let ledger = "number bigint PRIMARY KEY, at text NOT NULL, action text NOT NULL, \
                  version text NOT NULL, plan text NOT NULL, schema text NOT NULL, \
                  actor text NOT NULL, host text NOT NULL, commit_id text, tool text NOT NULL, \
                  reason text, duration_ms bigint NOT NULL, previous text NOT NULL, \
                  hash text NOT NULL";
    let journal = "run bigint NOT NULL, version text NOT NULL, way text NOT NULL, \
                   plan text NOT NULL, step bigint NOT NULL, title text NOT NULL, \
                   state text NOT NULL, at text NOT NULL";
    match dialect {
        Dialect::Postgres => vec![
            Sql::new("CREATE SCHEMA IF NOT EXISTS migrate"),
            Sql::new("CREATE SCHEMA IF NOT EXISTS migrate_kept"),
            Sql::new("REVOKE ALL ON SCHEMA migrate_kept FROM PUBLIC"),
            Sql::new(format!("CREATE TABLE IF NOT EXISTS migrate.ledger ({ledger})")),
            Sql::new(format!("CREATE TABLE IF NOT EXISTS migrate.journal ({journal})")),
        ],
        Dialect::Sqlite => vec![
            Sql::new(format!("CREATE TABLE IF NOT EXISTS _migrate_ledger ({ledger})")),
            Sql::new(format!("CREATE TABLE IF NOT EXISTS _migrate_journal ({journal})")),
        ],
    }
}

/// Answers one row if the bookkeeping tables are there.
pub fn exists(dialect: Dialect) -> Sql {
    Sql::new(match dialect {
        Dialect::Postgres => {
            "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = 'migrate' AND tablename = 'ledger'"
        }
        Dialect::Sqlite => {
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_migrate_ledger'"
        }
    })
}

/// The greatest number in the ledger; NULL where it has no row.
pub fn last_number(dialect: Dialect) -> Sql {
    let mut query = Query::select();
    query.from(Book::Ledger.table(dialect)).expr(Func::max(Expr::col(Alias::new("number"))));
    Sql::new(match dialect {
        Dialect::Postgres => query.to_string(PostgresQueryBuilder),
        Dialect::Sqlite => query.to_string(SqliteQueryBuilder),
    })
}

/// All rows of a book, in the order they were written.
pub fn read(book: Book, dialect: Dialect) -> Sql {
    let mut query = Query::select();
    query.from(book.table(dialect));
    for column in book.columns() {
        query.column(Alias::new(*column));
    }
    match book {
        Book::Ledger => query.order_by(Alias::new("number"), Order::Asc),
        Book::Journal => {
            query.order_by(Alias::new("run"), Order::Asc).order_by(Alias::new("step"), Order::Asc)
        }
    };
    Sql::new(match dialect {
        Dialect::Postgres => query.to_string(PostgresQueryBuilder),
        Dialect::Sqlite => query.to_string(SqliteQueryBuilder),
    })
}

/// Writes one row; `values` stand in the order of the book's columns.
pub fn insert(book: Book, dialect: Dialect, values: &[Value<'_>]) -> Sql {
    let values = values.iter().map(|value| match value {
        Value::Text(text) => SimpleExpr::from(sea_query::Value::from((*text).to_owned())),
        Value::Number(number) => SimpleExpr::from(sea_query::Value::from(*number)),
        Value::Null => SimpleExpr::from(sea_query::Value::String(None)),
    });
    let mut query = Query::insert();
    query
        .into_table(book.table(dialect))
        .columns(book.columns().iter().map(|column| Alias::new(*column)))
        .values_panic(values);
    Sql::new(match dialect {
        Dialect::Postgres => query.to_string(PostgresQueryBuilder),
        Dialect::Sqlite => query.to_string(SqliteQueryBuilder),
    })
}

/// The names of all kept tables and of hidden columns, without the prefix or schema that marks them.
pub fn kept(dialect: Dialect) -> Sql {
    Sql::new(match dialect {
        Dialect::Postgres => {
            "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = 'migrate_kept' UNION ALL \
             SELECT substr(a.attname::text, 15) FROM pg_catalog.pg_attribute a \
             JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') \
             WHERE a.attname ~ '^_migrate_kept_' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1"
        }
        Dialect::Sqlite => {
            "SELECT substr(name, 15) FROM sqlite_schema WHERE type = 'table' AND name GLOB '_migrate_kept_*' \
             UNION ALL SELECT substr(c.name, 15) \
             FROM main.sqlite_schema AS t CROSS JOIN pragma_table_xinfo(t.name, 'main') AS c \
             WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL TABLE%' AND t.name NOT GLOB '_migrate_*' \
             AND t.sql LIKE '%\\_migrate\\_kept\\_%' ESCAPE '\\' AND c.name GLOB '_migrate_kept_*' ORDER BY 1"
        }
    })
}

/// The kept table that says how many rows pointed nowhere before a plan made that no longer show (SQLite).
pub fn orphans_name(tag: &str) -> String {
    format!("{tag}_u_orphans")
}

/// Keeps that number.
pub fn keep_orphans(tag: &str, count: usize) -> Sql {
    let name = orphans_name(tag);
    Sql::new(format!("CREATE TABLE \"_migrate_kept_{name}\" AS SELECT {count} AS \"count\""))
}

/// Reads that number.
pub fn kept_orphans(tag: &str) -> Sql {
    Sql::new(format!("SELECT \"count\" FROM \"_migrate_kept_{}\"", orphans_name(tag)))
}

/// All kept tables, by name: name, bytes on disk with indexes, the engine's estimate of its rows (NULL where it has none),
/// and `t` where this user may read it.
pub fn kept_sizes(dialect: Dialect) -> Sql {
    Sql::new(match dialect {
        // `reltuples` is -1 before the first ANALYZE (0 before PostgreSQL 14, which an empty table has too).
        Dialect::Postgres => {
            "SELECT c.relname, pg_catalog.pg_total_relation_size(c.oid), \
             CASE WHEN c.reltuples > 0 THEN c.reltuples::bigint END, \
             pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
             AND pg_catalog.has_table_privilege(c.oid, 'SELECT') \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'migrate_kept' AND c.relkind IN ('r', 'p') ORDER BY 1"
        }
        // Pages of the table and of its indexes. Source: sqlite.org/dbstat.html section 2 "Aggregated Data".
        Dialect::Sqlite => {
            "SELECT substr(t.name, 15), (SELECT sum(d.pgsize) FROM sqlite_schema o \
             JOIN dbstat d ON d.name = o.name WHERE o.tbl_name = t.name AND d.aggregate = TRUE), \
             NULL, 't' FROM sqlite_schema t WHERE t.type = 'table' \
             AND t.name GLOB '_migrate_kept_*' ORDER BY 1"
        }
    })
}

/// How many rows a kept table has.
pub fn count_kept(name: &str, dialect: Dialect) -> Sql {
    let only = match dialect {
        Dialect::Postgres => "ONLY ",
        Dialect::Sqlite => "",
    };
    Sql::new(format!("SELECT count(*) FROM {only}{}", kept_table(name, dialect)))
}

/// Partitions among the kept tables, each with the kept table it is one of: they go where that goes.
pub fn kept_partitions(dialect: Dialect) -> Sql {
    Sql::new(match dialect {
        Dialect::Postgres => {
            "SELECT c.relname, p.relname FROM pg_catalog.pg_inherits i \
             JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid \
             JOIN pg_catalog.pg_class p ON p.oid = i.inhparent AND p.relnamespace = c.relnamespace \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'migrate_kept' AND c.relispartition ORDER BY 1"
        }
        Dialect::Sqlite => "SELECT name, name FROM sqlite_schema WHERE false",
    })
}

/// Throws kept tables away for good. On PostgreSQL all at once: some may hang together.
pub fn release<'n>(names: impl Iterator<Item = &'n str>, dialect: Dialect) -> Vec<Sql> {
    let tables: Vec<String> = names.map(|name| kept_table(name, dialect)).collect();
    match dialect {
        _ if tables.is_empty() => Vec::new(),
        Dialect::Postgres => vec![Sql::new(format!("DROP TABLE {}", tables.join(", ")))],
        Dialect::Sqlite => {
            tables.iter().map(|table| Sql::new(format!("DROP TABLE {table}"))).collect()
        }
    }
}

fn kept_table(name: &str, dialect: Dialect) -> String {
    let name = name.replace('"', "\"\"");
    match dialect {
        Dialect::Postgres => format!("\"migrate_kept\".\"{name}\""),
        Dialect::Sqlite => format!("\"_migrate_kept_{name}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_values_cannot_end_the_literal() {
        let values = [Value::Text("it's \\"), Value::Number(1), Value::Null];
        let padded: Vec<Value<'_>> =
            values.iter().copied().chain(std::iter::repeat_n(Value::Null, 5)).collect();
        let sqlite = insert(Book::Journal, Dialect::Sqlite, &padded);
        assert!(sqlite.as_str().contains("'it''s \\'"), "{sqlite}");
        let postgres = insert(Book::Journal, Dialect::Postgres, &padded);
        assert!(postgres.as_str().contains("\"migrate\".\"journal\""), "{postgres}");
        assert!(postgres.as_str().contains("E'it\\'s \\\\'"), "{postgres}");
    }

    #[test]
    fn the_prefix_of_kept_tables_is_as_long_as_it_is_cut() {
        assert_eq!("_migrate_kept_".len() + 1, 15);
    }
}
