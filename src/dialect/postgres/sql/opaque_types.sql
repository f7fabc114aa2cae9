-- Types, aggregates, operators, collations, conversions and casts carried as text.
WITH own AS (
    SELECT n.oid, n.nspname, pg_catalog.quote_ident(n.nspname) AS q
    FROM pg_catalog.pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'migrate') AND n.nspname !~ '^migrate_kept'
), member AS (
    SELECT x.classid, x.objid FROM pg_catalog.pg_depend x WHERE x.deptype = 'e'
), item(class, holder, text, slot) AS (
    -- Operators and functions of operator classes, and of operator families by themselves.
    SELECT x.refclassid, x.refobjid,
           'OPERATOR ' || o.amopstrategy || ' ' || o.amopopr::regoperator::text
           || coalesce(' FOR ORDER BY ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(f.opfname), ''),
           'OPERATOR ' || o.amopstrategy || ' (' || pg_catalog.format_type(o.amoplefttype, NULL) || ', '
           || pg_catalog.format_type(o.amoprighttype, NULL) || ')'
    FROM pg_catalog.pg_amop o
    JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_amop'::regclass AND x.objid = o.oid
        AND x.refclassid IN ('pg_catalog.pg_opclass'::regclass, 'pg_catalog.pg_opfamily'::regclass)
    LEFT JOIN pg_catalog.pg_opfamily f ON f.oid = o.amopsortfamily
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace
    WHERE x.refobjid <> o.amopsortfamily
    UNION ALL
    SELECT x.refclassid, x.refobjid,
           'FUNCTION ' || p.amprocnum || ' (' || pg_catalog.format_type(p.amproclefttype, NULL) || ', '
           || pg_catalog.format_type(p.amprocrighttype, NULL) || ') ' || p.amproc::regprocedure::text,
           'FUNCTION ' || p.amprocnum || ' (' || pg_catalog.format_type(p.amproclefttype, NULL) || ', '
           || pg_catalog.format_type(p.amprocrighttype, NULL) || ')'
    FROM pg_catalog.pg_amproc p
    JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_amproc'::regclass AND x.objid = p.oid
        AND x.refclassid IN ('pg_catalog.pg_opclass'::regclass, 'pg_catalog.pg_opfamily'::regclass)
), object(kind, schema, name, signature, table_schema, table_name, texts, lines) AS (
    SELECT 'range_type', own.nspname::text, t.typname::text, '', NULL::text, NULL::text,
           -- A canonical function takes the type itself, so the name must be there first.
           ARRAY[CASE WHEN r.rngcanonical::oid <> 0 THEN 'CREATE TYPE ' || own.q || '.' || pg_catalog.quote_ident(t.typname) END,
                 'CREATE TYPE ' || own.q || '.' || pg_catalog.quote_ident(t.typname)
                 || ' AS RANGE (SUBTYPE = ' || pg_catalog.format_type(r.rngsubtype, NULL)
                 || CASE WHEN oc.opcdefault THEN ''
                    ELSE ', SUBTYPE_OPCLASS = ' || pg_catalog.quote_ident(ocn.nspname) || '.' || pg_catalog.quote_ident(oc.opcname) END
                 || CASE WHEN r.rngcollation <> s.typcollation
                    THEN ', COLLATION = ' || pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) ELSE '' END
                 || coalesce(', CANONICAL = ' || nullif(r.rngcanonical::oid, 0)::regproc::text, '')
                 || coalesce(', SUBTYPE_DIFF = ' || nullif(r.rngsubdiff::oid, 0)::regproc::text, '')
                 || coalesce((SELECT ', MULTIRANGE_TYPE_NAME = ' || pg_catalog.quote_ident(mn.nspname) || '.' || pg_catalog.quote_ident(m.typname)
                    FROM pg_catalog.pg_type m JOIN pg_catalog.pg_namespace mn ON mn.oid = m.typnamespace
                    WHERE m.oid = (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::oid), '') || ')'],
           NULL::jsonb
    FROM pg_catalog.pg_range r
    JOIN pg_catalog.pg_type t ON t.oid = r.rngtypid
    JOIN own ON own.oid = t.typnamespace
    JOIN pg_catalog.pg_type s ON s.oid = r.rngsubtype
    JOIN pg_catalog.pg_opclass oc ON oc.oid = r.rngsubopc
    JOIN pg_catalog.pg_namespace ocn ON ocn.oid = oc.opcnamespace
    LEFT JOIN pg_catalog.pg_collation co ON co.oid = r.rngcollation
    LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_type'::regclass AND m.objid = t.oid)
    UNION ALL
    -- The functions of a base type take or return it, so its name is made first.
    SELECT 'base_type', own.nspname, t.typname, '', NULL, NULL,
           ARRAY['CREATE TYPE ' || own.q || '.' || pg_catalog.quote_ident(t.typname),
                 CASE WHEN t.typisdefined THEN 'CREATE TYPE ' || own.q || '.' || pg_catalog.quote_ident(t.typname)
                    || ' (INPUT = ' || t.typinput::text || ', OUTPUT = ' || t.typoutput::text
                    || coalesce(', RECEIVE = ' || nullif(t.typreceive::oid, 0)::regproc::text, '')
                    || coalesce(', SEND = ' || nullif(t.typsend::oid, 0)::regproc::text, '')
                    || coalesce(', TYPMOD_IN = ' || nullif(t.typmodin::oid, 0)::regproc::text, '')
                    || coalesce(', TYPMOD_OUT = ' || nullif(t.typmodout::oid, 0)::regproc::text, '')
                    || coalesce(', ANALYZE = ' || nullif(t.typanalyze::oid, 0)::regproc::text, '')
                    || coalesce(', SUBSCRIPT = ' || nullif(pg_catalog.to_jsonb(t) ->> 'typsubscript', '-'), '')
                    || ', INTERNALLENGTH = ' || CASE WHEN t.typlen < 0 THEN 'VARIABLE' ELSE t.typlen::text END
                    || CASE WHEN t.typbyval THEN ', PASSEDBYVALUE' ELSE '' END
                    || ', ALIGNMENT = ' || CASE t.typalign WHEN 'c' THEN 'char' WHEN 's' THEN 'int2' WHEN 'd' THEN 'double' ELSE 'int4' END
                    || ', STORAGE = ' || CASE t.typstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external' WHEN 'm' THEN 'main' ELSE 'extended' END
                    || ', CATEGORY = ' || pg_catalog.quote_literal(t.typcategory::text) || CASE WHEN t.typispreferred THEN ', PREFERRED = true' ELSE '' END
                    || coalesce(', DEFAULT = ' || pg_catalog.quote_literal(t.typdefault), '')
                    || CASE WHEN t.typelem <> 0 THEN ', ELEMENT = ' || pg_catalog.format_type(t.typelem, NULL) ELSE '' END
                    || ', DELIMITER = ' || pg_catalog.quote_literal(t.typdelim::text)
                    || CASE WHEN t.typcollation <> 0 THEN ', COLLATABLE = true' ELSE '' END || ')' END],
           NULL
    FROM pg_catalog.pg_type t
    JOIN own ON own.oid = t.typnamespace
    WHERE t.typtype IN ('b', 'p')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_type el WHERE el.typarray = t.oid)
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_type'::regclass AND m.objid = t.oid)
    UNION ALL
    SELECT 'aggregate', own.nspname, p.proname, coalesce(nullif(pg_catalog.pg_get_function_identity_arguments(p.oid), ''), '*'), NULL, NULL,
           ARRAY['CREATE AGGREGATE ' || own.q || '.' || pg_catalog.quote_ident(p.proname)
                 || '(' || coalesce(nullif(pg_catalog.pg_get_function_arguments(p.oid), ''), '*') || ') (SFUNC = ' || a.aggtransfn::text
                 || ', STYPE = ' || pg_catalog.format_type(a.aggtranstype, NULL)
                 || CASE WHEN a.aggtransspace <> 0 THEN ', SSPACE = ' || a.aggtransspace ELSE '' END
                 || coalesce(', FINALFUNC = ' || nullif(a.aggfinalfn::oid, 0)::regproc::text, '')
                 || CASE WHEN a.aggfinalextra THEN ', FINALFUNC_EXTRA' ELSE '' END
                 || CASE WHEN a.aggfinalmodify = CASE a.aggkind WHEN 'n' THEN 'r'::"char" ELSE 'w'::"char" END THEN ''
                    ELSE ', FINALFUNC_MODIFY = ' || CASE a.aggfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END
                 || coalesce(', COMBINEFUNC = ' || nullif(a.aggcombinefn::oid, 0)::regproc::text, '')
                 || coalesce(', SERIALFUNC = ' || nullif(a.aggserialfn::oid, 0)::regproc::text, '')
                 || coalesce(', DESERIALFUNC = ' || nullif(a.aggdeserialfn::oid, 0)::regproc::text, '')
                 || coalesce(', INITCOND = ' || pg_catalog.quote_literal(a.agginitval), '')
                 || coalesce(', MSFUNC = ' || nullif(a.aggmtransfn::oid, 0)::regproc::text, '')
                 || coalesce(', MINVFUNC = ' || nullif(a.aggminvtransfn::oid, 0)::regproc::text, '')
                 || CASE WHEN a.aggmtranstype <> 0 THEN ', MSTYPE = ' || pg_catalog.format_type(a.aggmtranstype, NULL) ELSE '' END
                 || CASE WHEN a.aggmtransspace <> 0 THEN ', MSSPACE = ' || a.aggmtransspace ELSE '' END
                 || coalesce(', MFINALFUNC = ' || nullif(a.aggmfinalfn::oid, 0)::regproc::text, '')
                 || CASE WHEN a.aggmfinalextra THEN ', MFINALFUNC_EXTRA' ELSE '' END
                 || CASE WHEN a.aggmtransfn::oid = 0 OR a.aggmfinalmodify = CASE a.aggkind WHEN 'n' THEN 'r'::"char" ELSE 'w'::"char" END THEN ''
                    ELSE ', MFINALFUNC_MODIFY = ' || CASE a.aggmfinalmodify WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END
                 || coalesce(', MINITCOND = ' || pg_catalog.quote_literal(a.aggminitval), '')
                 || coalesce((SELECT ', SORTOP = OPERATOR(' || pg_catalog.quote_ident(n.nspname) || '.' || o.oprname || ')'
                    FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid = a.aggsortop), '')
                 || CASE p.proparallel WHEN 's' THEN ', PARALLEL = SAFE' WHEN 'r' THEN ', PARALLEL = RESTRICTED' ELSE '' END
                 || CASE a.aggkind WHEN 'h' THEN ', HYPOTHETICAL' ELSE '' END || ')'],
           NULL
    FROM pg_catalog.pg_proc p
    JOIN own ON own.oid = p.pronamespace
    JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_proc'::regclass AND m.objid = p.oid)
    UNION ALL
    SELECT 'operator', own.nspname, o.oprname,
           coalesce(pg_catalog.format_type(nullif(o.oprleft, 0), NULL), 'NONE') || ', '
           || coalesce(pg_catalog.format_type(nullif(o.oprright, 0), NULL), 'NONE'), NULL, NULL,
           ARRAY['CREATE OPERATOR ' || own.q || '.' || o.oprname || ' (FUNCTION = ' || o.oprcode::text
                 || coalesce(', LEFTARG = ' || pg_catalog.format_type(nullif(o.oprleft, 0), NULL), '')
                 || coalesce(', RIGHTARG = ' || pg_catalog.format_type(nullif(o.oprright, 0), NULL), '')
                 || coalesce((SELECT ', COMMUTATOR = OPERATOR(' || pg_catalog.quote_ident(n.nspname) || '.' || x.oprname || ')'
                    FROM pg_catalog.pg_operator x JOIN pg_catalog.pg_namespace n ON n.oid = x.oprnamespace WHERE x.oid = o.oprcom), '')
                 || coalesce((SELECT ', NEGATOR = OPERATOR(' || pg_catalog.quote_ident(n.nspname) || '.' || x.oprname || ')'
                    FROM pg_catalog.pg_operator x JOIN pg_catalog.pg_namespace n ON n.oid = x.oprnamespace WHERE x.oid = o.oprnegate), '')
                 || coalesce(', RESTRICT = ' || nullif(o.oprrest::oid, 0)::regproc::text, '')
                 || coalesce(', JOIN = ' || nullif(o.oprjoin::oid, 0)::regproc::text, '')
                 || CASE WHEN o.oprcanhash THEN ', HASHES' ELSE '' END || CASE WHEN o.oprcanmerge THEN ', MERGES' ELSE '' END || ')'],
           NULL
    FROM pg_catalog.pg_operator o
    JOIN own ON own.oid = o.oprnamespace
    WHERE o.oprcode::oid <> 0
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_operator'::regclass AND m.objid = o.oid)
    UNION ALL
    SELECT 'operator_family', own.nspname, f.opfname, pg_catalog.quote_ident(am.amname), NULL, NULL,
           ARRAY['CREATE OPERATOR FAMILY ' || own.q || '.' || pg_catalog.quote_ident(f.opfname) || ' USING ' || pg_catalog.quote_ident(am.amname)],
           (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                'set', 'ALTER OPERATOR FAMILY ' || own.q || '.' || pg_catalog.quote_ident(f.opfname) || ' USING ' || pg_catalog.quote_ident(am.amname)
                    || ' ADD ' || i.text,
                'unset', 'ALTER OPERATOR FAMILY ' || own.q || '.' || pg_catalog.quote_ident(f.opfname) || ' USING ' || pg_catalog.quote_ident(am.amname)
                    || ' DROP ' || i.slot))
            FROM item i WHERE i.class = 'pg_catalog.pg_opfamily'::regclass AND i.holder = f.oid)
    FROM pg_catalog.pg_opfamily f
    JOIN own ON own.oid = f.opfnamespace
    JOIN pg_catalog.pg_am am ON am.oid = f.opfmethod
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_opfamily'::regclass AND m.objid = f.oid)
    UNION ALL
    SELECT 'operator_class', own.nspname, c.opcname, pg_catalog.quote_ident(am.amname), NULL, NULL,
           ARRAY['CREATE OPERATOR CLASS ' || own.q || '.' || pg_catalog.quote_ident(c.opcname) || CASE WHEN c.opcdefault THEN ' DEFAULT' ELSE '' END
                 || ' FOR TYPE ' || pg_catalog.format_type(c.opcintype, NULL) || ' USING ' || pg_catalog.quote_ident(am.amname)
                 || ' FAMILY ' || pg_catalog.quote_ident(fn.nspname) || '.' || pg_catalog.quote_ident(f.opfname) || ' AS '
                 || pg_catalog.array_to_string(pg_catalog.array_remove(ARRAY[
                        CASE WHEN c.opckeytype <> 0 THEN 'STORAGE ' || pg_catalog.format_type(c.opckeytype, NULL) END,
                        (SELECT pg_catalog.string_agg(i.text, ', ' ORDER BY i.text) FROM item i
                         WHERE i.class = 'pg_catalog.pg_opclass'::regclass AND i.holder = c.oid),
                        -- Something must stand there.
                        CASE WHEN c.opckeytype = 0 AND NOT EXISTS (SELECT FROM item i
                            WHERE i.class = 'pg_catalog.pg_opclass'::regclass AND i.holder = c.oid)
                        THEN 'STORAGE ' || pg_catalog.format_type(c.opcintype, NULL) END], NULL), ', ')],
           NULL
    FROM pg_catalog.pg_opclass c
    JOIN own ON own.oid = c.opcnamespace
    JOIN pg_catalog.pg_am am ON am.oid = c.opcmethod
    JOIN pg_catalog.pg_opfamily f ON f.oid = c.opcfamily
    JOIN pg_catalog.pg_namespace fn ON fn.oid = f.opfnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_opclass'::regclass AND m.objid = c.oid)
    UNION ALL
    -- The version of a collation is the library's, not the schema's. One of every encoding is made from the system's own
    -- alone: with PROVIDER it would be of the database's encoding.
    SELECT 'collation', own.nspname, c.collname, '', NULL, NULL,
           ARRAY['CREATE COLLATION ' || own.q || '.' || pg_catalog.quote_ident(c.collname)
                 || CASE WHEN c.collprovider = 'c' AND c.collencoding = -1 AND c.collcollate = c.collctype AND c.collcollate IN ('C', 'POSIX')
                    THEN ' FROM pg_catalog.' || pg_catalog.quote_ident(c.collcollate)
                    ELSE ' (PROVIDER = '
                 || CASE c.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END
                 || CASE WHEN coalesce(j ->> 'colllocale', j ->> 'colliculocale') IS NOT NULL
                    THEN ', LOCALE = ' || pg_catalog.quote_literal(coalesce(j ->> 'colllocale', j ->> 'colliculocale'))
                    WHEN c.collcollate = c.collctype THEN ', LOCALE = ' || pg_catalog.quote_literal(c.collcollate)
                    ELSE ', LC_COLLATE = ' || pg_catalog.quote_literal(c.collcollate) || ', LC_CTYPE = ' || pg_catalog.quote_literal(c.collctype) END
                 || CASE WHEN c.collisdeterministic THEN '' ELSE ', DETERMINISTIC = false' END
                 || coalesce(', RULES = ' || pg_catalog.quote_literal(j ->> 'collicurules'), '') || ')' END],
           NULL
    FROM pg_catalog.pg_collation c
    JOIN own ON own.oid = c.collnamespace,
    LATERAL pg_catalog.to_jsonb(c) j
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_collation'::regclass AND m.objid = c.oid)
    UNION ALL
    SELECT 'conversion', own.nspname, c.conname, '', NULL, NULL,
           ARRAY['CREATE ' || CASE WHEN c.condefault THEN 'DEFAULT ' ELSE '' END || 'CONVERSION ' || own.q || '.' || pg_catalog.quote_ident(c.conname)
                 || ' FOR ' || pg_catalog.quote_literal(pg_catalog.pg_encoding_to_char(c.conforencoding))
                 || ' TO ' || pg_catalog.quote_literal(pg_catalog.pg_encoding_to_char(c.contoencoding)) || ' FROM ' || c.conproc::text],
           NULL
    FROM pg_catalog.pg_conversion c
    JOIN own ON own.oid = c.connamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_conversion'::regclass AND m.objid = c.oid)
    UNION ALL
    SELECT 'cast', '', pg_catalog.format_type(c.castsource, NULL) || ' AS ' || pg_catalog.format_type(c.casttarget, NULL), '', NULL, NULL,
           ARRAY['CREATE CAST (' || pg_catalog.format_type(c.castsource, NULL) || ' AS ' || pg_catalog.format_type(c.casttarget, NULL) || ') '
                 || CASE c.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || c.castfunc::regprocedure::text WHEN 'i' THEN 'WITH INOUT'
                    ELSE 'WITHOUT FUNCTION' END
                 || CASE c.castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i' THEN ' AS IMPLICIT' ELSE '' END],
           NULL
    FROM pg_catalog.pg_cast c
    WHERE c.oid >= 16384
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_catalog.pg_cast'::regclass AND m.objid = c.oid)
      -- A range type brings its own.
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
                      WHERE x.classid = 'pg_catalog.pg_cast'::regclass AND x.objid = c.oid AND x.deptype = 'i')
)
SELECT pg_catalog.jsonb_build_object(
    'kind', kind, 'schema', schema, 'name', name, 'signature', signature,
    'table_schema', table_schema, 'table_name', table_name,
    'create', pg_catalog.to_jsonb(pg_catalog.array_remove(texts, NULL)), 'lines', coalesce(lines, '[]'))
FROM object
ORDER BY kind, schema, name, signature, table_schema, table_name
