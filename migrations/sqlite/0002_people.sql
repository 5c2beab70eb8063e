-- +goose Up
alter table user_account add column signed_in_ms integer not null default 0; -- the last time

-- What a session is called in lists and by what runs in it: its secret changes when the password is given again, this stays.
alter table session add column id text not null default '';
update session set id = lower(hex(substr(hash, 1, 8)));

-- Links that set a password again, and sign-ins that wait for their code.
create table one_time_token_new (
	hash blob primary key, purpose text not null check (purpose in ('setup','invite','reset','sign_in')), user_id text not null default '',
	created_ms integer not null, expires_ms integer not null, used_ms integer not null default 0
) strict;
insert into one_time_token_new select hash, purpose, user_id, created_ms, expires_ms, used_ms from one_time_token;
drop table one_time_token;
alter table one_time_token_new rename to one_time_token;
create index one_time_token_user on one_time_token(user_id);

-- The second step of signing in with a password. The box is the sealed secret.
create table user_totp (
	user_id text primary key references user_account(id) on delete cascade, box blob not null,
	created_ms integer not null,
	confirmed_ms integer not null default 0, -- 0: enrolling, not asked for yet
	last_step integer not null default 0 -- of the last code that was accepted: none counts twice
) strict;
create table recovery_code (
	user_id text not null references user_totp(user_id) on delete cascade, hash blob not null, used_ms integer not null default 0,
	primary key (user_id, hash)
) strict;
