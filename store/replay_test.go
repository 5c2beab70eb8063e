package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/schedule"
	"patchbay/store"
)

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

var busy = sqlite3.Error{Code: sqlite3.ErrBusy}

// A transaction that another got in the way of is run again, and is then there once.
func TestReplayedUpdateIsThereOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		calls := 0
		update(t, s, func(tx *store.Tx) error {
			calls++
			if err := tx.CreateUser(mira(c)); err != nil || calls > 2 {
				return err
			}
			return fmt.Errorf("meet another: %w", busy)
		})
		users, err := s.Users(ctx)
		check(t, err)
		rows, _, err := s.VerifyAudit(ctx)
		check(t, err)
		equal(t, []any{calls, len(users), rows}, []any{3, 1, 1})
	})
}

// What told someone a row cannot be run again: they would hear it twice.
func TestStreamedReadIsNotReplayed(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		withWarehouse(t, s, c)
		published(t, s, c, row("a", "1", false), row("b", "1", false))
		var told []string
		want(t, s.TablesEach(ctx, "w", func(path string, _ []byte) error {
			told = append(told, path)
			return busy
		}), busy)
		equal(t, told, []string{"a"})
	})
}

// A commit of which nobody knows how it ended may have been kept: doing it again could double it.
func TestUnknownCommitIsNotReplayed(t *testing.T) {
	t.Parallel()
	s := openPostgres(t, newClock())
	check(t, s.Exec(ctx, `create function unknown() returns trigger language plpgsql as $$ begin raise exception 'lost' using errcode = '40003'; end $$`,
		`create trigger unknown after insert on setting for each statement execute function unknown()`))
	calls := 0
	err := s.Update(ctx, act, func(tx *store.Tx) error {
		calls++
		return tx.SetSetting("a", "b")
	})
	if err == nil || calls != 1 {
		t.Fatalf("run %d times, ended with %v", calls, err)
	}
}

// A function that panics leaves nothing, and the next writer is not kept waiting.
func TestPanicFreesTheWriter(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		func() {
			defer func() { equal(t, recover(), "broken") }()
			_ = s.Update(ctx, act, func(tx *store.Tx) error {
				check(t, tx.CreateUser(mira(c)))
				panic("broken")
			})
		}()
		done := make(chan error, 1)
		go func() { done <- s.Update(ctx, act, func(tx *store.Tx) error { return tx.CreateUser(mira(c)) }) }()
		select {
		case err := <-done:
			check(t, err)
		case <-time.After(10 * time.Second):
			t.Fatal("the writer was never free again")
		}
	})
}

// faults make every statement whose number is a square fail as one that another transaction got in the way of. The numbers
// stay taken when the transaction does not.
var faults = []string{
	`create sequence faults`,
	`create function fault() returns trigger language plpgsql as $$ declare n bigint := nextval('faults');
		begin if sqrt(n) = floor(sqrt(n)) then raise exception 'injected' using errcode = '40001'; end if; return null; end $$`,
	`do $$ declare t text; begin
		for t in select table_name from information_schema.tables where table_schema = 'public' and table_name not like 'goose%' loop
			execute format('create trigger fault after insert or update or delete on %I for each statement execute function fault()', t);
		end loop; end $$`,
}

// Every write of the store, done while transactions fail again and again, ends in the same rows as done in peace (P83).
func TestReplaysChangeNothing(t *testing.T) {
	t.Parallel()
	var ends []string
	for _, prepare := range [][]string{nil, faults} {
		c := newClock()
		s := openPostgres(t, c)
		check(t, s.Exec(ctx, prepare...))
		writeEverything(t, s, c)
		if prepare != nil {
			failed, err := s.Column(ctx, `select floor(sqrt(last_value))::text from faults`)
			check(t, err)
			if len(failed[0]) < 2 {
				t.Fatalf("only %s statements failed", failed[0])
			}
		}
		ends = append(ends, everything(t, s))
	}
	if ends[0] != ends[1] {
		t.Errorf("in peace:\n%s\nreplayed:\n%s", ends[0], ends[1])
	}
}

// Every write of the store works on either product.
func TestEveryWrite(t *testing.T) { onBoth(t, writeEverything) }

