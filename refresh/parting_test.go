package refresh_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/connectors"
	"patchbay/refresh"
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
