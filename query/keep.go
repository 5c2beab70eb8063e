package query

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/store"
)

// The states of a kept result.
const (
	stateRunning   = "running"
	stateSucceeded = "succeeded"
	stateFailed    = "failed"
	stateCancelled = "cancelled"
)

// Keep starts a statement whose rows go to a kept result while they are read. It returns as soon as the statement has its
// slot; the result can be read and followed from then on, and outlives ctx. A cell has one result: running it again cancels
// the run before it, and takes its result away when the new one is there.
func (r *Runner) Keep(ctx context.Context, who access.Actor, req Request) (store.Result, error) {
	if req.Limit <= 0 || req.Limit > r.limits.Rows {
		req.Limit = r.limits.Rows
	}
	q, err := r.begin(ctx, context.WithoutCancel(ctx), who, req)
	if err != nil {
		return store.Result{}, err
	}
	res := store.Result{ID: q.id, ProjectID: req.ProjectID, CellID: req.CellID, ConnectionID: q.conn.ID, RunBy: who.UserID,
		State: stateRunning, Affected: -1, Started: r.now()}
	if err := r.store.Maintain(ctx, func(tx *store.Tx) error { return tx.CreateResult(res) }); err != nil {
		q.end()
		return store.Result{}, fmt.Errorf("create result: %w", err)
	}
	l := newLive(res)
	r.replace(l, q)
	go r.keep(q, l)
	return res, nil
}

// replace makes l the live result of its cell and cancels the one before.
func (r *Runner) replace(l *live, q *run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range r.lives {
		if other.cellID == l.cellID {
			other.cancel(errReplaced)
		}
	}
	l.cancel = q.cancel
	r.lives[l.id] = l
}

// keep runs the statement of a kept result to its end.
func (r *Runner) keep(q *run, l *live) {
	defer q.end()
	sink := &keepSink{runner: r, live: l}
	out, err := r.execute(q, sink)
	if errKeep := sink.close(); err == nil {
		err = errKeep
	}
	res := l.finish(q.hash, out, sink.cut, r.now(), err)
	r.logBroken(res, err)
	ctx := context.WithoutCancel(q.ctx)
	if err := r.store.Maintain(ctx, func(tx *store.Tx) error { return tx.FinishResult(res) }); err != nil && !errors.Is(err, store.ErrNotFound) {
		r.log.Error("cannot write the end of a result", "result", res.ID, "error", err)
	}
	r.ended(q, out, err)
	r.mu.Lock()
	delete(r.lives, l.id)
	r.mu.Unlock()
	r.removeOlder(ctx, l.cellID, l.id)
	close(l.done)
}

// removeOlder removes the results of a cell that a later run has replaced, now that the run done has ended. One that was made while
// the clock was ahead is no later one.
func (r *Runner) removeOlder(ctx context.Context, cellID, done string) {
	var older []store.Result
	err := r.store.View(ctx, func(tx *store.Tx) error {
		last, err := tx.LastResult(cellID)
		if err != nil {
			return err
		}
		if last.ID != done && last.State != stateRunning && last.Started.After(r.now()) {
			last.ID = done
		}
		older, err = tx.OlderResults(cellID, last.ID)
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		r.log.Error("cannot find the older results of a cell", "cell", cellID, "error", err)
	}
	for _, res := range older {
		r.remove(ctx, res.ID)
	}
}

// logBroken tells the operator what people are not told: an error that is ours.
func (r *Runner) logBroken(res store.Result, err error) {
	var e *connectors.Error
	var denied *access.Denied
	if err != nil && !errors.As(err, &e) && !errors.As(err, &denied) && !errors.Is(err, store.ErrNotFound) { // not found: deleted meanwhile
		r.log.Error("cannot keep a result", "result", res.ID, "error", err)
	}
}

// setError puts an error's words into the result.
func setError(res *store.Result, err error) {
	var e *connectors.Error
	var denied *access.Denied
	switch {
	case errors.As(err, &e):
		res.Cause, res.Error, res.Hint, res.ErrorPosition = string(e.Cause), e.Message, e.Hint, e.Position
	case errors.As(err, &denied):
		res.Cause = string(connectors.CauseCancelled)
		for _, because := range denied.Because {
			res.Error = because.Words
		}
	case errors.Is(err, store.ErrNotFound):
		res.Cause, res.Error = string(connectors.CauseCancelled), "It was deleted while this ran"
	case errors.Is(err, syscall.ENOSPC):
		res.Cause, res.Error = string(connectors.CauseLimit), "The server's disk is full, so the rows could not be kept"
	default:
		res.Cause, res.Error = string(connectors.CauseInternal), "The rows could not be kept"
	}
	res.State = stateFailed
	if res.Cause == string(connectors.CauseCancelled) {
		res.State = stateCancelled
	}
}

// keepSink is the Sink that writes a kept result.
type keepSink struct {
	runner  *Runner
	live    *live
	columns []connectors.Column
	cut     string // says which value was cut, for people
}

// Columns implements Sink.
func (s *keepSink) Columns(columns []connectors.Column) error {
	s.columns = columns
	file, err := s.runner.createFile(s.live.id)
	if err != nil {
		return err
	}
	k, err := newKeeper(file, columns)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	s.live.begin(k, columns)
	return nil
}

// Row implements Sink.
func (s *keepSink) Row(cells [][]byte) error {
	k := s.live.keeper
	if k.bytes >= s.runner.limits.Bytes {
		return &fullError{fmt.Sprintf("Only the first %s were kept", byteWords(s.runner.limits.Bytes))}
	}
	if err := k.row(s.clip(cells)); err != nil {
		return err
	}
	s.live.hasRows()
	return nil
}

// End implements Sink.
func (s *keepSink) End(Outcome) error { return nil }

// clip cuts the cells of a row that is longer than may be kept, and remembers to say so.
func (s *keepSink) clip(cells [][]byte) [][]byte {
	left := s.runner.limits.RowBytes
	for i, cell := range cells {
		if left -= int64(len(cell)); left >= 0 {
			continue
		}
		s.cut = fmt.Sprintf("A value of column %s was cut, since its row is longer than %s", s.columns[i].Name, byteWords(s.runner.limits.RowBytes))
		short := append([][]byte{}, cells...)
		short[i] = cell[:int64(len(cell))+left]
		for j := i + 1; j < len(short); j++ {
			if short[j] != nil {
				short[j] = []byte{}
			}
		}
		return short
	}
	return cells
}

// close ends the file, however the statement ended: the rows so far stay readable.
func (s *keepSink) close() error {
	if s.live.keeper == nil {
		return nil
	}
	return s.live.keeper.close()
}

// byteWords is n for people: "2 GiB".
func byteWords(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprintf("%d %s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
