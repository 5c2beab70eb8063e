-- What is to be known of types that are not built in: names of the server's own (those of others come with the columns),
-- and what family they are of. Types of whole table rows are left out; they are many, and all alike.
select t.oid, case when t.oid < 16384 then pg_catalog.format_type(t.oid, null) end, t.typname, t.typtype, t.typcategory, t.typbasetype, t.typnotnull
from pg_catalog.pg_type t
left join pg_catalog.pg_type e on e.oid = t.typelem and t.typcategory = 'A'
left join pg_catalog.pg_class c on c.oid = coalesce(e.typrelid, t.typrelid)
where t.typtype <> 'p' and (c.oid is null or c.relkind = 'c')
