-- The schemas that the user may look into.
select n.oid, n.nspname::text
from pg_catalog.pg_namespace n
where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
  and pg_catalog.has_schema_privilege(n.oid, 'USAGE')
