package handlers

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/e2e/providers"
	"patchbay/store"
	"patchbay/workspace"
)

// newest is the latest row of the log.
func (s *site) newest() store.AuditRow {
	s.t.Helper()
	rows, err := s.server.Store.AuditRows(s.t.Context(), store.AuditFilter{Limit: 1})
	s.check(err)
	return rows[0]
}

// leavesOne checks that a request left one row: of this action and outcome, about this object, with these words in its details, and
// with the id that the answer has.
func (s *site) leavesOne(what, action, outcome, object, words string, do func() answer) {
	s.t.Helper()
	before := s.newest().Seq
	a := do()
	row := s.newest()
	if row.Seq != before+1 {
		s.t.Errorf("%s (%d) leaves %d rows", what, a.status, row.Seq-before)
	}
	if row.Action != action || row.Outcome != outcome || !strings.Contains(row.ObjectName, object) || !strings.Contains(row.Detail, words) || row.IP != "127.0.0.1" {
		s.t.Errorf("%s (%d) leaves %s %s of %q with %s from %q, want %s %s of %q with %s", what, a.status, row.Action, row.Outcome, row.ObjectName, row.Detail, row.IP, action, outcome, object, words)
	}
	if row.RequestID == "" || row.RequestID != a.header.Get("X-Request-Id") {
		s.t.Errorf("%s: the row names the request %q, the answer %q", what, row.RequestID, a.header.Get("X-Request-Id"))
	}
}

