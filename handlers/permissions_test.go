package handlers

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/secret"
	"patchbay/store"
	"patchbay/workspace"
)

// sharedShop is a connection in a project that the workspace edits and the web views.
func (s *site) sharedShop() (store.Connection, store.Project) {
	s.t.Helper()
	for _, role := range []access.Role{access.RoleAdmin, access.RoleEditor, access.RoleViewer} {
		s.person(role)
	}
	c := s.connect("Shop", workspace.ConnectionInput{})
	p := s.project("admin", "Revenue", access.Share{To: "workspace", Access: access.Edit}, access.Share{To: "web", Access: access.View})
	s.check(s.server.Workspace.Import(s.t.Context(), s.actor("admin"), p.ID, c.ID))
	return c, p
}

// The preview names who gains and loses what, in which projects, and changes nothing.
func TestPreviewOfPermissions(t *testing.T) {
	s := newSite(t)
	c, p := s.sharedShop()
	path, token := "/api/v1/connections/"+c.ID+"/permissions/preview", s.token("admin", access.ScopeRead)
	before := s.state()
	for _, test := range []struct {
		body string
		want []string
	}{
		{`{"can_query":["members"],"can_view_results":["public"],"can_refresh_schema":"can_query"}`, []string{`"connection":[]`, `"projects":[]`}},
		{`{"can_query":[],"can_view_results":["public"],"can_refresh_schema":"can_query"}`, []string{`"loses_can_query"`, `"name":"editor"`,
			`"id":"` + p.ID + `"`, `"effect":"downgraded","from":"edit","to":"explore"`}},
		{`{"can_query":["members"],"can_view_results":[],"can_refresh_schema":"can_query"}`, []string{`"effect":"locked_out","from":"view","to":"none","people":[{"id":"anonymous"`, `"attachments":"lost"`}},
		{`{"can_query":[],"can_view_results":[],"can_refresh_schema":"can_query"}`, []string{`"effect":"locked_out","from":"edit"`, `"name":"viewer"`}},
	} {
		a := s.api(token, "POST", path, test.body)
		for _, want := range test.want {
			if a.status != http.StatusOK || !strings.Contains(a.body, want) {
				t.Errorf("%s: %d %s lacks %s", test.body, a.status, a.body, want)
			}
		}
	}
	for body, want := range map[string]int{
		`{"can_query":["public"],"can_view_results":[],"can_refresh_schema":"can_query"}`: http.StatusUnprocessableEntity,
		`{"can_query":["nobody"],"can_view_results":[],"can_refresh_schema":"can_query"}`: http.StatusUnprocessableEntity,
		`{"can_query":[],"can_view_results":[],"can_refresh_schema":"everyone"}`:          http.StatusUnprocessableEntity,
		`{"can_query":"<script>"}`: http.StatusBadRequest,
	} {
		if a := s.api(token, "POST", path, body); a.status != want {
			t.Errorf("%s answers %d %s", body, a.status, a.body)
		}
	}
	if after := s.state(); after != before {
		t.Error("asking changed the store")
	}
	body := `{"can_query":[],"can_view_results":[],"can_refresh_schema":"can_query"}`
	if a := s.api(s.token("editor", access.ScopeAdmin), "POST", path, body); a.status != http.StatusForbidden {
		t.Errorf("an Editor's preview answers %d", a.status)
	}
}

