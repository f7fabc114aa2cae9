//! Queries that tell what a step did: locks, rewrites, scans, log written, temporary files, pages.
//!
//! Sources: PostgreSQL manual 54.12 "pg_locks", 28.2 "The Cumulative Statistics System", 9.28.3 "Backup Control
//! Functions"; sqlite.org/pragma.html.

use super::{Lock, Sql};

/// All tables of users with their file, before anything runs: oid, schema, name, file.
pub fn tables() -> Sql {
    Sql::new(
        "SELECT c.oid, n.nspname, c.relname, coalesce(pg_relation_filenode(c.oid), 0) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= 16384 AND n.nspname \
         NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'migrate', 'migrate_kept')",
    )
}

/// Tables of users with at least so many bytes of rows: schema, name, bytes. Nothing is read but the sizes of files.
pub fn tables_from(bytes: u64) -> Sql {
    Sql::new(format!(
        "SELECT n.nspname, c.relname, pg_catalog.pg_table_size(c.oid) FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.oid >= 16384 AND n.nspname \
         NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'migrate', 'migrate_kept') \
         AND pg_catalog.pg_table_size(c.oid) >= {bytes}"
    ))
}

/// What this session's transaction holds and has counted, one row a table: oid, lock modes, file, scans of the whole
/// table, rows read by them, rows inserted, updated, deleted. The file is 0 where the table is dropped.
pub fn held() -> Sql {
    Sql::new(format!(
        "SELECT l.relation, string_agg(l.mode, ','), coalesce(pg_relation_filenode(l.relation), 0), \
         pg_stat_get_xact_numscans(l.relation), pg_stat_get_xact_tuples_returned(l.relation), \
         pg_stat_get_xact_tuples_inserted(l.relation), pg_stat_get_xact_tuples_updated(l.relation), \
         pg_stat_get_xact_tuples_deleted(l.relation) FROM pg_catalog.pg_locks l \
         WHERE l.pid = pg_backend_pid() AND {RELATIONS} GROUP BY l.relation"
    ))
}

/// What another session holds: oid, lock modes.
pub fn held_by(process: u32) -> Sql {
    Sql::new(format!(
        "SELECT l.relation, string_agg(l.mode, ',') FROM pg_catalog.pg_locks l \
         WHERE l.pid = {process} AND {RELATIONS} GROUP BY l.relation"
    ))
}

/// Locks on what users made, that are held and not waited for.
const RELATIONS: &str = "l.locktype = 'relation' AND l.granted AND l.relation >= 16384 \
     AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())";

/// How many bytes of write-ahead log the server has made.
pub fn log_position() -> Sql {
    Sql::new("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
}

/// How much a server writes to its log: with `minimal` a table that is written anew leaves no trace in it.
pub fn log_level() -> Sql {
    Sql::new("SELECT current_setting('wal_level')")
}

/// The process of this session.
pub fn process() -> Sql {
    Sql::new("SELECT pg_backend_pid()")
}

/// Has the counters of this session written when the statement ends. PostgreSQL 15 and later.
pub fn publish_counters() -> Sql {
    Sql::new("SELECT pg_stat_force_next_flush()")
}

/// Bytes of temporary files that statements in this database have written.
pub fn temporary_bytes() -> Sql {
    Sql::new(
        "SELECT pg_stat_get_db_temp_bytes(oid) FROM pg_catalog.pg_database \
         WHERE datname = current_database()",
    )
}

/// Pages of a SQLite database: all, of these free, bytes of each.
pub fn pages() -> Sql {
    Sql::new(
        "SELECT p.page_count, f.freelist_count, s.page_size \
         FROM pragma_page_count p, pragma_freelist_count f, pragma_page_size s",
    )
}

/// The lock that `pg_locks` calls by this name.
pub fn lock_of_mode(mode: &str) -> Option<Lock> {
    match mode {
        "AccessShareLock" => Some(Lock::AccessShare),
        "RowShareLock" => Some(Lock::RowShare),
        "RowExclusiveLock" => Some(Lock::RowExclusive),
        "ShareUpdateExclusiveLock" => Some(Lock::ShareUpdateExclusive),
        "ShareLock" => Some(Lock::Share),
        "ShareRowExclusiveLock" => Some(Lock::ShareRowExclusive),
        "ExclusiveLock" => Some(Lock::Exclusive),
        "AccessExclusiveLock" => Some(Lock::AccessExclusive),
        _ => None,
    }
}
