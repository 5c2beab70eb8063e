package handlers

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/secret"
	"patchbay/store"
	"patchbay/workspace"
)

// endless is a statement that runs until it is cancelled.
const endless = "with recursive n(x) as (select 1 union all select x + 1 from n) select count(*) from n"

// running starts an endless query of someone's and returns where its answer will come.
func (s *site) running(name, connection, project string) <-chan answer {
	s.t.Helper()
	token, ended := s.token(name, access.ScopeWrite), make(chan answer, 1)
	go func() {
		ended <- s.api(token, "POST", "/api/v1/query", `{"connection_id":"`+connection+`","project_id":"`+project+`","sql":"`+endless+`"}`)
	}()
	select {
	case a := <-ended:
		s.t.Fatalf("an endless query answers %d %s", a.status, a.body)
	case <-time.After(300 * time.Millisecond):
	}
	return ended
}

// inTime is how long what runs may go on without its right (P44, issue 3).
const inTime = time.Second

// over is called when an act that took a right away is answered: the queries and streams that needed it end in time, and a query says
// that it was ended.
func (s *site) over(what string, running ...<-chan answer) {
	s.t.Helper()
	limit := time.After(inTime)
	for i, ended := range running {
		select {
		case a := <-ended:
			stream := strings.HasPrefix(a.header.Get("Content-Type"), "text/event-stream")
			if a.status == http.StatusOK && !stream && !strings.Contains(a.body, "error") {
				s.t.Errorf("%s: number %d answers %d %s", what, i, a.status, a.body)
			}
		case <-limit:
			s.t.Fatalf("%s: number %d of %d goes on after %s", what, i, len(running), inTime)
		}
	}
}

// goesOn gives queries and streams time to end, and wants none of them to.
func (s *site) goesOn(what string, running ...<-chan answer) {
	s.t.Helper()
	time.Sleep(2 * askAgain)
	for i, ended := range running {
		select {
		case a := <-ended:
			s.t.Fatalf("%s: number %d ended: %d %s", what, i, a.status, a.body)
		default:
		}
	}
}

// What runs ends with the right to run it, whichever act takes that away, and the act itself succeeds (SPEC section 2, P44).
func TestQueriesEndWithTheirRight(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	w, admin, editor := s.server.Workspace, s.actor("admin"), s.users["editor"]
	c := s.connect("Shop", workspace.ConnectionInput{})
	other := s.connect("Payroll", workspace.ConnectionInput{CanQuery: []string{}, CanViewResults: []string{}})
	p := s.project("admin", "Revenue", access.Share{To: "user:" + editor.ID, Access: access.Edit})
	s.check(w.Import(t.Context(), admin, p.ID, c.ID))

	ended := s.running("editor", c.ID, p.ID)
	s.check(w.Import(t.Context(), admin, p.ID, other.ID)) // locks the Editor out of the project
	s.over("an import that locks out", ended)
	s.check(w.StopImport(t.Context(), admin, p.ID, other.ID))

	ended = s.running("editor", c.ID, p.ID)
	s.check(w.SetShares(t.Context(), admin, p.ID, p.Shares)) // the Editor may still query the connection, elsewhere
	s.over("a share that is taken back", ended)

	ended = s.running("editor", c.ID, "")
	s.check(w.SetPermissions(t.Context(), admin, c.ID, workspace.Permissions{}))
	s.over("Can query taken away", ended)
	s.check(w.SetPermissions(t.Context(), admin, c.ID, workspace.Permissions{CanQuery: []string{access.GroupMembers}}))

	ended = s.running("editor", c.ID, "")
	if a := s.api(s.token("admin", access.ScopeAdmin), "DELETE", "/api/v1/users/"+editor.ID, ""); a.status != http.StatusNoContent {
		t.Errorf("deleting someone whose query runs answers %d %s", a.status, a.body)
	}
	s.over("a deleted account", ended)
}

