-- Everything in user schemas that is not carried yet: kind and name.
WITH own AS (
    SELECT n.oid, n.nspname, n.nspowner, n.nspacl, pg_catalog.quote_ident(n.nspname) AS q
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                      WHERE x.classid = 'pg_catalog.pg_namespace'::regclass AND x.objid = n.oid AND x.deptype = 'e')
), member AS (
    SELECT x.classid, x.objid FROM pg_catalog.pg_depend x WHERE x.deptype = 'e'
), relation AS (
    SELECT c.*, own.q || '.' || pg_catalog.quote_ident(c.relname) AS q FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid)
), found(kind, name) AS (
    SELECT CASE relkind WHEN 'f' THEN 'foreign table' ELSE 'relation of kind ' || relkind::text END, q
    FROM relation WHERE relkind NOT IN ('r', 'p', 'v', 'm', 'S', 'i', 'I', 't', 'c')
    UNION ALL SELECT 'invalid index', r.q FROM pg_catalog.pg_index i JOIN relation r ON r.oid = i.indexrelid
    WHERE NOT i.indisvalid AND r.relkind = 'i'
    UNION ALL SELECT CASE t.typtype WHEN 'r' THEN 'range type' WHEN 'm' THEN 'multirange type' ELSE 'base type' END,
        own.q || '.' || pg_catalog.quote_ident(t.typname)
    FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace
    WHERE t.typtype IN ('b', 'p', 'r')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_type el WHERE el.typarray = t.oid)
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_type'::regclass AND m.objid = t.oid)
    UNION ALL SELECT 'aggregate', p.oid::regprocedure::text
    FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace
    WHERE p.prokind = 'a' AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_proc'::regclass AND m.objid = p.oid)
    UNION ALL SELECT 'operator', o.oid::regoperator::text
    FROM pg_catalog.pg_operator o JOIN own ON own.oid = o.oprnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_operator'::regclass AND m.objid = o.oid)
    UNION ALL SELECT 'operator class', own.q || '.' || pg_catalog.quote_ident(o.opcname)
    FROM pg_catalog.pg_opclass o JOIN own ON own.oid = o.opcnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_opclass'::regclass AND m.objid = o.oid)
    UNION ALL SELECT 'operator family', own.q || '.' || pg_catalog.quote_ident(o.opfname)
    FROM pg_catalog.pg_opfamily o JOIN own ON own.oid = o.opfnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_opfamily'::regclass AND m.objid = o.oid)
    UNION ALL SELECT 'collation', own.q || '.' || pg_catalog.quote_ident(o.collname)
    FROM pg_catalog.pg_collation o JOIN own ON own.oid = o.collnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_collation'::regclass AND m.objid = o.oid)
    UNION ALL SELECT 'conversion', own.q || '.' || pg_catalog.quote_ident(o.conname)
    FROM pg_catalog.pg_conversion o JOIN own ON own.oid = o.connamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_conversion'::regclass AND m.objid = o.oid)
    UNION ALL SELECT 'statistics object', own.q || '.' || pg_catalog.quote_ident(o.stxname)
    FROM pg_catalog.pg_statistic_ext o JOIN own ON own.oid = o.stxnamespace
    UNION ALL SELECT 'text search configuration', own.q || '.' || pg_catalog.quote_ident(o.cfgname)
    FROM pg_catalog.pg_ts_config o JOIN own ON own.oid = o.cfgnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_ts_config'::regclass AND m.objid = o.oid)
    UNION ALL SELECT 'text search dictionary', own.q || '.' || pg_catalog.quote_ident(o.dictname)
    FROM pg_catalog.pg_ts_dict o JOIN own ON own.oid = o.dictnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_ts_dict'::regclass AND m.objid = o.oid)
    UNION ALL SELECT 'text search parser or template', own.q || '.' || pg_catalog.quote_ident(o.name)
    FROM (SELECT prsname, prsnamespace, oid, 'pg_catalog.pg_ts_parser'::regclass FROM pg_catalog.pg_ts_parser
          UNION ALL SELECT tmplname, tmplnamespace, oid, 'pg_catalog.pg_ts_template'::regclass FROM pg_catalog.pg_ts_template) o(name, namespace, oid, class)
    JOIN own ON own.oid = o.namespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = o.class AND m.objid = o.oid)
    UNION ALL SELECT 'cast', pg_catalog.format_type(o.castsource, NULL) || ' AS ' || pg_catalog.format_type(o.casttarget, NULL)
    FROM pg_catalog.pg_cast o
    WHERE o.oid >= 16384 AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_cast'::regclass AND m.objid = o.oid)
    UNION ALL SELECT 'rule', pg_catalog.quote_ident(o.rulename) || ' on ' || r.q
    FROM pg_catalog.pg_rewrite o JOIN relation r ON r.oid = o.ev_class WHERE o.rulename <> '_RETURN'
    UNION ALL SELECT 'trigger', pg_catalog.quote_ident(g.tgname) || ' on ' || r.q
    FROM pg_catalog.pg_trigger g JOIN relation r ON r.oid = g.tgrelid WHERE NOT g.tgisinternal AND r.relkind NOT IN ('r', 'p', 'v')
    UNION ALL SELECT 'state of trigger of a partition', pg_catalog.quote_ident(g.tgname) || ' on ' || r.q
    FROM pg_catalog.pg_trigger g JOIN relation r ON r.oid = g.tgrelid JOIN pg_catalog.pg_trigger u ON u.oid = g.tgparentid
    WHERE g.tgenabled <> u.tgenabled AND NOT u.tgisinternal
    UNION ALL SELECT 'event trigger', pg_catalog.quote_ident(o.evtname) FROM pg_catalog.pg_event_trigger o
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_event_trigger'::regclass AND m.objid = o.oid)
    UNION ALL SELECT 'publication', pg_catalog.quote_ident(o.pubname) FROM pg_catalog.pg_publication o
    UNION ALL SELECT 'rights given by another than the owner on', o.name || ' (by ' || pg_catalog.pg_get_userbyid(o.grantor) || ')'
    FROM (SELECT r.q, r.relowner, e.grantor FROM relation r, LATERAL pg_catalog.aclexplode(r.relacl) e
          UNION SELECT r.q || '.' || pg_catalog.quote_ident(a.attname), r.relowner, e.grantor
          FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND NOT a.attisdropped, LATERAL pg_catalog.aclexplode(a.attacl) e
          UNION SELECT own.q, own.nspowner, e.grantor FROM own, LATERAL pg_catalog.aclexplode(own.nspacl) e
          UNION SELECT t.oid::regtype::text, t.typowner, e.grantor
          FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace, LATERAL pg_catalog.aclexplode(t.typacl) e
          UNION SELECT p.oid::regprocedure::text, p.proowner, e.grantor
          FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace, LATERAL pg_catalog.aclexplode(p.proacl) e) o(name, owner, grantor)
    WHERE o.grantor <> o.owner
    UNION ALL SELECT 'foreign server', pg_catalog.quote_ident(o.srvname) FROM pg_catalog.pg_foreign_server o
    UNION ALL SELECT 'foreign data wrapper', pg_catalog.quote_ident(o.fdwname) FROM pg_catalog.pg_foreign_data_wrapper o
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_foreign_data_wrapper'::regclass AND m.objid = o.oid)
    UNION ALL SELECT 'access method', pg_catalog.quote_ident(o.amname) FROM pg_catalog.pg_am o
    WHERE o.oid >= 16384 AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_am'::regclass AND m.objid = o.oid)
    UNION ALL SELECT 'transform', pg_catalog.format_type(o.trftype, NULL) FROM pg_catalog.pg_transform o
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_transform'::regclass AND m.objid = o.oid)
    UNION ALL SELECT 'language', pg_catalog.quote_ident(o.lanname) FROM pg_catalog.pg_language o
    WHERE o.oid >= 16384 AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_language'::regclass AND m.objid = o.oid)
)
SELECT pg_catalog.json_build_object('kind', kind, 'name', name) FROM found ORDER BY kind, name
