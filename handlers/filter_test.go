package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/store"
	"patchbay/workspace"
)

// previewed asks for a preview that must be answered.
func (s *site) previewed(token, id, filter string) apiPreview {
	s.t.Helper()
	a := s.api(token, "POST", "/api/v1/connections/"+id+"/filter/preview", filter)
	if a.status != http.StatusOK {
		s.t.Fatalf("a preview answers %d %s", a.status, a.body)
	}
	var p apiPreview
	s.check(json.Unmarshal([]byte(a.body), &p))
	return p
}

const noItems = `{"databases":{"include":null,"exclude":null},"schemas":{"include":null,"exclude":null},"tables":{"include":null,"exclude":{"match":"prefix","values":["it"]}}}`

func withoutItems() catalog.Filter {
	return catalog.Filter{Tables: catalog.Rule{Exclude: &catalog.Match{Match: catalog.MatchPrefix, Values: []string{"it"}}}}
}

// A preview decides over what the source has, so it knows what the saved filter dropped; without the source, over what is known.
func TestPreviewKnowsWhatTheFilterDropped(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	token := s.token("admin", access.ScopeAdmin)
	s.check(s.server.Workspace.SetFilter(t.Context(), s.actor("admin"), c.ID, withoutItems(), 0))
	run, err := s.server.Workspace.StartRefresh(t.Context(), s.actor("admin"), c.ID, "manual")
	s.check(err)
	s.check(s.server.Refresh.Wait(t.Context(), run.ID))

	file := filepath.Join(s.dir, "files", "shop.db")
	s.check(os.Rename(file, file+".away"))
	p := s.previewed(token, c.ID, `{}`)
	if l := p.Levels[0]; p.NamesFrom != "catalog" || p.Problem == "" || !slices.Equal(l.KeptNames, []string{"orders"}) {
		t.Errorf("without the source the preview is %+v", p)
	}
	s.check(os.Rename(file+".away", file))

	other := s.connect("Same shop", workspace.ConnectionInput{})
	s.check(s.server.Workspace.SetFilter(t.Context(), s.actor("admin"), other.ID, withoutItems(), 0))
	p = s.previewed(token, other.ID, `{}`)
	if l := p.Levels[0]; p.NamesFrom != "source" || p.Problem != "" || !slices.Equal(l.KeptNames, []string{"items", "orders"}) || l.Kept != 2 || l.Dropped != 0 {
		t.Errorf("no filter previews as %+v", p)
	}
	p = s.previewed(token, other.ID, noItems)
	if rows, err := s.server.Store.AuditRows(t.Context(), store.AuditFilter{Action: "connection.read_names", ObjectID: other.ID, Limit: 5}); err != nil || len(rows) != 1 {
		t.Errorf("reading the names once is audited as %+v, %v", rows, err)
	}
	if l := p.Levels[0]; !slices.Equal(l.KeptNames, []string{"orders"}) || !slices.Equal(l.DroppedNames, []string{"items"}) || l.Level != catalog.LevelTable {
		t.Errorf("a filter previews as %+v", p)
	}
}

// Who may not change a filter may not preview one, and input that saving refuses is refused.
func TestPreviewIsRefused(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	c := s.connect("Shop", workspace.ConnectionInput{})
	path := "/api/v1/connections/" + c.ID + "/filter/preview"
	if a := s.api(s.token("editor", access.ScopeWrite), "POST", path, noItems); a.status != http.StatusForbidden {
		t.Errorf("an Editor's preview answers %d %s", a.status, a.body)
	}
	if a := s.api(s.token("admin", access.ScopeRead), "POST", path, noItems); a.status != http.StatusForbidden {
		t.Errorf("a preview with a read token, which would open the source, answers %d %s", a.status, a.body)
	}
	if a := s.api(s.token("admin", access.ScopeAdmin), "POST", "/api/v1/connections/nothing/filter/preview", noItems); a.status != http.StatusNotFound {
		t.Errorf("a preview of nothing answers %d %s", a.status, a.body)
	}
	for body, status := range map[string]int{
		`{"tables":{"include":{"match":"regexp","values":["("]},"exclude":null}}`: http.StatusUnprocessableEntity,
		`{"tables":{"include":{"match":"like","values":["a"]},"exclude":null}}`:   http.StatusUnprocessableEntity,
		`{"tables":[`: http.StatusBadRequest,
		`{"tables":{"include":{"match":"exact","values":["` + strings.Repeat("x", 1001) + `"]},"exclude":null}}`: http.StatusUnprocessableEntity,
	} {
		if a := s.api(s.token("admin", access.ScopeAdmin), "POST", path, body); a.status != status {
			t.Errorf("%.60s answers %d %s", body, a.status, a.body)
		}
	}
}

