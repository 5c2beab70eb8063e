package store

import (
	"context"
	"errors"
	"strings"
	"time"
)

// The events that a connection tells of.
const (
	EventSchemaChanged    = "schema_changed"     // a refresh after the first found something else than the one before
	EventRefreshFailing   = "refresh_failing"    // FailingAfter refreshes in a row failed
	EventRefreshRecovered = "refresh_recovered"  // one came to its end after that
	EventRefreshNeedsLook = "refresh_needs_look" // one missed tables, and people must say whether they are gone
)

// FailingAfter is after how many failures in a row people are told.
const FailingAfter = 3

// A NotificationTarget is whom a connection tells of which events.
type NotificationTarget struct {
	ID, ConnectionID string
	Kind             string // webhook, email
	Shown            string // the host of a webhook, or the e-mail address
	Box              []byte // of a webhook: its address and signing key, sealed
	Events           []string
	CreatedBy        string
	Created          time.Time
}

// A Notification is one event for one recipient, and how telling it went. It is unique in the three.
type Notification struct {
	Recipient    string // "target:ID", or "user:ID" for an Admin; of a project "hook:ID", "user:ID" or "owner:ID"
	RunID, Event string
	ConnectionID string // empty: a project's
	ProjectID    string // empty: a connection's
	State        string // waiting, sent, given_up
	Attempts     int64
	Next         time.Time // when it is tried
	Finished     time.Time
	Outcome      string // of the last attempt, in words
	Host         string // who takes it: the host of a webhook, or empty for e-mail; only DueNotifications says it
}

const targetColumns = `id, connection_id, kind, shown, box, events, created_by, created_ms`

func scanTarget(r scanner) (NotificationTarget, error) {
	var t NotificationTarget
	var events string
	var created int64
	err := r.Scan(&t.ID, &t.ConnectionID, &t.Kind, &t.Shown, &t.Box, &events, &t.CreatedBy, &created)
	t.Events, t.Created = strings.Split(events, ","), at(created)
	return t, err
}

// CreateTarget keeps a new target.
func (tx *Tx) CreateTarget(t NotificationTarget) error {
	if t.Box == nil {
		t.Box = []byte{}
	}
	_, err := tx.exec(`insert into notification_target(`+targetColumns+`) values($1,$2,$3,$4,$5,$6,$7,$8)`,
		t.ID, t.ConnectionID, t.Kind, t.Shown, t.Box, strings.Join(t.Events, ","), t.CreatedBy, ms(t.Created))
	return err
}

// DeleteTarget removes a target of a connection with what it has not been told yet.
func (tx *Tx) DeleteTarget(connectionID, id string) error {
	if err := tx.must(`delete from notification_target where connection_id=$1 and id=$2`, connectionID, id); err != nil {
		return err
	}
	_, err := tx.exec(`delete from notification where recipient = $1`, "target:"+id)
	return err
}

// Target is the target with this id.
func (tx *Tx) Target(id string) (NotificationTarget, error) {
	return one(tx, scanTarget, `select `+targetColumns+` from notification_target where id = $1`, id)
}

// Targets are whom a connection tells, in the order in which they were added.
func (tx *Tx) Targets(connectionID string) ([]NotificationTarget, error) {
	return collect(tx, scanTarget, `select `+targetColumns+` from notification_target where connection_id = $1 order by id`, connectionID)
}

// failuresInARow is how many of a connection's last runs failed one after another, up to the run with the id before, or all where
// it is empty. Runs that were cancelled or interrupted say nothing either way; one that needs a look came to its end, as the
// connection's own count of failures has it. More than 100 are 100.
func (tx *Tx) failuresInARow(connectionID, before string) (int, error) {
	const most = 100
	states, err := collect(tx, value[string], `select state from refresh_run where connection_id=$1 and ($2 = '' or id < $2)
		and state in ('succeeded','failed','needs_look') order by id desc limit $3`, connectionID, before, most)
	n := 0
	for n < len(states) && states[n] == "failed" {
		n++
	}
	return n, err
}

// notify puts what the end of a run means into the outbox: for each target that wants to know, and where refreshes begin or cease
// to fail, or need a look, for every Admin. It stands in the transaction that ends the run, so that neither is without the other.
func (tx *Tx) notify(r Run) error {
	events, err := tx.eventsOf(r)
	if err != nil || len(events) == 0 {
		return err
	}
	targets, err := tx.Targets(r.ConnectionID)
	if err != nil {
		return err
	}
	for _, event := range events {
		var recipients []string
		for _, t := range targets {
			if strings.Contains(","+strings.Join(t.Events, ",")+",", ","+event+",") {
				recipients = append(recipients, "target:"+t.ID)
			}
		}
		if event != EventSchemaChanged {
			admins, err := collect(tx, value[string], `select id from user_account where role='admin' and disabled=0 order by id`)
			if err != nil {
				return err
			}
			for _, id := range admins {
				recipients = append(recipients, "user:"+id)
			}
		}
		for _, recipient := range recipients {
			if _, err := tx.exec(`insert into notification(recipient, run_id, event, connection_id, next_ms) values($1,$2,$3,$4,$5) on conflict do nothing`,
				recipient, r.ID, event, r.ConnectionID, ms(r.Finished)); err != nil {
				return err
			}
		}
	}
	return nil
}

