package store_test

import (
	"fmt"
	"testing"
	"time"

	"patchbay/store"
)

// A tombstone counts with its generation, until the table is back or its time is over; what else is kept of the table can go in
// the same transaction.
func TestTombstones(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		f := published(t, s, c, row("a", "1", false), row("b", "1", false), row("c", "1", false))
		stones := func(before time.Time) (paths []string) {
			t.Helper()
			check(t, s.View(ctx, func(tx *store.Tx) error {
				found, err := tx.ExpiredTombstones(before, 10)
				for _, stone := range found {
					paths = append(paths, stone.ConnectionID+" "+stone.Path+" "+stone.RunID)
				}
				return err
			}))
			return paths
		}
		later := c.Now().Add(time.Hour)
		check(t, s.RemoveTables(ctx, "w", 2, f, "r2", c.Now(), []string{"a", "b"}, true))
		equal(t, len(stones(later)), 0) // not yet for everyone
		check(t, s.DropUnpublished(ctx, "w", f))
		check(t, s.RemoveTables(ctx, "w", 2, f, "r2", c.Now(), []string{"a", "b"}, true))
		check(t, s.PublishCatalog(ctx, "w", 2, f, newRun(t, s, c, "r2"), store.CatalogState{Tables: 1, Read: c.Now()}, nil, nil))
		equal(t, stones(later), []string{"w a r2", "w b r2"})
		equal(t, len(stones(c.Now())), 0)
		check(t, s.PutTables(ctx, "w", 3, f, []store.TableRow{row("a", "2", false)}))
		check(t, s.PublishCatalog(ctx, "w", 3, f, newRun(t, s, c, "r3"), store.CatalogState{Tables: 2, Read: c.Now()}, nil, nil))
		equal(t, stones(later), []string{"w b r2"})
		check(t, s.SweepCatalog(ctx, "w"))
		var told []string
		check(t, s.PurgeTombstones(ctx, later, func(_ *store.Tx, gone []store.Tombstone) error {
			for _, stone := range gone {
				told = append(told, stone.Path)
			}
			return nil
		}))
		equal(t, told, []string{"b"})
		left, err := s.Column(ctx, `select cast(count(*) as text) from catalog_tombstone`)
		check(t, err)
		equal(t, left, []string{"0"})
	})
}

// Old runs go but for the last ones, the last good one and the one that is in doubt; deciding ends the doubt.
func TestPruneRunsAndDoubt(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		for i := range 8 {
			run := newRun(t, s, c, fmt.Sprint("run", i))
			run.State, run.Finished, run.Missing = "failed", c.Now(), 7
			if i == 1 {
				run.State = "succeeded"
			}
			if i == 2 {
				run.State = "needs_look"
			}
			check(t, s.Maintain(ctx, func(tx *store.Tx) error {
				if i == 2 {
					return tx.KeepDoubt(run, store.StaleScope{Reason: "missing", Since: c.Now()})
				}
				return tx.UpdateRun(run)
			}))
		}
		check(t, s.PruneRuns(ctx, c.Now().Add(time.Hour), 3))
		runs, err := s.Runs(ctx, "w", 20, "")
		check(t, err)
		var ids []string
		for _, run := range runs {
			ids = append(ids, run.ID)
		}
		equal(t, ids, []string{"run7", "run6", "run5", "run2", "run1"})
		doubt, err := s.Doubt(ctx, "w")
		check(t, err)
		equal(t, doubt, store.Doubt{RunID: "run2", Missing: 7, Since: c.Now()})
		want(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.EndDoubt("w", "run1") }), store.ErrNotFound)
		check(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.EndDoubt("w", "run2") }))
		_, err = s.Doubt(ctx, "w")
		want(t, err, store.ErrNotFound)
		scopes, err := s.Scopes(ctx, "w")
		check(t, err)
		equal(t, len(scopes), 0)
	})
}
