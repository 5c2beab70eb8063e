package handlers

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/claims"
	"patchbay/connectors"
	"patchbay/e2e/providers"
	"patchbay/secret"
	"patchbay/store"
	"patchbay/workspace"
)

// provider adds a provider as the Admin; change bends its settings first.
func (s *site) provider(id, issuer string, rules []claims.Rule, change func(*auth.ProviderInput)) store.Provider {
	s.t.Helper()
	in := auth.ProviderInput{ID: id, Name: "Provider " + id, Issuer: issuer, ClientID: providers.ClientID, Secret: secret.New(providers.Secret),
		Scopes: "email profile", DefaultRole: access.RoleViewer, Enabled: true}
	if change != nil {
		change(&in)
	}
	p, err := s.server.Auth.CreateProvider(s.t.Context(), s.actor("admin"), in)
	s.check(err)
	s.check(s.server.Auth.SetRules(s.t.Context(), s.actor("admin"), id, rules))
	return p
}

// visit follows a browser from an address through redirects, signs in where a provider asks for it, and returns the first
// answer that is neither.
func (s *site) visit(c *http.Client, address string, op *providers.Provider) (answer, *url.URL) {
	s.t.Helper()
	base, err := url.Parse(s.http.URL)
	s.check(err)
	at, err := base.Parse(address)
	s.check(err)
	var form url.Values
	for range 12 {
		a := s.get(c, at, form)
		form = nil
		if to := a.header.Get("Location"); to != "" {
			at, err = at.Parse(to)
			s.check(err)
			continue
		}
		asks := a.page(s.t).Find("form:has([name=username])")
		if op == nil || asks.Length() == 0 {
			return a, at
		}
		form = url.Values{"username": {op.User}, "password": {op.Password}}
		if id, ok := asks.Find("[name=id]").Attr("value"); ok {
			form.Set("id", id)
		}
		at, err = at.Parse(asks.AttrOr("action", ""))
		s.check(err)
	}
	s.t.Fatal("the browser is sent around for ever")
	return answer{}, nil
}

func (s *site) get(c *http.Client, at *url.URL, form url.Values) answer {
	s.t.Helper()
	method, body, kind := "GET", "", ""
	if form != nil {
		method, body, kind = "POST", form.Encode(), "application/x-www-form-urlencoded"
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, at.String(), strings.NewReader(body))
	s.check(err)
	r.Header.Set("Content-Type", kind)
	resp, err := c.Do(r)
	s.check(err)
	return read(s, resp)
}

func read(s *site, resp *http.Response) answer {
	s.t.Helper()
	rec := httptest.NewRecorder()
	_, err := rec.Body.ReadFrom(resp.Body)
	s.check(err)
	s.check(resp.Body.Close())
	return answer{resp.StatusCode, resp.Header, rec.Body.String()}
}

// enter signs someone in with a provider; as names their browser.
func (s *site) enter(as, id string, op *providers.Provider) (answer, *url.URL) {
	s.t.Helper()
	s.clients[as] = client()
	return s.visit(s.clients[as], "/auth/oidc/"+id+"/start?next=/projects", op)
}

// groupsOf are the names of a user's groups.
func (s *site) groupsOf(email string) (role access.Role, names []string) {
	s.t.Helper()
	u, err := s.server.Store.UserByEmail(s.t.Context(), email)
	s.check(err)
	for _, id := range u.Groups {
		g, err := s.server.Store.Group(s.t.Context(), id)
		s.check(err)
		names = append(names, g.Name)
	}
	slices.Sort(names)
	return u.Role, names
}

func (s *site) wantPerson(email string, role access.Role, groups ...string) {
	s.t.Helper()
	if r, g := s.groupsOf(email); r != role || !slices.Equal(g, groups) {
		s.t.Errorf("%s is %s in %v, want %s in %v", email, r, g, role, groups)
	}
}

var shopRules = []claims.Rule{
	{Claim: "groups", Value: "pb-admins", Role: access.RoleAdmin}, {Claim: "groups", Value: "analysts", Role: access.RoleEditor, Group: "Analysts"},
	{Claim: "groups", Value: "pb-*", Group: claims.SameName},
}

// The same against two real providers (P34): sign-in, groups that change between two sign-ins, a lost group's query that ends, the
// provider's sign-out, and its back-channel logout (P39, P40).
func TestBothProviders(t *testing.T) {
	for name, run := range providers.Both {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.person(access.RoleAdmin)
			op := run(t, s.server.Auth.CallbackURL("sso"), s.server.Auth.SignedOutURL())
			s.provider("sso", op.Issuer, shopRules, nil)
			op.SetGroups([]string{"analysts", "pb-finance", "other"})
			a, at := s.enter("alice", "sso", op)
			if a.status != http.StatusOK || at.Path != "/projects" {
				t.Fatalf("signing in ends at %s with %d %s", at, a.status, a.body)
			}
			s.wantPerson(op.Email, access.RoleEditor, "Analysts", "pb-finance")

			u, err := s.server.Store.UserByEmail(t.Context(), op.Email)
			s.check(err)
			s.users["alice"] = u
			analysts, err := s.server.Store.Groups(t.Context())
			s.check(err)
			hand, err := s.server.Workspace.CreateGroup(t.Context(), s.actor("admin"), "By hand")
			s.check(err)
			s.check(s.server.Workspace.SetMember(t.Context(), s.actor("admin"), hand.ID, u.ID, true))
			c := s.connect("Shop", workspace.ConnectionInput{CanQuery: []string{analysts[0].ID}})
			ended := s.running("alice", c.ID, "")
			op.SetGroups([]string{"pb-sales"})
			if a, at := s.enter("alice's other browser", "sso", op); at.Path != "/projects" {
				t.Fatalf("the second sign-in ends at %s with %d", at, a.status)
			}
			s.over("a group lost at the second sign-in", ended)
			s.wantPerson(op.Email, access.RoleViewer, "By hand", "pb-sales")

			s.signsOutThere(op, "alice's other browser")
			if a, at := s.enter("alice", "sso", op); at.Path != "/projects" { // the role became another: her first session has ended
				t.Fatalf("the third sign-in ends at %s with %d", at, a.status)
			}
			s.backchannel(op)
		})
	}
}

// signsOutThere signs out in a browser, and then at the provider.
func (s *site) signsOutThere(op *providers.Provider, as string) {
	s.t.Helper()
	a := s.do(as, "POST", "/sign-out", nil)
	to, ok := strings.CutPrefix(a.header.Get("Refresh"), "0; url=")
	if a.status != http.StatusOK || !ok {
		s.t.Fatalf("signing out answers %d, goes on to %q", a.status, a.header.Get("Refresh"))
	}
	if b := s.do(as, "GET", "/projects", nil); b.status != http.StatusSeeOther {
		s.t.Errorf("signed out, /projects answers %d", b.status)
	}
	back, at := s.visit(s.clients[as], to, op)
	if at.Path != "/signed-out" || !strings.Contains(back.body, "here and at your provider") || op.SignedOut() != 1 {
		s.t.Errorf("the provider's sign-out ends at %s: %s", at, back.body)
	}
}

