package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"patchbay/access"
	"patchbay/e2e/servers"
	"patchbay/store"
)

// A clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)} }

// onBoth runs a test on SQLite and on a real PostgreSQL (P80), beside other tests.
func onBoth(t *testing.T, test func(t *testing.T, s *store.Store, c *clock)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		c := newClock()
		test(t, open(t, t.TempDir(), c), c)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		c := newClock()
		test(t, openPostgres(t, c), c)
	})
}

// openPostgres opens a store in a database of its own.
func openPostgres(t *testing.T, c *clock) *store.Store {
	t.Helper()
	server := servers.Postgres(t, servers.Options{})
	name := "store_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	server.Exec(t, "postgres", "create database "+name)
	dsn := url.URL{Scheme: "postgres", User: url.UserPassword(server.Admin, server.AdminPassword), Host: server.Address(), Path: name, RawQuery: "sslmode=require"}
	s, err := store.OpenPostgres(ctx, dsn.String(), store.Options{Now: c.Now, AuditKey: []byte("audit key")})
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

func open(t *testing.T, dir string, c *clock) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Options{Dir: dir, Now: c.Now, AuditKey: []byte("audit key")})
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

func equal(t *testing.T, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

var ctx = context.Background()

// act is an audit entry of no importance.
var act = store.AuditEntry{Who: access.Actor{UserID: "u", Email: "mira@example.com"}, Action: "test.act", ObjectType: "test", ObjectID: "1"}

func update(t *testing.T, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	check(t, s.Update(ctx, act, fn))
}
