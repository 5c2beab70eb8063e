package refresh_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/schedule"
	"patchbay/store"
)

// Refilter ends the run that reads by the filter of before, hides at once what the filter drops, also from a process that
// starts before the next refresh, and shows it again when the filter is taken back.
func TestRefilter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 60)
	b.read = whole(tables)
	b.succeed(t, 60, 0, 0)
	reached := make(chan struct{})
	b.read = blocked(reached)
	run, err := b.Start(t.Context(), b.id, "manual", "someone")
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	set := func(f catalog.Filter) {
		t.Helper()
		err := b.store.Update(t.Context(), store.AuditEntry{Action: "connection.filter"}, func(tx *store.Tx) error { return tx.SetFilter(b.id, f) })
		if err := errors.Join(err, b.Refilter(t.Context(), b.id)); err != nil {
			t.Fatal(err)
		}
	}
	set(catalog.Filter{Tables: catalog.Rule{Include: &catalog.Match{Match: catalog.MatchExact, Values: []string{tables[59].Path.Name()}}}})
	if run = b.end(t, run); run.State != "cancelled" {
		t.Errorf("the run by the old filter ended as %s", run.State)
	}
	if n := b.mustShard(t).Tables(); n != 1 {
		t.Errorf("%d tables are to be seen, want 1", n)
	}
	if state, err := b.store.CatalogState(t.Context(), b.id); err != nil || state.Tables != 1 || state.Columns != int64(len(tables[59].Columns)) {
		t.Errorf("of the catalog that is to be seen, the store says %+v, error %v", state, err)
	}
	if _, err := b.Table(t.Context(), b.id, tables[0].Path); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a hidden table is told of: %v", err)
	}
	if _, err := b.Table(t.Context(), b.id, tables[59].Path); err != nil {
		t.Errorf("a table that stays: %v", err)
	}

	b.Stop(t.Context())
	b.Runner = b.runner(0)
	if err := b.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if _, ok := b.Shard(b.id); ok {
			break
		}
	}
	if n := b.mustShard(t).Tables(); n != 1 {
		t.Errorf("after a restart %d tables are to be seen, want 1", n)
	}
	set(catalog.Filter{})
	if n := b.mustShard(t).Tables(); n != 60 {
		t.Errorf("without the filter %d tables are to be seen, want 60", n)
	}
	b.read = whole(tables)
	b.succeed(t, 0, 0, 0)
}

// While the catalog of one connection is filtered, refreshes of others start.
func TestRefilterHoldsBackNoOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	reached, ending, free := make(chan struct{}), make(chan struct{}), make(chan struct{})
	b.set(func(ctx context.Context, _ catalog.Filter, _ catalog.Sink) error {
		close(reached)
		<-ctx.Done()
		close(ending)
		<-free // it takes its time
		return errors.New("over")
	})
	if _, err := b.Start(t.Context(), b.id, "manual", "someone"); err != nil {
		t.Fatal(err)
	}
	<-reached
	filtered := make(chan error)
	go func() { filtered <- b.Refilter(t.Context(), b.id) }()
	<-ending
	b.set(whole(warehouse(0, 3)))
	other := b.connection(t, "other", schedule.Spec{Kind: schedule.Off})
	started := make(chan error)
	go func() {
		_, err := b.Start(t.Context(), other, "manual", "someone")
		started <- err
	}()
	select {
	case err := <-started:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("a refresh of another connection waits")
		defer func() { <-started }()
	}
	close(free)
	if err := <-filtered; err != nil {
		t.Error(err)
	}
}