// Saving first shows the consequences; going back keeps what was chosen; saving then holds, and what runs ends within a second.
func TestPermissionsAreReviewedFirst(t *testing.T) {
	s := newSite(t)
	c, p := s.sharedShop()
	path := "/settings/connections/" + c.ID + "/permissions"
	page := s.do("admin", "GET", path, nil).page(t)
	if first := page.Find("tbody tr").First().Text(); !strings.Contains(first, "Everyone") {
		t.Errorf("the first row is %q", first)
	}
	members := page.Find("#group-members")
	if words := members.Text(); strings.Count(words, "through Can query") != 2 || members.Find("input[checked]").Length() != 3 {
		t.Errorf("members: %q", words)
	}
	seen, _ := page.Find("input[name=seen]").Attr("value")
	form := func(more url.Values) url.Values {
		f := url.Values{"seen": {seen}, "can_view_results": {"guests"}}
		for k, v := range more {
			f[k] = v
		}
		return f
	}
	a := s.do("admin", "POST", path, form(nil))
	text := a.page(t).Find("main").Text()
	for _, want := range []string{"Revenue", "locked out", "editor", "viewer", "Visitors from the web", "Save these permissions", "Go back"} {
		if a.status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("the consequences (%d) lack %q: %s", a.status, want, text)
		}
	}
	if saved, err := s.server.Store.Connection(t.Context(), c.ID); err != nil || !slices.Equal(saved.CanQuery, []string{access.GroupMembers}) {
		t.Errorf("the question saved %v, %v", saved.CanQuery, err)
	}
	back := s.do("admin", "POST", path, form(url.Values{"step": {"edit"}})).page(t)
	if back.Find("#group-members input[name=can_query][checked]").Length() != 0 || back.Find("#group-guests input[name=can_view_results][checked]").Length() != 1 {
		t.Error("going back lost what was chosen")
	}
	ended := s.running("editor", c.ID, p.ID)
	if a := s.do("editor", "GET", "/projects/"+p.ID, nil); a.status != http.StatusOK {
		t.Fatalf("the Editor's project answers %d", a.status)
	}
	start := time.Now()
	shown := []string{shownIn(t, a)}
	if a := s.do("admin", "POST", path, form(url.Values{"step": {"save"}, "shown": shown})); a.status != http.StatusSeeOther {
		t.Fatalf("saving answers %d %s", a.status, a.body)
	}
	s.over("permissions taken away on the page", ended)
	if took := time.Since(start); took > time.Second {
		t.Errorf("the query ended after %v", took)
	}
	if a := s.do("editor", "GET", "/projects/"+p.ID, nil); a.status != http.StatusNotFound {
		t.Errorf("the Editor's next request answers %d", a.status)
	}
	a = s.do("admin", "POST", path, form(url.Values{"step": {"save"}, "can_query": {"members"}, "shown": shown}))
	if a.status != http.StatusConflict || !strings.Contains(a.body, "what is there now") || a.page(t).Find("#group-members input[name=can_query][checked]").Length() != 0 {
		t.Errorf("a stale choice answers %d", a.status)
	}
	seen, _ = a.page(t).Find("input[name=seen]").Attr("value")
	if _, err := s.server.Workspace.CreateGroup(t.Context(), s.actor("admin"), "New"); err != nil {
		t.Fatal(err)
	}
	if a := s.do("admin", "POST", path, form(nil)); a.status != http.StatusConflict || !strings.Contains(a.body, "New") {
		t.Errorf("a choice among groups that changed answers %d", a.status)
	}
	seen, _ = s.do("admin", "GET", path, nil).page(t).Find("input[name=seen]").Attr("value")
	if a := s.do("admin", "POST", path, form(url.Values{"can_query": {"members"}})); !strings.Contains(a.body, "Nobody loses anything") {
		t.Errorf("giving says %s", a.page(t).Find("main").Text())
	}
	if a := s.do("admin", "POST", path, form(nil)); !strings.Contains(a.body, "Nobody gains or loses anything") {
		t.Errorf("changing nothing says %s", a.page(t).Find("main").Text())
	}
	for _, hostile := range []url.Values{{"can_query": {"public"}}, {"can_view_results": {"<b>"}}} {
		if a := s.do("admin", "POST", path, form(hostile)); a.status != http.StatusUnprocessableEntity || strings.Contains(a.body, "<b>") {
			t.Errorf("%v answers %d", hostile, a.status)
		}
	}
}

