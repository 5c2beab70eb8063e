package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"patchbay/access"
	"patchbay/store"
	"patchbay/workspace"
)

// beforeSignIn is the whole list of what answers without a session (P2).
var beforeSignIn = []string{
	"GET /healthz", "GET /readyz", "GET /setup", "POST /setup", "GET /sign-in", "POST /sign-in", "GET /invite/{token}",
	"POST /invite/{token}", "POST /theme", "GET /auth/oidc/{provider}/start", "GET /auth/oidc/{provider}/callback",
	"POST /auth/oidc/{provider}/logout", "GET /signed-out", "GET /share/{token}", "GET /share/{token}/access", "GET /sign-in/code", "POST /sign-in/code",
}

func TestOnlyTheListAnswersBeforeSignIn(t *testing.T) {
	var open []string
	for _, r := range routes {
		if r.who == anyone {
			open = append(open, r.pattern)
		}
	}
	slices.Sort(open)
	want := slices.Sorted(slices.Values(beforeSignIn))
	if !slices.Equal(open, want) {
		t.Errorf("these answer before sign-in: %v\nthe list is: %v", open, want)
	}
}

var parameterPattern = regexp.MustCompile(`\{[a-z$]*\}`)

// address is a route's path with ids that do not exist.
func (rt route) address(id string) (method, path string) {
	method, path, _ = strings.Cut(rt.pattern, " ")
	return method, parameterPattern.ReplaceAllStringFunc(path, func(p string) string {
		if p == "{$}" {
			return ""
		}
		return id
	})
}

// Anonymous walk: everything else is 401, or the way to sign in, and has no effect (P2).
func TestAnonymousIsSentToSignIn(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	before := s.state()
	for _, rt := range routes {
		if rt.who == anyone {
			continue
		}
		method, path := rt.address("x")
		a := s.do("", method, path, nil)
		if a.status != http.StatusUnauthorized && (a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/sign-in")) {
			t.Errorf("%s answers %d", rt.pattern, a.status)
		}
	}
	if after := s.state(); after != before {
		t.Errorf("the walk changed the store: %s, before %s", after, before)
	}
}

// state is what the store holds, as far as the API tells an Admin, with the number of audit rows that are no refusals.
func (s *site) state() string {
	s.t.Helper()
	rows, err := s.server.Store.AuditRows(s.t.Context(), store.AuditFilter{Outcome: "ok", Limit: 10_000})
	s.check(err)
	out := fmt.Sprint(len(rows))
	for _, path := range []string{"/api/v1/connections", "/api/v1/users", "/api/v1/groups", "/api/v1/projects", "/api/v1/settings"} {
		out += s.do("admin", "GET", path, nil).body
	}
	return out
}

// Admin routes refuse every other role, by session and by token, whatever the id is (P18).
func TestAdminRoutesRefuseEveryoneElse(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	for _, role := range access.Roles[1:] {
		s.person(role)
		token := s.token(string(role), access.ScopeAdmin)
		for _, rt := range routes {
			if !rt.who.forAdmins() {
				continue
			}
			for _, id := range []string{c.ID, s.users["admin"].ID, ":id", "0", "-1"} {
				method, path := rt.address(id)
				if a := s.do(string(role), method, path, nil); a.status != http.StatusForbidden {
					t.Errorf("%s as %s with %s answers %d", rt.pattern, role, id, a.status)
				}
				if a := s.api(token, method, path, ""); strings.HasPrefix(path, "/api/") && a.status != http.StatusForbidden {
					t.Errorf("%s with a token of %s answers %d", rt.pattern, role, a.status)
				}
			}
		}
	}
}

