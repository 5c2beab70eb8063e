-- The expressions of defaults and generated columns. A default speaks of no column, so that the server need not look at its table
-- to write it out, which would take most of the time. Of a table that was dropped meanwhile there is nothing to write out.
-- $1: the oids of the schemas, null for all. $2: the oids of the tables, null for all.
select d.adrelid, d.adnum, case when pg_catalog.pg_table_is_visible(d.adrelid) is null then '' else coalesce(pg_catalog.pg_get_expr(d.adbin, case
         when (select a.attgenerated from pg_catalog.pg_attribute a where a.attrelid = d.adrelid and a.attnum = d.adnum) = '' then 0::oid
         else d.adrelid end), '') end
from pg_catalog.pg_attrdef d
left join pg_catalog.pg_class c on c.oid = d.adrelid
where ($1::oid[] is null or c.relnamespace = any ($1) and not c.relispartition) and ($2::oid[] is null or d.adrelid = any ($2))
order by d.adrelid, d.adnum
