-- +goose Up

-- The small key of a connection's catalog in the many rows of it. That of a connection that was deleted stays, without the
-- connection, until its rows are swept.
create table catalog_number (
	number bigint primary key, connection_id text unique references connection(id) on delete set null
);
insert into catalog_number(number, connection_id) select row_number() over (order by id), id from connection where id in (select connection_id from catalog_table);

-- What was stored before is read anew by the next refresh: its keys and hashes are of another form.
drop table catalog_table;
delete from catalog_state;
-- One row per version of a table. A row is visible at generation g when gen_from <= g and (gen_to = 0 or gen_to > g).
create table catalog_table (
	catalog bigint not null, path bytea not null, gen_from bigint not null, gen_to bigint not null default 0,
	hash bytea not null, body bytea not null, -- path: catalog.PackPath; body: catalog.Pack
	primary key (catalog, path, gen_from)
);
create table catalog_word ( -- catalog.Words
	catalog bigint not null, number bigint not null, word bytea not null,
	primary key (catalog, number)
);
-- A table that a refresh removed. It counts from the generation on that it went with, and no more when the table is back.
create table catalog_tombstone (
	catalog bigint not null, path bytea not null, gen bigint not null, removed_ms bigint not null, run_id text not null,
	primary key (catalog, path)
);
-- A reading that would have removed nearly everything, and that nobody has decided on.
create table catalog_doubt (
	connection_id text primary key references connection(id) on delete cascade,
	run_id text not null, missing bigint not null, since_ms bigint not null
);

alter table connection add column failures bigint not null default 0; -- refreshes that failed since one succeeded

-- Runs do not belong to a connection's row: those of a deleted one are swept, a few at a time.
create table run (
	id text primary key, connection_id text not null,
	trigger text not null check (trigger in ('created','manual','schedule','api')), started_by text not null,
	state text not null check (state in ('queued','running','succeeded','failed','cancelled','interrupted','needs_look')),
	phase text not null default '', read_count bigint not null default 0, added bigint not null default 0,
	removed bigint not null default 0, changed bigint not null default 0, missing bigint not null default 0,
	cause text not null default '', error text not null default '', hint text not null default '',
	queued_ms bigint not null, started_ms bigint not null default 0, finished_ms bigint not null default 0
);
insert into run(id, connection_id, trigger, started_by, state, phase, read_count, added, removed, changed, cause, error, hint, queued_ms, started_ms, finished_ms)
	select id, connection_id, trigger, started_by, state, phase, read_count, added, removed, changed, cause, error, hint, queued_ms, started_ms, finished_ms from refresh_run;
create table change (
	run_id text not null references run(id) on delete cascade, seq bigint not null,
	change text not null check (change in ('added','removed','changed','missing')), path text not null, detail text not null,
	primary key (run_id, seq)
);
insert into change select * from refresh_change;
drop table refresh_change;
drop table refresh_run;
alter table run rename to refresh_run;
alter table change rename to refresh_change;
create index refresh_run_connection on refresh_run(connection_id, id);
