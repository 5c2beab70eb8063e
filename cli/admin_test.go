package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/secret"
	"patchbay/store"
	"patchbay/workspace"
)

// The operator gets in again beside a running server: with a first Admin while there is none, else with the Admin who is named, or
// the only one there is.
func TestAdminReset(t *testing.T) {
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
	t.Cleanup(func() { check(server.Close()) })
	check(workspace.CheckKey(t.Context(), server, keys))
	a := auth.New(auth.Options{Store: server, Now: time.Now, Keys: keys})
	reset := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := Run(t.Context(), append([]string{"admin", "reset", "--data-dir", dir, "--base-url", "https://p.example.com/"}, args...), "test", &out, &out)
		return out.String(), err
	}
	link := func(out, before string) string {
		t.Helper()
		_, token, found := strings.Cut(out, "https://p.example.com/"+before)
		if !found || strings.Count(out, "https://") != 1 {
			t.Fatalf("it prints %q", out)
		}
		return strings.TrimSpace(token)
	}
	out, err := reset()
	check(err)
	check(a.CheckSetup(t.Context(), link(out, "setup?token=")))

	check(a.CreateFirstAdmin(t.Context(), "Mira", "mira@example.com", "a quiet harbour at dawn"))
	out, err = reset()
	check(err)
	if u, err := a.InvitedUser(t.Context(), link(out, "invite/")); err != nil || u.Email != "mira@example.com" {
		t.Errorf("the link is for %q: %v", u.Email, err)
	}
	w := workspace.Workspace{Store: server, Now: time.Now}
	for email, role := range map[string]access.Role{"ana@example.com": access.RoleAdmin, "bo@example.com": access.RoleViewer} {
		_, err := w.CreateUser(t.Context(), operator, workspace.UserInput{Email: email, Name: "x", Role: role})
		check(err)
	}
	for _, refused := range []struct{ args, words string }{
		{"", "ana@example.com"}, {"--email bo@example.com", "no Admin"}, {"--email nobody@example.com", "no account"}, {"now", "does not take"},
	} {
		if out, err := reset(strings.Fields(refused.args)...); err == nil || !strings.Contains(err.Error(), refused.words) || strings.Contains(out, "https://") {
			t.Errorf("%q: %v, printing %q", refused.args, err, out)
		}
	}
	out, err = reset("--email", "ANA@example.com")
	check(err)
	link(out, "invite/")
	rows, err := server.AuditRows(t.Context(), store.AuditFilter{Action: "admin.reset", Limit: 10})
	check(err)
	if len(rows) != 3 || rows[0].Actor != operator.Name || rows[0].ObjectName != "ana@example.com" {
		t.Errorf("%d rows, the last %+v", len(rows), rows[0])
	}
}