// backchannel tries every bad logout token, which ends nothing, and then a good one, which ends the session at once (P40).
func (s *site) backchannel(op *providers.Provider) {
	s.t.Helper()
	post := func(token string) int {
		return s.send(client(), "POST", "/auth/oidc/sso/logout", url.Values{"logout_token": {token}}, http.Header{"Sec-Fetch-Site": {"cross-site"}}).status
	}
	for what, change := range map[string]func(map[string]any){
		"another audience": func(c map[string]any) { c["aud"] = "another" },
		"another issuer":   func(c map[string]any) { c["iss"] = "https://evil.example" },
		"no event":         func(c map[string]any) { delete(c, "events") },
		"a nonce":          func(c map[string]any) { c["nonce"] = "n" },
		"expired":          func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() },
		"no id":            func(c map[string]any) { delete(c, "jti") },
		"nobody":           func(c map[string]any) { delete(c, "sub"); delete(c, "sid") },
		"the future":       func(c map[string]any) { c["iat"] = time.Now().Add(time.Hour).Unix() },
	} {
		if status := post(op.LogoutToken(s.t, change)); status != http.StatusBadRequest {
			s.t.Errorf("a logout token with %s answers %d", what, status)
		}
	}
	for _, token := range []string{"", "x", "a.b.c", strings.Repeat("x", 20<<10)} {
		if status := post(token); status != http.StatusBadRequest {
			s.t.Errorf("the token %.10q answers %d", token, status)
		}
	}
	if a := s.do("alice", "GET", "/projects", nil); a.status != http.StatusOK {
		s.t.Fatalf("bad logout tokens ended the session: %d", a.status)
	}
	if status := post(op.LogoutToken(s.t, func(c map[string]any) { c["sid"] = "another session" })); status != http.StatusOK {
		s.t.Errorf("a logout of another session answers %d", status)
	}
	if a := s.do("alice", "GET", "/projects", nil); a.status != http.StatusOK {
		s.t.Fatalf("a logout of another session ended this one: %d", a.status)
	}
	good := op.LogoutToken(s.t, nil)
	if status := post(good); status != http.StatusOK {
		s.t.Errorf("a logout token answers %d", status)
	}
	if a := s.do("alice", "GET", "/projects", nil); a.status != http.StatusSeeOther {
		s.t.Errorf("after the logout /projects answers %d", a.status)
	}
	if status := post(good); status != http.StatusBadRequest {
		s.t.Errorf("the same logout token again answers %d", status)
	}
	s.enter("alice", "sso", op)
	if status := post(op.LogoutToken(s.t, func(c map[string]any) { delete(c, "sid") })); status != http.StatusOK {
		s.t.Errorf("a logout by subject answers %d", status)
	}
	if a := s.do("alice", "GET", "/projects", nil); a.status != http.StatusSeeOther {
		s.t.Errorf("after the logout by subject /projects answers %d", a.status)
	}
}

// hostileSite is a site with a hostile provider, for a client with these rules.
func hostileSite(t *testing.T, change func(*auth.ProviderInput)) (*site, *providers.Hostile) {
	t.Helper()
	s, h := newSite(t), providers.NewHostile(t)
	s.person(access.RoleAdmin)
	s.provider("sso", h.Issuer, shopRules, change)
	return s, h
}

