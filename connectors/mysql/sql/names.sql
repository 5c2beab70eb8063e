-- The names of the tables and views of one database, from which the filter picks before more is asked of them: the same as in
-- tables.sql, without the sequences of MariaDB and whatever else is listed among its tables.
select table_name as name
from information_schema.tables
where table_schema = ? and table_type in ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
