-- The expressions of defaults and generated columns.
-- $1: the oids of the schemas. $2: the oids of the tables, null for all.
select d.adrelid, d.adnum, coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '')
from pg_catalog.pg_attrdef d
join pg_catalog.pg_class c on c.oid = d.adrelid
where not c.relispartition and c.relnamespace = any ($1::oid[]) and ($2::oid[] is null or d.adrelid = any ($2))
order by d.adrelid, d.adnum
