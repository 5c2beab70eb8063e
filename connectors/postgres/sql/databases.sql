-- The databases that the user may connect to, the connection's own first.
select d.datname::text
from pg_catalog.pg_database d
where d.datname = pg_catalog.current_database()
   or d.datallowconn and not d.datistemplate and pg_catalog.has_database_privilege(d.oid, 'CONNECT')
order by d.datname <> pg_catalog.current_database(), d.datname
