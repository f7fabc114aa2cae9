-- Objects carried as text: the statements that make each of them, in order.
WITH own AS (
    SELECT n.oid, n.nspname, pg_catalog.quote_ident(n.nspname) AS q
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
), member AS (
    SELECT x.classid, x.objid FROM pg_catalog.pg_depend x WHERE x.deptype = 'e'
), owned AS (
    -- A column may own several sequences. The first is its own; the others are objects that stand on it.
    SELECT x.objid, x.refobjid, x.refobjsubid, pg_catalog.row_number() OVER (
        PARTITION BY x.refobjid, x.refobjsubid ORDER BY x.deptype DESC, CASE WHEN x.several THEN EXISTS (
            SELECT FROM pg_catalog.pg_attrdef d
            JOIN pg_catalog.pg_depend u ON u.classid = 'pg_catalog.pg_attrdef'::regclass AND u.objid = d.oid AND u.refobjid = x.objid
            WHERE d.adrelid = x.refobjid AND d.adnum = x.refobjsubid) END DESC, x.objid) AS place
    FROM (SELECT x.objid, x.refobjid, x.refobjsubid, x.deptype,
                 pg_catalog.count(*) OVER (PARTITION BY x.refobjid, x.refobjsubid) > 1 AS several
          FROM pg_catalog.pg_depend x
          JOIN pg_catalog.pg_class c ON c.oid = x.objid AND c.relkind = 'S'
          WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.refclassid = 'pg_catalog.pg_class'::regclass
            AND x.deptype IN ('a', 'i') AND x.refobjsubid > 0) x
), view_part AS (
    SELECT c.oid, c.reloptions, c.reltablespace, c.relam, c.reltoastrelid,
           CASE c.relkind WHEN 'v' THEN 'ALTER VIEW ' ELSE 'ALTER MATERIALIZED VIEW ' END
           || own.q || '.' || pg_catalog.quote_ident(c.relname) AS alter, c.relkind
    FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace WHERE c.relkind IN ('v', 'm')
), view_setting(oid, text) AS (
    SELECT v.oid, v.alter || ' ALTER COLUMN ' || pg_catalog.quote_ident(a.attname) || ' SET DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
    FROM view_part v JOIN pg_catalog.pg_attrdef d ON d.adrelid = v.oid
    JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid AND a.attnum = d.adnum
    UNION ALL
    SELECT v.oid, v.alter || ' SET (' || split_part(o, '=', 1) || ' = ' || pg_catalog.quote_literal(substr(o, strpos(o, '=') + 1)) || ')'
    FROM view_part v, pg_catalog.unnest(v.reloptions) o WHERE v.relkind = 'm'
    UNION ALL
    SELECT v.oid, v.alter || ' SET (toast.' || split_part(o, '=', 1) || ' = ' || pg_catalog.quote_literal(substr(o, strpos(o, '=') + 1)) || ')'
    FROM view_part v JOIN pg_catalog.pg_class x ON x.oid = v.reltoastrelid, pg_catalog.unnest(x.reloptions) o
    UNION ALL
    SELECT v.oid, v.alter || ' SET TABLESPACE ' || pg_catalog.quote_ident(s.spcname)
    FROM view_part v JOIN pg_catalog.pg_tablespace s ON s.oid = v.reltablespace
    UNION ALL
    SELECT v.oid, v.alter || ' SET ACCESS METHOD ' || pg_catalog.quote_ident(m.amname)
    FROM view_part v JOIN pg_catalog.pg_am m ON m.oid = v.relam WHERE m.amname <> 'heap'
    UNION ALL
    SELECT v.oid, v.alter || ' ALTER COLUMN ' || pg_catalog.quote_ident(a.attname) || s.text
    FROM view_part v
    JOIN pg_catalog.pg_attribute a ON a.attrelid = v.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid,
    LATERAL (
        -- The storage of the type stands behind it: only PostgreSQL 16 has a word to go back to it.
        SELECT ' SET STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
            || ' /* not ' || CASE t.typstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END || ' */'
        WHERE a.attstorage <> t.typstorage
        UNION ALL
        SELECT ' SET COMPRESSION ' || CASE pg_catalog.to_jsonb(a) ->> 'attcompression' WHEN 'l' THEN 'lz4' ELSE 'pglz' END
        WHERE coalesce(pg_catalog.to_jsonb(a) ->> 'attcompression', '') <> ''
        UNION ALL
        SELECT ' SET STATISTICS ' || (pg_catalog.to_jsonb(a) ->> 'attstattarget')
        WHERE coalesce((pg_catalog.to_jsonb(a) ->> 'attstattarget')::int, -1) >= 0
        UNION ALL
        SELECT ' SET (' || split_part(o, '=', 1) || ' = ' || pg_catalog.quote_literal(substr(o, strpos(o, '=') + 1)) || ')'
        FROM pg_catalog.unnest(a.attoptions) o WHERE o !~ '^pg_attver='
    ) s(text)
    WHERE v.relkind = 'm'
), object AS (
    SELECT 'extension' AS kind, n.nspname AS schema, e.extname::text AS name, '' AS signature,
           NULL::text AS table_schema, NULL::text AS table_name,
           ARRAY['CREATE EXTENSION ' || pg_catalog.quote_ident(e.extname) || ' WITH SCHEMA ' || pg_catalog.quote_ident(n.nspname)
                 || CASE WHEN e.extversion <> v.default_version THEN ' VERSION ' || pg_catalog.quote_literal(e.extversion) ELSE '' END] AS texts
    FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
    LEFT JOIN pg_catalog.pg_available_extensions v ON v.name = e.extname
    WHERE e.extname <> 'plpgsql'
    UNION ALL
    SELECT 'sequence', own.nspname, c.relname, '', NULL, NULL,
           ARRAY['CREATE SEQUENCE ' || own.q || '.' || pg_catalog.quote_ident(c.relname)
                 || ' AS ' || pg_catalog.format_type(s.seqtypid, NULL)
                 || ' INCREMENT BY ' || s.seqincrement || ' MINVALUE ' || s.seqmin || ' MAXVALUE ' || s.seqmax
                 || ' START WITH ' || s.seqstart || ' CACHE ' || s.seqcache
                 || CASE WHEN s.seqcycle THEN ' CYCLE' ELSE ' NO CYCLE' END,
                 CASE WHEN c.relpersistence = 'u'
                    THEN 'ALTER SEQUENCE ' || own.q || '.' || pg_catalog.quote_ident(c.relname) || ' SET UNLOGGED' END,
                 (SELECT 'ALTER SEQUENCE ' || own.q || '.' || pg_catalog.quote_ident(c.relname) || ' OWNED BY '
                     || o.refobjid::regclass || '.' || pg_catalog.quote_ident(a.attname)
                  FROM owned o
                  JOIN pg_catalog.pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
                  WHERE o.objid = c.oid)]
    FROM pg_catalog.pg_class c
    JOIN own ON own.oid = c.relnamespace
    JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid
    WHERE c.relkind = 'S'
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid)
      AND c.oid NOT IN (SELECT o.objid FROM owned o WHERE o.place = 1)
    UNION ALL
    SELECT 'domain', own.nspname, t.typname, '', NULL, NULL,
           ARRAY['CREATE DOMAIN ' || own.q || '.' || pg_catalog.quote_ident(t.typname) || ' AS '
                 || pg_catalog.format_type(t.typbasetype, t.typtypmod)
                 || CASE WHEN t.typcollation <> b.typcollation
                    THEN ' COLLATE ' || pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) ELSE '' END,
                 'ALTER DOMAIN ' || own.q || '.' || pg_catalog.quote_ident(t.typname) || ' SET DEFAULT '
                    || pg_catalog.pg_get_expr(t.typdefaultbin, 0),
                 CASE WHEN t.typnotnull
                    THEN 'ALTER DOMAIN ' || own.q || '.' || pg_catalog.quote_ident(t.typname) || coalesce((
                        SELECT ' ADD CONSTRAINT ' || pg_catalog.quote_ident(k.conname) || ' NOT NULL' FROM pg_catalog.pg_constraint k
                        WHERE k.contypid = t.oid AND k.contype = 'n' AND k.conname <> t.typname || '_not_null'), ' SET NOT NULL') END]
           || coalesce((SELECT pg_catalog.array_agg(
                    'ALTER DOMAIN ' || own.q || '.' || pg_catalog.quote_ident(t.typname) || ' ADD CONSTRAINT '
                    || pg_catalog.quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid) ORDER BY k.conname)
                  FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '{}')
    FROM pg_catalog.pg_type t
    JOIN own ON own.oid = t.typnamespace
    JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
    LEFT JOIN pg_catalog.pg_collation co ON co.oid = t.typcollation
    LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
    WHERE t.typtype = 'd'
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_type'::regclass AND m.objid = t.oid)
    UNION ALL
    SELECT 'type', own.nspname, c.relname, '', NULL, NULL,
           ARRAY['CREATE TYPE ' || own.q || '.' || pg_catalog.quote_ident(c.relname) || ' AS ('
                 || coalesce((SELECT pg_catalog.string_agg(
                        pg_catalog.quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod)
                        || CASE WHEN a.attcollation <> b.typcollation
                           THEN ' COLLATE ' || pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) ELSE '' END,
                        ', ' ORDER BY a.attnum)
                    FROM pg_catalog.pg_attribute a
                    JOIN pg_catalog.pg_type b ON b.oid = a.atttypid
                    LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
                    LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
                    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '') || ')']
    FROM pg_catalog.pg_class c
    JOIN own ON own.oid = c.relnamespace
    WHERE c.relkind = 'c'
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid)
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_type'::regclass AND m.objid = c.reltype)
    UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, own.nspname, p.proname,
           pg_catalog.pg_get_function_identity_arguments(p.oid), NULL, NULL,
           ARRAY[pg_catalog.rtrim(pg_catalog.pg_get_functiondef(p.oid), E'\n')]
    FROM pg_catalog.pg_proc p
    JOIN own ON own.oid = p.pronamespace
    WHERE p.prokind IN ('f', 'p', 'w')
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_proc'::regclass AND m.objid = p.oid)
      -- A range type brings its own.
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                      WHERE x.classid = 'pg_catalog.pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'i'
                        AND x.refclassid = 'pg_catalog.pg_type'::regclass)
    UNION ALL
    SELECT CASE c.relkind WHEN 'v' THEN 'view' ELSE 'materialized_view' END, own.nspname, c.relname, '', NULL, NULL,
           ARRAY['CREATE ' || CASE c.relkind WHEN 'v' THEN 'VIEW ' ELSE 'MATERIALIZED VIEW ' END
                 || own.q || '.' || pg_catalog.quote_ident(c.relname)
                 || CASE WHEN c.relkind = 'v' THEN coalesce(' WITH (' || pg_catalog.array_to_string(c.reloptions, ', ') || ')', '') ELSE '' END
                 || ' AS' || E'\n'
                 || pg_catalog.rtrim(pg_catalog.pg_get_viewdef(c.oid), ';')
                 || CASE WHEN c.relispopulated THEN '' ELSE E'\n WITH NO DATA' END]
           || coalesce((SELECT pg_catalog.array_agg(v.text ORDER BY v.text) FROM view_setting v WHERE v.oid = c.oid), '{}')
    FROM pg_catalog.pg_class c
    JOIN own ON own.oid = c.relnamespace
    WHERE c.relkind IN ('v', 'm')
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid)
    UNION ALL
    SELECT 'trigger', own.nspname, g.tgname, '', own.nspname, c.relname,
           ARRAY[pg_catalog.pg_get_triggerdef(g.oid)]
    FROM pg_catalog.pg_trigger g
    JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
    JOIN own ON own.oid = c.relnamespace
    WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND c.relkind IN ('r', 'p', 'v', 'f')
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_trigger'::regclass AND m.objid = g.oid)
    UNION ALL
    SELECT 'policy', own.nspname, o.polname, '', own.nspname, c.relname,
           ARRAY['CREATE POLICY ' || pg_catalog.quote_ident(o.polname) || ' ON ' || own.q || '.' || pg_catalog.quote_ident(c.relname)
                 || CASE WHEN o.polpermissive THEN '' ELSE ' AS RESTRICTIVE' END
                 || CASE o.polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT' WHEN 'w' THEN ' FOR UPDATE'
                        WHEN 'd' THEN ' FOR DELETE' ELSE '' END
                 || CASE WHEN o.polroles <> '{0}' THEN ' TO ' || (
                        SELECT pg_catalog.string_agg(CASE u.role WHEN 0 THEN 'PUBLIC'
                            ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(u.role)) END, ', '
                            ORDER BY pg_catalog.pg_get_userbyid(u.role))
                        FROM pg_catalog.unnest(o.polroles) u(role)) ELSE '' END
                 || coalesce(' USING (' || pg_catalog.pg_get_expr(o.polqual, o.polrelid) || ')', '')
                 || coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(o.polwithcheck, o.polrelid) || ')', '')]
    FROM pg_catalog.pg_policy o
    JOIN pg_catalog.pg_class c ON c.oid = o.polrelid
    JOIN own ON own.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_policy'::regclass AND m.objid = o.oid)
)
SELECT pg_catalog.json_build_object(
    'kind', kind, 'schema', schema, 'name', name, 'signature', signature,
    'table_schema', table_schema, 'table_name', table_name,
    'create', pg_catalog.to_jsonb(pg_catalog.array_remove(texts, NULL)),
    'columns', coalesce((
        SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', a.attname, 'data_type', pg_catalog.format_type(a.atttypid, a.atttypmod)
            || CASE WHEN a.attcollation <> t.typcollation
               THEN ' COLLATE ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(co.collname) ELSE '' END) ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
        LEFT JOIN pg_catalog.pg_namespace n ON n.oid = co.collnamespace
        WHERE kind IN ('view', 'type') AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attrelid = pg_catalog.to_regclass(pg_catalog.quote_ident(schema) || '.' || pg_catalog.quote_ident(name))), '[]'))
FROM object
ORDER BY kind, schema, name, signature, table_schema, table_name
