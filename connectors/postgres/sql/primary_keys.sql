-- The columns of primary keys with their places.
-- $1: the oids of the schemas. $2: the oids of the tables, null for all.
select k.conrelid, u.attnum, u.place::int2
from pg_catalog.pg_constraint k
join pg_catalog.pg_class c on c.oid = k.conrelid
cross join lateral unnest(k.conkey) with ordinality as u (attnum, place)
where k.contype = 'p' and not c.relispartition and k.connamespace = any ($1::oid[]) and ($2::oid[] is null or k.conrelid = any ($2))
order by k.conrelid, u.place
