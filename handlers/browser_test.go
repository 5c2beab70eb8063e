package handlers

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/dialect"
	"patchbay/refresh"
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

// annotated puts an annotation through the API as the Admin.
func (s *site) annotated(c store.Connection, path, body string) answer {
	s.t.Helper()
	return s.do("admin", "PUT", "/api/v1/connections/"+c.ID+"/annotations?path="+url.QueryEscape(path), body)
}

// What an Admin says of an object shows at every place where people meet it, and goes down to what lies below.
func TestAnnotations(t *testing.T) {
	s, c, base := browsed(t)
	if a := s.annotated(c, "orders", `{"description":"One row a sale","mark":"endorsed","exclude_from_agents":true}`); a.status != http.StatusOK {
		t.Fatalf("annotating answers %d: %s", a.status, a.body)
	}
	s.annotated(c, "items", `{"mark":"deprecated"}`)
	s.annotated(c, "orders/country", `{"description":"Two letters"}`)
	details := s.do("editor", "GET", base+"/browser/details?path="+c.ID+"/orders", nil)
	if text := details.page(t).Text(); !strings.Contains(text, "Endorsed") || !strings.Contains(text, "One row a sale") || !strings.Contains(text, "Two letters") ||
		!strings.Contains(text, "Excluded for agents") || !strings.Contains(text, "admin") {
		t.Errorf("the details say %s", text)
	}
	if details.page(t).Find("form").Length() != 0 {
		t.Error("an Editor gets the form")
	}
	if form := s.do("admin", "GET", base+"/browser/details?path="+c.ID+"/orders", nil).page(t).Find("form"); !strings.Contains(form.Text(), "no barrier") {
		t.Errorf("the Admin's form says %s", form.Text())
	}
	column := s.do("editor", "GET", base+"/browser/details?path="+c.ID+"/orders/id", nil).page(t)
	if got := column.Find(".badge").First().Text(); got != "Endorsed by orders" {
		t.Errorf("a column of an endorsed table says %q", got)
	}
	if a := s.do("editor", "GET", base+"/browser/children?path="+c.ID, nil); !strings.Contains(a.body, `"mark":"endorsed"`) || !strings.Contains(a.body, `"mark":"deprecated"`) {
		t.Errorf("the tree reads %s", a.body)
	}
	if a := s.do("editor", "GET", base+"/complete?connection="+c.ID+"&q=item", nil); !strings.Contains(a.body, `"note":"deprecated"`) {
		t.Errorf("completion reads %s", a.body)
	}
	a := s.do("editor", "GET", base+"/browser/search?q=id", nil)
	if endorsed, other := strings.Index(a.body, c.ID+`/orders/id"`), strings.Index(a.body, c.ID+`/items/order_id"`); endorsed < 0 || other < endorsed {
		t.Errorf("the search finds the endorsed table's column at %d and the other's at %d: %s", endorsed, other, a.body)
	}
	for address, want := range map[string]string{
		base + "/browser/children?path=" + c.ID:                  `"description":"One row a sale"`,
		base + "/browser/search?q=orders":                        `"description":"One row a sale"`,
		base + "/complete?connection=" + c.ID + "&q=ord":         `"info":"One row a sale"`,
		base + "/complete?connection=" + c.ID + "&tables=orders": `"label":"country","kind":"column","family":"text","detail":"TEXT","apply":"country","note":"endorsed","info":"Two letters"`,
		"/api/v1/connections/" + c.ID + "/catalog":               `"description":"One row a sale"`,
		"/api/v1/connections/" + c.ID + "/catalog?path=orders":   `"description":"Two letters"`,
		"/api/v1/catalog/search?q=country":                       `"description":"Two letters"`,
	} {
		if a := s.do("editor", "GET", address, nil); a.status != http.StatusOK || !strings.Contains(a.body, want) {
			t.Errorf("%s answers %d %s", address, a.status, a.body)
		}
	}
	if a := s.do("editor", "GET", "/api/v1/connections/"+c.ID+"/catalog?path=orders", nil); strings.Count(a.body, `"mark":"endorsed"`) != 3 {
		t.Errorf("the columns of an endorsed table are %s", a.body)
	}
	a = s.api(s.token("editor", access.ScopeRead), "GET", "/api/v1/connections/"+c.ID+"/annotations?path=orders/id", "")
	if want := `"effective":{"mark":"endorsed","from":"orders","exclude_from_agents":true}`; a.status != http.StatusOK || !strings.Contains(a.body, want) {
		t.Errorf("the API answers %d %s", a.status, a.body)
	}
	if a := s.do("editor", "GET", "/api/v1/connections/"+c.ID+"/catalog", nil); !strings.Contains(a.body, `"exclude_from_agents":true`) {
		t.Errorf("the catalog answers %s", a.body)
	}
	if rows := s.do("admin", "GET", "/api/v1/audit?action=connection.annotate", nil).body; strings.Count(rows, `"action":"connection.annotate"`) != 3 {
		t.Errorf("the audit log has %s", rows)
	}
}

// Refused: others than Admins, objects that never were, and input that is none.
func TestAnnotationsRefuse(t *testing.T) {
	s, c, base := browsed(t)
	form := func(path, description, mark string) url.Values {
		return url.Values{"path": {path}, "description": {description}, "mark": {mark}, "updated": {""}}
	}
	for _, updated := range [][]string{nil, {"yesterday"}} {
		if a := s.do("admin", "POST", base+"/browser/annotation", url.Values{"path": {c.ID + "/orders"}, "description": {"x"}, "updated": updated}); a.status != http.StatusBadRequest {
			t.Errorf("a form of what was said %q answers %d", updated, a.status)
		}
	}
	if a := s.do("editor", "POST", base+"/browser/annotation", form(c.ID+"/orders", "x", "")); a.status != http.StatusForbidden {
		t.Errorf("an Editor's annotation answers %d", a.status)
	}
	if a := s.annotated(c, "nothing", `{"mark":"endorsed"}`); a.status != http.StatusNotFound {
		t.Errorf("annotating what never was answers %d", a.status)
	}
	long := strings.Repeat("x", 2001)
	refused := s.do("admin", "POST", base+"/browser/annotation", form(c.ID+"/orders", long, "golden"))
	page := refused.page(t)
	if refused.status != http.StatusUnprocessableEntity || page.Find("#annotation-description-error").Length() != 1 || page.Find("#annotation-mark-error").Length() != 1 ||
		page.Find("#annotation-description").Text() != long {
		t.Errorf("a form that is wrong answers %d %s", refused.status, refused.body)
	}
	for _, text := range []string{`a\u0000b`, `a\u001bb`} {
		if a := s.annotated(c, "orders", `{"description":"`+text+`"}`); a.status != http.StatusUnprocessableEntity {
			t.Errorf("the description %q answers %d", text, a.status)
		}
	}
	if a := s.annotated(c, "%zz", `{"mark":"endorsed"}`); a.status != http.StatusBadRequest {
		t.Errorf("a path that is none answers %d", a.status)
	}
	own, err := s.server.Workspace.CreateConnection(t.Context(), s.actor("admin"), workspace.ConnectionInput{Name: "Own", Type: "sqlite",
		ProjectID: strings.TrimPrefix(base, "/projects/"), Values: connectors.Values{"file": "shop.db"}})
	s.check(err)
	if a := s.do("admin", "POST", base+"/browser/annotation", form(own.ID, "x", "")); a.status != http.StatusUnprocessableEntity {
		t.Errorf("annotating a project's connection answers %d", a.status)
	}
}

