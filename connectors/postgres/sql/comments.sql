-- Comments: on a table under the number 0, on its columns under theirs.
-- $1: the oids of the schemas, null for all: then nothing is asked of pg_class. $2: the oids of the tables, null for all.
select d.objoid, d.objsubid::int2, d.description
from pg_catalog.pg_description d
left join pg_catalog.pg_class c on c.oid = d.objoid
where d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
  and ($1::oid[] is null or c.relnamespace = any ($1) and not c.relispartition) and ($2::oid[] is null or d.objoid = any ($2))
order by d.objoid, d.objsubid