// Saving applies at once, source or no source; what is hidden can still be queried; a filter taken back brings all of it again.
func TestSavedFilterAppliesAtOnce(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	token := s.token("admin", access.ScopeAdmin)
	file := filepath.Join(s.dir, "files", "shop.db")
	s.check(os.Rename(file, file+".away"))
	if a := s.api(token, "PUT", "/api/v1/connections/"+c.ID+"/filter", noItems); a.status != http.StatusOK {
		t.Fatalf("saving answers %d %s", a.status, a.body)
	}
	for _, path := range []string{"/catalog", "/catalog?path=items"} {
		if a := s.api(token, "GET", "/api/v1/connections/"+c.ID+path, ""); strings.Contains(a.body, `"path":"items"`) || path != "/catalog" && a.status != http.StatusNotFound {
			t.Errorf("%s still knows what was hidden: %d %s", path, a.status, a.body)
		}
	}
	if a := s.api(token, "GET", "/api/v1/catalog/search?q=items", ""); strings.Contains(a.body, `"path":"items"`) {
		t.Errorf("search still finds what was hidden: %s", a.body)
	}
	s.lastRun(c.ID)
	s.check(os.Rename(file+".away", file))

	a := s.api(token, "POST", "/api/v1/query", `{"connection_id":"`+c.ID+`","sql":"select count(*) from items"}`)
	if a.status != http.StatusOK {
		t.Errorf("querying what is hidden answers %d %s", a.status, a.body)
	}
	s.check(s.server.Workspace.SetFilter(t.Context(), s.actor("admin"), c.ID, withoutItems(), 0))
	if run := s.lastRun(c.ID); run.State != "succeeded" || run.Hidden != 1 || run.Removed != 0 {
		t.Errorf("the refresh of saving ended as %+v", run)
	}
	s.check(s.server.Workspace.SetFilter(t.Context(), s.actor("admin"), c.ID, catalog.Filter{}, 0))
	if run := s.lastRun(c.ID); run.State != "succeeded" || run.Shown != 1 || run.Added != 0 {
		t.Errorf("the refresh of letting in ended as %+v", run)
	}
	if a := s.api(token, "GET", "/api/v1/connections/"+c.ID+"/catalog", ""); !strings.Contains(a.body, `"path":"items"`) {
		t.Errorf("what is let in again is not there: %s", a.body)
	}
}

// Two people who edit one filter do not overwrite each other.
func TestStaleFilterIsRefused(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	c, err := s.server.Store.Connection(t.Context(), c.ID)
	s.check(err)
	s.check(s.server.Workspace.SetFilter(t.Context(), s.actor("admin"), c.ID, withoutItems(), c.Version))
	if err := s.server.Workspace.SetFilter(t.Context(), s.actor("admin"), c.ID, catalog.Filter{}, c.Version); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a stale edit ends as %v", err)
	}
	after, err := s.server.Store.Connection(t.Context(), c.ID)
	s.check(err)
	if after.Filter.Tables.Exclude == nil {
		t.Error("a stale edit was saved")
	}
}

// lastRun is the latest refresh when it has ended.
func (s *site) lastRun(connection string) store.Run {
	s.t.Helper()
	runs, err := s.server.Store.Runs(s.t.Context(), connection, 1, "")
	s.check(err)
	s.check(s.server.Refresh.Wait(s.t.Context(), runs[0].ID))
	runs, err = s.server.Store.Runs(s.t.Context(), connection, 1, "")
	s.check(err)
	return runs[0]
}

// The Filter tab: what stays and goes is seen before saving, bad values are told at the field with what was typed kept, saving
// works at once and holds against someone else's change.
func TestFilterTab(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	path := "/settings/connections/" + c.ID + "/filter"
	doc := s.do("admin", "GET", path, nil).page(t)
	version, _ := doc.Find("input[name=version]").Attr("value")
	if doc.Find("fieldset").Length() != 1 || version == "" {
		t.Fatalf("SQLite has %d levels on the page, version %q", doc.Find("fieldset").Length(), version)
	}
	form := func(kind, values, step string) url.Values {
		return url.Values{"version": {version}, "tables.exclude.match": {kind}, "tables.exclude.values": {values}, "step": {step}}
	}
	seen := s.do("admin", "POST", path, form("prefix", "it\r\n", "preview")).page(t).Find("#filter-preview").Text()
	if !strings.Contains(seen, "1 stays, 1 hidden") || !strings.Contains(seen, "items") {
		t.Errorf("the preview says %s", seen)
	}
	for _, step := range []string{"preview", ""} {
		bad := s.do("admin", "POST", path, form("regexp", "<script>(", step))
		if got := bad.page(t).Find("textarea[name='tables.exclude.values']"); got.Text() != "<script>(" || got.AttrOr("aria-invalid", "") != "true" {
			t.Errorf("a bad expression answers %d, kept %q", bad.status, got.Text())
		}
		if want := map[string]int{"preview": http.StatusOK, "": http.StatusUnprocessableEntity}[step]; bad.status != want {
			t.Errorf("a bad expression answers %d", bad.status)
		}
	}
	if a := s.do("admin", "POST", path, form("prefix", "it", "")); a.status != http.StatusSeeOther {
		t.Fatalf("saving answers %d %s", a.status, a.body)
	}
	if shard, _ := s.server.Refresh.Shard(c.ID); shard.Tables() != 1 {
		t.Errorf("%d tables are seen", shard.Tables())
	}
	stale := s.do("admin", "POST", path, form("prefix", "ord", ""))
	if text := stale.page(t).Find("textarea[name='tables.exclude.values']").Text(); stale.status != http.StatusConflict || text != "ord" {
		t.Errorf("a stale form answers %d and keeps %q", stale.status, text)
	}
	version, _ = stale.page(t).Find("input[name=version]").Attr("value")
	if a := s.do("admin", "POST", path, form("prefix", "", "")); a.status != http.StatusSeeOther {
		t.Errorf("saving again answers %d", a.status)
	}
	saved, err := s.server.Store.Connection(t.Context(), c.ID)
	s.check(err)
	if saved.Filter.Tables.Exclude != nil {
		t.Errorf("the filter is %+v", saved.Filter)
	}
}
