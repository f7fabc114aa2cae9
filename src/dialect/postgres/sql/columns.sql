-- Columns of tables, in physical order, with the sequence each one owns.
SELECT pg_catalog.json_build_object(
    'schema', n.nspname,
    'table', c.relname,
    'name', a.attname,
    'data_type', pg_catalog.format_type(a.atttypid, a.atttypmod),
    'not_null', a.attnotnull,
    'expression', pg_catalog.pg_get_expr(d.adbin, d.adrelid),
    'generated', a.attgenerated,
    'identity', a.attidentity,
    'collation', CASE WHEN a.attcollation <> t.typcollation
        THEN pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) END,
    'comment', m.description,
    'inherited', a.attinhcount > 0,
    'local', a.attislocal,
    'sequence', s.sequence)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_description m
    ON m.objoid = a.attrelid AND m.classoid = 'pg_catalog.pg_class'::regclass AND m.objsubid = a.attnum
LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation AND a.attcollation <> t.typcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
LEFT JOIN (
    SELECT DISTINCT ON (x.refobjid, x.refobjsubid) x.refobjid, x.refobjsubid, pg_catalog.json_build_object(
        'schema', sn.nspname, 'name', sc.relname,
        'data_type', pg_catalog.format_type(q.seqtypid, NULL),
        'start', q.seqstart, 'increment', q.seqincrement, 'min', q.seqmin, 'max', q.seqmax,
        'cache', q.seqcache, 'cycle', q.seqcycle,
        'unlogged', CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 150000 THEN sc.relpersistence = 'u' END) AS sequence
    FROM pg_catalog.pg_depend x
    JOIN pg_catalog.pg_class sc ON sc.oid = x.objid AND sc.relkind = 'S'
    JOIN pg_catalog.pg_namespace sn ON sn.oid = sc.relnamespace
    JOIN pg_catalog.pg_sequence q ON q.seqrelid = sc.oid
    WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.refclassid = 'pg_catalog.pg_class'::regclass
      AND x.deptype IN ('a', 'i') AND x.refobjsubid > 0
    ORDER BY x.refobjid, x.refobjsubid, x.deptype DESC, EXISTS (
        SELECT FROM pg_catalog.pg_attrdef d
        JOIN pg_catalog.pg_depend u ON u.classid = 'pg_catalog.pg_attrdef'::regclass AND u.objid = d.oid AND u.refobjid = x.objid
        WHERE d.adrelid = x.refobjid AND d.adnum = x.refobjsubid) DESC, x.objid
) s ON s.refobjid = a.attrelid AND s.refobjsubid = a.attnum
WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
ORDER BY a.attrelid, a.attnum
