//! Queries about the hidden columns of a database.

use crate::dialect::Sql;
use crate::dialect::aside::table_name;
use crate::dialect::session::quote_name;
use crate::text::{Dialect, Ident, QName};

/// All hidden columns: what their kept data is called, schema, table, column, the bytes of the table's rows, then estimates
/// of how many rows hold a value and of their bytes (NULL where the engine has none), `t` where this user may read it,
/// then the type and the default of the column.
pub fn hidden_columns(dialect: Dialect) -> Sql {
    Sql::new(match dialect {
        Dialect::Postgres => {
            "SELECT substr(a.attname::text, 15), n.nspname, c.relname, a.attname, pg_catalog.pg_table_size(c.oid), \
             (c.reltuples * (SELECT 1 - s.null_frac FROM pg_catalog.pg_stats s WHERE s.schemaname = n.nspname \
             AND s.tablename = c.relname AND s.attname = a.attname AND NOT s.inherited AND c.reltuples > 0))::bigint, \
             (c.reltuples * (SELECT (1 - s.null_frac) * s.avg_width FROM pg_catalog.pg_stats s \
             WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname \
             AND NOT s.inherited AND c.reltuples > 0))::bigint, \
             pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'), \
             pg_catalog.format_type(a.atttypid, a.atttypmod), pg_catalog.pg_get_expr(d.adbin, d.adrelid) \
             FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
             WHERE a.attname ~ '^_migrate_kept_' AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p') \
             AND n.nspname NOT IN ('migrate', 'migrate_kept') ORDER BY 1"
        }
        Dialect::Sqlite => {
            "SELECT substr(c.name, 15), 'main', t.name, c.name, 0, NULL, NULL, 't', c.type, c.dflt_value \
             FROM main.sqlite_schema AS t CROSS JOIN pragma_table_xinfo(t.name, 'main') AS c \
             WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL TABLE%' AND t.name NOT GLOB '_migrate_*' \
             AND t.sql LIKE '%\\_migrate\\_kept\\_%' ESCAPE '\\' AND c.name GLOB '_migrate_kept_*' ORDER BY 1"
        }
    })
}

/// How many rows hold a value in a hidden column, and the bytes of these values.
pub fn measure(table: &QName, column: &Ident, dialect: Dialect) -> Sql {
    let name = quote_name(column.as_str());
    let from = table_name(table);
    Sql::new(match dialect {
        Dialect::Postgres => format!(
            "SELECT count({name}), coalesce(sum(pg_catalog.pg_column_size({name})), 0) FROM ONLY {from}"
        ),
        Dialect::Sqlite => format!(
            "SELECT count({name}), coalesce(sum(length(CAST({name} AS BLOB))), 0) FROM {from}"
        ),
    })
}

/// Answers a row where the table has one.
pub fn any_row(table: &QName) -> Sql {
    Sql::new(format!("SELECT 1 FROM {} LIMIT 1", table_name(table)))
}

/// Answers a row where a hidden column holds what a row that is written now would not hold.
pub fn any_value(
    table: &QName,
    column: &Ident,
    (data_type, default): (&str, Option<&str>),
    dialect: Dialect,
) -> Sql {
    let name = quote_name(column.as_str());
    let from = table_name(table);
    let condition = match (default, dialect) {
        (None, _) => format!("{name} IS NOT NULL"),
        (Some(default), Dialect::Postgres) => {
            format!("{name}::text IS DISTINCT FROM CAST(({default}) AS {data_type})::text")
        }
        (Some(default), Dialect::Sqlite) => format!("{name} IS NOT ({default})"),
    };
    Sql::new(format!("SELECT 1 FROM {from} WHERE {condition} LIMIT 1"))
}

/// Takes a hidden column away for good.
pub fn release(table: &QName, column: &Ident, dialect: Dialect) -> Vec<Sql> {
    let name = quote_name(column.as_str());
    let drop = format!("ALTER TABLE {} DROP COLUMN {name}", table_name(table));
    match dialect {
        Dialect::Postgres => vec![Sql::new(drop)],
        // As with a rename: a view or trigger that does not resolve has nothing to do with it.
        Dialect::Sqlite => ["PRAGMA writable_schema = ON", &drop, "PRAGMA writable_schema = OFF"]
            .into_iter()
            .map(Sql::new)
            .collect(),
    }
}

/// Gives each row that has no value in a hidden column what an expression over the row (`t`) says. The triggers and rules
/// of a PostgreSQL table are off meanwhile, as where kept values are put back; on SQLite no hidden column has to have one.
pub fn give(table: &QName, column: &Ident, expression: &str, dialect: Dialect) -> Sql {
    let name = quote_name(column.as_str());
    let from = table_name(table);
    let update =
        format!("UPDATE {from} AS \"t\" SET {name} = ({expression}) WHERE \"t\".{name} IS NULL");
    match dialect {
        Dialect::Sqlite => Sql::new(update),
        Dialect::Postgres => Sql::new(quietly(&from, &update)),
    }
}

fn quietly(table: &str, update: &str) -> String {
    let literal = format!("'{}'", table.replace('\'', "''"));
    let mut tag = "$migrate_give$".to_owned();
    while update.contains(&tag) || table.contains(&tag) {
        tag.insert(tag.len() - 1, '_');
    }
    let switched = |verb: &str| {
        format!(
            "ARRAY(SELECT pg_catalog.format('ALTER TABLE %s %s %s %I', {literal}, {verb}, s.kind, s.name) FROM ( \
             SELECT tgname AS name, tgenabled AS state, 'TRIGGER' AS kind FROM pg_catalog.pg_trigger \
             WHERE tgrelid = {literal}::pg_catalog.regclass AND NOT tgisinternal \
             UNION ALL SELECT rulename, ev_enabled, 'RULE' FROM pg_catalog.pg_rewrite \
             WHERE ev_class = {literal}::pg_catalog.regclass) AS s WHERE s.state IN ('O', 'A'))"
        )
    };
    let off = switched("'DISABLE'");
    let on = switched("CASE s.state WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END");
    format!(
        "DO {tag}\n#variable_conflict use_column\nDECLARE \"migrate off\" text[] := {off}; \
         \"migrate on\" text[] := {on}; \"migrate one\" text; \
         BEGIN FOREACH \"migrate one\" IN ARRAY \"migrate off\" LOOP EXECUTE \"migrate one\"; END LOOP; {update}; \
         SET CONSTRAINTS ALL IMMEDIATE; \
         FOREACH \"migrate one\" IN ARRAY \"migrate on\" LOOP EXECUTE \"migrate one\"; END LOOP; END {tag}"
    )
}

/// Answers a row where there is a table of that name.
pub fn is_there(table: &QName, dialect: Dialect) -> Sql {
    let text = |name: &Ident| format!("'{}'", name.as_str().replace('\'', "''"));
    let name = text(&table.name);
    Sql::new(match dialect {
        Dialect::Postgres => format!(
            "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = {} AND tablename = {name}",
            text(&table.schema)
        ),
        Dialect::Sqlite => format!(
            "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = {name} COLLATE NOCASE"
        ),
    })
}
