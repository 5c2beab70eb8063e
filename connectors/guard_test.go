package connectors

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"patchbay/catalog"
	"patchbay/secret"
)

// A badSource is a driver of the worst kind: it does what do says, and hears of no ctx.
type badSource struct {
	do     func() error
	rows   *badRows
	closed atomic.Bool
}

func (s *badSource) Server(context.Context) (Server, error) {
	return Server{Product: "Bad\x1b[31m", Version: canary}, s.do()
}
func (s *badSource) ReadCatalog(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
	if err := s.do(); err != nil {
		return errors.Join(err, to.Skipped(catalog.Path{"x"}, err))
	}
	for {
		if err := to.Table(catalog.Table{}); err != nil {
			return err
		}
	}
}
func (s *badSource) Query(context.Context, Statement) (Rows, error) { return s.rows, s.do() }
func (s *badSource) Close() error                                   { s.closed.Store(true); return nil }

// badRows do in Next what do says.
type badRows struct {
	width  int
	do     func() error
	closed atomic.Bool
	err    error
}

func (r *badRows) Columns() []Column { return make([]Column, r.width) }
func (r *badRows) Next() bool        { r.err = r.do(); return r.err == nil }
func (r *badRows) Row() [][]byte     { return nil }
func (r *badRows) Affected() int64   { return -1 }
func (r *badRows) Err() error        { return r.err }
func (r *badRows) Close() error      { r.closed.Store(true); return nil }

type sinkFunc func() error

func (f sinkFunc) Table(catalog.Table) error         { return f() }
func (f sinkFunc) Done(catalog.Path) error           { return f() }
func (f sinkFunc) Skipped(catalog.Path, error) error { return f() }

// guardedBy opens s by a registry, as everyone does.
func guardedBy(t *testing.T, s *badSource) Source {
	t.Helper()
	c := sample()
	c.Open = func(context.Context, Target) (Source, error) { return s, nil }
	src := openWith(t, c)
	t.Cleanup(func() { _ = src.Close() })
	return src
}

