package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/store"
)

const (
	// shownCell is how much of a cell a page shows; Cell has the whole.
	shownCell = 1 << 20
	// pageBytes is about how much text a page holds: it ends early when it has as much.
	pageBytes = 8 << 20
	// crowdedCell is how much of a cell is shown once its page is full.
	crowdedCell = 256
)

// ErrRowsGone is a result whose rows are not on disk any more.
var ErrRowsGone = errors.New("the kept rows are gone: run the cell again")

// A Page is some rows of a kept result, as much of them as is good to show.
type Page struct {
	Offset int64
	Rows   [][]Cell // maybe fewer than were asked for; ask again from Offset + len(Rows)
	Total  int64    // rows kept so far
}

// A Cell is one value of a page.
type Cell struct {
	Text string // valid UTF-8
	Null bool
	Cut  bool // Text is only the beginning; Runner.Cell has the whole
}

// Result is a kept result as it is now. Who may not see it is refused, at this moment (P19).
func (r *Runner) Result(ctx context.Context, who access.Actor, id string) (store.Result, error) {
	res, _, err := r.result(ctx, who, id)
	return res, err
}

// result also answers with the keeper while the result is made: an empty one before it has columns.
func (r *Runner) result(ctx context.Context, who access.Actor, id string) (store.Result, *keeper, error) {
	r.mu.Lock()
	l := r.lives[id]
	r.mu.Unlock()
	var res store.Result
	err := r.store.View(ctx, func(tx *store.Tx) (err error) {
		if res, err = tx.ResultByID(id); err != nil {
			return fmt.Errorf("read result: %w", err)
		}
		who, err = r.mayRead(tx, who, res)
		return err
	})
	if err != nil {
		return store.Result{}, nil, err
	}
	var k *keeper
	if l != nil {
		if res, k = l.snapshot(); k == nil {
			k = &keeper{}
		}
	}
	if !who.IsAdmin() && connectors.Cause(res.Cause).AboutReaching() {
		res.Error = ""
	}
	return res, k, nil
}

// Rows is a page of a kept result, while it is made too. It decodes only the chunks that hold the rows.
func (r *Runner) Rows(ctx context.Context, who access.Actor, id string, offset, limit int64) (Page, error) {
	_, v, done, err := r.view(ctx, who, id, offset, limit)
	if err != nil {
		return Page{}, err
	}
	defer done()
	page := Page{Offset: offset, Total: v.rows}
	size := 0
	err = v.each(offset, limit, func(cells [][]byte) (bool, error) {
		row := make([]Cell, len(cells))
		for i, cell := range cells {
			row[i] = shown(cell, size)
			size += len(row[i].Text)
		}
		page.Rows = append(page.Rows, row)
		return size < pageBytes, ctx.Err()
	})
	return page, err
}

// shown is the part of a cell that a page holds which has size bytes already.
func shown(cell []byte, size int) Cell {
	most := shownCell
	if size >= pageBytes {
		most = crowdedCell
	}
	c := Cell{Null: cell == nil, Cut: len(cell) > most}
	if c.Cut {
		for !utf8.RuneStart(cell[most]) && most > 0 {
			most--
		}
		cell = cell[:most]
	}
	c.Text = strings.ToValidUTF8(string(cell), "\uFFFD")
	return c
}

// Cell is one whole value of a kept result; nil is NULL.
func (r *Runner) Cell(ctx context.Context, who access.Actor, id string, row int64, column int) ([]byte, error) {
	_, v, done, err := r.view(ctx, who, id, row, 1)
	if err != nil {
		return nil, err
	}
	defer done()
	found := false
	var value []byte
	err = v.each(row, 1, func(cells [][]byte) (bool, error) {
		if column >= 0 && column < len(cells) {
			found = true
			if cells[column] != nil {
				value = append([]byte{}, cells[column]...)
			}
		}
		return false, nil
	})
	if err == nil && !found {
		return nil, fmt.Errorf("read cell: %w", store.ErrNotFound)
	}
	return value, err
}

// Copy hands the rows of a kept result to a Sink: those that are there now, where the result is still made. Whoever may not see
// it any more is refused within a second, on the way too (P44).
func (r *Runner) Copy(ctx context.Context, who access.Actor, id string, to Sink) error {
	res, v, done, err := r.view(ctx, who, id, 0, math.MaxInt64)
	if err != nil {
		return err
	}
	defer done()
	ctx, stop := While(ctx, func(ctx context.Context) error {
		return r.store.View(ctx, func(tx *store.Tx) error { _, err := r.mayRead(tx, who, res); return err })
	})
	defer stop()
	defer breakWith(ctx, to)()
	if err := copyRows(ctx, res, v, to); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	return nil
}

func copyRows(ctx context.Context, res store.Result, v *keptView, to Sink) error {
	columns := make([]connectors.Column, len(res.Columns))
	for i, c := range res.Columns {
		columns[i] = connectors.Column{Name: c.Name, Type: c.Type, Family: c.Family}
	}
	if err := to.Columns(columns); err != nil {
		return err
	}
	out := Outcome{Rows: v.rows, Affected: res.Affected, Truncated: res.Truncated, Took: took(res)}
	err := v.each(0, math.MaxInt64, func(cells [][]byte) (bool, error) { return true, errors.Join(ctx.Err(), to.Row(cells)) })
	var full *fullError
	if errors.As(err, &full) && ctx.Err() == nil {
		out.Truncated, err = full.words, nil
	}
	if err != nil {
		return err
	}
	return to.End(out)
}

// took is how long the statement of a result ran.
func took(res store.Result) time.Duration {
	if res.Finished.IsZero() {
		return 0
	}
	return res.Finished.Sub(res.Started)
}

