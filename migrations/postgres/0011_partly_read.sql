-- +goose Up
-- What a filter hid and showed again is counted apart from what the source has dropped and made.
alter table refresh_run add column hidden bigint not null default 0;
alter table refresh_run add column shown bigint not null default 0;
alter table catalog_state add column filter text not null default ''; -- of the last reading; empty: not known
-- One more event: a refresh needs a look.
create table told (
	recipient text not null, -- target:ID or user:ID
	run_id text not null references refresh_run(id) on delete cascade,
	event text not null check (event in ('schema_changed','refresh_failing','refresh_recovered','refresh_needs_look')),
	connection_id text not null references connection(id) on delete cascade,
	state text not null default 'waiting' check (state in ('waiting','sent','given_up')),
	attempts bigint not null default 0, next_ms bigint not null, finished_ms bigint not null default 0, outcome text not null default '',
	primary key (recipient, run_id, event)
);
insert into told select * from notification;
drop table notification;
alter table told rename to notification;
create index notification_due on notification(state, next_ms);
create index notification_connection on notification(connection_id, next_ms);