// Text that would be markup is text, wherever it is shown.
func TestAnnotationsAreText(t *testing.T) {
	s, c, base := browsed(t)
	hostile := `</textarea><script>alert(1)</script><img src=x onerror=alert(1)> {{ x }} =cmd|' /C calc'!A0`
	a := s.do("admin", "POST", base+"/browser/annotation", url.Values{"path": {c.ID + "/orders"}, "description": {hostile}, "mark": {"endorsed"}, "exclude_from_agents": {"true"}, "updated": {""}})
	if a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Location"), "node="+c.ID+"%2Forders") {
		t.Fatalf("saving answers %d %s", a.status, a.header.Get("Location"))
	}
	page := s.do("admin", "GET", base+"/browser/details?path="+c.ID+"/orders", nil).page(t)
	if page.Find("script, img").Length() != 0 || page.Find(".said").Text() != hostile || page.Find("textarea").Text() != hostile {
		t.Error("the description became markup")
	}
}

// An Admin who edits what another has changed meanwhile is told so, and nothing is lost: neither what is said now nor what was typed.
func TestAnnotationsAreNotLost(t *testing.T) {
	s, c, base := browsed(t)
	form := func(a answer) *goquery.Selection { return a.page(t).Find("#annotation") }
	opened := func() string {
		updated, ok := form(s.do("admin", "GET", base+"/browser/details?path="+c.ID+"/orders", nil)).Find("[name=updated]").Attr("value")
		if !ok {
			t.Fatal("the form does not say what it replaces")
		}
		return updated
	}
	save := func(description, mark, updated string) answer {
		return s.send(s.clients["admin"], "POST", base+"/browser/annotation", url.Values{"path": {c.ID + "/orders"}, "description": {description}, "mark": {mark}, "updated": {updated}},
			http.Header{"HX-Request": {"true"}})
	}
	said := func() (description string, mark catalog.Mark) {
		t.Helper()
		a, err := s.server.Store.Annotation(t.Context(), c.ID, catalog.Path{"orders"})
		s.check(err)
		return a.Description, a.Label.Mark
	}
	before := opened()
	s.annotated(c, "orders", `{"mark":"endorsed"}`)
	wrong := save("A sale a row", "golden", before)
	if wrong.status != http.StatusUnprocessableEntity || form(wrong).Find("[name=updated]").AttrOr("value", "") != before {
		t.Errorf("a form with a mistake forgets what it replaces: %d %s", wrong.status, wrong.body)
	}
	refused := save("A sale a row", "", before)
	if description, mark := said(); refused.status != http.StatusConflict || description != "" || mark != catalog.MarkEndorsed {
		t.Fatalf("saving over another's mark answers %d, and %q with the mark %q is said", refused.status, description, mark)
	}
	if f := form(refused); f.Find("textarea").Text() != "A sale a row" || f.AttrOr("open", "none") == "none" || !strings.Contains(f.Text(), "Someone else") ||
		!strings.Contains(refused.page(t).Find(".badges").Text(), "Endorsed") {
		t.Errorf("of the other's change it says %s", refused.body)
	}
	again := save("A sale a row", "deprecated", form(refused).Find("[name=updated]").AttrOr("value", ""))
	if description, mark := said(); again.status != http.StatusOK || description != "A sale a row" || mark != catalog.MarkDeprecated {
		t.Errorf("saving again answers %d, and %q with the mark %q is said", again.status, description, mark)
	}
	if twice := save("A sale a row", "deprecated", before); twice.status != http.StatusOK {
		t.Errorf("saving the same twice answers %d %s", twice.status, twice.body)
	}
	var read struct {
		UpdatedAt string `json:"updated_at"`
	}
	guarded := func(body string) answer { return s.annotated(c, "orders", body) }
	s.check(json.Unmarshal([]byte(guarded(`{"description":"First"}`).body), &read))
	time.Sleep(2 * time.Millisecond)
	guarded(`{"description":"Second"}`)
	if a := guarded(`{"description":"Third","updated_at":"` + read.UpdatedAt + `"}`); a.status != http.StatusConflict {
		t.Errorf("the API replaces what was said since: %d %s", a.status, a.body)
	}
	s.check(json.Unmarshal([]byte(guarded(`{"description":"Second"}`).body), &read))
	if a := guarded(`{"updated_at":"` + read.UpdatedAt + `"}`); a.status != http.StatusOK || strings.Contains(a.body, "updated_at") {
		t.Errorf("taking back what was read answers %d %s", a.status, a.body)
	}
}

// What is said of an object that vanishes is there again when the object is; of what is gone it can be taken back.
func TestAnnotationsOutliveTheirObject(t *testing.T) {
	s, c, base := browsed(t)
	s.annotated(c, "orders", `{"mark":"endorsed","description":"Kept"}`)
	s.alter("alter table orders rename to away")
	s.again(c)
	if a := s.do("editor", "GET", base+"/browser/details?path="+c.ID+"/orders", nil); a.status != http.StatusNotFound {
		t.Fatalf("a table that is gone answers %d", a.status)
	}
	s.alter("alter table away rename to orders")
	s.again(c)
	if text := s.do("editor", "GET", base+"/browser/details?path="+c.ID+"/orders", nil).page(t).Text(); !strings.Contains(text, "Kept") {
		t.Errorf("a table that is back says %s", text)
	}
}

// Pins, descriptions and marks wait 30 days for their table to come back; then they are forgotten with it, and a table of the same
// name is another one.
func TestWhatIsSaidAndPinnedWaitsThirtyDays(t *testing.T) {
	s, c, base := browsed(t)
	s.annotated(c, "orders", `{"mark":"endorsed","description":"Kept"}`)
	s.annotated(c, "orders/id", `{"description":"Kept too"}`)
	s.annotated(c, "items", `{"description":"Another"}`)
	s.pin("editor", base, c.ID+"/orders", "true")
	s.pin("editor", base, c.ID+"/orders/id", "true")
	s.pin("editor", base, c.ID+"/items", "true")
	away := func(days int) {
		t.Helper()
		s.alter("alter table orders rename to away")
		s.again(c)
		before := s.server.Now().Add(time.Duration(days)*24*time.Hour + time.Minute - 30*24*time.Hour)
		s.check(s.server.Store.PurgeTombstones(t.Context(), before, workspace.ForgetGone))
		s.alter("alter table away rename to orders")
		s.again(c)
	}
	there := func() (said string, pins int) {
		t.Helper()
		pinned, err := s.server.Store.Pins(t.Context(), s.users["editor"].ID)
		s.check(err)
		return s.do("editor", "GET", base+"/browser/details?path="+c.ID+"/orders", nil).page(t).Text(), len(pinned)
	}
	away(29)
	if said, pins := there(); !strings.Contains(said, "Endorsed") || !strings.Contains(said, "Kept") || !strings.Contains(said, "Kept too") || pins != 3 {
		t.Errorf("after 29 days there are %d pins, and the details say %s", pins, said)
	}
	away(30)
	if said, pins := there(); strings.Contains(said, "Endorsed") || strings.Contains(said, "Kept") || pins != 1 {
		t.Errorf("after 30 days there are %d pins, and the details say %s", pins, said)
	}
	if text := s.do("editor", "GET", base+"/browser/details?path="+c.ID+"/items", nil).page(t).Text(); !strings.Contains(text, "Another") {
		t.Errorf("of another table the details say %s", text)
	}
}

