package handlers

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/uuid"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/store"
	"patchbay/workspace"
)

// A refresh that would remove nearly everything is put before an Admin, who keeps the catalog or applies it, by page and API.
func TestRefreshThatNeedsALook(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	c := s.connect("Shop", workspace.ConnectionInput{})
	s.alterOften(func(i int) string { return fmt.Sprintf("create table extra_%d(a int)", i) })
	s.refreshed(c.ID, "succeeded")
	s.alterOften(func(i int) string { return fmt.Sprintf("drop table extra_%d", i) })
	run := s.refreshed(c.ID, "needs_look")
	page := "/settings/connections/" + c.ID
	for path, want := range map[string][]string{page: {"Needs a look", "200 tables would be removed", "extra_0", "and 150 more", "Apply anyway", "Keep"},
		"/settings/connections?state=attention":                             {"Needs a look", "200 tables are missing"},
		"/api/v1/connections/" + c.ID + "/refreshes/" + run.ID:              {`"needs_look"`, `"missing":200`},
		"/api/v1/connections/" + c.ID + "/refreshes/" + run.ID + "/changes": {`"missing"`, "extra_0"}} {
		a := s.do("admin", "GET", path, nil)
		for _, words := range want {
			if !strings.Contains(a.body, words) {
				t.Errorf("%s answers %d without %q", path, a.status, words)
			}
		}
	}
	for _, refused := range []struct{ who, path string }{
		{"editor", page + "/runs/" + run.ID + "/apply"}, {"editor", page + "/runs/" + run.ID + "/keep"}, {"admin", page + "/runs/another/apply"},
		{"editor", "/api/v1/connections/" + c.ID + "/refreshes/" + run.ID + "/apply"}, {"admin", "/api/v1/connections/" + c.ID + "/refreshes/another/keep"},
	} {
		if a := s.do(refused.who, "POST", refused.path, ""); a.status < 400 {
			t.Errorf("%s by %s answers %d", refused.path, refused.who, a.status)
		}
	}
	if a := s.do("admin", "POST", page+"/runs/"+run.ID+"/keep", ""); a.status != http.StatusSeeOther {
		t.Fatalf("keeping answers %d %s", a.status, a.body)
	}
	if a := s.do("admin", "GET", page, nil); strings.Contains(a.body, "Apply anyway") || !strings.Contains(a.body, "Connected") {
		t.Error("after Keep the page still asks")
	}
	if a := s.do("admin", "POST", page+"/runs/"+run.ID+"/apply", ""); a.status != http.StatusNotFound {
		t.Errorf("applying what was decided answers %d", a.status)
	}
	run = s.refreshed(c.ID, "needs_look")
	a := s.api(s.token("admin", access.ScopeAdmin), "POST", "/api/v1/connections/"+c.ID+"/refreshes/"+run.ID+"/apply", "")
	if a.status != http.StatusAccepted {
		t.Fatalf("applying answers %d %s", a.status, a.body)
	}
	runs, err := s.server.Store.Runs(t.Context(), c.ID, 1, "")
	s.check(err)
	s.check(s.server.Refresh.Wait(t.Context(), runs[0].ID))
	if done, err := s.server.Store.Run(t.Context(), runs[0].ID); err != nil || done.State != "succeeded" || done.Removed != 200 || done.Trigger != "api" {
		t.Errorf("applied: %+v, %v", done, err)
	}
	for _, action := range []string{"connection.keep_catalog", "connection.apply_removals"} {
		if rows, err := s.server.Store.AuditRows(t.Context(), store.AuditFilter{Action: action, Limit: 5}); err != nil || len(rows) != 1 || !strings.Contains(rows[0].Detail, "200") {
			t.Errorf("audit of %s: %+v, %v", action, rows, err)
		}
	}
}

// Where a reading found much and missed a little, what the Admin is asked about are the tables that it missed.
func TestDoubtListsWhatIsMissing(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	s.doubted(c.ID, 60, 55)
	a := s.do("admin", "GET", "/settings/connections/"+c.ID, nil).page(t)
	asked := a.Find("details:has(summary:contains('What is missing'))")
	names := asked.Find("li").Map(func(_ int, li *goquery.Selection) string { return li.Text() })
	if len(names) != 50 || names[0] != "gone_0" || slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "fresh") }) {
		t.Errorf("what is missing is said to be %q", names)
	}
	if words := asked.Text(); !strings.Contains(words, "and 5 more") {
		t.Errorf("of 55 the page says %q", words)
	}
}

