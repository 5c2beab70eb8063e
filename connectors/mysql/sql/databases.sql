-- Every database that the user may see, the server's own excepted.
select schema_name as name
from information_schema.schemata
where schema_name not in ('mysql', 'information_schema', 'performance_schema', 'sys')
order by schema_name
