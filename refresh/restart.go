package refresh

import (
	"context"
	"fmt"
)

// Restart is Start for a connection of which what is read has changed. A run by the settings of before, whoever asked for it, ends as
// cancelled, and the new one begins when it has ended. That is waited for as long as Cancel waits: whoever saved is not kept longer by a
// source that does not let go.
func (r *Runner) Restart(ctx context.Context, connectionID, trigger, by string) error {
	run, ok := r.underWay(connectionID)
	if ok {
		if err := r.Cancel(run.ID); err != nil {
			return fmt.Errorf("end the refresh under way: %w", err)
		}
	}
	if !ok || r.job(run.ID) == nil {
		_, err := r.Start(ctx, connectionID, trigger, by)
		return err
	}
	r.living.RLock()
	defer r.living.RUnlock()
	if r.life.Err() != nil {
		return ErrStopped
	}
	r.work.Go(func() {
		err := r.Wait(r.life, run.ID)
		if err == nil {
			_, err = r.Start(r.life, connectionID, trigger, by)
		}
		if err != nil && r.life.Err() == nil {
			r.options.Log.Error("cannot refresh by the new settings; the next refresh will", "connection", connectionID, "error", err)
		}
	})
	return nil
}
