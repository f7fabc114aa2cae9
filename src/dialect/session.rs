//! Statements about a session rather than a schema: settings, transactions, locks, scratch databases.
//!
//! Sources: PostgreSQL manual 20.11 "Client Connection Defaults", 9.28.10 "Advisory Lock Functions";
//! sqlite.org/pragma.html, sqlite.org/lang_transaction.html.

use std::time::Duration;

use super::Sql;
use crate::text::Dialect;

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One unchanging view of the data; nothing may be written.
    Snapshot,
    /// Changes, by the only writer (SQLite takes its write lock at once).
    Write,
}

/// Whether a PostgreSQL session may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    Allowed,
    Refused,
}

/// Opens a transaction.
pub fn begin(dialect: Dialect, mode: Mode) -> Sql {
    Sql::new(match (dialect, mode) {
        (Dialect::Postgres, Mode::Snapshot) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        (Dialect::Postgres, Mode::Write) => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        (Dialect::Sqlite, Mode::Snapshot) => "BEGIN DEFERRED",
        (Dialect::Sqlite, Mode::Write) => "BEGIN IMMEDIATE",
    })
}

/// Ends a transaction and keeps its changes.
pub fn commit() -> Sql {
    Sql::new("COMMIT")
}

/// Ends a transaction and drops its changes.
pub fn rollback() -> Sql {
    Sql::new("ROLLBACK")
}

/// A place in a transaction to go back to.
pub fn savepoint() -> Sql {
    Sql::new("SAVEPOINT migrate_ask")
}

/// Keeps what was done since the savepoint.
pub fn release_savepoint() -> Sql {
    Sql::new("RELEASE SAVEPOINT migrate_ask")
}

/// Drops what was done since the savepoint, an error too.
pub fn rollback_to_savepoint() -> Sql {
    Sql::new("ROLLBACK TO SAVEPOINT migrate_ask")
}

/// What a SQLite connection needs before the transaction in which a plan runs: `foreign_keys` cannot be switched
/// inside one (sqlite.org/foreignkeys.html section 2), and with it on, DROP TABLE deletes the rows of children.
pub fn steps_before(dialect: Dialect) -> Vec<Sql> {
    match dialect {
        Dialect::Postgres => Vec::new(),
        Dialect::Sqlite => vec![Sql::new("PRAGMA foreign_keys = OFF")],
    }
}

/// What a plan's transaction starts with: renaming a rebuilt table must not rewrite what refers to it.
pub fn steps_begin(dialect: Dialect) -> Vec<Sql> {
    match dialect {
        Dialect::Postgres => Vec::new(),
        Dialect::Sqlite => vec![Sql::new("PRAGMA legacy_alter_table = ON")],
    }
}

/// What a plan's transaction ends with.
pub fn steps_end(dialect: Dialect) -> Vec<Sql> {
    match dialect {
        Dialect::Postgres => Vec::new(),
        Dialect::Sqlite => vec![Sql::new("PRAGMA legacy_alter_table = OFF")],
    }
}

/// What follows a plan's transaction, however it ended.
pub fn steps_after(dialect: Dialect) -> Vec<Sql> {
    match dialect {
        Dialect::Postgres => Vec::new(),
        Dialect::Sqlite => {
            vec![Sql::new("PRAGMA legacy_alter_table = OFF"), Sql::new("PRAGMA foreign_keys = ON")]
        }
    }
}

/// Temporary tables, views, sequences and triggers of a connection, with their kind.
pub fn temporary_objects(dialect: Dialect) -> Sql {
    Sql::new(match dialect {
        Dialect::Sqlite => {
            "SELECT type || ' ' || name FROM temp.sqlite_schema WHERE type <> 'index' ORDER BY 1"
        }
        // A sequence that a column owns goes with its table.
        Dialect::Postgres => {
            "SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'S' THEN 'sequence ' ELSE 'table ' END || c.relname \
             FROM pg_catalog.pg_class AS c WHERE c.relnamespace = pg_catalog.pg_my_temp_schema() \
             AND c.relkind IN ('r', 'p', 'v', 'S') AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d \
             WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') \
             AND d.refobjsubid > 0) ORDER BY 1"
        }
    })
}

/// The tables of a SQLite database that have foreign keys.
pub fn tables_with_keys() -> Sql {
    Sql::new(
        "SELECT DISTINCT m.name FROM sqlite_schema AS m, pragma_foreign_key_list(m.name) \
         WHERE m.type = 'table' ORDER BY 1",
    )
}

