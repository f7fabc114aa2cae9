-- Schemas that hold user objects, other than `public`.
SELECT pg_catalog.json_build_object('name', n.nspname)
FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_'
  AND n.nspname NOT IN ('information_schema', 'public', 'migrate')
  AND n.nspname !~ '^migrate_kept'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                  WHERE x.classid = 'pg_catalog.pg_namespace'::regclass AND x.objid = n.oid AND x.deptype = 'e')
ORDER BY n.nspname
