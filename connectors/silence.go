package connectors

import (
	"context"
	"fmt"
	"time"
)

// A Silence bounds how long a server may send nothing that is waited for. A server that is busy with a long statement is as silent as
// one that hangs, and both may keep the connection alive: so it is asked for a sign of life, on a new connection, and what waits is
// given up where it gives none. The zero value stands for a minute in all (PROMISES 5.3).
type Silence struct {
	Ask    time.Duration // after so long without a byte it is asked
	Answer time.Duration // so long it may take to answer
}

var defaultSilence = Silence{Ask: 50 * time.Second, Answer: 10 * time.Second}

// A silentError ends what waited for a silent server.
type silentError struct{ after time.Duration }

func (e *silentError) Error() string {
	return fmt.Sprintf("the server sent nothing for %s, and answers on no new connection either", e.after)
}

// attend is a ctx that ends when the server falls silent, until stop is called.
func (g *guard) attend(ctx context.Context) (attended context.Context, stop func()) {
	if g.connector.embedded() {
		return ctx, func() {}
	}
	ctx, end := context.WithCancelCause(ctx)
	go func() {
		alive := time.Now() // when it last answered
		silent := func() time.Duration { return min(g.waits.Longest(), time.Since(alive)) }
		tick := time.NewTicker(g.silence.Ask / 10)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			switch {
			case silent() < g.silence.Ask:
			case g.answers(ctx):
				alive = time.Now()
			case silent() >= g.silence.Ask+g.silence.Answer:
				end(&silentError{g.silence.Ask + g.silence.Answer})
				return
			}
		}
	}()
	return ctx, func() { end(nil) }
}

// answers asks the server for a sign of life. That it lets nobody in is one too.
func (g *guard) answers(ctx context.Context) bool {
	const op = "ask the server for a sign of life"
	ctx, cancel := context.WithTimeout(ctx, g.silence.Answer)
	defer cancel()
	done := begin(g, op, func() (struct{}, error) {
		t := g.target
		if t.TLS != nil {
			t.TLS = t.TLS.Clone()
		}
		src, err := g.connector.Open(ctx, t)
		if err == nil {
			closeLate(src)
		}
		return struct{}{}, err
	})
	select {
	case o := <-done:
		return o.err == nil || reaching(o.err) == nil && definite[g.classify(ctx, o.err).Cause]
	case <-ctx.Done():
		return false
	}
}
