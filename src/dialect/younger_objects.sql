-- What somebody made in the current database after a mark in it was last said. A row of the catalog has the number of the
-- transaction that wrote it; ANALYZE and VACUUM change rows in place, which leaves it as it is.
WITH mark AS (
  SELECT pg_catalog.age(d.xmin) AS age FROM pg_catalog.pg_description d
  WHERE d.objoid = :mark::oid AND d.classoid = 'pg_catalog.pg_largeobject'::regclass
), place AS (
  SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
)
SELECT what FROM (
  SELECT 1 AS rank, c.xmin AS made, pg_catalog.format('`%s.%s`', n.nspname, c.relname) AS what
  FROM pg_catalog.pg_class c JOIN place n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
  UNION ALL
  SELECT 2, p.xmin, pg_catalog.format('`%s`', p.oid::regprocedure)
  FROM pg_catalog.pg_proc p JOIN place n ON n.oid = p.pronamespace
  UNION ALL
  SELECT 3, t.xmin, pg_catalog.format('the type `%s.%s`', n.nspname, t.typname)
  FROM pg_catalog.pg_type t JOIN place n ON n.oid = t.typnamespace WHERE t.typtype IN ('e', 'd', 'r')
  UNION ALL
  SELECT 4, n.xmin, pg_catalog.format('the schema `%s`', n.nspname)
  FROM pg_catalog.pg_namespace n JOIN place ON place.oid = n.oid WHERE n.nspname <> 'public'
  UNION ALL
  SELECT 5, e.xmin, pg_catalog.format('the extension `%s`', e.extname)
  FROM pg_catalog.pg_extension e WHERE e.extname <> 'plpgsql'
  UNION ALL
  SELECT 6, c.xmin, pg_catalog.format('the collation `%s.%s`', n.nspname, c.collname)
  FROM pg_catalog.pg_collation c JOIN place n ON n.oid = c.collnamespace
  UNION ALL
  SELECT 7, o.xmin, pg_catalog.format('the operator `%s`', o.oid::regoperator)
  FROM pg_catalog.pg_operator o JOIN place n ON n.oid = o.oprnamespace
  UNION ALL
  SELECT 8, f.xmin, pg_catalog.format('the operator family `%s.%s`', n.nspname, f.opfname)
  FROM pg_catalog.pg_opfamily f JOIN place n ON n.oid = f.opfnamespace
  UNION ALL
  SELECT 9, c.xmin, pg_catalog.format('the text search configuration `%s.%s`', n.nspname, c.cfgname)
  FROM pg_catalog.pg_ts_config c JOIN place n ON n.oid = c.cfgnamespace
  UNION ALL
  SELECT 10, d.xmin, pg_catalog.format('the text search dictionary `%s.%s`', n.nspname, d.dictname)
  FROM pg_catalog.pg_ts_dict d JOIN place n ON n.oid = d.dictnamespace
  UNION ALL
  SELECT 11, p.xmin, pg_catalog.format('the publication `%s`', p.pubname) FROM pg_catalog.pg_publication p
  UNION ALL
  SELECT 12, w.xmin, pg_catalog.format('the foreign data wrapper `%s`', w.fdwname)
  FROM pg_catalog.pg_foreign_data_wrapper w
  UNION ALL
  SELECT 13, m.xmin, pg_catalog.format('the large object %s', m.oid)
  FROM pg_catalog.pg_largeobject_metadata m WHERE m.oid <> :mark::oid
) AS objects, mark
WHERE pg_catalog.age(objects.made) < mark.age
ORDER BY rank, what
LIMIT 3