// Each check of the flow has an answer that only it refuses (P35).
func TestHostileAnswers(t *testing.T) {
	s, h := hostileSite(t, nil)
	if a, at := s.enter("eve", "sso", nil); at.Path != "/projects" {
		t.Fatalf("unbent, the provider signs nobody in: %d %s", a.status, a.body)
	}
	asked := h.Asked[0]
	if asked.Get("code_challenge_method") != "S256" || len(asked.Get("state")) < 22 || len(asked.Get("nonce")) < 22 || asked.Get("redirect_uri") != s.server.Auth.CallbackURL("sso") {
		t.Errorf("the way there is %v", asked)
	}
	other := func(name string, v any) func() {
		return func() { h.Claims = func(c map[string]any) { c[name] = v } }
	}
	without := func(name string) func() {
		return func() { h.Claims = func(c map[string]any) { delete(c, name) } }
	}
	badly := func(alg string) func() {
		return func() { h.Token = func(c map[string]any) string { return h.SignBadly(alg, c) } }
	}
	logout := map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	hour := time.Now().Add(time.Hour).Unix()
	for what, bent := range map[string]struct {
		bend   func()
		detail string
	}{
		"alg none":              {badly("none"), "token"},
		"HS256 by public key":   {badly("HS256"), "token"},
		"HS256 by a public one": {badly("HS256 published"), "token"},
		"wrong kid":             {badly("wrong kid"), "token"},
		"another key":           {badly("another key"), "token"},
		"expired":               {other("exp", time.Now().Add(-time.Second).Unix()), "token"},
		"another issuer":        {other("iss", "https://evil.example"), "token"},
		"another audience":      {other("aud", "another"), "token"},
		"an audience list":      {other("aud", []string{providers.ClientID, "another"}), "azp"},
		"another party":         {other("azp", "another"), "azp"},
		"a party that is none":  {other("azp", 1), "claims"},
		"an endless subject":    {other("sub", strings.Repeat("x", 256)), "sub"},
		"issued in the future":  {other("iat", hour), "iat"},
		"not issued":            {without("iat"), "iat"},
		"not before":            {other("nbf", hour), "token"},
		"no nonce":              {without("nonce"), "nonce"},
		"another nonce":         {other("nonce", "another"), "nonce"},
		"no subject":            {without("sub"), "sub"},
		"a logout token":        {other("events", logout), "events"},
		"another access token":  {other("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), "at_hash"},
		"no ID token":           {func() { h.Tokens = func(m map[string]any) { delete(m, "id_token") } }, "token"},
		"another person's info": {func() { h.UserInfo = func(c map[string]any) { c["sub"] = "mallory" } }, "userinfo sub"},
		"another state":         {func() { h.Answer = func(v url.Values) { v.Set("state", "another") } }, "state"},
		"no state":              {func() { h.Answer = func(v url.Values) { v.Del("state") } }, "state"},
		"another answerer":      {func() { h.Answer = func(v url.Values) { v.Set("iss", "https://evil.example") } }, "iss"},
		"no answerer":           {func() { h.Answer = func(v url.Values) { v.Del("iss") } }, "iss"},
	} {
		h.Claims, h.Token, h.UserInfo, h.Answer, h.Tokens, h.Keys = nil, nil, nil, nil, nil, nil
		bent.bend()
		a, at := s.enter("eve", "sso", nil)
		if a.status != http.StatusBadRequest || !strings.Contains(a.body, "could not be trusted") {
			t.Errorf("%s: ends at %s with %d", what, at.Path, a.status)
		}
		if b := s.do("eve", "GET", "/projects", nil); b.status != http.StatusSeeOther {
			t.Errorf("%s: is signed in", what)
		}
		rows, err := s.server.Store.AuditRows(t.Context(), store.AuditFilter{Action: "user.sign_in", Limit: 1})
		s.check(err)
		if rows[0].Outcome != "refused" || !strings.Contains(rows[0].Detail, `"detail":"`+bent.detail+`"`) {
			t.Errorf("%s: refused as %s, want %s", what, rows[0].Detail, bent.detail)
		}
	}
	h.Claims = func(c map[string]any) {
		c["aud"], c["azp"] = []string{providers.ClientID, "another"}, providers.ClientID
	}
	h.Token, h.UserInfo, h.Answer, h.Tokens, h.Keys = nil, nil, nil, nil, nil
	if _, at := s.enter("eve", "sso", nil); at.Path != "/projects" {
		t.Errorf("an audience list with this party ends at %s", at)
	}
}

// A provider changes its keys between the way there and the way back: the new ones are fetched, once.
func TestKeysAreRotatedInTheMiddle(t *testing.T) {
	s, h := hostileSite(t, nil)
	s.enter("eve", "sso", nil)
	h.Answer = func(url.Values) { h.Rotate() }
	for range 2 {
		if a, at := s.enter("eve", "sso", nil); at.Path != "/projects" {
			t.Errorf("after a rotation the sign-in ends at %s with %d", at, a.status)
		}
	}
	if h.KeysServed != 3 {
		t.Errorf("the keys were fetched %d times", h.KeysServed)
	}
}

// A code, a verifier and a redirect are used as they were made, and the provider's refusal is told without what it echoes.
func TestExchange(t *testing.T) {
	s, h := hostileSite(t, nil)
	s.enter("eve", "sso", nil)
	if e := h.Exchanges[0]; len(e.Get("code_verifier")) < 43 || e.Get("redirect_uri") != h.Asked[0].Get("redirect_uri") {
		t.Errorf("the exchange sends %v", e)
	}
	h.Answer = func(v url.Values) { v.Set("code", "stolen") }
	if a, _ := s.enter("eve", "sso", nil); a.status != http.StatusBadGateway || !strings.Contains(a.body, "invalid_grant") {
		t.Errorf("a code of nobody's answers %d %s", a.status, a.body)
	}
	h.Answer = func(v url.Values) { v.Set("error", "access_denied"); v.Set("error_description", "<script>") }
	if a, _ := s.enter("eve", "sso", nil); a.status != http.StatusForbidden || !strings.Contains(a.body, "access_denied") || strings.Contains(a.body, "script>alert") {
		t.Errorf("a refusal answers %d", a.status)
	}
	h.Answer = nil
	in := auth.ProviderInput{ID: "sso", Name: "SSO", Issuer: h.Issuer, ClientID: providers.ClientID, Secret: secret.New("canary-wrong-secret"), Enabled: true}
	_, err := s.server.Auth.UpdateProvider(t.Context(), s.actor("admin"), in)
	s.check(err)
	if a, _ := s.enter("eve", "sso", nil); a.status != http.StatusBadGateway || strings.Contains(a.body+s.logs.String(), "canary-wrong-secret") {
		t.Errorf("a wrong client secret answers %d", a.status)
	}
}

// A flow is used once, by the browser that began it, within ten minutes, whatever Host it comes with (P36).
func TestFlowsAreBound(t *testing.T) {
	s, h := hostileSite(t, nil)
	var back string
	begin := func(as string, header http.Header) {
		s.clients[as] = client()
		a := s.send(s.clients[as], "GET", "/auth/oidc/sso/start?next=/projects", nil, header)
		at, err := url.Parse(a.header.Get("Location"))
		s.check(err)
		b := s.get(client(), at, nil)
		to, err := url.Parse(b.header.Get("Location"))
		s.check(err)
		back = to.RequestURI()
	}
	refused := func(what, as string) {
		t.Helper()
		if a := s.do(as, "GET", back, nil); a.status != http.StatusBadRequest || !strings.Contains(a.body, "is over or began in another browser") {
			t.Errorf("%s answers %d", what, a.status)
		}
	}
	begin("eve", nil)
	s.clients["other"] = client()
	refused("another browser", "other")
	cookie := s.clients["eve"].Jar.(jar)["patchbay-flow"]
	if a := s.do("eve", "GET", back, nil); a.status != http.StatusSeeOther || a.header.Get("Location") != "/projects" {
		t.Fatalf("the way back answers %d", a.status)
	}
	refused("a second time", "eve")
	s.clients["eve"].Jar.(jar)["patchbay-flow"] = cookie
	refused("a second time with the cookie kept", "eve")

	begin("eve", nil)
	s.later.Store(int64(10 * time.Minute))
	refused("ten minutes later", "eve")
	s.later.Store(0)

	s.provider("two", h.Issuer, nil, nil)
	begin("eve", nil)
	back = strings.Replace(back, "/sso/", "/two/", 1)
	refused("the way back of another provider", "eve")

	asked := len(h.Asked)
	a := s.send(client(), "GET", "/auth/oidc/sso/start", nil, http.Header{"X-Forwarded-Host": {"evil.example"}, "Forwarded": {"host=evil.example"}})
	if strings.Contains(a.header.Get("Location"), "evil") {
		t.Errorf("a forged header changes the redirect: %s", a.header.Get("Location"))
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.http.URL+"/auth/oidc/sso/start?here=1", nil)
	s.check(err)
	r.Host = "evil.example"
	resp, err := client().Do(r)
	s.check(err)
	if forged := read(s, resp); strings.Contains(forged.header.Get("Location"), "evil") || !strings.Contains(forged.header.Get("Location"), url.QueryEscape(s.server.Auth.CallbackURL("sso"))) {
		t.Errorf("a forged Host changes the redirect: %s", forged.header.Get("Location"))
	}
	r.URL.RawQuery = ""
	resp, err = client().Do(r)
	s.check(err)
	if moved := read(s, resp); !strings.HasPrefix(moved.header.Get("Location"), s.http.URL+"/auth/oidc/sso/start") {
		t.Errorf("another name of this host goes to %s", moved.header.Get("Location"))
	}
	if len(h.Asked) != asked {
		t.Error("the provider was asked")
	}
}

// After signing in the browser stays here (P21).
func TestNextStaysHere(t *testing.T) {
	s, _ := hostileSite(t, nil)
	for _, next := range []string{"//evil.example", `/\evil.example`, "https://evil.example", "/%09/evil.example"} {
		c := client()
		_, at := s.visit(c, "/auth/oidc/sso/start?next="+url.QueryEscape(next), nil)
		if at.Host != strings.TrimPrefix(s.http.URL, "http://") || at.Path != "/projects" {
			t.Errorf("next=%s ends at %s", next, at)
		}
	}
}

// Someone is who an issuer says, never who has the same address (P37, CVE-2023-3128).
func TestIdentityIsNoAddress(t *testing.T) {
	s, h := hostileSite(t, func(in *auth.ProviderInput) { in.LinkDomains = "example.com" })
	s.person(access.RoleEditor)
	be := func(sub, email string, verified any) (answer, *url.URL) {
		t.Helper()
		h.UserInfo = func(c map[string]any) { c["sub"] = sub }
		h.Claims = func(c map[string]any) {
			c["sub"], c["email"], c["email_verified"] = sub, email, verified
		}
		return s.enter("browser", "sso", nil)
	}
	refused := func(what, sub, email string, verified any) {
		t.Helper()
		if a, _ := be(sub, email, verified); a.status != http.StatusForbidden {
			t.Errorf("%s answers %d", what, a.status)
		}
	}
	refused("the Admin's address", "1", "admin@example.com", true)
	refused("an Editor's address in capitals", "2", "EDITOR@example.com", true)
	be("3", "mira@example.com", true)
	mira, err := s.server.Store.UserByEmail(t.Context(), "mira@example.com")
	s.check(err)
	refused("the address of someone of the same provider", "4", "mira@example.com", true)
	be("3", "mira.k@example.com", true)
	if u, err := s.server.Store.User(t.Context(), mira.ID); err != nil || u.Email != "mira.k@example.com" {
		t.Errorf("a changed address: %v %v", u.Email, err)
	}
	be("3", "admin@example.com", true)
	if u, err := s.server.Store.User(t.Context(), mira.ID); err != nil || u.Email != "mira.k@example.com" {
		t.Errorf("an address that someone else has: %v %v", u.Email, err)
	}
	twin := providers.NewHostile(t)
	s.provider("twin", twin.Issuer, nil, nil)
	twin.Claims = func(c map[string]any) { c["sub"], c["email"] = "3", "mira.k@example.com" }
	twin.UserInfo = func(c map[string]any) { c["sub"] = "3" }
	if a, _ := s.enter("browser", "twin", nil); a.status != http.StatusForbidden {
		t.Errorf("the same subject of another issuer answers %d", a.status)
	}
	refused("no address", "5", "", true)

	invited, err := s.server.Workspace.CreateUser(t.Context(), s.actor("admin"), workspace.UserInput{Email: "new@example.com", Name: "New", Role: access.RoleEditor})
	s.check(err)
	elsewhere, err := s.server.Workspace.CreateUser(t.Context(), s.actor("admin"), workspace.UserInput{Email: "new@elsewhere.example", Name: "New", Role: access.RoleEditor})
	s.check(err)
	link, err := s.server.Auth.CreateInvite(t.Context(), s.actor("admin"), invited.ID)
	s.check(err)
	refused("an invited address that is not verified", "6", "new@example.com", false)
	refused("an invited address of another domain", "7", elsewhere.Email, true)
	if _, at := be("8", "new@example.com", "true"); at.Path != "/projects" {
		t.Errorf("an invited person ends at %s", at)
	}
	if u, err := s.server.Store.UserByEmail(t.Context(), "new@example.com"); err != nil || u.ID != invited.ID || !u.External {
		t.Errorf("the invited account is %+v, %v", u, err)
	}
	if a := s.do("", "GET", "/invite/"+link, nil); a.status != http.StatusGone {
		t.Errorf("the invitation of someone who signs in with a provider answers %d", a.status)
	}
	if _, err := s.server.Auth.CreateInvite(t.Context(), s.actor("admin"), invited.ID); err == nil {
		t.Error("someone who signs in with a provider is given a way to a password")
	}
}

// What a provider leaves out keeps what was known, but for Admin; whom no rule lets in keeps nothing (P38, P39).
func TestClaimsAtSignIn(t *testing.T) {
	s, h := hostileSite(t, func(in *auth.ProviderInput) { in.DefaultRole = "" })
	groups := func(change map[string]any) answer {
		t.Helper()
		h.Claims = func(c map[string]any) {
			for k, v := range change {
				c[k] = v
			}
		}
		a, _ := s.enter("eve", "sso", nil)
		return a
	}
	overage := map[string]any{"_claim_names": map[string]any{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "https://graph.example"}}}
	if a := groups(overage); a.status != http.StatusForbidden || !strings.Contains(a.body, "did not say which groups you are in") {
		t.Errorf("someone new of whom nothing is known answers %d", a.status)
	}
	groups(map[string]any{"groups": []string{"analysts", "pb-x"}})
	s.wantPerson("eve@example.com", access.RoleEditor, "Analysts", "pb-x")
	groups(overage)
	s.wantPerson("eve@example.com", access.RoleEditor, "Analysts", "pb-x")
	if a := s.do("admin", "GET", "/settings/sign-in/providers/sso", nil); !strings.Contains(a.body, "Stale since <time") || !strings.Contains(a.body, "groups is unknown") {
		t.Error("the Admin does not see what is stale")
	}
	groups(map[string]any{"groups": []string{"pb-admins", "analysts"}})
	s.wantPerson("eve@example.com", access.RoleAdmin, "Analysts", "pb-admins")
	if a := s.do("eve", "GET", "/settings/people", nil); a.status != http.StatusOK {
		t.Errorf("an Admin by rule gets %d", a.status)
	}
	eve, err := s.server.Store.UserByEmail(t.Context(), "eve@example.com")
	s.check(err)
	s.users["eve"] = eve
	token := s.token("eve", access.ScopeAdmin)
	for range 2 { // the second time no more is known: a refusal is no role to go by
		if a := groups(overage); a.status != http.StatusForbidden || !strings.Contains(a.body, "did not say which groups you are in") {
			t.Errorf("an Admin of whom nothing is known any more answers %d", a.status)
		}
		s.wantPerson("eve@example.com", access.RoleGuest, "Analysts", "pb-admins")
	}
	if a := s.do("admin", "GET", "/settings/sign-in/providers/sso", nil); !strings.Contains(a.body, "Stale since <time") || !strings.Contains(a.body, "eve@example.com") {
		t.Error("the Admin does not see whose groups are unknown")
	}
	if a := s.api(token, "GET", "/api/v1/users", ""); a.status != http.StatusUnauthorized {
		t.Errorf("the API token of a lost Admin answers %d", a.status)
	}
	groups(map[string]any{"groups": "analysts, pb-y"})
	s.wantPerson("eve@example.com", access.RoleEditor, "Analysts", "pb-y")
	s.clients["kept"] = s.clients["eve"]
	if a := groups(map[string]any{"groups": nil}); a.status != http.StatusForbidden {
		t.Errorf("a lost role answers %d", a.status)
	}
	if a := s.do("kept", "GET", "/projects", nil); a.status != http.StatusSeeOther {
		t.Errorf("the session from before the role was lost answers %d", a.status)
	}
	s.wantPerson("eve@example.com", access.RoleGuest)
	if a := groups(overage); a.status != http.StatusForbidden {
		t.Errorf("someone shut out gets in again by groups that are unknown: %d", a.status)
	}
}

// Whom the provider lets in no more has API tokens that do nothing, whatever groups they are in by hand, until it lets them in again.
func TestTokensOfSomeoneShutOut(t *testing.T) {
	s, h := hostileSite(t, func(in *auth.ProviderInput) { in.DefaultRole = "" })
	in := func(group string) {
		h.Claims = func(c map[string]any) { c["groups"] = group }
		s.enter("eve", "sso", nil)
	}
	in("analysts")
	eve, err := s.server.Store.UserByEmail(t.Context(), "eve@example.com")
	s.check(err)
	s.users["eve"] = eve
	hand, err := s.server.Workspace.CreateGroup(t.Context(), s.actor("admin"), "By hand")
	s.check(err)
	s.check(s.server.Workspace.SetMember(t.Context(), s.actor("admin"), hand.ID, eve.ID, true))
	c := s.connect("Shop", workspace.ConnectionInput{CanQuery: []string{hand.ID}})
	token := s.token("eve", access.ScopeRead)
	query := `{"connection_id":"` + c.ID + `","sql":"select 1"}`
	for _, step := range []struct {
		group string
		want  int
	}{{"analysts", http.StatusOK}, {"nothing", http.StatusUnauthorized}, {"analysts", http.StatusOK}} {
		in(step.group)
		if a := s.api(token, "POST", "/api/v1/query", query); a.status != step.want {
			t.Errorf("in %s the token gets %d %s, want %d", step.group, a.status, a.body, step.want)
		}
	}
	s.wantPerson("eve@example.com", access.RoleEditor, "Analysts", "By hand")
}

// What UserInfo says is added to the ID token, which wins: it is the part that is signed (P35).
func TestIDTokenWinsOverUserInfo(t *testing.T) {
	s, h := hostileSite(t, nil)
	info := func(groups string) {
		h.UserInfo = func(c map[string]any) { c["groups"], c["auth_time"] = groups, time.Now().Unix() }
		s.enter("eve", "sso", nil)
	}
	h.Claims = func(c map[string]any) { c["groups"] = "analysts" }
	info("pb-admins")
	s.wantPerson("eve@example.com", access.RoleEditor, "Analysts")
	h.Claims = nil
	info("pb-y")
	s.wantPerson("eve@example.com", access.RoleViewer, "pb-y")
	h.Claims = func(c map[string]any) { delete(c, "auth_time") } // when someone signed in counts from the ID token alone
	info("pb-admins")
	s.wantPerson("eve@example.com", access.RoleAdmin, "pb-admins")
	if a := s.do("eve", "POST", "/settings/people", invitation()); a.status != http.StatusForbidden {
		t.Errorf("auth_time from UserInfo counts as a fresh proof: %d", a.status)
	}
}

// A provider that does not say when someone signed in, or says that it was before what was asked for, proves nothing fresh (P45).
func TestSilentProviderProvesNothingFresh(t *testing.T) {
	s, h := hostileSite(t, nil)
	silent := func(c map[string]any) { c["groups"] = "pb-admins"; delete(c, "auth_time") }
	h.Claims = silent
	if a, at := s.enter("eve", "sso", nil); at.Path != "/projects" {
		t.Fatalf("signing in answers %d", a.status)
	}
	a := s.do("eve", "POST", "/settings/people", invitation())
	again := a.page(t).Find(`a[target="_blank"]`).AttrOr("href", "")
	if a.status != http.StatusForbidden || again == "" {
		t.Fatalf("right after a silent sign-in: %d %s", a.status, a.body)
	}
	if b, _ := s.visit(s.clients["eve"], again, nil); b.status != http.StatusForbidden || !strings.Contains(b.body, "does not say when you signed in") || !strings.Contains(b.body, "auth_time") {
		t.Errorf("a fresh proof without auth_time: %d %s", b.status, b.words(t))
	}
	if a := s.do("eve", "POST", "/settings/people", invitation()); a.status != http.StatusForbidden {
		t.Errorf("after it: %d", a.status)
	}
	bad := (*auth.FieldsError)(nil)
	if err := s.server.Auth.SetLocalSignIn(t.Context(), s.actor("admin"), false); !errors.As(err, &bad) || !strings.Contains(bad.Error()+fmt.Sprint(bad.Fields), "auth_time") {
		t.Errorf("local sign-in goes off where no Admin could confirm anything: %v", err)
	}
	if a := s.do("admin", "GET", "/settings/sign-in/providers/sso", nil); !strings.Contains(a.body, "auth_time") {
		t.Error("the provider's page does not say what it takes")
	}
	for age, path := range map[time.Duration]string{7*24*time.Hour - time.Hour: "/projects", 7*24*time.Hour + time.Hour: "/auth/oidc/sso/callback"} {
		h.Claims = func(c map[string]any) { silent(c); c["auth_time"] = time.Now().Add(-age).Unix() }
		if a, at := s.enter("eve", "sso", nil); at.Path != path {
			t.Errorf("signed in there %v ago: ends at %s with %d", age, at, a.status)
		}
	}
}

// A provider that overlooks max_age is asked once more to sign the person in, with prompt=login: who does so gets in, to the page that
// they came for; where the provider overlooks that too, they are refused in words that help, and it is asked no third time.
func TestProviderThatOverlooksMaxAge(t *testing.T) {
	s, h := hostileSite(t, nil)
	long := func(c map[string]any) {
		c["groups"], c["auth_time"] = "pb-admins", time.Now().Add(-8*24*time.Hour).Unix()
	}
	h.Claims = func(c map[string]any) {
		c["groups"] = "pb-admins"
		if h.Asked[len(h.Asked)-1].Get("prompt") != "login" {
			long(c)
		}
	}
	before := s.newest().Seq
	s.clients["eve"] = client()
	a, at := s.visit(s.clients["eve"], "/auth/oidc/sso/start?next=/settings/account", nil)
	if at.Path != "/settings/account" || a.status != http.StatusOK || len(h.Asked) != 2 {
		t.Errorf("asked %d times, signing in ends at %s with %d", len(h.Asked), at, a.status)
	}
	if first, second := h.Asked[0], h.Asked[1]; first.Has("prompt") || second.Get("max_age") != first.Get("max_age") || second.Get("state") == first.Get("state") || second.Get("nonce") == first.Get("nonce") {
		t.Errorf("asked with %v and then with %v", first, second)
	}
	if row := s.newest(); row.Seq != before+1 || row.Action != "user.sign_in" || row.Outcome != "ok" {
		t.Errorf("the sign-in leaves %d rows, the last %s %s", row.Seq-before, row.Action, row.Outcome)
	}
	h.Claims, h.Asked = long, nil
	a, at = s.enter("eve", "sso", nil)
	if at.Path != "/auth/oidc/sso/callback" || a.status != http.StatusForbidden || len(h.Asked) != 2 || !strings.Contains(a.body, "did not ask you to sign in again") {
		t.Errorf("asked %d times, a provider that overlooks both ends at %s with %d %s", len(h.Asked), at, a.status, a.words(t))
	}
}

// invitation is the form that invites someone.
func invitation() url.Values {
	return url.Values{"name": {"Ana"}, "email": {"ana@example.com"}, "role": {"editor"}}
}

// An address that the provider did not verify is nobody's: others would share with it. Where an Admin says that its addresses are
// right, it counts.
func TestUnverifiedAddressesDoNotCount(t *testing.T) {
	s, h := hostileSite(t, nil)
	be := func(sub, email string, verified any) (answer, *url.URL) {
		t.Helper()
		h.UserInfo = func(c map[string]any) { c["sub"] = sub }
		h.Claims = func(c map[string]any) {
			c["sub"], c["email"] = sub, email
			if c["email_verified"] = verified; verified == nil {
				delete(c, "email_verified")
			}
		}
		return s.enter("browser", "sso", nil)
	}
	for _, verified := range []any{false, nil, "false", 1} {
		if a, _ := be("1", "boss@example.com", verified); a.status != http.StatusForbidden || !strings.Contains(a.body, "does not say that your e-mail address is verified") {
			t.Errorf("email_verified %v answers %d", verified, a.status)
		}
	}
	if _, err := s.server.Store.UserByEmail(t.Context(), "boss@example.com"); err == nil {
		t.Error("there is an account with an address that nobody verified")
	}
	be("1", "one@example.com", true)
	if _, at := be("1", "boss@example.com", false); at.Path != "/projects" {
		t.Errorf("someone known whose address is another now ends at %s", at)
	}
	if _, err := s.server.Store.UserByEmail(t.Context(), "one@example.com"); err != nil {
		t.Errorf("an address that nobody verified took the place of one that was: %v", err)
	}
	form := url.Values{"name": {"SSO"}, "issuer": {h.Issuer}, "client_id": {providers.ClientID}, "default_role": {"viewer"}, "enabled": {"true"}, "trusts_email": {"true"}}
	if a := s.do("admin", "POST", "/settings/sign-in/providers/sso", form); a.status != http.StatusSeeOther {
		t.Fatalf("saving answers %d", a.status)
	}
	if a := s.do("admin", "GET", "/settings/sign-in/providers/sso", nil); a.page(t).Find("[name=trusts_email][checked]").Length() != 1 {
		t.Error("the switch is not kept")
	}
	if _, at := be("1", "boss@example.com", nil); at.Path != "/projects" {
		t.Errorf("with addresses that count it ends at %s", at)
	}
	if _, err := s.server.Store.UserByEmail(t.Context(), "boss@example.com"); err != nil {
		t.Errorf("an address that counts was not taken over: %v", err)
	}
}

// A provider that does not answer harms nobody who is signed in, and the sign-in page says which one it is (P41).
func TestProviderIsDown(t *testing.T) {
	s, h := hostileSite(t, nil)
	s.enter("eve", "sso", nil)
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	s.provider("down", down.URL, nil, nil)
	a, _ := s.enter("other", "down", nil)
	if a.status != http.StatusBadGateway || !strings.Contains(a.body, "Provider down does not answer") || !strings.Contains(a.body, `name="password"`) || !strings.Contains(a.body, "Continue with Provider sso") {
		t.Errorf("a provider that is down answers %d %s", a.status, a.body)
	}
	large := providers.NewHostile(t)
	large.Keys = func() []byte { return []byte(`{"keys":[],"x":"` + strings.Repeat("x", 10<<20) + `"}`) }
	s.provider("large", large.Issuer, nil, nil)
	if a, _ := s.enter("other", "large", nil); a.status != http.StatusBadGateway {
		t.Errorf("10 MB of keys answer %d", a.status)
	}
	h.Discovery = func(d map[string]any) { d["issuer"] = "https://evil.example" }
	if _, at := s.enter("eve", "sso", nil); at.Path != "/projects" {
		t.Errorf("the cached discovery is not used: %s", at)
	}
	gone := providers.NewHostile(t)
	s.provider("gone", gone.Issuer, nil, nil)
	gone.Claims = func(c map[string]any) { c["email"] = "mira@example.com" }
	s.enter("mira", "gone", nil)
	gone.Stop()
	for _, later := range []time.Duration{0, 2 * time.Hour, 13 * time.Hour, 26 * time.Hour} { // beyond what is cached, and to where an unused session ends
		s.later.Store(int64(later))
		want := http.StatusOK
		if later == 26*time.Hour {
			want = http.StatusUnauthorized
		}
		if a := s.do("mira", "GET", "/api/v1/projects", nil); a.status != want {
			t.Errorf("%v after her provider went down, someone signed in gets %d, want %d", later, a.status, want)
		}
	}
	s.later.Store(0)
	for what, bend := range map[string]func(map[string]any){
		"another issuer":   func(d map[string]any) { d["issuer"] = "https://evil.example" },
		"a plain endpoint": func(d map[string]any) { d["token_endpoint"] = "http://evil.example/token" },
		"no PKCE":          func(d map[string]any) { d["code_challenge_methods_supported"] = []string{"plain"} },
		"no keys":          func(d map[string]any) { delete(d, "jwks_uri") },
		"every tenant":     func(d map[string]any) { d["issuer"] = "https://login.example/{tenantid}/v2.0" },
	} {
		h := providers.NewHostile(t)
		h.Discovery = bend
		id := strings.ReplaceAll(strings.ToLower(what), " ", "-")
		s.provider(id, h.Issuer, nil, nil)
		if a, _ := s.enter("other", id, nil); a.status != http.StatusBadGateway || !strings.Contains(a.body, "cannot be used") {
			t.Errorf("%s answers %d", what, a.status)
		}
	}
	tenants := providers.NewHostile(t)
	tenants.Discovery = func(d map[string]any) { d["issuer"] = "https://login.example/{tenantid}/v2.0" }
	form := url.Values{"id": {"entra"}, "name": {"Entra"}, "issuer": {tenants.Issuer}, "client_id": {"x"}}
	if a := s.do("admin", "POST", "/settings/sign-in/discovery", form); !strings.Contains(a.body, "address of one tenant") {
		t.Errorf("an issuer of every tenant is tested as %s", a.words(t))
	}
	s.provider("metadata", "https://169.254.169.254", nil, nil)
	if a, _ := s.enter("other", "metadata", nil); a.status != http.StatusBadGateway {
		t.Errorf("a metadata address answers %d", a.status)
	}
	if a, _ := s.enter("other", "nothing", nil); a.status != http.StatusNotFound {
		t.Errorf("a provider that does not exist answers %d", a.status)
	}
}

// A token of one tenant's is not taken for another's: only the issuer that was configured counts, whatever the tenant's id is in.
func TestAnotherTenantIsRefused(t *testing.T) {
	s, h := hostileSite(t, nil)
	h.Claims = func(c map[string]any) { c["iss"], c["tid"] = h.Issuer+"/another-tenant", "another-tenant" }
	if a, _ := s.enter("eve", "sso", nil); a.status != http.StatusBadRequest {
		t.Errorf("a token of another tenant answers %d", a.status)
	}
}

// A logout token that nobody, or somebody else, has signed, and an ID token in its place, end nothing (P40).
func TestForgedLogoutTokens(t *testing.T) {
	s, h := hostileSite(t, nil)
	var idToken string
	h.Token = func(c map[string]any) string { idToken = h.Sign("JWT", c); return idToken }
	s.enter("eve", "sso", nil)
	now := time.Now()
	c := map[string]any{"iss": h.Issuer, "aud": providers.ClientID, "sub": "eve", "jti": "1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	post := func(token string) int {
		return s.send(client(), "POST", "/auth/oidc/sso/logout", url.Values{"logout_token": {token}}, nil).status
	}
	forged := map[string]string{"an ID token": idToken}
	for _, alg := range []string{"none", "HS256", "wrong kid", "another key"} {
		forged[alg] = h.SignBadly(alg, c)
	}
	for what, token := range forged {
		if status := post(token); status != http.StatusBadRequest {
			t.Errorf("%s answers %d", what, status)
		}
	}
	if a := s.do("eve", "GET", "/projects", nil); a.status != http.StatusOK {
		t.Fatalf("forged logout tokens ended the session: %d", a.status)
	}
	if status := post(h.Sign("JWT", c)); status != http.StatusOK { // the same, and the provider's own signature
		t.Errorf("signed, it answers %d: this test shows nothing", status)
	}
	if a := s.do("eve", "GET", "/projects", nil); a.status != http.StatusSeeOther {
		t.Errorf("after the logout /projects answers %d", a.status)
	}
}

// Only the browser that was sent to the provider's sign-out, and comes back with what it was given, is told that it is over there too.
func TestSignedOutNeedsItsState(t *testing.T) {
	s, h := hostileSite(t, nil)
	h.Discovery = func(d map[string]any) { d["end_session_endpoint"] = h.Issuer + "/end" }
	for state, want := range map[string]bool{"": false, "wrong": false, "right": true} {
		s.enter("eve", "sso", nil)
		to, err := url.Parse(strings.TrimPrefix(s.do("eve", "POST", "/sign-out", nil).header.Get("Refresh"), "0; url="))
		s.check(err)
		if state == "right" {
			state = to.Query().Get("state")
		}
		other := s.do("", "GET", "/signed-out?state="+to.Query().Get("state"), nil)
		a := s.do("eve", "GET", "/signed-out?state="+state, nil)
		again := s.do("eve", "GET", "/signed-out?state="+to.Query().Get("state"), nil)
		const words = "here and at your provider"
		if to.Query().Get("state") == "" || a.status != http.StatusOK || strings.Contains(a.body, words) != want || strings.Contains(other.body, words) || strings.Contains(again.body, words) {
			t.Errorf("state %q: told that it is over there %t, another browser %t, a second time %t", state, strings.Contains(a.body, words), strings.Contains(other.body, words), strings.Contains(again.body, words))
		}
	}
}

// Signing out here does not wait for a provider that has gone: the session is over before it is asked.
func TestSignOutWithoutTheProvider(t *testing.T) {
	s, h := hostileSite(t, nil)
	s.enter("eve", "sso", nil)
	s.later.Store(int64(2 * time.Hour)) // what is known of the provider is old
	h.Delay = 3 * time.Second
	kept := client()
	for name, value := range s.clients["eve"].Jar.(jar) {
		kept.Jar.(jar)[name] = value
	}
	done := make(chan answer, 1)
	go func() { done <- s.do("eve", "POST", "/sign-out", nil) }()
	time.Sleep(time.Second)
	if a := s.send(kept, "GET", "/projects", nil, nil); a.status != http.StatusSeeOther {
		t.Errorf("while the provider is asked, the session answers %d", a.status)
	}
	if a := <-done; a.status != http.StatusSeeOther || a.header.Get("Location") != "/sign-in" {
		t.Errorf("signing out answers %d", a.status)
	}
}

// A slow provider is given up on.
func TestProviderIsSlow(t *testing.T) {
	if testing.Short() {
		t.Skip("waits ten seconds")
	}
	t.Parallel()
	s, h := hostileSite(t, nil)
	h.Delay = time.Minute
	start := time.Now()
	a, _ := s.enter("eve", "sso", nil)
	if took := time.Since(start); a.status != http.StatusBadGateway || took > 15*time.Second {
		t.Errorf("a slow provider answers %d after %v", a.status, took)
	}
}

// No token, code or secret of a provider is in a file, a log or a page (P42).
func TestProviderTokensAreNowhere(t *testing.T) {
	s, h := hostileSite(t, nil)
	var idToken string
	h.Token = func(c map[string]any) string { idToken = h.Sign("JWT", c); return idToken }
	_, _ = s.enter("eve", "sso", nil)
	seen := s.logs.String()
	for _, path := range []string{"/settings/sign-in", "/settings/sign-in/providers/sso", "/api/v1/audit"} {
		seen += s.do("admin", "GET", path, nil).body
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "patchbay.db*"))
	s.check(err)
	for _, f := range files {
		content, err := os.ReadFile(f)
		s.check(err)
		seen += string(content)
	}
	signature := idToken[strings.LastIndexByte(idToken, '.')+1:]
	for _, way := range []string{providers.Secret, "canary-access-token", signature, h.Exchanges[0].Get("code"), h.Exchanges[0].Get("code_verifier"), h.Asked[0].Get("state"), h.Asked[0].Get("nonce")} {
		if way == "" || strings.Contains(seen, way) {
			t.Errorf("%q is found", way)
		}
	}
	if !strings.Contains(seen, "eve@example.com") {
		t.Error("what is kept is not found: this test shows nothing")
	}
}

