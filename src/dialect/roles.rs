//! What a server of our own must be told so that it is like another: roles, memberships, rights on a database.
//!
//! Sources: PostgreSQL manual 53.8 "pg_authid", 53.9 "pg_auth_members", ALTER ROLE, GRANT.

use super::Sql;
use super::session::{quote_name, quote_text};

/// Statements that give every role its attributes, and make members of roles; equal texts mean equal roles.
pub fn attributes() -> Sql {
    Sql::new(
        "SELECT line FROM (SELECT 1 AS part, r.rolname AS name, \
         format('ALTER ROLE %I WITH %s %s %s %s %s %s %s', r.rolname, \
         CASE WHEN r.rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END, \
         CASE WHEN r.rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END, \
         CASE WHEN r.rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END, \
         CASE WHEN r.rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END, \
         CASE WHEN r.rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END, \
         CASE WHEN r.rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END, \
         CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END) AS line \
         FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_' \
         UNION ALL \
         SELECT DISTINCT 2, r.rolname, format('GRANT %I TO %I%s', r.rolname, m.rolname, \
         CASE WHEN am.admin_option THEN ' WITH ADMIN OPTION' ELSE '' END) \
         FROM pg_catalog.pg_auth_members am JOIN pg_catalog.pg_roles r ON r.oid = am.roleid \
         JOIN pg_catalog.pg_roles m ON m.oid = am.member WHERE m.rolname !~ '^pg_') AS lines \
         ORDER BY part, name, line",
    )
}

/// What the current database is to roles: its owner, who is connected, whether that one may make schemas in it.
pub fn database() -> Sql {
    Sql::new(
        "SELECT pg_catalog.pg_get_userbyid(d.datdba), current_user, \
         pg_catalog.has_database_privilege(current_user, d.oid, 'CREATE')::text, \
         pg_catalog.pg_database_size(d.oid)::text \
         FROM pg_catalog.pg_database d WHERE d.datname = current_database()",
    )
}

/// What tells one database of one server from all others; NULL where it may not be asked.
pub fn identity() -> Sql {
    Sql::new(
        "SELECT CASE WHEN pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') \
         THEN (SELECT s.system_identifier::text FROM pg_catalog.pg_control_system() s) END, \
         (SELECT d.oid::text FROM pg_catalog.pg_database d WHERE d.datname = current_database())",
    )
}

/// Gives a database its owner.
pub fn own_database(database: &str, owner: &str) -> Sql {
    Sql::new(format!("ALTER DATABASE {} OWNER TO {}", quote_name(database), quote_name(owner)))
}

/// Lets a role make schemas in a database.
pub fn allow_create(database: &str, role: &str) -> Sql {
    Sql::new(format!("GRANT CREATE ON DATABASE {} TO {}", quote_name(database), quote_name(role)))
}

/// Gives what one role owns in the current database to another.
pub fn reassign(from: &str, to: &str) -> Sql {
    Sql::new(format!("REASSIGN OWNED BY {} TO {}", quote_name(from), quote_name(to)))
}

/// A superuser who makes what then goes to others.
pub fn create_builder(name: &str) -> Sql {
    Sql::new(format!("CREATE ROLE {} SUPERUSER LOGIN", quote_name(name)))
}

/// Whose settings a copy is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Those that hold in the one database: the rest holds in all databases of its server.
    OfDatabase,
    /// Those of the role and of all roles too: the copy is on another server.
    OfServer,
}

/// Not told to a copy: what our own sessions set, what another server may lack (tablespaces, libraries), and who the
/// session is.
const NOT_TOLD: &str = "'standard_conforming_strings', 'client_encoding', 'TimeZone', 'DateStyle', \
     'IntervalStyle', 'bytea_output', 'extra_float_digits', 'client_min_messages', 'row_security', 'lock_timeout', \
     'statement_timeout', 'default_transaction_read_only', 'role', 'default_tablespace', 'temp_tablespaces', \
     'session_preload_libraries', 'local_preload_libraries'";

/// Settings that hold in the current database for the role that is connected, the weaker ones first: FROM, WHERE and
/// ORDER BY. `s` is `name=value`.
fn settings(told: Told) -> String {
    let everywhere = match told {
        Told::OfDatabase => "",
        Told::OfServer => "0, ",
    };
    format!(
        "FROM pg_catalog.pg_db_role_setting r, unnest(r.setconfig) s \
         WHERE r.setrole IN (0, (SELECT u.oid FROM pg_catalog.pg_roles u WHERE u.rolname = session_user)) \
         AND r.setdatabase IN ({everywhere}(SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())) \
         AND split_part(s, '=', 1) NOT IN ({NOT_TOLD}) ORDER BY r.setrole <> 0, r.setdatabase <> 0, s"
    )
}

/// [`settings`] as statements about another database and the role that works in it; without a name, the one that is
/// connected there.
/// Source: PostgreSQL manual, ALTER ROLE: settings of a role in a database win over those of the role, those over the
/// database's.
pub fn settings_for(database: &str, role: Option<&str>, told: Told) -> Sql {
    let role = role.map_or_else(|| "SESSION_USER".to_owned(), quote_name);
    let database = format!("DATABASE {}", quote_name(database));
    Sql::new(format!(
        "SELECT format('ALTER %s SET %I TO %s', CASE WHEN r.setrole = 0 THEN {} ELSE {} END, split_part(s, '=', 1), \
         CASE WHEN split_part(s, '=', 1) = 'search_path' THEN substr(s, strpos(s, '=') + 1) \
         ELSE quote_literal(substr(s, strpos(s, '=') + 1)) END) {}",
        quote_text(&database),
        quote_text(&format!("ROLE {role} IN {database}")),
        settings(told)
    ))
}

