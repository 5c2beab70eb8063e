package query

import (
	"context"
	"sync"
	"time"

	"patchbay/connectors"
	"patchbay/store"
)

// watchEvery is how often someone who follows a running result is told of new rows.
const watchEvery = 100 * time.Millisecond

// live is a kept result while it is made. One goroutine makes it; others read.
type live struct {
	id, cellID string
	cancel     context.CancelCauseFunc
	first      chan struct{} // closed when the first row is there
	done       chan struct{} // closed when the result is final, in the store too

	mu     sync.Mutex
	result store.Result
	keeper *keeper // nil until the columns are known; then never changed
	seen   bool
}

func newLive(res store.Result) *live {
	return &live{id: res.ID, cellID: res.CellID, result: res, first: make(chan struct{}), done: make(chan struct{})}
}

// begin says that the columns are known.
func (l *live) begin(k *keeper, columns []connectors.Column) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keeper = k
	l.result.Columns = make([]store.ResultColumn, len(columns))
	for i, c := range columns {
		l.result.Columns[i] = store.ResultColumn{Name: c.Name, Type: c.Type, Family: c.Family}
	}
}

// hasRows says that there is a row. Only the maker calls it.
func (l *live) hasRows() {
	if !l.seen {
		l.seen = true
		close(l.first)
	}
}

// finish makes the result final.
func (l *live) finish(hash string, out Outcome, cut string, at time.Time, err error) store.Result {
	l.count()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.result.SQLHash, l.result.Finished, l.result.Affected = hash, at, out.Affected
	l.result.State, l.result.Truncated = stateSucceeded, out.Truncated
	switch {
	case cut != "" && out.Truncated != "":
		l.result.Truncated += ". " + cut
	case cut != "":
		l.result.Truncated = cut
	}
	if err != nil {
		setError(&l.result, err)
	}
	return l.result
}

// count brings the result's counts up to date.
func (l *live) count() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keeper != nil {
		l.result.Rows, l.result.Bytes = l.keeper.counts()
	}
}

// snapshot is the result as it is now, with the keeper once there is one.
func (l *live) snapshot() (store.Result, *keeper) {
	l.count()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.result, l.keeper
}
