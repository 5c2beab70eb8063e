package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"patchbay/access"
	"patchbay/workspace"
)

// give shares the report by the page's form.
func (r *reported) give(as, to, level string) answer {
	r.t.Helper()
	return r.do(as, "POST", "/projects/"+r.project.ID+"/share", url.Values{"to": {to}, "access": {level}})
}

func TestSharingPage(t *testing.T) {
	r := newReport(t)
	r.person(access.RoleViewer)
	r.person(access.RoleManager)
	path := "/projects/" + r.project.ID + "/share"
	if a := r.do("editor", "POST", path, url.Values{"who": {"viewer@EXAMPLE.com"}, "access": {"edit"}}); a.status != http.StatusSeeOther {
		t.Fatalf("sharing answers %d %s", a.status, a.body)
	}
	if a := r.give("editor", "group:guests", "edit"); a.status != http.StatusSeeOther {
		t.Fatalf("sharing with guests answers %d", a.status)
	}
	if a := r.give("editor", "workspace", "explore"); a.status != http.StatusSeeOther {
		t.Fatalf("sharing with the workspace answers %d", a.status)
	}
	text := r.do("editor", "GET", path, nil).page(t).Find("main").Text()
	for _, want := range []string{"The workspace role viewer allows at most Can view", "Whole workspace", "Can explore by a share with the whole workspace", "An Admin has full access everywhere"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for to, caps := range map[string]int{"workspace": 1, "group:guests": 0} {
		row := r.do("editor", "GET", path, nil).page(t).Find("tr:has(input[value='" + to + "'])").Text()
		if strings.Count(row, "allows at most") != caps {
			t.Errorf("the share with %s says %s", to, row)
		}
	}
	r.check(r.server.Workspace.SetPermissions(t.Context(), r.actor("admin"), r.connection.ID, workspace.Permissions{}))
	text = r.do("admin", "GET", path, nil).page(t).Find("section[aria-label='Who has access now']").Text()
	if strings.Count(text, "Locked out") != 3 || !strings.Contains(text, "“Shop”, where Can view results is missing") {
		t.Errorf("who is locked out and why: %s", text)
	}
}

func TestSharingRefusals(t *testing.T) {
	r := newReport(t)
	r.person(access.RoleManager)
	path := "/projects/" + r.project.ID + "/share"
	for as, want := range map[string]int{"manager": http.StatusNotFound, "admin": http.StatusOK} {
		if a := r.do(as, "GET", path, nil); a.status != want {
			t.Errorf("%s opens the page: %d", as, a.status)
		}
	}
	r.give("editor", "user:"+r.users["manager"].ID, "edit")
	for _, act := range []struct{ method, path string }{{"GET", path}, {"GET", path + "/people?who=e"}, {"POST", path}, {"POST", path + "/links/x/revoke"}, {"POST", path + "/links/x/replace"}} {
		if a := r.do("manager", act.method, act.path, url.Values{"to": {"workspace"}, "access": {"view"}}); a.status != http.StatusForbidden {
			t.Errorf("%s %s with Can edit answers %d", act.method, act.path, a.status)
		}
	}
	for name, form := range map[string]url.Values{
		"nobody":            {"who": {"nobody@example.com"}, "access": {"view"}},
		"several":           {"who": {"example.com"}, "access": {"view"}},
		"a group not there": {"to": {"group:x"}, "access": {"view"}},
		"a hostile target":  {"to": {"user:' or 1=1"}, "access": {"view"}},
		"the last Full":     {"to": {"user:" + r.users["editor"].ID}, "access": {"none"}},
		"the last lowered":  {"to": {"user:" + r.users["editor"].ID}, "access": {"edit"}},
	} {
		if a := r.do("editor", "POST", path, form); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s answers %d %s", name, a.status, a.body)
		}
	}
	for _, form := range []url.Values{{"to": {"web"}, "access": {"view"}}, {"to": {"workspace"}, "access": {"owner"}}, {"to": {"workspace"}}} {
		if a := r.do("editor", "POST", path, form); a.status != http.StatusBadRequest {
			t.Errorf("%v answers %d", form, a.status)
		}
	}
	if a := r.do("editor", "POST", "/projects/"+r.project.ID+"/share/links/x/replace", nil); a.status != http.StatusNotFound {
		t.Errorf("replacing a link that is not there answers %d", a.status)
	}
}

