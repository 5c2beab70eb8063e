-- The columns of foreign keys and the columns that they point to.
-- $1: the oids of the schemas. $2: the oids of the tables, null for all.
select k.conrelid, u.attnum, n.nspname, f.relname, a.attname
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
join pg_catalog.pg_class f on f.oid = k.confrelid
join pg_catalog.pg_namespace n on n.oid = f.relnamespace
cross join lateral unnest(k.conkey, k.confkey) as u (attnum, target)
join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.target
where k.contype = 'f' and not c.relispartition and k.connamespace = any ($1::oid[]) and ($2::oid[] is null or k.conrelid = any ($2))
order by k.conrelid, k.conname, u.attnum
