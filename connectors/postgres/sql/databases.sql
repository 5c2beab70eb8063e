-- The databases, the connection's own first, and whether the user may connect to them. Those in which clouds keep their own things
-- let nobody in, whatever their rights say.
select d.datname::text, d.datname = pg_catalog.current_database() or d.datallowconn and pg_catalog.has_database_privilege(d.oid, 'CONNECT')
from pg_catalog.pg_database d
where d.datname = pg_catalog.current_database()
   or not d.datistemplate and d.datname not in ('rdsadmin', 'cloudsqladmin', 'alloydbadmin', 'azure_maintenance', 'azure_sys')
order by d.datname <> pg_catalog.current_database(), d.datname