// Full access can be handed over, and is not lost to someone whose role caps it.
func TestHandingOverFullAccess(t *testing.T) {
	r := newReport(t)
	r.person(access.RoleManager)
	r.person(access.RoleViewer)
	me := "user:" + r.users["editor"].ID
	r.give("editor", "user:"+r.users["viewer"].ID, "full")
	if a := r.give("editor", me, "none"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a Viewer counts as the last Full access: %d", a.status)
	}
	r.give("editor", "user:"+r.users["manager"].ID, "full")
	if a := r.give("editor", me, "edit"); a.header.Get("Location") != "/projects/"+r.project.ID {
		t.Errorf("lowering one's own access leads to %q (%d)", a.header.Get("Location"), a.status)
	}
	if a := r.give("manager", me, "none"); a.status != http.StatusSeeOther {
		t.Errorf("removing someone answers %d", a.status)
	}
	if a := r.do("editor", "GET", "/projects/"+r.project.ID, nil); a.status != http.StatusNotFound {
		t.Errorf("whoever was removed gets %d", a.status)
	}
	if a := r.give("admin", "user:"+r.users["manager"].ID, "none"); a.status != http.StatusSeeOther {
		t.Errorf("an Admin takes the last Full access: %d", a.status)
	}
}

// Guests find whom they know, and do not leaf through the company, nor through its groups.
func TestGuestsFindWholeAddressesOnly(t *testing.T) {
	r := newReport(t)
	r.person(access.RoleGuest)
	r.check(r.server.Workspace.Share(t.Context(), r.actor("editor"), r.project.ID, access.Share{To: "user:" + r.users["guest"].ID, Access: access.Full}))
	r.check(r.server.Workspace.SetPermissions(t.Context(), r.actor("admin"), r.connection.ID,
		workspace.Permissions{CanQuery: []string{access.GroupMembers, access.GroupGuests}}))
	path := "/projects/" + r.project.ID + "/share"
	for _, name := range []string{"Takeover of Acme", "Partners"} {
		g, err := r.server.Workspace.CreateGroup(t.Context(), r.actor("admin"), name)
		r.check(err)
		if name == "Partners" {
			r.check(r.server.Workspace.Share(t.Context(), r.actor("editor"), r.project.ID, access.Share{To: "group:" + g.ID, Access: access.View}))
		}
	}
	for as, want := range map[string][]string{"guest": {"Guests", "Partners"}, "editor": {"Guests", "Partners", "Takeover of Acme"}} {
		var names []string
		r.do(as, "GET", path, nil).page(t).Find("#field-to option").Each(func(i int, o *goquery.Selection) {
			if i > 0 { // the whole workspace
				names = append(names, o.Text())
			}
		})
		if slices.Sort(names); !slices.Equal(names, want) {
			t.Errorf("the groups that the %s reads are %v", as, names)
		}
	}
	for query, want := range map[string]int{"a": 0, "admin": 0, "admin@example.com": 1, "%": 0} {
		if a := r.do("guest", "GET", path+"/people?who="+url.QueryEscape(query), nil); a.status != http.StatusOK || strings.Count(a.body, "<option") != want {
			t.Errorf("a guest who types %q gets %d %s", query, a.status, a.body)
		}
	}
	if a := r.do("editor", "GET", path+"/people?who=EDIT", nil); strings.Count(a.body, "<option") != 1 {
		t.Errorf("a member who types a part gets %s", a.body)
	}
	if a := r.do("guest", "GET", path, nil); a.status != http.StatusOK || strings.Contains(a.body, "admin@example.com") {
		t.Errorf("a guest's page answers %d, with the company in it", a.status)
	}
}

// A share that is lowered ends what runs by it within a second.
func TestLoweringAShareEndsQueries(t *testing.T) {
	r := newReport(t)
	r.person(access.RoleManager)
	to := "user:" + r.users["manager"].ID
	r.give("editor", to, "edit")
	ended := r.running("manager", r.connection.ID, r.project.ID)
	start := time.Now()
	r.give("editor", to, "explore")
	r.over("a lowered share", ended)
	if took := time.Since(start); took > time.Second {
		t.Errorf("the query ended after %s", took)
	}
}

// What each level of access makes of the notebook (SPEC section 2).
func TestWhatEachLevelSees(t *testing.T) {
	r := newReport(t)
	r.person(access.RoleManager)
	manager := r.users["manager"]
	team, err := r.server.Workspace.CreateGroup(t.Context(), r.actor("admin"), "Analysts")
	r.check(err)
	queryable := func(yes bool) {
		t.Helper()
		p := workspace.Permissions{CanQuery: []string{team.ID}, CanViewResults: []string{access.GroupPublic}}
		if yes {
			p.CanQuery = []string{access.GroupMembers}
		}
		r.check(r.server.Workspace.SetPermissions(t.Context(), r.actor("admin"), r.connection.ID, p))
	}
	for _, c := range []struct {
		level                       string
		query                       bool
		sql, author, browser, share bool
		banner                      string
	}{
		{"view", true, false, false, false, false, ""},
		{"view", false, false, false, false, false, ""},
		{"explore", true, true, false, true, false, ""},
		{"explore", false, true, false, false, false, "Exploring needs Can query on “Shop”; an Admin can grant it"},
		{"edit", true, true, true, true, false, ""},
		{"edit", false, true, false, false, false, "needs Can query on “Shop”, so Can edit becomes Can explore; an Admin can grant it"},
		{"full", false, true, false, false, false, "needs Can query on “Shop”, so Full access becomes Can explore; an Admin can grant it"},
		{"full", true, true, true, true, true, ""},
	} {
		name := fmt.Sprintf("%s, Can query %v: ", c.level, c.query)
		level, _ := access.ParseLevel(c.level)
		r.check(r.server.Workspace.Share(t.Context(), r.actor("admin"), r.project.ID, access.Share{To: "user:" + manager.ID, Access: level}))
		queryable(c.query)
		a := r.do("manager", "GET", "/projects/"+r.project.ID, nil)
		page, list := a.page(t), r.do("manager", "GET", "/projects", nil).page(t).Find("tr:has(a[href='/projects/"+r.project.ID+"'])")
		author := page.Find("pb-editor, [data-run], [data-run-all], [data-add], #rename, textarea").Length() > 0
		for what, got := range map[string][2]bool{
			"SQL":      {strings.Contains(a.body, "hidden_marker"), c.sql},
			"authors":  {author, c.author},
			"share":    {page.Find("a[href$='/share']").Length() > 0, c.share},
			"results":  {page.Find("pb-grid, .grid-table").Length() == 1, true},
			"banner":   {strings.Contains(page.Find(".banner").Text(), c.banner) && c.banner != "", c.banner != ""},
			"app view": {r.do("manager", "GET", "/projects/"+r.project.ID+"/app", nil).status == http.StatusOK, true},
			"SQL by the API": {strings.Contains(r.do("manager", "GET", "/api/v1/projects/"+r.project.ID+"/cells", nil).body, "hidden_marker") ||
				strings.Contains(r.do("manager", "GET", "/projects/"+r.project.ID+"/cells/"+r.cell.ID, nil).body, "hidden_marker"), c.sql},
			"its name in the list": {strings.Contains(list.Find(".badges").Text(), "Shop"), c.query},
			"counted in the list":  {strings.Contains(list.Text(), "1 that you may not query"), !c.query},
			"tree":                 {strings.Contains(r.do("manager", "GET", "/projects/"+r.project.ID+"/browser/children", nil).body, r.connection.ID), c.query},
		} {
			if got[0] != got[1] {
				t.Errorf("%s%s is %v", name, what, got[0])
			}
		}
		if !c.author {
			r.cannotAuthor(name)
		}
	}
}