// eventsOf are the events that the end of a run is. The first reading of a connection is no change.
func (tx *Tx) eventsOf(r Run) (events []string, err error) {
	if r.State != "succeeded" && r.State != "failed" && r.State != "needs_look" {
		return nil, nil
	}
	before, err := tx.failuresInARow(r.ConnectionID, r.ID)
	if err != nil {
		return nil, err
	}
	if r.State == "failed" {
		if before+1 == FailingAfter {
			events = append(events, EventRefreshFailing)
		}
		return events, nil
	}
	if before >= FailingAfter {
		events = append(events, EventRefreshRecovered)
	}
	if r.Missing > 0 {
		switch doubt, err := tx.Doubt(r.ConnectionID); {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return nil, err
		case ms(doubt.Since) >= ms(r.Finished): // it begins with this run
			events = append(events, EventRefreshNeedsLook)
		}
	}
	if r.Added+r.Removed+r.Changed == 0 {
		return events, nil
	}
	read, err := one(tx, value[int64], `select count(*) from refresh_run where connection_id = $1 and state = 'succeeded' and id < $2`, r.ConnectionID, r.ID)
	if err == nil && read > 0 {
		events = append(events, EventSchemaChanged)
	}
	return events, err
}

const (
	notificationColumns        = `recipient, run_id, event, connection_id, '' as project_id, state, attempts, next_ms, finished_ms, outcome`
	projectNotificationColumns = `recipient, run_id, event, '' as connection_id, project_id, state, attempts, next_ms, finished_ms, outcome`
)

func scanNotification(r scanner) (Notification, error) {
	var n Notification
	var next, finished int64
	err := r.Scan(&n.Recipient, &n.RunID, &n.Event, &n.ConnectionID, &n.ProjectID, &n.State, &n.Attempts, &next, &finished, &n.Outcome, &n.Host)
	n.Next, n.Finished = at(next), at(finished)
	return n, err
}

// table is where a notification stands.
func (n Notification) table() string {
	if n.ProjectID != "" {
		return "project_notification"
	}
	return "notification"
}

// duePerHost is how many notifications for one host DueNotifications returns at the most.
const duePerHost = 50

// DueNotifications are those of connections and projects to be tried by now: of every host the first that is due, then of every host
// the second, and so on, so that a host for which much waits leaves the others room. What one host takes is in turn of connections and
// of every project, so that a project that tells many keeps back its own alone.
func (s *Store) DueNotifications(ctx context.Context, now time.Time, limit int) ([]Notification, error) {
	return view(ctx, s, func(tx *Tx) ([]Notification, error) {
		return collect(tx, scanNotification, `with due as (select `+notificationColumns+`, coalesce((select shown from notification_target t
				where recipient like 'target:%' and t.id = substr(recipient, 8) and t.kind = 'webhook'), '') as host from notification where state='waiting' and next_ms<=$1
			union all select `+projectNotificationColumns+`, coalesce((select shown from project_target t
				where project_notification.recipient like 'hook:%' and t.id = substr(project_notification.recipient, 6)), '') as host
				from project_notification where state='waiting' and next_ms<=$1),
			queued as (select *, row_number() over (partition by host, project_id order by next_ms, recipient, run_id, event) as place from due),
			turns as (select *, row_number() over (partition by host order by place, case when project_id = '' then 0 else 1 end, next_ms, project_id, recipient, run_id, event) as turn
				from queued)
			select recipient, run_id, event, connection_id, project_id, state, attempts, next_ms, finished_ms, outcome, host from turns
			where turn <= $2 order by turn, next_ms, recipient limit cast($3 as integer)`, ms(now), duePerHost, limit)
	})
}

// ClaimNotification takes one that is due for an attempt, whose next would be at next. Not ok: someone else has taken it.
func (s *Store) ClaimNotification(ctx context.Context, n Notification, next time.Time) (ok bool, err error) {
	err = s.Maintain(ctx, func(tx *Tx) error {
		changed, err := tx.exec(`update `+n.table()+` set attempts=attempts+1, next_ms=$1 where recipient=$2 and run_id=$3 and event=$4 and state='waiting' and next_ms=$5`,
			ms(next), n.Recipient, n.RunID, n.Event, ms(n.Next))
		ok = changed == 1
		return err
	})
	return ok, err
}

// EndNotification writes down how an attempt went: sent, given up, or waiting for the next. One whose connection or project is gone is fine.
func (s *Store) EndNotification(ctx context.Context, n Notification) error {
	return s.Maintain(ctx, func(tx *Tx) error {
		_, err := tx.exec(`update `+n.table()+` set state=$1, finished_ms=$2, outcome=$3 where recipient=$4 and run_id=$5 and event=$6`,
			n.State, ms(n.Finished), n.Outcome, n.Recipient, n.RunID, n.Event)
		return err
	})
}

// Notifications are those of a connection, the latest first.
func (tx *Tx) Notifications(connectionID string, limit int) ([]Notification, error) {
	return collect(tx, scanNotification, `select `+notificationColumns+`, '' from notification where connection_id=$1 order by next_ms desc, recipient limit $2`,
		connectionID, limit)
}

// PruneNotifications forgets what was told, or given up, before then.
func (s *Store) PruneNotifications(ctx context.Context, before time.Time) error {
	return s.Maintain(ctx, func(tx *Tx) error {
		for _, table := range []string{"notification", "project_notification"} {
			if _, err := tx.exec(`delete from `+table+` where state in ('sent','given_up') and finished_ms<$1`, ms(before)); err != nil {
				return err
			}
		}
		return nil
	})
}
