package handlers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/store"
	"patchbay/workspace"
)

// The list says why refreshes fail and how many failed in a row, also after a test that reaches the server, until one succeeds.
func TestListSaysWhyRefreshesFail(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	file := filepath.Join(s.dir, "files", "shop.db")
	s.check(os.Rename(file, file+".away"))
	for range 3 {
		s.refreshed(c.ID, "failed")
	}
	says := func(when string, want ...string) {
		t.Helper()
		a := s.do("admin", "GET", "/settings/connections?state=attention", nil).words(t)
		for _, words := range append(want, "3 in a row") {
			if !strings.Contains(a, words) {
				t.Errorf("%s the list says %q, want %q", when, a, words)
			}
		}
	}
	run := s.lastRun(c.ID)
	says("after three failures", run.Error)
	if _, err := s.server.Workspace.TestSaved(t.Context(), s.actor("admin"), c.ID, func(connectors.Step) {}); err != nil {
		t.Fatal(err)
	}
	says("after a test that failed")
	s.check(os.Rename(file+".away", file))
	report, err := s.server.Workspace.TestSaved(t.Context(), s.actor("admin"), c.ID, func(connectors.Step) {})
	if err != nil || !report.OK {
		t.Fatalf("%+v, %v", report, err)
	}
	says("after a test that succeeded", "Refresh failed", run.Error)
	s.refreshed(c.ID, "succeeded")
	if a := s.do("admin", "GET", "/settings/connections", nil).words(t); !strings.Contains(a, "Connected") || strings.Contains(a, "in a row") {
		t.Errorf("after a refresh that succeeded the list says %q", a)
	}
}

// A connection of which a part could not be read needs attention, and says which and why.
func TestListSaysWhatWasNotRead(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	run := s.lastRun(c.ID)
	run.Cause, run.Error, run.Hint = "timeout", "Read 3 of 4 databases. crm: It took too long", "Ask why"
	s.check(s.server.Store.Maintain(t.Context(), func(tx *store.Tx) error { return tx.UpdateRun(run) }))
	state, err := s.server.Store.CatalogState(t.Context(), c.ID)
	s.check(err)
	fence, err := s.server.Store.Acquire(t.Context(), "refresh:"+c.ID, "test", 1e9)
	s.check(err)
	s.check(s.server.Store.PublishCatalog(t.Context(), c.ID, state.Generation, fence, run, state, nil,
		[]store.StaleScope{{Path: catalog.Path{"crm"}, Reason: "It took too long", Since: run.Finished}}))
	for path, want := range map[string]string{"/settings/connections?state=attention": "Partly read Read 3 of 4 databases. crm: It took too long",
		"/settings/connections/" + c.ID: "Partly read Read 3 of 4 databases.", "/settings/connections/" + c.ID + "/refreshes": "Ask why"} {
		if a := s.do("admin", "GET", path, nil).words(t); !strings.Contains(a, want) {
			t.Errorf("%s says %q, want %q", path, a, want)
		}
	}
}
