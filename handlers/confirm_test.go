package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"patchbay/access"
)

// Acts that would let a stolen session spread ask for the password where it was given long ago, and lose nothing of what was
// typed (P45).
func TestDangerousActsAskForThePassword(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	token := s.token("admin", access.ScopeAdmin)
	s.later.Store(int64(10 * time.Minute))
	form := url.Values{"name": {"Ana"}, "email": {"ana@example.com"}, "role": {"editor"}}
	a := s.do("admin", "POST", "/settings/people", form)
	if a.status != http.StatusForbidden || a.page(t).Find("[name=email]").AttrOr("value", "") != "ana@example.com" {
		t.Fatalf("inviting answers %d, holding %q", a.status, a.page(t).Find("[name=email]").AttrOr("value", ""))
	}
	form.Set(confirmField, "not the password")
	a = s.do("admin", "POST", "/settings/people", form)
	if a.status != http.StatusForbidden || a.page(t).Find(".error").Length() != 1 || strings.Contains(a.body, "not the password") {
		t.Errorf("a wrong password answers %d", a.status)
	}
	if _, err := s.server.Store.UserByEmail(t.Context(), "ana@example.com"); err == nil {
		t.Fatal("the act was done")
	}
	form.Set(confirmField, password)
	if a = s.do("admin", "POST", "/settings/people", form); a.status != http.StatusOK || !strings.Contains(a.body, "/invite/") {
		t.Errorf("the password answers %d", a.status)
	}
	form = url.Values{"name": {"Bo"}, "email": {"bo@example.com"}, "role": {"viewer"}}
	if a = s.do("admin", "POST", "/settings/people", form); a.status != http.StatusOK {
		t.Errorf("right after, the next act answers %d", a.status)
	}
	s.later.Store(int64(30 * time.Minute))
	body := `{"email":"cy@example.com","name":"Cy","role":"viewer"}`
	if a = s.do("admin", "POST", "/api/v1/users", body); a.status != http.StatusForbidden || a.get(t, "code") != "reauthenticate" {
		t.Errorf("the API by an old session answers %d %s", a.status, a.body)
	}
	if a = s.api(token, "POST", "/api/v1/users", body); a.status != http.StatusCreated {
		t.Errorf("the API by a token answers %d %s", a.status, a.body)
	}
}