// shownIn is the mark of the consequences that a page shows.
func shownIn(t *testing.T, a answer) string {
	t.Helper()
	mark := a.page(t).Find("main input[name=shown]").AttrOr("value", "")
	if mark == "" {
		t.Errorf("the page (%d) has no mark of what it shows", a.status)
	}
	return mark
}

// What is saved has the consequences that were shown: where they changed meanwhile they are shown anew, with the choice kept,
// even where no permission changed and a group has as many members as before.
func TestConsequencesThatChangedAreShownAgain(t *testing.T) {
	s := newSite(t)
	c, p := s.sharedShop()
	w, admin := s.server.Workspace, s.actor("admin")
	g, err := w.CreateGroup(t.Context(), admin, "Finance")
	s.check(err)
	swap := func(out, in string) {
		s.check(w.SetMember(t.Context(), admin, g.ID, s.users[out].ID, false))
		s.check(w.SetMember(t.Context(), admin, g.ID, s.users[in].ID, true))
	}
	s.check(w.SetMember(t.Context(), admin, g.ID, s.users["editor"].ID, true))
	path := "/settings/connections/" + c.ID + "/permissions"
	seen := s.do("admin", "GET", path, nil).page(t).Find("input[name=seen]").AttrOr("value", "")
	form := url.Values{"seen": {seen}, "can_query": {g.ID}, "can_view_results": {g.ID}}
	names := func(a answer) string { return a.page(t).Find("main form").Text() }
	review := s.do("admin", "POST", path, form)
	if text := names(review); !strings.Contains(text, "viewer") || strings.Contains(text, "editor") {
		t.Fatalf("the Viewer loses what the Editor keeps: %s", text)
	}
	stale := func(what string) answer {
		form.Set("step", "save")
		form.Set("shown", shownIn(t, review))
		review = s.do("admin", "POST", path, form)
		if review.status != http.StatusConflict || !strings.Contains(review.body, "This is what changes now") || review.page(t).Find("input[name=can_query]").AttrOr("value", "") != g.ID {
			t.Errorf("%s: saving answers %d", what, review.status)
		}
		if saved, err := s.server.Store.Connection(t.Context(), c.ID); err != nil || !slices.Equal(saved.CanQuery, []string{access.GroupMembers}) {
			t.Errorf("%s: %v, %v is saved", what, saved.CanQuery, err)
		}
		return review
	}
	swap("editor", "viewer")
	if text := names(stale("a swapped member")); !strings.Contains(text, "editor") || strings.Contains(text, "viewer") {
		t.Errorf("after the swap: %s", text)
	}
	s.check(w.SetShares(t.Context(), admin, p.ID, append(p.Shares, access.Share{To: "workspace", Access: access.Edit})))
	stale("a share")
	s.named("late", access.RoleEditor)
	if text := names(stale("a new person")); !strings.Contains(text, "late") {
		t.Errorf("after the new person: %s", text)
	}
	form.Del("shown")
	if a := s.do("admin", "POST", path, form); a.status != http.StatusOK || shownIn(t, a) == "" {
		t.Errorf("saving what was never shown answers %d", a.status)
	}
	form.Set("shown", shownIn(t, review))
	if a := s.do("admin", "POST", path, form); a.status != http.StatusSeeOther {
		t.Errorf("saving what is shown answers %d %s", a.status, names(a))
	}
}

