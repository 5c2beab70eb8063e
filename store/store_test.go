package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/e2e/servers"
	"patchbay/schedule"
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

// onBoth runs a test on SQLite and on a real PostgreSQL (P80).
func onBoth(t *testing.T, test func(t *testing.T, s *store.Store, c *clock)) {
	t.Run("sqlite", func(t *testing.T) {
		c := newClock()
		test(t, open(t, t.TempDir(), c), c)
	})
	t.Run("postgres", func(t *testing.T) {
		server := servers.Postgres(t, servers.Options{})
		name := "store_" + strings.ReplaceAll(uuid.NewString(), "-", "")
		server.Exec(t, "postgres", "create database "+name)
		dsn := (&url.URL{Scheme: "postgres", User: url.UserPassword(server.Admin, server.AdminPassword), Host: server.Address(), Path: name, RawQuery: "sslmode=require"}).String()
		c := newClock()
		s, err := store.OpenPostgres(context.Background(), dsn, store.Options{Now: c.Now, AuditKey: []byte("audit key")})
		check(t, err)
		t.Cleanup(func() { check(t, s.Close()) })
		test(t, s, c)
	})
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

func mira(c *clock) store.User {
	return store.User{ID: "mira", Email: " Mira@Example.com ", Name: "Mira", Role: access.RoleAdmin, Created: c.Now(), Updated: c.Now()}
}

func TestUsers(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error { return tx.CreateUser(mira(c)) })
		u, err := s.UserByEmail(ctx, "MIRA@example.com")
		check(t, err)
		equal(t, []any{u.Email, u.Role, u.Version, u.Created}, []any{"Mira@Example.com", access.RoleAdmin, 1, c.Now()})
		err = s.Update(ctx, act, func(tx *store.Tx) error {
			return tx.CreateUser(store.User{ID: "other", Email: "mira@EXAMPLE.com", Name: "Other", Role: access.RoleViewer})
		})
		want(t, err, store.ErrExists)
		var exists *store.ExistsError
		if !errors.As(err, &exists) || exists.Field != "email" {
			t.Fatalf("the taken field is %v", exists)
		}
		u.Name = "Mira K"
		update(t, s, func(tx *store.Tx) error { return tx.UpdateUser(u) })
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.UpdateUser(u) }), store.ErrConflict)
		update(t, s, func(tx *store.Tx) error { return tx.DeleteUser("mira") })
		_, err = s.User(ctx, "mira")
		want(t, err, store.ErrNotFound)
	})
}

func TestGroupsAndMembers(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateUser(mira(c)), tx.CreateGroup(store.Group{ID: "g", Name: "Analysts", Created: c.Now()}),
				tx.AddMember("g", "mira"), tx.AddMember("g", "mira"))
		})
		u, err := s.User(ctx, "mira")
		check(t, err)
		equal(t, u.Groups, []string{"g"})
		g, err := s.Group(ctx, "g")
		check(t, err)
		equal(t, g.Members, 1)
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.CreateGroup(store.Group{ID: "h", Name: "ANALYSTS"}) }), store.ErrExists)
		update(t, s, func(tx *store.Tx) error { return tx.DeleteGroup("g") })
		u, err = s.User(ctx, "mira")
		check(t, err)
		equal(t, len(u.Groups), 0)
	})
}

// warehouse is a connection with one secret.
func warehouse(c *clock) store.Connection {
	return store.Connection{ID: "w", Name: "Warehouse", Type: "postgres", Config: map[string]string{"host": "db"}, Destination: "digest-1",
		CanQuery: []string{"members"}, CanViewResults: []string{"public"}, Schedule: schedule.Spec{Kind: schedule.Daily, At: "04:00"},
		CreatedBy: "mira", Created: c.Now(), Updated: c.Now(), ScheduleAnchor: c.Now()}
}

func withWarehouse(t *testing.T, s *store.Store, c *clock) {
	t.Helper()
	update(t, s, func(tx *store.Tx) error {
		return tx.CreateConnection(warehouse(c), map[string][]byte{"password": []byte("box-1")})
	})
}

