package cli

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchbay/auth"
	"patchbay/secret"
	"patchbay/store"
	"patchbay/workspace"
)

// The command works beside a server that has the store open, and fails for a row that was changed and for an end that was cut off.
func TestAuditVerify(t *testing.T) {
	dir := t.TempDir()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	keys, _, err := secret.LoadRing(dir, "", "")
	check(err)
	server, err := store.Open(t.Context(), store.Options{Dir: dir, Now: time.Now, AuditKey: keys.Derive("audit-mac")})
	check(err)
	check(workspace.CheckKey(t.Context(), server, keys))
	for range 5 {
		check(server.Audit(t.Context(), store.AuditEntry{Action: "test.act"}))
	}
	rows, head, err := server.AuditHead(t.Context())
	check(err)
	verify := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := Run(t.Context(), append([]string{"audit", "verify", "--data-dir", dir}, args...), "test", &out, &out)
		return out.String(), err
	}
	noted := fmt.Sprintf("%x", head)
	if out, err := verify("--head", noted); err != nil || !strings.Contains(out, fmt.Sprintf("%d rows, head %s", rows, noted)) {
		t.Errorf("beside the server: %q, %v", out, err)
	}
	for _, bad := range [][]string{{"--head", "xyz"}, {"--head", "ab"}, {"more"}} {
		if _, err := verify(bad...); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	check(server.Close())
	raw, err := sql.Open("sqlite3", filepath.Join(dir, "patchbay.db"))
	check(err)
	defer func() { _ = raw.Close() }()
	for _, c := range []struct{ statement, want string }{
		{"drop trigger audit_no_delete", ""}, {"drop trigger audit_no_update", ""},
		{fmt.Sprintf("delete from audit where seq = %d", rows), "does not hold the noted head"},
		{"update audit set actor = 'x' where seq = 3", "row 3"},
	} {
		_, err := raw.Exec(c.statement)
		check(err)
		_, err = verify("--head", noted)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("after %q: %v", c.statement, err)
		}
	}
}

// Another root key is appended to the file, as an operator rotates it: the rows of before stay whole, those after it are written
// under the new key, and what was changed in either part is still found.
func TestAuditVerifyAfterTheKeyWasRotated(t *testing.T) {
	dir := t.TempDir()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	act := func() {
		t.Helper()
		check(withAuth(t.Context(), dir, func(st *store.Store, _ *auth.Auth) error {
			for range 5 {
				if err := st.Audit(t.Context(), store.AuditEntry{Action: "test.act"}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	verify := func() error {
		var out bytes.Buffer
		return Run(t.Context(), []string{"audit", "verify", "--data-dir", dir}, "test", &out, &out)
	}
	keys, _, err := secret.LoadRing(dir, "", "")
	check(err)
	server, err := store.Open(t.Context(), store.Options{Dir: dir, Now: time.Now, AuditKey: keys.Derive("audit-mac")})
	check(err)
	check(workspace.CheckKey(t.Context(), server, keys))
	check(server.Close())
	act()
	file := filepath.Join(dir, "root.key")
	first, err := os.ReadFile(file)
	check(err)
	second := strings.Replace(secret.NewRing().MarshalFile(), "1:", "2:", 1)
	check(os.WriteFile(file, append(first, second...), 0o600))
	act()
	if err := verify(); err != nil {
		t.Fatalf("after the key was rotated: %v", err)
	}
	check(os.WriteFile(file, append([]byte(second), first...), 0o600)) // and back
	act()
	if err := verify(); err != nil {
		t.Errorf("after the key was put back: %v", err)
	}
	raw, err := sql.Open("sqlite3", filepath.Join(dir, "patchbay.db"))
	check(err)
	defer func() { _ = raw.Close() }()
	for _, row := range []int{14, 8, 3} { // from the end, since verifying stops at the first
		for _, statement := range []string{"drop trigger if exists audit_no_update", fmt.Sprintf("update audit set actor = 'x' where seq = %d", row)} {
			_, err := raw.Exec(statement)
			check(err)
		}
		if err := verify(); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("at row %d ", row)) {
			t.Errorf("row %d was changed, verify says %v", row, err)
		}
	}
}
