-- The rights of the user that reach beyond the data. A grantee is written 'user'@'host'; a user's name may hold an @.
select privilege_type as privilege
from information_schema.user_privileges
join (select current_user() as me, substring_index(current_user(), '@', -1) as host) c
	on grantee = concat('''', left(me, char_length(me) - char_length(host) - 1), '''@''', host, '''')
where privilege_type in ('SUPER', 'FILE')
order by 1
