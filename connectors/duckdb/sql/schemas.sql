-- The name that DuckDB gives the file, and its schemas.
SELECT current_database(), schema_name
FROM duckdb_schemas()
WHERE database_name = current_database() AND schema_name NOT IN ('information_schema', 'pg_catalog')
