-- Constraints of tables. NOT NULL (contype `n`, PostgreSQL 18) is a property of the column. What a foreign key has for
-- each partition of the table it points at is left out: it is made with the key.
SELECT pg_catalog.jsonb_build_object(
    'schema', n.nspname,
    'table', c.relname,
    'name', k.conname,
    'kind', k.contype,
    'definition', pg_catalog.pg_get_constraintdef(k.oid),
    'expression', CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_expr(k.conbin, k.conrelid) END,
    'columns', coalesce((SELECT pg_catalog.jsonb_agg(a.attname ORDER BY u.place)
                FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY u(attnum, place)
                JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum), '[]'),
    'references_schema', fn.nspname,
    'references_table', fc.relname,
    'referenced_columns', coalesce((SELECT pg_catalog.jsonb_agg(a.attname ORDER BY u.place)
                FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u(attnum, place)
                JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum), '[]'),
    'on_delete', k.confdeltype,
    'on_update', k.confupdtype,
    'parent', CASE WHEN o.oid IS NOT NULL THEN o.conname WHEN k.coninhcount > 0 THEN k.conname END,
    'local', k.conislocal,
    'incomplete', c.relkind = 'p' AND EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indexrelid = k.conindid AND NOT i.indisvalid)
        AND k.contype IN ('p', 'u', 'x'))
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid AND c.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_class fc ON fc.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
LEFT JOIN pg_catalog.pg_constraint o ON o.oid = k.conparentid
WHERE k.contype IN ('p', 'u', 'c', 'f', 'x') AND (o.oid IS NULL OR o.conrelid <> k.conrelid)
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
ORDER BY k.conrelid, k.contype, k.conname
