-- +goose Up
create table identity_provider (
	id text primary key, name text not null, name_fold text not null unique, issuer text not null, client_id text not null,
	scopes text not null, default_role text not null, link_domains text not null, rules text not null,
	enabled integer not null check (enabled in (0,1)),
	created_ms integer not null, updated_ms integer not null, version integer not null default 1
) strict;
create table identity_provider_secret (
	provider_id text primary key references identity_provider(id) on delete cascade, box blob not null
) strict;

-- Who someone is at a provider. It outlives the provider's settings: the same issuer means the same people again.
create table user_identity (
	issuer text not null, subject text not null, user_id text not null references user_account(id) on delete cascade,
	provider_id text not null, email text not null, warning text not null default '',
	stale_ms integer not null default 0, -- since when what the provider says is not known
	created_ms integer not null, seen_ms integer not null,
	primary key (issuer, subject)
) strict;
create index user_identity_user on user_identity(user_id);

-- A sign-in that has gone to a provider and not come back.
create table sign_in_flow (
	hash blob primary key, provider_id text not null references identity_provider(id) on delete cascade, box blob not null,
	expires_ms integer not null
) strict;
create index sign_in_flow_expires on sign_in_flow(expires_ms);

alter table session add column provider_id text not null default '';
alter table session add column sid text not null default '';
create index session_by_sid on session(provider_id, sid);
-- For the provider's own sign-out alone.
create table session_id_token (
	hash blob primary key references session(hash) on delete cascade, box blob not null
) strict;

-- Logout tokens that were used.
create table provider_logout (
	issuer text not null, jti text not null, expires_ms integer not null,
	primary key (issuer, jti)
) strict;
