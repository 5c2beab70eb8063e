-- +goose Up
create table setting (key text primary key, value text not null);

create table user_account (
	id text primary key, email text not null, email_fold text not null unique, name text not null,
	role text not null check (role in ('admin','manager','editor','explorer','viewer','guest')),
	password_hash text not null default '', disabled bigint not null default 0 check (disabled in (0,1)),
	created_ms bigint not null, updated_ms bigint not null, version bigint not null default 1
);

create table user_group (
	id text primary key, name text not null, name_fold text not null unique, created_ms bigint not null
);
create table group_member (
	group_id text not null references user_group(id) on delete cascade,
	user_id text not null references user_account(id) on delete cascade,
	source text not null default 'hand' check (source in ('hand','provider')),
	primary key (group_id, user_id, source)
);
create index group_member_user on group_member(user_id);

create table session (
	hash bytea primary key, user_id text not null references user_account(id) on delete cascade,
	created_ms bigint not null, seen_ms bigint not null, ends_ms bigint not null, auth_ms bigint not null,
	ip text not null, agent text not null
);
create index session_by_user on session(user_id);

create table one_time_token (
	hash bytea primary key, purpose text not null check (purpose in ('setup','invite')), user_id text not null default '',
	created_ms bigint not null, expires_ms bigint not null, used_ms bigint not null default 0
);

create table api_token (
	id text primary key, user_id text not null references user_account(id) on delete cascade, name text not null,
	hash bytea not null unique, scope text not null check (scope in ('read','write','admin')),
	created_ms bigint not null, expires_ms bigint not null default 0, used_ms bigint not null default 0
);

create table project (
	id text primary key, name text not null, owner_id text not null,
	created_ms bigint not null, updated_ms bigint not null, version bigint not null default 1
);
create table project_share (
	project_id text not null references project(id) on delete cascade, target text not null,
	access text not null check (access in ('full','edit','explore','view')),
	primary key (project_id, target)
);
create index project_share_target on project_share(target);

create table connection (
	id text primary key, name text not null, name_fold text not null, type text not null,
	project_id text not null default '', -- empty: a workspace connection
	draft bigint not null default 0 check (draft in (0,1)), description text not null default '',
	config text not null, destination text not null,
	refresh_admins_only bigint not null default 0 check (refresh_admins_only in (0,1)),
	allow_writeback bigint not null default 0 check (allow_writeback in (0,1)),
	exclude_from_agents bigint not null default 0 check (exclude_from_agents in (0,1)),
	schedule text not null, schedule_anchor_ms bigint not null, next_refresh_ms bigint not null default 0, -- 0: never
	filter text not null,
	server_product text not null default '', server_version text not null default '',
	reach_state text not null default 'unknown' check (reach_state in ('unknown','ok','unreachable','refresh_failed')),
	reach_cause text not null default '', reach_words text not null default '', reach_since_ms bigint not null default 0,
	reach_checked_ms bigint not null default 0,
	created_by text not null, created_ms bigint not null, updated_ms bigint not null, version bigint not null default 1,
	unique (project_id, name_fold)
);
create table connection_secret (
	connection_id text not null references connection(id) on delete cascade, field text not null, box bytea not null,
	primary key (connection_id, field)
);
create table connection_grant (
	connection_id text not null references connection(id) on delete cascade,
	permission text not null check (permission in ('can_query','can_view_results')), group_id text not null,
	primary key (connection_id, permission, group_id)
);
create table project_connection ( -- imports
	project_id text not null references project(id) on delete cascade,
	connection_id text not null references connection(id) on delete cascade, created_ms bigint not null,
	primary key (project_id, connection_id)
);
create index project_connection_connection on project_connection(connection_id);

create table catalog_state (
	connection_id text primary key references connection(id) on delete cascade,
	generation bigint not null default 0, tables bigint not null default 0, columns bigint not null default 0,
	read_ms bigint not null default 0, changed_ms bigint not null default 0
);
-- One row per version of a table. A row is visible at generation g when gen_from <= g and (gen_to = 0 or gen_to > g).
create table catalog_table (
	connection_id text not null references connection(id) on delete cascade,
	path text not null, gen_from bigint not null, gen_to bigint not null default 0,
	hash bytea not null, body bytea not null, -- body: catalog.Encode
	primary key (connection_id, path, gen_from)
);
create table catalog_scope ( -- what the last reading could not read
	connection_id text not null references connection(id) on delete cascade, path text not null,
	reason text not null, since_ms bigint not null,
	primary key (connection_id, path)
);

create table refresh_run (
	id text primary key, connection_id text not null references connection(id) on delete cascade,
	trigger text not null check (trigger in ('created','manual','schedule','api')), started_by text not null,
	state text not null check (state in ('queued','running','succeeded','failed','cancelled','interrupted')),
	phase text not null default '', read_count bigint not null default 0, added bigint not null default 0,
	removed bigint not null default 0, changed bigint not null default 0,
	cause text not null default '', error text not null default '', hint text not null default '',
	queued_ms bigint not null, started_ms bigint not null default 0, finished_ms bigint not null default 0
);
create index refresh_run_connection on refresh_run(connection_id, queued_ms);
create table refresh_change (
	run_id text not null references refresh_run(id) on delete cascade, seq bigint not null,
	change text not null check (change in ('added','removed','changed')), path text not null, detail text not null,
	primary key (run_id, seq)
);

create table cell (
	id text primary key, project_id text not null references project(id) on delete cascade,
	position bigint not null, kind text not null, name text not null default '', source text not null default '',
	connection_id text not null default '', config text not null default '{}',
	created_ms bigint not null, updated_ms bigint not null, version bigint not null default 1
);
create index cell_project on cell(project_id, position);
-- The last run of a cell, and its kept result: files below the results folder named by id.
create table result (
	id text primary key, project_id text not null, cell_id text not null, connection_id text not null,
	run_by text not null, state text not null check (state in ('running','succeeded','failed','cancelled')),
	columns text not null default '[]', rows bigint not null default 0, bytes bigint not null default 0,
	truncated text not null default '', affected bigint not null default -1,
	cause text not null default '', error text not null default '', hint text not null default '', error_position bigint not null default 0,
	sql_hash text not null default '', started_ms bigint not null, finished_ms bigint not null default 0
);
create index result_cell on result(cell_id, started_ms);

create table lease (name text primary key, holder text not null, token bigint not null, until_ms bigint not null);

create table audit (
	seq bigint primary key, id text not null unique, at_ms bigint not null,
	actor_id text not null, actor text not null, action text not null,
	object_type text not null, object_id text not null, object_name text not null,
	outcome text not null check (outcome in ('ok','refused','failed')),
	detail text not null, ip text not null, request_id text not null,
	prev_hash bytea not null, hash bytea not null
);
create index audit_at on audit(at_ms);
-- +goose StatementBegin
create function audit_is_kept() returns trigger language plpgsql as $$ begin raise exception 'audit rows cannot be changed or removed'; end $$;
-- +goose StatementEnd
create trigger audit_no_update before update on audit for each row execute function audit_is_kept();
create trigger audit_no_delete before delete on audit for each row execute function audit_is_kept();
create trigger audit_no_truncate before truncate on audit for each statement execute function audit_is_kept();
