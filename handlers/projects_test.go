package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"patchbay/access"
	"patchbay/store"
	"patchbay/workspace"
)

// ran runs a cell and waits for its end.
func (s *site) ran(as string, c store.Cell) answer {
	s.t.Helper()
	base := "/api/v1/projects/" + c.ProjectID + "/cells/" + c.ID
	if a := s.do(as, "POST", base+"/run", "{}"); a.status != http.StatusAccepted {
		s.t.Fatalf("running answers %d: %s", a.status, a.body)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if a := s.do(as, "GET", base+"/result", nil); a.status != http.StatusAccepted {
			return a
		}
	}
	s.t.Fatal("the cell did not end")
	return answer{}
}

// sqlCell is a new cell of a project that uses the connection.
func (s *site) sqlCell(as, project, connection, source string) store.Cell {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"kind": "sql", "connection_id": connection, "source": source})
	s.check(err)
	a := s.do(as, "POST", "/api/v1/projects/"+project+"/cells", string(body))
	if a.status != http.StatusCreated {
		s.t.Fatalf("adding a cell answers %d: %s", a.status, a.body)
	}
	return store.Cell{ID: fmt.Sprint(a.get(s.t, "id")), ProjectID: project}
}

func TestNotebookRunsAndExports(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	c := s.connect("Shop", workspace.ConnectionInput{})
	p := s.project("editor", "Revenue")
	if a := s.do("editor", "PUT", "/api/v1/projects/"+p.ID+"/connections/"+c.ID, nil); a.status != http.StatusNoContent {
		t.Fatalf("importing answers %d: %s", a.status, a.body)
	}
	cell := s.sqlCell("editor", p.ID, c.ID, "select id, country, total from orders order by id")
	a := s.ran("editor", cell)
	if want := `[[1,"SK",10.5],[2,"CZ",null],[3,"=cmd",7]]`; !strings.Contains(a.body, `"rows":`+want) {
		t.Errorf("the result is %s", a.body)
	}
	page := s.do("editor", "GET", "/projects/"+p.ID, nil)
	if page.status != http.StatusOK || page.page(t).Find("pb-grid").Length() != 1 {
		t.Errorf("the notebook answers %d without the grid", page.status)
	}
	rows := s.do("editor", "GET", "/projects/"+p.ID+"/cells/"+cell.ID+"/rows?offset=1&limit=1", nil)
	if !strings.Contains(rows.body, `"rows":[["2","CZ",null]]`) || rows.get(t, "total") != 3.0 {
		t.Errorf("the grid reads %s", rows.body)
	}
	csv := s.do("editor", "GET", "/projects/"+p.ID+"/cells/"+cell.ID+"/csv", nil)
	if csv.body != "id,country,total\r\n1,SK,10.5\r\n2,CZ,\r\n3,'=cmd,7\r\n" && csv.body != "id,country,total\n1,SK,10.5\n2,CZ,\n3,'=cmd,7\n" {
		t.Errorf("the export is %q", csv.body)
	}
	if got := csv.header.Get("Content-Disposition"); !strings.Contains(got, ".csv") {
		t.Errorf("the export's name is %q", got)
	}
}

