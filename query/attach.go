package query

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/store"
)

// AttachCSV is a kept result as CSV for a message to who, who must be allowed to see it at this moment, with the audit row of an
// export. It holds whole rows of at most limit bytes; note says why it is not all, or, with no bytes, why there is none.
func (r *Runner) AttachCSV(ctx context.Context, who access.Actor, id string, limit int) (csv []byte, note string, err error) {
	to := &attachment{limit: limit}
	to.csv = NewCSV(&to.buf, false)
	err = r.export(ctx, who, id, to, map[string]any{"format": "csv", "by": "notification"})
	if errors.Is(err, ErrRowsGone) || errors.Is(err, store.ErrNotFound) {
		return nil, "They are not kept any more: the cell was run again, or deleted", nil
	}
	if err == nil && to.buf.Len() == 0 {
		return nil, "The statement has no result", nil
	}
	return to.buf.Bytes(), to.note, err
}

// An attachment is a Sink that keeps CSV in memory, as many whole rows as there is room for.
type attachment struct {
	csv   *CSV
	buf   bytes.Buffer
	limit int
	rows  int64
	note  string
}

// Columns implements Sink.
func (a *attachment) Columns(columns []connectors.Column) error { return a.csv.Columns(columns) }

// Row implements Sink.
func (a *attachment) Row(cells [][]byte) error {
	whole := a.buf.Len() + len(a.csv.out.buf)
	if err := a.csv.Row(cells); err != nil {
		return err
	}
	if a.buf.Len()+len(a.csv.out.buf) <= a.limit {
		a.rows++
		return nil
	}
	if err := a.csv.out.flush(); err != nil {
		return err
	}
	a.buf.Truncate(whole)
	return &fullError{fmt.Sprintf("Only the first %d rows fit", a.rows)}
}

// End implements Sink.
func (a *attachment) End(out Outcome) error {
	a.note = out.Truncated
	return a.csv.End(out)
}