func TestConnections(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		got, err := s.Connection(ctx, "w")
		check(t, err)
		equal(t, []any{got.Config, got.SecretsSet, got.CanQuery, got.CanViewResults, got.Schedule.At, got.Reach},
			[]any{map[string]string{"host": "db"}, []string{"password"}, []string{"members"}, []string{"public"}, "04:00", "unknown"})
		twin := warehouse(c)
		twin.ID, twin.Name = "w2", "WAREHOUSE"
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.CreateConnection(twin, nil) }), store.ErrExists)
		update(t, s, func(tx *store.Tx) error {
			return tx.SetReach("w", store.ReachUnreachable, "timeout", "timed out", c.Now())
		})
		since := c.Now()
		c.add(time.Hour)
		update(t, s, func(tx *store.Tx) error {
			return tx.SetReach("w", store.ReachUnreachable, "timeout", "timed out", c.Now())
		})
		got, err = s.Connection(ctx, "w")
		check(t, err)
		equal(t, []any{got.ReachSince, got.ReachChecked}, []any{since, c.Now()})
		update(t, s, func(tx *store.Tx) error { return tx.SetPermissions("w", []string{"g"}, nil, true) })
		got, err = s.Connection(ctx, "w")
		check(t, err)
		equal(t, []any{got.CanQuery, got.CanViewResults, got.RefreshAdminsOnly}, []any{[]string{"g"}, []string{}, true})
	})
}

// The destination rule stands in the store, so that no door can pass it (P12).
func TestDestinationChangeNeedsSecrets(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		moved, err := s.Connection(ctx, "w")
		check(t, err)
		moved.Destination, moved.Config = "digest-2", map[string]string{"host": "evil"}
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.UpdateConnection(moved, nil, nil) }), store.ErrSecretsNeeded)
		kept, err := s.Connection(ctx, "w")
		check(t, err)
		equal(t, []any{kept.Destination, kept.Config["host"]}, []any{"digest-1", "db"})
		update(t, s, func(tx *store.Tx) error {
			return tx.UpdateConnection(moved, map[string][]byte{"password": []byte("box-2")}, nil)
		})
		var box []byte
		check(t, s.View(ctx, func(tx *store.Tx) (err error) { box, err = tx.SecretBox("w", "password"); return err }))
		equal(t, string(box), "box-2")
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.UpdateConnection(moved, nil, nil) }), store.ErrConflict)
	})
}

func TestOneTimeTokensWorkOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		hash := []byte("hash of a token")
		check(t, s.Maintain(ctx, func(tx *store.Tx) error {
			return tx.CreateOneTime(store.OneTimeToken{Hash: hash, Purpose: "setup", Created: c.Now(), Expires: c.Now().Add(time.Hour)})
		}))
		use := func() error { return s.Maintain(ctx, func(tx *store.Tx) error { return tx.UseOneTime(hash, c.Now()) }) }
		check(t, use())
		want(t, use(), store.ErrConflict)
	})
}

func TestProjectsSharesImports(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		p := store.Project{ID: "p", Name: "Revenue", OwnerID: "mira", Created: c.Now(), Updated: c.Now(), Shares: []access.Share{{To: "user:mira", Access: access.Full}}}
		own := warehouse(c)
		own.ID, own.ProjectID = "own", "p"
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateProject(p), tx.Import("p", "w"), tx.Import("p", "w"), tx.CreateConnection(own, nil))
		})
		got, err := s.Project(ctx, "p")
		check(t, err)
		equal(t, got.Shares, p.Shares)
		var uses []string
		check(t, s.View(ctx, func(tx *store.Tx) error {
			list, err := tx.ProjectUses("p")
			for _, c := range list {
				uses = append(uses, c.ID)
			}
			return err
		}))
		slices.Sort(uses)
		equal(t, uses, []string{"own", "w"})
		using, err := s.ImportsOf(ctx, "w")
		check(t, err)
		equal(t, len(using), 1)
	})
}

func TestCellsKeepTheirOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error {
			if err := tx.CreateProject(store.Project{ID: "p", Name: "P", OwnerID: "mira"}); err != nil {
				return err
			}
			for i, id := range []string{"a", "b", "c"} {
				if err := tx.CreateCell(store.Cell{ID: id, ProjectID: "p", Position: int64(i), Kind: "sql", Config: map[string]any{"k": id}}); err != nil {
					return err
				}
			}
			return errors.Join(tx.CreateCell(store.Cell{ID: "first", ProjectID: "p", Kind: "text"}), tx.MoveCell("c", 1))
		})
		cells, err := s.Cells(ctx, "p")
		check(t, err)
		var ids []string
		for _, cell := range cells {
			ids = append(ids, cell.ID)
		}
		equal(t, ids, []string{"first", "c", "a", "b"})
		stale := cells[0]
		update(t, s, func(tx *store.Tx) error { return tx.UpdateCell(stale) })
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.UpdateCell(stale) }), store.ErrConflict)
	})
}

