SELECT line FROM (
    SELECT 1 AS part, n.nspname AS place, format('CREATE SCHEMA %I', n.nspname) AS line
    FROM pg_catalog.pg_namespace n WHERE n.nspname IN ('migrate', 'migrate_kept')
    UNION ALL
    SELECT 2, c.relname, format('CREATE TABLE %I.%I (%s)', n.nspname, c.relname, (
        SELECT string_agg(format('%I %s%s%s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attcollation <> t.typcollation AND a.attcollation <> 0 THEN (
                SELECT format(' COLLATE %I.%I', m.nspname, k.collname) FROM pg_catalog.pg_collation k
                JOIN pg_catalog.pg_namespace m ON m.oid = k.collnamespace WHERE k.oid = a.attcollation) ELSE '' END,
            CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END), ', ' ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname IN ('migrate', 'migrate_kept')
    UNION ALL
    SELECT 3, c.relname, format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, c.relname, k.conname,
        pg_catalog.pg_get_constraintdef(k.oid))
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE k.contype IN ('p', 'u') AND n.nspname IN ('migrate', 'migrate_kept')
    UNION ALL
    SELECT 4, c.relname, format('CREATE SEQUENCE %I.%I AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s%s',
        n.nspname, c.relname, pg_catalog.format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax, s.seqstart,
        s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END, (
            SELECT format(' OWNED BY %I.%I.%I', m.nspname, t.relname, a.attname)
            FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
            JOIN pg_catalog.pg_namespace m ON m.oid = t.relnamespace
            JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
            WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
            AND d.refclassid = 'pg_catalog.pg_class'::regclass AND t.relkind = 'r' AND m.nspname = n.nspname))
    FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('migrate', 'migrate_kept')
) AS lines ORDER BY part, place
