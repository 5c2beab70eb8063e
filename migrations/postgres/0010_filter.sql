-- +goose Up
alter table connection add column server_names text not null default ''; -- how the server compares names: catalog.Case
