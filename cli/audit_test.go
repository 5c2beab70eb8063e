package cli

import (
	"bytes"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
