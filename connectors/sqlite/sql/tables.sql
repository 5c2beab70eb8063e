-- Tables and views of the file. Shadow tables hold a virtual table's own storage and are left out; so are SQLite's own.
SELECT name, type
FROM pragma_table_list
WHERE schema = 'main' AND type <> 'shadow' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
ORDER BY name