// Sharing a connection with the workspace likewise.
func TestSharingThatChangedIsShownAgain(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	p := s.project("admin", "Revenue")
	c, err := s.server.Workspace.CreateConnection(t.Context(), s.actor("admin"), workspace.ConnectionInput{Name: "Shop", Type: "sqlite", ProjectID: p.ID, Values: connectors.Values{"file": "shop.db"}})
	s.check(err)
	path := "/settings/connections/" + c.ID + "/share"
	form := url.Values{"name": {"Till"}, "shown": {shownIn(t, s.do("admin", "GET", path, nil))}}
	s.person(access.RoleViewer)
	a := s.do("admin", "POST", path, form)
	if page := a.page(t); a.status != http.StatusConflict || !strings.Contains(page.Find("main").Text(), "viewer") || page.Find("#field-name").AttrOr("value", "") != "Till" {
		t.Errorf("sharing answers %d", a.status)
	}
	if c, err = s.server.Store.Connection(t.Context(), c.ID); err != nil || c.ProjectID == "" {
		t.Errorf("it is shared: %v", err)
	}
	form.Set("shown", shownIn(t, a))
	if a := s.do("admin", "POST", path, form); a.status != http.StatusSeeOther {
		t.Errorf("sharing what is shown answers %d", a.status)
	}
}

// An open page's stream ends within a second of the right to it.
func TestStreamEndsWithTheRole(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleManager)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // a server that never answers keeps the refresh, and so the stream, going
	s.check(err)
	defer func() { _ = silent.Close() }()
	w, admin, manager := s.server.Workspace, s.actor("admin"), s.users["manager"]
	_, port, err := net.SplitHostPort(silent.Addr().String())
	s.check(err)
	c, err := w.CreateConnection(t.Context(), admin, workspace.ConnectionInput{Name: "Silent", Type: "postgres",
		Values: connectors.Values{"host": "127.0.0.1", "port": port, "database": "x", "user": "x", "auth": "password"}, Secrets: connectors.Secrets{"password": secret.New("x")}})
	s.check(err)
	boss, less := access.RoleAdmin, access.RoleManager
	_, err = w.UpdateUser(t.Context(), admin, manager.ID, workspace.UserChange{Role: &boss})
	s.check(err)
	s.do("manager", "POST", "/sign-in", url.Values{"email": {manager.Email}, "password": {password}}) // a change of role ends sessions
	ended := make(chan answer, 1)
	go func() { ended <- s.do("manager", "GET", "/settings/connections/"+c.ID+"/events", nil) }()
	select {
	case a := <-ended:
		t.Fatalf("the stream ends by itself: %d %s", a.status, a.body)
	case <-time.After(500 * time.Millisecond):
	}
	_, err = w.UpdateUser(t.Context(), admin, manager.ID, workspace.UserChange{Role: &less})
	s.check(err)
	select {
	case a := <-ended:
		if a.status != http.StatusOK || !strings.HasSuffix(a.body, "event: access\ndata: none\n\n") {
			t.Errorf("the stream answers %d %s", a.status, a.body)
		}
	case <-time.After(1500 * time.Millisecond):
		t.Error("the stream goes on")
	}
}

// A locked-out person is told which connection is why, wherever they ask, and nobody else is told anything.
func TestLockedOutIsToldWhy(t *testing.T) {
	s := newSite(t)
	c, p := s.sharedShop()
	s.person(access.RoleGuest)
	s.check(s.server.Workspace.SetPermissions(t.Context(), s.actor("admin"), c.ID, workspace.Permissions{}))
	s.check(s.server.Workspace.SetShares(t.Context(), s.actor("admin"), p.ID, []access.Share{{To: "workspace", Access: access.Edit}})) // not with Guests
	for _, rt := range routes {
		method, path := rt.address(p.ID)
		if method != http.MethodGet || !strings.Contains(rt.pattern, "/projects/{project}") || strings.Contains(rt.pattern, "/new") {
			continue
		}
		for who, told := range map[string]bool{"editor": true, "viewer": true, "guest": false} {
			a := s.do(who, method, path, nil)
			if a.status != http.StatusNotFound || strings.Contains(a.body, "Shop") != told || strings.Contains(a.body, "Revenue") {
				t.Errorf("%s for %s answers %d %s", rt.pattern, who, a.status, a.body)
			}
		}
	}
	for _, path := range []string{"/projects", "/api/v1/projects", "/api/v1/connections", "/api/v1/catalog/search?q=orders"} {
		if a := s.do("editor", "GET", path, nil); a.status != http.StatusOK || strings.Contains(a.body, p.ID) || strings.Contains(a.body, c.ID) {
			t.Errorf("%s tells of it: %d", path, a.status)
		}
	}
}

