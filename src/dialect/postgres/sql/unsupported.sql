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
    SELECT c.oid, c.relkind, c.relowner, c.relacl, own.q || '.' || pg_catalog.quote_ident(c.relname) AS q FROM pg_catalog.pg_class c JOIN own ON own.oid = c.relnamespace
    WHERE c.relkind NOT IN ('i', 'I', 't') AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_class'::regclass AND m.objid = c.oid)
), found(kind, name) AS (
    SELECT 'relation of kind ' || relkind::text, q
    FROM relation WHERE relkind NOT IN ('r', 'p', 'v', 'm', 'S', 'i', 'I', 't', 'c', 'f')
    UNION ALL SELECT 'invalid index', own.q || '.' || pg_catalog.quote_ident(c.relname)
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN own ON own.oid = c.relnamespace
    WHERE NOT i.indisvalid AND c.relkind = 'i'
    UNION ALL SELECT 'trigger', pg_catalog.quote_ident(g.tgname) || ' on ' || r.q
    FROM pg_catalog.pg_trigger g JOIN relation r ON r.oid = g.tgrelid WHERE NOT g.tgisinternal AND r.relkind NOT IN ('r', 'p', 'v', 'f')
    UNION ALL SELECT 'state of trigger of a partition', pg_catalog.quote_ident(g.tgname) || ' on ' || r.q
    FROM pg_catalog.pg_trigger g JOIN relation r ON r.oid = g.tgrelid JOIN pg_catalog.pg_trigger u ON u.oid = g.tgparentid
    WHERE g.tgenabled <> u.tgenabled AND NOT u.tgisinternal
    UNION ALL SELECT 'rights given by another than the owner on', o.name || ' (by ' || pg_catalog.pg_get_userbyid(o.grantor) || ')'
    FROM (SELECT r.q, r.relowner, e.grantor FROM relation r, LATERAL pg_catalog.aclexplode(r.relacl) e WHERE r.relacl IS NOT NULL
          UNION SELECT r.q || '.' || pg_catalog.quote_ident(a.attname), r.relowner, e.grantor
          FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND NOT a.attisdropped, LATERAL pg_catalog.aclexplode(a.attacl) e
          WHERE a.attacl IS NOT NULL
          UNION SELECT own.q, own.nspowner, e.grantor FROM own, LATERAL pg_catalog.aclexplode(own.nspacl) e
          UNION SELECT t.oid::regtype::text, t.typowner, e.grantor
          FROM pg_catalog.pg_type t JOIN own ON own.oid = t.typnamespace, LATERAL pg_catalog.aclexplode(t.typacl) e WHERE t.typacl IS NOT NULL
          UNION SELECT p.oid::regprocedure::text, p.proowner, e.grantor
          FROM pg_catalog.pg_proc p JOIN own ON own.oid = p.pronamespace, LATERAL pg_catalog.aclexplode(p.proacl) e WHERE p.proacl IS NOT NULL
          UNION SELECT pg_catalog.quote_ident(l.lanname), l.lanowner, e.grantor FROM pg_catalog.pg_language l, LATERAL pg_catalog.aclexplode(l.lanacl) e
          WHERE l.oid >= 16384
          UNION SELECT pg_catalog.quote_ident(f.fdwname), f.fdwowner, e.grantor
          FROM pg_catalog.pg_foreign_data_wrapper f, LATERAL pg_catalog.aclexplode(f.fdwacl) e
          UNION SELECT pg_catalog.quote_ident(s.srvname), s.srvowner, e.grantor
          FROM pg_catalog.pg_foreign_server s, LATERAL pg_catalog.aclexplode(s.srvacl) e) o(name, owner, grantor)
    WHERE o.grantor <> o.owner
    UNION ALL SELECT 'operator without a function', o.oid::regoperator::text
    FROM pg_catalog.pg_operator o JOIN own ON own.oid = o.oprnamespace WHERE o.oprcode::oid = 0
    UNION ALL SELECT 'sequence of foreign table', r.q FROM relation r
    WHERE r.relkind = 'f' AND EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = 'pg_catalog.pg_class'::regclass
        AND x.refclassid = 'pg_catalog.pg_class'::regclass AND x.refobjid = r.oid AND x.refobjsubid > 0 AND x.deptype IN ('a', 'i')
        AND x.objid IN (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relkind = 'S'))
    UNION ALL SELECT 'partition or heir that is a foreign table', r.q FROM relation r
    WHERE r.relkind = 'f' AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = r.oid OR i.inhparent = r.oid)
    -- Names of options only: the values are nobody's business.
    UNION ALL SELECT 'secret option of', s.kind || ' ' || s.name || ': ' || pg_catalog.string_agg(s.option, ', ' ORDER BY s.option)
    FROM (SELECT 'foreign data wrapper', pg_catalog.quote_ident(f.fdwname), (pg_catalog.pg_options_to_table(f.fdwoptions)).option_name
          FROM pg_catalog.pg_foreign_data_wrapper f
          UNION ALL SELECT 'server', pg_catalog.quote_ident(f.srvname), (pg_catalog.pg_options_to_table(f.srvoptions)).option_name
          FROM pg_catalog.pg_foreign_server f
          UNION ALL SELECT 'user mapping of server', pg_catalog.quote_ident(u.srvname) || ' for ' || pg_catalog.quote_ident(u.usename),
                 (pg_catalog.pg_options_to_table(u.umoptions)).option_name FROM pg_catalog.pg_user_mappings u
          UNION ALL SELECT 'foreign table', r.q, (pg_catalog.pg_options_to_table(f.ftoptions)).option_name
          FROM pg_catalog.pg_foreign_table f JOIN relation r ON r.oid = f.ftrelid
          UNION ALL SELECT 'foreign table', r.q, (pg_catalog.pg_options_to_table(a.attfdwoptions)).option_name
          FROM pg_catalog.pg_attribute a JOIN relation r ON r.oid = a.attrelid AND r.relkind = 'f') s(kind, name, option)
    WHERE s.option ~* '(pass|pwd|secret|token|credential|(private|access|api|account|auth|encryption)_?key)'
    GROUP BY s.kind, s.name
    UNION ALL SELECT 'user mapping that only others may read, of server', pg_catalog.quote_ident(u.srvname) || ' for ' || pg_catalog.quote_ident(u.usename)
    FROM pg_catalog.pg_user_mappings u JOIN pg_catalog.pg_foreign_server s ON s.oid = u.srvid
    WHERE u.umoptions IS NULL
      AND NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
      AND NOT (u.umuser <> 0 AND u.usename = current_user
               AND (pg_catalog.pg_has_role(s.srvowner, 'USAGE') OR pg_catalog.has_server_privilege(s.oid, 'USAGE')))
      AND NOT (u.umuser = 0 AND pg_catalog.pg_has_role(s.srvowner, 'USAGE'))
    -- Its connection string may hold a password.
    UNION ALL SELECT 'subscription', pg_catalog.quote_ident(o.subname) FROM pg_catalog.pg_subscription o
    WHERE o.subdbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
)
SELECT pg_catalog.json_build_object('kind', kind, 'name', name) FROM found ORDER BY kind, name
