-- +goose Up
-- The ways in for visitors of a project that is shared with the web. The token itself is not kept.
create table web_link (
	id text primary key, project_id text not null references project(id) on delete cascade,
	name text not null, hash bytea not null unique, created_by text not null,
	created_ms bigint not null, expires_ms bigint not null default 0, used_ms bigint not null default 0 -- 0: never
);
create index web_link_project on web_link(project_id, created_ms);