// Someone without a password here proves that it is them at the provider, and what they entered waits (P45).
func TestFreshProofAtTheProvider(t *testing.T) {
	s, h := hostileSite(t, func(in *auth.ProviderInput) { in.LinkDomains = "example.com" })
	h.Claims = func(c map[string]any) { c["groups"] = "pb-admins" }
	s.enter("eve", "sso", nil)
	form := url.Values{"name": {"Ana"}, "email": {"ana@example.com"}, "role": {"editor"}}
	if a := s.do("eve", "POST", "/settings/people", form); a.status != http.StatusOK {
		t.Fatalf("right after signing in: %d", a.status)
	}
	h.Claims = func(c map[string]any) { c["groups"], c["auth_time"] = "pb-admins", time.Now().Add(-time.Hour).Unix() }
	s.enter("eve", "sso", nil)
	form.Set("email", "bob@example.com")
	a := s.do("eve", "POST", "/settings/people", form)
	again := a.page(t).Find(`a[target="_blank"]`).AttrOr("href", "")
	if a.status != http.StatusForbidden || again == "" || a.page(t).Find(`input[name="email"]`).AttrOr("value", "") != "bob@example.com" || a.page(t).Find("[type=password]").Length() != 0 {
		t.Fatalf("an hour after signing in: %d %s", a.status, a.body)
	}
	if b, _ := s.visit(s.clients["eve"], again, nil); b.status != http.StatusForbidden || !strings.Contains(b.body, "did not ask you to sign in again") {
		t.Errorf("a provider that did not ask again: %d", b.status)
	}
	h.Claims = func(c map[string]any) { c["groups"], c["sub"], c["email"] = "pb-admins", "other", "other@example.com" }
	h.UserInfo = func(c map[string]any) { c["sub"] = "other" }
	if b, _ := s.visit(s.clients["eve"], again, nil); b.status != http.StatusForbidden {
		t.Errorf("someone else signs in there: %d", b.status)
	}
	h.Claims, h.UserInfo = func(c map[string]any) { c["groups"] = "pb-admins" }, nil
	if b, at := s.visit(s.clients["eve"], again, nil); at.Path != "/auth/confirmed" || b.status != http.StatusOK {
		t.Errorf("the fresh proof ends at %s with %d", at, b.status)
	}
	if asked := h.Asked[len(h.Asked)-1]; asked.Get("prompt") != "login" || asked.Get("max_age") != "0" {
		t.Errorf("the way there is %v", asked)
	}
	if b := s.do("eve", "POST", "/settings/people", form); b.status != http.StatusOK {
		t.Errorf("after the fresh proof: %d", b.status)
	}
}

