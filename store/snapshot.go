package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// A snapshot is a read transaction that several Views share.
type snapshot struct {
	store *Store
	mu    sync.Mutex // held while a View uses it
	tx    *Tx        // nil before the first View, and after one that failed
	memo  map[string]any
}

type snapshotKey struct{}

// Snapshot is a context in which the Views of this store see one moment, and read what they have in common once: for a page, whose
// parts ask for the same project and the same connections. What such a View returns is shared and must not be changed. Nothing that
// is written after the first View is seen, and the write-ahead log cannot be emptied before end is called: it is not for anything
// that waits, or that reads what it wrote. end may be called more than once. A View that begins while another one lasts has a transaction of its own.
func (s *Store) Snapshot(ctx context.Context) (_ context.Context, end func()) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	shared := &snapshot{store: s, memo: map[string]any{}}
	return context.WithValue(ctx, snapshotKey{}, shared), func() {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		shared.close()
		cancel()
	}
}

// sharedView runs fn in the context's snapshot. It does not where there is none, or another View uses it.
func (s *Store) sharedView(ctx context.Context, fn func(*Tx) error) (ran bool, err error) {
	shared, ok := ctx.Value(snapshotKey{}).(*snapshot)
	if !ok || shared.store != s || !shared.mu.TryLock() {
		return false, nil
	}
	defer shared.mu.Unlock()
	if shared.tx == nil {
		if shared.tx, err = s.begin(ctx, s.read, s.snapshot()); err != nil {
			return false, nil // a transaction of its own may be luckier, and says why if it is not
		}
		shared.tx.memo = shared.memo
	}
	ended := false
	defer func() {
		if !ended || err != nil { // PostgreSQL ends a transaction with its first error
			shared.close()
		}
	}()
	err = fn(shared.tx)
	ended = true
	return true, err
}

// close ends the transaction. The next one sees another moment.
func (s *snapshot) close() {
	if s.tx != nil {
		_ = s.tx.tx.Rollback() // it has only read
	}
	s.tx = nil
	clear(s.memo)
}

// remembered is what read answers, asked once in a snapshot.
func remembered[T any](tx *Tx, query string, args []any, read func() (T, error)) (T, error) {
	if tx.memo == nil {
		return read()
	}
	key := memoKey(query, args)
	if v, ok := tx.memo[key].(T); ok {
		return v, nil
	}
	v, err := read()
	if err == nil {
		tx.memo[key] = v
	}
	return v, err
}

// memoKey names a question. Values that look alike are told apart by their lengths and types.
func memoKey(query string, args []any) string {
	var b strings.Builder
	b.WriteString(query)
	for _, arg := range args {
		if text, ok := arg.(string); ok { // most are, and some questions have a hundred
			b.WriteString("\x00" + strconv.Itoa(len(text)) + " ")
			b.WriteString(text)
			continue
		}
		fmt.Fprintf(&b, "\x00%T %v", arg, arg)
	}
	return b.String()
}
