-- Columns of tables and views: of all, or of some by their number.
SELECT table_oid, column_index, column_name, data_type, is_nullable, column_default, comment
FROM duckdb_columns()
WHERE NOT internal AND database_name = current_database() /* tables */
