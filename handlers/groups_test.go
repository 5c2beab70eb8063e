package handlers

import (
	"database/sql"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/workspace"
)

// An Admin makes a group, fills it, sees what it opens, and is told who loses what before it goes.
func TestGroupFromMakingToDeleting(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	s.person(access.RoleViewer)
	editor := s.users["editor"]
	if a := s.do("admin", "POST", "/settings/groups", url.Values{"name": {"Members"}}); a.status != http.StatusUnprocessableEntity || a.page(t).Find("[name=name]").AttrOr("value", "") != "Members" {
		t.Errorf("a built-in name answers %d", a.status)
	}
	made := s.do("admin", "POST", "/settings/groups", url.Values{"name": {"Finance"}})
	base := made.header.Get("Location")
	id := strings.TrimPrefix(base, "/settings/groups/")
	if made.status != http.StatusSeeOther || id == "" {
		t.Fatalf("making answers %d", made.status)
	}
	s.connect("Ledger", workspace.ConnectionInput{CanQuery: []string{id}, CanViewResults: []string{}})
	results := s.connect("Shop", workspace.ConnectionInput{CanQuery: []string{}, CanViewResults: []string{id}})
	project := s.project("admin", "Revenue", access.Share{To: "group:" + id, Access: access.Edit})

	found := s.do("admin", "GET", base+"?add=EDIT", nil).page(t).Find("#candidates li")
	if found.Length() != 1 || !strings.Contains(found.Text(), editor.Email) {
		t.Errorf("searching finds %q", found.Text())
	}
	if a := s.do("admin", "POST", base+"/members", url.Values{"user": {editor.ID}}); a.status != http.StatusSeeOther {
		t.Errorf("adding answers %d", a.status)
	}
	if left := s.do("admin", "GET", base+"?add=edit", nil).page(t).Find("#candidates li"); left.Length() != 0 {
		t.Errorf("a member is offered again: %q", left.Text())
	}
	if a := s.do("admin", "POST", base+"/members", url.Values{"user": {"nobody"}}); a.status != http.StatusNotFound {
		t.Errorf("adding nobody answers %d", a.status)
	}
	text := s.do("admin", "GET", base, nil).words(t)
	for _, want := range []string{"editor@example.com By hand", "Ledger Can query Can view results", "Shop Can view results", "Revenue Can edit"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q: %s", want, text)
		}
	}
	list := s.do("admin", "GET", "/settings/groups", nil).words(t)
	for _, want := range []string{"Finance 1 2 data sources, 1 notebook", "Members Everyone in the workspace but guests 3", "Guests Everyone whose role is Guest 0 Nothing"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list lacks %q: %s", want, list)
		}
	}

	if a := s.do("admin", "POST", base, url.Values{"name": {" "}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a blank name answers %d", a.status)
	}
	s.do("admin", "POST", base, url.Values{"name": {"Controlling"}})
	going := s.do("admin", "GET", base+"/delete", nil).words(t)
	for _, want := range []string{"Delete Controlling", "1 member leaves", "Ledger · Can query · Can view results", "Revenue · Can edit"} {
		if !strings.Contains(going, want) {
			t.Errorf("before deleting, %q is not said: %s", want, going)
		}
	}
	if a := s.do("admin", "POST", base+"/delete", url.Values{"confirm": {"Finance"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("another name answers %d", a.status)
	}
	if a := s.do("admin", "POST", base+"/delete", url.Values{"confirm": {"Controlling"}}); a.status != http.StatusSeeOther {
		t.Errorf("deleting answers %d", a.status)
	}
	c, err := s.server.Store.Connection(t.Context(), results.ID)
	s.check(err)
	p, err := s.server.Workspace.Project(t.Context(), s.actor("admin"), project.ID)
	s.check(err)
	if len(c.CanViewResults) != 0 || len(p.Shares) != 1 {
		t.Errorf("the group is gone, and named by %v and %v", c.CanViewResults, p.Shares)
	}
	if a := s.do("admin", "GET", base, nil); a.status != http.StatusNotFound {
		t.Errorf("the page of a deleted group answers %d", a.status)
	}
}

// Before a group is deleted its page says who loses what where, by name; what changed since it was shown is shown again.
func TestDeletingAGroupIsReviewedFirst(t *testing.T) {
	s := newSite(t)
	for _, role := range []access.Role{access.RoleAdmin, access.RoleManager, access.RoleEditor, access.RoleViewer} {
		s.person(role)
	}
	w, admin := s.server.Workspace, s.actor("admin")
	group := func(name string, members ...string) string {
		g, err := w.CreateGroup(t.Context(), admin, name)
		s.check(err)
		for _, m := range members {
			s.check(w.SetMember(t.Context(), admin, g.ID, s.users[m].ID, true))
		}
		return g.ID
	}
	finance, analysts := group("Finance", "editor", "manager"), group("Analysts", "manager")
	using := func(name string, in workspace.ConnectionInput, shares ...access.Share) string {
		c, p := s.connect(name+" data", in), s.project("admin", name, shares...)
		s.check(w.Import(t.Context(), admin, p.ID, c.ID))
		return p.ID
	}
	all := access.Share{To: "workspace", Access: access.Edit}
	budget := using("Budget", workspace.ConnectionInput{CanQuery: []string{finance}, CanViewResults: []string{}}, all)
	sales := using("Sales", workspace.ConnectionInput{CanQuery: []string{finance, analysts}}, all)
	using("Plans", workspace.ConnectionInput{}, access.Share{To: "group:" + finance, Access: access.Edit})
	path := "/settings/groups/" + finance + "/delete"
	a := s.do("admin", "GET", path, nil)
	for section, want := range map[string][]string{
		"On Budget data":         {"Loses Can query editor, manager", "Loses Can view results editor, manager"},
		"On Sales data":          {"Loses Can query editor"},
		"In the notebook Budget": {"Loses Can edit: locked out editor, manager"},
		"In the notebook Sales":  {"Loses Can edit becomes Can explore editor"},
		"In the notebook Plans":  {"Loses Can edit becomes no access editor, manager"},
	} {
		text := s.section(a, section)
		for _, words := range want {
			if !strings.Contains(text, words) {
				t.Errorf("%s: %q lacks %q", section, text, words)
			}
		}
		if strings.Contains(text, "viewer") || strings.Contains(section, "Sales") && strings.Contains(text, "manager") {
			t.Errorf("%s names who loses nothing: %s", section, text)
		}
	}
	if n := a.page(t).Find("main section").Length(); n != 5 {
		t.Errorf("the page has %d sections", n)
	}
	form := url.Values{"confirm": {"Finance"}, "shown": {shownIn(t, a)}}
	s.check(w.SetMember(t.Context(), admin, finance, s.users["viewer"].ID, true))
	a = s.do("admin", "POST", path, form)
	if a.status != http.StatusConflict || !strings.Contains(a.words(t), "changed meanwhile") || !strings.Contains(s.section(a, "In the notebook Budget"), "Can view: locked out viewer") {
		t.Fatalf("deleting with others in it answers %d %s", a.status, a.words(t))
	}
	form.Set("shown", shownIn(t, a))
	if a := s.do("admin", "POST", path, form); a.status != http.StatusSeeOther {
		t.Fatalf("deleting answers %d %s", a.status, a.body)
	}
	for project, want := range map[string]int{budget: http.StatusNotFound, sales: http.StatusOK} {
		if a := s.do("editor", "GET", "/projects/"+project, nil); a.status != want {
			t.Errorf("after deleting, %s answers the Editor %d", project, a.status)
		}
	}
	empty := "/settings/groups/" + analysts + "/delete"
	if a := s.do("admin", "GET", empty, nil); !strings.Contains(s.section(a, "On Sales data"), "manager") {
		t.Errorf("the other group: %s", a.words(t))
	}
}

// section is what one section of an answer's page says.
func (s *site) section(a answer, label string) string {
	s.t.Helper()
	a.body = strings.ReplaceAll(a.body, "<", " <")
	return strings.Join(strings.Fields(a.page(s.t).Find("section[aria-label='"+label+"']").Text()), " ")
}

// The built-in groups are shown with what they open, and nothing of them can be changed.
func TestBuiltInGroupsAreFixed(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	s.connect("Shop", workspace.ConnectionInput{CanQuery: []string{access.GroupMembers}, CanViewResults: []string{access.GroupPublic}})
	s.project("admin", "Revenue", access.Share{To: "workspace", Access: access.View})
	for id, want := range map[string]string{access.GroupMembers: "Shop Can query", access.GroupPublic: "Shop Can view results"} {
		a := s.do("admin", "GET", "/settings/groups/"+id, nil)
		if text := a.words(t); !strings.Contains(text, want) || (id == access.GroupMembers) != strings.Contains(text, "Revenue Can view") {
			t.Errorf("%s: %s", id, text)
		}
		if n := a.page(t).Find("main form").Length(); n != 0 {
			t.Errorf("%s has %d forms", id, n)
		}
		for _, act := range []struct{ path, key, value string }{
			{"", "name", "All"}, {"/members", "user", s.users["editor"].ID}, {"/members/" + s.users["editor"].ID + "/remove", "x", ""}, {"/delete", "confirm", "Members"},
		} {
			if a := s.do("admin", "POST", "/settings/groups/"+id+act.path, url.Values{act.key: {act.value}}); a.status != http.StatusNotFound {
				t.Errorf("POST %s%s answers %d", id, act.path, a.status)
			}
		}
		if a := s.do("admin", "GET", "/settings/groups/"+id+"/delete", nil); a.status != http.StatusNotFound {
			t.Errorf("%s/delete answers %d", id, a.status)
		}
	}
}

// Whom a sign-in provider keeps in a group is marked, cannot be taken out, and the refusal says why.
func TestProvidersMembersStay(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	w, editor := s.server.Workspace, s.users["editor"]
	g, err := w.CreateGroup(t.Context(), s.actor("admin"), "Finance")
	s.check(err)
	s.raw("insert into group_member(group_id, user_id, source) values('" + g.ID + "', '" + editor.ID + "', 'provider')")
	base := "/settings/groups/" + g.ID
	page := s.do("admin", "GET", base, nil).page(t)
	if text := page.Find("[aria-label=Members]").Text(); !strings.Contains(text, "By sign-in provider") || page.Find(`form[action$="/remove"]`).Length() != 0 {
		t.Errorf("the members are %s", text)
	}
	a := s.do("admin", "POST", base+"/members/"+editor.ID+"/remove", url.Values{})
	if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "The sign-in provider keeps this person in the group") {
		t.Errorf("removing answers %d", a.status)
	}
	if a := s.api(s.token("admin", access.ScopeAdmin), "DELETE", "/api/v1/groups/"+g.ID+"/members/"+editor.ID, ""); a.status != http.StatusUnprocessableEntity {
		t.Errorf("removing by API answers %d %s", a.status, a.body)
	}
	members, err := s.server.Store.GroupMembers(t.Context(), g.ID)
	s.check(err)
	if len(members) != 1 || !members[0].ByProvider {
		t.Errorf("the members are %+v", members)
	}
}

// Leaving a group ends what runs by it within a second, and nothing else (P44).
func TestLeavingAGroupEndsItsQueries(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	w, admin, editor := s.server.Workspace, s.actor("admin"), s.users["editor"]
	g, err := w.CreateGroup(t.Context(), admin, "Finance")
	s.check(err)
	s.check(w.SetMember(t.Context(), admin, g.ID, editor.ID, true))
	closed := s.connect("Ledger", workspace.ConnectionInput{CanQuery: []string{g.ID}})
	open := s.connect("Shop", workspace.ConnectionInput{CanQuery: []string{access.GroupMembers}})
	by, goesOn := s.running("editor", closed.ID, ""), s.running("editor", open.ID, "")
	if a := s.do("admin", "POST", "/settings/groups/"+g.ID+"/members/"+editor.ID+"/remove", url.Values{}); a.status != http.StatusSeeOther {
		t.Fatalf("removing answers %d", a.status)
	}
	s.over("a group that is left", by)
	select {
	case a := <-goesOn:
		t.Errorf("a query that is allowed ended: %d %s", a.status, a.body)
	case <-time.After(200 * time.Millisecond):
	}
	s.check(w.EndSessions(t.Context(), admin, editor.ID))
	_, err = w.UpdateUser(t.Context(), admin, editor.ID, workspace.UserChange{Disabled: ptr(true)})
	s.check(err)
	s.over("a disabled account", goesOn)
}

func ptr[T any](v T) *T { return &v }

// Groups with hostile names are text, wherever they are shown.
func TestHostileGroupNames(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	for _, name := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, "rtl \u202e txt", "{{ 7*7 }}", strings.Repeat("ü", 120)} {
		g, err := s.server.Workspace.CreateGroup(t.Context(), s.actor("admin"), name)
		s.check(err)
		for _, path := range []string{"/settings/groups", "/settings/groups/" + g.ID, "/settings/groups/" + g.ID + "/delete", "/settings/groups/" + g.ID + "?add=" + url.QueryEscape(name)} {
			a := s.do("admin", "GET", path, nil)
			page := a.page(t)
			if a.status != http.StatusOK || page.Find("main script, main img").Length() != 0 || !strings.Contains(page.Find("main").Text(), name) {
				t.Errorf("%q on %s answers %d", name, path, a.status)
			}
		}
	}
	if _, err := s.server.Workspace.CreateGroup(t.Context(), s.actor("admin"), strings.Repeat("ü", 121)); err == nil {
		t.Error("a name of 121 characters is taken")
	}
}

// raw runs a statement in the store that no act of people does.
func (s *site) raw(statement string) {
	s.t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(s.dir, "patchbay.db"))
	s.check(err)
	_, err = db.ExecContext(s.t.Context(), statement)
	s.check(err)
	s.check(db.Close())
}
