package store_test

import (
	"fmt"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/store"
)

func TestPinsAndVisits(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		update(t, s, func(tx *store.Tx) error {
			return tx.CreateUser(store.User{ID: "mira", Email: "mira@example.com", Name: "Mira", Role: access.RoleEditor, Created: c.Now(), Updated: c.Now()})
		})
		node := func(name string) store.NodeRef {
			return store.NodeRef{ConnectionID: "w", Path: catalog.Path{"public", name}}
		}
		keep := func(fn func(*store.Tx) error) {
			t.Helper()
			check(t, s.Maintain(ctx, fn))
			c.add(time.Second)
		}
		keep(func(tx *store.Tx) error { return tx.Pin("mira", node("o/1"), c.Now()) })
		keep(func(tx *store.Tx) error { return tx.Pin("mira", node("b"), c.Now()) })
		keep(func(tx *store.Tx) error { return tx.Pin("mira", node("o/1"), c.Now()) })
		pins, err := s.Pins(ctx, "mira")
		check(t, err)
		equal(t, pins, []store.NodeRef{node("o/1"), node("b")})
		keep(func(tx *store.Tx) error { return tx.Unpin("mira", node("o/1")) })
		pins, err = s.Pins(ctx, "mira")
		check(t, err)
		equal(t, pins, []store.NodeRef{node("b")})

		for i := range 55 {
			keep(func(tx *store.Tx) error { return tx.Visit("mira", node(fmt.Sprint(i)), c.Now()) })
		}
		keep(func(tx *store.Tx) error { return tx.Visit("mira", node("20"), c.Now()) })
		visits, err := s.Visits(ctx, "mira")
		check(t, err)
		equal(t, len(visits), 50)
		equal(t, visits[:2], []store.NodeRef{node("20"), node("54")})
		equal(t, visits[49], node("5"))
		others, err := s.Visits(ctx, "ana")
		check(t, err)
		equal(t, len(others), 0)
		update(t, s, func(tx *store.Tx) error { return tx.DeleteUser("mira") })
		pins, err = s.Pins(ctx, "mira")
		check(t, err)
		equal(t, len(pins), 0)
	})
}
