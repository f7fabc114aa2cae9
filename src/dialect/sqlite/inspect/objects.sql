SELECT json_object('type', type, 'name', name, 'tbl_name', tbl_name, 'sql', sql)
FROM main.sqlite_schema
ORDER BY type, name