// A read token changes nothing, a write token does no Admin act, whoever holds it (P51).
func TestTokenScopes(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	read, write := s.token("admin", access.ScopeRead), s.token("admin", access.ScopeWrite)
	for _, rt := range routes {
		method, path := rt.address("x")
		if !strings.HasPrefix(path, "/api/") || method == http.MethodGet {
			continue
		}
		if a := s.api(read, method, path, "{}"); rt.who != asking && a.status != http.StatusForbidden {
			t.Errorf("%s with a read token answers %d", rt.pattern, a.status)
		}
		if a := s.api(write, method, path, "{}"); rt.who.forAdmins() && a.status != http.StatusForbidden {
			t.Errorf("%s with a write token answers %d", rt.pattern, a.status)
		}
	}
	body := `{"name":"x","type":"sqlite","config":{"file":"shop.db"}}`
	if a := s.api(write, "POST", "/api/v1/connections", body); a.status != http.StatusForbidden {
		t.Errorf("a write token makes a workspace connection: %d", a.status)
	}
	if a := s.api(s.token("admin", access.ScopeAdmin), "POST", "/api/v1/connections", body); a.status != http.StatusCreated {
		t.Errorf("an admin token makes none: %d %s", a.status, a.body)
	}
	whole := s.token("admin", access.ScopeAdmin) // on pages not even this: they hold acts that ask for the password again (P45)
	for _, rt := range routes {
		method, path := rt.address("x")
		if strings.HasPrefix(path, "/api/") || path == "/metrics" {
			continue
		}
		if a := s.api(whole, method, path, ""); a.status != http.StatusUnauthorized {
			t.Errorf("%s with an admin token answers %d", rt.pattern, a.status)
		}
	}
	if a := s.api(whole, "GET", "/metrics", ""); a.status == http.StatusUnauthorized {
		t.Errorf("the metrics with an admin token answer %d", a.status)
	}
	s.person(access.RoleEditor)
	for scope, want := range map[string]int{"admin": http.StatusUnprocessableEntity, "write": http.StatusOK} {
		if a := s.do("editor", "POST", "/settings/tokens", url.Values{"name": {"x"}, "days": {"30"}, "scope": {scope}}); a.status != want {
			t.Errorf("an Editor who makes a token of scope %s is answered %d", scope, a.status)
		}
	}
	if a := s.do("", "GET", "/api/v1/connections?token="+read, nil); a.status != http.StatusBadRequest {
		t.Errorf("a token in the address answers %d", a.status)
	}
}

// What a token of scope read may POST is a list of its own.
func TestWhatReadTokensMayPost(t *testing.T) {
	var open []string
	for _, rt := range routes {
		if rt.who == asking {
			open = append(open, rt.pattern)
		}
	}
	slices.Sort(open)
	if !slices.Equal(open, []string{"POST /api/v1/connections/{id}/permissions/preview", "POST /api/v1/query"}) {
		t.Errorf("a read token may call %v", open)
	}
}

// What asks for a recent proof of who is there is a list of its own: what opens a door, or says who people are (P45).
func TestWhatAsksForARecentProof(t *testing.T) {
	want := []string{
		"POST /settings/people", "POST /settings/people/{user}", "POST /settings/people/{user}/role", "POST /settings/people/{user}/disabled",
		"POST /settings/people/{user}/invite", "POST /settings/people/{user}/reset", "POST /settings/people/{user}/totp/remove", "POST /settings/people/{user}/delete",
		"POST /settings/account/totp", "POST /settings/account/totp/confirm", "POST /settings/tokens",
		"POST /settings/sign-in/local", "POST /settings/sign-in/new-provider", "POST /settings/sign-in/providers/{id}", "POST /settings/sign-in/providers/{id}/rules",
		"POST /settings/sign-in/providers/{id}/delete",
		"POST /projects/{project}/share/links", "POST /projects/{project}/share/links/{link}/replace",
		"POST /api/v1/users", "PATCH /api/v1/users/{user}", "DELETE /api/v1/users/{user}", "PUT /api/v1/projects/{project}/shares",
	}
	var asks []string
	for _, rt := range routes {
		if rt.who.fresh() {
			asks = append(asks, rt.pattern)
		}
	}
	slices.Sort(asks)
	if slices.Sort(want); !slices.Equal(asks, want) {
		t.Errorf("these ask for a recent proof: %v\nthe list is: %v", asks, want)
	}
}

// Ids that do not exist, of every literal shape, are not found, and GET changes nothing (P18).
func TestUnknownObjectsAreNotFound(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	before := s.state()
	for _, rt := range routes {
		method, _ := rt.address("")
		if !strings.Contains(rt.pattern, "{id}") && !strings.Contains(rt.pattern, "{project}") && !strings.Contains(rt.pattern, "{user}") || method != http.MethodGet {
			continue
		}
		if strings.Contains(rt.pattern, "/new") {
			continue // the grid of databases exists whatever the project
		}
		for _, id := range []string{"nothing", ":id", "0", "-1", "%27", "..."} {
			_, path := rt.address(id)
			if a := s.do("admin", method, path, nil); a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
				t.Errorf("%s with %q answers %d", rt.pattern, id, a.status)
			}
		}
	}
	if after := s.state(); after != before {
		t.Errorf("reading changed the store")
	}
}

