package handlers

import (
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/store"
	"patchbay/workspace"
)

// sessionOf is the one session that someone has.
func (s *site) sessionOf(name string) store.Session {
	s.t.Helper()
	all, err := s.server.Store.UserSessions(s.t.Context(), s.users[name].ID)
	s.check(err)
	if len(all) != 1 {
		s.t.Fatalf("%s has %d sessions", name, len(all))
	}
	return all[0]
}

// silent is the port of a server that takes connections and says nothing.
func (s *site) silent() string {
	s.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	s.t.Cleanup(func() { _ = listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	s.check(err)
	return port
}

// refreshing is a connection whose refresh goes on for the whole test.
func (s *site) refreshing() string {
	s.t.Helper()
	a := s.do("admin", "POST", "/settings/new-connection", postgresForm(url.Values{"host": {"127.0.0.1"}, "port": {s.silent()}}))
	if a.status != http.StatusSeeOther {
		s.t.Fatalf("creating answers %d", a.status)
	}
	return s.only().ID
}

// going starts a request that does not end by itself, in a browser that has the same cookies.
func (s *site) going(name, method, path, body string) <-chan answer {
	s.t.Helper()
	twin := client()
	maps.Copy(twin.Jar.(jar), s.clients[name].Jar.(jar))
	ended := make(chan answer, 1)
	go func() { ended <- s.send(twin, method, path, body, nil) }()
	return ended
}

// Whatever ends a session holds on the next request, and ends its open streams and running queries within a second (P44).
func TestWhatEndsASessionEndsWhatRunsInIt(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	slow := s.refreshing()
	c := s.connect("Shop", workspace.ConnectionInput{})
	page := func(name string) string { return "/settings/people/" + s.users[name].ID }
	causes := map[string]func(name string) answer{
		"sign-out": func(name string) answer { return s.do(name, "POST", "/sign-out", url.Values{}) },
		"disable": func(name string) answer {
			return s.do("admin", "POST", page(name)+"/disabled", url.Values{"disabled": {"true"}})
		},
		"role": func(name string) answer {
			return s.do("admin", "POST", page(name)+"/role", url.Values{"role": {"manager"}})
		},
		"password": func(name string) answer {
			return s.do(name, "POST", "/settings/account/password", url.Values{"current": {password}, "password": {"another quiet harbour"}})
		},
		"reset": func(name string) answer { return s.do("admin", "POST", page(name)+"/reset", url.Values{}) },
		"ended": func(name string) answer {
			return s.do("admin", "POST", page(name)+"/sessions/end", url.Values{"session": {s.sessionOf(name).ID}})
		},
		"ended all": func(name string) answer {
			return s.do("admin", "POST", page(name)+"/sessions/end", url.Values{"session": {""}})
		},
		"ended by API": func(name string) answer {
			return s.api(s.token("admin", access.ScopeAdmin), "DELETE", "/api/v1/users/"+s.users[name].ID+"/sessions", "")
		},
		"delete": func(name string) answer {
			return s.do("admin", "POST", page(name)+"/delete", url.Values{"confirm": {s.users[name].Email}})
		},
	}
	for cause, end := range causes {
		name := strings.ReplaceAll(cause, " ", "-")
		s.named(name, access.RoleAdmin)
		before := client()
		maps.Copy(before.Jar.(jar), s.clients[name].Jar.(jar))
		stream := s.going(name, "GET", "/settings/connections/"+slow+"/events", "")
		query := s.going(name, "POST", "/api/v1/query", `{"connection_id":"`+c.ID+`","sql":"`+endless+`"}`)
		trial := s.going(name, "POST", "/settings/connections/"+slow+"/test", "")
		s.goesOn(cause, stream, query, trial)
		if a := end(name); a.status >= http.StatusBadRequest {
			t.Fatalf("%s answers %d %s", cause, a.status, a.body)
		}
		s.over(cause, stream, query, trial)
		if a := s.send(before, "GET", "/projects", nil, nil); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/sign-in") {
			t.Errorf("%s: the next request answers %d", cause, a.status)
		}
	}
}

// What the operator does beside the running server ends what it takes away in the server too.
func TestRescueEndsWhatRunsInTheServer(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	slow := s.refreshing()
	c := s.connect("Shop", workspace.ConnectionInput{})
	stream := s.going("admin", "GET", "/settings/connections/"+slow+"/events", "")
	query := s.going("admin", "POST", "/api/v1/query", `{"connection_id":"`+c.ID+`","sql":"`+endless+`"}`)
	s.goesOn("before the rescue", stream, query)
	beside, err := store.Open(t.Context(), store.Options{Dir: s.dir, Now: time.Now, AuditKey: s.keys.Derive("audit-mac"), Shared: true})
	s.check(err)
	defer func() { s.check(beside.Close()) }()
	_, err = auth.New(auth.Options{Store: beside, Now: time.Now}).Rescue(t.Context(), access.Actor{Name: "operator", Role: access.RoleAdmin}, s.users["admin"].Email)
	s.check(err)
	s.over("a rescue", stream, query)
}

// A session that runs out, and a token that expires, take along what they began.
func TestTimeEndsWhatRuns(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	slow := s.refreshing()
	c := s.connect("Shop", workspace.ConnectionInput{})
	begin := func(name string) (stream, query <-chan answer) {
		stream = s.going(name, "GET", "/settings/connections/"+slow+"/events", "")
		query = s.going(name, "POST", "/api/v1/query", `{"connection_id":"`+c.ID+`","sql":"`+endless+`"}`)
		s.goesOn("at first", stream, query)
		return stream, query
	}
	byToken := s.running("admin", c.ID, "") // its token holds for an hour
	s.named("idle", access.RoleAdmin)
	idleStream, idleQuery := begin("idle")
	s.named("busy", access.RoleAdmin)
	busyStream, busyQuery := begin("busy")
	later := func(d time.Duration) { s.later.Store(int64(d)) }
	later(59 * time.Minute)
	s.goesOn("within the token's hour", byToken)
	later(61 * time.Minute)
	s.over("an expired token", byToken)
	for d := time.Duration(0); d < sessionWhole; d += sessionIdle - time.Hour {
		later(d)
		if a := s.do("busy", "GET", "/projects", nil); a.status != http.StatusOK {
			t.Fatalf("after %s the session answers %d", d, a.status)
		}
		if d == sessionIdle-time.Hour {
			s.goesOn("before anything runs out", idleStream, idleQuery, busyStream, busyQuery)
			later(sessionIdle + time.Minute)
			s.over("an idle session", idleStream, idleQuery)
		}
	}
	s.goesOn("in the last hours", busyStream, busyQuery)
	later(sessionWhole + time.Minute)
	s.over("a session that ran out", busyStream, busyQuery)
}

// To give the password again is no new sign-in: what runs goes on, though the session's secret is another.
func TestConfirmingLeavesWhatRunsAlone(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	slow := s.refreshing()
	c := s.connect("Shop", workspace.ConnectionInput{})
	before := s.sessionOf("admin")
	stream := s.going("admin", "GET", "/settings/connections/"+slow+"/events", "")
	query := s.going("admin", "POST", "/api/v1/query", `{"connection_id":"`+c.ID+`","sql":"`+endless+`"}`)
	time.Sleep(200 * time.Millisecond)
	s.later.Store(int64(10 * time.Minute))
	form := url.Values{"name": {"Ana"}, "email": {"ana@example.com"}, "role": {"editor"}, confirmField: {password}}
	if a := s.do("admin", "POST", "/settings/people", form); a.status != http.StatusOK {
		t.Fatalf("inviting answers %d", a.status)
	}
	after := s.sessionOf("admin")
	if after.ID != before.ID || string(after.Hash) == string(before.Hash) {
		t.Errorf("the session %s is now %s, with the same secret: %t", before.ID, after.ID, string(after.Hash) == string(before.Hash))
	}
	s.check(s.server.Workspace.EndWhatIsNotAllowed(t.Context()))
	select {
	case a := <-query:
		t.Errorf("the query ended: %d %s", a.status, a.body)
	case a := <-stream:
		t.Errorf("the stream ended: %d %s", a.status, a.body)
	case <-time.After(700 * time.Millisecond):
	}
	s.check(s.server.Workspace.EndSessions(t.Context(), s.actor("admin"), s.users["admin"].ID))
	s.over("ended sessions", query, stream)
}

// A revoked token takes its queries along, and no others of its person.
func TestARevokedTokenEndsItsQueries(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	c := s.connect("Shop", workspace.ConnectionInput{})
	byToken := s.running("editor", c.ID, "")
	bySession := s.going("editor", "POST", "/api/v1/query", `{"connection_id":"`+c.ID+`","sql":"`+endless+`"}`)
	time.Sleep(200 * time.Millisecond)
	tokens, err := s.server.Store.APITokens(t.Context(), s.users["editor"].ID)
	s.check(err)
	if a := s.do("admin", "POST", "/settings/people/"+s.users["admin"].ID+"/tokens/"+tokens[0].ID+"/revoke", url.Values{}); a.status != http.StatusNotFound {
		t.Errorf("another's token under one's own address answers %d", a.status)
	}
	if a := s.do("admin", "POST", "/settings/people/"+s.users["editor"].ID+"/tokens/"+tokens[0].ID+"/revoke", url.Values{}); a.status != http.StatusSeeOther {
		t.Errorf("revoking answers %d", a.status)
	}
	s.over("a revoked token", byToken)
	select {
	case a := <-bySession:
		t.Errorf("the query of the session ended: %d %s", a.status, a.body)
	case <-time.After(300 * time.Millisecond):
	}
	s.check(s.server.Workspace.EndSessions(t.Context(), s.actor("admin"), s.users["editor"].ID))
	s.over("ended sessions", bySession)
}

// People end their own sessions, and nobody else's; Admins anyone's.
func TestSessionsArePersonal(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	s.person(access.RoleEditor)
	admins := s.sessionOf("admin").ID
	if a := s.do("editor", "POST", "/settings/account/sessions/end", url.Values{"session": {admins}}); a.status != http.StatusNotFound {
		t.Errorf("ending an Admin's session answers %d", a.status)
	}
	if err := s.server.Workspace.EndSession(t.Context(), s.actor("editor"), s.users["admin"].ID, admins); err == nil {
		t.Error("an Editor ended an Admin's session")
	}
	if _, err := s.server.Workspace.Sessions(t.Context(), s.actor("editor"), s.users["admin"].ID); err == nil {
		t.Error("an Editor saw an Admin's sessions")
	}
	byToken := s.actor("editor")
	byToken.Scope = access.ScopeWrite
	if err := s.server.Workspace.EndOtherSessions(t.Context(), byToken); err == nil {
		t.Error("a token ended its person's sessions")
	}
	elsewhere := client()
	s.send(elsewhere, "POST", "/sign-in", url.Values{"email": {"editor@example.com"}, "password": {password}}, http.Header{"User-Agent": {"Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"}})
	page := s.do("editor", "GET", "/settings/account", nil)
	if !strings.Contains(page.body, "Firefox on Windows") || strings.Count(page.body, "This browser") != 1 {
		t.Errorf("the account page does not tell the sessions apart: %s", page.page(t).Find(".list").Text())
	}
	if a := s.do("editor", "POST", "/settings/account/sessions/end-others", url.Values{}); a.status != http.StatusSeeOther {
		t.Errorf("signing out everywhere else answers %d", a.status)
	}
	if a := s.send(elsewhere, "GET", "/projects", nil, nil); a.status != http.StatusSeeOther {
		t.Errorf("the other browser is still signed in: %d", a.status)
	}
	if a := s.do("editor", "GET", "/projects", nil); a.status != http.StatusOK {
		t.Errorf("this browser is signed out: %d", a.status)
	}
	a := s.api(s.token("admin", access.ScopeAdmin), "GET", "/api/v1/users/"+s.users["editor"].ID+"/sessions", "")
	if list, _ := a.get(t, "items").([]any); a.status != http.StatusOK || len(list) != 1 {
		t.Errorf("the API answers %d %s", a.status, a.body)
	}
}

// What a browser says of itself is told in plain words, whatever it says.
func TestBrowserWords(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                   "Firefox on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":              "Safari on macOS",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0":      "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36":                       "Chrome on Android",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/1": "Chrome on iPhone",
		"curl/8.5.0":       "curl",
		"":                 "Unknown browser",
		"<script>alert(1)": "<script>alert(1)", // text, which the page escapes
	} {
		if got := browserWords(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}