// everything is what all tables hold, but for what is made anew at each try: the ids of audit rows, and so their chain.
func everything(t *testing.T, s *store.Store) string {
	t.Helper()
	tables, err := s.Column(ctx, `select table_name from information_schema.tables where table_schema = 'public' and table_name not like 'goose%' order by table_name`)
	check(t, err)
	var all []string
	for _, table := range tables {
		query := fmt.Sprintf(`select row_to_json(t)::text from %s t`, table)
		if table == "audit" {
			query = `select concat_ws(' ', seq, at_ms, actor, action, outcome, detail) from audit`
		}
		rows, err := s.Column(ctx, query)
		check(t, err)
		slices.Sort(rows)
		all = append(all, table+": "+strings.Join(rows, "\n"))
	}
	return strings.Join(all, "\n")
}

// writeEverything does each write of the store, so that some of what each one writes is left.
func writeEverything(t *testing.T, s *store.Store, c *clock) {
	writePeople(t, s, c)
	writeProviders(t, s, c)
	writeConnections(t, s, c)
	writeProjects(t, s, c)
	writeCatalog(t, s, c)
	check(t, s.Audit(ctx, act))
	_, _, err := s.VerifyAudit(ctx)
	check(t, err)
}

func writePeople(t *testing.T, s *store.Store, c *clock) {
	hash := []byte("hash")
	update(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.CreateUser(mira(c)), tx.CreateUser(store.User{ID: "gone", Email: "gone", Role: access.RoleGuest}),
			tx.CreateGroup(store.Group{ID: "g", Name: "G"}), tx.CreateGroup(store.Group{ID: "gone", Name: "Gone"}), tx.AddMember("g", "mira"), tx.AddMember("gone", "mira"))
	})
	update(t, s, func(tx *store.Tx) error {
		u, err := tx.User("mira")
		u.Name = "Mira K"
		return errors.Join(err, tx.UpdateUser(u), tx.RenameGroup("g", "Analysts"), tx.DeleteGroup("gone"), tx.SetSetting("k", "v"),
			tx.CreateSession(store.Session{ID: "s", Hash: hash, UserID: "mira", Created: c.Now()}), tx.CreateSession(store.Session{ID: "gone", Hash: []byte("gone"), UserID: "gone"}),
			tx.CreateSession(store.Session{ID: "other", Hash: []byte("other"), UserID: "mira"}), tx.CreateSession(store.Session{ID: "ended", Hash: []byte("ended"), UserID: "mira"}),
			tx.BeginTOTP(store.TOTP{UserID: "mira", Box: []byte("box"), Created: c.Now()}), tx.BeginTOTP(store.TOTP{UserID: "gone", Box: []byte("box")}),
			tx.CreateAPIToken(store.APIToken{ID: "t", UserID: "mira", Hash: hash, Scope: access.ScopeRead}),
			tx.CreateOneTime(store.OneTimeToken{Hash: hash, Purpose: "invite", Created: c.Now()}),
			tx.CreateOneTime(store.OneTimeToken{Hash: []byte("gone"), Purpose: "reset", UserID: "mira", Created: c.Now()}),
			tx.CreateOneTime(store.OneTimeToken{Hash: []byte("late"), Purpose: "sign_in", UserID: "mira"}))
	})
	update(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.TouchSession(hash, c.Now()), tx.TouchAPIToken("t", c.Now()), tx.UseOneTime(hash, c.Now()), tx.DeleteUserSessions("gone"),
			tx.EndSession("mira", "ended"), tx.EndOtherSessions("mira", "s"), tx.DropOneTimes("mira", "reset"), tx.SweepOneTimes("sign_in", c.Now()),
			tx.ConfirmTOTP("mira", c.Now(), [][]byte{hash, []byte("unused")}), tx.UseTOTPStep("mira", 7), tx.UseRecoveryCode("mira", hash, c.Now()), tx.DeleteTOTP("gone"),
			tx.DeleteUser("gone"), tx.SetSetting("k", "w"))
	})
}

