-- Columns in their order. The server writes the names of types that are not its own; the reader those that are.
-- $1: the oids of the schemas. $2: the oids of the tables, null for all.
select a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated,
       case when a.atttypid >= 16384 then pg_catalog.format_type(a.atttypid, a.atttypmod) end
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and c.relnamespace = any ($1::oid[]) and ($2::oid[] is null or a.attrelid = any ($2))
  and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum
