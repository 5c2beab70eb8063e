package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/store"
)

var errBroken = errors.New("the store cannot be read")

// answers is a may that gives these answers, one a question, and then says yes.
func answers(asked *int, these ...error) func(context.Context) error {
	return func(context.Context) error {
		*asked++
		if *asked > len(these) {
			return nil
		}
		return these[*asked-1]
	}
}

// What goes on ends with a refusal at once, and with answers that fail three times in a row; not with fewer, and not where they come
// again and again with a yes between.
func TestWhileEndsWithARefusalAndNotWithAFailedRead(t *testing.T) {
	denied := &access.Denied{Action: "go on"}
	for name, c := range map[string]struct {
		answers []error
		ends    error         // nil: it does not
		after   time.Duration // from the beginning
	}{
		"a yes":                      {nil, nil, 0},
		"one failed read":            {[]error{errBroken}, nil, 0},
		"two":                        {[]error{errBroken, errBroken}, nil, 0},
		"two, a yes, and two":        {[]error{errBroken, errBroken, nil, errBroken, errBroken}, nil, 0},
		"three":                      {[]error{errBroken, errBroken, errBroken}, errUndecided, 3 * AskAgain},
		"a refusal":                  {[]error{denied}, denied, AskAgain},
		"a refusal after a failure":  {[]error{errBroken, fmt.Errorf("decide: %w", denied)}, denied, 2 * AskAgain},
		"something that is not here": {[]error{store.ErrNotFound}, store.ErrNotFound, AskAgain},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, asked := time.Now(), 0
				ctx, stop := While(t.Context(), answers(&asked, c.answers...))
				defer stop()
				select {
				case <-ctx.Done():
				case <-time.After(time.Minute):
				}
				synctest.Wait()
				if c.ends == nil {
					if ctx.Err() != nil || asked < 100 {
						t.Errorf("asked %d times it ended with %v", asked, context.Cause(ctx))
					}
					return
				}
				if err := context.Cause(ctx); !errors.Is(err, c.ends) || time.Since(began) != c.after {
					t.Errorf("after %s it ended with %v", time.Since(began), err)
				}
			})
		})
	}
}

// An answer that does not come counts as one that failed, and keeps nobody else's from being asked for.
func TestWhileAsksEachForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging, stop := While(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		defer stop()
		began := time.Now()
		other, stop := While(t.Context(), func(context.Context) error { return store.ErrNotFound })
		defer stop()
		<-other.Done()
		if took := time.Since(began); took != AskAgain {
			t.Errorf("beside an answer that hangs, another's took %s", took)
		}
		<-hanging.Done()
		if err := context.Cause(hanging); !errors.Is(err, errUndecided) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("answers that do not come end it with %v", err)
		}
	})
}

// Stopping ends the asking, and what is asked for on the way has no say any more.
func TestWhileStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		ctx, stop := While(t.Context(), answers(&asked))
		time.Sleep(AskAgain + time.Millisecond)
		stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		if asked != 1 || !errors.Is(context.Cause(ctx), context.Canceled) {
			t.Errorf("asked %d times, %v", asked, context.Cause(ctx))
		}
	})
}

// A query of which it cannot be told whether it may go on is cancelled, and says so; its asker is not told that it was taken away.
func TestAnUndecidedQueryIsCancelled(t *testing.T) {
	t.Parallel()
	s := &script{columns: tenColumns[:1], rows: -1, every: slowly(1)}
	w := newWorld(t, s, Limits{})
	ended := make(chan error, 1)
	go func() {
		_, err := w.runner.Stream(t.Context(), ann, plain("select 1"), NewCSV(io.Discard, false))
		ended <- err
	}()
	waitFor(t, func() bool { return s.running.Load() == 1 })
	waitFor(t, func() bool { // its row is the last thing that it writes
		rows, err := w.store.AuditRows(t.Context(), store.AuditFilter{Action: "query.run", Limit: 1})
		return err == nil && len(rows) == 1
	})
	if err := w.store.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		var e *connectors.Error
		if !errors.As(err, &e) || e.Cause != connectors.CauseCancelled || e.Message != "it could not be told whether access was still there" {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("a query goes on whose right nobody can tell")
	}
}