// tables lists what readers see of a catalog: path and hash.
func tables(t *testing.T, s *store.Store, id string) map[string]string {
	t.Helper()
	seen := map[string]string{}
	check(t, s.KnownHashes(ctx, id, func(path string, hash []byte) { seen[path] = string(hash) }))
	return seen
}

func row(path, hash string, replaces bool) store.TableRow {
	return store.TableRow{Path: path, Hash: []byte(hash), Body: []byte("body of " + hash), Replaces: replaces}
}

func newRun(t *testing.T, s *store.Store, c *clock, id string) store.Run {
	t.Helper()
	run := store.Run{ID: id, ConnectionID: "w", Trigger: "manual", State: "running", Queued: c.Now(), Started: c.Now()}
	check(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.CreateRun(run) }))
	return run
}

func TestCatalogGenerations(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		f, err := s.Acquire(ctx, "refresh/w", "me", time.Minute)
		check(t, err)
		run := newRun(t, s, c, "run1")
		check(t, s.PutTables(ctx, "w", 1, f, []store.TableRow{row("a", "1", false), row("b", "1", false)}))
		equal(t, len(tables(t, s, "w")), 0) // nothing before it is published
		run.State = "succeeded"
		changes := []store.Change{{Change: "added", Path: catalog.Path{"a"}}, {Change: "added", Path: catalog.Path{"b"}, Detail: "x"}}
		check(t, s.PublishCatalog(ctx, "w", 1, f, run, store.CatalogState{Tables: 2, Read: c.Now(), Changed: c.Now()}, changes, nil))
		equal(t, tables(t, s, "w"), map[string]string{"a": "1", "b": "1"})

		// The next generation changes a, removes b, adds d; until it is published, everyone sees the first.
		check(t, s.PutTables(ctx, "w", 2, f, []store.TableRow{row("a", "2", true), row("d", "1", false)}))
		check(t, s.RemoveTables(ctx, "w", 2, f, []string{"b"}))
		equal(t, tables(t, s, "w"), map[string]string{"a": "1", "b": "1"})
		run2 := newRun(t, s, c, "run2")
		run2.State = "succeeded"
		stale := []store.StaleScope{{Path: catalog.Path{"x"}, Reason: "denied", Since: c.Now()}}
		check(t, s.PublishCatalog(ctx, "w", 2, f, run2, store.CatalogState{Tables: 2, Read: c.Now()}, nil, stale))
		equal(t, tables(t, s, "w"), map[string]string{"a": "2", "d": "1"})
		check(t, s.SweepCatalog(ctx, "w"))
		equal(t, tables(t, s, "w"), map[string]string{"a": "2", "d": "1"})
		body, err := s.TableBody(ctx, "w", "a")
		check(t, err)
		equal(t, string(body), "body of 2")
		kept, err := s.Changes(ctx, "run1", 10, 1)
		check(t, err)
		equal(t, kept, changes[1:])
		scopes, err := s.Scopes(ctx, "w")
		check(t, err)
		equal(t, scopes, stale)
	})
}

func TestBrokenApplyLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		f, err := s.Acquire(ctx, "refresh/w", "me", time.Minute)
		check(t, err)
		check(t, s.PutTables(ctx, "w", 1, f, []store.TableRow{row("a", "1", false), row("b", "1", false)}))
		check(t, s.PublishCatalog(ctx, "w", 1, f, newRun(t, s, c, "run1"), store.CatalogState{Tables: 2, Read: c.Now()}, nil, nil))
		check(t, s.PutTables(ctx, "w", 2, f, []store.TableRow{row("a", "2", true), row("d", "1", false)}))
		check(t, s.RemoveTables(ctx, "w", 2, f, []string{"b"}))
		check(t, s.DropUnpublished(ctx, "w")) // what a start after a crash does
		equal(t, tables(t, s, "w"), map[string]string{"a": "1", "b": "1"})
		// A later apply of the same generation publishes only what it wrote itself.
		check(t, s.PutTables(ctx, "w", 2, f, []store.TableRow{row("e", "1", false)}))
		check(t, s.PublishCatalog(ctx, "w", 2, f, newRun(t, s, c, "run2"), store.CatalogState{Tables: 3, Read: c.Now()}, nil, nil))
		equal(t, tables(t, s, "w"), map[string]string{"a": "1", "b": "1", "e": "1"})
	})
}

