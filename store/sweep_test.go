package store_test

import (
	"fmt"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/store"
)

// A deleted connection is gone at once, whatever its size, and its rows go in steps that nobody waits for; what a stopped process
// did not get to, the next one does.
func TestDeletedCatalogIsSweptInSteps(t *testing.T) {
	t.Parallel()
	c := newClock()
	dir := t.TempDir()
	s := open(t, dir, c)
	withWarehouse(t, s, c)
	f, err := s.Acquire(ctx, "refresh/w", "me", time.Hour)
	check(t, err)
	const tablesInAll = 20_000
	var rows []store.TableRow
	for i := range tablesInAll {
		rows = append(rows, row(fmt.Sprintf("database/schema_%03d/table_%05d", i/100, i), fmt.Sprintf("%08d", i), false))
		if len(rows) == store.MaxBatch {
			check(t, s.PutTables(ctx, "w", 1, f, rows))
			rows = rows[:0]
		}
	}
	var changes []store.Change
	for i := range 10_000 {
		changes = append(changes, store.Change{Change: "added", Path: catalog.Path{"database", fmt.Sprint("table_", i)}})
	}
	check(t, s.PublishCatalog(ctx, "w", 1, f, newRun(t, s, c, "run"), store.CatalogState{Tables: tablesInAll, Read: c.Now()}, changes, nil))

	began := time.Now()
	update(t, s, func(tx *store.Tx) error { return tx.DeleteConnection("w") })
	deleting := time.Since(began)
	if deleting > 500*time.Millisecond { // 20 ms here; a cascade over the rows would take seconds under the race detector
		t.Errorf("deleting held the writer for %s", deleting)
	}
	equal(t, len(tables(t, s, "w")), 0)

	var slowest time.Duration
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			began := time.Now()
			_ = s.Maintain(ctx, func(tx *store.Tx) error { return tx.SetSetting(fmt.Sprint(i), "x") })
			slowest = max(slowest, time.Since(began))
			time.Sleep(time.Millisecond)
		}
	}()
	check(t, s.SweepDeleted(ctx))
	close(stop)
	<-stopped
	t.Logf("deleting held the writer for %s; the slowest write of others meanwhile took %s", deleting, slowest)
	for _, table := range []string{"catalog_table", "catalog_number", "refresh_run", "refresh_change"} {
		n, err := s.Column(ctx, `select cast(count(*) as text) from `+table)
		check(t, err)
		equal(t, n, []string{"0"})
	}
}
