-- Indexes of tables that no constraint owns. `OFFSET 0`: as in constraints.sql.
SELECT pg_catalog.json_build_object(
    'schema', n.nspname,
    'table', c.relname,
    'name', ic.relname,
    'unique', i.indisunique,
    'keys', coalesce((SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                'column', a.attname,
                'expression', CASE WHEN a.attname IS NULL
                    THEN pg_catalog.pg_get_indexdef(i.indexrelid, u.place::int, false) END) ORDER BY u.place)
             FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY u(attnum, place)
             LEFT JOIN LATERAL (SELECT x.attname FROM pg_catalog.pg_attribute x
                WHERE x.attrelid = i.indrelid AND x.attnum = u.attnum AND u.attnum > 0 OFFSET 0) a ON true
             WHERE u.place <= i.indnkeyatts), '[]'),
    'predicate', pg_catalog.pg_get_expr(i.indpred, i.indrelid),
    -- On a partitioned table the engine always prints ONLY; here it says that not every partition has the index.
    'definition', CASE WHEN i.indisvalid
        THEN pg_catalog.regexp_replace(pg_catalog.pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')
        ELSE pg_catalog.pg_get_indexdef(i.indexrelid) END,
    'parent', (SELECT p.relname FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
               WHERE h.inhrelid = i.indexrelid))
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid AND c.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
ORDER BY ic.relname
