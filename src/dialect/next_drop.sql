-- What a user made in the current database, as the statement that drops it; first extensions and schemas, then
-- what lives in `public`.
SELECT statement FROM (
  SELECT 1 AS rank, e.extname::text AS name, format('DROP EXTENSION %I CASCADE', e.extname) AS statement
  FROM pg_catalog.pg_extension e WHERE e.extname <> 'plpgsql'
  UNION ALL
  SELECT 2, n.nspname::text, format('DROP SCHEMA %I CASCADE', n.nspname)
  FROM pg_catalog.pg_namespace n
  WHERE n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', 'public')
  UNION ALL
  SELECT CASE c.relkind WHEN 'S' THEN 4 ELSE 3 END, c.relname::text, format('DROP %s %I.%I CASCADE',
    CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
      WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, n.nspname, c.relname)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
  UNION ALL
  SELECT 5, p.proname::text, format('DROP ROUTINE %s CASCADE', p.oid::regprocedure)
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = 'public' AND p.prokind <> 'a'
  UNION ALL
  SELECT 6, p.proname::text, format('DROP AGGREGATE %s CASCADE', p.oid::regprocedure)
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = 'public' AND p.prokind = 'a'
  UNION ALL
  SELECT 7, t.typname::text, format('DROP TYPE %I.%I CASCADE', n.nspname, t.typname)
  FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  WHERE n.nspname = 'public' AND t.typtype IN ('e', 'd', 'r')
) AS objects
ORDER BY rank, name
LIMIT 1
