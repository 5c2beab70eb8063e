-- Tables, views and their like. Partitions are left out: their parents stand for them.
-- $1: the oids of the schemas. $2: the oids of the tables, null for all.
select c.oid, c.relnamespace, c.relname, c.relkind, c.reltuples::bigint, c.relpages,
       coalesce(pg_catalog.has_any_column_privilege(c.oid, 'SELECT'), true)
from pg_catalog.pg_class c
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and c.relnamespace = any ($1::oid[]) and ($2::oid[] is null or c.oid = any ($2))
order by c.oid
