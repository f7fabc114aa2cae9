-- Enum types with their values in sort order.
SELECT pg_catalog.json_build_object(
    'schema', n.nspname,
    'name', t.typname,
    'values', coalesce((SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder)
               FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid), '[]'),
    'comment', pg_catalog.obj_description(t.oid, 'pg_type'))
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e'
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                  WHERE x.classid = 'pg_catalog.pg_type'::regclass AND x.objid = t.oid AND x.deptype = 'e')
