package store

import (
	"context"
	"fmt"
	"time"

	"patchbay/catalog"
)

// keptVisits is how many opened tables are remembered of one person.
const keptVisits = 50

func scanNodeRef(r scanner) (NodeRef, error) {
	var n NodeRef
	var path string
	if err := r.Scan(&n.ConnectionID, &path); err != nil {
		return n, err
	}
	var err error
	n.Path, err = catalog.ParsePath(path)
	return n, err
}

// Pin keeps an object at the top of a person's data browser.
func (tx *Tx) Pin(userID string, n NodeRef, when time.Time) error {
	_, err := tx.exec(`insert into node_pin(user_id, connection_id, path, created_ms) values($1,$2,$3,$4) on conflict do nothing`,
		userID, n.ConnectionID, n.Path.String(), ms(when))
	return err
}

// Unpin takes it away again.
func (tx *Tx) Unpin(userID string, n NodeRef) error {
	_, err := tx.exec(`delete from node_pin where user_id = $1 and connection_id = $2 and path = $3`, userID, n.ConnectionID, n.Path.String())
	return err
}

// Pins are what a person pinned, the first first, whether it is there or not.
func (tx *Tx) Pins(userID string) ([]NodeRef, error) {
	return collect(tx, scanNodeRef, `select connection_id, path from node_pin where user_id = cast($1 as text) order by created_ms, connection_id, path`, userID)
}

// Visit remembers that a person opened a table, and forgets the oldest of many.
func (tx *Tx) Visit(userID string, n NodeRef, when time.Time) error {
	_, err := tx.exec(`insert into node_visit(user_id, connection_id, path, seen_ms) values($1,$2,$3,$4)
		on conflict(user_id, connection_id, path) do update set seen_ms = excluded.seen_ms`, userID, n.ConnectionID, n.Path.String(), ms(when))
	if err != nil {
		return fmt.Errorf("remember: %w", err)
	}
	_, err = tx.exec(`delete from node_visit where user_id = $1 and seen_ms < (select min(seen_ms) from
		(select seen_ms from node_visit where user_id = $1 order by seen_ms desc limit cast($2 as integer)) as kept)`, userID, keptVisits)
	return err
}

// Visits are the tables that a person opened, the last first.
func (tx *Tx) Visits(userID string) ([]NodeRef, error) {
	return collect(tx, scanNodeRef, `select connection_id, path from node_visit where user_id = $1 order by seen_ms desc, connection_id, path`, userID)
}

// PurgeNodeRefs removes what people pinned and opened of these objects and of everything below them: they are gone for good.
func (tx *Tx) PurgeNodeRefs(connectionID string, paths []string) error {
	for _, table := range []string{"node_pin", "node_visit"} {
		err := tx.many(`delete from `+table+` where connection_id = $1 and (path = $2 or substr(path, 1, length($2) + 1) = $2 || '/')`, func(yield func([]any) bool) {
			for _, path := range paths {
				if !yield([]any{connectionID, path}) {
					return
				}
			}
		})
		if err != nil {
			return fmt.Errorf("purge %s: %w", table, err)
		}
	}
	return nil
}

// Pins is Tx.Pins in a snapshot of its own.
func (s *Store) Pins(ctx context.Context, userID string) ([]NodeRef, error) {
	return view(ctx, s, func(tx *Tx) ([]NodeRef, error) { return tx.Pins(userID) })
}

// Visits is Tx.Visits in a snapshot of its own.
func (s *Store) Visits(ctx context.Context, userID string) ([]NodeRef, error) {
	return view(ctx, s, func(tx *Tx) ([]NodeRef, error) { return tx.Visits(userID) })
}