/// [`settings`] for one session of another database: each as the statement.
pub fn settings_here() -> Sql {
    Sql::new(format!(
        "SELECT format('SELECT pg_catalog.set_config(%L, %L, false)', split_part(s, '=', 1), \
         substr(s, strpos(s, '=') + 1)) {}",
        settings(Told::OfServer)
    ))
}

/// Extensions in use: name and version.
pub fn extensions() -> Sql {
    Sql::new(
        "SELECT extname, extversion FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql' ORDER BY 1",
    )
}

/// Extensions that could be made: name and version.
pub fn available_extensions() -> Sql {
    Sql::new("SELECT name, version FROM pg_catalog.pg_available_extension_versions ORDER BY 1, 2")
}

/// Sessions in a database other than this one: process, application, user.
pub fn sessions_in(database: &str) -> Sql {
    Sql::new(format!(
        "SELECT pid::text, coalesce(application_name, ''), coalesce(usename::text, '') \
         FROM pg_catalog.pg_stat_activity WHERE datname = {} AND pid <> pg_backend_pid() ORDER BY 1",
        quote_text(database)
    ))
}

/// Copies a database as files. Source: PostgreSQL manual, CREATE DATABASE; STRATEGY is in 15 and later.
pub fn copy_database(name: &str, template: &str, major: u32) -> Sql {
    let strategy = if major >= 15 { " STRATEGY FILE_COPY" } else { "" };
    Sql::new(format!(
        "CREATE DATABASE {} TEMPLATE {}{strategy}",
        quote_name(name),
        quote_name(template)
    ))
}

/// Has the server share blocks of copied files where its file system can (PostgreSQL 18).
pub fn clone_files() -> Sql {
    Sql::new("SET file_copy_method = clone")
}

/// Says on a database who made it, so that it is found if that process ends early.
pub fn mark_database(name: &str, mark: &str) -> Sql {
    Sql::new(format!("COMMENT ON DATABASE {} IS {}", quote_name(name), quote_text(mark)))
}

/// Scratch databases of ours on a server, with their marks.
pub fn marked_databases() -> Sql {
    Sql::new(
        "SELECT d.datname, pg_catalog.shobj_description(d.oid, 'pg_database') \
         FROM pg_catalog.pg_database d WHERE d.datname LIKE 'migrate\\_shadow\\_%' ORDER BY 1",
    )
}

/// Says inside of a database who fills it, where it is not made for that: on a large object, which is in nobody's way.
pub fn mark_inside(mark: &str) -> Sql {
    Sql::new(format!(
        "DO $do$ DECLARE made oid := pg_catalog.lo_create(0); BEGIN \
         EXECUTE pg_catalog.format('COMMENT ON LARGE OBJECT %s IS %L', made, {}::text); END $do$",
        quote_text(mark)
    ))
}

/// Says a mark anew, in a row of the catalog that is younger than all that its transaction has written before; where it
/// may not be said (another role is set, the transaction has failed), it stays as it was.
pub fn mark_again(number: &str, mark: &str) -> Sql {
    let (number, mark) = (quote_text(number), quote_text(mark));
    Sql::new(format!(
        "DO $do$ BEGIN EXECUTE pg_catalog.format('COMMENT ON LARGE OBJECT %s IS %L', {number}::oid, {mark}::text); \
         EXCEPTION WHEN OTHERS THEN NULL; END $do$"
    ))
}

/// What was made in a database after a mark was last said: a few of them, for people.
pub fn younger_objects(number: &str) -> Sql {
    Sql::new(include_str!("younger_objects.sql").replace(":mark", &quote_text(number)))
}

/// For each table that is older than a mark, the query that tells whether rows are younger.
pub fn younger_rows(number: &str) -> Sql {
    let number = quote_text(number);
    Sql::new(format!(
        "SELECT pg_catalog.format('SELECT %L WHERE EXISTS (SELECT FROM ONLY %I.%I AS t WHERE pg_catalog.age(t.xmin) < \
         (SELECT pg_catalog.age(d.xmin) FROM pg_catalog.pg_description d WHERE d.objoid = %L::oid \
         AND d.classoid = ''pg_catalog.pg_largeobject''::pg_catalog.regclass))', \
         pg_catalog.format('rows of `%s.%s`', n.nspname, c.relname), n.nspname, c.relname, {number}::text) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' \
         AND n.nspname <> 'information_schema' ORDER BY 1"
    ))
}

/// The marks inside of a database: number and text.
pub fn marks_inside() -> Sql {
    Sql::new(format!(
        "SELECT m.oid::text, d.description FROM pg_catalog.pg_largeobject_metadata m \
         JOIN pg_catalog.pg_description d ON d.objoid = m.oid AND d.classoid = 'pg_catalog.pg_largeobject'::regclass \
         WHERE d.description LIKE '{MARK}%' ORDER BY 1"
    ))
}

/// How the comment on everything that is to be thrown away begins.
pub const MARK: &str = "made by migrate; owner: ";

/// Takes a mark away; `number` is one of [`marks_inside`].
pub fn unmark(number: &str) -> Sql {
    Sql::new(format!("SELECT pg_catalog.lo_unlink({}::oid)", quote_text(number)))
}

/// Ends the sessions that the same user has in this database by the same program, but for this one; how many there are.
pub fn end_other_sessions() -> Sql {
    Sql::new(
        "SELECT count(pg_catalog.pg_terminate_backend(pid))::text FROM pg_catalog.pg_stat_activity \
         WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid() \
         AND application_name = current_setting('application_name')",
    )
}
