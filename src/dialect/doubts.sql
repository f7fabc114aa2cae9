SELECT n.nspname, c.relname, k.conname, 'its triggers are switched off'
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND EXISTS (
    SELECT 1 FROM pg_catalog.pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled NOT IN ('O', 'A'))
UNION ALL
SELECT n.nspname, c.relname, x.relname, 'its index is not valid'
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE i.indisunique AND x.relkind = 'i' AND NOT (i.indisvalid AND i.indisready)
  AND n.nspname NOT LIKE 'pg\_%'
