package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

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

// A table without a name, which SQLite allows, is filtered, listed and kept as any other.
func TestFilterOfATableWithoutAName(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.alter(`create table "" (a int)`)
	c := s.connect("Shop", workspace.ConnectionInput{})
	apply := func(f catalog.Filter, want ...string) {
		t.Helper()
		s.check(s.server.Store.Maintain(t.Context(), func(tx *store.Tx) error { return tx.SetFilter(c.ID, f) }))
		s.check(s.server.Refresh.Refilter(t.Context(), c.ID))
		shard, ok := s.server.Refresh.Shard(c.ID)
		if !ok {
			t.Fatal("there is no catalog")
		}
		var names []string
		nodes, _, _ := shard.Children(nil, 0, 10)
		for _, n := range nodes {
			names = append(names, n.Path.Name())
		}
		if !slices.Equal(names, want) {
			t.Errorf("by %+v there are %q, want %q", f.Tables, names, want)
		}
	}
	only := func(names ...string) catalog.Filter {
		return catalog.Filter{Tables: catalog.Rule{Include: &catalog.Match{Match: catalog.MatchExact, Values: names}}}
	}
	apply(only("orders"), "orders")
	apply(only(""), "")
	if run := s.refreshed(c.ID, "succeeded"); run.Hidden != 2 {
		t.Errorf("the refresh by a filter that keeps it alone is %+v", run)
	}
	apply(only("orders"))
	s.alter(`drop table ""`)
	if run := s.refreshed(c.ID, "succeeded"); run.Hidden != 1 || run.Removed != 0 {
		t.Errorf("the refresh by a filter that drops it is %+v", run)
	}
	s.alter(`create table "" (a int)`)
	apply(catalog.Filter{}, "orders")
	s.refreshed(c.ID, "succeeded")
	s.alter(`drop table ""`)
	run := s.refreshed(c.ID, "succeeded")
	if changes, err := s.server.Store.Changes(t.Context(), run.ID, 10, 0); err != nil || len(changes) != 1 || changes[0].Change != "removed" || len(changes[0].Path) != 1 {
		t.Errorf("dropped, the changes are %+v, %v", changes, err)
	}
}

// Where the known catalog cannot be filtered, that is said, and the refresh by the new filter comes all the same.
func TestFilterIsReadByThoughItCannotBeApplied(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	s.raw(`update catalog_table set body = x'ff'`)
	if err := s.server.Workspace.SetFilter(t.Context(), s.actor("admin"), c.ID, withoutItems(), 0); err == nil || !strings.Contains(err.Error(), "apply filter") {
		t.Errorf("saving ends as %v", err)
	}
	if run := s.lastRun(c.ID); run.Trigger != "manual" || run.State != "succeeded" || run.Hidden != 1 {
		t.Errorf("the refresh by the new filter is %+v", run)
	}
	if shard, ok := s.server.Refresh.Shard(c.ID); !ok || shard.Tables() != 1 {
		t.Error("what is to be hidden is still there")
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

// What a filter hides can be listed to its end, by page and by API, and searched; the data browser leads Admins there.
func TestWhatAFilterHidesIsListedToItsEnd(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	var tables strings.Builder
	for i := range 300 {
		fmt.Fprintf(&tables, "create table tmp_%03d (x integer);", i)
	}
	s.alter(tables.String())
	c := s.connect("Shop", workspace.ConnectionInput{})
	p := s.project("editor", "Revenue")
	s.check(s.server.Workspace.Import(t.Context(), s.actor("editor"), p.ID, c.ID))
	foot := func(as string) *goquery.Selection {
		return s.do(as, "GET", "/projects/"+p.ID+"/browser/foot", nil).page(t).Find("a[data-hidden]")
	}
	if foot("admin").Length() != 0 {
		t.Error("without a filter the data browser speaks of one")
	}
	path := "/settings/connections/" + c.ID + "/filter"
	f := catalog.Filter{Tables: catalog.Rule{Exclude: &catalog.Match{Match: catalog.MatchPrefix, Values: []string{"tmp_"}}}}
	s.check(s.server.Workspace.SetFilter(t.Context(), s.actor("admin"), c.ID, f, 0))
	s.lastRun(c.ID)
	if link := foot("admin"); link.Text() != "Some hidden by the filter" || link.AttrOr("href", "") != path {
		t.Errorf("before the names are read the foot says %q", link.Text())
	}
	saved, err := s.server.Store.Connection(t.Context(), c.ID)
	s.check(err)
	form := func(more url.Values) *goquery.Selection {
		values := url.Values{"version": {strconv.FormatInt(saved.Version, 10)}, "tables.exclude.match": {"prefix"}, "tables.exclude.values": {"tmp_"}, "step": {"preview"}}
		maps.Copy(values, more)
		return s.do("admin", "POST", path, values).page(t).Find("#hidden-tables")
	}
	last := ""
	for pages := 1; ; pages++ {
		page := form(url.Values{"level": {"tables"}, "from": {strconv.Itoa((pages - 1) * 50)}})
		last = page.Find("li").Last().Text()
		if page.Find("#hidden-tables-next").Length() == 0 {
			if pages != 6 {
				t.Errorf("there are %d pages", pages)
			}
			break
		}
	}
	if last != "tmp_299" {
		t.Errorf("the last hidden table is %q", last)
	}
	if found := form(url.Values{"level": {"tables"}, "find": {"P_12"}}).Find("li"); found.Length() != 10 || found.First().Text() != "tmp_120" {
		t.Errorf("a search finds %d, first %q", found.Length(), found.First().Text())
	}
	if text := form(url.Values{"level": {"tables"}, "find": {"<none>"}}).Text(); !strings.Contains(text, "Nothing hidden has “<none>”") {
		t.Errorf("a search without hits says %q", text)
	}
	if vals := s.do("admin", "GET", path+"?q=tmp_2", nil).page(t).Find("#filter-preview").AttrOr("hx-vals", ""); !strings.Contains(vals, `"find":"tmp_2"`) {
		t.Errorf("the page asks with %s", vals)
	}
	token := s.token("admin", access.ScopeAdmin)
	body, err := json.Marshal(f)
	s.check(err)
	var got []string
	for cursor := "0"; cursor != ""; {
		a := s.api(token, "POST", "/api/v1/connections/"+c.ID+"/filter/preview?level=table&limit=120&cursor="+cursor, string(body))
		var p apiPreview
		s.check(json.Unmarshal([]byte(a.body), &p))
		if p.Hidden == nil || p.Hidden.Found != 300 {
			t.Fatalf("the API answers %d %.300s", a.status, a.body)
		}
		got, cursor = append(got, p.Hidden.Items...), ""
		if p.Hidden.Next != nil {
			cursor = *p.Hidden.Next
		}
	}
	if len(got) != 300 || got[299] != "tmp_299" {
		t.Errorf("the API lists %d, the last %q", len(got), got[len(got)-1])
	}
	if a := s.api(token, "POST", "/api/v1/connections/"+c.ID+"/filter/preview?level=column", string(body)); a.status != http.StatusBadRequest {
		t.Errorf("hidden columns answer %d", a.status)
	}
	if link := foot("admin"); link.Text() != "300 hidden by the filter" {
		t.Errorf("when the names are read the foot says %q", link.Text())
	}
	if foot("editor").Length() != 0 {
		t.Error("an Editor is led to the filter")
	}
}
