-- Columns of primary and foreign keys with their place in the key. A foreign key stays within its schema.
SELECT table_oid, constraint_type,
       unnest(constraint_column_names) AS column_name,
       unnest(generate_series(1, len(constraint_column_names))) AS place,
       schema_name, referenced_table,
       unnest(referenced_column_names) AS referenced_column
FROM duckdb_constraints()
WHERE constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY') AND database_name = current_database() /* tables */
