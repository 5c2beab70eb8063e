-- The schemas, and whether the user may look into each.
select n.oid, n.nspname::text, pg_catalog.has_schema_privilege(n.oid, 'USAGE')
from pg_catalog.pg_namespace n
where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