// A talker is a source with one table, which says much of itself.
type talker struct{ comment string }

func (k talker) Server(context.Context) (connectors.Server, error) {
	return connectors.Server{Product: "SQLite"}, nil
}

func (k talker) ReadCatalog(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
	return errors.Join(to.Table(catalog.Table{Path: catalog.Path{"talk"}, Kind: catalog.KindTable, Comment: k.comment + "of the table",
		Columns: []catalog.Column{{Name: "word", Type: "text", Comment: k.comment + "of the column"}}}), to.Done(nil))
}

func (k talker) Query(context.Context, connectors.Statement) (connectors.Rows, error) {
	return nil, errors.ErrUnsupported
}

func (k talker) Close() error { return nil }

// A long comment is whole wherever it is read: search keeps its beginning alone.
func TestLongCommentsAreWhole(t *testing.T) {
	s, c, base := browsed(t)
	long := "Haystack: " + strings.Repeat("hay ", 2000)
	runner := refresh.NewRunner(refresh.Options{Store: s.server.Store, Holder: "talker", Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Levels: func(string) []catalog.Level { return []catalog.Level{catalog.LevelTable} },
		Open:   func(context.Context, *store.Connection) (connectors.Source, error) { return talker{long}, nil }})
	t.Cleanup(func() { runner.Stop(context.WithoutCancel(t.Context())) })
	s.server.Refresh = runner
	s.again(c)
	token := s.token("editor", access.ScopeRead)
	for path, want := range map[string][]string{
		"/api/v1/connections/" + c.ID + "/catalog":           {"of the table"},
		"/api/v1/connections/" + c.ID + "/catalog?path=talk": {"of the column"},
		"/api/v1/catalog/search?q=haystack":                  {"of the table", "of the column"},
	} {
		a := s.api(token, "GET", path, "")
		for _, end := range want {
			if !strings.Contains(a.body, long+end) {
				t.Errorf("%s answers %d without the comment %s: %.300s", path, a.status, end, a.body)
			}
		}
	}
	for path, want := range map[string]string{"/talk": "of the table", "/talk/word": "of the column"} {
		if text := s.do("editor", "GET", base+"/browser/details?path="+c.ID+path, nil).page(t).Find("p").Text(); !strings.Contains(text, long+want) {
			t.Errorf("the details of %s do not say %s in their paragraph: %.300s", path, want, text)
		}
	}
}

// again refreshes a connection.
func (s *site) again(c store.Connection) {
	s.t.Helper()
	run, err := s.server.Refresh.Start(s.t.Context(), c.ID, "manual", "")
	s.check(err)
	s.check(s.server.Refresh.Wait(s.t.Context(), run.ID))
}

// pin pins or unpins a node from its details.
func (s *site) pin(as, base, path, pinned string) answer {
	s.t.Helper()
	return s.send(s.clients[as], "POST", base+"/browser/pin", url.Values{"path": {path}, "pinned": {pinned}}, http.Header{"HX-Request": {"true"}})
}

// A pin is its person's own, says when its object is gone, and works again when it is back.
func TestPins(t *testing.T) {
	s, c, base := browsed(t)
	if a := s.pin("editor", base, c.ID+"/orders", "true"); a.status != http.StatusOK || a.header.Get("HX-Trigger") != "pb:pinned" ||
		!strings.Contains(a.page(t).Find("#pin-node").Text(), "Unpin") || a.page(t).Find(".details").Length() != 0 {
		t.Fatalf("pinning answers, of the details, more than their button: %d %s", a.status, a.body)
	}
	s.pin("editor", base, c.ID, "true")
	pinned := func(as string) *goquery.Selection {
		return s.do(as, "GET", base+"/browser/pinned", nil).page(t).Find("li")
	}
	link := pinned("editor").First().Find("a")
	if link.AttrOr("data-tree-open", "") != c.ID+"/orders" || !strings.Contains(link.Text(), "Shop") {
		t.Errorf("the first pin is %s", link.Text())
	}
	if got := s.do("editor", "GET", base, nil).page(t).Find("#browser-pinned li").Length(); got != 2 {
		t.Errorf("the page lists %d pins", got)
	}
	if pinned("admin").Length() != 0 {
		t.Error("the pin of one person shows to another")
	}
	s.alter("alter table orders rename to away")
	s.again(c)
	if first := pinned("editor").First(); first.Find("a").Length() != 0 || !strings.Contains(first.Text(), "Not in the catalog now") {
		t.Errorf("the pin of a table that is gone says %s", first.Text())
	}
	s.alter("alter table away rename to orders")
	s.again(c)
	if pinned("editor").First().Find("a").Length() != 1 {
		t.Error("the pin of a table that is back leads nowhere")
	}
	a := s.send(s.clients["editor"], "POST", base+"/browser/pin", url.Values{"path": {c.ID + "/orders"}, "pinned": {"false"}, "from": {"list"}}, http.Header{"HX-Request": {"true"}})
	if a.status != http.StatusOK || a.page(t).Find("li").Length() != 1 {
		t.Errorf("unpinning answers %d %s", a.status, a.body)
	}
	for _, path := range []string{c.ID + "/nothing", c.ID + "/%zz", "nothing"} {
		if a := s.pin("editor", base, path, "true"); a.status == http.StatusOK {
			t.Errorf("pinning %s answers %d", path, a.status)
		}
	}
}

// A search has so many characters and narrowings at most.
func TestSearchTextIsBounded(t *testing.T) {
	s, _, base := browsed(t)
	token := s.token("editor", access.ScopeRead)
	for name, text := range map[string]string{"long": strings.Repeat("ab ", 200), "narrowed": strings.Repeat("table:a ", 9)} {
		q := "?q=" + url.QueryEscape(text)
		if a := s.do("editor", "GET", base+"/browser/search"+q, nil); a.status != http.StatusBadRequest {
			t.Errorf("%s: the page answers %d", name, a.status)
		}
		if a := s.api(token, "GET", "/api/v1/catalog/search"+q, ""); a.status != http.StatusBadRequest || !strings.Contains(a.body, `"bad_query"`) {
			t.Errorf("%s: the API answers %d %s", name, a.status, a.body)
		}
	}
}

