-- Tables and views of one database. table_rows is the engine's own estimate. The comment of a view is the word VIEW.
select table_name as name, table_type as kind, table_rows as row_estimate,
	case when table_type = 'BASE TABLE' then table_comment else '' end as comment
from information_schema.tables
where table_schema = ? /* tables */ and table_type in ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED', 'SEQUENCE')
