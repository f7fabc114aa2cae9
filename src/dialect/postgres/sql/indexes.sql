-- Indexes of tables that no constraint owns. A B-tree over columns that has nothing beside their order comes without
-- its definition, which is then put together from them: for the server it is the dearest part. `silent` are operator
-- classes that such a definition never names: the default of a type that no other type becomes without a function.
-- (varchar becomes text; its default is that of text unless it has a class of its own.)
WITH default_class AS MATERIALIZED (
    SELECT o.oid, o.opcintype
    FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod AND m.amname = 'btree'
    WHERE o.opcdefault
), silent AS (
    SELECT pg_catalog.array_agg(o.oid) AS classes
    FROM default_class o JOIN pg_catalog.pg_type t ON t.oid = o.opcintype AND t.typtype <> 'p'
    WHERE o.oid < 16384 AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_cast x
        WHERE x.casttarget = o.opcintype AND x.castmethod = 'b' AND x.castcontext = 'i'
          AND (x.casttarget <> 'pg_catalog.text'::regtype OR x.castsource >= 16384
               OR EXISTS (SELECT FROM default_class v WHERE v.opcintype = x.castsource)))
)
SELECT ROW(
    i.indrelid,
    ic.relname,
    pg_catalog.quote_ident(ic.relname),
    i.indisunique,
    i.indkey,
    i.indnkeyatts,
    i.indoption,
    CASE WHEN NOT (m.amname = 'btree' AND i.indexprs IS NULL AND i.indpred IS NULL AND ic.reloptions IS NULL
            AND i.indnatts = i.indnkeyatts AND NOT i.indnullsnotdistinct AND i.indisvalid
            AND i.indclass::oid[] <@ (SELECT classes FROM silent)
            -- The collation of a column is printed where the index has another.
            AND (i.indcollation::oid[] <@ '{0}' OR i.indcollation::oid[] <@ '{0, 100}' AND i.indrelid NOT IN (
                SELECT a.attrelid FROM pg_catalog.pg_attribute a
                WHERE a.attrelid >= 16384 AND a.attnum > 0 AND a.attcollation NOT IN (0, 100))))
        -- On a partitioned table the engine always prints ONLY; here it says that not every partition has the index.
        THEN CASE WHEN i.indisvalid AND c.relkind = 'p'
            THEN pg_catalog.regexp_replace(pg_catalog.pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ')
            ELSE pg_catalog.pg_get_indexdef(i.indexrelid) END END,
    CASE WHEN c.relispartition THEN (
        SELECT p.relname FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
        WHERE h.inhrelid = i.indexrelid) END)::text
-- What PostgreSQL 13 and 14 lack is found in `absent`.
FROM (SELECT false AS indnullsnotdistinct) absent, LATERAL (
    SELECT indexrelid, indrelid, indnatts, indnkeyatts, indisunique, indisvalid, indkey, indclass, indcollation, indoption,
           indexprs, indpred, indnullsnotdistinct
    FROM pg_catalog.pg_index) i
JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = ic.relam
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid AND c.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
ORDER BY ic.relname