// A search is bounded by its characters: in whatever script, what the field takes is searched for.
func TestSearchTextIsBoundedByItsCharacters(t *testing.T) {
	s, c, base := browsed(t)
	for r, n := range map[string]int{"x": 500, "表": 400, "𝄞": 200} {
		name := strings.Repeat(r, n)
		s.tell(c, []catalog.Level{catalog.LevelTable}, catalog.Table{Path: catalog.Path{name}, Kind: catalog.KindTable})
		if a := s.do("editor", "GET", base+"/browser/search?q="+url.QueryEscape(name), nil); a.status != http.StatusOK || !strings.Contains(a.body, `"name":"`+name) {
			t.Errorf("a search for %d times %s answers %d %.200s", n, r, a.status, a.body)
		}
	}
	if a := s.do("editor", "GET", base+"/browser/search?q="+url.QueryEscape(strings.Repeat("表", 501)), nil); a.status != http.StatusBadRequest {
		t.Errorf("a longer one answers %d", a.status)
	}
}

// A person's pins are bounded.
func TestPinsAreBounded(t *testing.T) {
	s, c, base := browsed(t)
	s.check(s.server.Store.Maintain(t.Context(), func(tx *store.Tx) error {
		for i := range 100 {
			if err := tx.Pin(s.users["editor"].ID, store.NodeRef{ConnectionID: c.ID, Path: catalog.Path{strconv.Itoa(i)}}, time.Now()); err != nil {
				return err
			}
		}
		return nil
	}))
	if a := s.pin("editor", base, c.ID+"/orders", "true"); a.status != http.StatusTooManyRequests || !strings.Contains(a.body, "Unpin one first") {
		t.Errorf("one pin too many answers %d %s", a.status, a.body)
	}
}

// opened shows the Editor a table's details and does what they ask the browser to do.
func (s *site) opened(base, path string) {
	s.t.Helper()
	ask := s.do("editor", "GET", base+"/browser/details?path="+path, nil).page(s.t).Find("[hx-trigger=load]")
	var form map[string]string
	s.check(json.Unmarshal([]byte(ask.AttrOr("hx-vals", "")), &form))
	if a := s.do("editor", "POST", ask.AttrOr("hx-post", ""), url.Values{"path": {form["path"]}}); a.status != http.StatusNoContent {
		s.t.Errorf("opening %s answers %d", path, a.status)
	}
}

// A preview shows the first rows and is kept in the audit log as a query; a GET of it is none.
func TestPreviewOfATable(t *testing.T) {
	s, c, base := browsed(t)
	path := base + "/browser/preview"
	if a := s.do("editor", "POST", path, url.Values{"path": {c.ID + "/orders"}}); a.status != http.StatusOK || a.page(t).Find("tbody tr").Length() != 3 {
		t.Errorf("the preview answers %d %s", a.status, a.body)
	}
	if a := s.do("editor", "GET", path+"?path="+c.ID+"/orders", nil); a.status != http.StatusMethodNotAllowed {
		t.Errorf("a GET answers %d", a.status)
	}
	rows, err := s.server.Store.AuditRows(t.Context(), store.AuditFilter{ObjectID: c.ID, Action: "query.run", Limit: 10})
	s.check(err)
	if len(rows) != 1 {
		t.Errorf("the audit log has %d queries", len(rows))
	}
}

// What was opened last is listed first; a table once, whichever of its columns was opened.
func TestRecent(t *testing.T) {
	s, c, base := browsed(t)
	for _, path := range []string{"/orders", "/items", "/orders/id"} {
		s.opened(base, c.ID+path)
		time.Sleep(2 * time.Millisecond)
	}
	for _, path := range []string{"", "/nothing"} {
		if a := s.do("editor", "POST", base+"/browser/visit", url.Values{"path": {c.ID + path}}); a.status != http.StatusNotFound {
			t.Errorf("opening what is no table, %q, answers %d", path, a.status)
		}
	}
	var got []string
	s.do("editor", "GET", base+"/browser/recent", nil).page(t).Find(".node-name").Each(func(_ int, n *goquery.Selection) { got = append(got, n.Text()) })
	if !slices.Equal(got, []string{"orders", "items"}) {
		t.Errorf("recent are %v", got)
	}
	if text := s.do("admin", "GET", base+"/browser/recent", nil).body; !strings.Contains(text, "Tables that you open are listed here") {
		t.Errorf("an empty list says %s", text)
	}
}

// The lists hold nothing of a connection that the person may no longer query.
func TestListsShowOnlyWhatMayBeQueriedNow(t *testing.T) {
	s, c, base := browsed(t)
	s.pin("editor", base, c.ID+"/orders", "true")
	s.opened(base, c.ID+"/orders")
	asked := []string{"/browser/children?path=", "/browser/children?path=" + c.ID, "/browser/children?prefix=ord&path=" + c.ID, "/browser/search?q=orders", "/browser/search?q=ord+table:orders",
		"/complete?q=ord&connection=" + c.ID}
	for _, address := range asked {
		if a := s.do("editor", "GET", base+address, nil); a.status != http.StatusOK || !strings.Contains(a.body, "orders") && !strings.Contains(a.body, "Shop") {
			t.Errorf("%s answers %d %s to who may query", address, a.status, a.body)
		}
	}
	s.alter("alter table orders add column note text")
	s.again(c)
	if a := s.do("editor", "GET", base+"/browser/changes", nil); !strings.Contains(a.body, "orders") {
		t.Fatalf("the changes are %s", a.body)
	}
	group, err := s.server.Workspace.CreateGroup(t.Context(), s.actor("admin"), "Elsewhere")
	s.check(err)
	s.check(s.server.Workspace.SetPermissions(t.Context(), s.actor("admin"), c.ID, workspace.Permissions{CanQuery: []string{group.ID}, CanViewResults: []string{access.GroupMembers}}))
	for _, list := range []string{"pinned", "recent", "changes"} {
		if a := s.do("editor", "GET", base+"/browser/"+list, nil); strings.Contains(a.body, "orders") || strings.Contains(a.body, "Shop") {
			t.Errorf("%s answers %d %s", list, a.status, a.body)
		}
	}
	if a := s.pin("editor", base, c.ID+"/items", "true"); a.status == http.StatusOK {
		t.Error("pinning what may not be queried works")
	}
	if a := s.do("editor", "GET", base, nil); a.status != http.StatusOK {
		t.Fatalf("the project, which is to be seen still, answers %d", a.status)
	}
	for _, address := range asked {
		if a := s.do("editor", "GET", base+address, nil); strings.Contains(a.body, "orders") || strings.Contains(a.body, "Shop") || a.status != http.StatusOK && a.status != http.StatusNotFound {
			t.Errorf("%s answers %d %s", address, a.status, a.body)
		}
	}
}

