-- Primary and foreign keys of one database, a row for each column.
select k.table_name as table_name, k.column_name as column_name, k.constraint_name = 'PRIMARY' as is_primary, k.ordinal_position as place,
	coalesce(k.referenced_table_schema, '') as target_database, coalesce(k.referenced_table_name, '') as target_table,
	coalesce(k.referenced_column_name, '') as target_column
from information_schema.key_column_usage k
where k.table_schema = ? and (k.constraint_name = 'PRIMARY' or k.referenced_table_name is not null)
