-- The databases that the user may connect to, the connection's own first. Those in which clouds keep their own things let
-- nobody in, whatever their rights say.
select d.datname::text
from pg_catalog.pg_database d
where d.datname = pg_catalog.current_database()
   or d.datallowconn and not d.datistemplate and pg_catalog.has_database_privilege(d.oid, 'CONNECT')
      and d.datname not in ('rdsadmin', 'cloudsqladmin', 'alloydbadmin', 'azure_maintenance', 'azure_sys')
order by d.datname <> pg_catalog.current_database(), d.datname
