package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/workspace"
)

// settled waits until the last refresh of a connection is over.
func (s *site) settled(id string) {
	s.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		runs, err := s.server.Store.Runs(s.t.Context(), id, 1, "")
		s.check(err)
		if len(runs) == 0 || !runs[0].Finished.IsZero() {
			return
		}
		if time.Now().After(end) {
			s.t.Fatal("the refresh does not end")
		}
	}
}

// Hostile values are shown as text, and every one stays as it is through the page, those included that no line can hold.
func TestFilterPageKeepsHostileValues(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	values := []string{"a\nb", "a\rb", "  ", " lead", "trail\t", "</textarea><script>alert(1)</script>", `"quoted"`, "a,b;c", "\u202eevil", "e\u0301"}
	f := catalog.Filter{Tables: catalog.Rule{Exclude: &catalog.Match{Match: catalog.MatchExact, Values: slices.Clone(values)}}}
	s.check(s.server.Workspace.SetFilter(t.Context(), s.actor("admin"), c.ID, f, 0))
	path := "/settings/connections/" + c.ID + "/filter"
	form := func() url.Values {
		a := s.do("admin", "GET", path, nil)
		if strings.Contains(a.body, "<script>alert") {
			t.Error("a value is markup")
		}
		page, form := a.page(t), url.Values{"tables.exclude.match": {"exact"}}
		for _, name := range []string{"version", "tables.exclude.kept"} {
			for _, input := range page.Find("input[name='" + name + "']").EachIter() {
				v, _ := input.Attr("value")
				form.Add(name, v)
			}
		}
		form.Set("tables.exclude.values", strings.ReplaceAll(page.Find("textarea[name='tables.exclude.values']").Text(), "\n", "\r\n"))
		return form
	}
	saved := func() []string {
		c, err := s.server.Store.Connection(t.Context(), c.ID)
		s.check(err)
		return slices.Sorted(slices.Values(c.Filter.Tables.Exclude.Values))
	}
	if a := s.do("admin", "POST", path, form()); a.status != http.StatusSeeOther {
		t.Fatalf("saving answers %d %s", a.status, a.body)
	}
	slices.Sort(values)
	if got := saved(); !slices.Equal(got, values) {
		t.Errorf("%q became %q", values, got)
	}
	without := form()
	without.Set("tables.exclude.remove", url.QueryEscape("a\nb"))
	if a := s.do("admin", "POST", path, without); a.status != http.StatusSeeOther {
		t.Fatalf("removing answers %d %s", a.status, a.body)
	}
	if got := saved(); len(got) != len(values)-1 || slices.Contains(got, "a\nb") {
		t.Errorf("after removing one: %q", got)
	}
}

// A draft's filter is previewed from the names of its source before anything was read, and its first refresh reads by it. One
// that lacks what is needed to connect says so.
func TestFilterOfADraft(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	admin := s.actor("admin")
	in := workspace.ConnectionInput{Name: "Shop", Type: "sqlite", Values: connectors.Values{"file": "shop.db"}, Draft: true}
	c, err := s.server.Workspace.CreateConnection(t.Context(), admin, in)
	s.check(err)
	page := s.do("admin", "GET", "/settings/connections/"+c.ID, nil).page(t)
	path, ok := page.Find("nav.tabs a:contains(Filter)").Attr("href")
	if !ok {
		t.Fatal("a draft has no filter tab")
	}
	form := url.Values{"step": {"preview"}, "version": {"1"}, "tables.exclude.match": {"exact"}, "tables.exclude.values": {"ITEMS"}}
	if words := s.do("admin", "POST", path, form).page(t).Find("#filter-preview").Text(); !strings.Contains(words, "1 stays, 1 hidden") {
		t.Errorf("the preview says %q", words)
	}
	form.Del("step")
	if a := s.do("admin", "POST", path, form); a.status != http.StatusSeeOther {
		t.Fatalf("saving answers %d %s", a.status, a.body)
	}
	if words := s.do("admin", "GET", path+"?saved=1", nil).page(t).Find(".banner").Text(); !strings.Contains(words, "The first refresh reads by it") {
		t.Errorf("saving says %q", words)
	}
	if runs, err := s.server.Store.Runs(t.Context(), c.ID, 1, ""); err != nil || len(runs) != 0 {
		t.Fatalf("a draft was read: %v, %v", runs, err)
	}
	in.Draft = false
	_, err = s.server.Workspace.UpdateConnection(t.Context(), admin, c.ID, in)
	s.check(err)
	s.settled(c.ID)
	if shard, ok := s.server.Refresh.Shard(c.ID); !ok || shard.Tables() != 1 {
		t.Errorf("the first refresh does not read by the filter: %v", ok)
	}
	empty, err := s.server.Workspace.CreateConnection(t.Context(), admin, workspace.ConnectionInput{Name: "Empty", Type: "sqlite", Draft: true})
	s.check(err)
	words := s.do("admin", "POST", "/settings/connections/"+empty.ID+"/filter", url.Values{"step": {"preview"}, "version": {"1"}}).page(t).Find("#filter-preview").Text()
	if !strings.Contains(words, "This draft lacks some of what is needed") {
		t.Errorf("a draft without its file says %q", words)
	}
}

// SQLite takes capitals and small letters of names for the same, and so does a filter: in the preview, at once, and in a refresh.
func TestFilterComparesAsSQLiteDoes(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	token, body := s.token("admin", access.ScopeAdmin), `{"tables":{"include":{"match":"prefix","values":["ORD"]},"exclude":{"match":"exact","values":["Items"]}}}`
	if p := s.previewed(token, c.ID, body); p.Levels[0].Kept != 1 || p.Levels[0].Dropped != 1 {
		t.Errorf("%+v", p)
	}
	if a := s.api(token, "PUT", "/api/v1/connections/"+c.ID+"/filter", body); a.status != http.StatusOK {
		t.Fatalf("saving answers %d %s", a.status, a.body)
	}
	for _, when := range []string{"at once", "after the refresh"} {
		if shard, _ := s.server.Refresh.Shard(c.ID); shard.Tables() != 1 {
			t.Errorf("%s there are %d tables, want 1", when, shard.Tables())
		}
		s.settled(c.ID)
	}
}
