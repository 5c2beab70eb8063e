package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/store"
)

// tables lists what readers see of a catalog: path and hash.
func tables(t *testing.T, s *store.Store, id string) map[string]string {
	t.Helper()
	seen := map[string]string{}
	check(t, s.KnownHashes(ctx, id, func(path string, hash []byte) { seen[path] = string(hash) }))
	return seen
}

func row(path, hash string, replaces bool) store.TableRow {
	return store.TableRow{Key: catalog.PackPath(path), Hash: []byte(hash), Body: []byte("body of " + hash), Replaces: replaces}
}

func newRun(t *testing.T, s *store.Store, c *clock, id string) store.Run {
	t.Helper()
	run := store.Run{ID: id, ConnectionID: "w", Trigger: "manual", State: "running", Queued: c.Now(), Started: c.Now()}
	check(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.CreateRun(run) }))
	return run
}

func TestCatalogGenerations(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		f, err := s.Acquire(ctx, "refresh/w", "me", time.Minute)
		check(t, err)
		run := newRun(t, s, c, "run1")
		check(t, s.PutTables(ctx, "w", 1, f, []store.TableRow{row("a", "1", false), row("b", "1", false)}))
		equal(t, len(tables(t, s, "w")), 0) // nothing before it is published
		run.State, run.Finished = "succeeded", c.Now()
		changes := []store.Change{{Change: "added", Path: catalog.Path{"a"}}, {Change: "added", Path: catalog.Path{"b"}, Detail: "x"}}
		check(t, s.PublishCatalog(ctx, "w", 1, f, run, store.CatalogState{Tables: 2, Read: c.Now(), Changed: c.Now()}, changes, nil))
		equal(t, tables(t, s, "w"), map[string]string{"a": "1", "b": "1"})

		// The next generation changes a, removes b, adds d; until it is published, everyone sees the first.
		check(t, s.PutTables(ctx, "w", 2, f, []store.TableRow{row("a", "2", true), row("d", "1", false)}))
		check(t, s.RemoveTables(ctx, "w", 2, f, "run", c.Now(), []string{"b"}, true))
		equal(t, tables(t, s, "w"), map[string]string{"a": "1", "b": "1"})
		run2 := newRun(t, s, c, "run2")
		run2.State, run2.Finished = "succeeded", c.Now()
		stale := []store.StaleScope{{Path: catalog.Path{"x"}, Reason: "denied", Since: c.Now()}}
		check(t, s.PublishCatalog(ctx, "w", 2, f, run2, store.CatalogState{Tables: 2, Read: c.Now()}, changes[:1], stale))
		equal(t, tables(t, s, "w"), map[string]string{"a": "2", "d": "1"})
		check(t, s.SweepCatalog(ctx, "w"))
		equal(t, tables(t, s, "w"), map[string]string{"a": "2", "d": "1"})
		body, err := s.TableBody(ctx, "w", "a")
		check(t, err)
		equal(t, string(body), "body of 2")
		kept, err := s.Changes(ctx, "run1", 10, 1)
		check(t, err)
		equal(t, kept, changes[1:])
		recent, err := s.RecentChanges(ctx, "w", run.Finished, 10) // without those of the first reading
		check(t, err)
		equal(t, recent, []store.RecentChange{{Change: changes[0], At: run2.Finished}})
		recent, err = s.RecentChanges(ctx, "w", run2.Finished.Add(time.Second), 10)
		check(t, err)
		equal(t, len(recent), 0)
		scopes, err := s.Scopes(ctx, "w")
		check(t, err)
		equal(t, scopes, stale)
	})
}

func TestBrokenApplyLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		f, err := s.Acquire(ctx, "refresh/w", "me", time.Minute)
		check(t, err)
		check(t, s.PutTables(ctx, "w", 1, f, []store.TableRow{row("a", "1", false), row("b", "1", false)}))
		check(t, s.PublishCatalog(ctx, "w", 1, f, newRun(t, s, c, "run1"), store.CatalogState{Tables: 2, Read: c.Now()}, nil, nil))
		check(t, s.PutTables(ctx, "w", 2, f, []store.TableRow{row("a", "2", true), row("d", "1", false)}))
		check(t, s.RemoveTables(ctx, "w", 2, f, "run", c.Now(), []string{"b"}, true))
		check(t, s.DropUnpublished(ctx, "w", f)) // what a start after a crash does
		equal(t, tables(t, s, "w"), map[string]string{"a": "1", "b": "1"})
		// A later apply of the same generation publishes only what it wrote itself.
		check(t, s.PutTables(ctx, "w", 2, f, []store.TableRow{row("e", "1", false)}))
		check(t, s.PublishCatalog(ctx, "w", 2, f, newRun(t, s, c, "run2"), store.CatalogState{Tables: 3, Read: c.Now()}, nil, nil))
		equal(t, tables(t, s, "w"), map[string]string{"a": "1", "b": "1", "e": "1"})
	})
}

// published makes rows the first generation of the warehouse's catalog; its run is "first".
func published(t *testing.T, s *store.Store, c *clock, rows ...store.TableRow) store.Fence {
	t.Helper()
	f, err := s.Acquire(ctx, "refresh/w", "me", time.Minute)
	check(t, err)
	check(t, s.PutTables(ctx, "w", 1, f, rows))
	run := newRun(t, s, c, "first")
	run.State = "succeeded"
	check(t, s.PublishCatalog(ctx, "w", 1, f, run, store.CatalogState{Tables: int64(len(rows)), Read: c.Now(), Changed: c.Now()}, nil, nil))
	return f
}

