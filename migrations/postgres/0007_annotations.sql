-- +goose Up
-- What Admins say of objects, by path, whether the object is there just now or not. The empty path is the connection.
create table annotation (
	connection_id text not null references connection(id) on delete cascade, path text not null,
	description text not null, mark text not null check (mark in ('','endorsed','deprecated')),
	exclude_from_agents bigint not null check (exclude_from_agents in (0,1)),
	updated_by text not null, updated_ms bigint not null,
	primary key (connection_id, path)
);

-- What a person pinned, and which tables they opened last.
create table node_pin (
	user_id text not null references user_account(id) on delete cascade,
	connection_id text not null references connection(id) on delete cascade, path text not null, created_ms bigint not null,
	primary key (user_id, connection_id, path)
);
create table node_visit (
	user_id text not null references user_account(id) on delete cascade,
	connection_id text not null references connection(id) on delete cascade, path text not null, seen_ms bigint not null,
	primary key (user_id, connection_id, path)
);
