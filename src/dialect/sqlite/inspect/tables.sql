SELECT json_object('name', name, 'type', type)
FROM pragma_table_list
WHERE schema = 'main'
ORDER BY name
