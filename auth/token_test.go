package auth

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/store"
)

func (w *world) tokenFor(u store.User, scope access.Scope) (string, store.APIToken) {
	w.t.Helper()
	plain, t, err := w.CreateAPIToken(w.t.Context(), actorOf(u), u.ID, "script", scope, w.time().Add(24*time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	return plain, t
}

// withToken is who a request with this Authorization header is.
func (w *world) withToken(header string, b *browser) (access.Actor, error) {
	r := b.request(w.t.Context())
	r.Header.Set("Authorization", header)
	return w.Actor(r)
}

func TestAPIToken(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newBrowser()
	u := w.user("mira@example.com", access.RoleEditor, goodPassword)
	plain, kept := w.tokenFor(u, access.ScopeWrite)
	if !strings.HasPrefix(plain, "pbk_") || len(plain) != 4+43 {
		t.Errorf("%d characters", len(plain))
	}
	for _, header := range []string{"Bearer " + plain, "bearer  " + plain + " "} {
		who, err := w.withToken(header, b)
		if err != nil || who.UserID != u.ID || who.Scope != access.ScopeWrite || who.IP != b.ip {
			t.Errorf("%q: %+v, %v", header, who, err)
		}
	}
	if used := must(w.store.APITokens(t.Context(), u.ID))(t)[0].Used; !used.Equal(w.time()) {
		t.Errorf("last used %v", used)
	}
	for _, header := range []string{"Bearer", "Bearer ", "Bearer pbk_", "Bearer " + plain[4:], "Bearer " + plain + "x", "Bearer " + strings.ToUpper(plain), "Bearer " + string(kept.Hash)} {
		if who, err := w.withToken(header, b); !errors.Is(err, ErrBadToken) || !who.Anonymous() {
			t.Errorf("%q: %+v, %v", header, who, err)
		}
	}
}

// P51: a token request is the token's alone; a token in a cookie or in the address is none.
func TestTokensAndCookiesDoNotMix(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newBrowser()
	u := w.user("mira@example.com", access.RoleEditor, goodPassword)
	if err := b.signIn(w, u.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	if who, err := w.withToken("Bearer pbk_wrong", b); !errors.Is(err, ErrBadToken) || !who.Anonymous() {
		t.Errorf("a bad token beside a good cookie: %+v, %v", who, err)
	}
	if who, err := w.withToken("Basic bWlyYTpzZWNyZXQ=", b); err != nil || who.UserID != u.ID {
		t.Errorf("a proxy's own sign-in beside a good cookie: %+v, %v", who, err)
	}
	plain, _ := w.tokenFor(u, access.ScopeRead)
	other := newBrowser()
	other.cookies[sessionName] = plain
	other.mustBe(w, "", "a token as a cookie")
	r := newBrowser().request(t.Context())
	r.URL.RawQuery = "token=" + plain + "&access_token=" + plain
	if who := must(w.Actor(r))(t); !who.Anonymous() {
		t.Error("a token in the address counts")
	}
	if who, err := w.withToken("Bearer "+b.cookies[sessionName], newBrowser()); !errors.Is(err, ErrBadToken) {
		t.Errorf("a session as a token: %+v, %v", who, err)
	}
}

func TestAPITokenEnds(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newBrowser()
	u := w.user("mira@example.com", access.RoleEditor, goodPassword)
	revoked, kept := w.tokenFor(u, access.ScopeRead)
	plain, _ := w.tokenFor(u, access.ScopeRead)
	w.update(func(tx *store.Tx) error { return tx.DeleteAPIToken(kept.ID) })
	if _, err := w.withToken("Bearer "+revoked, b); !errors.Is(err, ErrBadToken) {
		t.Errorf("revoked: %v", err)
	}
	w.pass(24*time.Hour - time.Millisecond)
	if _, err := w.withToken("Bearer "+plain, b); err != nil {
		t.Errorf("before it expires: %v", err)
	}
	u.Disabled = true
	w.update(func(tx *store.Tx) error { return tx.UpdateUser(u) })
	if _, err := w.withToken("Bearer "+plain, b); !errors.Is(err, ErrBadToken) {
		t.Errorf("its user is disabled: %v", err)
	}
	u.Disabled, u.Version = false, u.Version+1
	w.update(func(tx *store.Tx) error { return tx.UpdateUser(u) })
	w.pass(time.Millisecond)
	if _, err := w.withToken("Bearer "+plain, b); !errors.Is(err, ErrBadToken) {
		t.Errorf("expired: %v", err)
	}
}

func TestCreateAPITokenRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u, boss := w.user("mira@example.com", access.RoleEditor, goodPassword), w.user("boss@example.com", access.RoleAdmin, goodPassword)
	disabled := w.user("gone@example.com", access.RoleEditor, "")
	disabled.Disabled = true
	w.update(func(tx *store.Tx) error { return tx.UpdateUser(disabled) })
	operator := access.Actor{Name: "operator", Role: access.RoleAdmin}
	make := func(who access.Actor, userID, name string, scope access.Scope, lasts time.Duration) error {
		plain, _, err := w.CreateAPIToken(t.Context(), who, userID, name, scope, w.time().Add(lasts))
		if (plain == "") != (err != nil) {
			t.Errorf("a token beside an error, or none without: %v", err)
		}
		return err
	}
	asToken := actorOf(u)
	asToken.Scope = access.ScopeWrite
	for what, err := range map[string]error{
		"an Admin for someone else": make(actorOf(boss), u.ID, "x", access.ScopeRead, time.Hour),
		"a visitor":                 make(access.Actor{}, u.ID, "x", access.ScopeRead, time.Hour),
		"a token making a token":    make(asToken, u.ID, "x", access.ScopeAdmin, time.Hour),
	} {
		if !isDenied(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	var field *FieldError
	for want, err := range map[string]error{
		"name":    make(actorOf(u), u.ID, " ", access.ScopeRead, time.Hour),
		"scope":   make(actorOf(u), u.ID, "x", access.ScopeSession, time.Hour),
		"expires": make(actorOf(u), u.ID, "x", access.ScopeRead, 0),
	} {
		if !errors.As(err, &field) || field.Field != want {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := make(operator, disabled.ID, "x", access.ScopeRead, time.Hour); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("for someone who is disabled: %v", err)
	}
	if err := make(operator, u.ID, "x", access.ScopeRead, time.Hour); err != nil {
		t.Errorf("the operator: %v", err)
	}
	if rows := w.audited("token.create"); len(rows) != 1 || rows[0] != "ok x" {
		t.Errorf("audit: %v", rows)
	}
}

// A token proves itself with each request.
func TestATokenIsRecentlyAuthenticated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := newBrowser().request(t.Context())
	r.Method = http.MethodGet
	r.Header.Set("Authorization", "Bearer anything")
	if !must(w.RecentlyAuthenticated(r, time.Minute))(t) {
		t.Error("a script cannot be asked for a password")
	}
}
