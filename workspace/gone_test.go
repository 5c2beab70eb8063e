package workspace

import (
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/schedule"
	"patchbay/store"
)

// What people said, pinned and opened of a table that is gone for good goes with it, and nothing of any other table.
func TestForgetGone(t *testing.T) {
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Now: time.Now, AuditKey: auditKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	do := func(fn func(tx *store.Tx) error) {
		t.Helper()
		if err := s.Maintain(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	orders, column, other := catalog.Path{"shop", "orders"}, catalog.Path{"shop", "orders", "total"}, catalog.Path{"shop", "orders_2025"}
	do(func(tx *store.Tx) error {
		if err := tx.CreateUser(store.User{ID: "mira", Email: "mira@example.com", Name: "Mira", Role: "editor", Created: time.Now()}); err != nil {
			return err
		}
		return tx.CreateConnection(store.Connection{ID: "w", Name: "W", Type: "postgres", Schedule: schedule.Spec{Kind: schedule.Off}}, nil)
	})
	for _, path := range []catalog.Path{orders, column, other} {
		do(func(tx *store.Tx) error {
			return tx.SetAnnotation("w", store.Annotation{Path: path, Description: "said"})
		})
		do(func(tx *store.Tx) error {
			return tx.Pin("mira", store.NodeRef{ConnectionID: "w", Path: path}, time.Now())
		})
		do(func(tx *store.Tx) error {
			return tx.Visit("mira", store.NodeRef{ConnectionID: "w", Path: path}, time.Now())
		})
	}
	do(func(tx *store.Tx) error {
		return ForgetGone(tx, []store.Tombstone{{ConnectionID: "w", Path: orders.String()}})
	})
	do(func(tx *store.Tx) error {
		said, err := tx.AnnotationsBelow("w", nil)
		if err != nil || len(said) != 1 || said[0].Path.String() != other.String() {
			t.Errorf("said %+v, %v", said, err)
		}
		for what, of := range map[string]func(string) ([]store.NodeRef, error){"pinned": tx.Pins, "opened": tx.Visits} {
			if refs, err := of("mira"); err != nil || len(refs) != 1 || refs[0].Path.String() != other.String() {
				t.Errorf("%s: %+v, %v", what, refs, err)
			}
		}
		return nil
	})
}