// Who may only view is told by no door what the database said of a statement, nor where: it quotes what is hidden from them.
func TestErrorsQuoteNoHiddenStatement(t *testing.T) {
	r := newReport(t)
	r.person(access.RoleViewer)
	r.person(access.RoleExplorer)
	r.give("editor", "workspace", "explore")
	cell := r.sqlCell("editor", r.project.ID, r.connection.ID, "select hidden_marker from orders")
	if a := r.ran("editor", cell); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "hidden_marker") {
		t.Fatalf("the cell answers its author %d %s", a.status, a.body)
	}
	page, api, link := "/projects/"+r.project.ID, "/api/v1/projects/"+r.project.ID, r.link("30")
	for _, path := range []string{page + "/cells/" + cell.ID, page + "/cells/" + cell.ID + "/output", api + "/cells/" + cell.ID + "/result"} {
		if a := r.do("explorer", "GET", path, nil); !strings.Contains(a.body, "hidden_marker") {
			t.Errorf("%s does not tell someone who sees the statement what is wrong with it: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{page, page + "/app", page + "/cells/" + cell.ID, page + "/cells/" + cell.ID + "/output", page + "/cells/" + cell.ID + "/rows",
		page + "/cells/" + cell.ID + "/csv", api + "/cells", api + "/cells/" + cell.ID, api + "/cells/" + cell.ID + "/result", link} {
		a := r.do("viewer", "GET", path, nil)
		if strings.Contains(a.body, "hidden_marker") || strings.Contains(a.body, "no such column") || strings.Contains(a.body, `"position"`) {
			t.Errorf("%s tells a Viewer %s", path, a.body)
		}
	}
	if a := r.do("viewer", "GET", api+"/cells/"+cell.ID+"/result", nil); a.status != http.StatusUnprocessableEntity || a.get(t, "code") != "statement" {
		t.Errorf("a Viewer is not told that the last run failed: %d %s", a.status, a.body)
	}
}

// cannotAuthor tries every way to write or run as the Manager.
func (r *reported) cannotAuthor(name string) {
	r.t.Helper()
	base, api := "/projects/"+r.project.ID, "/api/v1/projects/"+r.project.ID
	for _, act := range []struct {
		method, path string
		body         any
	}{
		{"POST", base + "/cells", url.Values{"kind": {"sql"}}},
		{"POST", base + "/cells", url.Values{"kind": {"sql"}, "node": {r.connection.ID}}},
		{"POST", base + "/cells/" + r.cell.ID, url.Values{"version": {"1"}, "source": {"select 1"}}},
		{"POST", base + "/cells/" + r.cell.ID + "/run", url.Values{}},
		{"POST", base + "/cells/" + r.cell.ID + "/cancel", nil},
		{"POST", base + "/cells/" + r.cell.ID + "/move", url.Values{"by": {"1"}}},
		{"POST", base + "/cells/" + r.cell.ID + "/delete", nil},
		{"POST", base + "/name", url.Values{"name": {"Mine"}}},
		{"POST", base + "/delete", url.Values{"confirm": {r.project.Name}}},
		{"POST", base + "/connections/" + r.connection.ID + "/remove", nil},
		{"POST", api + "/cells", `{"kind":"text","source":"x"}`},
		{"PATCH", api + "/cells/" + r.cell.ID, `{"source":"x","version":1}`},
		{"DELETE", api + "/cells/" + r.cell.ID, nil},
		{"POST", api + "/cells/" + r.cell.ID + "/run", "{}"},
		{"PATCH", api, `{"name":"Mine"}`},
		{"DELETE", api, nil},
		{"GET", api + "/shares", nil},
		{"PUT", api + "/shares", `{"shares":[]}`},
		{"DELETE", api + "/connections/" + r.connection.ID, nil},
		{"POST", "/api/v1/query", `{"connection_id":"` + r.connection.ID + `","project_id":"` + r.project.ID + `","sql":"select 1"}`},
	} {
		if a := r.do("manager", act.method, act.path, act.body); a.status != http.StatusForbidden && a.status != http.StatusNotFound {
			r.t.Errorf("%s%s %s answers %d %s", name, act.method, act.path, a.status, a.body)
		}
	}
}

// Whoever is locked out finds nothing of the project, at any address, from the moment a connection takes it away.
func TestLockedOutFindsNothing(t *testing.T) {
	r := newReport(t)
	r.person(access.RoleManager)
	r.give("editor", "workspace", "edit")
	r.link("30")
	token := r.token("manager", access.ScopeWrite)
	if a := r.do("manager", "GET", "/projects/"+r.project.ID, nil); a.status != http.StatusOK {
		t.Fatalf("before, the project answers %d", a.status)
	}
	payroll := r.connect("Payroll", workspace.ConnectionInput{CanQuery: []string{}, CanViewResults: []string{}})
	r.check(r.server.Workspace.Import(t.Context(), r.actor("admin"), r.project.ID, payroll.ID))
	before := r.state()
	ids := strings.NewReplacer("{project}", r.project.ID, "{cell}", r.cell.ID, "{connection}", r.connection.ID, "{id}", r.connection.ID,
		"{user}", r.users["editor"].ID, "{type}", "sqlite", "{$}", "")
	for _, rt := range routes {
		method, path, _ := strings.Cut(rt.pattern, " ")
		if rt.who == anyone || strings.Contains(path, "sign-out") {
			continue
		}
		path = ids.Replace(path)
		for _, query := range []string{"", "?path=" + r.connection.ID, "?q=orders&connection=" + r.connection.ID, "?user=" + r.users["editor"].ID + "&project=" + r.project.ID} {
			answers := []answer{r.do("manager", method, path+query, nil)}
			if strings.HasPrefix(path, "/api/") { // a token is refused on pages before anything is looked for
				answers = append(answers, r.api(token, method, path+query, ""))
			}
			for _, a := range answers {
				inProject := strings.Contains(rt.pattern, "/projects/{project}")
				if inProject && a.status != http.StatusNotFound && a.status != http.StatusBadRequest { // 400 comes before any project is looked for
					t.Errorf("%s%s answers %d %.200s", rt.pattern, query, a.status, a.body)
				}
				for _, secret := range []string{"Confidential", "hidden_marker", "=cmd", r.cell.ID, "Said in"} {
					if strings.Contains(a.body, secret) && !strings.Contains(path+query, secret) {
						t.Errorf("%s%s tells %q: %.300s", rt.pattern, query, secret, a.body)
					}
				}
			}
		}
	}
	r.cannotAuthor("locked out: ")
	r.check(r.server.Workspace.StopImport(t.Context(), r.actor("admin"), r.project.ID, payroll.ID))
	if a := r.do("manager", "GET", "/projects/"+r.project.ID, nil); a.status != http.StatusOK {
		t.Errorf("when the import is lifted, the project answers %d", a.status)
	}
	if after := r.state(); after == before {
		t.Error("the walk left no refusal in the audit")
	}
}

// Roles cap shares, and a share with the workspace does not reach guests.
func TestRolesCapShares(t *testing.T) {
	r := newReport(t)
	r.give("editor", "workspace", "full")
	for role, want := range map[access.Role]string{access.RoleManager: "full", access.RoleExplorer: "explore", access.RoleViewer: "view", access.RoleGuest: ""} {
		r.person(role)
		list := r.do(string(role), "GET", "/api/v1/projects", nil)
		if want == "" {
			if strings.Contains(list.body, r.project.ID) || r.do(string(role), "GET", "/projects/"+r.project.ID, nil).status != http.StatusNotFound {
				t.Errorf("a share with the workspace reaches a %s", role)
			}
			continue
		}
		if !strings.Contains(list.body, `"access":"`+want+`"`) {
			t.Errorf("a %s gets %s", role, list.body)
		}
	}
	for _, role := range []string{"explorer", "viewer"} {
		r.clients["manager"] = r.clients[role]
		r.cannotAuthor("as " + role + ": ")
	}
}