// Headers are on every answer: of every route, to whoever asks, of no route, of one that fails and one that panics (P49).
func TestHeadersOnEveryAnswer(t *testing.T) {
	all := routes
	defer func() { routes = all }()
	routes = append(slices.Clip(all), route{"GET /fails", anyone, func(*Server, http.ResponseWriter, *http.Request, access.Actor) error { return errors.New("fails") }},
		route{"GET /panics", anyone, func(*Server, http.ResponseWriter, *http.Request, access.Actor) error { panic("panics") }})
	s := newSite(t)
	s.server.BaseURL = "https://patchbay.example.com"
	s.person(access.RoleAdmin)
	statuses := map[int]bool{}
	check := func(as, method, path string) {
		a := s.do(as, method, path, nil)
		statuses[a.status] = true
		for _, name := range []string{"X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Permissions-Policy", "Cache-Control", "Strict-Transport-Security", "X-Request-Id"} {
			if a.header.Get(name) == "" {
				t.Errorf("%s %s (%d) lacks %s", method, path, a.status, name)
			}
		}
		if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s %s (%d): policy %q", method, path, a.status, policy)
		}
	}
	for _, c := range []string{"GET /nothing", "PUT /projects", "GET /api/v1/nothing", "GET /projects%2f"} {
		method, path, _ := strings.Cut(c, " ")
		check("admin", method, path)
	}
	for _, as := range []string{"", "admin"} {
		for _, rt := range routes {
			method, path := rt.address("x")
			if path != "/sign-out" || as == "" {
				check(as, method, path)
			}
		}
	}
	check("admin", "POST", "/sign-out")
	for _, status := range []int{http.StatusOK, http.StatusSeeOther, http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusInternalServerError} {
		if !statuses[status] {
			t.Errorf("nothing answers %d: this test shows less than it says", status)
		}
	}
}

func TestWrongMethodsAndUncleanPaths(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	if a := s.do("admin", "DELETE", "/projects", nil); a.status != http.StatusMethodNotAllowed {
		t.Errorf("a wrong method answers %d", a.status)
	}
	for _, path := range []string{"//projects", "/./projects", "/projects/", "/projects;x", "/settings%2fpeople", "/Settings/people", "/settings/people.", "/x/../projects", `/\projects`} {
		if a := s.do("admin", "GET", path, nil); a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
			t.Errorf("%s answers %d", path, a.status)
		}
	}
}

// A page of another origin cannot make a signed-in browser change anything (P47).
func TestCrossOriginIsRefused(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	before := s.state()
	for _, rt := range routes {
		method, path := rt.address("x")
		if method == http.MethodGet || rt.pattern == "POST /auth/oidc/{provider}/logout" { // proven by the provider's signature
			continue
		}
		for _, header := range []http.Header{{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"null"}}, {"Origin": {"https://evil.example"}}} {
			if a := s.send(s.clients["admin"], method, path, nil, header); a.status != http.StatusForbidden {
				t.Errorf("%s with %v answers %d", rt.pattern, header, a.status)
			}
		}
	}
	if after := s.state(); after != before {
		t.Error("a cross-origin request changed the store")
	}
}

func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	documented := map[string]bool{}
	for _, op := range operations {
		documented[op.pattern] = true
		for _, name := range []string{op.body, strings.TrimPrefix(op.answer, "list:")} {
			if _, ok := schemas[name]; name != "" && !ok {
				t.Errorf("%s names schema %s, which does not exist", op.pattern, name)
			}
		}
	}
	for _, rt := range routes {
		if strings.Contains(rt.pattern, " /api/") && !documented[rt.pattern] {
			t.Errorf("%s is not in the OpenAPI document", rt.pattern)
		}
		delete(documented, rt.pattern)
	}
	for pattern := range documented {
		t.Errorf("the OpenAPI document has %s, which is no route", pattern)
	}
	if _, err := json.Marshal(openAPI("test")); err != nil {
		t.Error(err)
	}
}

func TestLocalPath(t *testing.T) {
	for next, want := range map[string]string{
		"/projects": "/projects", "/x?u=//e": "/x?u=//e", "": "/", "//e": "/", `/\e`: "/", "/%09/e": "/", "https:e": "/", "javascript:alert(1)": "/",
		"https://evil.example/": "/", "/\t/e": "/", "/%2f/e": "/", "e": "/", "/%5ce": "/",
	} {
		if got := localPath(next); got != want {
			t.Errorf("after %q the browser goes to %q, want %q", next, got, want)
		}
	}
}

// Whatever is asked for, the browser stays on this host (P21).
func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/", "//e", `/\e`, "/%09/e", "/a/b?c=d#e", "/.//e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := localPath(next)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.HasPrefix(got, `/\`) || strings.ContainsAny(got, "\t\r\n") {
			t.Errorf("%q leads to %q", next, got)
		}
	})
}
