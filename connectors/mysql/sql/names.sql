-- The names of the tables and views of one database, from which the filter picks before more is asked of them.
select table_name as name
from information_schema.tables
where table_schema = ?
