-- Primary and foreign keys of one database, a row for each column. Of several foreign keys of a column, the first by name counts.
select table_name as table_name, column_name as column_name, constraint_name = 'PRIMARY' as is_primary, ordinal_position as place,
	coalesce(referenced_table_schema, '') as target_database, coalesce(referenced_table_name, '') as target_table,
	coalesce(referenced_column_name, '') as target_column
from information_schema.key_column_usage
where table_schema = ? /* tables */ and (constraint_name = 'PRIMARY' or referenced_table_name is not null)
order by constraint_name
