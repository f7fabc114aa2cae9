-- Constraints of tables; NOT NULL is one from PostgreSQL 18 on (contype `n`). What a foreign key has for
-- each partition of the table it points at is left out: it is made with the key. `OFFSET 0` makes the
-- planner look a column up by its number instead of reading all columns of the table.
SELECT pg_catalog.json_build_object(
    'schema', n.nspname,
    'table', c.relname,
    'name', k.conname,
    'kind', k.contype,
    'definition', pg_catalog.pg_get_constraintdef(k.oid),
    'expression', CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid) END,
    'columns', coalesce((SELECT pg_catalog.json_agg(a.attname ORDER BY u.place)
                FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY u(attnum, place)
                CROSS JOIN LATERAL (SELECT x.attname FROM pg_catalog.pg_attribute x WHERE x.attrelid = k.conrelid AND x.attnum = u.attnum OFFSET 0) a), '[]'),
    'references_schema', fn.nspname,
    'references_table', fc.relname,
    'referenced_columns', coalesce((SELECT pg_catalog.json_agg(a.attname ORDER BY u.place)
                FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u(attnum, place)
                CROSS JOIN LATERAL (SELECT x.attname FROM pg_catalog.pg_attribute x WHERE x.attrelid = k.confrelid AND x.attnum = u.attnum OFFSET 0) a), '[]'),
    'on_delete', k.confdeltype,
    'on_update', k.confupdtype,
    -- The index of a key may belong to one of the parent that is no key.
    'parent', CASE WHEN o.oid IS NOT NULL THEN o.conname WHEN k.coninhcount > 0 THEN k.conname
        WHEN k.contype IN ('p', 'u', 'x') THEN (
            SELECT p.relname FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
            WHERE h.inhrelid = k.conindid) END,
    'local', k.conislocal,
    'inherited', k.coninhcount > 0,
    'no_inherit', k.connoinherit,
    'valid', k.convalidated,
    'incomplete', c.relkind = 'p' AND EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indexrelid = k.conindid AND NOT i.indisvalid)
        AND k.contype IN ('p', 'u', 'x'))
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid AND c.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class fc ON fc.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
LEFT JOIN pg_catalog.pg_constraint o ON o.oid = k.conparentid
WHERE k.contype IN ('p', 'u', 'c', 'f', 'x', 'n') AND (o.oid IS NULL OR o.conrelid <> k.conrelid)
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
ORDER BY k.conrelid, k.contype, k.conname