// What a filter hides is listed by name nowhere that others than Admins look, however lately it was found, pinned or described.
func TestHiddenNamesAreListedNowhere(t *testing.T) {
	s, c, base := browsed(t)
	s.alter("alter table orders add column note text")
	s.again(c)
	var tables strings.Builder
	for i := range shownRecentChanges + 1 {
		fmt.Fprintf(&tables, "create table salaries_%d (x integer);", i)
	}
	s.alter(tables.String())
	s.again(c)
	s.annotated(c, "salaries_7", `{"description":"What each is paid"}`)
	s.pin("editor", base, c.ID+"/salaries_7", "true")
	s.opened(base, c.ID+"/salaries_7")
	runs, err := s.server.Store.Runs(t.Context(), c.ID, 1, "")
	s.check(err)
	changes, annotation := "/api/v1/connections/"+c.ID+"/refreshes/"+runs[0].ID+"/changes", "/api/v1/connections/"+c.ID+"/annotations?path=salaries_7"
	lists := []string{base + "/browser/changes", base + "/browser/pinned", base + "/browser/recent", base, changes, annotation}
	for _, address := range lists {
		if a := s.do("editor", "GET", address, nil); !strings.Contains(a.body, "salaries_7") {
			t.Errorf("before the filter, %s answers %d %s", address, a.status, a.body)
		}
	}
	filter := catalog.Filter{Tables: catalog.Rule{Exclude: &catalog.Match{Match: catalog.MatchPrefix, Values: []string{"salaries_"}}}}
	s.check(s.server.Workspace.SetFilter(t.Context(), s.actor("admin"), c.ID, filter, 0))
	for _, address := range lists {
		if a := s.do("editor", "GET", address, nil); strings.Contains(a.body, "salaries_") || strings.Contains(a.body, "paid") {
			t.Errorf("of what is hidden, %s answers %d %s", address, a.status, a.body)
		}
	}
	if a := s.do("editor", "GET", annotation, nil); a.status != http.StatusNotFound {
		t.Errorf("what is said of what is hidden answers %d", a.status)
	}
	if text := s.do("editor", "GET", base+"/browser/changes", nil).page(t).Text(); !strings.Contains(text, "column note added") {
		t.Errorf("behind many that are hidden, the change of what is not is missing: %s", text)
	}
	for _, address := range []string{changes, annotation} {
		if a := s.do("admin", "GET", address, nil); a.status != http.StatusOK || !strings.Contains(a.body, "salaries_7") {
			t.Errorf("an Admin's %s answers %d %s", address, a.status, a.body)
		}
	}
	s.check(s.server.Workspace.SetFilter(t.Context(), s.actor("admin"), c.ID, catalog.Filter{}, 0))
	s.lastRun(c.ID)
	if a := s.do("editor", "GET", base+"/browser/pinned", nil); !strings.Contains(a.body, "salaries_7") {
		t.Errorf("what is let in again is pinned no more: %s", a.body)
	}
}

// Changes of the last days are listed by name, the latest first; what is gone has no link.
func TestChanges(t *testing.T) {
	s, c, base := browsed(t)
	s.alter("drop table items")
	s.alter("create table \"<b>late</b>\" (x integer)")
	s.alter("alter table orders add column note text")
	s.again(c)
	list := s.do("editor", "GET", base+"/browser/changes", nil).page(t)
	said := map[string]string{}
	list.Find("li").Each(func(i int, li *goquery.Selection) {
		name := li.Find(".node-name").Text()
		if _, known := said[name]; known {
			t.Errorf("%s is listed twice: the first reading is no change", name)
		}
		said[name] = li.Find(".sub").Last().Text()
		if i == 0 && li.Find("time").Length() != 1 {
			t.Error("a change has no time")
		}
	})
	for name, word := range map[string]string{"items": "Removed", "<b>late</b>": "Added", "orders": "Changed"} {
		if !strings.HasPrefix(strings.TrimSpace(said[name]), word) {
			t.Errorf("of %s it says %q", name, said[name])
		}
	}
	if !strings.Contains(said["orders"], "column note added") {
		t.Errorf("of the changed table it says %q", said["orders"])
	}
	if list.Find("b").Length() != 0 {
		t.Error("a name became markup")
	}
	if list.Find("a").FilterFunction(func(_ int, a *goquery.Selection) bool { return a.Find(".node-name").Text() == "items" }).Length() != 0 {
		t.Error("a table that is gone has a link")
	}
	long := s.server.Now
	s.server.Now = func() time.Time { return long().Add(8 * 24 * time.Hour) }
	if text := s.do("editor", "GET", base+"/browser/changes", nil).page(t).Text(); !strings.Contains(text, "No refresh of the last 7 days found a change") {
		t.Errorf("eight days later the list says %s", text)
	}
}

// The details lead back to themselves and give all columns, quoted.
func TestDetailsLinkAndColumns(t *testing.T) {
	s, c, base := browsed(t)
	page := s.do("editor", "GET", base+"/browser/details?path="+c.ID+"/orders", nil).page(t)
	link := page.Find("pb-copy[data-link]").AttrOr("data-link", "")
	if got := s.do("editor", "GET", link, nil).page(t).Find("pb-tree").AttrOr("data-node", ""); got != c.ID+"/orders" {
		t.Errorf("the link %s opens %q", link, got)
	}
	copied := func(page *goquery.Document, label string) string {
		return page.Find("pb-copy").FilterFunction(func(_ int, b *goquery.Selection) bool { return strings.Contains(b.Text(), label) }).AttrOr("data-text", "")
	}
	s.alter(`create table "order ""details""" (id integer primary key, "a b" text)`)
	s.again(c)
	weird := catalog.Path{`order "details"`}
	for want, path := range map[string]catalog.Path{`"order ""details"""`: weird, `"order ""details"""."a b"`: append(weird, "a b")} {
		page := s.do("editor", "GET", base+"/browser/details?path="+url.QueryEscape(c.ID+"/"+path.String()), nil).page(t)
		if got := copied(page, "Copy qualified name"); got != want {
			t.Errorf("the qualified name is %s, want %s", got, want)
		}
	}
	if a := s.do("editor", "GET", base+"/browser/children?path="+url.QueryEscape(c.ID+"/"+weird.String()), nil); !strings.Contains(a.body, `"name":"id","kind":"column","type":"INTEGER","family":"integer","path":"`+c.ID+`/order%20%22details%22/id","rows":-1,"children":false,"pk":true}`) ||
		strings.Count(a.body, `"pk"`) != 1 {
		t.Errorf("of the key the tree reads %s", a.body)
	}
	if got := copied(page, "Copy all columns"); got != `"id", "country", "total"` {
		t.Errorf("all columns are %q", got)
	}
}

