SELECT json_object('table', t.name, 'name', c.name, 'type', c.type, 'notnull', c."notnull", 'dflt_value', c.dflt_value)
FROM pragma_table_list AS t, pragma_table_xinfo(t.name, 'main') AS c
WHERE t.schema = 'main' AND t.type = 'table'
ORDER BY t.name, c.cid