/// Rows of a SQLite table whose foreign key points nowhere: table, rowid, parent. The number of the key is left out:
/// a rebuild may number keys anew.
pub fn orphans_of(table: &str) -> Sql {
    Sql::new(format!(
        "SELECT \"table\", rowid, parent FROM pragma_foreign_key_check({})",
        quote_text(table)
    ))
}

/// Whether a PostgreSQL session stands in a transaction that has changed something.
pub fn has_open_changes() -> Sql {
    Sql::new("SELECT (pg_current_xact_id_if_assigned() IS NOT NULL)::text")
}

/// Settings that make texts print the same way whoever is connected.
/// The client encoding is UTF8 from the startup message on.
pub fn postgres_settings(lock: Duration, statement: Duration, writes: Writes) -> Sql {
    let read_only = match writes {
        Writes::Allowed => "off",
        Writes::Refused => "on",
    };
    Sql::new(format!(
        "SET standard_conforming_strings = on; SET client_encoding = 'UTF8'; SET TimeZone = 'UTC'; \
         SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; \
         SET extra_float_digits = 3; SET client_min_messages = 'warning'; SET row_security = off; \
         SET lock_timeout = {}; SET statement_timeout = {}; \
         SET default_transaction_read_only = {read_only}",
        lock.as_millis(),
        statement.as_millis(),
    ))
}

/// What the catalog queries of PostgreSQL run under, until the transaction ends: every name in a printed text comes out
/// qualified; no time goes into compiling queries that run once, into starting workers for them, nor into sorting on disk.
pub fn inspection() -> Sql {
    Sql::new(
        "SET LOCAL search_path TO ''; SET LOCAL jit TO off; SET LOCAL work_mem TO '64MB'; \
         SET LOCAL max_parallel_workers_per_gather TO 0",
    )
}

/// What verification runs under, until the transaction ends: compiling queries that run once costs more than it gains
/// (measured: twice the time of a scan).
pub fn verification() -> Sql {
    Sql::new("SET LOCAL jit TO off")
}

/// How many processes the server may add to one query.
pub fn parallel_workers() -> Sql {
    Sql::new("SELECT current_setting('max_parallel_workers_per_gather')")
}

/// Lets several processes of the server look for rows of which few are sent, until [`as_usual`]: the server expects many and would
/// rather have one process send them.
pub fn few_are_sent() -> Sql {
    Sql::new(
        "SELECT set_config('parallel_tuple_cost', '0', TRUE), set_config('parallel_setup_cost', '0', TRUE)",
    )
}

/// Takes [`few_are_sent`] back.
pub fn as_usual() -> Sql {
    Sql::new(
        "SELECT set_config(name, reset_val, TRUE) FROM pg_settings \
         WHERE name IN ('parallel_tuple_cost', 'parallel_setup_cost')",
    )
}

/// Sees what the transaction sees that exported the snapshot; the first statement of a transaction.
pub fn import_snapshot(snapshot: &str) -> Sql {
    Sql::new(format!("SET TRANSACTION SNAPSHOT {}", quote_text(snapshot)))
}

/// The rows of a query as a stream of text.
pub fn copy_out(query: &Sql) -> Sql {
    Sql::new(format!("COPY ({query}) TO STDOUT"))
}

/// A quarter of a megabyte, to see how fast the server's answers come.
pub fn sample_of_the_way() -> Sql {
    Sql::new("SELECT repeat('x', 8192) FROM generate_series(1, 32)")
}

/// The rows of a query as a stream of values in the server's own binary form.
pub fn copy_out_binary(query: &Sql) -> Sql {
    Sql::new(format!("COPY ({query}) TO STDOUT (FORMAT BINARY)"))
}

/// Constraints and indexes that PostgreSQL does not hold rows to although it says nothing of it in their definition:
/// schema, table, name, why. Triggers of a foreign key that are switched off let orphans in; an index whose
/// concurrent build failed is not valid.
pub fn doubts() -> Sql {
    Sql::new(include_str!("doubts.sql"))
}

/// The schemas in which a session looks for names; empty in dumps.
pub fn search_path() -> Sql {
    Sql::new("SHOW search_path")
}

/// Looks for names in no schema, as dumps do.
pub fn no_search_path() -> Sql {
    Sql::new("SET search_path = ''")
}

/// Whether PostgreSQL's planner may join by nested loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NestedLoops {
    Allowed,
    Refused,
}

/// Says so for the rest of the transaction.
pub fn nested_loops(loops: NestedLoops) -> Sql {
    Sql::new(match loops {
        NestedLoops::Allowed => "SET LOCAL enable_nestloop TO on",
        NestedLoops::Refused => "SET LOCAL enable_nestloop TO off",
    })
}

