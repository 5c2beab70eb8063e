-- Columns of one database, those of a table together and in their order. Names that differ in case alone are two tables, which
-- the catalog's own order would mix. readable: the user may select this column.
select table_name as table_name, column_name as name, column_type as type, is_nullable = 'YES' as nullable,
	coalesce(column_default, '') as default_value, column_comment as comment, extra as extra,
	coalesce(generation_expression, '') as expression, find_in_set('select', privileges) > 0 as readable
from information_schema.columns
where table_schema = ? /* tables */
order by cast(table_name as binary), ordinal_position
