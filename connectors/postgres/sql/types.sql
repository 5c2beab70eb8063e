-- What is to be known of types that are not built in: names of the server's own (those of others come with the columns),
-- and what family they are of. Rows of tables and arrays of other types are left out: they are many, and known by their names.
select t.oid, case when t.oid < 16384 then pg_catalog.format_type(t.oid, null) end, t.typname, t.typtype, t.typcategory, t.typbasetype, t.typnotnull
from pg_catalog.pg_type t
where t.typtype <> 'p' and t.typrelid = 0 and (t.oid < 16384 or t.typcategory <> 'A' or t.typtype = 'd')
