-- Columns of tables, in physical order. A default has no columns in it, so that it is printed without a look at its
-- table.
SELECT ROW(
    a.attrelid,
    a.attnum,
    a.attname,
    nullif(pg_catalog.quote_ident(a.attname), a.attname),
    pg_catalog.format_type(a.atttypid, a.atttypmod),
    a.attnotnull,
    pg_catalog.pg_get_expr(d.adbin, CASE a.attgenerated WHEN '' THEN 0 ELSE d.adrelid END),
    a.attgenerated,
    a.attidentity,
    CASE WHEN a.attcollation <> t.typcollation THEN (
        SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
        FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
        WHERE co.oid = a.attcollation) END,
    m.description,
    a.attinhcount > 0,
    a.attislocal,
    CASE WHEN a.attstorage <> t.typstorage OR a.attcompression <> '' OR a.attstattarget >= 0 OR a.attoptions IS NOT NULL THEN (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
            'kind', s.kind, 'option', s.option, 'value', s.value, 'default', s.fallback))
        FROM (
            SELECT 'storage' AS kind, NULL AS option, w.storage AS value, w.usual AS fallback
            FROM (SELECT CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END,
                         CASE t.typstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END) w(storage, usual)
            WHERE a.attstorage <> t.typstorage
            UNION ALL
            SELECT 'compression', NULL, CASE a.attcompression WHEN 'l' THEN 'lz4' ELSE 'pglz' END, NULL
            WHERE a.attcompression <> ''
            UNION ALL
            SELECT 'statistics', NULL, a.attstattarget::text, NULL
            WHERE a.attstattarget >= 0
            UNION ALL
            SELECT 'parameter', split_part(o, '=', 1), substr(o, strpos(o, '=') + 1), NULL
            FROM pg_catalog.unnest(a.attoptions) o WHERE o !~ '^pg_attver=') s) END)::text
-- A column of pg_attribute that a version lacks (`attcompression` before 14) is found in `absent`.
FROM (SELECT ''::"char" AS attcompression) absent, LATERAL (
    SELECT attrelid, attnum, attname, atttypid, atttypmod, attnotnull, attgenerated, attidentity, attcollation, attinhcount,
           attislocal, attisdropped, attstorage, attstattarget, attoptions, attcompression
    FROM pg_catalog.pg_attribute) a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_description m
    ON m.objoid = a.attrelid AND m.classoid = 'pg_catalog.pg_class'::regclass AND m.objsubid = a.attnum
WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
ORDER BY a.attrelid, a.attnum
