package handlers

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/connectors/transport"
	"patchbay/workspace"
)

// enrol gives someone a second step and returns its secret.
func (s *site) enrol(name string) string {
	s.t.Helper()
	secret := s.do(name, "POST", "/settings/account/totp", url.Values{}).page(s.t).Find("pb-copy").AttrOr("data-text", "")
	code, err := totp.GenerateCode(secret, time.Now())
	s.check(err)
	if a := s.do(name, "POST", "/settings/account/totp/confirm", url.Values{"code": {code}}); a.status != http.StatusOK {
		s.t.Fatalf("a second step cannot be confirmed: %d %s", a.status, a.body)
	}
	return secret
}

// codeOf is a code of a second step that was not used when it was enrolled.
func (s *site) codeOf(secret string) string {
	s.t.Helper()
	s.later.Store(int64(30 * time.Second))
	code, err := totp.GenerateCode(secret, time.Now().Add(30*time.Second))
	s.check(err)
	return code
}

// A session id that somebody planted in a browser is not the session's after signing in, whatever the way, and opens nothing (P43).
func TestPlantedSessionsOpenNothing(t *testing.T) {
	s, _ := hostileSite(t, nil)
	s.person(access.RoleEditor)
	secret := s.enrol("editor")
	invited, err := s.server.Workspace.CreateUser(t.Context(), s.actor("admin"), workspace.UserInput{Email: "new@example.com", Name: "New", Role: access.RoleViewer})
	s.check(err)
	link, err := s.server.Auth.CreateInvite(t.Context(), s.actor("admin"), invited.ID)
	s.check(err)
	for way, enter := range map[string]func(){
		"a provider": func() { s.visit(s.clients["victim"], "/auth/oidc/sso/start?next=/projects", nil) },
		"a code": func() {
			s.do("victim", "POST", "/sign-in", url.Values{"email": {"editor@example.com"}, "password": {password}})
			s.do("victim", "POST", "/sign-in/code", url.Values{"code": {s.codeOf(secret)}})
		},
		"an invitation": func() { s.do("victim", "POST", "/invite/"+link, url.Values{"password": {password}}) },
		"a password": func() {
			s.do("victim", "POST", "/sign-in", url.Values{"email": {"admin@example.com"}, "password": {password}})
		},
	} {
		s.named("attacker-"+strings.ReplaceAll(way, " ", "-"), access.RoleViewer)
		attacker := s.clients["attacker-"+strings.ReplaceAll(way, " ", "-")]
		for _, planted := range []string{attacker.Jar.(jar)["patchbay"], "an id that is nobody's"} {
			if way != "a password" && way != "a provider" && planted == "an id that is nobody's" {
				continue // a link and a code work once
			}
			s.clients["victim"] = client()
			s.clients["victim"].Jar.(jar)["patchbay"] = planted
			enter()
			if a := s.do("victim", "GET", "/projects", nil); a.status != http.StatusOK || s.clients["victim"].Jar.(jar)["patchbay"] == planted {
				t.Errorf("%s: the victim gets %d, with the planted id: %t", way, a.status, s.clients["victim"].Jar.(jar)["patchbay"] == planted)
			}
			twin := client()
			twin.Jar.(jar)["patchbay"] = planted
			if a := s.send(twin, "GET", "/projects", nil, nil); a.status != http.StatusSeeOther {
				t.Errorf("%s: with the planted id one gets %d", way, a.status)
			}
		}
	}
}

// Every cookie is for this host alone, over https alone, and for no script; each name that stands for something says so (P46).
func TestEveryCookie(t *testing.T) {
	s, h := hostileSite(t, nil)
	s.person(access.RoleEditor)
	secret := s.enrol("editor")
	base, err := url.Parse(s.http.URL)
	s.check(err)
	s.server.BaseURL = "https://" + base.Host
	s.server.Auth = auth.New(auth.Options{Store: s.server.Store, Keys: s.keys, Secure: true, Now: func() time.Time { return time.Now().Add(time.Duration(s.later.Load())) },
		OIDC: auth.OIDCOptions{Client: transport.HTTPClient(transport.Policy{AllowPrivate: true}), Keys: s.keys, BaseURL: s.server.BaseURL}})
	h.Discovery = func(d map[string]any) { d["end_session_endpoint"] = h.Issuer + "/end" }
	seen := map[string]string{}
	take := func(a answer) answer {
		t.Helper()
		for _, c := range (&http.Response{Header: a.header}).Cookies() {
			seen[c.Name] = c.Value
			name, marked := strings.CutPrefix(c.Name, "__Host-")
			if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || !marked && name != themeCookie {
				t.Errorf("the cookie %s", c.Raw)
			}
			if name == "patchbay" && c.Value != "" && (c.MaxAge != 0 || !c.Expires.IsZero()) {
				t.Errorf("the session outlives the browser: %s", c.Raw)
			}
		}
		return a
	}
	do := func(method, path string, body any) answer {
		t.Helper()
		return take(s.do("browser", method, path, body))
	}
	s.clients["browser"] = client()
	do("POST", "/sign-in", url.Values{"email": {"editor@example.com"}, "password": {password}})
	do("POST", "/sign-in/code", url.Values{"code": {s.codeOf(secret)}})
	plain := client() // the same values without the mark, as a page of plain http could set them
	for name, value := range maps.All(s.clients["browser"].Jar.(jar)) {
		plain.Jar.(jar)[strings.TrimPrefix(name, "__Host-")] = value
	}
	if with, without := do("GET", "/projects", nil).status, s.send(plain, "GET", "/projects", nil, nil).status; with != http.StatusOK || without != http.StatusSeeOther {
		t.Errorf("cookies with the mark of https get %d, without it %d", with, without)
	}
	do("POST", "/theme", url.Values{"theme": {"dark"}})
	do("POST", "/theme", url.Values{"theme": {""}})
	do("POST", "/sign-out", nil)

	there, err := url.Parse(do("GET", "/auth/oidc/sso/start", nil).header.Get("Location"))
	s.check(err)
	back, err := url.Parse(s.get(client(), there, nil).header.Get("Location"))
	s.check(err)
	do("GET", back.RequestURI(), nil)
	out := do("POST", "/sign-out", nil)
	to, err := url.Parse(strings.TrimPrefix(out.header.Get("Refresh"), "0; url="))
	s.check(err)
	do("GET", "/signed-out?state="+to.Query().Get("state"), nil)
	for _, name := range []string{"__Host-patchbay", "__Host-patchbay-device", "__Host-patchbay-sign-in", "__Host-patchbay-flow", "__Host-patchbay-signed-out", themeCookie} {
		if _, ok := seen[name]; !ok {
			t.Errorf("no answer sets %s: this test shows nothing of it", name)
		}
		delete(seen, name)
	}
	if len(seen) > 0 {
		t.Errorf("more cookies: %v", seen)
	}
}