func TestQueryFormats(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	token := s.token("admin", access.ScopeRead)
	body := `{"connection_id":"` + c.ID + `","sql":"select id from orders where country = {{ c }}","params":{"c":"SK' or '1'='1"}}`
	if a := s.api(token, "POST", "/api/v1/query", body); a.status != http.StatusOK || !strings.Contains(a.body, `"rows":[]`) {
		t.Errorf("a hostile value answers %d %s", a.status, a.body)
	}
	header := http.Header{"Authorization": {"Bearer " + token}, "Accept": {formatCSV}}
	a := s.send(client(), "POST", "/api/v1/query", `{"connection_id":"`+c.ID+`","sql":"select id from orders order by id"}`, header)
	if a.header.Get("Content-Type") != formatCSV || len(strings.Fields(a.body)) != 4 {
		t.Errorf("CSV is %q of type %s", a.body, a.header.Get("Content-Type"))
	}
	header.Set("Accept", formatArrow)
	a = s.send(client(), "POST", "/api/v1/query", `{"connection_id":"`+c.ID+`","sql":"select id from orders"}`, header)
	if a.header.Get("Content-Type") != formatArrow || len(a.body) < 100 {
		t.Errorf("Arrow is %d bytes of type %s", len(a.body), a.header.Get("Content-Type"))
	}
	a = s.api(token, "POST", "/api/v1/query", `{"connection_id":"`+c.ID+`","sql":"insert into orders values (9, 'x', 1)"}`)
	if a.status == http.StatusOK {
		t.Error("a read-only connection took an insert")
	}
	a = s.api(token, "POST", "/api/v1/query", `{"connection_id":"`+c.ID+`","sql":"select nope from orders"}`)
	if a.status != http.StatusUnprocessableEntity || a.get(t, "code") != "statement" {
		t.Errorf("a wrong column answers %d %s", a.status, a.body)
	}
}

// SPEC section 2: what follows in a project from the permissions of its connections, on every door.
func TestLockOutAndDowngrade(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	c := s.connect("Shop", workspace.ConnectionInput{})
	p := s.project("admin", "Revenue", access.Share{To: "workspace", Access: access.Edit})
	s.check(s.server.Workspace.Import(t.Context(), s.actor("admin"), p.ID, c.ID))
	cell := s.sqlCell("admin", p.ID, c.ID, "select 1 as one")
	s.ran("admin", cell)
	page := func() answer { return s.do("editor", "GET", "/projects/"+p.ID, nil) }
	if a := page(); a.status != http.StatusOK || a.page(t).Find("pb-editor").Length() != 1 {
		t.Fatalf("an Editor with Can query gets %d", a.status)
	}

	permissions := func(canQuery, canView []string) {
		s.check(s.server.Workspace.SetPermissions(t.Context(), s.actor("admin"), c.ID, workspace.Permissions{CanQuery: canQuery, CanViewResults: canView}))
	}
	permissions(nil, []string{access.GroupMembers})
	a := page()
	if a.status != http.StatusOK || a.page(t).Find("pb-editor").Length() != 0 || !strings.Contains(a.page(t).Find(".banner").Text(), "Shop") {
		t.Errorf("downgraded: %d, banner %q", a.status, a.page(t).Find(".banner").Text())
	}
	for _, act := range [][3]string{{"POST", "/run", `{}`}, {"PATCH", "", `{"source":"select 2"}`}, {"PATCH", "", `{"position":0}`}, {"PATCH", "", `{"name":"mine"}`}, {"DELETE", "", ""}} {
		if a := s.do("editor", act[0], "/api/v1/projects/"+p.ID+"/cells/"+cell.ID+act[1], act[2]); a.status != http.StatusForbidden {
			t.Errorf("downgraded, %s %s %s answers %d", act[0], act[1], act[2], a.status)
		}
	}
	if a := s.do("editor", "GET", "/projects/"+p.ID+"/cells/"+cell.ID+"/rows", nil); a.status != http.StatusOK {
		t.Errorf("downgraded, the result answers %d", a.status)
	}
	if a := s.do("editor", "GET", "/api/v1/connections", nil); strings.Contains(a.body, c.ID) {
		t.Error("a connection without Can query is listed")
	}

	permissions(nil, nil)
	for _, path := range []string{"/projects/" + p.ID, "/api/v1/projects/" + p.ID, "/projects/" + p.ID + "/cells/" + cell.ID + "/rows", "/projects/" + p.ID + "/cells/" + cell.ID + "/csv",
		"/projects/" + p.ID + "/browser/children?path=", "/projects/" + p.ID + "/browser/search?q=orders"} {
		if a := s.do("editor", "GET", path, nil); a.status != http.StatusNotFound {
			t.Errorf("locked out, %s answers %d", path, a.status)
		}
	}
	if a := page(); !strings.Contains(a.body, "Shop") {
		t.Error("lock-out does not say which connection is why")
	}
	for _, list := range []string{"/projects", "/api/v1/projects"} {
		if a := s.do("editor", "GET", list, nil); strings.Contains(a.body, p.ID) {
			t.Errorf("locked out, %s lists the project", list)
		}
	}
}