// Settings -> Access answers with the decision and its rules, in order.
func TestExplainAccessPage(t *testing.T) {
	s := newSite(t)
	c, p := s.sharedShop()
	s.check(s.server.Workspace.SetPermissions(t.Context(), s.actor("admin"), c.ID, workspace.Permissions{CanViewResults: []string{access.GroupMembers}}))
	draft, err := s.server.Workspace.CreateConnection(t.Context(), s.actor("admin"), workspace.ConnectionInput{Name: "Half", Type: "sqlite", Draft: true, Values: connectors.Values{}})
	s.check(err)
	editor := s.users["editor"].ID
	for _, test := range []struct {
		user, about string
		want        []string
	}{
		{editor, "project:" + p.ID, []string{"Can explore, downgraded", "Shop", "an Admin can grant it"}},
		{"anonymous", "project:" + p.ID, []string{"Visitor from the web", "Locked out", "Shop"}},
		{editor, "connection:" + c.ID, []string{"Can query", "No", "members"}},
		{"anonymous", "connection:" + c.ID, []string{"Visitor from the web", "Can view results", "No"}},
		{editor, "connection:" + draft.ID, []string{"is a draft"}},
		{s.users["admin"].ID, "connection:" + c.ID, []string{"full access everywhere"}},
	} {
		a := s.do("admin", "GET", "/settings/access?"+url.Values{"user": {test.user}, "about": {test.about}}.Encode(), nil)
		text := a.page(t).Find("section.card").Text()
		for _, want := range test.want {
			if a.status != http.StatusOK || !strings.Contains(text, want) {
				t.Errorf("%s and %s (%d): %q lacks %q", test.user, test.about, a.status, text, want)
			}
		}
	}
	for _, gone := range []url.Values{{"user": {"nobody"}, "about": {"connection:" + c.ID}}, {"user": {editor}, "about": {"project:gone"}}, {"user": {editor}, "about": {"<b>"}}} {
		if a := s.do("admin", "GET", "/settings/access?"+gone.Encode(), nil); a.status != http.StatusNotFound || !strings.Contains(a.body, "any more") || strings.Contains(a.body, "<b>") {
			t.Errorf("%v answers %d", gone, a.status)
		}
	}
	off := true
	_, err = s.server.Workspace.UpdateUser(t.Context(), s.actor("admin"), editor, workspace.UserChange{Disabled: &off})
	s.check(err)
	a := s.do("admin", "GET", "/api/v1/access?user="+editor+"&project="+p.ID, nil)
	if a.get(t, "access") != "none" || !strings.Contains(a.body, "disabled") {
		t.Errorf("a disabled account: %s", a.body)
	}
}

func TestWorkspaceSettingsPage(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	on := func() bool {
		return s.do("admin", "GET", "/settings/workspace", nil).page(t).Find("input[name=allow_project_connections][checked]").Length() == 1
	}
	if !on() {
		t.Error("project connections are not allowed at first")
	}
	if a := s.do("admin", "POST", "/settings/workspace", url.Values{}); a.status != http.StatusSeeOther || on() {
		t.Errorf("switching off answers %d", a.status)
	}
	if a := s.do("admin", "POST", "/settings/workspace", url.Values{"allow_project_connections": {"true"}}); a.status != http.StatusSeeOther || !on() {
		t.Errorf("switching on answers %d", a.status)
	}
}

