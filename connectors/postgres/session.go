package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"patchbay/connectors"
)

const (
	// maxSessions is how many connections one source holds at most.
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
	types  map[typeKey]typeInfo

	cancels sync.WaitGroup // requests to cancel that are on their way
}

// A session is one connection to one database, in the hands of one statement or catalog reading at a time.
type session struct {
	conn     *pgconn.PgConn
	database string
	since    time.Time   // when it became idle
	spoilt   atomic.Bool // what it runs is unknown: it is closed and not used again
}

var errClosed = errors.New("the connection was closed")

// acquire hands out a session for a database, the connection's own where it is empty, and waits while too many are in use.
// What an earlier statement set is gone from it (P8).
func (s *source) acquire(ctx context.Context, database string) (*session, error) {
	if database == "" {
		database = s.target.Values["database"]
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	se, err := s.session(ctx, database)
	if err != nil {
		<-s.slots
	}
	return se, err
}

// tryAcquire is acquire for what can do without: nil where none is free or to be had.
func (s *source) tryAcquire(ctx context.Context, database string) *session {
	select {
	case s.slots <- struct{}{}:
	default:
		return nil
	}
	se, err := s.session(ctx, database)
	if err != nil {
		<-s.slots
		return nil
	}
	return se
}

// session finds an idle session that is alive, or opens one.
func (s *source) session(ctx context.Context, database string) (*session, error) {
	for {
		se, err := s.takeIdle(func(idle *session) bool { return idle.database == database })
		if err != nil {
			return nil, err
		}
		if se == nil {
			break
		}
		if time.Since(se.since) < trustTime || se.conn.Ping(ctx) == nil {
			return se, nil
		}
		closeConn(se.conn)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := s.makeRoom(); err != nil {
		return nil, err
	}
	conn, err := s.connect(ctx, database)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, database: database}, nil
}

// takeIdle is nil where no idle session fits.
func (s *source) takeIdle(fits func(*session) bool) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	for se, stop := range s.idle {
		if fits(se) && stop() {
			delete(s.idle, se)
			return se, nil
		}
	}
	return nil, nil
}

// makeRoom ends one idle session, of whatever database, where another would be more than a source may hold.
func (s *source) makeRoom() error {
	se, err := s.takeIdle(func(*session) bool { return len(s.slots)+len(s.idle) > maxSessions })
	if se != nil {
		closeConn(se.conn)
	}
	return err
}

// release takes a session back. It is kept once it has forgotten everything that its last user set: transaction, parameters,
// locks, temporary tables, cursors, prepared statements.
func (s *source) release(se *session) {
	defer func() { <-s.slots }()
	ctx, cancel := context.WithTimeout(context.Background(), resetTime)
	defer cancel()
	if se.spoilt.Load() || se.reset(ctx) != nil {
		closeConn(se.conn)
		return
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		closeConn(se.conn)
		return
	}
	defer s.mu.Unlock()
	se.since = time.Now()
	timer := time.AfterFunc(idleTime, func() { s.expire(se) })
	s.idle[se] = timer.Stop
}

// reset takes two statements: DISCARD ALL must be alone.
func (se *session) reset(ctx context.Context) error {
	if _, err := se.conn.Exec(ctx, "rollback").ReadAll(); err != nil {
		return err
	}
	_, err := se.conn.Exec(ctx, "discard all").ReadAll()
	return err
}

func (s *source) expire(se *session) {
	s.mu.Lock()
	delete(s.idle, se)
	s.mu.Unlock()
	closeConn(se.conn)
}

// closeConn takes leave of the server, which may no longer listen.
func closeConn(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = conn.Close(ctx)
}

// cancel asks the server to end what a session runs, and does not wait for it: a closed connection alone is not noticed by a
// statement that computes.
func (s *source) cancel(se *session) {
	se.spoilt.Store(true) // the request may arrive when the next statement runs
	request := func() {
		ctx, stop := context.WithTimeout(context.Background(), cancelTime)
		defer stop()
		_ = se.conn.CancelRequest(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		go request() // nobody waits for it any more
		return
	}
	s.cancels.Go(request)
}

// watch ends what a session runs when ctx ends: the server is told, and what it does not answer soon is not waited for. The
// answer ends the watch; it is false when the session was or is about to be cancelled.
func (s *source) watch(ctx context.Context, se *session) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		s.cancel(se)
		_ = se.conn.Conn().SetDeadline(time.Now().Add(cancelGrace))
	})
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
			closeConn(se.conn)
		}
	}
	s.cancels.Wait()
	return nil
}

// version is the server's version without the words of who packed it.
func version(conn *pgconn.PgConn) string {
	v, _, _ := strings.Cut(conn.ParameterStatus("server_version"), " ")
	return v
}