// Each sign-in, good or bad, and each refusal of a password, a code, a token, a link or another site leaves one row, which names the
// request (P52).
func TestRefusalsAreInTheLog(t *testing.T) {
	s, h := hostileSite(t, nil)
	s.person(access.RoleEditor)
	one := func(method, path string, body any, header http.Header) func() answer {
		return func() answer { return s.send(client(), method, path, body, header) }
	}
	as := func(name, method, path string, body any) func() answer {
		return func() answer { return s.do(name, method, path, body) }
	}
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	signIn := func(email, password string) func() answer {
		return one("POST", "/sign-in", url.Values{"email": {email}, "password": {password}}, nil)
	}

	s.leavesOne("a good sign-in", "user.sign_in", "ok", "editor@example.com", "", signIn("editor@example.com", password))
	s.leavesOne("a wrong password", "user.sign_in", "refused", "editor@example.com", `"cause":"password"`, signIn("editor@example.com", "wrong"))
	for range 5 {
		signIn("nobody@example.com", "wrong")()
	}
	s.leavesOne("one too many", "user.sign_in", "refused", "nobody@example.com", `"cause":"limit"`, signIn("nobody@example.com", "wrong"))
	s.check(s.server.Store.Maintain(t.Context(), func(tx *store.Tx) error { return tx.SetSetting(store.SettingLocalSignIn, "false") }))
	s.leavesOne("local sign-in that is off", "user.sign_in", "refused", "editor@example.com", `"cause":"local_off"`, signIn("editor@example.com", password))
	s.check(s.server.Store.Maintain(t.Context(), func(tx *store.Tx) error { return tx.SetSetting(store.SettingLocalSignIn, "true") }))

	s.leavesOne("a way back without a way there", "user.sign_in", "refused", "", `"detail":"browser"`, one("GET", "/auth/oidc/sso/callback?code=x&state=y", nil, nil))
	s.provider("down", "http://127.0.0.1:1", nil, nil)
	s.leavesOne("a provider that is down", "user.sign_in", "refused", "", `"cause":"unreachable"`, one("GET", "/auth/oidc/down/start", nil, nil))
	last := func(op string) func() answer { // the answer of the callback itself
		return func() answer {
			s.clients["eve"] = client()
			there := s.do("eve", "GET", "/auth/oidc/"+op+"/start", nil)
			to, err := url.Parse(there.header.Get("Location"))
			s.check(err)
			back, err := url.Parse(s.get(client(), to, nil).header.Get("Location"))
			s.check(err)
			return s.get(s.clients["eve"], back, nil)
		}
	}
	s.leavesOne("a good sign-in with a provider", "user.sign_in", "ok", "eve@example.com", `"provider":"sso"`, last("sso"))
	eve, err := s.server.Store.UserByEmail(t.Context(), "eve@example.com")
	s.check(err)
	disable := func(to bool) {
		eve, err = s.server.Store.User(t.Context(), eve.ID)
		s.check(err)
		eve.Disabled = to
		s.check(s.server.Store.Maintain(t.Context(), func(tx *store.Tx) error { return tx.UpdateUser(eve) }))
	}
	disable(true)
	s.leavesOne("someone disabled", "user.sign_in", "refused", "eve@example.com", `"cause":"disabled"`, last("sso"))
	disable(false)
	in := auth.ProviderInput{ID: "sso", Name: "SSO", Issuer: h.Issuer, ClientID: providers.ClientID, Enabled: true}
	_, err = s.server.Auth.UpdateProvider(t.Context(), s.actor("admin"), in) // without a default role
	s.check(err)
	s.leavesOne("someone shut out", "user.shut_out", "refused", "eve@example.com", `"cause":"no_role"`, last("sso"))
	s.leavesOne("a bad logout token", "user.provider_sign_out", "refused", "SSO", "logout_token", one("POST", "/auth/oidc/sso/logout", url.Values{"logout_token": {"x"}}, nil))
	now := time.Now()
	good := h.Sign("logout+jwt", map[string]any{"iss": h.Issuer, "aud": providers.ClientID, "sub": "eve", "jti": "1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}})
	s.leavesOne("a good one", "user.provider_sign_out", "ok", "SSO", "sessions", one("POST", "/auth/oidc/sso/logout", url.Values{"logout_token": {good}}, nil))

	s.leavesOne("a bad token", "access.refused", "refused", "GET /api/v1/users", "bad API token", one("GET", "/api/v1/users", nil, bearer("pbk_x")))
	hash := sha256.Sum256([]byte("pbk_expired"))
	s.check(s.server.Store.Maintain(t.Context(), func(tx *store.Tx) error {
		return tx.CreateAPIToken(store.APIToken{ID: "expired", UserID: s.users["admin"].ID, Name: "old", Hash: hash[:], Scope: access.ScopeRead, Created: now.Add(-time.Hour), Expires: now.Add(-time.Minute)})
	}))
	s.leavesOne("an expired token", "access.refused", "refused", "GET /api/v1/users", "bad API token", one("GET", "/api/v1/users", nil, bearer("pbk_expired")))
	s.leavesOne("a token on a page", "access.refused", "refused", "GET /projects", "token_elsewhere", one("GET", "/projects", nil, bearer(s.token("admin", access.ScopeRead))))
	s.leavesOne("a token in an address", "access.refused", "refused", "GET /api/v1/users", "token_in_url", one("GET", "/api/v1/users?token=x", nil, nil))
	s.leavesOne("another site", "access.refused", "refused", "POST /sign-in", "cross_origin", one("POST", "/sign-in", url.Values{}, http.Header{"Sec-Fetch-Site": {"cross-site"}}))
	s.leavesOne("a link that is none", "access.refused", "refused", "GET /invite/{token}", "used or has expired", one("GET", "/invite/guessed", nil, nil))
	s.leavesOne("a web link that is none", "access.refused", "refused", "GET /share/{token}", "", one("GET", "/share/guessed", nil, nil))
	s.leavesOne("and its stream", "access.refused", "refused", "GET /share/{token}/access", "", one("GET", "/share/guessed/access", nil, nil))
	s.leavesOne("a setup link that is none", "access.refused", "refused", "POST /setup", "used or has expired", one("POST", "/setup", url.Values{"token": {"guessed"}}, nil))
	s.leavesOne("a role that is too small", "access.refused", "refused", "GET /settings/people", "", as("editor", "GET", "/settings/people", nil))

	invited, err := s.server.Workspace.CreateUser(t.Context(), s.actor("admin"), workspace.UserInput{Email: "new@example.com", Name: "New", Role: access.RoleViewer})
	s.check(err)
	link, err := s.server.Auth.CreateInvite(t.Context(), s.actor("admin"), invited.ID)
	s.check(err)
	s.leavesOne("an invitation", "user.accept_invite", "ok", "new@example.com", "", one("POST", "/invite/"+link, url.Values{"password": {password}}, nil))

	secret := s.do("editor", "POST", "/settings/account/totp", url.Values{}).page(t).Find("pb-copy").AttrOr("data-text", "")
	confirm := func(code string) func() answer {
		return as("editor", "POST", "/settings/account/totp/confirm", url.Values{"code": {code}})
	}
	s.leavesOne("a wrong first code", "user.totp_on", "refused", "editor@example.com", `"cause":"code"`, confirm("1"))
	code, err := totp.GenerateCode(secret, time.Now())
	s.check(err)
	s.leavesOne("the right one", "user.totp_on", "ok", "editor@example.com", "", confirm(code))
	s.leavesOne("the password before the code", "user.password_given", "ok", "editor@example.com", "", givePassword(s, "editor@example.com"))
	s.leavesOne("a wrong code", "user.sign_in", "refused", "editor@example.com", `"cause":"code"`, as("half", "POST", "/sign-in/code", url.Values{"code": {"1"}}))
	s.later.Store(int64(30 * time.Second)) // each code counts once
	code, err = totp.GenerateCode(secret, time.Now().Add(30*time.Second))
	s.check(err)
	s.leavesOne("the code of a sign-in", "user.sign_in", "ok", "editor@example.com", "", as("half", "POST", "/sign-in/code", url.Values{"code": {code}}))
	s.leavesOne("the second step kept on", "user.totp_off", "refused", "editor@example.com", `"cause":"password"`,
		as("editor", "POST", "/settings/account/totp/off", url.Values{"totp_password": {"wrong"}}))
	s.leavesOne("a password not changed", "user.password", "refused", "admin@example.com", `"cause":"password"`,
		as("admin", "POST", "/settings/account/password", url.Values{"current": {"wrong"}, "password": {"another quiet harbour"}}))

	s.later.Store(int64(10 * time.Minute))
	s.leavesOne("no fresh proof", "access.refused", "refused", "POST /settings/people", "too long ago", as("admin", "POST", "/settings/people", invitation()))
	s.leavesOne("no fresh proof for a script", "access.refused", "refused", "POST /api/v1/users", "too long ago", as("admin", "POST", "/api/v1/users", "{}"))
	wrong := invitation()
	wrong.Set(confirmField, "wrong")
	s.leavesOne("a wrong fresh proof", "user.reauthenticate", "refused", "admin@example.com", `"cause":"password"`, as("admin", "POST", "/settings/people", wrong))
}

// givePassword gives the password of someone with a second step, in the browser "half".
func givePassword(s *site, email string) func() answer {
	return func() answer {
		s.clients["half"] = client()
		return s.do("half", "POST", "/sign-in", url.Values{"email": {email}, "password": {password}})
	}
}

// Whoever is refused again and again does not fill the log; the next row that is kept says how many were left out.
func TestRefusalsDoNotFloodTheLog(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	before := s.newest().Seq
	flood := func(times int) {
		for range times {
			if a := s.api("pbk_x", "GET", "/api/v1/users", ""); a.status != http.StatusUnauthorized {
				t.Fatalf("a bad token answers %d", a.status)
			}
		}
	}
	flood(130)
	if n := s.newest().Seq - before; n != 100 {
		t.Errorf("130 refusals leave %d rows", n)
	}
	s.do("", "POST", "/sign-in", url.Values{"email": {"admin@example.com"}, "password": {"wrong"}})
	if row := s.newest(); row.Action != "user.sign_in" || row.Outcome != "refused" {
		t.Error("what is refused often keeps a wrong password out of the log")
	}
	s.later.Store(int64(16 * time.Minute))
	flood(1)
	if row := s.newest(); row.Seq != before+102 || !strings.Contains(row.Detail, `"left_out_before":30`) {
		t.Errorf("a quarter of an hour later row %d says %s", row.Seq-before, row.Detail)
	}
}

// A test of a provider is recorded as it came out, its keys and algorithms included.
func TestProviderTestsAreRecordedAsTheyEnd(t *testing.T) {
	s, h := hostileSite(t, nil)
	form := url.Values{"id": {"x"}, "name": {"X"}, "issuer": {h.Issuer}, "client_id": {"x"}}
	test := func() answer { return s.do("admin", "POST", "/settings/sign-in/discovery", form) }
	s.leavesOne("a good provider", "provider.test", "ok", "X", "", test)
	h.Discovery = func(d map[string]any) { d["id_token_signing_alg_values_supported"] = []string{"HS256", "none"} }
	s.leavesOne("no algorithm", "provider.test", "failed", "X", "", test)
	h.Discovery, h.Keys = nil, func() []byte { return []byte("no keys") }
	s.leavesOne("no keys", "provider.test", "failed", "X", "", test)
}

// The secret of a second step that was begun is shown to nobody who does not prove who they are, and not confirmed for ever (P45).
func TestPendingSecondStep(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	begin := func() string {
		return s.do("admin", "POST", "/settings/account/totp", url.Values{confirmField: {password}}).page(t).Find("pb-copy").AttrOr("data-text", "")
	}
	confirm := func(form url.Values) answer { return s.do("admin", "POST", "/settings/account/totp/confirm", form) }
	secret := begin()
	s.later.Store(int64(6 * time.Minute))
	if a := confirm(url.Values{"code": {"1"}}); a.status != http.StatusForbidden || secret == "" || strings.Contains(a.body, secret) {
		t.Errorf("a stale session with a wrong code is answered %d", a.status)
	}
	if a := confirm(url.Values{"code": {"1"}, confirmField: {"wrong"}}); a.status != http.StatusForbidden || strings.Contains(a.body, secret) {
		t.Errorf("with a wrong password: %d", a.status)
	}
	if a := confirm(url.Values{"code": {"1"}, confirmField: {password}}); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, secret) {
		t.Errorf("with the password: %d", a.status)
	}
	s.later.Store(int64(10*time.Minute + time.Second))
	right, err := totp.GenerateCode(secret, time.Now().Add(10*time.Minute+time.Second))
	s.check(err)
	for _, code := range []string{right, "1"} {
		if a := confirm(url.Values{"code": {code}, confirmField: {password}}); a.status != http.StatusUnprocessableEntity || strings.Contains(a.body, secret) || !strings.Contains(a.body, "took too long") {
			t.Errorf("after ten minutes: %d %s", a.status, a.words(t))
		}
	}
	if again := begin(); again == "" || again == secret {
		t.Error("it cannot be begun anew")
	}
}
