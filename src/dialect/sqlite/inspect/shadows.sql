-- The list takes long to make, and only virtual tables have shadow tables.
SELECT t.name
FROM (SELECT 1 FROM main.sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE%' LIMIT 1)
CROSS JOIN pragma_table_list AS t
WHERE t.schema = 'main' AND t.type = 'shadow'