func openWith(t *testing.T, c *Connector) Source {
	t.Helper()
	r, err := NewRegistry([]*Connector{c}, nil)
	if err != nil {
		t.Fatal(err)
	}
	src, err := r.Open(t.Context(), Request{Connector: c, Values: Values{"host": "127.0.0.1", "tls_mode": "disable"},
		Secrets: Secrets{"password": secret.New(canary)}, AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// calls are the ways into a source.
var calls = map[string]func(context.Context, Source) error{
	"Server": func(ctx context.Context, s Source) error { _, err := s.Server(ctx); return err },
	"ReadCatalog": func(ctx context.Context, s Source) error {
		return s.ReadCatalog(ctx, catalog.Filter{}, sinkFunc(func() error { return nil }))
	},
	"Query": func(ctx context.Context, s Source) error { _, err := s.Query(ctx, Statement{}); return err },
	"Next": func(ctx context.Context, s Source) error {
		rows, err := s.Query(ctx, Statement{})
		if err != nil {
			return nil // Query has its own
		}
		for rows.Next() {
		}
		return errors.Join(rows.Err(), rows.Close())
	},
}

// Every call ends by its deadline, whatever the driver does (PROMISES P68, P69).
func TestGuardDeadline(t *testing.T) {
	before := goleak.IgnoreCurrent()
	release := make(chan struct{})
	t.Run("calls", func(t *testing.T) {
		for name, call := range calls {
			if name == "Next" {
				continue // it waits on a connection, which is cut: see TestOpenCuts
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				src := guardedBy(t, &badSource{rows: &badRows{}, do: func() error { <-release; return nil }})
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				began := time.Now()
				err := call(ctx, src)
				if took := time.Since(began); took > 1100*time.Millisecond {
					t.Errorf("returned after %v", took)
				}
				if CauseOf(err) != CauseTimeout || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v, want a timeout", err)
				}
			})
		}
	})
	close(release)
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

func TestGuardClosesWhatComesTooLate(t *testing.T) {
	late := &badRows{}
	release := make(chan struct{})
	src := guardedBy(t, &badSource{rows: late, do: func() error { <-release; return nil }})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := src.Query(ctx, Statement{}); err == nil {
		t.Fatal("no error")
	}
	close(release)
	for range 100 {
		if late.closed.Load() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("rows that nobody waits for stay open")
}

func TestGuardPanics(t *testing.T) {
	var log bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(was)
	boom := func() error { panic("cannot sign in with " + canary) }
	for name, call := range calls {
		s := &badSource{rows: &badRows{do: boom}, do: boom}
		if name == "Next" {
			s.do = func() error { return nil }
		}
		err := call(t.Context(), guardedBy(t, s))
		if CauseOf(err) != CauseInternal || !strings.Contains(err.Error(), "the driver failed: cannot sign in with [secret]") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if form := leaks(log.String(), canary); form != "" || !strings.Contains(log.String(), "badSource") {
		t.Errorf("the log has the secret (%q), or not the place: %s", form, log.String())
	}
}

// What a driver says is shown without secrets, cut, and with a cause, by whatever way it comes.
func TestGuardErrors(t *testing.T) {
	own := &Error{Cause: CauseDenied, Op: "look", Message: "no: " + canary, Code: "42501", Position: 7, Hint: "not " + canary}
	for name, c := range map[string]struct {
		err  error
		want Cause
	}{
		"its own": {own, CauseDenied}, "wrapped": {fmt.Errorf("deep: %w", own), CauseDenied},
		"end of file": {io.ErrUnexpectedEOF, CauseLost}, "anything": {errors.New("dsn postgres://me:" + canary + "@db"), CauseInternal},
		"long": {errors.New(strings.Repeat("long ", 1<<20)), CauseInternal}, "deadline of its own": {context.DeadlineExceeded, CauseTimeout},
	} {
		for way, call := range calls {
			bad := func() error { return c.err }
			s := &badSource{rows: &badRows{do: bad}, do: bad}
			if way == "Next" {
				s.do = func() error { return nil }
			}
			err := call(t.Context(), guardedBy(t, s))
			e := (*Error)(nil)
			if !errors.As(err, &e) || e.Cause != c.want || e.Op == "" {
				t.Errorf("%s by %s: %v, want %s", name, way, err, c.want)
				continue
			}
			if text := err.Error() + e.Hint; leaks(text, canary) != "" || len(e.Message) > maxMessage {
				t.Errorf("%s by %s leaks %s, or is long: %.300s", name, way, leaks(text, canary), text)
			}
			if c.err == error(own) && (e.Code != "42501" || e.Position != 7) {
				t.Errorf("%s by %s lost its place: %+v", name, way, e)
			}
		}
	}
}

// An end of ctx is why whatever the driver says about it, unless the server said something definite.
func TestGuardEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(context.DeadlineExceeded)
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want Cause
	}{
		{ctx, errors.New("use of closed connection"), CauseTimeout}, {cancelled, io.EOF, CauseCancelled},
		{ctx, &Error{Cause: CauseCancelled}, CauseTimeout}, {cancelled, &Error{Cause: CauseStatement}, CauseStatement},
	} {
		g := &guard{connector: sample(), redactor: newRedactor(nil)}
		if got := CauseOf(g.explain(c.ctx, "try", c.err)); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}

func TestGuardSinkErrorsComeBack(t *testing.T) {
	full := errors.New("the disk is full")
	src := guardedBy(t, &badSource{do: func() error { return nil }})
	if err := src.ReadCatalog(t.Context(), catalog.Filter{}, sinkFunc(func() error { return full })); err != full {
		t.Errorf("%v, want the sink's own error", err)
	}
}

func TestGuardSkippedIsClean(t *testing.T) {
	src := guardedBy(t, &badSource{do: func() error { return errors.New("dsn " + canary) }})
	var why error
	_ = src.ReadCatalog(t.Context(), catalog.Filter{}, skipSink{&why})
	if e := (*Error)(nil); !errors.As(why, &e) || leaks(why.Error(), canary) != "" {
		t.Errorf("skipped because %v", why)
	}
}

type skipSink struct{ why *error }

func (skipSink) Table(catalog.Table) error                 { return nil }
func (skipSink) Done(catalog.Path) error                   { return nil }
func (s skipSink) Skipped(_ catalog.Path, why error) error { *s.why = why; return nil }

func TestGuardServerIsClean(t *testing.T) {
	src := guardedBy(t, &badSource{do: func() error { return nil }})
	got, err := src.Server(t.Context())
	if err != nil || got.Product != "Bad␛[31m" || got.Version != redacted {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestGuardWidth(t *testing.T) {
	rows := &badRows{width: maxColumns + 1}
	src := guardedBy(t, &badSource{rows: rows, do: func() error { return nil }})
	if _, err := src.Query(t.Context(), Statement{}); CauseOf(err) != CauseLimit || !rows.closed.Load() {
		t.Errorf("%v, closed %v", err, rows.closed.Load())
	}
}

// A silent server that says on a new connection that it lets nobody in is alive, and waited for; one that does not even say so is
// given up.
func TestGuardSilence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		again error // what opening once more comes to
		gone  bool
	}{
		"free": {nil, false}, "full": {&Error{Cause: CauseLimit}, false}, "other password": {&Error{Cause: CauseSignIn}, false},
		"broken": {io.ErrUnexpectedEOF, true}, "starting": {&Error{Cause: CauseUnreachable}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			asked := make(chan struct{}, 100) // for a sign of life
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				for range 3 { // then it has done what it was silent over
					<-asked
				}
				_, _ = c.Write([]byte("x"))
			}()
			var opened atomic.Int32
			connector := sample()
			connector.Open = func(ctx context.Context, to Target) (Source, error) {
				if opened.Add(1) > 1 {
					if c.gone {
						return nil, c.again
					}
					asked <- struct{}{}
					return &badSource{}, c.again
				}
				conn, err := to.Dial(ctx, "tcp", l.Addr().String())
				return &badSource{rows: &badRows{}, do: func() error { _, err := conn.Read(make([]byte, 1)); return err }}, err
			}
			r, err := NewRegistry([]*Connector{connector}, nil)
			if err != nil {
				t.Fatal(err)
			}
			silence := Silence{Ask: 50 * time.Millisecond, Answer: time.Minute}
			if c.gone {
				silence.Answer = 100 * time.Millisecond
			}
			src, err := r.Open(t.Context(), Request{Connector: connector, Values: Values{"host": "127.0.0.1", "tls_mode": "disable"},
				Secrets: Secrets{"password": secret.New(canary)}, AllowPrivate: true, Silence: silence})
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			rows, err := src.Query(t.Context(), Statement{})
			if err == nil {
				_ = rows.Close()
			}
			if c.gone && (CauseOf(err) != CauseTimeout || !strings.Contains(err.Error(), "sent nothing for 150ms")) || !c.gone && err != nil {
				t.Errorf("%v", err)
			}
			if opened.Load() < 2 {
				t.Error("it was not asked for a sign of life")
			}
		})
	}
}

func TestGuardUnwraps(t *testing.T) {
	s := &badSource{do: func() error { return nil }}
	if got, ok := As[*badSource](guardedBy(t, s)); !ok || got != s {
		t.Error("an ability is not found through the guard")
	}
}