/// Undoes what a script set: dumps empty the search path for the whole session.
pub fn reset_search_path() -> Sql {
    Sql::new("RESET search_path")
}

/// Number (`150018`) and text (`15.18 (Debian …)`) of the server's version.
pub fn postgres_version() -> Sql {
    Sql::new(
        "SELECT current_setting('server_version_num'), current_setting('server_version'), pg_is_in_recovery()::text",
    )
}

/// The version of the SQLite library.
pub fn sqlite_version() -> Sql {
    Sql::new("SELECT sqlite_version()")
}

/// Reads the first page, so that a file that is no database is found out at once.
pub fn sqlite_probe() -> Sql {
    Sql::new("SELECT count(*) FROM sqlite_schema")
}

/// SQLite runs without fsync: for copies that are thrown away.
pub fn sqlite_unsafe_fast() -> Sql {
    Sql::new("PRAGMA synchronous = OFF")
}

/// Acts in the name of a role from here on.
pub fn set_role(role: &str) -> Sql {
    Sql::new(format!("SET ROLE {}", quote_name(role)))
}

/// The number of the server process.
pub fn server_process() -> Sql {
    Sql::new("SELECT pg_backend_pid()::text")
}

/// How long statements wait for a lock until the transaction ends.
pub fn lock_timeout_here(wait: Duration) -> Sql {
    Sql::new(format!("SET LOCAL lock_timeout = {}", wait.as_millis()))
}

/// How many pages a table has, by the name that SQL writes.
pub fn pages_of(table: &str) -> Sql {
    Sql::new(format!(
        "SELECT pg_catalog.pg_relation_size({}::regclass) / current_setting('block_size')::bigint",
        quote_text(table)
    ))
}

/// Says until the transaction ends which pages its statements are for: from one on, up to another.
pub fn batch_bounds(from: u64, to: u64) -> Sql {
    Sql::new(format!(
        "SET LOCAL migrate.batch_from = '({from},0)'; SET LOCAL migrate.batch_to = '({to},0)'"
    ))
}

/// How far the slowest copy of this server is behind, in milliseconds; nothing where there is none, or none may be seen.
pub fn replica_lag_ms() -> Sql {
    Sql::new(
        "SELECT ceil(extract(epoch FROM max(replay_lag)) * 1000)::bigint \
         FROM pg_catalog.pg_stat_replication WHERE state = 'streaming'",
    )
}

/// How long a statement that runs outside a transaction waits for others to let go: `CREATE INDEX CONCURRENTLY` waits for
/// every transaction that may see the old state, which counts as waiting for a lock, and a short timeout leaves an
/// invalid index behind.
pub fn concurrent_timeouts(wait: Duration) -> Sql {
    Sql::new(format!("SET lock_timeout = {}; SET statement_timeout = 0", wait.as_millis()))
}

/// The usual timeouts again.
pub fn usual_timeouts(lock: Duration, statement: Duration) -> Sql {
    Sql::new(format!(
        "SET lock_timeout = {}; SET statement_timeout = {}",
        lock.as_millis(),
        statement.as_millis()
    ))
}

/// The sessions that block a server process, the one with the oldest transaction first: process, application, user, age
/// of the transaction in seconds, state, statement.
pub fn blockers(process: &str) -> Sql {
    Sql::new(format!(
        "SELECT a.pid::text, coalesce(a.application_name, ''), coalesce(a.usename::text, ''), \
         coalesce(floor(extract(epoch FROM clock_timestamp() - a.xact_start))::text, '?'), \
         coalesce(a.state, '?'), left(regexp_replace(coalesce(a.query, ''), '\\s+', ' ', 'g'), 120) \
         FROM unnest(pg_blocking_pids({})) AS b (pid) JOIN pg_stat_activity a ON a.pid = b.pid \
         ORDER BY a.xact_start NULLS LAST LIMIT 1",
        process.parse::<u32>().unwrap_or_default()
    ))
}

/// A session that waits for a lock of a server process, if there is one.
pub fn anyone_waiting_for(process: &str) -> Sql {
    Sql::new(format!(
        "SELECT a.pid::text FROM pg_stat_activity AS a WHERE a.wait_event_type = 'Lock' \
         AND {} = ANY (pg_blocking_pids(a.pid)) LIMIT 1",
        process.parse::<u32>().unwrap_or_default()
    ))
}

/// Answers one row, if the connection still lives.
pub fn are_you_there() -> Sql {
    Sql::new("SELECT 1")
}

/// The first of the two numbers under which our locks stand in `pg_locks`: `migr`. An advisory lock belongs to one
/// database, so that two databases of a server never wait for each other.
const LOCK: i32 = 0x6d69_6772;

