package query

import (
	"context"
	"errors"

	"patchbay/access"
	"patchbay/connectors"
)

// Stream runs a statement and hands its rows to a Sink as they arrive. It returns when the statement has ended; cancelling
// ctx cancels it. When an error comes back, whatever the Sink has written is not whole.
func (r *Runner) Stream(ctx context.Context, who access.Actor, req Request, to Sink) (Outcome, error) {
	q, err := r.begin(ctx, ctx, who, req)
	if err != nil {
		return Outcome{}, err
	}
	defer q.end()
	out, err := r.execute(q, to)
	r.ended(q, out, err)
	return out, forAsker(who, err)
}

// forAsker takes the server's words out of an error about reaching it: they tell of the network, which is for Admins (P15).
func forAsker(who access.Actor, err error) error {
	var e *connectors.Error
	if !errors.As(err, &e) || who.IsAdmin() || !e.Cause.AboutReaching() {
		return err
	}
	short := *e
	short.Message = ""
	return &short
}
