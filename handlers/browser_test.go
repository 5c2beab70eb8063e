package handlers

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/store"
	"patchbay/workspace"
)

// browsed is a site with an Admin, an Editor, and a project of the Editor's that uses a connection.
func browsed(t *testing.T) (*site, store.Connection, string) {
	t.Helper()
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	c := s.connect("Shop", workspace.ConnectionInput{})
	p := s.project("editor", "Revenue")
	s.check(s.server.Workspace.Import(t.Context(), s.actor("editor"), p.ID, c.ID))
	return s, c, "/projects/" + p.ID
}

// A page that was made before the first refresh ended asks until it has, and then names the catalog that the tree has.
func TestFootAsksUntilACatalogIsThere(t *testing.T) {
	s, _, base := browsed(t)
	late, err := s.server.Workspace.CreateConnection(t.Context(), s.actor("admin"), workspace.ConnectionInput{Name: "Later", Type: "sqlite",
		RefreshAdminsOnly: true, CanQuery: []string{access.GroupMembers}, Values: connectors.Values{"file": "late.db"}})
	s.check(err)
	runs, err := s.server.Store.Runs(t.Context(), late.ID, 1, "")
	s.check(err)
	s.check(s.server.Refresh.Wait(t.Context(), runs[0].ID)) // the file is not there yet
	p := strings.TrimPrefix(base, "/projects/")
	settled := s.do("editor", "GET", base+"/browser/foot", nil).page(t).Find("#browser-foot")
	if mark := settled.AttrOr("data-catalog", ""); strings.HasSuffix(mark, ":") || settled.Find("[hx-trigger^=load]").Length() != 0 {
		t.Errorf("of a catalog that is read, the foot says %q and asks again", mark)
	}
	s.check(s.server.Workspace.Import(t.Context(), s.actor("admin"), p, late.ID))
	foot := func() (mark string, asks bool) {
		f := s.do("admin", "GET", base+"/browser/foot", nil).page(t).Find("#browser-foot")
		return f.AttrOr("data-catalog", ""), f.Find("[hx-trigger^=load]").Length() == 1
	}
	before, asks := foot()
	if !asks {
		t.Error("of a connection that was never read, the foot does not ask again")
	}
	shop(t, filepath.Join(s.dir, "files", "late.db"))
	run, err := s.server.Refresh.Start(t.Context(), late.ID, "manual", s.users["admin"].ID)
	s.check(err)
	if _, asks := foot(); !asks {
		t.Error("while a refresh runs, the foot does not ask again")
	}
	s.check(s.server.Refresh.Wait(t.Context(), run.ID))
	if after, asks := foot(); after == before || asks {
		t.Errorf("after the refresh the foot says %q, before it %q, and asks again: %v", after, before, asks)
	}
	if s.do("editor", "POST", base+"/browser/refresh", url.Values{"connection": {late.ID}}).status == http.StatusOK {
		t.Error("an Editor refreshes a connection that they may not")
	}
}
