-- Constraints of tables; NOT NULL is one from PostgreSQL 18 on (contype `n`). What a foreign key has for
-- each partition of the table it points at is left out: it is made with the key. A key that has nothing beside its
-- columns and actions comes without its definition, which is then put together from them: for the server
-- it is the dearest part.
SELECT ROW(
    k.conrelid,
    k.conname,
    k.contype,
    CASE WHEN NOT (CASE k.contype
            WHEN 'p' THEN NOT k.condeferrable AND NOT k.conperiod AND i.indnatts = i.indnkeyatts
            WHEN 'f' THEN NOT k.condeferrable AND NOT k.conperiod AND k.convalidated AND k.conenforced
                AND k.confmatchtype = 's' AND k.confdelsetcols IS NULL
            ELSE false END AND w.list IS NULL)
        -- The storage parameters of a partitioned table's key, which no ALTER INDEX can set.
        THEN CASE WHEN w.list IS NULL THEN pg_catalog.pg_get_constraintdef(k.oid)
            ELSE pg_catalog.regexp_replace(pg_catalog.pg_get_constraintdef(k.oid),
                '( DEFERRABLE( INITIALLY DEFERRED)?)?$', ' WITH (' || w.list || ')\1') END END,
    k.conkey,
    k.confrelid,
    k.confkey,
    k.confdeltype,
    k.confupdtype,
    -- The index of a key may belong to one of the parent that is no key.
    CASE WHEN o.oid IS NOT NULL THEN o.conname WHEN k.coninhcount > 0 THEN k.conname
        WHEN c.relispartition AND k.contype IN ('p', 'u', 'x') THEN (
            SELECT p.relname FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
            WHERE h.inhrelid = k.conindid) END,
    k.conislocal,
    k.coninhcount > 0,
    k.connoinherit,
    k.convalidated,
    c.relkind = 'p' AND k.contype IN ('p', 'u', 'x') AND NOT i.indisvalid)::text
-- What a version lacks (`confdelsetcols` before 15, the others before 18) is found in `absent`.
FROM (SELECT NULL::int2[] AS confdelsetcols, true AS conenforced, false AS conperiod) absent, LATERAL (
    SELECT oid, conname, contype, condeferrable, convalidated, conrelid, conindid, conparentid, confrelid, confupdtype,
           confdeltype, confmatchtype, conislocal, coninhcount, connoinherit, conkey, confkey, confdelsetcols, conenforced,
           conperiod
    FROM pg_catalog.pg_constraint) k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid AND c.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = k.conindid
LEFT JOIN pg_catalog.pg_constraint o ON o.oid = k.conparentid
LEFT JOIN LATERAL (
    SELECT pg_catalog.string_agg(pg_catalog.format('%I=%L', pg_catalog.split_part(p, '=', 1), pg_catalog.substr(p, pg_catalog.strpos(p, '=') + 1)), ', ' ORDER BY at) AS list
    FROM pg_catalog.pg_class x, pg_catalog.unnest(x.reloptions) WITH ORDINALITY AS p(p, at)
    WHERE x.oid = k.conindid
) w ON c.relkind = 'p' AND k.contype IN ('p', 'u')
WHERE k.contype IN ('p', 'u', 'c', 'f', 'x', 'n') AND (o.oid IS NULL OR o.conrelid <> k.conrelid)
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
ORDER BY k.conrelid, k.contype, k.conname
