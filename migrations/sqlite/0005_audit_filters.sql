-- +goose Up
-- Each filter of the audit log reads the latest rows that it wants, and no others.
create index audit_action on audit(action, seq);
create index audit_actor on audit(actor_id, seq);
create index audit_object on audit(object_type, object_id, seq);
create index audit_object_id on audit(object_id, seq);
create index audit_outcome on audit(outcome, seq);
