-- Tables and views of some schemas, with DuckDB's own estimate of the rows.
SELECT table_oid, schema_name, table_name, 'table' AS kind, column_count, estimated_size, comment
FROM duckdb_tables()
WHERE NOT internal AND database_name = current_database() AND schema_name IN (SELECT unnest(?::VARCHAR[]))
UNION ALL
SELECT view_oid, schema_name, view_name, 'view', column_count, NULL, comment
FROM duckdb_views()
WHERE NOT internal AND database_name = current_database() AND schema_name IN (SELECT unnest(?::VARCHAR[]))