func writeConnections(t *testing.T, s *store.Store, c *clock) {
	withWarehouse(t, s, c)
	update(t, s, func(tx *store.Tx) error {
		gone := warehouse(c)
		gone.ID, gone.Name = "gone", "Gone"
		w, err := tx.Connection("w")
		w.Destination = "digest-2"
		return errors.Join(err, tx.CreateConnection(gone, map[string][]byte{"password": []byte("box")}),
			tx.UpdateConnection(w, map[string][]byte{"password": []byte("box-2"), "key": []byte("box-3")}, nil))
	})
	update(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.DeleteConnection("gone"), tx.SetPermissions("w", []string{"g"}, nil, true), tx.SetFilter("w", catalog.Filter{}),
			tx.SetSchedule("w", schedule.Spec{Kind: schedule.Daily, At: "05:00"}, c.Now(), c.Now()), tx.SetNextRefresh("w", c.Now()),
			tx.SetReach("w", store.ReachOK, "", "", c.Now()), tx.SetServer("w", "PostgreSQL", "15", catalog.CaseExact))
	})
}

func writeProjects(t *testing.T, s *store.Store, c *clock) {
	update(t, s, func(tx *store.Tx) error {
		shares := []access.Share{{To: "user:mira", Access: access.Full}}
		return errors.Join(tx.CreateProject(store.Project{ID: "p", Name: "P", Shares: shares}), tx.CreateProject(store.Project{ID: "gone"}),
			tx.Import("p", "w"), tx.Import("gone", "w"), tx.CreateCell(store.Cell{ID: "a", ProjectID: "p", Kind: "sql"}),
			tx.CreateCell(store.Cell{ID: "b", ProjectID: "p", Kind: "text"}), tx.CreateCell(store.Cell{ID: "gone", ProjectID: "p", Kind: "sql"}))
	})
	update(t, s, func(tx *store.Tx) error {
		p, err := tx.Project("p")
		cell, err2 := tx.Cell("a")
		cell.Source = "select 1"
		return errors.Join(err, err2, tx.UpdateProject(p), tx.SetShares("p", []access.Share{{To: "group:g", Access: access.View}}), tx.StopImport("gone", "w"),
			tx.CreateWebLink(store.WebLink{ID: "l", ProjectID: "p", Name: "Board", Hash: []byte("1")}), tx.CreateWebLink(store.WebLink{ID: "gone", ProjectID: "p", Hash: []byte("2")}),
			tx.CreateWebLink(store.WebLink{ID: "gone with it", ProjectID: "gone", Hash: []byte("3")}), tx.ReplaceWebLink("p", "l", []byte("4")),
			tx.TouchWebLink("l", c.Now()), tx.DeleteWebLink("p", "gone"), tx.DeleteWebLinks("gone"), tx.DeleteProject("gone"), tx.UpdateCell(cell), tx.MoveCell("a", 0), tx.DeleteCell("gone"),
			tx.CreateResult(store.Result{ID: "r", CellID: "a", State: "running", Started: c.Now()}), tx.CreateResult(store.Result{ID: "gone", CellID: "a", State: "running"}))
	})
	update(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.FinishResult(store.Result{ID: "r", State: "succeeded", Rows: 2}), tx.DeleteResult("gone"))
	})
}

func writeCatalog(t *testing.T, s *store.Store, c *clock) {
	f := published(t, s, c, row("a", "1", false), row("b", "1", false), row("c", "1", false))
	check(t, s.Renew(ctx, f, time.Minute))
	check(t, s.PutTables(ctx, "w", 2, f, []store.TableRow{row("a", "dropped", true), row("d", "dropped", false)}))
	check(t, s.RemoveTables(ctx, "w", 2, f, "run", c.Now(), []string{"c"}, true))
	check(t, s.DropUnpublished(ctx, "w", f))
	check(t, s.PutTables(ctx, "w", 2, f, []store.TableRow{row("a", "2", true)}))
	check(t, s.RemoveTables(ctx, "w", 2, f, "run", c.Now(), []string{"b"}, true))
	changes := []store.Change{{Change: "changed", Path: catalog.Path{"a"}}, {Change: "removed", Path: catalog.Path{"b"}}}
	stale := []store.StaleScope{{Path: catalog.Path{"x"}, Reason: "denied", Since: c.Now()}}
	check(t, s.PublishCatalog(ctx, "w", 2, f, newRun(t, s, c, "second"), store.CatalogState{Tables: 2}, changes, stale))
	check(t, s.SweepCatalog(ctx, "w"))
	check(t, s.Release(ctx, f))
	newRun(t, s, c, "third")
	check(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.InterruptRuns(c.Now()) }))
	equal(t, tables(t, s, "w"), map[string]string{"a": "2", "c": "1"})
}
