-- Tables and views of the file, and whether a table is virtual. SQLite's own are left out.
SELECT name, type, type = 'table' AND rootpage = 0
FROM sqlite_schema
WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
ORDER BY name
