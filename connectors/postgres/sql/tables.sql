-- Tables, views and their like. Partitions are left out: their parents stand for them. Whether the user may read a table is told by its
-- list of rights, the same for many tables, which the server then reads once; only where that says nothing of the user, the table is
-- asked itself: its owner, the rights on its columns.
-- $1: the oids of the schemas. $2: the oids of the tables, null for all.
select c.oid, c.relnamespace, c.relname, c.relkind, c.reltuples::bigint, c.relpages,
       coalesce(may.read, pg_catalog.has_any_column_privilege(c.oid, 'SELECT'), true)
from pg_catalog.pg_class c
left join lateral (
       select true as read
       from pg_catalog.aclexplode(c.relacl) a
       where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_catalog.pg_has_role(a.grantee, 'USAGE'))
       limit 1) may on true
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and c.relnamespace = any ($1::oid[]) and ($2::oid[] is null or c.oid = any ($2))
order by c.oid
