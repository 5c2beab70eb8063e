-- +goose Up
create table setting (key text primary key, value text not null) strict;

create table user_account (
	id text primary key, email text not null, email_fold text not null unique, name text not null,
	role text not null check (role in ('admin','manager','editor','explorer','viewer','guest')),
	password_hash text not null default '', disabled integer not null default 0 check (disabled in (0,1)),
	created_ms integer not null, updated_ms integer not null, version integer not null default 1
) strict;

create table user_group (
	id text primary key, name text not null, name_fold text not null unique, created_ms integer not null
) strict;
create table group_member (
	group_id text not null references user_group(id) on delete cascade,
	user_id text not null references user_account(id) on delete cascade,
	source text not null default 'hand' check (source in ('hand','provider')),
	primary key (group_id, user_id, source)
) strict;
create index group_member_user on group_member(user_id);

create table session (
	hash blob primary key, user_id text not null references user_account(id) on delete cascade,
	created_ms integer not null, seen_ms integer not null, ends_ms integer not null, auth_ms integer not null,
	ip text not null, agent text not null
) strict;
create index session_by_user on session(user_id);

create table one_time_token (
	hash blob primary key, purpose text not null check (purpose in ('setup','invite')), user_id text not null default '',
	created_ms integer not null, expires_ms integer not null, used_ms integer not null default 0
) strict;

create table api_token (
	id text primary key, user_id text not null references user_account(id) on delete cascade, name text not null,
	hash blob not null unique, scope text not null check (scope in ('read','write','admin')),
	created_ms integer not null, expires_ms integer not null default 0, used_ms integer not null default 0
) strict;

create table project (
	id text primary key, name text not null, owner_id text not null,
	created_ms integer not null, updated_ms integer not null, version integer not null default 1
) strict;
create table project_share (
	project_id text not null references project(id) on delete cascade, target text not null,
	access text not null check (access in ('full','edit','explore','view')),
	primary key (project_id, target)
) strict;
create index project_share_target on project_share(target);

create table connection (
	id text primary key, name text not null, name_fold text not null, type text not null,
	project_id text not null default '', -- empty: a workspace connection
	draft integer not null default 0 check (draft in (0,1)), description text not null default '',
	config text not null, destination text not null,
	refresh_admins_only integer not null default 0 check (refresh_admins_only in (0,1)),
	allow_writeback integer not null default 0 check (allow_writeback in (0,1)),
	exclude_from_agents integer not null default 0 check (exclude_from_agents in (0,1)),
	schedule text not null, schedule_anchor_ms integer not null, next_refresh_ms integer not null default 0, -- 0: never
	filter text not null,
	server_product text not null default '', server_version text not null default '',
	reach_state text not null default 'unknown' check (reach_state in ('unknown','ok','unreachable','refresh_failed')),
	reach_cause text not null default '', reach_words text not null default '', reach_since_ms integer not null default 0,
	reach_checked_ms integer not null default 0,
	created_by text not null, created_ms integer not null, updated_ms integer not null, version integer not null default 1,
	unique (project_id, name_fold)
) strict;
create table connection_secret (
	connection_id text not null references connection(id) on delete cascade, field text not null, box blob not null,
	primary key (connection_id, field)
) strict;
create table connection_grant (
	connection_id text not null references connection(id) on delete cascade,
	permission text not null check (permission in ('can_query','can_view_results')), group_id text not null,
	primary key (connection_id, permission, group_id)
) strict;
create table project_connection ( -- imports
	project_id text not null references project(id) on delete cascade,
	connection_id text not null references connection(id) on delete cascade, created_ms integer not null,
	primary key (project_id, connection_id)
) strict;
create index project_connection_connection on project_connection(connection_id);

create table catalog_state (
	connection_id text primary key references connection(id) on delete cascade,
	generation integer not null default 0, tables integer not null default 0, columns integer not null default 0,
	read_ms integer not null default 0, changed_ms integer not null default 0
) strict;
-- One row per version of a table. A row is visible at generation g when gen_from <= g and (gen_to = 0 or gen_to > g).
create table catalog_table (
	connection_id text not null references connection(id) on delete cascade,
	path text not null, gen_from integer not null, gen_to integer not null default 0,
	hash blob not null, body blob not null, -- body: catalog.Encode
	primary key (connection_id, path, gen_from)
) strict, without rowid;
create table catalog_scope ( -- what the last reading could not read
	connection_id text not null references connection(id) on delete cascade, path text not null,
	reason text not null, since_ms integer not null,
	primary key (connection_id, path)
) strict;

create table refresh_run (
	id text primary key, connection_id text not null references connection(id) on delete cascade,
	trigger text not null check (trigger in ('created','manual','schedule','api')), started_by text not null,
	state text not null check (state in ('queued','running','succeeded','failed','cancelled','interrupted')),
	phase text not null default '', read_count integer not null default 0, added integer not null default 0,
	removed integer not null default 0, changed integer not null default 0,
	cause text not null default '', error text not null default '', hint text not null default '',
	queued_ms integer not null, started_ms integer not null default 0, finished_ms integer not null default 0
) strict;
create index refresh_run_connection on refresh_run(connection_id, queued_ms);
create table refresh_change (
	run_id text not null references refresh_run(id) on delete cascade, seq integer not null,
	change text not null check (change in ('added','removed','changed')), path text not null, detail text not null,
	primary key (run_id, seq)
) strict, without rowid;

create table cell (
	id text primary key, project_id text not null references project(id) on delete cascade,
	position integer not null, kind text not null, name text not null default '', source text not null default '',
	connection_id text not null default '', config text not null default '{}',
	created_ms integer not null, updated_ms integer not null, version integer not null default 1
) strict;
create index cell_project on cell(project_id, position);
-- The last run of a cell, and its kept result: files below the results folder named by id.
create table result (
	id text primary key, project_id text not null, cell_id text not null, connection_id text not null,
	run_by text not null, state text not null check (state in ('running','succeeded','failed','cancelled')),
	columns text not null default '[]', rows integer not null default 0, bytes integer not null default 0,
	truncated text not null default '', affected integer not null default -1,
	cause text not null default '', error text not null default '', hint text not null default '', error_position integer not null default 0,
	sql_hash text not null default '', started_ms integer not null, finished_ms integer not null default 0
) strict;
create index result_cell on result(cell_id, started_ms);

create table lease (name text primary key, holder text not null, token integer not null, until_ms integer not null) strict;

create table audit (
	seq integer primary key, id text not null unique, at_ms integer not null,
	actor_id text not null, actor text not null, action text not null,
	object_type text not null, object_id text not null, object_name text not null,
	outcome text not null check (outcome in ('ok','refused','failed')),
	detail text not null, ip text not null, request_id text not null,
	prev_hash blob not null, hash blob not null
) strict;
create index audit_at on audit(at_ms);
-- +goose StatementBegin
create trigger audit_no_update before update on audit begin select raise(abort, 'audit rows cannot be changed'); end;
-- +goose StatementEnd
-- +goose StatementBegin
create trigger audit_no_delete before delete on audit begin select raise(abort, 'audit rows cannot be removed'); end;
-- +goose StatementEnd
