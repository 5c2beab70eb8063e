-- Columns of one database, those of a table together and in their order.
select table_name as table_name, column_name as name, column_type as type, is_nullable = 'YES' as nullable,
	coalesce(column_default, '') as default_value, column_comment as comment
from information_schema.columns
where table_schema = ? /* tables */
order by table_name, ordinal_position