// rows are all that is kept of catalogs, seen or not.
const catalogRows = `select cast(gen_from as text) || ' ' || cast(gen_to as text) from catalog_table order by path, gen_from`

// A reading that found nothing new writes that it was done, and no row of the catalog (P71).
func TestUnchangedReadingWritesNoCatalogRow(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		f := published(t, s, c, row("a", "1", false), row("b", "1", false))
		first, err := s.CatalogState(ctx, "w")
		check(t, err)
		c.add(time.Hour)
		run := newRun(t, s, c, "run2")
		run.State = "succeeded"
		run.Finished = c.Now()
		next := first
		next.Read = c.Now()
		check(t, s.PublishCatalog(ctx, "w", first.Generation, f, run, next, nil, nil))
		got, err := s.CatalogState(ctx, "w")
		check(t, err)
		equal(t, got, next)
		kept, err := s.Column(ctx, catalogRows)
		check(t, err)
		equal(t, kept, []string{"1 0", "1 0"})
		done, err := s.Run(ctx, "run2")
		check(t, err)
		equal(t, done.State, "succeeded")
	})
}

// What is cleaned up is cleaned up whole, over more than one transaction, and nothing else is.
func TestCleaningTakesEveryBatch(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		f := published(t, s, c, row("kept", "1", false))
		put := func(gen int64, replaces bool) {
			var rows []store.TableRow
			for i := range 2*store.MaxBatch + 50 {
				rows = append(rows, row(fmt.Sprintf("t%04d", i), fmt.Sprint(gen), replaces))
			}
			for len(rows) > 0 {
				n := min(store.MaxBatch, len(rows))
				check(t, s.PutTables(ctx, "w", gen, f, rows[:n]))
				rows = rows[n:]
			}
		}
		count := func() string {
			n, err := s.Column(ctx, `select cast(count(*) as text) from catalog_table`)
			check(t, err)
			return n[0]
		}
		put(2, false)
		equal(t, count(), "451")
		check(t, s.DropUnpublished(ctx, "w", f))
		equal(t, count(), "1")
		put(2, false)
		check(t, s.PublishCatalog(ctx, "w", 2, f, newRun(t, s, c, "run2"), store.CatalogState{}, nil, nil))
		put(3, true)
		check(t, s.SweepCatalog(ctx, "w")) // nobody stopped seeing anything yet
		equal(t, count(), "901")
		check(t, s.PublishCatalog(ctx, "w", 3, f, newRun(t, s, c, "run3"), store.CatalogState{}, nil, nil))
		check(t, s.SweepCatalog(ctx, "w"))
		equal(t, count(), "451")
		equal(t, len(tables(t, s, "w")), 451)
		equal(t, tables(t, s, "w")["t0449"], "3")
	})
}

func TestBatchesAreShort(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		f, err := s.Acquire(ctx, "refresh/w", "me", time.Minute)
		check(t, err)
		err = s.PutTables(ctx, "w", 1, f, make([]store.TableRow, store.MaxBatch+1))
		if err == nil || !strings.Contains(err.Error(), "at most 200") {
			t.Fatalf("a long batch: %v", err)
		}
	})
}

// Since when a scope is stale is kept for as long as it is, and it is forgotten when it was read.
func TestStaleScopes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		f := published(t, s, c)
		publish := func(run string, stale ...store.StaleScope) []store.StaleScope {
			t.Helper()
			check(t, s.PublishCatalog(ctx, "w", 1, f, newRun(t, s, c, run), store.CatalogState{}, nil, stale))
			scopes, err := s.Scopes(ctx, "w")
			check(t, err)
			return scopes
		}
		began := c.Now()
		x, y := catalog.Path{"x"}, catalog.Path{"y", "a/b"}
		publish("r1", store.StaleScope{Path: x, Reason: "denied", Since: began}, store.StaleScope{Path: y, Reason: "denied", Since: began})
		c.add(time.Hour)
		equal(t, publish("r2", store.StaleScope{Path: y, Reason: "timeout", Since: c.Now()}), []store.StaleScope{{Path: y, Reason: "timeout", Since: began}})
		equal(t, len(publish("r3")), 0)
	})
}

func TestRuns(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		for _, id := range []string{"r1", "r2", "r3"} {
			newRun(t, s, c, id)
		}
		done, err := s.Run(ctx, "r1")
		check(t, err)
		done.State, done.Added, done.Finished = "succeeded", 7, c.Now()
		check(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.UpdateRun(done) }))
		kept, err := s.Run(ctx, "r1")
		check(t, err)
		equal(t, kept, done)
		ids := func(runs []store.Run, err error) (ids []string) {
			check(t, err)
			for _, r := range runs {
				ids = append(ids, r.ID+" "+r.State)
			}
			return ids
		}
		check(t, s.View(ctx, func(tx *store.Tx) error {
			equal(t, ids(tx.ActiveRuns()), []string{"r2 running", "r3 running"})
			return nil
		}))
		check(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.InterruptRuns(c.Now()) }))
		equal(t, ids(s.Runs(ctx, "w", 2, "")), []string{"r3 interrupted", "r2 interrupted"})
		equal(t, ids(s.Runs(ctx, "w", 2, "r2")), []string{"r1 succeeded"})
	})
}