// An Admin shares a project connection with the workspace: consequences first, its project keeps it, its secrets still open.
func TestShareWithWorkspace(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	s.connect("Taken", workspace.ConnectionInput{})
	p := s.project("admin", "Revenue")
	w, admin := s.server.Workspace, s.actor("admin")
	c, err := w.CreateConnection(t.Context(), admin, workspace.ConnectionInput{Name: "Taken", Type: "sqlite", ProjectID: p.ID, Values: connectors.Values{"file": "shop.db"}})
	s.check(err)
	path := "/settings/connections/" + c.ID + "/share"
	if a := s.do("admin", "GET", "/settings/project-connections", nil); !strings.Contains(a.body, path) || !strings.Contains(a.body, "Revenue") {
		t.Errorf("the list of project connections: %d %s", a.status, a.page(t).Find("main").Text())
	}
	if a := s.do("admin", "GET", "/projects/"+p.ID+"/connections", nil); !strings.Contains(a.body, path) {
		t.Error("the project does not lead to sharing")
	}
	if text := s.do("admin", "GET", path, nil).page(t).Find("main").Text(); !strings.Contains(text, "editor") || !strings.Contains(text, "Can query") {
		t.Errorf("the consequences: %s", text)
	}
	a := s.do("admin", "POST", path, url.Values{"name": {"taken"}})
	if a.status != http.StatusUnprocessableEntity || a.page(t).Find("#field-name-error").Length() != 1 || a.page(t).Find("#field-name").AttrOr("value", "") != "taken" {
		t.Errorf("a taken name answers %d", a.status)
	}
	if a := s.api(s.token("admin", access.ScopeWrite), "PATCH", "/api/v1/connections/"+c.ID, `{"scope":"workspace","name":"Till"}`); a.status != http.StatusForbidden {
		t.Errorf("a write token shares: %d", a.status)
	}
	if a := s.api(s.token("editor", access.ScopeAdmin), "PATCH", "/api/v1/connections/"+c.ID, `{"scope":"workspace","name":"Till"}`); a.status != http.StatusNotFound {
		t.Errorf("an Editor shares: %d", a.status)
	}
	token := s.token("admin", access.ScopeAdmin)
	if a := s.api(token, "PATCH", "/api/v1/connections/"+c.ID, `{"scope":"workspace","description":"x"}`); a.status != http.StatusUnprocessableEntity {
		t.Errorf("sharing with other changes answers %d", a.status)
	}
	a = s.api(token, "PATCH", "/api/v1/connections/"+c.ID, `{"scope":"workspace","name":"Till"}`)
	if a.status != http.StatusOK || a.get(t, "scope") != "workspace" || a.get(t, "name") != "Till" {
		t.Fatalf("sharing answers %d %s", a.status, a.body)
	}
	if a := s.do("editor", "GET", "/api/v1/connections/"+c.ID, nil); a.status != http.StatusOK {
		t.Errorf("a member does not see it: %d", a.status)
	}
	uses, err := w.ProjectConnections(t.Context(), admin, p.ID)
	s.check(err)
	if len(uses) != 1 || uses[0].ID != c.ID {
		t.Errorf("the project uses %+v", uses)
	}
	rows, err := s.server.Store.AuditRows(t.Context(), store.AuditFilter{ObjectID: c.ID, Action: "connection.share", Limit: 10})
	s.check(err)
	if len(rows) != 1 {
		t.Errorf("the audit has %d rows", len(rows))
	}
	if a := s.do("admin", "POST", path, url.Values{"name": {"Again"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("sharing again answers %d", a.status)
	}
}

// Sharing a connection says where it leads, and that it may then reach private addresses, where that is new: the Admin who shares
// it vouches for a host that someone else chose (P5). What it led to when it was shown is what is shared.
func TestSharingSaysWhereItLeads(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	p := s.project("admin", "Revenue", access.Share{To: "workspace", Access: access.Edit})
	made := func(by string, in workspace.ConnectionInput) string {
		in.Name, in.ProjectID = "Made by "+by+" on "+in.Type, p.ID
		c, err := s.server.Workspace.CreateConnection(t.Context(), s.actor(by), in)
		s.check(err)
		return c.ID
	}
	postgres := workspace.ConnectionInput{Type: "postgres", Values: connectors.Values{"host": "127.0.0.1", "port": "1", "database": "x", "user": "x", "auth": "password",
		"ssh_enabled": "true", "ssh_host": "hop.invalid", "ssh_user": "me", "ssh_auth": "password"},
		Secrets: connectors.Secrets{"password": secret.New("hunter2"), "ssh_password": secret.New("hunter3")}}
	const guard, meanwhile = "may then reach private addresses", "changed meanwhile"
	page := func(id string) answer { return s.do("admin", "GET", "/settings/connections/"+id+"/share", nil) }
	said := func(what string, a answer, want ...string) {
		t.Helper()
		for _, words := range want {
			if !strings.Contains(a.words(t), words) {
				t.Errorf("%s (%d): the page lacks %q: %s", what, a.status, words, a.words(t))
			}
		}
	}
	byEditor := made("editor", postgres)
	shown := page(byEditor)
	said("an Editor's", shown, "127.0.0.1:1", "hop.invalid", guard, "editor, who made it")
	byAdmin := page(made("admin", postgres))
	said("an Admin's", byAdmin, "127.0.0.1:1")
	file := page(made("editor", workspace.ConnectionInput{Type: "sqlite", Values: connectors.Values{"file": "shop.db"}}))
	said("a file", file, "shop.db")
	for _, a := range []answer{byAdmin, file} {
		if strings.Contains(a.body, guard) {
			t.Errorf("nothing changes, and the page says %s", a.words(t))
		}
	}
	move := `{"config":{"host":"10.0.0.9"},"secrets":{"password":"hunter2","ssh_password":"hunter3"}}`
	if a := s.do("editor", "PATCH", "/api/v1/connections/"+byEditor, move); a.status != http.StatusOK {
		t.Fatalf("the Editor points it elsewhere: %d %s", a.status, a.body)
	}
	path := "/settings/connections/" + byEditor + "/share"
	a := s.do("admin", "POST", path, url.Values{"name": {"Till"}, "shown": {shownIn(t, shown)}})
	if a.status != http.StatusConflict {
		t.Fatalf("sharing what led elsewhere when it was shown answers %d", a.status)
	}
	said("moved", a, "10.0.0.9:1", meanwhile, guard)
	if a := s.do("admin", "POST", path, url.Values{"name": {"Till"}, "shown": {shownIn(t, a)}}); a.status != http.StatusSeeOther {
		t.Errorf("sharing answers %d %s", a.status, a.words(t))
	}
}

// The saved secrets of a connection that was shared open as before: they are sealed to its id and destination.
func TestSecretsOpenAfterSharing(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	p := s.project("admin", "Revenue")
	c, err := s.server.Workspace.CreateConnection(t.Context(), s.actor("admin"), workspace.ConnectionInput{Name: "Warehouse", Type: "postgres", ProjectID: p.ID,
		Values: connectors.Values{"host": "127.0.0.1", "port": "1", "database": "x", "user": "x", "auth": "password"}, Secrets: connectors.Secrets{"password": secret.New("hunter2")}})
	s.check(err)
	s.check(s.server.Workspace.ShareConnection(t.Context(), s.actor("admin"), c.ID, "", ""))
	c, err = s.server.Store.Connection(t.Context(), c.ID)
	s.check(err)
	var box []byte
	s.check(s.server.Store.View(t.Context(), func(tx *store.Tx) (err error) {
		box, err = tx.SecretBox(c.ID, "password")
		return err
	}))
	plain, err := s.server.Workspace.Opener.Keys.Open(box, "connection", c.ID, "password", c.Destination)
	if err != nil || string(plain) != "hunter2" || c.ProjectID != "" {
		t.Errorf("the secret is %q, %v", plain, err)
	}
}