// Passwords end only once an Admin has come by a provider; then nobody signs in with one, and the provider cannot be lost (3.2).
func TestLocalSignInOff(t *testing.T) {
	s, h := hostileSite(t, nil)
	turn := func(as, on string) answer { return s.do(as, "POST", "/settings/sign-in/local", url.Values{"on": {on}}) }
	if a := turn("admin", "false"); a.status != http.StatusUnprocessableEntity {
		t.Fatalf("off before an Admin came by a provider: %d", a.status)
	}
	h.Claims = func(c map[string]any) { c["groups"] = "pb-admins" }
	s.enter("eve", "sso", nil)
	s.users["invited"], _ = s.server.Workspace.CreateUser(t.Context(), s.actor("admin"), workspace.UserInput{Email: "i@example.com", Name: "I", Role: access.RoleViewer})
	link, err := s.server.Auth.CreateInvite(t.Context(), s.actor("admin"), s.users["invited"].ID)
	s.check(err)
	if a := turn("eve", "false"); a.status != http.StatusSeeOther {
		t.Fatalf("off: %d %s", a.status, a.body)
	}
	if a := s.do("admin", "GET", "/projects", nil); a.status != http.StatusSeeOther {
		t.Errorf("a session that began with a password answers %d", a.status)
	}
	page := s.do("", "GET", "/sign-in", nil)
	if strings.Contains(page.body, `name="password"`) || !strings.Contains(page.body, "/auth/oidc/sso/start?next=%2F") {
		t.Error("the sign-in page asks for a password")
	}
	if a := s.do("", "POST", "/sign-in", url.Values{"email": {"admin@example.com"}, "password": {password}}); a.status != http.StatusForbidden {
		t.Errorf("a password answers %d", a.status)
	}
	if a := s.do("", "GET", "/invite/"+link, nil); a.status != http.StatusForbidden {
		t.Errorf("an invitation answers %d", a.status)
	}
	off := url.Values{"name": {"SSO"}, "issuer": {h.Issuer}, "client_id": {providers.ClientID}}
	if a := s.do("eve", "POST", "/settings/sign-in/providers/sso", off); a.status != http.StatusUnprocessableEntity {
		t.Errorf("turning the last provider off answers %d", a.status)
	}
	if a := s.do("eve", "POST", "/settings/sign-in/providers/sso/delete", url.Values{"confirm": {"Provider sso"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("deleting the last provider answers %d", a.status)
	}
	if a := turn("eve", "true"); a.status != http.StatusSeeOther {
		t.Errorf("on: %d", a.status)
	}
	if a := s.do("", "POST", "/sign-in", url.Values{"email": {"admin@example.com"}, "password": {password}}); a.status != http.StatusSeeOther {
		t.Errorf("a password answers %d", a.status)
	}
	if a := s.do("eve", "POST", "/settings/sign-in/providers/sso", off); a.status != http.StatusSeeOther {
		t.Errorf("turning the provider off answers %d", a.status)
	}
	if a := s.do("eve", "GET", "/projects", nil); a.status != http.StatusSeeOther {
		t.Errorf("a session of a provider that was turned off answers %d", a.status)
	}
	if a, _ := s.enter("eve", "sso", nil); a.status != http.StatusNotFound {
		t.Errorf("a provider that is off answers %d", a.status)
	}
}

// A back-channel logout ends open streams and running queries of the session within a second, or as soon as they next say
// something (P40, P44).
func TestBackchannelEndsWhatRuns(t *testing.T) {
	s, h := hostileSite(t, nil)
	h.Claims = func(c map[string]any) { c["groups"], c["sid"] = "pb-admins", "session-1" }
	s.enter("eve", "sso", nil)
	c := s.connect("Shop", workspace.ConnectionInput{})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	defer func() { _ = silent.Close() }()
	host, port, err := net.SplitHostPort(silent.Addr().String())
	s.check(err)
	slow, err := s.server.Workspace.CreateConnection(t.Context(), s.actor("admin"), workspace.ConnectionInput{Name: "Slow", Type: "postgres",
		Values: connectors.Values{"host": host, "port": port, "database": "d", "user": "u"}, Secrets: map[string]secret.Text{"password": secret.New("p")}})
	s.check(err)
	begun := make(chan string, 2)
	run := func(what, method, path, body string) {
		go func() { begun <- fmt.Sprint(what, " ", s.do("eve", method, path, body).status) }()
	}
	run("stream", "GET", "/settings/connections/"+slow.ID+"/events", "")
	run("query", "POST", "/api/v1/query", fmt.Sprintf(`{"connection_id":%q,"sql":%q}`, c.ID, endless))
	select {
	case early := <-begun:
		t.Fatalf("it ended by itself: %s", early)
	case <-time.After(1500 * time.Millisecond):
	}
	now := time.Now()
	token := h.Sign("logout+jwt", map[string]any{"iss": h.Issuer, "aud": providers.ClientID, "sid": "session-1", "jti": "1", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}})
	if a := s.send(client(), "POST", "/auth/oidc/sso/logout", url.Values{"logout_token": {token}}, nil); a.status != http.StatusOK {
		t.Fatalf("the logout answers %d", a.status)
	}
	limit := time.After(inTime)
	for range 2 {
		select {
		case <-begun:
		case <-limit:
			t.Fatal("what ran goes on")
		}
	}
}

// Settings keep what was typed, never show the secret, and try rules on a token that they do not keep.
func TestProviderSettings(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	h := providers.NewHostile(t)
	form := url.Values{"id": {"Not Good"}, "name": {"Okta"}, "issuer": {"http://example.com"}, "client_id": {providers.ClientID}, "client_secret": {providers.Secret},
		"link_domains": {"nothing"}, "default_role": {"admin"}, "enabled": {"true"}}
	a := s.do("admin", "POST", "/settings/sign-in/new-provider", form)
	for _, field := range []string{"id", "issuer", "link_domains", "default_role"} {
		if a.page(t).Find("#field-"+field+"-error").Length() != 1 {
			t.Errorf("nothing is said at %s", field)
		}
	}
	if a.status != http.StatusUnprocessableEntity || strings.Contains(a.body, providers.Secret) || a.page(t).Find("[name=name]").AttrOr("value", "") != "Okta" {
		t.Errorf("bad settings answer %d", a.status)
	}
	form.Set("id", "okta")
	form.Set("issuer", h.Issuer)
	form.Set("link_domains", "example.com, example.org")
	form.Set("default_role", "")
	if a := s.do("admin", "POST", "/settings/sign-in/discovery", form); !strings.Contains(a.body, "It works") || !strings.Contains(a.body, "RS256") || strings.Contains(a.body, providers.Secret) {
		t.Errorf("testing discovery answers %d", a.status)
	}
	if a := s.do("admin", "POST", "/settings/sign-in/new-provider", form); a.status != http.StatusSeeOther {
		t.Fatalf("creating answers %d %s", a.status, a.body)
	}
	page := "/settings/sign-in/providers/okta"
	if a := s.do("admin", "GET", page, nil); strings.Contains(a.body, providers.Secret) || !strings.Contains(a.body, "Saved") || !strings.Contains(a.body, s.server.Auth.CallbackURL("okta")) {
		t.Error("the page shows the secret, or not what to register")
	}
	form.Del("client_secret")
	form.Set("issuer", "https://elsewhere.example")
	if a := s.do("admin", "POST", page, form); a.status != http.StatusUnprocessableEntity || a.page(t).Find("#field-client_secret-error").Length() != 1 {
		t.Errorf("a new issuer with the old secret answers %d", a.status)
	}
	rules := url.Values{"claim": {"groups", "", "roles"}, "value": {"a", "", "pb-*"}, "role": {"admin", "", "admin"}, "group": {"", "", ""}}
	if a := s.do("admin", "POST", page+"/rules", rules); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "needs the whole value") || !strings.Contains(a.body, `value="pb-*"`) {
		t.Errorf("an open rule for Admins answers %d", a.status)
	}
	rules.Set("act", "up-2")
	if a := s.do("admin", "POST", page+"/rules/arrange", rules); a.page(t).Find("[name=claim]").Eq(1).AttrOr("value", "") != "roles" {
		t.Error("a rule does not move up")
	}
	for _, act := range []string{"", "up", "up-9", "up--1", "remove-x"} {
		rules.Set("act", act)
		if a := s.do("admin", "POST", page+"/rules/arrange", rules); a.status != http.StatusBadRequest {
			t.Errorf("the act %q answers %d", act, a.status)
		}
	}
	rules["value"][2], rules["role"][2], rules["group"][2] = "pb-*", "", "*"
	if a := s.do("admin", "POST", page+"/rules", rules); a.status != http.StatusSeeOther {
		t.Errorf("rules answer %d", a.status)
	}
	s.tryTokens(h, page)
	if a := s.do("admin", "POST", page+"/delete", url.Values{"confirm": {"okta"}}); a.status != http.StatusUnprocessableEntity {
		t.Errorf("deleting without the name answers %d", a.status)
	}
	if a := s.do("admin", "POST", page+"/delete", url.Values{"confirm": {"Okta"}}); a.status != http.StatusSeeOther {
		t.Errorf("deleting answers %d", a.status)
	}
}

