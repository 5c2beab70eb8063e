-- The numbers of the columns of primary keys, in the key's order.
-- $1: the oids of the schemas, null for all. $2: the oids of the tables, null for all.
select k.conrelid, k.conkey
from pg_catalog.pg_constraint k
where k.contype = 'p' and ($1::oid[] is null or k.connamespace = any ($1)) and ($2::oid[] is null or k.conrelid = any ($2))
order by k.conrelid
