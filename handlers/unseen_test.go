package handlers

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"patchbay/access"
	"patchbay/workspace"
)

// openLists are the addresses of lists and trees that a notebook page asks again while it is open.
func openLists(project string) []string {
	return []string{"/api/v1/connections", "/api/v1/catalog/search?q=orders", "/projects/" + project + "/connections", "/projects/" + project + "/browser/children",
		"/projects/" + project + "/browser/foot", "/projects/" + project + "/browser/search?q=orders", "/projects/" + project + "/browser/changes"}
}

// Someone who is not among those whom a connection is for sees nothing of it in any answer or event: not while it is made and read,
// with lists and tree open, and not afterwards, by whichever route (P19; CloudBeaver issue 3173).
func TestConnectionOfOthersIsSeenNowhere(t *testing.T) {
	const name = "Payroll of the board"
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	s.named("member", access.RoleEditor)
	w, admin := s.server.Workspace, s.actor("admin")
	g, err := w.CreateGroup(t.Context(), admin, "Board")
	s.check(err)
	s.check(w.SetMember(t.Context(), admin, g.ID, s.users["member"].ID, true))
	shop := s.connect("Shop", workspace.ConnectionInput{})
	p := s.project("editor", "Mine")
	s.check(w.Import(t.Context(), s.actor("editor"), p.ID, shop.ID))
	boards := s.project("admin", "Boards", access.Share{To: "workspace", Access: access.Edit})

	follows := s.follow("editor", "/projects/"+p.ID)
	made, stopped := make(chan struct{}), sync.WaitGroup{}
	var during []string
	twin := client()
	maps.Copy(twin.Jar.(jar), s.clients["editor"].Jar.(jar))
	asked := make(chan struct{})
	stopped.Go(func() {
		for round := 0; ; round++ {
			for _, path := range openLists(p.ID) {
				during = append(during, path+" "+s.send(twin, "GET", path, nil, nil).body)
			}
			if round == 0 {
				close(asked)
			}
			select {
			case <-made:
				return
			default:
			}
		}
	})
	<-asked
	c := s.connect(name, workspace.ConnectionInput{CanQuery: []string{g.ID}, CanViewResults: []string{g.ID}})
	s.check(w.Import(t.Context(), admin, boards.ID, c.ID))
	close(made)
	stopped.Wait()
	if len(during) <= len(openLists(p.ID)) {
		t.Fatal("nothing was asked after the connection was there")
	}
	for _, text := range during {
		if strings.Contains(text, name) || strings.Contains(text, c.ID) {
			t.Errorf("while it is made: %.300s", text)
		}
	}
	follows.quiet("a connection of others")

	seen := func(who, path string) bool {
		a := s.do(who, "GET", path, nil)
		asked := strings.Contains(path, c.ID)
		return strings.Contains(a.body, name) || !asked && strings.Contains(a.body, c.ID)
	}
	for _, rt := range routes {
		if !strings.HasPrefix(rt.pattern, "GET ") || strings.HasSuffix(rt.pattern, "/access") && strings.Contains(rt.pattern, "{project}") || strings.HasSuffix(rt.pattern, "/events") {
			continue // of streams: above
		}
		for _, id := range []string{shop.ID, c.ID} {
			path := parameterPattern.ReplaceAllStringFunc(strings.TrimPrefix(rt.pattern, "GET "), func(part string) string {
				return map[string]string{"{$}": "", "{project}": p.ID, "{id}": id, "{connection}": id, "{type}": "sqlite"}[part]
			})
			for _, query := range []string{"", "?q=payroll", "?connection=" + id, "?path=" + id, "?path=" + id + "/main/orders"} {
				if seen("editor", path+query) {
					t.Errorf("%s%s shows it", rt.pattern, query)
				}
			}
		}
	}
	if a := s.do("editor", "GET", "/projects/"+boards.ID, nil); a.status != http.StatusNotFound || !strings.Contains(a.body, name) {
		t.Errorf("a project that uses it answers %d, and does not say why it is locked", a.status) // SPEC section 2, rule 1
	}
	if !seen("member", "/api/v1/connections") {
		t.Error("it is not seen by whom it is for")
	}
}
