package auth

import (
	"errors"
	"strings"
	"testing"

	"patchbay/access"
	"patchbay/store"
)

var shell = access.Actor{Name: "operator", Role: access.RoleAdmin}

// external is someone who signs in with a provider.
func (w *world) external(email string, role access.Role) store.User {
	w.t.Helper()
	u := w.user(email, role, "")
	w.update(func(tx *store.Tx) error {
		p := store.Provider{ID: "okta", Name: "Okta", Issuer: "https://okta.example.com", Enabled: true}
		return errors.Join(tx.CreateProvider(p, nil),
			tx.PutIdentity(store.Identity{Issuer: p.Issuer, Subject: email, UserID: u.ID, ProviderID: p.ID, Created: w.time()}))
	})
	u = must(w.store.User(w.t.Context(), u.ID))(w.t)
	if !u.External {
		w.t.Fatalf("%s does not sign in with a provider", email)
	}
	return u
}

func (w *world) localOff() {
	w.t.Helper()
	w.update(func(tx *store.Tx) error { return tx.SetSetting(store.SettingLocalSignIn, "false") })
}

// Where every Admin signs in with a provider that fails, the operator's link makes an Admin who signs in with a password. The
// others keep their provider, and have no password (Metabase, CVE-2022-39360).
func TestRescueFromAProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mira := w.external("mira@example.com", access.RoleAdmin)
	w.localOff()
	var refused *FieldError
	if _, err := w.Rescue(t.Context(), shell, mira.Email); !errors.As(err, &refused) || !strings.Contains(refused.Words, "provider") {
		t.Errorf("by the address: %v", err)
	}
	if local := must(w.LocalSignIn(t.Context()))(t); local {
		t.Error("a refused rescue turned local sign-in on")
	}
	r := must(w.Rescue(t.Context(), shell, ""))(t)
	if r.Admin.ID != "" {
		t.Fatalf("it is for %+v", r.Admin)
	}
	spare := must(w.Rescue(t.Context(), shell, ""))(t)
	if err := newBrowser().accept(w, r.Token, goodPassword); !errors.Is(err, ErrUsed) {
		t.Errorf("as an invitation: %v", err)
	}
	b := newBrowser()
	if err := b.setUp(w, r.Token, "Ops", mira.Email, goodPassword); err == nil {
		t.Error("it took over the address of an account")
	}
	if err := b.setUp(w, r.Token, "Ops", "ops@example.com", goodPassword); err != nil {
		t.Fatal(err)
	}
	b.mustBe(w, "ops@example.com", "with the link")
	for what, token := range map[string]string{"used": r.Token, "another, once there is an Admin with a password": spare.Token} {
		if err := newBrowser().setUp(w, token, "Thief", "thief@example.com", goodPassword); !errors.Is(err, ErrUsed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := newBrowser().signIn(w, "ops@example.com", goodPassword); err != nil {
		t.Errorf("signing in with the password: %v", err)
	}
	if u := must(w.store.User(t.Context(), mira.ID))(t); u.PasswordHash != "" || !u.External || u.Role != access.RoleAdmin {
		t.Errorf("the provider's Admin is %+v", u)
	}
	if got := w.audited("admin.reset"); len(got) != 2 {
		t.Errorf("audited: %q", got)
	}
}

// Admins who sign in with a provider are not in the way of the one who has a password.
func TestRescueChoosesWhoHasAPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.external("mira@example.com", access.RoleAdmin)
	u := w.user("ops@example.com", access.RoleAdmin, goodPassword)
	w.localOff()
	r := must(w.Rescue(t.Context(), shell, ""))(t)
	if r.Admin.ID != u.ID {
		t.Fatalf("it is for %+v", r.Admin)
	}
	if err := newBrowser().accept(w, r.Token, goodPassword+"!"); err != nil {
		t.Fatal(err)
	}
}

// A provider that gives nobody a role any more leaves no Admin: who is made by the link signs in with a password.
func TestRescueWithoutAnyAdminTurnsLocalSignInOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.external("mira@example.com", access.RoleGuest)
	w.localOff()
	r := must(w.Rescue(t.Context(), shell, ""))(t)
	if err := newBrowser().setUp(w, r.Token, "Ops", "ops@example.com", goodPassword); err != nil {
		t.Fatal(err)
	}
	if err := newBrowser().signIn(w, "ops@example.com", goodPassword); err != nil {
		t.Errorf("signing in with the password: %v", err)
	}
}

// The link that the server prints at its first start makes nobody an Admin beside those whom a provider made.
func TestSetupLinkDiesWithAProvidersAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.setupToken()
	w.external("mira@example.com", access.RoleAdmin)
	if err := newBrowser().setUp(w, token, "Thief", "thief@example.com", goodPassword); !errors.Is(err, ErrUsed) {
		t.Errorf("the setup link: %v", err)
	}
}

// A link that sets someone's password makes nobody an Admin, not even when there is none and the person is gone.
func TestResetLinkMakesNoAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("mira@example.com", access.RoleEditor, goodPassword)
	token := must(w.CreateReset(t.Context(), shell, u.ID))(t)
	try := func(when string) {
		if err := newBrowser().setUp(w, token, "Thief", "thief@example.com", goodPassword); !errors.Is(err, ErrUsed) {
			t.Errorf("%s: %v", when, err)
		}
	}
	try("while the person is there")
	w.update(func(tx *store.Tx) error { return tx.DeleteUser(u.ID) })
	try("after the person is gone")
}

// A sign-in that waits for its code begins no session where passwords were turned off meanwhile.
func TestWaitingSignInDiesWithLocalSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, u := w.signedIn("mira@example.com", access.RoleEditor)
	secret, _ := w.enrolled(b)
	other := newBrowser()
	if err := other.signIn(w, u.Email, goodPassword); !errors.Is(err, ErrCodeNeeded) {
		t.Fatal(err)
	}
	w.localOff()
	if err := other.code(w, w.codeAfter(secret, 0)); !errors.Is(err, ErrSignInOver) {
		t.Errorf("with the code: %v", err)
	}
	other.mustBe(w, "", "with the code")
}

// Nobody resets a password that a provider's person does not have, and nobody is told to invite them.
func TestNoResetForAProvidersPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.external("mira@example.com", access.RoleEditor)
	var refused *FieldError
	if _, err := w.CreateReset(t.Context(), shell, u.ID); !errors.As(err, &refused) || !strings.Contains(refused.Words, "provider") {
		t.Errorf("a reset: %v", err)
	}
}
