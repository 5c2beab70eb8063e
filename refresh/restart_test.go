package refresh_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"patchbay/catalog"
	"patchbay/store"
)

// Where the source is another now, a run that reads the one of before ends as cancelled and changes nothing, and the new source is read.
func TestRestart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	reached := make(chan struct{})
	b.read = blocked(reached)
	old, err := b.Start(t.Context(), b.id, "manual", "someone")
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	b.set(whole(warehouse(0, 3)))
	if err := b.Restart(t.Context(), b.id, "manual", "someone else"); err != nil {
		t.Fatal(err)
	}
	if old = b.end(t, old); old.State != "cancelled" {
		t.Errorf("the run by the old settings ended as %s", old.State)
	}
	run := b.end(t, b.runs(t, b.id)[0])
	if run.ID == old.ID || run.State != "succeeded" || run.Added != 3 || run.StartedBy != "someone else" {
		t.Errorf("the run by the new settings is %+v", run)
	}
	if err := b.Restart(t.Context(), b.id, "manual", ""); err != nil { // none is under way
		t.Fatal(err)
	}
	if runs := b.runs(t, b.id); len(runs) != 3 || b.end(t, runs[0]).State != "succeeded" {
		t.Errorf("the runs are %+v", runs)
	}
}

// Who saves is not kept waiting by a source that does not let go: the new run begins when the old one has ended, and never beside it.
func TestRestartOfARunThatHangs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	reached, free := make(chan struct{}), make(chan struct{})
	b.read = func(context.Context, catalog.Filter, catalog.Sink) error {
		close(reached)
		<-free // deaf to its context
		return errors.New("over")
	}
	if _, err := b.Start(t.Context(), b.id, "manual", "someone"); err != nil {
		t.Fatal(err)
	}
	<-reached
	b.set(whole(warehouse(0, 3)))
	restarted := make(chan error, 1)
	go func() { restarted <- b.Restart(t.Context(), b.id, "manual", "someone") }()
	select {
	case err := <-restarted:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits for the source")
	}
	if n := len(b.runs(t, b.id)); n != 1 {
		t.Errorf("%d runs while the old one hangs, want 1", n)
	}
	close(free)
	var last store.Run
	for until := time.Now().Add(20 * time.Second); last.State != "succeeded" && time.Now().Before(until); time.Sleep(time.Millisecond) {
		last = b.runs(t, b.id)[0]
	}
	if runs := b.runs(t, b.id); len(runs) != 2 || last.State != "succeeded" || runs[1].State != "cancelled" {
		t.Errorf("the runs are %+v", runs)
	}
}