// A connection test ends with the right to it, by whichever door it was begun, and is refused.
func TestConnectionTestsEndWithTheirRight(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	w, admin, editor := s.server.Workspace, s.actor("admin"), s.users["editor"]
	silent := s.silent()
	p := s.project("admin", "Revenue")
	shared := append(p.Shares, access.Share{To: "user:" + editor.ID, Access: access.Edit})
	s.check(w.SetShares(t.Context(), admin, p.ID, shared))
	in := workspace.ConnectionInput{Name: "Slow", Type: "postgres", ProjectID: p.ID, Secrets: connectors.Secrets{"password": secret.New("x")},
		Values: connectors.Values{"host": "127.0.0.1", "port": silent, "database": "d", "user": "u"}}
	c, err := w.CreateConnection(t.Context(), admin, in)
	s.check(err)
	body := `{"name":"Mine","type":"postgres","scope":"project","project_id":"` + p.ID + `","secrets":{"password":"x"},` +
		`"config":{"host":"127.0.0.1","port":` + silent + `,"database":"d","user":"u"}}`
	for cause, act := range map[string]struct {
		who, path, body string
		take, give      func() error
	}{
		"a share that is taken back": {"editor", c.ID + "/test", "",
			func() error { return w.SetShares(t.Context(), admin, p.ID, p.Shares) },
			func() error { return w.SetShares(t.Context(), admin, p.ID, shared) }},
		"project connections that are not allowed any more": {"editor", c.ID + "/test", `{"description":"x"}`,
			func() error { return w.SetSettings(t.Context(), admin, workspace.Settings{}) },
			func() error {
				return w.SetSettings(t.Context(), admin, workspace.Settings{AllowProjectConnections: true})
			}},
		"an Admin who is one no more": {"second", "test", strings.Replace(body, `"scope":"project","project_id":"`+p.ID+`",`, "", 1),
			func() error { return s.become("second", access.RoleManager) },
			func() error { return nil }},
		"a disabled account": {"third", c.ID + "/test", "",
			func() error {
				_, err := w.UpdateUser(t.Context(), admin, s.users["third"].ID, workspace.UserChange{Disabled: ptr(true)})
				return err
			},
			func() error { return nil }},
	} {
		if _, made := s.users[act.who]; !made {
			s.named(act.who, access.RoleAdmin)
		}
		token, ended := s.token(act.who, access.ScopeAdmin), make(chan answer, 1)
		go func() {
			a := s.api(token, "POST", "/api/v1/connections/"+act.path, act.body)
			if a.status != http.StatusForbidden && a.status != http.StatusNotFound {
				t.Errorf("%s: the test answers %d %s", cause, a.status, a.body)
			}
			ended <- a
		}()
		s.goesOn(cause, ended)
		s.check(act.take())
		s.over(cause, ended)
		s.check(act.give())
	}
}

// become gives someone another role.
func (s *site) become(name string, role access.Role) error {
	_, err := s.server.Workspace.UpdateUser(s.t.Context(), s.actor("admin"), s.users[name].ID, workspace.UserChange{Role: &role})
	return err
}

// Whoever asked for a change and has gone since does not end the queries of others.
func TestQueriesOfOthersGoOn(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	ended := s.running("admin", c.ID, "")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	s.check(s.server.Workspace.EndWhatIsNotAllowed(gone))
	select {
	case a := <-ended:
		t.Errorf("a query that is allowed ended: %d %s", a.status, a.body)
	case <-time.After(300 * time.Millisecond):
	}
	s.check(s.server.Workspace.DeleteConnection(t.Context(), s.actor("admin"), c.ID, c.Name))
	s.over("a deleted connection", ended)
}

// Can query is never the public's, and grants name groups that exist, by whichever door they come.
func TestGrantsAreChecked(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	w, admin := s.server.Workspace, s.actor("admin")
	shop := url.Values{"type": {"sqlite"}, "name": {"Shop"}, "file": {"shop.db"}, "access": {"true"}}
	for _, bad := range []url.Values{{"can_query": {"public"}}, {"can_view_results": {"nobody-knows-it"}}} {
		form := url.Values{}
		for _, from := range []url.Values{shop, bad} {
			for k, v := range from {
				form[k] = v
			}
		}
		if a := s.do("admin", "POST", "/settings/new-connection", form); a.status != http.StatusUnprocessableEntity {
			t.Errorf("creating with %v answers %d", bad, a.status)
		}
		draft, err := w.CreateConnection(t.Context(), admin, workspace.ConnectionInput{Name: "Half", Type: "sqlite", Draft: true, Values: connectors.Values{}})
		s.check(err)
		form.Set("name", "Half")
		if a := s.do("admin", "POST", "/settings/connections/"+draft.ID, form); a.status != http.StatusUnprocessableEntity {
			t.Errorf("finishing with %v answers %d", bad, a.status)
		}
		s.check(w.DeleteConnection(t.Context(), admin, draft.ID, draft.Name))
	}
	all, err := s.server.Store.Connections(t.Context())
	s.check(err)
	if len(all) != 0 {
		t.Errorf("there are %+v", all)
	}
}

// A duplicate is for whom the original is for, down to nobody, and has its filter.
func TestDuplicateIsAsStrict(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	w, admin := s.server.Workspace, s.actor("admin")
	c := s.connect("Shop", workspace.ConnectionInput{CanQuery: []string{}, CanViewResults: []string{}, RefreshAdminsOnly: true})
	filter := catalog.Filter{Tables: catalog.Rule{Exclude: &catalog.Match{Match: "prefix", Values: []string{"secret_"}}}}
	s.check(w.SetFilter(t.Context(), admin, c.ID, filter, 0))
	d, err := w.DuplicateConnection(t.Context(), admin, c.ID)
	s.check(err)
	d, err = s.server.Store.Connection(t.Context(), d.ID)
	s.check(err)
	if len(d.CanQuery)+len(d.CanViewResults) != 0 || !d.RefreshAdminsOnly || d.Filter.Tables.Exclude == nil {
		t.Errorf("the duplicate is %+v", d)
	}
}

