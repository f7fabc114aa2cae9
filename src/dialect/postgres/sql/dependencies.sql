-- What each object carried as text stands on. Every catalog row is first told as the object it belongs to:
-- a rule as its view, an array type as its element, an extension's member as the extension.
WITH own AS (
    SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
), owned AS (
    -- A column may own several sequences. The first is its own; the others are objects that stand on it.
    SELECT x.objid, x.refobjid, x.refobjsubid, pg_catalog.row_number() OVER (
        PARTITION BY x.refobjid, x.refobjsubid ORDER BY x.deptype DESC, EXISTS (
            SELECT FROM pg_catalog.pg_attrdef d
            JOIN pg_catalog.pg_depend u ON u.classid = 'pg_catalog.pg_attrdef'::regclass AND u.objid = d.oid AND u.refobjid = x.objid
            WHERE d.adrelid = x.refobjid AND d.adnum = x.refobjsubid) DESC, x.objid) AS place
    FROM pg_catalog.pg_depend x
    JOIN pg_catalog.pg_class c ON c.oid = x.objid AND c.relkind = 'S'
    WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.refclassid = 'pg_catalog.pg_class'::regclass
      AND x.deptype IN ('a', 'i') AND x.refobjsubid > 0
), relation AS (
    SELECT c.oid, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type' ELSE 'table' END AS kind,
           own.nspname AS schema, c.relname::text AS name
    FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'c')
       OR c.relkind = 'S' AND NOT EXISTS (SELECT FROM owned o WHERE o.objid = c.oid AND o.place = 1)
), type AS (
    SELECT t.oid, CASE t.typtype WHEN 'e' THEN 'enum' ELSE 'domain' END AS kind, own.nspname AS schema, t.typname::text AS name
    FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace WHERE t.typtype IN ('e', 'd')
), node AS (
    SELECT x.classid, x.objid, 'extension' AS kind, n.nspname AS schema, e.extname::text AS name, '' AS signature,
           NULL::text AS table_schema, NULL::text AS table_name
    FROM pg_catalog.pg_depend x
    JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid AND e.extname <> 'plpgsql'
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
    WHERE x.deptype = 'e' AND x.refclassid = 'pg_catalog.pg_extension'::regclass
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, r.oid, r.kind, r.schema, r.name, '', NULL, NULL FROM relation r
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, t.oid, r.kind, r.schema, r.name, '', NULL, NULL
    FROM pg_catalog.pg_type t JOIN relation r ON r.oid = t.typrelid
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, a.oid, r.kind, r.schema, r.name, '', NULL, NULL
    FROM pg_catalog.pg_type a JOIN pg_catalog.pg_type t ON t.typarray = a.oid JOIN relation r ON r.oid = t.typrelid
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, t.oid, t.kind, t.schema, t.name, '', NULL, NULL FROM type t
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, a.typarray, t.kind, t.schema, t.name, '', NULL, NULL
    FROM type t JOIN pg_catalog.pg_type a ON a.oid = t.oid WHERE a.typarray <> 0
    UNION ALL
    SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, t.kind, t.schema, t.name, '', NULL, NULL
    FROM pg_catalog.pg_constraint k JOIN type t ON t.oid = k.contypid
    UNION ALL
    SELECT 'pg_catalog.pg_attrdef'::regclass, d.oid, r.kind, r.schema, r.name, '', NULL, NULL
    FROM pg_catalog.pg_attrdef d JOIN relation r ON r.oid = d.adrelid AND r.kind = 'view'
    UNION ALL
    SELECT 'pg_catalog.pg_rewrite'::regclass, w.oid, r.kind, r.schema, r.name, '', NULL, NULL
    FROM pg_catalog.pg_rewrite w JOIN relation r ON r.oid = w.ev_class
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::regclass, p.oid, CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
           own.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid), NULL, NULL
    FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace WHERE p.prokind IN ('f', 'p', 'w')
    UNION ALL
    SELECT 'pg_catalog.pg_trigger'::regclass, g.oid, 'trigger', own.nspname, g.tgname, '', own.nspname, c.relname
    FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid JOIN own ON own.oid = c.relnamespace
    WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND c.relkind IN ('r', 'p', 'v')
    UNION ALL
    SELECT 'pg_catalog.pg_policy'::regclass, o.oid, 'policy', own.nspname, o.polname, '', own.nspname, c.relname
    FROM pg_catalog.pg_policy o JOIN pg_catalog.pg_class c ON c.oid = o.polrelid JOIN own ON own.oid = c.relnamespace
)
SELECT DISTINCT pg_catalog.jsonb_build_object(
    'from', pg_catalog.to_jsonb(f) - 'classid' - 'objid',
    'to', pg_catalog.to_jsonb(t) - 'classid' - 'objid',
    'column', CASE WHEN t.kind = 'table' THEN a.attname END)
FROM pg_catalog.pg_depend d
JOIN node f ON f.classid = d.classid AND f.objid = d.objid
JOIN node t ON t.classid = d.refclassid AND t.objid = d.refobjid
LEFT JOIN pg_catalog.pg_attribute a
    ON d.refclassid = 'pg_catalog.pg_class'::regclass AND a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
WHERE f.kind NOT IN ('table', 'enum', 'extension')
  AND (f.kind, f.schema, f.name, f.signature, f.table_schema, f.table_name)
      IS DISTINCT FROM (t.kind, t.schema, t.name, t.signature, t.table_schema, t.table_name)
