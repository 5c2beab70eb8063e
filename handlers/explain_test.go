package handlers

import (
	"net/http"
	"strings"
	"testing"

	"patchbay/access"
	"patchbay/workspace"
)

// People ask why about themselves, and learn nothing of what does not exist for them; about others, and the web, Admins ask alone.
func TestWhoMayAskWhy(t *testing.T) {
	s := newSite(t)
	shop, shared := s.sharedShop()
	w, admin := s.server.Workspace, s.actor("admin")
	payroll := s.connect("Payroll", workspace.ConnectionInput{CanQuery: []string{}, CanViewResults: []string{}})
	private := s.project("admin", "Private")
	locked := s.project("admin", "Salaries", access.Share{To: "workspace", Access: access.Edit})
	s.check(w.Import(t.Context(), admin, locked.ID, payroll.ID))
	draft, err := w.CreateConnection(t.Context(), admin, workspace.ConnectionInput{Name: "Half", Type: "sqlite", Draft: true})
	s.check(err)
	self, viewer := s.users["editor"].ID, s.users["viewer"].ID
	for _, test := range []struct {
		as, user, about string
		want            int
	}{
		{"editor", self, "connection=" + shop.ID, http.StatusOK},
		{"editor", self, "project=" + shared.ID, http.StatusOK},
		{"editor", self, "project=" + locked.ID, http.StatusOK},
		{"editor", self, "connection=" + payroll.ID, http.StatusNotFound},
		{"editor", self, "connection=" + draft.ID, http.StatusNotFound},
		{"editor", self, "connection=gone", http.StatusNotFound},
		{"editor", self, "project=" + private.ID, http.StatusNotFound},
		{"editor", self, "project=gone", http.StatusNotFound},
		{"editor", viewer, "connection=" + shop.ID, http.StatusForbidden},
		{"editor", viewer, "project=" + shared.ID, http.StatusForbidden},
		{"editor", viewer, "connection=gone", http.StatusForbidden},
		{"editor", "nobody", "project=" + shared.ID, http.StatusForbidden},
		{"editor", workspace.AnonymousUser, "connection=" + shop.ID, http.StatusForbidden},
		{"editor", workspace.AnonymousUser, "project=" + shared.ID, http.StatusForbidden},
		{"viewer", self, "project=" + shared.ID, http.StatusForbidden},
		{"admin", self, "connection=" + payroll.ID, http.StatusOK},
		{"admin", viewer, "project=" + private.ID, http.StatusOK},
		{"admin", workspace.AnonymousUser, "project=" + shared.ID, http.StatusOK},
		{"admin", "nobody", "project=" + shared.ID, http.StatusNotFound},
	} {
		path := "/api/v1/access?user=" + test.user + "&" + test.about
		for door, a := range map[string]answer{"session": s.do(test.as, "GET", path, nil), "token": s.api(s.token(test.as, access.ScopeRead), "GET", path, "")} {
			if a.status != test.want {
				t.Errorf("%s, by %s: %s answers %d, want %d: %s", test.as, door, path, a.status, test.want, a.body)
			}
		}
	}
	a := s.do("editor", "GET", "/api/v1/access?user="+self+"&project="+locked.ID, nil)
	if a.get(t, "locked_out") != true || a.get(t, "access") != "none" || !strings.Contains(a.body, "“Payroll”, where Can view results is missing") {
		t.Errorf("someone who is locked out is told %s", a.body)
	}
}