/// Our two locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigratorLock {
    /// One migrator at a time; held by a session that does nothing else.
    Turn,
    /// Held by the session that runs the steps: a server goes on with a statement after its client was killed, and the
    /// next migrator must not begin before that has ended.
    Work,
}

impl MigratorLock {
    fn number(self) -> i32 {
        match self {
            MigratorLock::Turn => 1,
            MigratorLock::Work => 2,
        }
    }
}

/// Takes one of our locks if it is free; never waits (a waiting `pg_advisory_lock` holds a snapshot, and
/// `CREATE INDEX CONCURRENTLY` of the holder then waits for it).
pub fn try_migrator_lock(lock: MigratorLock) -> Sql {
    Sql::new(format!("SELECT pg_try_advisory_lock({LOCK}, {})", lock.number()))
}

/// Frees it.
pub fn free_migrator_lock(lock: MigratorLock) -> Sql {
    Sql::new(format!("SELECT pg_advisory_unlock({LOCK}, {})", lock.number()))
}

/// Who holds one of our locks: process, application, user, since when, what it runs.
pub fn migrator_lock_holder(lock: MigratorLock) -> Sql {
    Sql::new(format!(
        "SELECT l.pid::text, coalesce(a.application_name, ''), coalesce(a.usename::text, ''), \
         coalesce(a.backend_start::text, ''), CASE a.state WHEN 'active' THEN left(a.query, 80) ELSE '' END \
         FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid WHERE {} AND l.granted LIMIT 1",
        lock_condition(lock)
    ))
}

/// One row if this session still holds the lock.
pub fn migrator_lock_still_held(lock: MigratorLock) -> Sql {
    Sql::new(format!(
        "SELECT 1 FROM pg_locks l WHERE {} AND l.granted AND l.pid = pg_backend_pid()",
        lock_condition(lock)
    ))
}

fn lock_condition(lock: MigratorLock) -> String {
    format!(
        "l.locktype = 'advisory' AND l.classid::bigint = {LOCK} AND l.objid::bigint = {} \
         AND l.objsubid = 2 AND l.database = \
         (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())",
        lock.number()
    )
}

/// Encoding, collation, character type of the current database; the provider of its locale, and for another than the C
/// library its name there and its rules. Columns that came with later versions are asked by way of the row.
/// Source: `pg_database`: `datlocprovider` and `daticulocale` since 15, `daticurules` since 16, `datlocale` since 17.
pub fn database_locale() -> Sql {
    Sql::new(
        "SELECT pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, coalesce(j.row ->> 'datlocprovider', 'c'), \
         coalesce(j.row ->> 'datlocale', j.row ->> 'daticulocale'), j.row ->> 'daticurules' \
         FROM pg_database d, LATERAL (SELECT to_jsonb(d) AS row) AS j WHERE d.datname = current_database()",
    )
}

/// Locale of a database to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locale {
    pub encoding: String,
    pub collate: String,
    pub ctype: String,
    /// Where another than the C library sorts and compares.
    pub own: Option<OwnLocale>,
}

/// The locale of a provider other than the C library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnLocale {
    pub provider: LocaleProvider,
    pub name: String,
    /// Empty where there are none.
    pub rules: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocaleProvider {
    Icu,
    Builtin,
}

impl LocaleProvider {
    pub fn word(self) -> &'static str {
        match self {
            LocaleProvider::Icu => "icu",
            LocaleProvider::Builtin => "builtin",
        }
    }
}

/// Makes a database from `template0`, so that nothing that an administrator put into `template1` is in it.
pub fn create_database(name: &str, locale: Option<&Locale>) -> Sql {
    let locale = locale.map_or_else(String::new, |locale| {
        format!(
            " ENCODING {} LC_COLLATE {} LC_CTYPE {}{}",
            quote_text(&locale.encoding),
            quote_text(&locale.collate),
            quote_text(&locale.ctype),
            locale.own.as_ref().map(own_locale).unwrap_or_default()
        )
    });
    Sql::new(format!("CREATE DATABASE {} TEMPLATE template0{locale}", quote_name(name)))
}

fn own_locale(own: &OwnLocale) -> String {
    let name = quote_text(&own.name);
    match own.provider {
        LocaleProvider::Icu if own.rules.is_empty() => {
            format!(" LOCALE_PROVIDER icu ICU_LOCALE {name}")
        }
        LocaleProvider::Icu => {
            format!(" LOCALE_PROVIDER icu ICU_LOCALE {name} ICU_RULES {}", quote_text(&own.rules))
        }
        LocaleProvider::Builtin => format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {name}"),
    }
}