// A run whose list of what is missing went to a later one says so.
func TestDoubtOfBeforeSaysWhereItsListIs(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	before := s.doubted(c.ID, 0, 3)
	s.doubted(c.ID, 0, 3)
	s.check(s.server.Store.SweepMissing(t.Context(), before.ID))
	for _, page := range []string{"", "/refreshes", "/refreshes/" + before.ID} {
		if words := s.do("admin", "GET", "/settings/connections/"+c.ID+page, nil).words(t); strings.Count(words, "listed with the latest refresh") != 1 {
			t.Errorf("%q says %q", page, words)
		}
	}
}

// A connection that is in doubt and then fails says how it fails and how often, and still asks about the doubt.
func TestDoubtDoesNotHideAFailure(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	s.doubted(c.ID, 0, 3)
	for _, state := range []struct {
		reach store.ReachState
		word  string
	}{{store.ReachRefreshFailed, "Refresh failed"}, {store.ReachUnreachable, "Unreachable"}} {
		s.check(s.server.Store.Maintain(t.Context(), func(tx *store.Tx) error {
			_, err := tx.CountFailure(c.ID)
			return errors.Join(err, tx.SetReach(c.ID, state.reach, "lost", "The connection was lost", time.Now()))
		}))
		for path, want := range map[string][]string{"/settings/connections?state=attention": {state.word, "The connection was lost"}, "/settings/connections/" + c.ID: {state.word, "The connection was lost", "3 tables would be removed", "Apply anyway"}} {
			words := s.do("admin", "GET", path, nil).words(t)
			for _, w := range want {
				if !strings.Contains(words, w) {
					t.Errorf("%s says %q, want %q", path, words, w)
				}
			}
		}
	}
	if words := s.do("admin", "GET", "/settings/connections", nil).page(t).Find(".banner").Text(); !strings.Contains(words, "Shop") {
		t.Errorf("of a source that cannot be reached the banner says %q", words)
	}
	if words := s.do("admin", "GET", "/settings/connections?state=attention", nil).words(t); !strings.Contains(words, "2 in a row") {
		t.Errorf("of two failures the list says %q", words)
	}
}

// doubted publishes a refresh that added so many tables and could not tell of some others whether they are gone.
func (s *site) doubted(id string, added, missing int) store.Run {
	s.t.Helper()
	run := s.lastRun(id)
	run.ID, run.Added, run.Missing, run.Cause, run.Error = uuid.Must(uuid.NewV7()).String(), int64(added), int64(missing), "suspicious", "Not everything was read"
	var changes []store.Change
	for i := range added {
		changes = append(changes, store.Change{Change: "added", Path: catalog.Path{fmt.Sprintf("fresh_%d", i)}})
	}
	for i := range missing {
		changes = append(changes, store.Change{Change: "missing", Path: catalog.Path{fmt.Sprintf("gone_%d", i)}})
	}
	s.check(s.server.Store.Maintain(s.t.Context(), func(tx *store.Tx) error { return tx.CreateRun(run) }))
	state, err := s.server.Store.CatalogState(s.t.Context(), id)
	s.check(err)
	fence, err := s.server.Store.Acquire(s.t.Context(), "refresh:"+id, "test", time.Minute)
	s.check(err)
	s.check(s.server.Store.PublishCatalog(s.t.Context(), id, state.Generation, fence, run, state, changes, nil))
	s.check(s.server.Store.Release(s.t.Context(), fence))
	return run
}

// alterOften changes the shop's file two hundred times.
func (s *site) alterOften(statement func(int) string) {
	s.t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(s.dir, "files", "shop.db"))
	s.check(err)
	defer func() { _ = db.Close() }()
	for i := range 200 {
		_, err := db.Exec(statement(i))
		s.check(err)
	}
}

// refreshed runs a refresh that has to end in a state.
func (s *site) refreshed(id, state string) store.Run {
	s.t.Helper()
	run, err := s.server.Refresh.Start(s.t.Context(), id, "manual", "")
	s.check(err)
	s.check(s.server.Refresh.Wait(s.t.Context(), run.ID))
	run, err = s.server.Store.Run(s.t.Context(), run.ID)
	s.check(err)
	if run.State != state {
		s.t.Fatalf("the refresh ended %s, want %s: %+v", run.State, state, run)
	}
	return run
}