// A holder whose lease went to another cannot write any more (P82).
func TestStaleHolderIsFencedOff(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		slept, err := s.Acquire(ctx, "refresh/w", "slept", time.Minute)
		check(t, err)
		_, err = s.Acquire(ctx, "refresh/w", "other", time.Minute)
		want(t, err, store.ErrLeaseHeld)
		c.add(2 * time.Minute)
		_, err = s.Acquire(ctx, "refresh/w", "other", time.Minute)
		check(t, err)
		want(t, s.PutTables(ctx, "w", 1, slept, []store.TableRow{row("a", "1", false)}), store.ErrReplaced)
		want(t, s.Renew(ctx, slept, time.Minute), store.ErrReplaced)
	})
}

func TestLeaseHasOneHolder(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *clock) {
		var held sync.Map
		var inside sync.WaitGroup
		for i := range 8 {
			inside.Go(func() {
				f, err := s.Acquire(ctx, "one", fmt.Sprint(i), time.Hour)
				if err == nil {
					held.Store(i, f)
				} else if !errors.Is(err, store.ErrLeaseHeld) {
					t.Errorf("acquire: %v", err)
				}
			})
		}
		inside.Wait()
		n := 0
		held.Range(func(any, any) bool { n++; return true })
		equal(t, n, 1)
	})
}

// Whatever a function does, it may be done again: a transaction that fails leaves nothing, its audit row included.
func TestFailedUpdateLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		broken := errors.New("broken")
		err := s.Update(ctx, act, func(tx *store.Tx) error {
			if err := tx.CreateUser(mira(c)); err != nil {
				return err
			}
			return broken
		})
		want(t, err, broken)
		rows, _, err := s.VerifyAudit(ctx)
		check(t, err)
		equal(t, rows, 0)
		_, err = s.User(ctx, "mira")
		want(t, err, store.ErrNotFound)
	})
}

func TestAuditChain(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *clock) {
		for i := range 5 {
			entry := act
			entry.Detail = map[string]any{"n": i}
			check(t, s.Audit(ctx, entry))
		}
		rows, head, err := s.VerifyAudit(ctx)
		check(t, err)
		equal(t, rows, 5)
		latest, err := s.AuditRows(ctx, store.AuditFilter{Limit: 2, Action: "test.act"})
		check(t, err)
		equal(t, []any{len(latest), latest[0].Seq, bytes.Equal(latest[0].Hash, head)}, []any{2, 5, true})
		older, err := s.AuditRows(ctx, store.AuditFilter{Limit: 10, Before: 4})
		check(t, err)
		equal(t, len(older), 3)
	})
}

func TestConcurrentWritersAllLand(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *clock) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 5 {
					if err := s.Audit(ctx, act); err != nil {
						t.Errorf("audit: %v", err)
					}
				}
			})
		}
		all.Wait()
		rows, _, err := s.VerifyAudit(ctx)
		check(t, err)
		equal(t, rows, 40)
	})
}

func TestFilesAreOurs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	open(t, dir, newClock())
	for name, mode := range map[string]os.FileMode{"": 0o700, "patchbay.db": 0o600, "patchbay.lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		check(t, err)
		equal(t, info.Mode().Perm(), mode)
	}
}

// A second server on one folder is refused and told who holds it; a command beside it is not (P85).
func TestOneServerPerFolder(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	first := open(t, dir, c)
	_, err := store.Open(ctx, store.Options{Dir: dir, Now: c.Now})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Fatalf("the second open says %v", err)
	}
	beside, err := store.Open(ctx, store.Options{Dir: dir, Now: c.Now, AuditKey: []byte("audit key"), Shared: true})
	check(t, err)
	check(t, beside.Audit(ctx, act))
	check(t, beside.Close())
	check(t, first.Close())
	open(t, dir, c)
}

// What is deleted is gone from the file, not only from the tables (P30).
func TestDeletedSecretsAreGoneFromTheFile(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	canary := []byte("canary-box-4711")
	update(t, s, func(tx *store.Tx) error {
		return tx.CreateConnection(warehouse(c), map[string][]byte{"password": canary})
	})
	update(t, s, func(tx *store.Tx) error { return tx.DeleteConnection("w") })
	check(t, s.Close())
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	check(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		check(t, err)
		if bytes.Contains(content, canary) {
			t.Errorf("%s still holds the box", filepath.Base(file))
		}
	}
}
