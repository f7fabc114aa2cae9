SELECT t.name, c.name, c.type, CAST(c."notnull" AS TEXT), c.dflt_value
FROM main.sqlite_schema AS t CROSS JOIN pragma_table_xinfo(t.name, 'main') AS c
WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL TABLE%'
