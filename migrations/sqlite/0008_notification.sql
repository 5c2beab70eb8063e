-- +goose Up
create table notification_target ( -- whom a connection tells
	id text primary key, connection_id text not null references connection(id) on delete cascade,
	kind text not null check (kind in ('webhook','email')),
	shown text not null, -- the host of a webhook, or the e-mail address
	box blob not null, -- of a webhook: its address and signing key, sealed; else empty
	events text not null, created_by text not null, created_ms integer not null
) strict;
create index notification_target_connection on notification_target(connection_id);
create table notification ( -- what is to be told, and how that went
	recipient text not null, -- target:ID or user:ID
	run_id text not null references refresh_run(id) on delete cascade,
	event text not null check (event in ('schema_changed','refresh_failing','refresh_recovered')),
	connection_id text not null references connection(id) on delete cascade,
	state text not null default 'waiting' check (state in ('waiting','sent','given_up')),
	attempts integer not null default 0, next_ms integer not null, finished_ms integer not null default 0, outcome text not null default '',
	primary key (recipient, run_id, event)
) strict, without rowid;
create index notification_due on notification(state, next_ms);
create index notification_connection on notification(connection_id, next_ms);
