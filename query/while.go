package query

import (
	"context"
	"errors"
	"fmt"
	"time"

	"patchbay/access"
	"patchbay/store"
)

const (
	// AskAgain is how often it is asked whether what goes on, and who reads, still may: it ends within a second (P44).
	AskAgain = 300 * time.Millisecond
	// mayTake is how long one answer may take; after that it could not be told.
	mayTake = time.Second
	// mayFail is how often in a row it may be impossible to tell, before what goes on ends.
	mayFail = 3
)

// While is ctx for as long as may lets it go on: it is asked again and again, and a refusal ends ctx, as its cause. That it cannot be
// told once, or takes long, ends nothing; a few times in a row does. Each is asked for itself, so that no answer waits for another's.
// stop ends the asking.
func While(ctx context.Context, may func(context.Context) error) (_ context.Context, stop func()) {
	ctx, end := context.WithCancelCause(ctx)
	go func() {
		failed := 0
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(AskAgain):
			}
			err := ask(ctx, may)
			switch {
			case err == nil:
				failed = 0
			case refuses(err):
				end(err)
			default:
				if failed++; failed == mayFail {
					end(fmt.Errorf("%w: %v", errUndecided, err)) // not the cause itself: a read that took too long is no query that did
				}
			}
		}
	}()
	return ctx, func() { end(nil) }
}

// ask is one answer of may, which does not take long.
func ask(ctx context.Context, may func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, mayTake)
	defer cancel()
	return may(ctx)
}

// refuses says whether an error is a no: it is not allowed, or what it was allowed on is gone.
func refuses(err error) bool {
	return errors.As(err, new(*access.Denied)) || errors.Is(err, store.ErrNotFound)
}
