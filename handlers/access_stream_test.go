package handlers

import (
	"bufio"
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/workspace"
)

// A follower is an open access stream of someone's.
type follower struct {
	s      *site
	stop   context.CancelFunc
	levels chan string // closed when the stream ends
}

// followed finds in a project's page where its access is followed.
const followed = `[hx-sse\:connect]`

// follow opens a project's page as someone and then its access stream, as the page does.
func (s *site) follow(name, path string) *follower {
	s.t.Helper()
	page := s.do(name, "GET", path, nil)
	address := page.page(s.t).Find(followed).AttrOr("hx-sse:connect", "")
	if page.status != http.StatusOK || address == "" {
		s.t.Fatalf("%s as %s answers %d and follows %q", path, name, page.status, address)
	}
	return s.listen(name, address)
}

// listen opens an access stream.
func (s *site) listen(name, address string) *follower {
	s.t.Helper()
	twin := client()
	maps.Copy(twin.Jar.(jar), s.clients[name].Jar.(jar))
	ctx, stop := context.WithCancel(s.t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.http.URL+address, nil)
	s.check(err)
	resp, err := twin.Do(r)
	s.check(err)
	if resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s as %s answers %d", address, name, resp.StatusCode)
	}
	f := &follower{s: s, stop: stop, levels: make(chan string, 100)}
	go func() {
		defer stop()
		defer close(f.levels)
		defer func() { _ = resp.Body.Close() }()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if level, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				f.levels <- level
			}
		}
	}()
	return f
}

// hears wants the next level in time; "end" is the end of the stream.
func (f *follower) hears(what, want string) {
	f.s.t.Helper()
	select {
	case got, open := <-f.levels:
		if !open {
			got = "end"
		}
		if got != want {
			f.s.t.Errorf("%s: the page hears %s, want %s", what, got, want)
		}
	case <-time.After(inTime):
		f.s.t.Errorf("%s: the page hears nothing, want %s", what, want)
	}
}

// quiet wants that a page hears nothing.
func (f *follower) quiet(what string) {
	f.s.t.Helper()
	select {
	case got := <-f.levels:
		f.s.t.Errorf("%s: the page hears %q", what, got)
	case <-time.After(3 * askAgain):
	}
}

// Whoever reads a project's page is told in time when what they may do there becomes another thing, whatever changed it, and
// hears nothing while it stays (SPEC section 2).
func TestAccessStream(t *testing.T) {
	s := newSite(t)
	for _, role := range access.Roles {
		s.person(role)
	}
	w, admin, editor := s.server.Workspace, s.actor("admin"), s.users["editor"]
	g, err := w.CreateGroup(t.Context(), admin, "Finance")
	s.check(err)
	c := s.connect("Shop", workspace.ConnectionInput{})
	p := s.project("admin", "Revenue", access.Share{To: "workspace", Access: access.Edit})
	s.check(w.Import(t.Context(), admin, p.ID, c.ID))
	page := "/projects/" + p.ID

	if a := s.do("guest", "GET", page+"/access", nil); a.status != http.StatusNotFound {
		t.Errorf("a stranger's stream answers %d", a.status)
	}
	edits, views, rules, app := s.follow("editor", page), s.follow("viewer", page), s.follow("admin", page), s.follow("editor", page+"/app")
	all := map[string]*follower{"an Editor": edits, "a Viewer": views, "an Admin": rules, "an Editor in the app view": app}
	for who, f := range all {
		f.quiet(who + ", when nothing changes")
	}
	s.check(w.SetPermissions(t.Context(), admin, c.ID, workspace.Permissions{CanQuery: []string{g.ID}, CanViewResults: []string{access.GroupPublic}}))
	edits.hears("Can query taken away", "explore")
	app.hears("Can query taken away", "explore")
	views.quiet("Can query taken away from one who has no use for it")
	s.check(w.SetMember(t.Context(), admin, g.ID, editor.ID, true))
	edits.hears("a group joined", "edit")
	s.check(w.SetPermissions(t.Context(), admin, c.ID, workspace.Permissions{CanQuery: []string{g.ID}, CanViewResults: []string{}}))
	views.hears("Can view results taken away", "none")
	views.hears("Can view results taken away", "end")
	s.check(w.SetMember(t.Context(), admin, g.ID, editor.ID, false))
	edits.hears("a group left", "none")
	edits.hears("a group left", "end")
	rules.quiet("an Admin, whatever the permissions")

	locked := s.do("viewer", "GET", page, nil)
	if locked.status != http.StatusNotFound || !strings.Contains(locked.body, "Shop") {
		t.Errorf("the page of one who is locked out answers %d and names no connection", locked.status)
	}
	s.check(w.EndSessions(t.Context(), admin, s.users["admin"].ID))
	rules.hears("ended sessions", "none")
	rules.hears("ended sessions", "end")
}

// A page that was made before a change, and follows after it, is told at once.
func TestAccessStreamMissesNothing(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	w, admin := s.server.Workspace, s.actor("admin")
	c := s.connect("Shop", workspace.ConnectionInput{})
	p := s.project("admin", "Revenue", access.Share{To: "workspace", Access: access.Edit})
	s.check(w.Import(t.Context(), admin, p.ID, c.ID))
	address := s.do("editor", "GET", "/projects/"+p.ID, nil).page(t).Find(followed).AttrOr("hx-sse:connect", "")
	s.check(w.SetPermissions(t.Context(), admin, c.ID, workspace.Permissions{CanViewResults: []string{access.GroupPublic}}))
	s.listen("editor", address).hears("a change before the stream began", "explore")
	s.follow("editor", "/projects/"+p.ID).quiet("the page as it is since")
}
