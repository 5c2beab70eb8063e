-- +goose Up
-- 1: the provider let this person in no more at the last sign-in, so nothing of theirs counts until it does again.
alter table user_identity add column denied bigint not null default 0 check (denied in (0,1));
-- 1: addresses of this provider count without its saying that it verified them.
alter table identity_provider add column trusts_email bigint not null default 0 check (trusts_email in (0,1));