// ExportCSV writes a kept result as CSV, and the audit row of that (P52).
func (r *Runner) ExportCSV(ctx context.Context, who access.Actor, id string, w io.Writer, raw bool) error {
	return r.export(ctx, who, id, NewCSV(w, raw), map[string]any{"format": "csv", "raw": raw})
}

// Export is Copy to a Sink that writes a file of a format, and the audit row of that (P52).
func (r *Runner) Export(ctx context.Context, who access.Actor, id, format string, to Sink) error {
	return r.export(ctx, who, id, to, map[string]any{"format": format})
}

// export writes the audit row before the first row leaves: a store that cannot keep it gives none. That whoever loses the right on the
// way was cut off has a row too.
func (r *Runner) export(ctx context.Context, who access.Actor, id string, to Sink, detail map[string]any) error {
	entry := store.AuditEntry{Who: who, Action: "result.export", ObjectType: "result", ObjectID: id, Detail: detail}
	_, _, done, err := r.view(ctx, who, id, 0, 0)
	var denied *access.Denied
	switch {
	case err == nil:
		done()
	case errors.As(err, &denied):
		entry.Outcome, denied.Audited = "refused", true
	default:
		entry.Outcome = "failed"
	}
	if err := errors.Join(err, r.store.Audit(context.WithoutCancel(ctx), entry)); err != nil {
		return err
	}
	if err = r.Copy(ctx, who, id, to); errors.As(err, &denied) {
		denied.Audited = true
		entry.Action, entry.Outcome = "result.cut", "refused"
		err = errors.Join(err, r.store.Audit(context.WithoutCancel(ctx), entry))
	}
	return err
}

// view is a result with what of its rows can be read now, decided for who. done closes its file.
func (r *Runner) view(ctx context.Context, who access.Actor, id string, offset, limit int64) (res store.Result, v *keptView, done func(), err error) {
	res, k, err := r.result(ctx, who, id)
	if err != nil {
		return res, nil, nil, err
	}
	file, err := r.files.Open(fileName(res.ID))
	if errors.Is(err, fs.ErrNotExist) {
		if res.State == stateSucceeded && k == nil {
			return res, nil, nil, ErrRowsGone
		}
		return res, &keptView{}, func() {}, nil // it failed before it had columns, or has none yet
	}
	if err != nil {
		return res, nil, nil, fmt.Errorf("open kept rows: %w", err)
	}
	if k != nil {
		return res, k.view(file, offset, limit), func() { _ = file.Close() }, nil
	}
	if v, err = openKept(file); err != nil {
		return res, nil, nil, errors.Join(err, file.Close())
	}
	return res, v, func() { _ = file.Close() }, nil
}

// Follow tells of a running result: at once, when its first row is there, then several times a second while something
// changes, and when it is final, after which the channel is closed. Each message is decided for who when it is sent, and who
// loses Can view results gets no more (P19). Cancelling ctx ends it.
func (r *Runner) Follow(ctx context.Context, who access.Actor, id string) (<-chan store.Result, error) {
	r.mu.Lock()
	l := r.lives[id]
	r.mu.Unlock()
	res, err := r.Result(ctx, who, id)
	if err != nil {
		return nil, err
	}
	out := make(chan store.Result, 1)
	out <- res
	if l == nil {
		close(out)
		return out, nil
	}
	go r.follow(ctx, who, l, res, out)
	return out, nil
}

func (r *Runner) follow(ctx context.Context, who access.Actor, l *live, last store.Result, out chan<- store.Result) {
	defer close(out)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	first := l.first
	for final := false; !final; {
		select {
		case <-ctx.Done():
			return
		case <-l.done:
			final = true
		case <-first:
			first = nil
		case <-tick.C:
		}
		res, err := r.Result(ctx, who, l.id)
		if err != nil {
			return
		}
		if res.State == last.State && res.Rows == last.Rows && len(res.Columns) == len(last.Columns) {
			continue
		}
		last = res
		select {
		case out <- res:
		case <-ctx.Done():
			return
		}
	}
}

// Wait returns when a result is final, or ctx ends. It decides nothing: it tells no more than that.
func (r *Runner) Wait(ctx context.Context, id string) error {
	r.mu.Lock()
	l := r.lives[id]
	r.mu.Unlock()
	if l == nil {
		return nil
	}
	select {
	case <-l.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Cancel cancels a running result. Who started it may, and who may run cells in its project. One that has ended stays as it is.
func (r *Runner) Cancel(ctx context.Context, who access.Actor, id string) error {
	r.mu.Lock()
	l := r.lives[id]
	r.mu.Unlock()
	var res store.Result
	err := r.store.View(ctx, func(tx *store.Tx) (err error) {
		if res, err = tx.ResultByID(id); err != nil {
			return fmt.Errorf("read result: %w", err)
		}
		return r.mayCancel(tx, who, res)
	})
	if err != nil {
		return err
	}
	entry := store.AuditEntry{Who: who, Action: "query.cancel", ObjectType: "result", ObjectID: id}
	if err := r.store.Audit(ctx, entry); err != nil {
		return err
	}
	if l != nil {
		l.cancel(errCancelled)
	}
	return nil
}

// DropCell cancels what a deleted cell runs and removes its results.
func (r *Runner) DropCell(ctx context.Context, cellID string) error {
	r.mu.Lock()
	for _, l := range r.lives {
		if l.cellID == cellID {
			l.cancel(errCancelled)
		}
	}
	r.mu.Unlock()
	var left []store.Result
	err := r.store.View(ctx, func(tx *store.Tx) (err error) { left, err = tx.OlderResults(cellID, ""); return err })
	if err != nil {
		return fmt.Errorf("read results of cell: %w", err)
	}
	for _, res := range left {
		r.remove(ctx, res.ID)
	}
	return nil
}
