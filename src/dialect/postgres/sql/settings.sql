-- Settings of tables that differ from the defaults: of the table, of an index. Those of columns come with the columns.
WITH own AS MATERIALIZED (
    SELECT c.oid, c.relname, c.reloptions, c.reltoastrelid, c.reltablespace, c.relam, c.relreplident, c.relkind, n.nspname
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p')
      AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
), measured AS MATERIALIZED (
    SELECT a.attrelid, a.attnum, a.attstattarget FROM pg_catalog.pg_attribute a
    WHERE a.attstattarget >= 0 AND a.attnum > 0 AND a.attrelid >= 16384
), found(schema, "table", target, name, kind, option, value, fallback) AS (
    SELECT nspname, relname, 'table', NULL::name, 'parameter', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1), NULL
    FROM own, pg_catalog.unnest(reloptions) o
    UNION ALL
    SELECT own.nspname, own.relname, 'table', NULL, 'parameter', 'toast.' || split_part(o, '=', 1), substr(o, strpos(o, '=') + 1), NULL
    FROM own JOIN pg_catalog.pg_class x ON x.oid = own.reltoastrelid, pg_catalog.unnest(x.reloptions) o
    UNION ALL
    SELECT own.nspname, own.relname, 'table', NULL, 'tablespace', NULL, s.spcname, NULL
    FROM own JOIN pg_catalog.pg_tablespace s ON s.oid = own.reltablespace
    UNION ALL
    SELECT own.nspname, own.relname, 'index', x.relname, 'tablespace', NULL, s.spcname, NULL
    FROM own
    JOIN pg_catalog.pg_index i ON i.indrelid = own.oid
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    JOIN pg_catalog.pg_tablespace s ON s.oid = x.reltablespace AND x.reltablespace <> 0
    UNION ALL
    -- A partitioned table has none unless one is named (17): what its partitions get.
    SELECT own.nspname, own.relname, 'table', NULL, 'access_method', NULL, m.amname, CASE own.relkind WHEN 'p' THEN 'DEFAULT' END
    FROM own JOIN pg_catalog.pg_am m ON m.oid = own.relam WHERE m.amname <> 'heap' OR own.relkind = 'p'
    UNION ALL
    SELECT nspname, relname, 'table', NULL, 'replica_identity', NULL, CASE relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END, NULL
    FROM own WHERE relreplident IN ('f', 'n')
    UNION ALL
    SELECT own.nspname, own.relname, 'index', x.relname, 'replica_identity', NULL, 'USING INDEX', NULL
    FROM own JOIN pg_catalog.pg_index i ON i.indrelid = own.oid AND i.indisreplident JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    WHERE own.relreplident = 'i'
    UNION ALL
    SELECT own.nspname, own.relname, 'index', x.relname, 'cluster', NULL, 'ON', NULL
    FROM own JOIN pg_catalog.pg_index i ON i.indrelid = own.oid AND i.indisclustered JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    UNION ALL
    SELECT own.nspname, own.relname, 'index', x.relname, 'parameter', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1), NULL
    FROM own
    JOIN pg_catalog.pg_index i ON i.indrelid = own.oid
    JOIN pg_catalog.pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = own.oid AND k.contype IN ('p', 'u', 'x')
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid AND x.reloptions IS NOT NULL, pg_catalog.unnest(x.reloptions) o
    -- A partitioned table's can only be given with the key, and stand in its definition.
    WHERE own.relkind = 'r'
    UNION ALL
    SELECT own.nspname, own.relname, 'index', x.relname, 'statistics', a.attnum::text, a.attstattarget::text, NULL
    FROM own
    JOIN pg_catalog.pg_index i ON i.indrelid = own.oid
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    JOIN measured a ON a.attrelid = x.oid
)
SELECT pg_catalog.json_build_object(
    'schema', schema, 'table', "table", 'target', target, 'name', name, 'kind', kind, 'option', option,
    'value', value, 'default', fallback)
FROM found