// A project of someone else is not found, with every act.
func TestForeignProjectsAreNotFound(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	s.person(access.RoleManager)
	p := s.project("editor", "Private")
	cell := s.sqlCell("editor", p.ID, "", "select 1")
	for _, rt := range routes {
		if !strings.Contains(rt.pattern, "{project}") || strings.Contains(rt.pattern, "/new") {
			continue
		}
		method, path, _ := strings.Cut(rt.pattern, " ")
		path = strings.NewReplacer("{project}", p.ID, "{cell}", cell.ID, "{connection}", "x").Replace(path)
		var body any
		if strings.HasPrefix(path, "/api/") {
			body = `{"name":"x","shares":[],"kind":"text"}`
			switch {
			case strings.HasSuffix(path, "/shares"):
				body = `{"shares":[]}`
			case strings.HasSuffix(path, "/schedule"):
				body = `{"kind":"off"}`
			case strings.HasSuffix(path, "/notifications"):
				body = `{"kind":"webhook","to":"https://hooks.example.com/"}`
			case strings.HasSuffix(path, "/cells"):
				body = `{"kind":"text"}`
			case strings.HasSuffix(path, p.ID):
				body = `{"name":"x"}`
			case method == "PATCH":
				body = `{"source":"x"}`
			}
		} else if method == "POST" {
			body = url.Values{"name": {"x"}, "confirm": {"Private"}, "kind": {"text"}, "by": {"1"}, "version": {"1"}, "connection": {"x"}}
		}
		if a := s.do("manager", method, path, body); a.status != http.StatusNotFound {
			t.Errorf("%s answers %d: %.200s", rt.pattern, a.status, a.body)
		}
	}
}

func TestTwoEditorsOfOneCell(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	p := s.project("admin", "Revenue")
	cell := s.sqlCell("admin", p.ID, "", "select 1")
	path := "/projects/" + p.ID + "/cells/" + cell.ID
	if a := s.do("admin", "POST", path, url.Values{"version": {"1"}, "source": {"select 2"}, "name": {"first"}}); a.status != http.StatusOK {
		t.Fatalf("saving answers %d: %s", a.status, a.body)
	}
	again := s.do("admin", "POST", path, url.Values{"version": {"1"}, "source": {"select 2"}, "name": {"first"}})
	if again.status != http.StatusOK {
		t.Errorf("the same change a second time answers %d", again.status)
	}
	a := s.do("admin", "POST", path, url.Values{"version": {"1"}, "source": {"select 3"}, "name": {"second"}})
	if a.status != http.StatusConflict {
		t.Errorf("the second editor gets %d", a.status)
	}
	kept, err := s.server.Store.Cell(t.Context(), cell.ID)
	s.check(err)
	if kept.Source != "select 2" {
		t.Errorf("kept is %q", kept.Source)
	}
}

// Names of the database are text on every page (P16).
func TestHostileNamesAreText(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	hostile := `we"ird'; drop--<script>alert(1)</script>`
	p := s.project("admin", hostile)
	for _, path := range []string{"/projects", "/projects/" + p.ID, "/projects/" + p.ID + "/connections", "/projects/" + p.ID + "/schedule", "/projects/" + p.ID + "/delete"} {
		a := s.do("admin", "GET", path, nil)
		if a.status != http.StatusOK || !strings.Contains(a.page(t).Text(), hostile) {
			t.Errorf("%s (%d) does not show the name as it is", path, a.status)
		}
		a.page(t).Find("script").Each(func(_ int, script *goquery.Selection) {
			if script.AttrOr("src", "") == "" {
				t.Errorf("%s has a script of its own: %s", path, script.Text())
			}
		})
	}
}
