-- The rights of the user that reach beyond the data, and the server's version: superuser alone, or the predefined roles that
-- run programs and reach files on the server.
select 'superuser', pg_catalog.current_setting('server_version_num')
from pg_catalog.pg_roles r
where r.rolname = current_user and r.rolsuper
union all
select r.rolname::text, pg_catalog.current_setting('server_version_num')
from pg_catalog.pg_roles r
where r.rolname in ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
  and pg_catalog.pg_has_role(current_user, r.oid, 'usage')
  and not exists (select from pg_catalog.pg_roles s where s.rolname = current_user and s.rolsuper)
order by 1