// The details say of a table what kind it is, about how many rows and columns it has and when it was read, and of its columns which
// are a key, which point where and which must hold something; of what is not known, nothing. Of an estimate two figures are kept.
func TestDetailsSayTheFacts(t *testing.T) {
	s, c, base := browsed(t)
	columns := []catalog.Column{{Name: "id", Type: "bigint", PrimaryKey: 1}, {Name: "day", Type: "date", Nullable: true},
		{Name: "customer", Type: "bigint", Nullable: true, References: &catalog.Ref{Table: catalog.Path{"crm", "customers"}, Column: "number"}}}
	s.tell(c, []catalog.Level{catalog.LevelSchema, catalog.LevelTable}, catalog.Table{Path: catalog.Path{"shop", "orders"}, Kind: catalog.KindPartitioned, Rows: 1_234_567, Columns: columns},
		catalog.Table{Path: catalog.Path{"shop", "recent"}, Kind: catalog.KindView, Rows: catalog.RowsUnknown, Columns: columns[:1]})
	details := func(path string) (facts map[string]string, rows []string) {
		t.Helper()
		page := s.do("editor", "GET", base+"/browser/details?path="+c.ID+path, nil).page(t)
		facts = map[string]string{}
		page.Find(".facts dt").Each(func(_ int, dt *goquery.Selection) { facts[dt.Text()] = dt.Next().Text() })
		page.Find("table tbody tr").Each(func(_ int, tr *goquery.Selection) {
			var words []string
			tr.Find("td").Contents().Each(func(_ int, part *goquery.Selection) { words = append(words, strings.Fields(part.Text())...) })
			rows = append(rows, strings.Join(words, " "))
		})
		return facts, rows
	}
	facts, rows := details("/shop/orders")
	if want := map[string]string{"Kind": "Partitioned table", "Columns": "3", "Rows, estimated": "1,200,000", "Read": "just now"}; !maps.Equal(facts, want) {
		t.Errorf("of the table it says %v, want %v", facts, want)
	}
	if want := []string{"id key bigint not null", "day date", "customer → crm.customers.number bigint"}; !slices.Equal(rows, want) {
		t.Errorf("of its columns it says %q, want %q", rows, want)
	}
	if facts, _ := details("/shop/recent"); !maps.Equal(facts, map[string]string{"Kind": "View", "Columns": "1", "Read": "just now"}) {
		t.Errorf("of a view it says %v", facts)
	}
	if facts, rows := details("/shop/orders/customer"); facts["Type"] != "bigint" || facts["Read"] != "just now" || !slices.Equal(rows, []string{"customer → crm.customers.number bigint"}) {
		t.Errorf("of a column it says %v %q", facts, rows)
	}
	if facts, _ := details("/shop"); !maps.Equal(facts, map[string]string{"Contains": "2"}) {
		t.Errorf("of a schema it says %v", facts)
	}
	if facts, _ := details(""); !maps.Equal(facts, map[string]string{"Tables": "2", "Columns": "4", "Read": "just now"}) {
		t.Errorf("of the connection it says %v", facts)
	}
}

// Whoever looks at a part that the last refresh could not read is told so, with the reason; who looks elsewhere is not.
func TestDetailsSayWhatCouldNotBeRead(t *testing.T) {
	s, c, base := browsed(t)
	st := s.server.Store
	run := store.Run{ID: "run", ConnectionID: c.ID, Trigger: "manual", State: "running", Queued: time.Now(), Started: time.Now()}
	s.check(st.Maintain(t.Context(), func(tx *store.Tx) error { return tx.CreateRun(run) }))
	fence, err := st.Acquire(t.Context(), "refresh:"+c.ID, "test", time.Minute)
	s.check(err)
	state, err := st.CatalogState(t.Context(), c.ID)
	s.check(err)
	run.State, run.Finished = "succeeded", time.Now()
	stale := []store.StaleScope{{Path: catalog.Path{"orders"}, Reason: "<i>permission denied</i>", Since: time.Now()}}
	s.check(st.PublishCatalog(t.Context(), c.ID, state.Generation, fence, run, state, nil, stale))
	for path, told := range map[string]bool{"": true, "/orders": true, "/orders/id": true, "/items": false} {
		page := s.do("editor", "GET", base+"/browser/details?path="+c.ID+path, nil).page(t)
		if text := page.Find(".is-stale").Text(); strings.Contains(text, "could not read orders") != told || strings.Contains(text, "<i>permission denied</i>") != told {
			t.Errorf("of %q it says %q", path, text)
		}
	}
	if foot := s.do("editor", "GET", base+"/browser/foot", nil).page(t).Text(); !strings.Contains(foot, "Partly read") {
		t.Errorf("the foot says %q, and no word of the state that its dot shows", foot)
	}
}

// A qualifier and the statement's tables are paths, of which the outer parts may be missing; a dot in a name parts nothing.
func TestCompletionWithinANode(t *testing.T) {
	s, c, base := browsed(t)
	s.alter(`create table "order details, v1.5" (quantity integer)`)
	s.again(c)
	quoted := url.QueryEscape(catalog.Path{"order details, v1.5"}.String())
	for _, where := range []string{"context=" + quoted + "&tables=orders", "tables=orders," + quoted + "&q=quan"} {
		if a := s.do("editor", "GET", base+"/complete?connection="+c.ID+"&"+where, nil); !strings.Contains(a.body, `"label":"quantity"`) || strings.Contains(a.body, `"label":"country"`) {
			t.Errorf("%s answers %s", where, a.body)
		}
	}
	if a := s.do("editor", "GET", base+"/complete?connection="+c.ID+"&context=%25zz", nil); a.status != http.StatusBadRequest {
		t.Errorf("a path that is none answers %d", a.status)
	}
	b := catalog.NewBuilder([]catalog.Level{catalog.LevelDatabase, catalog.LevelSchema, catalog.LevelTable})
	for _, schema := range []string{"public", "other"} {
		s.check(b.Add(catalog.Table{Path: catalog.Path{"shop", schema, "orders"}, Columns: []catalog.Column{{Name: "in " + schema, Type: "text"}}}))
	}
	shard := b.Build()
	within, err := completionPaths("public/orders", "other/orders,shop")
	s.check(err)
	for want, context := range map[string]catalog.Path{"in public": within[0], "in other": nil} {
		if got := completions(shard, "", context, within[1:2]); len(got) == 0 || got[0].Name() != want {
			t.Errorf("within %v are %v", context, got)
		}
	}
	if got := completions(shard, "", within[2], nil); len(got) != 2 {
		t.Errorf("the schemas of a database are %v", got)
	}
}

// A table that is chosen is written so that the connection finds it, and not another of its name.
func TestCompletionWritesWhatResolves(t *testing.T) {
	whole := []catalog.Level{catalog.LevelDatabase, catalog.LevelSchema, catalog.LevelTable}
	for _, c := range []struct {
		dialect  *dialect.Dialect
		database string
		levels   []catalog.Level
		tables   []catalog.Path
		want     []string
	}{
		{dialect.Postgres, "shop", whole, []catalog.Path{{"shop", "public", "orders"}, {"shop", "public", "Items"}, {"shop", "sales", "orders"}, {"shop", "Sales", "days"}, {"other", "public", "stock"}},
			[]string{"public.orders", `"Items"`, "sales.orders", `"Sales".days`, "other.public.stock"}},
		{dialect.MySQL, "shop", []catalog.Level{catalog.LevelDatabase, catalog.LevelTable}, []catalog.Path{{"shop", "orders"}, {"archive", "orders"}, {"archive", "old days"}},
			[]string{"orders", "archive.orders", "archive.`old days`"}},
		{dialect.MySQL, "", []catalog.Level{catalog.LevelDatabase, catalog.LevelTable}, []catalog.Path{{"shop", "orders"}}, []string{"shop.orders"}},
		{dialect.DuckDB, "", whole, []catalog.Path{{"file", "main", "orders"}, {"file", "raw", "days"}}, []string{"orders", "raw.days"}},
		{dialect.SQLite, "", []catalog.Level{catalog.LevelTable}, []catalog.Path{{"orders"}}, []string{"orders"}},
	} {
		b := catalog.NewBuilder(c.levels)
		for _, path := range c.tables {
			if err := b.Add(catalog.Table{Path: path, Columns: []catalog.Column{{Name: "id", Type: "integer"}}}); err != nil {
				t.Fatal(err)
			}
		}
		shard := b.Build()
		for i, path := range c.tables {
			if got := c.dialect.Readable(toResolve(c.dialect, c.database, shard, path)); got != c.want[i] {
				t.Errorf("in %s, signed in to %q, %v is written %s, want %s", c.dialect.Name, c.database, path, got, c.want[i])
			}
		}
	}
}