// Someone who sees a connection and may not change it is told so; for whom it does not exist, it does not.
func TestRefusalsTellWhatIsKnown(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	seen := s.connect("Shop", workspace.ConnectionInput{})
	unseen := s.connect("Payroll", workspace.ConnectionInput{CanQuery: []string{}})
	for _, c := range []struct {
		token, id string
		want      int
	}{
		{s.token("editor", access.ScopeWrite), seen.ID, http.StatusForbidden},
		{s.token("editor", access.ScopeWrite), unseen.ID, http.StatusNotFound},
		{s.token("admin", access.ScopeWrite), unseen.ID, http.StatusForbidden},
	} {
		for _, call := range [][3]string{{"PATCH", "", `{"description":"mine"}`}, {"DELETE", "", ""}, {"POST", "/test", ""}} {
			if a := s.api(c.token, call[0], "/api/v1/connections/"+c.id+call[1], call[2]); a.status != c.want || a.header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s %s answers %d %s, want %d", call[0], call[1], a.status, a.body, c.want)
			}
		}
	}
}

// What an Admin connected in a project may reach private addresses; nobody else can point it at another one (P5).
func TestAdminsConnectionIsNotMovedByOthers(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	dialled := make(chan struct{}, 10)
	private, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	defer func() { _ = private.Close() }()
	go func() {
		for {
			conn, err := private.Accept()
			if err != nil {
				return
			}
			dialled <- struct{}{}
			_ = conn.Close()
		}
	}()
	_, port, err := net.SplitHostPort(private.Addr().String())
	s.check(err)
	p := s.project("admin", "Revenue", access.Share{To: "workspace", Access: access.Edit})
	token := s.token("editor", access.ScopeWrite)
	form := postgresForm(nil)
	form.Del("type")
	form.Del("name")
	config := connectors.Values{}
	for k := range form {
		if k != "password" {
			config[k] = form.Get(k)
		}
	}
	c, err := s.server.Workspace.CreateConnection(t.Context(), s.actor("admin"), workspace.ConnectionInput{Name: "Warehouse", Type: "postgres",
		ProjectID: p.ID, Values: config, Secrets: connectors.Secrets{"password": secret.New("x")}})
	s.check(err)
	move := `{"config":{"host":"127.0.0.1","port":` + port + `},"secrets":{"password":"x"}}`
	for _, call := range [][2]string{{"PATCH", ""}, {"POST", "/test"}} {
		if a := s.api(token, call[0], "/api/v1/connections/"+c.ID+call[1], move); a.status != http.StatusForbidden {
			t.Errorf("%s %s answers %d %s", call[0], call[1], a.status, a.body)
		}
	}
	if a := s.api(token, "PATCH", "/api/v1/connections/"+c.ID, `{"description":"of the finance team"}`); a.status != http.StatusOK {
		t.Errorf("a new description answers %d %s", a.status, a.body)
	}
	if len(dialled) > 0 {
		t.Error("the private address was dialled")
	}
}

// Trying what is typed into the form says nothing of the connection that is saved.
func TestTryingAnotherHostLeavesTheStateAlone(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	token := s.token("admin", access.ScopeAdmin)
	reach := func(body string) store.ReachState {
		a := s.api(token, "POST", "/api/v1/connections/"+c.ID+"/test", body)
		if a.status != http.StatusOK || a.get(t, "ok") == true {
			t.Fatalf("the test of a missing file answers %d %s", a.status, a.body)
		}
		saved, err := s.server.Store.Connection(t.Context(), c.ID)
		s.check(err)
		return saved.Reach
	}
	if got := reach(`{"config":{"file":"gone.db"}}`); got != store.ReachOK {
		t.Errorf("after a test of another file the saved connection is %s", got)
	}
	s.check(os.Remove(filepath.Join(s.dir, "files", "shop.db")))
	if got := reach(""); got != store.ReachUnreachable {
		t.Errorf("after a test of its own file, which is gone, it is %s", got)
	}
}

// A draft that an Admin begins from a project is kept for the workspace; it is imported once it can be used.
func TestDraftFromAProject(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	p := s.project("admin", "Revenue")
	form := url.Values{"type": {"postgres"}, "name": {"Half"}, "draft": {"true"}, "share": {"true"}}
	if a := s.do("admin", "POST", "/projects/"+p.ID+"/connections/new", form); a.status != http.StatusSeeOther {
		t.Errorf("saving a draft answers %d", a.status)
	}
	if c := s.only(); !c.Draft || c.ProjectID != "" {
		t.Errorf("the draft is %+v", c)
	}
	form = url.Values{"type": {"sqlite"}, "name": {"Shop"}, "file": {"shop.db"}, "share": {"true"}}
	if a := s.do("admin", "POST", "/projects/not-there/connections/new", form); a.status != http.StatusNotFound {
		t.Errorf("sharing from a project that is not there answers %d", a.status)
	}
	s.only()
}