func (s *site) tryTokens(h *providers.Hostile, page string) {
	s.t.Helper()
	good := map[string]any{"iss": h.Issuer, "aud": providers.ClientID, "sub": "1", "exp": time.Now().Add(time.Hour).Unix(), "groups": []string{"a"}, "roles": []string{"pb-x"}}
	expired, elsewhere := map[string]any{}, map[string]any{}
	for k, v := range good {
		expired[k], elsewhere[k] = v, v
	}
	expired["exp"], elsewhere["aud"] = 1, "another"
	for what, try := range map[string]struct{ token, note string }{
		"good":      {h.Sign("JWT", good), "The provider signed it, for this client"},
		"expired":   {h.Sign("JWT", expired), "it has expired since"},
		"elsewhere": {h.Sign("JWT", elsewhere), "for another client"},
		"forged":    {h.SignBadly("another key", good), "its signature or its issuer is wrong"},
		"unsigned":  {h.SignBadly("none", good), "its signature or its issuer is wrong"},
		"claims":    {`{"groups":["a"],"roles":"pb-x"}`, "have no signature"},
	} {
		a := s.do("admin", "POST", page+"/try", url.Values{"token": {try.token}})
		if a.status != http.StatusOK || !strings.Contains(a.body, try.note) || !strings.Contains(a.body, "groups is a") || !strings.Contains(a.body, "pb-x") || a.page(s.t).Find(".checks li").Length() != 2 {
			s.t.Errorf("%s: %d, without %q", what, a.status, try.note)
		}
		signature := try.token[strings.LastIndexByte(try.token, '.')+1:]
		if len(signature) > 20 && strings.Contains(a.body+s.logs.String(), signature) {
			s.t.Errorf("%s: the token is shown or logged", what)
		}
	}
	for _, bad := range []string{"", "x", "a.b", "{", "[]", "a.b.c", `{"a":1}{}`, strings.Repeat(" ", 70<<10) + "{" + strings.Repeat("x", 70<<10)} {
		if a := s.do("admin", "POST", page+"/try", url.Values{"token": {bad}}); a.status != http.StatusUnprocessableEntity {
			s.t.Errorf("the token %.20q answers %d", bad, a.status)
		}
	}
}

