package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/goleak"

	"patchbay/catalog"
	"patchbay/connectors"
)

var endingChecks = []check{
	{"cancel", nil, checkCancel},
	{"cancel on the server", needsRunning, func(t *T, s *Subject) { checkCancelBy(t, s, t.open(s.request())) }},
	{"close on the server", needsRunning, checkCloseOnServer},
	{"deadline", nil, checkDeadline},
	{"ended context", nil, checkEndedContext},
	{"leaves nothing", nil, checkLeavesNothing},
}

func needsRunning(s *Subject) string {
	if s.SQL.Running == nil {
		return "no list of running statements"
	}
	return ""
}

// sleepLong is longer than any check waits.
const sleepLong = 60

// start runs the subject's sleep until ctx ends, and hands over how that went.
func (t *T) start(ctx context.Context, s *Subject, src connectors.Source, comment string) <-chan error {
	ended := make(chan error, 1)
	go func() {
		rows, err := src.Query(ctx, connectors.Statement{SQL: fill(s.SQL.Sleep, "", sleepLong), ReadOnly: true, Comment: comment})
		if err == nil {
			for rows.Next() {
			}
			err = errors.Join(rows.Err(), rows.Close())
		}
		ended <- err
	}()
	return ended
}

// within waits for an end, and says what it was and how long it took.
func (t *T) within(limit time.Duration, what string, ended <-chan error) error {
	t.Helper()
	began := time.Now()
	select {
	case err := <-ended:
		return err
	case <-time.After(limit):
		t.Errorf("%s: not ended after %v", what, limit)
	}
	select {
	case err := <-ended:
		t.Errorf("%s: ended after %v", what, time.Since(began))
		return err
	case <-time.After(patience):
		t.Fatalf("%s: never ended", what)
		return nil
	}
}

func checkCancel(t *T, s *Subject) {
	src := t.open(s.request())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := t.start(ctx, s, src, "")
	time.Sleep(300 * time.Millisecond)
	cancel()
	err := t.within(1500*time.Millisecond, "cancel", ended)
	t.cause(err, connectors.CauseCancelled)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is no context.Canceled", err)
	}
	if got := t.one(src, "select 'after'"); got != "after" {
		t.Errorf("got %s", got)
	}
}

// checkCancelBy cancels a statement and looks at the server: it ran with its comment, and is gone within 5 s (PROMISES P69).
func checkCancelBy(t *T, s *Subject, src connectors.Source) {
	mark := nextMark()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := t.start(ctx, s, src, "by somebody, trace "+mark)
	t.running(s, mark, 1, 10*time.Second)
	cancel()
	t.cause(t.within(1500*time.Millisecond, "cancel", ended), connectors.CauseCancelled)
	t.running(s, mark, 0, 5*time.Second)
}

// checkCloseOnServer closes rows that are not read to their end, and looks at the server.
func checkCloseOnServer(t *T, s *Subject) {
	src := t.open(s.request())
	mark := nextMark()
	rows, err := src.Query(t.Context(), connectors.Statement{SQL: fill(s.SQL.Series, "", 50_000_000), ReadOnly: true, Comment: mark})
	if err != nil {
		t.Fatalf("%v", err)
	}
	if !rows.Next() {
		t.Errorf("no row: %v", rows.Err())
	}
	t.running(s, mark, 1, 10*time.Second)
	if err := rows.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	t.running(s, mark, 0, 5*time.Second)
}

var marks atomic.Int64

// nextMark is a text that no other statement on any server holds.
func nextMark() string { return fmt.Sprintf("mark-%d-%d", time.Now().UnixNano(), marks.Add(1)) }

// running waits until the server runs want statements with the mark.
func (t *T) running(s *Subject, mark string, want int, within time.Duration) {
	t.Helper()
	began := time.Now()
	for {
		n, err := s.SQL.Running(t.Context(), mark)
		switch {
		case err != nil:
			t.Fatalf("count running statements: %v", err)
		case n == want:
			return
		case time.Since(began) > within:
			t.Fatalf("%d statements run with the comment after %v, want %d", n, within, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func checkDeadline(t *T, s *Subject) {
	src := t.open(s.request())
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	err := t.within(1500*time.Millisecond, "deadline", t.start(ctx, s, src, ""))
	t.cause(err, connectors.CauseTimeout)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is no context.DeadlineExceeded", err)
	}
	if got := t.one(src, "select 'after'"); got != "after" {
		t.Errorf("got %s", got)
	}
}

// With a ctx that has ended nothing begins.
func checkEndedContext(t *T, s *Subject) {
	src := t.open(s.request())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := try(ctx, s.request()); connectors.CauseOf(err) != connectors.CauseCancelled {
		t.Errorf("open: %v", err)
	}
	if _, err := src.Query(ctx, connectors.Statement{SQL: "select 1"}); connectors.CauseOf(err) != connectors.CauseCancelled {
		t.Errorf("query: %v", err)
	}
	r := &reading{skipped: map[string]error{}}
	if err := src.ReadCatalog(ctx, catalog.Filter{}, r); connectors.CauseOf(err) != connectors.CauseCancelled || len(r.done)+len(r.tables) > 0 {
		t.Errorf("catalog: %v, %d tables, done %v, skipped %v", err, len(r.tables), r.done, r.skipped)
	}
	if got := t.one(src, "select 'after'"); got != "after" {
		t.Errorf("got %s", got)
	}
}

// A source that was used in every way and closed leaves no goroutine and no connection.
func checkLeavesNothing(t *T, s *Subject) {
	before := goleak.IgnoreCurrent()
	src, err := try(t.Context(), s.request())
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.one(src, "select 'x'")
	t.catalog(src, s.onlyScope())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	t.within(1500*time.Millisecond, "deadline", t.start(ctx, s, src, ""))
	open, err := src.Query(t.Context(), connectors.Statement{SQL: fill(s.SQL.Series, "", 1_000_000), ReadOnly: true})
	if err != nil {
		t.Fatalf("%v", err)
	}
	open.Next()
	if err := open.Close(); err != nil {
		t.Errorf("close the rows: %v", err)
	}
	began := time.Now()
	if err := src.Close(); err != nil || time.Since(began) > 2*time.Second {
		t.Errorf("close: %v after %v", err, time.Since(began))
	}
	if err := goleak.Find(before, goleak.IgnoreTopFunction("testing.(*T).Run")); err != nil {
		t.Errorf("%v", err)
	}
}
