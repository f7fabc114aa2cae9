-- Objects that serve or watch tables, carried as text: statistics, rules, indexes of materialized views, event triggers,
-- publications, foreign data, text search, languages, access methods and transforms. Options that hold a secret are not
-- read: such an object is refused (unsupported.sql), its value never leaves the server.
WITH own AS (
    SELECT n.oid, n.nspname, pg_catalog.quote_ident(n.nspname) AS q
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
), member AS (
    SELECT x.classid, x.objid FROM pg_catalog.pg_depend x WHERE x.deptype = 'e'
), object(kind, schema, name, signature, table_schema, table_name, texts, lines) AS (
    SELECT 'statistics', own.nspname::text, s.stxname::text, '', NULL::text, NULL::text,
           ARRAY[pg_catalog.pg_get_statisticsobjdef(s.oid)],
           CASE WHEN coalesce((pg_catalog.to_jsonb(s) ->> 'stxstattarget')::int, -1) >= 0 THEN pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object(
                'set', 'ALTER STATISTICS ' || own.q || '.' || pg_catalog.quote_ident(s.stxname) || ' SET STATISTICS ' || s.stxstattarget,
                'unset', 'ALTER STATISTICS ' || own.q || '.' || pg_catalog.quote_ident(s.stxname) || ' SET STATISTICS -1')) END
    FROM pg_catalog.pg_statistic_ext s
    JOIN own ON own.oid = s.stxnamespace
    UNION ALL
    SELECT 'event_trigger', '', e.evtname, '', NULL, NULL,
           ARRAY['CREATE EVENT TRIGGER ' || pg_catalog.quote_ident(e.evtname) || ' ON ' || pg_catalog.quote_ident(e.evtevent)
                 || coalesce((SELECT ' WHEN TAG IN (' || pg_catalog.string_agg(pg_catalog.quote_literal(u.tag), ', ' ORDER BY u.tag) || ')'
                    FROM pg_catalog.unnest(e.evttags) u(tag)), '') || ' EXECUTE FUNCTION ' || e.evtfoid::regproc::text || '()'],
           CASE WHEN e.evtenabled <> 'O' THEN pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object(
                'set', 'ALTER EVENT TRIGGER ' || pg_catalog.quote_ident(e.evtname)
                    || CASE e.evtenabled WHEN 'D' THEN ' DISABLE' WHEN 'R' THEN ' ENABLE REPLICA' ELSE ' ENABLE ALWAYS' END,
                'unset', 'ALTER EVENT TRIGGER ' || pg_catalog.quote_ident(e.evtname) || ' ENABLE')) END
    FROM pg_catalog.pg_event_trigger e
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_event_trigger'::regclass AND m.objid = e.oid)
    UNION ALL
    SELECT 'publication', '', p.pubname, '', NULL, NULL,
           ARRAY['CREATE PUBLICATION ' || pg_catalog.quote_ident(p.pubname) || CASE WHEN p.puballtables THEN ' FOR ALL TABLES' ELSE '' END],
           (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                'set', 'ALTER PUBLICATION ' || pg_catalog.quote_ident(p.pubname) || ' SET (' || o.name || ' = ' || o.value || ')',
                'unset', 'ALTER PUBLICATION ' || pg_catalog.quote_ident(p.pubname) || ' SET (' || o.name || ' = ' || o.fallback || ')'))
            FROM (VALUES ('publish', '''' || pg_catalog.array_to_string(pg_catalog.array_remove(ARRAY[
                            CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
                            CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END], NULL), ', ') || '''',
                            '''insert, update, delete, truncate'''),
                         ('publish_via_partition_root', p.pubviaroot::text, 'false'),
                         ('publish_generated_columns', CASE WHEN pg_catalog.to_jsonb(p) ->> 'pubgencols' IN ('s', 'true') THEN 'stored' ELSE 'none' END, 'none')
                 ) o(name, value, fallback) WHERE o.value <> o.fallback)
    FROM pg_catalog.pg_publication p
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_publication'::regclass AND m.objid = p.oid)
    UNION ALL
    SELECT 'publication_table', '', p.pubname, '', own.nspname, c.relname,
           ARRAY['ALTER PUBLICATION ' || pg_catalog.quote_ident(p.pubname) || ' ADD TABLE ONLY ' || own.q || '.' || pg_catalog.quote_ident(c.relname)
                 || coalesce((SELECT ' (' || pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attname) || ')'
                    FROM pg_catalog.jsonb_array_elements_text(nullif(pg_catalog.to_jsonb(r) -> 'prattrs', 'null')) u(attnum)
                    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum::int2), '')
                 || coalesce(' WHERE (' || (SELECT pg_catalog.pg_get_expr(prqual, c.oid) FROM pg_catalog.pg_publication_rel x WHERE x.oid = r.oid) || ')', '')],
           NULL
    FROM pg_catalog.pg_publication_rel r
    JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
    JOIN pg_catalog.pg_class c ON c.oid = r.prrelid
    JOIN own ON own.oid = c.relnamespace
    -- What `prqual` means where a publication's tables have no such column (before PostgreSQL 15).
    CROSS JOIN (SELECT NULL::pg_catalog.pg_node_tree AS prqual) missing
    UNION ALL
    -- Read by what they depend on: the catalog of their own is not there before PostgreSQL 15.
    SELECT 'publication_schema', '', p.pubname, own.q, NULL, NULL,
           ARRAY['ALTER PUBLICATION ' || pg_catalog.quote_ident(p.pubname) || ' ADD TABLES IN SCHEMA ' || own.q],
           NULL
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_publication p ON p.oid = d.refobjid
    JOIN pg_catalog.pg_depend e ON e.classid = d.classid AND e.objid = d.objid AND e.refclassid = 'pg_catalog.pg_namespace'::regclass
    JOIN own ON own.oid = e.refobjid
    WHERE d.refclassid = 'pg_catalog.pg_publication'::regclass
      AND d.classid = pg_catalog.to_regclass('pg_catalog.pg_publication_namespace')::oid
    UNION ALL
    SELECT 'foreign_data_wrapper', '', f.fdwname, '', NULL, NULL,
           ARRAY['CREATE FOREIGN DATA WRAPPER ' || pg_catalog.quote_ident(f.fdwname)
                 || coalesce(' HANDLER ' || nullif(f.fdwhandler, 0)::regproc::text, '')
                 || coalesce(' VALIDATOR ' || nullif(f.fdwvalidator, 0)::regproc::text, '')
                 || coalesce((SELECT ' OPTIONS (' || pg_catalog.string_agg(pg_catalog.quote_ident(o.option_name) || ' ' || pg_catalog.quote_literal(o.option_value), ', ' ORDER BY o.option_name) || ')'
                    FROM pg_catalog.pg_options_to_table(f.fdwoptions) o WHERE o.option_name !~* '(pass|pwd|secret|token|credential|(private|access|api|account|auth|encryption)_?key)'), '')],
           NULL
    FROM pg_catalog.pg_foreign_data_wrapper f
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_foreign_data_wrapper'::regclass AND m.objid = f.oid)
    UNION ALL
    SELECT 'server', '', s.srvname, '', NULL, NULL,
           ARRAY['CREATE SERVER ' || pg_catalog.quote_ident(s.srvname) || coalesce(' TYPE ' || pg_catalog.quote_literal(s.srvtype), '')
                 || coalesce(' VERSION ' || pg_catalog.quote_literal(s.srvversion), '') || ' FOREIGN DATA WRAPPER ' || pg_catalog.quote_ident(f.fdwname)
                 || coalesce((SELECT ' OPTIONS (' || pg_catalog.string_agg(pg_catalog.quote_ident(o.option_name) || ' ' || pg_catalog.quote_literal(o.option_value), ', ' ORDER BY o.option_name) || ')'
                    FROM pg_catalog.pg_options_to_table(s.srvoptions) o WHERE o.option_name !~* '(pass|pwd|secret|token|credential|(private|access|api|account|auth|encryption)_?key)'), '')],
           NULL
    FROM pg_catalog.pg_foreign_server s
    JOIN pg_catalog.pg_foreign_data_wrapper f ON f.oid = s.srvfdw
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_foreign_server'::regclass AND m.objid = s.oid)
    UNION ALL
    -- The catalog itself is for superusers; this view shows options to those who may see them.
    SELECT 'user_mapping', '', u.usename, pg_catalog.quote_ident(u.srvname), NULL, NULL,
           ARRAY['CREATE USER MAPPING FOR ' || CASE u.umuser WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(u.usename) END
                 || ' SERVER ' || pg_catalog.quote_ident(u.srvname)
                 || coalesce((SELECT ' OPTIONS (' || pg_catalog.string_agg(pg_catalog.quote_ident(o.option_name) || ' ' || pg_catalog.quote_literal(o.option_value), ', ' ORDER BY o.option_name) || ')'
                    FROM pg_catalog.pg_options_to_table(u.umoptions) o WHERE o.option_name !~* '(pass|pwd|secret|token|credential|(private|access|api|account|auth|encryption)_?key)'), '')],
           NULL
    FROM pg_catalog.pg_user_mappings u
    UNION ALL
    SELECT 'foreign_table', own.nspname, c.relname, '', NULL, NULL,
           ARRAY['CREATE FOREIGN TABLE ' || own.q || '.' || pg_catalog.quote_ident(c.relname) || ' ('
                 || pg_catalog.array_to_string(pg_catalog.array_remove(ARRAY[
                    (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname) || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod)
                        || coalesce((SELECT ' OPTIONS (' || pg_catalog.string_agg(pg_catalog.quote_ident(o.option_name) || ' ' || pg_catalog.quote_literal(o.option_value), ', ' ORDER BY o.option_name) || ')'
                            FROM pg_catalog.pg_options_to_table(a.attfdwoptions) o WHERE o.option_name !~* '(pass|pwd|secret|token|credential|(private|access|api|account|auth|encryption)_?key)'), '')
                        || CASE WHEN a.attcollation <> t.typcollation
                           THEN ' COLLATE ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(co.collname) ELSE '' END
                        || CASE a.attgenerated WHEN '' THEN coalesce(' DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, c.oid), '')
                           WHEN 's' THEN ' GENERATED ALWAYS AS (' || pg_catalog.pg_get_expr(d.adbin, c.oid) || ') STORED'
                           ELSE ' GENERATED ALWAYS AS (' || pg_catalog.pg_get_expr(d.adbin, c.oid) || ')' END
                        || CASE WHEN a.attnotnull THEN coalesce((SELECT ' CONSTRAINT ' || pg_catalog.quote_ident(k.conname)
                            FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]), '') || ' NOT NULL' ELSE '' END,
                        ', ' ORDER BY a.attnum)
                     FROM pg_catalog.pg_attribute a
                     JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
                     LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
                     LEFT JOIN pg_catalog.pg_namespace n ON n.oid = co.collnamespace
                     LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
                     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
                    (SELECT pg_catalog.string_agg('CONSTRAINT ' || pg_catalog.quote_ident(k.conname) || ' ' || pg_catalog.pg_get_constraintdef(k.oid), ', ' ORDER BY k.conname)
                     FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c')], NULL), ', ')
                 || ') SERVER ' || pg_catalog.quote_ident(s.srvname)
                 || coalesce((SELECT ' OPTIONS (' || pg_catalog.string_agg(pg_catalog.quote_ident(o.option_name) || ' ' || pg_catalog.quote_literal(o.option_value), ', ' ORDER BY o.option_name) || ')'
                    FROM pg_catalog.pg_options_to_table(f.ftoptions) o WHERE o.option_name !~* '(pass|pwd|secret|token|credential|(private|access|api|account|auth|encryption)_?key)'), '')],
           (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                'set', 'ALTER FOREIGN TABLE ' || own.q || '.' || pg_catalog.quote_ident(c.relname) || ' ALTER COLUMN ' || pg_catalog.quote_ident(a.attname) || x.set,
                'unset', 'ALTER FOREIGN TABLE ' || own.q || '.' || pg_catalog.quote_ident(c.relname) || ' ALTER COLUMN ' || pg_catalog.quote_ident(a.attname) || x.unset))
            FROM pg_catalog.pg_attribute a, LATERAL (
                SELECT ' SET STATISTICS ' || (pg_catalog.to_jsonb(a) ->> 'attstattarget'), ' SET STATISTICS -1'
                WHERE coalesce((pg_catalog.to_jsonb(a) ->> 'attstattarget')::int, -1) >= 0
                UNION ALL
                SELECT ' SET (' || o || ')', ' RESET (' || pg_catalog.split_part(o, '=', 1) || ')' FROM pg_catalog.unnest(a.attoptions) o WHERE o !~ '^pg_attver='
                UNION ALL
                SELECT ' SET STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END,
                       ' SET STORAGE ' || CASE t.typstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
                FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid AND t.typstorage <> a.attstorage) x(set, unset)
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
    FROM pg_catalog.pg_foreign_table f
    JOIN pg_catalog.pg_class c ON c.oid = f.ftrelid
    JOIN own ON own.oid = c.relnamespace
    JOIN pg_catalog.pg_foreign_server s ON s.oid = f.ftserver
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid)
    UNION ALL
    SELECT 'text_search_parser', own.nspname, p.prsname, '', NULL, NULL,
           ARRAY['CREATE TEXT SEARCH PARSER ' || own.q || '.' || pg_catalog.quote_ident(p.prsname) || ' (START = ' || p.prsstart::text
                 || ', GETTOKEN = ' || p.prstoken::text || ', END = ' || p.prsend::text
                 || coalesce(', HEADLINE = ' || nullif(p.prsheadline::oid, 0)::regproc::text, '') || ', LEXTYPES = ' || p.prslextype::text || ')'],
           NULL
    FROM pg_catalog.pg_ts_parser p
    JOIN own ON own.oid = p.prsnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_ts_parser'::regclass AND m.objid = p.oid)
    UNION ALL
    SELECT 'text_search_template', own.nspname, t.tmplname, '', NULL, NULL,
           ARRAY['CREATE TEXT SEARCH TEMPLATE ' || own.q || '.' || pg_catalog.quote_ident(t.tmplname) || ' ('
                 || coalesce('INIT = ' || nullif(t.tmplinit::oid, 0)::regproc::text || ', ', '') || 'LEXIZE = ' || t.tmpllexize::text || ')'],
           NULL
    FROM pg_catalog.pg_ts_template t
    JOIN own ON own.oid = t.tmplnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_ts_template'::regclass AND m.objid = t.oid)
    UNION ALL
    SELECT 'text_search_dictionary', own.nspname, d.dictname, '', NULL, NULL,
           ARRAY['CREATE TEXT SEARCH DICTIONARY ' || own.q || '.' || pg_catalog.quote_ident(d.dictname) || ' (TEMPLATE = '
                 || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.tmplname) || coalesce(', ' || d.dictinitoption, '') || ')'],
           NULL
    FROM pg_catalog.pg_ts_dict d
    JOIN own ON own.oid = d.dictnamespace
    JOIN pg_catalog.pg_ts_template t ON t.oid = d.dicttemplate
    JOIN pg_catalog.pg_namespace n ON n.oid = t.tmplnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_ts_dict'::regclass AND m.objid = d.oid)
    UNION ALL
    SELECT 'text_search_configuration', own.nspname, c.cfgname, '', NULL, NULL,
           ARRAY['CREATE TEXT SEARCH CONFIGURATION ' || own.q || '.' || pg_catalog.quote_ident(c.cfgname)
                 || ' (PARSER = ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(p.prsname) || ')'],
           (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                'set', 'ALTER TEXT SEARCH CONFIGURATION ' || own.q || '.' || pg_catalog.quote_ident(c.cfgname) || ' ADD MAPPING FOR ' || k.alias || ' WITH ' || m.dicts,
                'unset', 'ALTER TEXT SEARCH CONFIGURATION ' || own.q || '.' || pg_catalog.quote_ident(c.cfgname) || ' DROP MAPPING FOR ' || k.alias))
            FROM (SELECT m.maptokentype, pg_catalog.string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno) AS dicts
                  FROM pg_catalog.pg_ts_config_map m WHERE m.mapcfg = c.oid GROUP BY m.maptokentype) m
            JOIN LATERAL (SELECT pg_catalog.quote_ident(y.alias) AS alias FROM pg_catalog.ts_token_type(c.cfgparser) y WHERE y.tokid = m.maptokentype) k ON true)
    FROM pg_catalog.pg_ts_config c
    JOIN own ON own.oid = c.cfgnamespace
    JOIN pg_catalog.pg_ts_parser p ON p.oid = c.cfgparser
    JOIN pg_catalog.pg_namespace n ON n.oid = p.prsnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_ts_config'::regclass AND m.objid = c.oid)
    UNION ALL
    SELECT 'language', '', l.lanname, '', NULL, NULL,
           ARRAY['CREATE ' || CASE WHEN l.lanpltrusted THEN 'TRUSTED ' ELSE '' END || 'LANGUAGE ' || pg_catalog.quote_ident(l.lanname)
                 || ' HANDLER ' || l.lanplcallfoid::regproc::text
                 || coalesce(' INLINE ' || nullif(l.laninline, 0)::regproc::text, '')
                 || coalesce(' VALIDATOR ' || nullif(l.lanvalidator, 0)::regproc::text, '')],
           NULL
    FROM pg_catalog.pg_language l
    WHERE l.lanispl AND l.oid >= 16384
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_language'::regclass AND m.objid = l.oid)
    UNION ALL
    SELECT 'access_method', '', a.amname, '', NULL, NULL,
           ARRAY['CREATE ACCESS METHOD ' || pg_catalog.quote_ident(a.amname) || ' TYPE ' || CASE a.amtype WHEN 'i' THEN 'INDEX' ELSE 'TABLE' END
                 || ' HANDLER ' || a.amhandler::text],
           NULL
    FROM pg_catalog.pg_am a
    WHERE a.oid >= 16384
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_am'::regclass AND m.objid = a.oid)
    UNION ALL
    SELECT 'transform', '', pg_catalog.format_type(t.trftype, NULL), pg_catalog.quote_ident(l.lanname), NULL, NULL,
           ARRAY['CREATE TRANSFORM FOR ' || pg_catalog.format_type(t.trftype, NULL) || ' LANGUAGE ' || pg_catalog.quote_ident(l.lanname) || ' ('
                 || pg_catalog.array_to_string(pg_catalog.array_remove(ARRAY[
                    'FROM SQL WITH FUNCTION ' || nullif(t.trffromsql::oid, 0)::regprocedure::text,
                    'TO SQL WITH FUNCTION ' || nullif(t.trftosql::oid, 0)::regprocedure::text], NULL), ', ') || ')'],
           NULL
    FROM pg_catalog.pg_transform t
    JOIN pg_catalog.pg_language l ON l.oid = t.trflang
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_transform'::regclass AND m.objid = t.oid)
    UNION ALL
    SELECT 'rule', own.nspname, r.rulename, '', own.nspname, c.relname,
           ARRAY[pg_catalog.rtrim(pg_catalog.pg_get_ruledef(r.oid), ';')],
           CASE WHEN r.ev_enabled <> 'O' THEN pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object(
                'set', 'ALTER TABLE ' || own.q || '.' || pg_catalog.quote_ident(c.relname)
                    || CASE r.ev_enabled WHEN 'D' THEN ' DISABLE RULE ' WHEN 'R' THEN ' ENABLE REPLICA RULE ' ELSE ' ENABLE ALWAYS RULE ' END
                    || pg_catalog.quote_ident(r.rulename),
                'unset', 'ALTER TABLE ' || own.q || '.' || pg_catalog.quote_ident(c.relname) || ' ENABLE RULE ' || pg_catalog.quote_ident(r.rulename))) END
    FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
    JOIN own ON own.oid = c.relnamespace
    WHERE r.rulename <> '_RETURN'
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid)
    UNION ALL
    SELECT 'index', own.nspname, x.relname, '', own.nspname, c.relname,
           ARRAY[pg_catalog.pg_get_indexdef(i.indexrelid)],
           (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('set', s.set, 'unset', s.unset)) FROM (
                SELECT 'ALTER MATERIALIZED VIEW ' || own.q || '.' || pg_catalog.quote_ident(c.relname) || ' CLUSTER ON ' || pg_catalog.quote_ident(x.relname),
                       'ALTER MATERIALIZED VIEW ' || own.q || '.' || pg_catalog.quote_ident(c.relname) || ' SET WITHOUT CLUSTER'
                WHERE i.indisclustered
                UNION ALL
                SELECT 'COMMENT ON INDEX ' || own.q || '.' || pg_catalog.quote_ident(x.relname) || ' IS ' || pg_catalog.quote_literal(d.description),
                       'COMMENT ON INDEX ' || own.q || '.' || pg_catalog.quote_ident(x.relname) || ' IS NULL'
                FROM pg_catalog.pg_description d WHERE d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = x.oid AND d.objsubid = 0
                UNION ALL
                SELECT 'ALTER INDEX ' || own.q || '.' || pg_catalog.quote_ident(x.relname) || ' ALTER COLUMN ' || a.attnum || ' SET STATISTICS '
                           || (pg_catalog.to_jsonb(a) ->> 'attstattarget'),
                       'ALTER INDEX ' || own.q || '.' || pg_catalog.quote_ident(x.relname) || ' ALTER COLUMN ' || a.attnum || ' SET STATISTICS -1'
                FROM pg_catalog.pg_attribute a
                WHERE a.attrelid = x.oid AND a.attnum > 0 AND coalesce((pg_catalog.to_jsonb(a) ->> 'attstattarget')::int, -1) >= 0) s(set, unset))
    FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    JOIN pg_catalog.pg_class c ON c.oid = i.indrelid AND c.relkind = 'm'
    JOIN own ON own.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid)
)
SELECT pg_catalog.jsonb_build_object(
    'kind', kind, 'schema', schema, 'name', name, 'signature', signature,
    'table_schema', table_schema, 'table_name', table_name,
    'create', pg_catalog.to_jsonb(pg_catalog.array_remove(texts, NULL)), 'lines', coalesce(lines, '[]'))
FROM object
ORDER BY kind, schema, name, signature, table_schema, table_name
