package store_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"patchbay/store"
)

// A row of the audit log that was changed, removed or moved by whoever can write to the file is found; without dropping the
// triggers the database itself refuses (P52).
func TestTamperedAuditIsFound(t *testing.T) {
	for name, statements := range map[string][]string{
		"changed": {"update audit set actor = 'someone else' where seq = 3"},
		"removed": {"delete from audit where seq = 3"},
		"moved":   {"update audit set seq = 99 where seq = 2", "update audit set seq = 2 where seq = 3", "update audit set seq = 3 where seq = 99"},
		"rewound": {"update audit set at_ms = at_ms - 1 where seq = 5"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, c := t.TempDir(), newClock()
			s := open(t, dir, c)
			for range 5 {
				check(t, s.Audit(ctx, act))
			}
			check(t, s.Close())
			raw, err := sql.Open("sqlite3", filepath.Join(dir, "patchbay.db"))
			check(t, err)
			if _, err := raw.Exec(statements[0]); err == nil {
				t.Error("the triggers let it pass")
			}
			for _, statement := range append([]string{"drop trigger audit_no_update", "drop trigger audit_no_delete"}, statements...) {
				_, err := raw.Exec(statement)
				check(t, err)
			}
			check(t, raw.Close())
			s = open(t, dir, c)
			if _, _, err := s.VerifyAudit(ctx); err == nil || !strings.Contains(err.Error(), "changed at row") {
				t.Errorf("verifying says %v", err)
			}
		})
	}
}

// Rows cut off at the end leave a whole chain: only the head that was noted elsewhere tells.
func TestTruncatedAuditHasAnotherHead(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	for range 3 {
		check(t, s.Audit(ctx, act))
	}
	_, head, err := s.VerifyAudit(ctx)
	check(t, err)
	check(t, s.Close())
	raw, err := sql.Open("sqlite3", filepath.Join(dir, "patchbay.db"))
	check(t, err)
	for _, statement := range []string{"drop trigger audit_no_delete", "delete from audit where seq = 3"} {
		_, err := raw.Exec(statement)
		check(t, err)
	}
	check(t, raw.Close())
	s = open(t, dir, c)
	rows, after, err := s.VerifyAudit(ctx)
	check(t, err)
	if rows != 2 || string(after) == string(head) {
		t.Errorf("%d rows with the same head", rows)
	}
}

// A data folder that a newer version has written is left alone, with words that say what to do (P65).
func TestNewerSchemaIsRefused(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	s := open(t, dir, c)
	check(t, s.Close())
	raw, err := sql.Open("sqlite3", filepath.Join(dir, "patchbay.db"))
	check(t, err)
	_, err = raw.Exec("insert into goose_db_version(version_id, is_applied) values (9999, 1)")
	check(t, err)
	check(t, raw.Close())
	if _, err := store.Open(ctx, store.Options{Dir: dir, Now: c.Now}); err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("opening says %v", err)
	}
}