/// Drops a database made by `create_database`, and the sessions in it. `FORCE` is in PostgreSQL 13 and later.
pub fn drop_database(name: &str) -> Sql {
    Sql::new(format!("DROP DATABASE {} WITH (FORCE)", quote_name(name)))
}

/// Whether the current role may make databases.
pub fn may_create_database() -> Sql {
    Sql::new("SELECT (rolsuper OR rolcreatedb)::text FROM pg_roles WHERE rolname = current_user")
}

/// The names of all roles that are not the server's own.
pub fn role_names() -> Sql {
    Sql::new("SELECT rolname FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%' ORDER BY rolname")
}

/// Makes a role that has a name and no rights.
pub fn create_role(name: &str) -> Sql {
    Sql::new(format!("CREATE ROLE {} NOLOGIN", quote_name(name)))
}

/// Shares the current transaction's view of the data with other sessions.
pub fn export_snapshot() -> Sql {
    Sql::new("SELECT pg_export_snapshot()")
}

/// Takes all rows of a table away.
pub fn delete_all(table: &crate::text::QName) -> Sql {
    let (schema, name) = (quote_name(table.schema.as_str()), quote_name(table.name.as_str()));
    Sql::new(format!("TRUNCATE ONLY {schema}.{name}"))
}

/// The bytes of a SQLite database.
pub fn sqlite_size() -> Sql {
    Sql::new("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
}

/// `wal`, `delete`, …
pub fn sqlite_journal_mode() -> Sql {
    Sql::new("PRAGMA journal_mode")
}

/// A place of its own in a transaction, by depth.
pub fn nested_begin(depth: usize) -> Sql {
    Sql::new(format!("SAVEPOINT migrate_nested_{depth}"))
}

/// Keeps what was done since then.
pub fn nested_commit(depth: usize) -> Sql {
    Sql::new(format!("RELEASE SAVEPOINT migrate_nested_{depth}"))
}

/// Drops what was done since then.
pub fn nested_rollback(depth: usize) -> Sql {
    Sql::new(format!(
        "ROLLBACK TO SAVEPOINT migrate_nested_{depth}; RELEASE SAVEPOINT migrate_nested_{depth}"
    ))
}

/// Whether a statement begins or ends a transaction as a whole.
pub fn ends_transaction(sql: &Sql) -> bool {
    Sql::of_script(sql.as_str(), Dialect::Postgres).iter().any(|statement| {
        let tokens = crate::text::token::tokenize(statement.as_str(), Dialect::Postgres);
        let mut code = tokens.iter().filter(|token| token.is_code());
        let Some(first) = code.next() else { return false };
        let second = code.next();
        let next_is = |word: &str| second.is_some_and(|token| token.is_word(word));
        ["begin", "start", "commit", "end", "abort"].iter().any(|word| first.is_word(word))
            || (first.is_word("rollback") && !next_is("to"))
            || (first.is_word("prepare") && next_is("transaction"))
    })
}

/// How many rows a table holds itself.
pub fn count_rows(dialect: Dialect, table: &crate::text::QName) -> Sql {
    let only = match dialect {
        Dialect::Postgres => "ONLY ",
        Dialect::Sqlite => "",
    };
    let (schema, name) = (quote_name(table.schema.as_str()), quote_name(table.name.as_str()));
    Sql::new(format!("SELECT count(*) FROM {only}{schema}.{name}"))
}

/// The first statement that takes away something a user made in the current database; no row if it is empty.
/// Run it and ask again, until nothing is left: one drop may cascade to others.
pub fn next_drop() -> Sql {
    Sql::new(include_str!("next_drop.sql"))
}

/// The statement that empties all tables of a user that hold rows; NULL where none does.
pub fn emptying() -> Sql {
    Sql::new(
        "SELECT 'TRUNCATE ' || string_agg(format('%I.%I', n.nspname, c.relname), ', ') || ' CASCADE' \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' \
         AND n.nspname <> 'information_schema' AND pg_catalog.pg_relation_size(c.oid) > 0",
    )
}

/// Runs no trigger until the transaction ends; for superusers.
pub fn without_triggers() -> Sql {
    Sql::new("SET LOCAL session_replication_role = replica")
}

/// A statement that a database returned as text (`next_drop`).
pub fn returned(text: &str) -> Sql {
    Sql::new(text)
}

/// An identifier in double quotes, in either dialect.
pub(in crate::dialect) fn quote_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string literal, with `standard_conforming_strings` on.
pub(in crate::dialect) fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
