-- Tables and views of one database. table_rows is the engine's own estimate. The comment of a view is the word VIEW.
select table_name as name, table_type as kind, coalesce(table_rows, -1) as row_estimate,
	case when table_type = 'VIEW' then '' else table_comment end as comment,
	coalesce(create_options, '') like '%partitioned%' as partitioned
from information_schema.tables
where table_schema = ? /* tables */ and table_type in ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
