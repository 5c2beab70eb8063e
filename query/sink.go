package query

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"patchbay/connectors"
)

// A Sink takes the rows of one statement as the source sends them. It is called by one goroutine.
type Sink interface {
	// Columns comes first, once. A statement without a result has none.
	Columns([]connectors.Column) error
	// Row takes one row. The cells are the source's own text, nil for NULL, and valid until Row returns.
	Row(cells [][]byte) error
	// End comes last, only when the statement ended well.
	End(Outcome) error
}

// A Breaker is a Sink whose Row may wait for whoever reads it. Break, from another goroutine, makes it return with an error.
type Breaker interface {
	Sink
	Break()
}

// breakWith breaks the sink off once ctx is cancelled, so that nothing is held for a reader who has stopped and may not go on.
// stop ends that.
func breakWith(ctx context.Context, to Sink) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		if b, ok := to.(Breaker); ok {
			b.Break()
		}
	})
}

// breakOff breaks off what a sink writes to, where that can be.
func breakOff(w io.Writer) {
	if b, ok := w.(interface{ Break() }); ok {
		b.Break()
	}
}

// An Outcome says how a statement ended.
type Outcome struct {
	Rows      int64
	Affected  int64  // rows that the statement changed; -1 where it is unknown
	Truncated string // why not all was read, for people; empty: it is whole
	Took      time.Duration
}

const (
	// outBytes is how much is gathered before it is written.
	outBytes = 64 << 10
	// outLag is how long a row may wait for company: a slow source's rows are seen as they come.
	outLag = 50 * time.Millisecond
)

// out gathers what a text sink writes. Nothing is written before the first row or the end, so that a statement that fails at
// once can still be answered with an error.
type out struct {
	w     io.Writer
	buf   []byte
	timer *time.Timer
	due   atomic.Bool
}

func newOut(w io.Writer) *out {
	o := &out{w: w, buf: make([]byte, 0, outBytes+outBytes/4)}
	o.due.Store(true) // the first row goes at once
	return o
}

// rowDone writes when there is enough or when the last writing is long ago.
func (o *out) rowDone() error {
	if len(o.buf) < outBytes && !o.due.Load() {
		return nil
	}
	return o.flush()
}

func (o *out) flush() error {
	o.due.Store(false)
	if o.timer == nil {
		o.timer = time.AfterFunc(outLag, func() { o.due.Store(true) })
	} else {
		o.timer.Reset(outLag)
	}
	_, err := o.w.Write(o.buf)
	if o.buf = o.buf[:0]; cap(o.buf) > 4*outBytes { // one huge cell must not be held for the rest of the stream
		o.buf = make([]byte, 0, outBytes+outBytes/4)
	}
	if err != nil {
		return err
	}
	if f, ok := o.w.(interface{ Flush() }); ok {
		f.Flush()
	}
	return nil
}

// end writes what is left.
func (o *out) end() error {
	err := o.flush()
	o.timer.Stop()
	return err
}
