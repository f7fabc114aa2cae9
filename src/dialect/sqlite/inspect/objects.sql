SELECT type, name, tbl_name, sql
FROM main.sqlite_schema
ORDER BY type, name