// A sign-out ends what runs in that browser's session; another session of the same person goes on.
func TestSignOutEndsWhatRuns(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c := s.connect("Shop", workspace.ConnectionInput{})
	ended := make(chan answer, 1)
	go func() {
		ended <- s.do("admin", "POST", "/api/v1/query", fmt.Sprintf(`{"connection_id":%q,"sql":%q}`, c.ID, endless))
	}()
	time.Sleep(300 * time.Millisecond)
	other := s.running("admin", c.ID, "")
	if a := s.do("admin", "POST", "/sign-out", nil); a.status != http.StatusSeeOther || a.header.Get("Location") != "/sign-in" {
		t.Errorf("signing out answers %d", a.status)
	}
	s.over("a sign-out", ended)
	select {
	case a := <-other:
		t.Errorf("a query of an API token ended: %d", a.status)
	case <-time.After(300 * time.Millisecond):
	}
	s.check(s.server.Workspace.DeleteConnection(t.Context(), s.actor("admin"), c.ID, c.Name))
	s.over("a deleted connection", other)
}

// With another role come other sessions: one of before, in whosever hands, does not become an Admin's (P43).
func TestAnotherRoleEndsSessionsOfBefore(t *testing.T) {
	s, h := hostileSite(t, nil)
	s.enter("one", "sso", nil)
	if a := s.do("one", "GET", "/projects", nil); a.status != http.StatusOK {
		t.Fatalf("the first session answers %d", a.status)
	}
	h.Claims = func(c map[string]any) { c["groups"] = "pb-admins" }
	s.enter("two", "sso", nil)
	one, two := s.do("one", "GET", "/settings/people", nil), s.do("two", "GET", "/settings/people", nil)
	if one.status != http.StatusSeeOther || two.status != http.StatusOK {
		t.Errorf("after the role became another the session of before answers %d, the new one %d", one.status, two.status)
	}
}