// A proposal says what a choice writes: behind a qualifier the name alone.
func TestCompletionQualifies(t *testing.T) {
	s, c, base := browsed(t)
	columns := []catalog.Column{{Name: "id", Type: "INTEGER", Family: catalog.FamilyInteger}}
	s.tell(c, []catalog.Level{catalog.LevelDatabase, catalog.LevelTable}, catalog.Table{Path: catalog.Path{"shop", "orders"}, Kind: catalog.KindTable, Columns: columns},
		catalog.Table{Path: catalog.Path{"archive", "orders"}, Kind: catalog.KindTable, Columns: columns})
	for where, want := range map[string][]string{"q=ord": {"archive.orders", "shop.orders"}, "q=ord&context=shop": {"orders"}, "q=id&tables=shop/orders": {"id"}} {
		var body struct{ Items []completion }
		s.check(json.Unmarshal([]byte(s.do("editor", "GET", base+"/complete?connection="+c.ID+"&"+where, nil).body), &body))
		var got []string
		for _, item := range body.Items {
			got = append(got, item.Apply)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s writes %v, want %v", where, got, want)
		}
	}
}

// However much a request names, its answer is bounded, and nothing is in it twice.
func TestCompletionIsBounded(t *testing.T) {
	s, c, base := browsed(t)
	var columns []string
	for i := range maxCompletions {
		columns = append(columns, fmt.Sprintf("column_%d integer", i))
	}
	var tables []string
	for i := range maxStatementTables + 1 {
		name := fmt.Sprintf("wide_%d", i)
		s.alter("create table " + name + " (" + strings.Join(columns, ", ") + ")")
		tables = append(tables, name)
	}
	s.again(c)
	proposed := func(tables string) (labels map[string]int, n int) {
		t.Helper()
		a := s.do("editor", "GET", base+"/complete?connection="+c.ID+"&tables="+tables, nil)
		var body struct{ Items []completion }
		if a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &body) != nil {
			t.Fatalf("completion answers %d %.200s", a.status, a.body)
		}
		labels = map[string]int{}
		for _, item := range body.Items {
			labels[item.Label]++
		}
		return labels, len(body.Items)
	}
	if labels, n := proposed("orders" + strings.Repeat(",orders", 5000)); labels["country"] != 1 || n != len(tables)+5 {
		t.Errorf("of one table named often, country is proposed %d times among %d", labels["country"], n)
	}
	if labels, n := proposed("orders," + strings.Join(tables, ",")); labels["country"] != 1 || labels["wide_0"] != 1 || n != maxCompletions+len(tables)+2 {
		t.Errorf("of many wide tables, %d are proposed: %v", n, labels)
	}
	if paths, err := completionPaths("", strings.Join(tables, ",")); err != nil || len(paths) != 1+maxStatementTables {
		t.Errorf("of %d tables, %d are looked into: %v", len(tables), len(paths)-1, err)
	}
}

// What cannot be read says so before it is chosen.
func TestCompletionNotes(t *testing.T) {
	got := completionNotes(catalog.Node{Unreadable: true}, catalog.Label{Mark: catalog.MarkEndorsed, ExcludeFromAgents: true})
	if !slices.Equal(got, []string{"endorsed", "not readable"}) {
		t.Errorf("the words are %v", got)
	}
}

// alter changes the shop.
func (s *site) alter(statement string) {
	s.t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(s.dir, "files", "shop.db"))
	s.check(err)
	_, err = db.Exec(statement)
	s.check(errors.Join(err, db.Close()))
}

// The next child with a prefix is found wherever it stands, with the page that holds it.
func TestChildrenFromAPrefixOn(t *testing.T) {
	s, c, base := browsed(t)
	var tables strings.Builder
	for i := range 450 {
		fmt.Fprintf(&tables, "create table t%03d (x integer);", i)
	}
	s.alter(tables.String())
	s.again(c)
	for query, want := range map[string]string{"prefix=T4": `"found":402`, "prefix=t4&from=403": `"found":403`, "prefix=it": `"found":0`, "prefix=it&from=1": `"found":-1`, "offset=200": `"found":-1`} {
		a := s.do("editor", "GET", base+"/browser/children?path="+c.ID+"&"+query, nil)
		if !strings.Contains(a.body, want) || !strings.Contains(a.body, `"total":452`) {
			t.Errorf("%s answers %d %.80s ... %s", query, a.status, a.body, a.body[max(len(a.body)-80, 0):])
		}
		if strings.Contains(want, "40") && (!strings.Contains(a.body, `"offset":400`) || !strings.Contains(a.body, `"name":"t449"`)) {
			t.Errorf("%s answers another page: %.200s", query, a.body)
		}
	}
}

// The Notebook tab lists what the cells put out, to those who may see results.
func TestOutputs(t *testing.T) {
	s, c, base := browsed(t)
	project := strings.TrimPrefix(base, "/projects/")
	if text := s.do("editor", "GET", base+"/browser/outputs", nil).page(t).Text(); !strings.Contains(text, "no SQL cell yet") {
		t.Errorf("without a cell the tab says %q", text)
	}
	s.ran("editor", s.sqlCell("editor", project, c.ID, `select id, country as "<b>", total from orders`))
	s.ran("editor", s.sqlCell("editor", project, c.ID, "select nothing"))
	said := func() string {
		a := s.do("editor", "GET", base+"/browser/outputs", nil)
		a.body = strings.ReplaceAll(a.body, "<", " <")
		return strings.Join(strings.Fields(strings.ReplaceAll(a.page(t).Text(), "Go to the cell", ";")), " ")
	}
	if got, want := said(), "query_1 3 rows id INTEGER <b> TEXT total NUMERIC ; query_2 Failed ;"; got != want {
		t.Errorf("the tab says %q, want %q", got, want)
	}
	if s.do("editor", "GET", base, nil).page(t).Find("[role=tablist] [role=tab]").Text() != "WarehouseNotebook" {
		t.Error("the page has no tabs")
	}
	group, err := s.server.Workspace.CreateGroup(t.Context(), s.actor("admin"), "Elsewhere")
	s.check(err)
	s.check(s.server.Workspace.SetPermissions(t.Context(), s.actor("admin"), c.ID, workspace.Permissions{CanQuery: []string{group.ID}, CanViewResults: []string{group.ID}}))
	if a := s.do("editor", "GET", base+"/browser/outputs", nil); a.status != http.StatusForbidden && a.status != http.StatusNotFound {
		t.Errorf("who may not see results is answered %d %s", a.status, a.body)
	}
}

