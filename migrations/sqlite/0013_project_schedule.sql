-- +goose Up
create table project_schedule ( -- when a project is run by itself, and as whom
	project_id text primary key references project(id) on delete cascade,
	schedule text not null, anchor_ms integer not null, next_ms integer not null default 0, -- 0: never
	owner_id text not null, -- who saved it last
	refused_ms integer not null default 0 -- since when its owner may not run the project; 0: they may, as far as is known
) strict;
create index project_schedule_due on project_schedule(next_ms);
create table project_run ( -- one run of all cells
	id text primary key, project_id text not null references project(id) on delete cascade,
	trigger text not null check (trigger in ('schedule','manual')), run_by text not null,
	state text not null check (state in ('running','succeeded','failed','refused','interrupted')),
	cells integer not null default 0, -- that ran to their end
	cell_id text not null default '', cell_name text not null default '', connection_id text not null default '', -- of the cell that failed
	cause text not null default '', error text not null default '',
	started_ms integer not null, finished_ms integer not null default 0
) strict;
create index project_run_project on project_run(project_id, started_ms);
create table project_run_result ( -- what a run's messages may carry, read when they are sent
	run_id text not null references project_run(id) on delete cascade, seq integer not null,
	cell_name text not null, result_id text not null,
	primary key (run_id, seq)
) strict, without rowid;
create table project_target ( -- whom a project tells of its runs
	id text primary key, project_id text not null references project(id) on delete cascade,
	kind text not null check (kind in ('webhook','user','group')),
	recipient text not null default '', -- a user's or group's id
	shown text not null default '', -- the host of a webhook
	box blob not null, -- of a webhook: its address and signing key, sealed; else empty
	failures_only integer not null default 0 check (failures_only in (0,1)),
	attach integer not null default 0 check (attach in (0,1)), -- results as CSV, where access allows it
	created_by text not null, created_ms integer not null
) strict;
create index project_target_project on project_target(project_id);
create table project_notification ( -- what is to be told of a run, and how that went
	recipient text not null, -- hook:ID of a target, user:ID, or owner:ID of the schedule's owner
	run_id text not null references project_run(id) on delete cascade,
	event text not null check (event in ('project_ran','project_refused')),
	project_id text not null references project(id) on delete cascade,
	state text not null default 'waiting' check (state in ('waiting','sent','given_up')),
	attempts integer not null default 0, next_ms integer not null, finished_ms integer not null default 0, outcome text not null default '',
	primary key (recipient, run_id, event)
) strict, without rowid;
create index project_notification_due on project_notification(state, next_ms);
create index project_notification_project on project_notification(project_id, next_ms);
