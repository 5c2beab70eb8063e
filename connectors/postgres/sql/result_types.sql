-- The types of a result that are not built in: names as the server writes them, and what family they are of.
-- $1: their oids, $2: their modifiers.
select w.oid, w.mod, coalesce(pg_catalog.format_type(t.oid, w.mod), 'unknown'), coalesce(b.typname, ''), coalesce(b.typtype, 'p'), coalesce(b.typcategory, 'X')
from unnest($1::oid[], $2::int4[]) as w (oid, mod)
left join pg_catalog.pg_type t on t.oid = w.oid
left join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
