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
  UNION ALL
  SELECT 8, c.collname::text, format('DROP COLLATION %I.%I CASCADE', n.nspname, c.collname)
  FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
  WHERE n.nspname = 'public'
  UNION ALL
  SELECT 9, o.oid::text, format('DROP OPERATOR %s CASCADE', o.oid::regoperator)
  FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
  WHERE n.nspname = 'public'
  UNION ALL
  SELECT 10, f.opfname::text, format('DROP OPERATOR FAMILY %I.%I USING %I CASCADE', n.nspname, f.opfname, a.amname)
  FROM pg_catalog.pg_opfamily f JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace
  JOIN pg_catalog.pg_am a ON a.oid = f.opfmethod
  WHERE n.nspname = 'public'
  UNION ALL
  SELECT 11, c.cfgname::text, format('DROP TEXT SEARCH CONFIGURATION %I.%I CASCADE', n.nspname, c.cfgname)
  FROM pg_catalog.pg_ts_config c JOIN pg_catalog.pg_namespace n ON n.oid = c.cfgnamespace
  WHERE n.nspname = 'public'
  UNION ALL
  SELECT 12, d.dictname::text, format('DROP TEXT SEARCH DICTIONARY %I.%I CASCADE', n.nspname, d.dictname)
  FROM pg_catalog.pg_ts_dict d JOIN pg_catalog.pg_namespace n ON n.oid = d.dictnamespace
  WHERE n.nspname = 'public'
  UNION ALL
  SELECT 13, p.pubname::text, format('DROP PUBLICATION %I CASCADE', p.pubname) FROM pg_catalog.pg_publication p
  UNION ALL
  SELECT 14, w.fdwname::text, format('DROP FOREIGN DATA WRAPPER %I CASCADE', w.fdwname)
  FROM pg_catalog.pg_foreign_data_wrapper w
  UNION ALL
  SELECT 15, m.oid::text, format('SELECT pg_catalog.lo_unlink(%s)', m.oid)
  FROM pg_catalog.pg_largeobject_metadata m
  WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_description d WHERE d.objoid = m.oid
    AND d.classoid = 'pg_catalog.pg_largeobject'::regclass AND d.description LIKE 'made by migrate; owner: %')
) AS objects
ORDER BY rank, name
LIMIT 1
