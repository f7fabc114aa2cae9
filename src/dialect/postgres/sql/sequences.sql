-- The sequences that columns of tables own. Of several the column's own comes first: that of an identity, then
-- that in the default, then the oldest.
SELECT ROW(
    x.refobjid,
    x.refobjsubid,
    sn.nspname,
    sc.relname,
    pg_catalog.format_type(q.seqtypid, NULL),
    q.seqstart,
    q.seqincrement,
    q.seqmin,
    q.seqmax,
    q.seqcache,
    q.seqcycle,
    CASE WHEN pg_catalog.current_setting('server_version_num')::int >= 150000 THEN sc.relpersistence = 'u' END)::text
FROM pg_catalog.pg_depend x
JOIN pg_catalog.pg_sequence q ON q.seqrelid = x.objid
JOIN pg_catalog.pg_class sc ON sc.oid = x.objid AND sc.relkind = 'S'
JOIN pg_catalog.pg_namespace sn ON sn.oid = sc.relnamespace
JOIN pg_catalog.pg_class c ON c.oid = x.refobjid AND c.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = x.refobjid AND d.adnum = x.refobjsubid
LEFT JOIN pg_catalog.pg_depend u
    ON u.classid = 'pg_catalog.pg_attrdef'::regclass AND u.objid = d.oid
    AND u.refclassid = 'pg_catalog.pg_class'::regclass AND u.refobjid = x.objid
WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.refclassid = 'pg_catalog.pg_class'::regclass
  AND x.deptype IN ('a', 'i') AND x.refobjsubid > 0
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
ORDER BY x.refobjid, x.refobjsubid, x.deptype DESC, u.objid IS NOT NULL DESC, x.objid
