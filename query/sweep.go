package query

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"patchbay/store"
)

// sweepEvery is how often idle sources are closed and results without a cell are removed.
const sweepEvery = 30 * time.Second

// keptSuffix ends the name of a kept result's file: the ending of Arrow IPC streams.
const keptSuffix = ".arrows"

func fileName(id string) string { return id + keptSuffix }

// createFile makes the file of a new result, for us alone.
func (r *Runner) createFile(id string) (*os.File, error) {
	f, err := r.files.OpenFile(fileName(id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create file of result: %w", err)
	}
	return f, nil
}

// remove takes a result away, with its rows.
func (r *Runner) remove(ctx context.Context, id string) {
	err := r.store.Maintain(ctx, func(tx *store.Tx) error { return tx.DeleteResult(id) })
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		r.log.Error("cannot remove a result", "result", id, "error", err)
		return
	}
	r.removeFile(fileName(id))
}

func (r *Runner) removeFile(name string) {
	if err := r.files.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.log.Error("cannot remove the file of a result", "file", name, "error", err)
	}
}

// interrupt marks results that an earlier process left running, and removes their files and those of no result (P61).
func (r *Runner) interrupt(ctx context.Context) error {
	ids := map[string]bool{}
	err := r.store.Maintain(ctx, func(tx *store.Tx) error {
		left, err := tx.RunningResults()
		if err != nil {
			return err
		}
		all, err := tx.ResultIDs()
		if err != nil {
			return err
		}
		for _, id := range all {
			ids[id] = true
		}
		for _, res := range left {
			ids[res.ID] = false
			res.State, res.Cause, res.Error, res.Finished = stateFailed, "interrupted", "The server stopped while this ran. Run the cell again", r.now()
			if err := tx.FinishResult(res); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("mark interrupted results: %w", err)
	}
	return r.removeFilesExcept(ids)
}

// removeFilesExcept removes the files of all results but these.
func (r *Runner) removeFilesExcept(ids map[string]bool) error {
	files, err := fs.ReadDir(r.files.FS(), ".")
	if err != nil {
		return fmt.Errorf("list kept results: %w", err)
	}
	for _, f := range files {
		if id, kept := strings.CutSuffix(f.Name(), keptSuffix); kept && !ids[id] {
			r.removeFile(f.Name())
		}
	}
	return nil
}

// sweepUntilClosed tidies now and then.
func (r *Runner) sweepUntilClosed() {
	defer r.running.Done()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-tick.C:
			r.sweep(context.Background())
		}
	}
}

// sweep closes sources that nobody needs and removes results whose cell is gone.
func (r *Runner) sweep(ctx context.Context) {
	r.pool.sweep(func(id string) (int64, bool) {
		c, err := r.store.Connection(ctx, id)
		return c.Version, err == nil
	})
	var stale []store.Result
	err := r.store.View(ctx, func(tx *store.Tx) (err error) {
		stale, err = tx.StaleResults(time.Time{})
		return err
	})
	if err != nil {
		r.log.Error("cannot find results to sweep", "error", err)
	}
	for _, res := range stale {
		r.remove(ctx, res.ID)
	}
}
