package mysql

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"patchbay/connectors"
)

const (
	// maxSessions is how many connections one source holds at most, those that only cancel aside.
	maxSessions = 8
	// idleTime is how long an unused connection is kept.
	idleTime = time.Minute
	// trustTime is how long an unused connection is believed to be alive without asking.
	trustTime = time.Second
	// resetTime is how long a connection may take to forget what a statement left behind.
	resetTime = 2 * time.Second
	// closeTime is how long the server may take to hear that a connection ends.
	closeTime = time.Second
	// cancelTime is how long the server may take to hear that a statement is cancelled.
	cancelTime = 2 * time.Second
	// cancelGrace is how long a cancelled statement may take to say so before its connection is given up.
	cancelGrace = 300 * time.Millisecond
)

// A source is one open connection to one server: as many sessions as run at once, a few kept for what comes next.
type source struct {
	target connectors.Target
	slots  chan struct{} // one element for each session in use

	mu     sync.Mutex
	closed bool
	idle   map[*session]func() bool // stops the timer that ends it

	cancels sync.WaitGroup // requests to cancel that are on their way
}

// A session is one connection, in the hands of one statement or catalog reading at a time.
type session struct {
	wire    *wire
	id      uint32 // what KILL calls it
	node    string // where that id means it
	product product
	since   time.Time   // when it became idle
	spoilt  atomic.Bool // what it runs is unknown: it is closed and not used again
}

var errClosed = errors.New("the connection was closed")

// acquire hands out a session, and waits while too many are in use. What an earlier statement set is gone from it (P8).
func (s *source) acquire(ctx context.Context) (*session, error) {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	se, err := s.session(ctx)
	if err != nil {
		<-s.slots
	}
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return se, err
}

// session finds an idle session that is alive, or opens one.
func (s *source) session(ctx context.Context) (*session, error) {
	for {
		se, err := s.takeIdle()
		if err != nil {
			return nil, err
		}
		if se == nil {
			break
		}
		if time.Since(se.since) < trustTime || s.alive(ctx, se) {
			return se, nil
		}
		se.close()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return s.connect(ctx)
}

// takeIdle is nil where no session is idle.
func (s *source) takeIdle() (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	for se, stop := range s.idle {
		if stop() {
			delete(s.idle, se)
			return se, nil
		}
	}
	return nil, nil
}

func (s *source) alive(ctx context.Context, se *session) bool {
	stop := s.watch(ctx, se)
	defer stop()
	se.wire.command(commandPing, nil)
	return se.wire.flush() == nil && se.done() == nil
}

// release takes a session back. It is kept once it has forgotten everything that its last user set.
func (s *source) release(se *session) {
	defer func() { <-s.slots }()
	if se.spoilt.Load() || se.reset() != nil {
		se.close()
		return
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		se.close()
		return
	}
	defer s.mu.Unlock()
	se.since = time.Now()
	timer := time.AfterFunc(idleTime, func() { s.expire(se) })
	s.idle[se] = timer.Stop
}

// reset ends the transaction, variables, locks, temporary tables and prepared statements. Servers before MySQL 5.7.3 and
// MariaDB 10.2.4 do not know it, and some proxies: there, every statement has a connection of its own.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_reset_connection.html
func (se *session) reset() error {
	if err := se.wire.conn.SetDeadline(time.Now().Add(resetTime)); err != nil {
		return err
	}
	se.wire.spare()
	se.wire.command(commandReset, nil)
	if err := errors.Join(se.wire.flush(), se.done()); err != nil {
		return err
	}
	return se.wire.conn.SetDeadline(time.Time{})
}

func (s *source) expire(se *session) {
	s.mu.Lock()
	delete(s.idle, se)
	s.mu.Unlock()
	se.close()
}

// close takes leave of the server, which may no longer listen.
func (se *session) close() {
	_ = se.wire.conn.SetDeadline(time.Now().Add(closeTime))
	if !se.spoilt.Load() { // else an answer is still on its way, or cut off
		se.wire.command(commandQuit, nil)
		_ = se.wire.flush()
	}
	_ = se.wire.conn.Close()
}

// watch ends what a session runs when ctx ends: the server is told, and what it does not answer soon is not waited for. The
// answer ends the watch; it is false when the session was or is about to be cancelled.
func (s *source) watch(ctx context.Context, se *session) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		s.cancel(se)
		_ = se.wire.conn.SetDeadline(time.Now().Add(cancelGrace))
	})
}

// cancel asks the server to end a session with what it runs, and does not wait for it: a closed connection alone is not
// noticed by a statement that computes.
func (s *source) cancel(se *session) {
	se.spoilt.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		go s.kill(se) // nobody waits for it any more
		return
	}
	s.cancels.Go(func() { s.kill(se) })
}

// kill says KILL over a connection of its own, to the server that runs the session: behind an address may be several, and a
// number means another connection on each. The whole connection is killed, since between two statements KILL QUERY is heard
// by neither.
func (s *source) kill(se *session) {
	ctx, stop := context.WithTimeout(context.Background(), cancelTime)
	defer stop()
	other, err := s.connect(ctx)
	if err != nil {
		return
	}
	defer other.close()
	if other.node == se.node {
		_ = other.wire.conn.SetDeadline(time.Now().Add(cancelTime))
		other.wire.command(commandQuery, fmt.Appendf(nil, "kill %d", se.id))
		_ = errors.Join(other.wire.flush(), other.done())
	}
}

// reason is what ended a use of a session: what our context knows, before what the server or the broken connection says about
// it. A session that broke is not used again.
func (s *source) reason(ctx context.Context, se *session, err error) error {
	var own *serverError
	if err != nil && !errors.As(err, &own) {
		se.spoilt.Store(true)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Close ends every idle session; those in use end when they are given back.
func (s *source) Close() error {
	s.mu.Lock()
	s.closed = true
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for se, stop := range idle {
		if stop() {
			se.close()
		}
	}
	s.cancels.Wait()
	return nil
}

// done reads the answer to a command that has no result.
func (se *session) done() error {
	se.wire.answer()
	a := answer{wire: se.wire}
	if err := a.begin(); err != nil {
		return err
	}
	if !a.ended {
		return errMalformed
	}
	return nil
}

// each runs a statement of ours and hands over its rows, NULL as "". The caller watches its context.
func (se *session) each(sql string, args []any, row func([]string) error) error {
	a, err := se.start(sql, args)
	if err != nil {
		return err
	}
	cells := make([]string, len(a.cells))
	for {
		more, err := a.next()
		if !more {
			return err
		}
		for i, cell := range a.cells {
			cells[i] = string(cell)
		}
		if err := row(cells); err != nil {
			return err
		}
	}
}

// cell is the only cell of a statement of ours.
func (se *session) cell(sql string) (string, error) {
	var out string
	err := se.each(sql, nil, func(row []string) error {
		out = row[0]
		return nil
	})
	return out, err
}
