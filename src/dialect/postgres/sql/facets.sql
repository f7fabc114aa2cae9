-- What is said of objects beside how they are made: owner, comment, rights, switches. One branch for each kind of
-- object; `class` and `oid` are where its comment stands, `acl_kind` is the letter of acldefault().
WITH own AS MATERIALIZED (
    SELECT n.oid, n.nspname, n.nspowner, n.nspacl, pg_catalog.quote_ident(n.nspname) AS q
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
), member AS MATERIALIZED (
    SELECT x.classid, x.objid FROM pg_catalog.pg_depend x WHERE x.deptype = 'e'
), relation AS MATERIALIZED (
    SELECT c.oid, c.relname, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, own.nspname, own.q || '.' || pg_catalog.quote_ident(c.relname) AS q
    FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid)
), owned AS MATERIALIZED (
    SELECT x.objid FROM pg_catalog.pg_depend x
    WHERE x.classid = 'pg_catalog.pg_class'::regclass AND x.refclassid = 'pg_catalog.pg_class'::regclass
      AND x.deptype IN ('a', 'i') AND x.refobjsubid > 0
), granted AS MATERIALIZED (
    SELECT a.attrelid, a.attname, a.attacl FROM pg_catalog.pg_attribute a WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
), me AS MATERIALIZED (
    SELECT u.oid FROM pg_catalog.pg_roles u WHERE u.rolname = current_user
), subject(kind, schema, name, signature, table_schema, table_name, class, oid, owner, acl, acl_kind, initial) AS MATERIALIZED (
    SELECT 'schema', own.nspname, own.nspname, '', NULL::name, NULL::name, 'pg_catalog.pg_namespace'::regclass, own.oid,
           CASE WHEN own.nspname <> 'public' OR own.nspowner <> 10 AND pg_catalog.pg_get_userbyid(own.nspowner) <> 'pg_database_owner' THEN own.nspowner END,
           own.nspacl, 'n'::"char",
           (SELECT i.initprivs FROM pg_catalog.pg_init_privs i WHERE i.classoid = 'pg_catalog.pg_namespace'::regclass AND i.objoid = own.oid)
    FROM own
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_namespace'::regclass AND m.objid = own.oid)
    UNION ALL
    SELECT CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign_table' ELSE 'table' END,
           r.nspname, r.relname, '', NULL, NULL,
           -- Comments of tables are read with the table.
           CASE WHEN r.relkind NOT IN ('r', 'p') THEN 'pg_catalog.pg_class'::regclass END, r.oid,
           -- An owned sequence has the owner of its table.
           CASE WHEN r.relkind <> 'S' OR r.oid NOT IN (SELECT owned.objid FROM owned) THEN r.relowner END,
           r.relacl, CASE r.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, NULL
    FROM relation r
    WHERE r.relkind NOT IN ('r', 'p') OR (r.relowner <> (SELECT me.oid FROM me) OR r.relacl IS NOT NULL OR r.relrowsecurity
              OR r.relforcerowsecurity OR r.oid IN (SELECT granted.attrelid FROM granted))
    UNION ALL
    SELECT 'index', t.nspname, r.relname, '', t.nspname, t.relname, 'pg_catalog.pg_class'::regclass, r.oid, NULL, NULL, NULL, NULL
    -- Nothing but a comment can be said of an index or a constraint.
    FROM (SELECT objoid FROM pg_catalog.pg_description WHERE classoid = 'pg_catalog.pg_class'::regclass AND objsubid = 0) d
    JOIN pg_catalog.pg_index i ON i.indexrelid = d.objoid
    JOIN pg_catalog.pg_class r ON r.oid = i.indexrelid JOIN relation t ON t.oid = i.indrelid
    WHERE t.relkind IN ('r', 'p')
    UNION ALL
    SELECT 'constraint', t.nspname, k.conname, '', t.nspname, t.relname, 'pg_catalog.pg_constraint'::regclass, k.oid, NULL, NULL, NULL, NULL
    FROM (SELECT objoid FROM pg_catalog.pg_description WHERE classoid = 'pg_catalog.pg_constraint'::regclass) d
    JOIN pg_catalog.pg_constraint k ON k.oid = d.objoid JOIN relation t ON t.oid = k.conrelid
    WHERE t.relkind IN ('r', 'p') AND k.contype IN ('p', 'u', 'c', 'f', 'x')
    UNION ALL
    SELECT CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range_type' WHEN 'c' THEN 'type' ELSE 'base_type' END, own.nspname, t.typname, '', NULL, NULL,
           CASE WHEN t.typtype <> 'e' THEN 'pg_catalog.pg_type'::regclass END, t.oid, t.typowner, t.typacl, 'T', NULL
    FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
    WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c'
        OR t.typtype IN ('b', 'p') AND NOT EXISTS (SELECT FROM pg_catalog.pg_type el WHERE el.typarray = t.oid))
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_type'::regclass AND m.objid = t.oid)
    UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, own.nspname, p.proname,
           coalesce(nullif(pg_catalog.pg_get_function_identity_arguments(p.oid), ''), CASE p.prokind WHEN 'a' THEN '*' ELSE '' END), NULL, NULL,
           'pg_catalog.pg_proc'::regclass, p.oid, p.proowner, p.proacl, 'f', NULL
    FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_proc'::regclass AND m.objid = p.oid)
      -- A range type brings its own.
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                      WHERE x.classid = 'pg_catalog.pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'i'
                        AND x.refclassid = 'pg_catalog.pg_type'::regclass)
    UNION ALL
    SELECT 'trigger', r.nspname, g.tgname, '', r.nspname, r.relname, 'pg_catalog.pg_trigger'::regclass, g.oid, NULL, NULL, NULL, NULL
    FROM pg_catalog.pg_trigger g JOIN relation r ON r.oid = g.tgrelid
    WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND r.relkind IN ('r', 'p', 'v', 'f')
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_trigger'::regclass AND m.objid = g.oid)
    UNION ALL
    SELECT 'policy', r.nspname, o.polname, '', r.nspname, r.relname, 'pg_catalog.pg_policy'::regclass, o.oid, NULL, NULL, NULL, NULL
    FROM pg_catalog.pg_policy o JOIN relation r ON r.oid = o.polrelid
    UNION ALL
    SELECT 'rule', r.nspname, w.rulename, '', r.nspname, r.relname, 'pg_catalog.pg_rewrite'::regclass, w.oid, NULL, NULL, NULL, NULL
    FROM pg_catalog.pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
    UNION ALL
    SELECT o.kind, own.nspname, o.name, o.signature, NULL, NULL, o.class, o.oid, o.owner, NULL, NULL, NULL
    FROM (
        SELECT 'operator', o.oprnamespace, o.oprname, coalesce(pg_catalog.format_type(nullif(o.oprleft, 0), NULL), 'NONE') || ', '
               || coalesce(pg_catalog.format_type(nullif(o.oprright, 0), NULL), 'NONE'), 'pg_catalog.pg_operator'::regclass, o.oid, o.oprowner
        FROM pg_catalog.pg_operator o WHERE o.oid >= 16384
        UNION ALL SELECT 'operator_family', f.opfnamespace, f.opfname, pg_catalog.quote_ident(m.amname), 'pg_catalog.pg_opfamily'::regclass, f.oid, f.opfowner
        FROM pg_catalog.pg_opfamily f JOIN pg_catalog.pg_am m ON m.oid = f.opfmethod
        UNION ALL SELECT 'operator_class', c.opcnamespace, c.opcname, pg_catalog.quote_ident(m.amname), 'pg_catalog.pg_opclass'::regclass, c.oid, c.opcowner
        FROM pg_catalog.pg_opclass c JOIN pg_catalog.pg_am m ON m.oid = c.opcmethod
        UNION ALL SELECT 'collation', collnamespace, collname, '', 'pg_catalog.pg_collation'::regclass, oid, collowner FROM pg_catalog.pg_collation
        UNION ALL SELECT 'conversion', connamespace, conname, '', 'pg_catalog.pg_conversion'::regclass, oid, conowner FROM pg_catalog.pg_conversion
        UNION ALL SELECT 'statistics', stxnamespace, stxname, '', 'pg_catalog.pg_statistic_ext'::regclass, oid, stxowner FROM pg_catalog.pg_statistic_ext
        UNION ALL SELECT 'text_search_parser', prsnamespace, prsname, '', 'pg_catalog.pg_ts_parser'::regclass, oid, NULL FROM pg_catalog.pg_ts_parser
        UNION ALL SELECT 'text_search_template', tmplnamespace, tmplname, '', 'pg_catalog.pg_ts_template'::regclass, oid, NULL FROM pg_catalog.pg_ts_template
        UNION ALL SELECT 'text_search_dictionary', dictnamespace, dictname, '', 'pg_catalog.pg_ts_dict'::regclass, oid, dictowner FROM pg_catalog.pg_ts_dict
        UNION ALL SELECT 'text_search_configuration', cfgnamespace, cfgname, '', 'pg_catalog.pg_ts_config'::regclass, oid, cfgowner FROM pg_catalog.pg_ts_config
    ) o(kind, namespace, name, signature, class, oid, owner)
    JOIN own ON own.oid = o.namespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = o.class AND m.objid = o.oid)
    UNION ALL
    SELECT o.kind, '', o.name, o.signature, NULL, NULL, o.class, o.oid, o.owner, o.acl, o.acl_kind::"char", NULL
    FROM (
        SELECT 'cast', (pg_catalog.format_type(c.castsource, NULL) || ' AS ' || pg_catalog.format_type(c.casttarget, NULL)), '',
               'pg_catalog.pg_cast'::regclass, c.oid, NULL::oid, NULL::aclitem[], NULL
        FROM pg_catalog.pg_cast c WHERE c.oid >= 16384
        UNION ALL SELECT 'transform', pg_catalog.format_type(t.trftype, NULL), pg_catalog.quote_ident(l.lanname), 'pg_catalog.pg_transform'::regclass, t.oid, NULL, NULL, NULL
        FROM pg_catalog.pg_transform t JOIN pg_catalog.pg_language l ON l.oid = t.trflang
        UNION ALL SELECT 'event_trigger', evtname, '', 'pg_catalog.pg_event_trigger'::regclass, oid, evtowner, NULL, NULL FROM pg_catalog.pg_event_trigger
        UNION ALL SELECT 'publication', pubname, '', 'pg_catalog.pg_publication'::regclass, oid, pubowner, NULL, NULL FROM pg_catalog.pg_publication
        UNION ALL SELECT 'access_method', amname, '', 'pg_catalog.pg_am'::regclass, oid, NULL, NULL, NULL FROM pg_catalog.pg_am WHERE oid >= 16384
        UNION ALL SELECT 'language', lanname, '', 'pg_catalog.pg_language'::regclass, oid, lanowner, lanacl, 'l'
        FROM pg_catalog.pg_language WHERE oid >= 16384 AND lanispl
        UNION ALL SELECT 'foreign_data_wrapper', fdwname, '', 'pg_catalog.pg_foreign_data_wrapper'::regclass, oid, fdwowner, fdwacl, 'F'
        FROM pg_catalog.pg_foreign_data_wrapper
        UNION ALL SELECT 'server', srvname, '', 'pg_catalog.pg_foreign_server'::regclass, oid, srvowner, srvacl, 'S' FROM pg_catalog.pg_foreign_server
    ) o(kind, name, signature, class, oid, owner, acl, acl_kind)
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = o.class AND m.objid = o.oid)
    UNION ALL
    SELECT 'default_privileges', n.nspname,
           CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
               WHEN 'n' THEN 'schemas' ELSE 'large_objects' END,
           '', NULL, NULL, NULL, d.oid, d.defaclrole, d.defaclacl,
           CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, NULL
    FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
    WHERE d.defaclnamespace = 0 OR EXISTS (SELECT FROM own WHERE own.oid = d.defaclnamespace)
), line(class, oid, set, unset) AS (
    SELECT 'pg_catalog.pg_class'::regclass, r.oid, c.on || ' IS ' || pg_catalog.quote_literal(d.description), c.on || ' IS NULL'
    FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = r.oid AND d.objsubid = a.attnum,
    LATERAL (SELECT 'COMMENT ON COLUMN ' || r.q || '.' || pg_catalog.quote_ident(a.attname) AS on) c
    WHERE r.relkind IN ('v', 'm', 'f')
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, t.oid, c.on || ' IS ' || pg_catalog.quote_literal(d.description), c.on || ' IS NULL'
    FROM pg_catalog.pg_class r JOIN own ON own.oid = r.relnamespace JOIN pg_catalog.pg_type t ON t.oid = r.reltype
    JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = r.oid AND d.objsubid = a.attnum,
    LATERAL (SELECT 'COMMENT ON COLUMN ' || own.q || '.' || pg_catalog.quote_ident(r.relname) || '.' || pg_catalog.quote_ident(a.attname) AS on) c
    WHERE r.relkind = 'c'
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass, t.oid, c.on || ' IS ' || pg_catalog.quote_literal(d.description), c.on || ' IS NULL'
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_type t ON t.oid = k.contypid JOIN own ON own.oid = t.typnamespace
    JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_constraint'::regclass AND d.objoid = k.oid,
    LATERAL (SELECT 'COMMENT ON CONSTRAINT ' || pg_catalog.quote_ident(k.conname) || ' ON DOMAIN ' || own.q || '.'
        || pg_catalog.quote_ident(t.typname) AS on) c
    UNION ALL
    SELECT 'pg_catalog.pg_trigger'::regclass, g.oid,
           c.on || CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END || c.trigger,
           c.on || 'ENABLE' || c.trigger
    FROM pg_catalog.pg_trigger g JOIN relation r ON r.oid = g.tgrelid,
    LATERAL (SELECT 'ALTER TABLE ' || r.q || ' ' AS on, ' TRIGGER ' || pg_catalog.quote_ident(g.tgname) AS trigger) c
    WHERE NOT g.tgisinternal AND g.tgparentid = 0 AND g.tgenabled <> 'O'
), held(oid, kind, grantee, owner, "column", privilege, held) AS (
    SELECT s.oid, s.kind, e.grantee, s.owner, NULL::name, e.privilege, e.held
    FROM (SELECT subject.oid, subject.kind, subject.acl, subject.acl_kind, subject.initial, coalesce(subject.owner, c.relowner, n.nspowner) AS owner,
                 -- Default privileges of one schema come on top of those of all.
                 subject.kind = 'default_privileges' AND subject.schema IS NOT NULL AS is_added
          FROM subject
          LEFT JOIN pg_catalog.pg_class c ON subject.kind = 'sequence' AND c.oid = subject.oid
          LEFT JOIN pg_catalog.pg_namespace n ON subject.kind = 'schema' AND n.oid = subject.oid
          WHERE subject.acl IS NOT NULL) s,
    LATERAL (
        SELECT coalesce(h.grantee, d.grantee) AS grantee, coalesce(h.privilege_type, d.privilege_type) AS privilege,
               CASE WHEN h.grantee IS NULL THEN 'no' WHEN h.is_grantable THEN 'grantable' ELSE 'yes' END AS held
        FROM pg_catalog.aclexplode(s.acl) h
        FULL JOIN (
            SELECT * FROM pg_catalog.aclexplode(coalesce(s.initial, pg_catalog.acldefault(s.acl_kind, s.owner))) WHERE NOT s.is_added) d
            ON d.grantee = h.grantee AND d.privilege_type = h.privilege_type
        WHERE h.grantee IS NULL OR d.grantee IS NULL OR h.is_grantable <> d.is_grantable) e
    UNION ALL
    SELECT r.oid, CASE r.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized_view' WHEN 'f' THEN 'foreign_table' ELSE 'table' END, h.grantee, r.relowner,
           a.attname, h.privilege_type, CASE WHEN h.is_grantable THEN 'grantable' ELSE 'yes' END
    FROM granted a JOIN relation r ON r.oid = a.attrelid, LATERAL pg_catalog.aclexplode(a.attacl) h
    WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f')
), rights AS MATERIALIZED (
    SELECT h.oid, h.kind, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
        'to', CASE h.grantee WHEN 0 THEN 'public' WHEN h.owner THEN 'owner' ELSE 'role' END,
        'role', pg_catalog.pg_get_userbyid(h.grantee), 'column', h."column", 'privilege', h.privilege, 'held', h.held)) AS grants
    FROM held h GROUP BY h.oid, h.kind
), settings AS MATERIALIZED (
    SELECT l.oid, l.class, pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('set', l.set, 'unset', l.unset)) AS lines
    FROM line l GROUP BY l.oid, l.class
), found AS (
    SELECT s.kind, s.schema, s.name, s.signature, s.table_schema, s.table_name,
           CASE WHEN s.owner <> (SELECT me.oid FROM me) THEN pg_catalog.pg_get_userbyid(s.owner) END AS owner,
           CASE WHEN (s.kind, s.name, d.description) IS DISTINCT FROM ('schema', 'public', 'standard public schema')
               THEN d.description END AS comment,
           r.grants, l.lines,
           CASE WHEN s.kind = 'table' THEN (
               SELECT pg_catalog.array_remove(ARRAY[CASE WHEN c.relrowsecurity THEN 'row_security' END,
                   CASE WHEN c.relforcerowsecurity THEN 'force_row_security' END], NULL)
               FROM pg_catalog.pg_class c WHERE c.oid = s.oid) END AS switches
    FROM subject s
    LEFT JOIN pg_catalog.pg_description d ON d.classoid = s.class AND d.objoid = s.oid AND d.objsubid = 0
    LEFT JOIN rights r ON r.oid = s.oid AND r.kind = s.kind
    LEFT JOIN settings l ON l.oid = s.oid AND l.class = s.class
)
SELECT pg_catalog.jsonb_build_object(
    'kind', kind, 'schema', schema, 'name', name, 'signature', signature, 'table_schema', table_schema, 'table_name', table_name,
    'owner', owner, 'comment', comment, 'grants', coalesce(grants, '[]'),
    'switches', coalesce(pg_catalog.to_jsonb(switches), '[]'), 'lines', coalesce(lines, '[]'))
FROM found
WHERE owner IS NOT NULL OR comment IS NOT NULL OR grants IS NOT NULL OR pg_catalog.cardinality(switches) > 0 OR lines IS NOT NULL
