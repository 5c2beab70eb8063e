package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"patchbay/store"
)

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

// The chain is checked beyond what is read of it at a time.
func TestLongAuditChain(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *clock) {
		check(t, s.AuditMany(ctx, act, 1000))
		for range 2 {
			check(t, s.Audit(ctx, act))
			_, _, err := s.VerifyAudit(ctx)
			check(t, err)
		}
		rows, _, err := s.VerifyAudit(ctx)
		check(t, err)
		equal(t, rows, 1002)
		check(t, tamper(s, `update audit set actor = 'nobody' where seq = 1001`))
		if _, _, err = s.VerifyAudit(ctx); err == nil || !strings.Contains(err.Error(), "row 1001") {
			t.Fatalf("row 1001 was changed, verify says %v", err)
		}
	})
}

// The store itself does not let go of a row, however it is asked (P52).
func TestAuditRowsCannotBeChanged(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *clock) {
		check(t, s.AuditMany(ctx, act, 3))
		_, head, err := s.VerifyAudit(ctx)
		check(t, err)
		for _, statement := range []string{`update audit set outcome = 'failed' where seq = 2`, `delete from audit where seq = 2`, `delete from audit`,
			`truncate audit`, `insert or replace into audit select seq, id, 0, actor_id, actor, action, object_type, object_id, object_name, outcome, detail, ip,
				request_id, prev_hash, hash from audit where seq = 2`} {
			if err := s.Exec(ctx, statement); err == nil {
				t.Errorf("done: %s", statement)
			}
		}
		rows, after, err := s.VerifyAudit(ctx)
		check(t, err)
		equal(t, []any{rows, after}, []any{3, head})
	})
}

// tamper does what the triggers refuse, as someone can who has the file.
func tamper(s *store.Store, statements ...string) error {
	for _, trigger := range []string{"audit_no_update", "audit_no_delete"} {
		if s.Exec(ctx, `drop trigger `+trigger) != nil { // PostgreSQL wants to hear of which table
			if err := s.Exec(ctx, `drop trigger `+trigger+` on audit`); err != nil {
				return err
			}
		}
	}
	return s.Exec(ctx, statements...)
}

// Whoever gets past the triggers is found out, and where (P52).
func TestTamperingIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		at         int // the row that is named
		statements []string
	}{
		"changed":               {3, []string{`update audit set detail = '{"n":9}' where seq = 3`}},
		"changed actor":         {1, []string{`update audit set actor_id = '', actor = 'u' where seq = 1`}},
		"moved between fields":  {2, []string{`update audit set object_type = 'tes', object_id = 't1' where seq = 2`}},
		"changed time":          {5, []string{`update audit set at_ms = at_ms + 1 where seq = 5`}},
		"removed":               {4, []string{`delete from audit where seq = 4`}},
		"removed and closed up": {4, []string{`delete from audit where seq = 4`, `update audit set seq = 4 where seq = 5`}},
		"first removed":         {1, []string{`delete from audit where seq = 1`}},
		"put before the first":  {1, []string{`update audit set seq = 0 where seq = 5`}},
		"two in another order":  {2, []string{`update audit set seq = 9 where seq = 2`, `update audit set seq = 2 where seq = 3`, `update audit set seq = 3 where seq = 9`}},
		"chain joined over a gap": {2, []string{`delete from audit where seq = 2`, `update audit set seq = seq + 10 where seq > 2`,
			`update audit set seq = seq - 11 where seq > 2`, `update audit set prev_hash = (select hash from audit where seq = 1) where seq = 2`}},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, s *store.Store, _ *clock) {
				check(t, s.AuditMany(ctx, act, 5))
				check(t, tamper(s, c.statements...))
				_, _, err := s.VerifyAudit(ctx)
				if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("at row %d ", c.at)) {
					t.Fatalf("verify says %v, want row %d", err, c.at)
				}
			})
		})
	}
}

// Without the key, a row cannot be made to fit.
func TestForgedRowIsFound(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *clock) {
		check(t, s.AuditMany(ctx, act, 3))
		rows, err := s.AuditRows(ctx, store.AuditFilter{Limit: 1})
		check(t, err)
		forged := rows[0]
		forged.Actor = "someone@example.com"
		if !bytes.Equal(rows[0].Rehash([]byte("audit key")).Hash, rows[0].Hash) {
			t.Fatal("the right key gives another hash: this test shows nothing")
		}
		forged = forged.Rehash([]byte("a guessed key"))
		hash := fmt.Sprintf("x'%x'", forged.Hash)
		if _, err := s.Column(ctx, `select sqlite_version()`); err != nil {
			hash = fmt.Sprintf(`'\x%x'::bytea`, forged.Hash)
		}
		check(t, tamper(s, `update audit set actor = 'someone@example.com', hash = `+hash+` where seq = 3`))
		if _, _, err := s.VerifyAudit(ctx); err == nil {
			t.Fatal("a forged row is taken for real")
		}
	})
}

// A noted head is found wherever it is in the chain; one that the chain never had, or has no more, is not.
func TestNotedHead(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *clock) {
		check(t, s.AuditMany(ctx, act, 3))
		rows, noted, err := s.AuditHead(ctx)
		check(t, err)
		equal(t, rows, 3)
		check(t, s.AuditMany(ctx, act, 1100))
		var heard []int64
		rows, _, err = s.VerifyAuditHead(ctx, noted, func(n int64) { heard = append(heard, n) })
		check(t, err)
		equal(t, []any{rows, fmt.Sprint(heard)}, []any{1103, "[1000 1103]"})
		noted[0] ^= 1
		if _, _, err := s.VerifyAuditHead(ctx, noted, func(int64) {}); !errors.Is(err, store.ErrHeadMissing) {
			t.Errorf("a head that the chain does not have: %v", err)
		}
	})
}

// BenchmarkAuditFilters reads the page of each filter from a log of a million rows.
func BenchmarkAuditFilters(b *testing.B) {
	s, err := store.Open(ctx, store.Options{Dir: b.TempDir(), Now: time.Now, AuditKey: []byte("key")})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for i := range 100 {
		e := act
		e.Action, e.Who.UserID, e.ObjectID = fmt.Sprintf("test.act%d", i%10), fmt.Sprint("u", i%7), fmt.Sprint("c", i)
		if i == 0 {
			e.Action, e.Outcome = "test.rare", "failed"
		}
		if err := s.AuditMany(ctx, e, 10_000); err != nil {
			b.Fatal(err)
		}
	}
	now := time.Now()
	for name, f := range map[string]store.AuditFilter{"none": {}, "rare action": {Action: "test.rare"}, "common action": {Action: "test.act1"},
		"person": {ActorID: "u3"}, "object": {ObjectType: "test", ObjectID: "c5"}, "object id": {ObjectID: "c5"}, "rare outcome": {Outcome: "failed"},
		"no such person and outcome": {ActorID: "nobody", Outcome: "ok"}, "time, all": {From: now.Add(-time.Hour), To: now.Add(time.Hour)},
		"time, none": {To: now.Add(-time.Hour)}, "action and time": {Action: "test.act1", From: now.Add(-time.Hour)},
		"text that is there": {Text: "mira"}, "text that is not": {Text: "nothing such"}, "deep page": {Before: 1000}} {
		f.Limit = 51
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.AuditRows(ctx, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := s.VerifyAudit(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