// Everything is found in one place, and nothing that its own screen would not show.
func TestFindAnything(t *testing.T) {
	s, c, base := browsed(t)
	s.person(access.RoleViewer)
	find := func(as, text string) string {
		a := s.do(as, "GET", "/find?q="+url.QueryEscape(text), nil)
		if a.status != http.StatusOK {
			t.Errorf("%s is answered %d %s", as, a.status, a.body)
		}
		return a.body
	}
	if got := find("editor", "orders"); !strings.Contains(got, `"path":"`+base+`?node=`+c.ID+`%2Forders"`) || !strings.Contains(got, `"trail":["Revenue","Shop"]`) {
		t.Errorf("a table is found as %s", got)
	}
	if got := find("editor", "reV"); !strings.Contains(got, `"path":"`+base+`"`) || !strings.Contains(got, `"match":[[0,3]]`) {
		t.Errorf("a notebook is found as %s", got)
	}
	if got := find("admin", "sho"); !strings.Contains(got, `"path":"/settings/connections/`+c.ID+`"`) {
		t.Errorf("an Admin finds of connections %s", got)
	}
	none := `{"items":[],"truncated":false}`
	for as, texts := range map[string][]string{"editor": {"sho", ""}, "viewer": {"sho", "reV", "orders"}} {
		for _, text := range texts {
			if got := strings.TrimSpace(find(as, text)); got != none {
				t.Errorf("%s finds for %q %s", as, text, got)
			}
		}
	}
	group, err := s.server.Workspace.CreateGroup(t.Context(), s.actor("admin"), "Elsewhere")
	s.check(err)
	s.check(s.server.Workspace.SetPermissions(t.Context(), s.actor("admin"), c.ID, workspace.Permissions{CanQuery: []string{group.ID}, CanViewResults: []string{access.GroupMembers}}))
	if got := strings.TrimSpace(find("editor", "orders")); got != none {
		t.Errorf("who may no longer query finds %s", got)
	}
	if a := s.do("editor", "GET", "/find?q="+strings.Repeat("table:a+", 9), nil); a.status != http.StatusBadRequest {
		t.Errorf("a search too long is answered %d", a.status)
	}
}

// A search that found more than it shows says so, and one that found just as many does not.
func TestSearchSaysThatThereIsMore(t *testing.T) {
	s, c, base := browsed(t)
	token := s.token("editor", access.ScopeRead)
	for n, want := range map[int]string{50: `"truncated":false`, 51: `"truncated":true`} {
		var tables []catalog.Table
		for i := range n {
			tables = append(tables, catalog.Table{Path: catalog.Path{fmt.Sprintf("sales_%d", i)}, Kind: catalog.KindTable})
		}
		s.tell(c, []catalog.Level{catalog.LevelTable}, tables...)
		for _, a := range []answer{s.do("editor", "GET", base+"/browser/search?q=sales", nil), s.api(token, "GET", "/api/v1/catalog/search?limit=50&q=sales", "")} {
			if !strings.Contains(a.body, want) || strings.Count(a.body, `"name":"sales_`) != 50 {
				t.Errorf("of %d tables it answers %d %.300s", n, strings.Count(a.body, `"name":"sales_`), a.body)
			}
		}
		if a := s.do("editor", "GET", "/find?q=sales", nil); !strings.Contains(a.body, `"truncated":true`) || strings.Count(a.body, `"name":"sales_`) != foundObjects {
			t.Errorf("finding anything answers %.300s", a.body)
		}
	}
	var many []catalog.Table
	for i := range maxLimit + 1 {
		many = append(many, catalog.Table{Path: catalog.Path{fmt.Sprintf("sales_%d", i)}, Kind: catalog.KindTable})
	}
	s.tell(c, []catalog.Level{catalog.LevelTable}, many...)
	if a := s.api(token, "GET", "/api/v1/catalog/search?limit=1000&q=sales", ""); !strings.Contains(a.body, `"truncated":true`) || strings.Count(a.body, `"name":"sales_`) != maxLimit {
		t.Errorf("at the highest limit it answers %d %d", a.status, strings.Count(a.body, `"name":"sales_`))
	}
}

// told is a source whose catalog a test tells.
type told struct {
	connectors.Source
	tables []catalog.Table
}

func (s told) Server(context.Context) (connectors.Server, error) {
	return connectors.Server{Product: "Told", Version: "1"}, nil
}

func (s told) ReadCatalog(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
	for _, t := range s.tables {
		if err := to.Table(t); err != nil {
			return err
		}
	}
	return to.Done(nil)
}

func (s told) Close() error { return nil }

// tell makes the site know these tables of a connection.
func (s *site) tell(c store.Connection, levels []catalog.Level, tables ...catalog.Table) {
	s.t.Helper()
	runner := refresh.NewRunner(refresh.Options{Store: s.server.Store, Open: func(context.Context, *store.Connection) (connectors.Source, error) { return told{tables: tables}, nil },
		Levels: func(string) []catalog.Level { return levels }, Now: time.Now, Holder: "told", Log: s.server.Log})
	s.t.Cleanup(func() { runner.Stop(context.WithoutCancel(s.t.Context())) })
	run, err := runner.Start(s.t.Context(), c.ID, "manual", "")
	s.check(err)
	s.check(runner.Wait(s.t.Context(), run.ID))
	s.server.Refresh = runner
}

// A table that the connection's user may not select from, and its columns, are shown and not offered for a query.
func TestUnreadableTablesAreNotOfferedForAQuery(t *testing.T) {
	s, c, base := browsed(t)
	table := func(name string, unreadable bool) catalog.Table {
		return catalog.Table{Path: catalog.Path{name}, Kind: catalog.KindTable, Unreadable: unreadable, Columns: []catalog.Column{{Name: "id", Type: "INTEGER", Family: catalog.FamilyInteger}}}
	}
	s.tell(c, []catalog.Level{catalog.LevelTable}, table("customers", false), table("salaries", true))
	for path, offered := range map[string]bool{"customers": true, "customers/id": true, "salaries": false, "salaries/id": false} {
		a := s.do("editor", "GET", base+"/browser/details?path="+c.ID+"/"+path, nil)
		if a.status != http.StatusOK || !strings.Contains(a.body, "id") {
			t.Fatalf("details of %s answer %d", path, a.status)
		}
		for _, act := range []string{"Query this table", "Preview"} {
			if strings.Contains(a.body, act) != offered {
				t.Errorf("%s is offered for %s: %t", act, path, !offered)
			}
		}
	}
}
