-- Tables and views of the file, with DuckDB's own estimate of the rows.
SELECT schema_name, table_name, 'table' AS kind, estimated_size, comment
FROM duckdb_tables()
WHERE NOT internal AND database_name = current_database()
UNION ALL
SELECT schema_name, view_name, 'view', NULL, comment
FROM duckdb_views()
WHERE NOT internal AND database_name = current_database()
ORDER BY 1, 2
