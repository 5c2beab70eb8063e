-- Shadow tables, which hold a virtual table's own storage. Asked for only where the file holds a virtual table: to answer it, SQLite
-- looks at every view once more for each view that it cannot describe.
SELECT name
FROM pragma_table_list
WHERE schema = 'main' AND type = 'shadow'