// Whatever is turned off, changed or taken away: an Admin who can sign in is left, and whoever cannot does not count as one.
func TestAnAdminWhoCanSignInStays(t *testing.T) {
	admins := func(t *testing.T) (*site, *providers.Hostile, url.Values) {
		t.Helper()
		s, h := hostileSite(t, nil)
		h.Claims = func(c map[string]any) { c["groups"] = "pb-admins" }
		s.enter("eve", "sso", nil)
		return s, h, url.Values{"name": {"SSO"}, "issuer": {h.Issuer}, "client_id": {providers.ClientID}}
	}
	t.Run("the provider of all Admins is turned off", func(t *testing.T) {
		s, _, off := admins(t)
		s.check(s.server.Workspace.DeleteUser(t.Context(), s.actor("admin"), s.users["admin"].ID))
		if a := s.do("eve", "POST", "/settings/sign-in/providers/sso", off); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "No Admin could sign in any more") {
			t.Errorf("it answers %d", a.status)
		}
	})
	t.Run("the other Admin's provider is off", func(t *testing.T) {
		s, _, off := admins(t)
		if a := s.do("admin", "POST", "/settings/sign-in/providers/sso", off); a.status != http.StatusSeeOther {
			t.Fatalf("turning it off answers %d", a.status)
		}
		if a := s.do("admin", "POST", "/settings/people/"+s.users["admin"].ID+"/role", url.Values{"role": {"viewer"}}); a.status != http.StatusUnprocessableEntity {
			t.Errorf("giving oneself another role answers %d", a.status)
		}
	})
	t.Run("the provider becomes another's", func(t *testing.T) {
		s, _, in := admins(t)
		in["issuer"], in["client_secret"], in["enabled"] = []string{"https://nobody.example.com"}, []string{"x"}, []string{"true"}
		if a := s.do("eve", "POST", "/settings/sign-in/local", url.Values{"on": {"false"}}); a.status != http.StatusSeeOther {
			t.Fatalf("turning local sign-in off answers %d", a.status)
		}
		if a := s.do("eve", "POST", "/settings/sign-in/providers/sso", in); a.status != http.StatusUnprocessableEntity {
			t.Errorf("with local sign-in off it answers %d", a.status)
		}
		if a := s.do("eve", "POST", "/settings/sign-in/local", url.Values{"on": {"true"}}); a.status != http.StatusSeeOther {
			t.Fatalf("turning local sign-in on answers %d", a.status)
		}
		if a := s.do("eve", "POST", "/settings/sign-in/providers/sso", in); a.status != http.StatusSeeOther {
			t.Errorf("with local sign-in on it answers %d", a.status)
		}
		if a := s.do("eve", "GET", "/projects", nil); a.status != http.StatusSeeOther {
			t.Errorf("a session of the issuer before answers %d", a.status)
		}
	})
}

// The API token of someone whom no provider vouches for any more is refused, and works again when one does.
func TestTokenNeedsAProviderThatVouches(t *testing.T) {
	s, h := hostileSite(t, nil)
	h.Claims = func(c map[string]any) { c["groups"] = "pb-admins" }
	s.enter("eve", "sso", nil)
	var err error
	s.users["eve"], err = s.server.Store.UserByEmail(t.Context(), "eve@example.com")
	s.check(err)
	token := s.token("eve", access.ScopeAdmin)
	in := url.Values{"name": {"SSO"}, "issuer": {h.Issuer}, "client_id": {providers.ClientID}}
	for _, step := range []struct {
		enabled string
		want    int
	}{{"true", http.StatusOK}, {"", http.StatusUnauthorized}, {"true", http.StatusOK}} {
		in.Set("enabled", step.enabled)
		if a := s.do("admin", "POST", "/settings/sign-in/providers/sso", in); a.status != http.StatusSeeOther {
			t.Fatalf("saving the provider answers %d", a.status)
		}
		if a := s.api(token, "GET", "/api/v1/users", ""); a.status != step.want {
			t.Errorf("with enabled %q the token gets %d, want %d", step.enabled, a.status, step.want)
		}
	}
}
