-- What each object carried as text stands on. Every catalog row is first told as the object it belongs to:
-- a view's rule as the view, an array type as its element, an extension's member as the extension.
WITH own AS (
    SELECT n.oid, n.nspname FROM pg_catalog.pg_namespace n
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
), relation AS (
    SELECT c.oid, CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type'
               WHEN 'f' THEN 'foreign_table' ELSE 'table' END AS kind,
           own.nspname AS schema, c.relname::text AS name
    FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
    WHERE (c.relkind IN ('r', 'p', 'v', 'm', 'c', 'f')
           OR c.relkind = 'S' AND c.oid NOT IN (SELECT o.objid FROM owned o WHERE o.place = 1))
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid)
), type AS (
    SELECT t.oid, CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range_type' ELSE 'base_type' END AS kind,
           own.nspname AS schema, t.typname::text AS name, t.typarray
    FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace
    WHERE (t.typtype IN ('e', 'd', 'r')
           OR t.typtype IN ('b', 'p') AND NOT EXISTS (SELECT FROM pg_catalog.pg_type el WHERE el.typarray = t.oid))
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_type'::regclass AND m.objid = t.oid)
), multirange AS (
    SELECT m.oid, t.kind, t.schema, t.name, m.typarray
    FROM type t JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
    JOIN pg_catalog.pg_type m ON m.oid = (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::oid
), object(classid, objid, kind, schema, name, signature, table_schema, table_name, part) AS (
    SELECT x.classid, coalesce(u.oid, x.objid), 'extension', n.nspname::text, e.extname::text, '', NULL::text, NULL::text, NULL::text
    FROM pg_catalog.pg_depend x
    JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid AND e.extname <> 'plpgsql'
    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
    LEFT JOIN LATERAL (SELECT v.oid FROM pg_catalog.pg_type t, LATERAL (VALUES (t.oid), (t.typarray)) v(oid)
                       WHERE x.classid = 'pg_catalog.pg_type'::regclass AND t.oid = x.objid) u ON true
    WHERE x.deptype = 'e' AND x.refclassid = 'pg_catalog.pg_extension'::regclass
    UNION ALL
    SELECT 'pg_catalog.pg_extension'::regclass, e.oid, 'extension', n.nspname, e.extname, '', NULL, NULL, NULL
    FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql'
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, r.oid, r.kind, r.schema, r.name, '', NULL, NULL, NULL FROM relation r
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, t.oid, r.kind, r.schema, r.name, '', NULL, NULL, NULL
    FROM pg_catalog.pg_type t JOIN relation r ON r.oid = t.typrelid
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, t.typarray, r.kind, r.schema, r.name, '', NULL, NULL, NULL
    FROM pg_catalog.pg_type t JOIN relation r ON r.oid = t.typrelid WHERE t.typarray <> 0
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, u.oid, t.kind, t.schema, t.name, '', NULL, NULL, NULL
    FROM (SELECT * FROM type UNION ALL SELECT * FROM multirange) t, LATERAL (VALUES (t.oid), (t.typarray)) u(oid) WHERE u.oid <> 0
    UNION ALL
    SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, t.kind, t.schema, t.name, '', NULL, NULL, NULL
    FROM pg_catalog.pg_constraint k JOIN type t ON t.oid = k.contypid
    UNION ALL
    SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, r.kind, r.schema, r.name, '', NULL, NULL,
           CASE r.kind WHEN 'table' THEN k.conname::text END
    FROM pg_catalog.pg_constraint k JOIN relation r ON r.oid = k.conrelid WHERE r.kind = 'foreign_table' OR k.contype IN ('p', 'u')
    UNION ALL
    SELECT 'pg_catalog.pg_attrdef'::regclass, d.oid, r.kind, r.schema, r.name, '', NULL, NULL, NULL
    FROM pg_catalog.pg_attrdef d JOIN relation r ON r.oid = d.adrelid WHERE r.kind IN ('view', 'foreign_table')
    UNION ALL
    SELECT 'pg_catalog.pg_rewrite'::regclass, w.oid, r.kind, r.schema, r.name, '', NULL, NULL, NULL
    FROM pg_catalog.pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE w.rulename = '_RETURN'
    UNION ALL
    SELECT 'pg_catalog.pg_rewrite'::regclass, w.oid, 'rule', r.schema, w.rulename, '', r.schema, r.name, NULL
    FROM pg_catalog.pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass, x.oid, 'index', r.schema, x.relname, '', r.schema, r.name, NULL
    FROM pg_catalog.pg_index i JOIN relation r ON r.oid = i.indrelid AND r.kind = 'materialized_view' JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::regclass, p.oid, CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
           own.nspname, p.proname,
           coalesce(nullif(pg_catalog.pg_get_function_identity_arguments(p.oid), ''), CASE p.prokind WHEN 'a' THEN '*' ELSE '' END), NULL, NULL, NULL
    FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace
    UNION ALL
    -- The functions that make ranges are part of the type.
    SELECT x.classid, x.objid, t.kind, t.schema, t.name, '', NULL, NULL, NULL
    FROM pg_catalog.pg_depend x JOIN type t ON t.oid = x.refobjid
    WHERE x.classid = 'pg_catalog.pg_proc'::regclass AND x.refclassid = 'pg_catalog.pg_type'::regclass AND x.deptype = 'i'
    UNION ALL
    SELECT 'pg_catalog.pg_trigger'::regclass, g.oid, 'trigger', r.schema, g.tgname, '', r.schema, r.name, NULL
    FROM pg_catalog.pg_trigger g JOIN relation r ON r.oid = g.tgrelid
    WHERE NOT g.tgisinternal AND g.tgparentid = 0
    UNION ALL
    SELECT 'pg_catalog.pg_policy'::regclass, o.oid, 'policy', r.schema, o.polname, '', r.schema, r.name, NULL
    FROM pg_catalog.pg_policy o JOIN relation r ON r.oid = o.polrelid
    UNION ALL
    SELECT 'pg_catalog.pg_operator'::regclass, o.oid, 'operator', own.nspname, o.oprname,
           coalesce(pg_catalog.format_type(nullif(o.oprleft, 0), NULL), 'NONE') || ', '
           || coalesce(pg_catalog.format_type(nullif(o.oprright, 0), NULL), 'NONE'), NULL, NULL, NULL
    FROM pg_catalog.pg_operator o JOIN own ON own.oid = o.oprnamespace
    UNION ALL
    SELECT u.classid, u.objid, 'operator_family', own.nspname, f.opfname, pg_catalog.quote_ident(am.amname), NULL, NULL, NULL
    FROM pg_catalog.pg_opfamily f JOIN own ON own.oid = f.opfnamespace JOIN pg_catalog.pg_am am ON am.oid = f.opfmethod,
    LATERAL (SELECT 'pg_catalog.pg_opfamily'::regclass::oid, f.oid
             UNION ALL SELECT x.classid, x.objid FROM pg_catalog.pg_depend x
             WHERE x.refclassid = 'pg_catalog.pg_opfamily'::regclass AND x.refobjid = f.oid
               AND x.classid IN ('pg_catalog.pg_amop'::regclass, 'pg_catalog.pg_amproc'::regclass)) u(classid, objid)
    UNION ALL
    SELECT u.classid, u.objid, 'operator_class', own.nspname, c.opcname, pg_catalog.quote_ident(am.amname), NULL, NULL, NULL
    FROM pg_catalog.pg_opclass c JOIN own ON own.oid = c.opcnamespace JOIN pg_catalog.pg_am am ON am.oid = c.opcmethod,
    LATERAL (SELECT 'pg_catalog.pg_opclass'::regclass::oid, c.oid
             UNION ALL SELECT x.classid, x.objid FROM pg_catalog.pg_depend x
             WHERE x.refclassid = 'pg_catalog.pg_opclass'::regclass AND x.refobjid = c.oid
               AND x.classid IN ('pg_catalog.pg_amop'::regclass, 'pg_catalog.pg_amproc'::regclass)) u(classid, objid)
    UNION ALL
    SELECT 'pg_catalog.pg_collation'::regclass, c.oid, 'collation', own.nspname, c.collname, '', NULL, NULL, NULL
    FROM pg_catalog.pg_collation c JOIN own ON own.oid = c.collnamespace
    UNION ALL
    SELECT 'pg_catalog.pg_conversion'::regclass, c.oid, 'conversion', own.nspname, c.conname, '', NULL, NULL, NULL
    FROM pg_catalog.pg_conversion c JOIN own ON own.oid = c.connamespace
    UNION ALL
    SELECT 'pg_catalog.pg_cast'::regclass, c.oid, 'cast', '', pg_catalog.format_type(c.castsource, NULL) || ' AS ' || pg_catalog.format_type(c.casttarget, NULL),
           '', NULL, NULL, NULL
    FROM pg_catalog.pg_cast c WHERE c.oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_statistic_ext'::regclass, s.oid, 'statistics', own.nspname, s.stxname, '', NULL, NULL, NULL
    FROM pg_catalog.pg_statistic_ext s JOIN own ON own.oid = s.stxnamespace
    UNION ALL
    SELECT 'pg_catalog.pg_event_trigger'::regclass, e.oid, 'event_trigger', '', e.evtname, '', NULL, NULL, NULL FROM pg_catalog.pg_event_trigger e
    UNION ALL
    SELECT 'pg_catalog.pg_publication'::regclass, p.oid, 'publication', '', p.pubname, '', NULL, NULL, NULL FROM pg_catalog.pg_publication p
    UNION ALL
    SELECT 'pg_catalog.pg_publication_rel'::regclass, x.oid, 'publication_table', '', p.pubname, '', r.schema, r.name, NULL
    FROM pg_catalog.pg_publication_rel x JOIN pg_catalog.pg_publication p ON p.oid = x.prpubid JOIN relation r ON r.oid = x.prrelid
    UNION ALL
    SELECT d.classid, d.objid, 'publication_schema', '', p.pubname, pg_catalog.quote_ident(own.nspname), NULL, NULL, NULL
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_publication p ON p.oid = d.refobjid
    JOIN pg_catalog.pg_depend e ON e.classid = d.classid AND e.objid = d.objid AND e.refclassid = 'pg_catalog.pg_namespace'::regclass
    JOIN own ON own.oid = e.refobjid
    WHERE d.refclassid = 'pg_catalog.pg_publication'::regclass
      AND d.classid = pg_catalog.to_regclass('pg_catalog.pg_publication_namespace')::oid
    UNION ALL
    SELECT 'pg_catalog.pg_foreign_data_wrapper'::regclass, f.oid, 'foreign_data_wrapper', '', f.fdwname, '', NULL, NULL, NULL
    FROM pg_catalog.pg_foreign_data_wrapper f
    UNION ALL
    SELECT 'pg_catalog.pg_foreign_server'::regclass, s.oid, 'server', '', s.srvname, '', NULL, NULL, NULL FROM pg_catalog.pg_foreign_server s
    UNION ALL
    SELECT 'pg_catalog.pg_user_mapping'::regclass, u.umid, 'user_mapping', '', u.usename, pg_catalog.quote_ident(u.srvname), NULL, NULL, NULL
    FROM pg_catalog.pg_user_mappings u
    UNION ALL
    SELECT 'pg_catalog.pg_ts_parser'::regclass, p.oid, 'text_search_parser', own.nspname, p.prsname, '', NULL, NULL, NULL
    FROM pg_catalog.pg_ts_parser p JOIN own ON own.oid = p.prsnamespace
    UNION ALL
    SELECT 'pg_catalog.pg_ts_template'::regclass, t.oid, 'text_search_template', own.nspname, t.tmplname, '', NULL, NULL, NULL
    FROM pg_catalog.pg_ts_template t JOIN own ON own.oid = t.tmplnamespace
    UNION ALL
    SELECT 'pg_catalog.pg_ts_dict'::regclass, d.oid, 'text_search_dictionary', own.nspname, d.dictname, '', NULL, NULL, NULL
    FROM pg_catalog.pg_ts_dict d JOIN own ON own.oid = d.dictnamespace
    UNION ALL
    SELECT 'pg_catalog.pg_ts_config'::regclass, c.oid, 'text_search_configuration', own.nspname, c.cfgname, '', NULL, NULL, NULL
    FROM pg_catalog.pg_ts_config c JOIN own ON own.oid = c.cfgnamespace
    UNION ALL
    SELECT 'pg_catalog.pg_language'::regclass, l.oid, 'language', '', l.lanname, '', NULL, NULL, NULL
    FROM pg_catalog.pg_language l WHERE l.oid >= 16384 AND l.lanispl
    UNION ALL
    SELECT 'pg_catalog.pg_am'::regclass, a.oid, 'access_method', '', a.amname, '', NULL, NULL, NULL FROM pg_catalog.pg_am a WHERE a.oid >= 16384
    UNION ALL
    SELECT 'pg_catalog.pg_transform'::regclass, t.oid, 'transform', '', pg_catalog.format_type(t.trftype, NULL), pg_catalog.quote_ident(l.lanname), NULL, NULL, NULL
    FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = t.trflang
), node AS (
    SELECT * FROM object o
    WHERE o.kind = 'extension' OR NOT EXISTS (SELECT FROM member m WHERE m.classid = o.classid AND m.objid = o.objid)
)
SELECT DISTINCT pg_catalog.jsonb_build_object(
    'from', pg_catalog.to_jsonb(f) - 'classid' - 'objid' - 'part',
    'to', pg_catalog.to_jsonb(t) - 'classid' - 'objid' - 'part',
    'column', CASE WHEN t.kind = 'table' THEN a.attname END, 'constraint', t.part)
FROM pg_catalog.pg_depend d
JOIN node f ON f.classid = d.classid AND f.objid = d.objid
JOIN node t ON t.classid = d.refclassid AND t.objid = d.refobjid
LEFT JOIN pg_catalog.pg_attribute a
    ON d.refclassid = 'pg_catalog.pg_class'::regclass AND a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
WHERE (f.kind NOT IN ('table', 'enum', 'extension') OR f.kind = 'extension' AND t.kind = 'extension')
  AND (f.kind, f.schema, f.name, f.signature, f.table_schema, f.table_name)
      IS DISTINCT FROM (t.kind, t.schema, t.name, t.signature, t.table_schema, t.table_name)
