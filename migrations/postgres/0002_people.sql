-- +goose Up
alter table user_account add column signed_in_ms bigint not null default 0; -- the last time

-- What a session is called in lists and by what runs in it: its secret changes when the password is given again, this stays.
alter table session add column id text not null default '';
update session set id = encode(substr(hash, 1, 8), 'hex');

-- Links that set a password again, and sign-ins that wait for their code.
alter table one_time_token drop constraint one_time_token_purpose_check;
alter table one_time_token add constraint one_time_token_purpose_check check (purpose in ('setup','invite','reset','sign_in'));
create index one_time_token_user on one_time_token(user_id);

-- The second step of signing in with a password. The box is the sealed secret.
create table user_totp (
	user_id text primary key references user_account(id) on delete cascade, box bytea not null,
	created_ms bigint not null,
	confirmed_ms bigint not null default 0, -- 0: enrolling, not asked for yet
	last_step bigint not null default 0 -- of the last code that was accepted: none counts twice
);
create table recovery_code (
	user_id text not null references user_totp(user_id) on delete cascade, hash bytea not null, used_ms bigint not null default 0,
	primary key (user_id, hash)
);
