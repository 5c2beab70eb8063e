package refresh_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/connectors"
	"patchbay/refresh"
	"patchbay/schedule"
	"patchbay/store"
)

type slowClose struct {
	connectors.Source
	closing chan struct{}
	let     chan struct{}
	open    *atomic.Int32
}

func (s slowClose) Close() error {
	if s.closing != nil {
		close(s.closing)
		<-s.let
	}
	s.open.Add(-1)
	return s.Source.Close()
}

// A refresh that is asked for while the one before, told as ended, still closes its source, comes after it.
func TestRefreshAfterOneThatStillCloses(t *testing.T) {
	b := newBench(t)
	b.read = whole(warehouse(0, 40))
	var open, most atomic.Int32
	closing, let := make(chan struct{}), make(chan struct{})
	var n atomic.Int32
	o := b.options(0)
	inner := o.Open
	o.Open = func(ctx context.Context, c *store.Connection) (connectors.Source, error) {
		s, err := inner(ctx, c)
		if m := open.Add(1); m > most.Load() {
			most.Store(m)
		}
		w := slowClose{Source: s, open: &open}
		if n.Add(1) == 1 {
			w.closing, w.let = closing, let
		}
		return w, err
	}
	r := refresh.NewRunner(o)
	defer r.Stop(context.Background())
	_, err := r.Start(t.Context(), b.id, "manual", "")
	if err != nil {
		t.Fatal(err)
	}
	<-closing
	b.set(whole(warehouse(0, 50)))
	time.AfterFunc(300*time.Millisecond, func() { close(let) })
	two, err := r.Start(t.Context(), b.id, "manual", "")
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Wait(t.Context(), two.ID)
	run, err := b.store.Run(t.Context(), two.ID)
	if err != nil || run.State != "succeeded" || most.Load() > 1 {
		t.Errorf("second run: %s %q %q; sources open at once: %d; %v", run.State, run.Cause, run.Error, most.Load(), err)
	}
}

// A source that hangs while it is closed keeps back no scheduled refresh of another, whether or not someone waits to refresh the same
// again.
func TestHangingCloseKeepsBackNoOther(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = whole(warehouse(0, 3))
	hourly := schedule.Spec{Kind: schedule.Hourly, EveryHours: 1}
	slow, other := b.connection(t, "slow", hourly), b.connection(t, "other", hourly)
	var open atomic.Int32
	closing, let := make(chan struct{}), make(chan struct{})
	o := b.options(0)
	inner := o.Open
	first := true // of the slow one, whose runs come one after another
	o.Open = func(ctx context.Context, c *store.Connection) (connectors.Source, error) {
		s, err := inner(ctx, c)
		w := slowClose{Source: s, open: &open}
		if c.ID == slow && first {
			w.closing, w.let, first = closing, let, false
		}
		return w, err
	}
	b.Runner = refresh.NewRunner(o)
	if _, err := b.Start(t.Context(), slow, "manual", ""); err != nil {
		t.Fatal(err)
	}
	<-closing
	waits := make(chan error, 1)
	for round := range 2 {
		b.pass(time.Hour - 10*time.Minute)
		for range 10 {
			b.pass(2 * time.Minute)
			woken := make(chan struct{})
			go func() {
				defer close(woken)
				wake(t, b.Runner)
			}()
			select {
			case <-woken:
			case <-time.After(30 * time.Second):
				close(let)
				t.Fatal("the round waits for the source that hangs")
			}
		}
		if n := len(b.ends(t, other)); n != round+1 {
			t.Errorf("round %d: %d runs of the other", round, n)
		}
		if round == 0 {
			go func() {
				_, err := b.Start(t.Context(), slow, "manual", "")
				waits <- err
			}()
		}
	}
	close(let)
	if err := <-waits; err != nil {
		t.Error(err)
	}
}
