package auth

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/store"
)

func (b *browser) setUp(w *world, token, name, email, password string) error {
	w.t.Helper()
	return b.send(w.t, func(rw http.ResponseWriter, r *http.Request) error {
		return w.CompleteSetup(r.Context(), rw, r, token, name, email, password)
	})
}

func (b *browser) accept(w *world, token, password string) error {
	w.t.Helper()
	return b.send(w.t, func(rw http.ResponseWriter, r *http.Request) error {
		return w.AcceptInvite(r.Context(), rw, r, token, password)
	})
}

func (w *world) setupToken() string {
	w.t.Helper()
	token, needed, err := w.SetupToken(w.t.Context())
	if err != nil || !needed {
		w.t.Fatalf("needed %v, %v", needed, err)
	}
	return token
}

func TestSetupMakesTheFirstAdmin(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newBrowser()
	token := w.setupToken()
	if len(token) != 43 || token == w.setupToken() {
		t.Errorf("the token should be 256 fresh bits: %d characters", len(token))
	}
	if err := w.CheckSetup(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if err := b.setUp(w, token, " Mira ", " mira@example.com ", goodPassword); err != nil {
		t.Fatal(err)
	}
	who := b.who(w)
	if !who.IsAdmin() || who.Name != "Mira" || who.Email != "mira@example.com" {
		t.Errorf("signed in as %+v", who)
	}
	if needed := must(w.SetupNeeded(t.Context()))(t); needed {
		t.Error("setup is over")
	}
	if token, needed, err := w.SetupToken(t.Context()); needed || token != "" || err != nil {
		t.Errorf("no more links: %q, %v, %v", token, needed, err)
	}
	if err := newBrowser().signIn(w, "mira@example.com", goodPassword); err != nil {
		t.Error(err)
	}
}

// A link works once, for an hour, and dies with the first Admin, however that one came to be (P2).
func TestSetupLinkDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, used, unused := w.setupToken(), "", ""
	w.pass(time.Hour)
	used, unused = w.setupToken(), w.setupToken()
	if err := newBrowser().setUp(w, old, "Mira", "mira@example.com", goodPassword); !errors.Is(err, ErrUsed) {
		t.Errorf("after an hour: %v", err)
	}
	w.pass(time.Hour - time.Millisecond)
	if err := newBrowser().setUp(w, used, "Mira", "mira@example.com", goodPassword); err != nil {
		t.Fatalf("within the hour: %v", err)
	}
	for what, token := range map[string]string{"used": used, "another link": unused, "made up": strings.Repeat("A", 43), "empty": "", "hash": string(hashOf(unused))} {
		if err := w.CheckSetup(t.Context(), token); !errors.Is(err, ErrUsed) {
			t.Errorf("%s: check says %v", what, err)
		}
		b := newBrowser()
		if err := b.setUp(w, token, "Eve", "eve@example.com", goodPassword); !errors.Is(err, ErrUsed) {
			t.Errorf("%s: %v", what, err)
		}
		b.mustBe(w, "", what)
	}
	users := must(w.store.Users(t.Context()))(t)
	if len(users) != 1 {
		t.Fatalf("%d users", len(users))
	}
	w.update(func(tx *store.Tx) error { return tx.DeleteUser(users[0].ID) })
	if err := w.CheckSetup(t.Context(), used); !errors.Is(err, ErrUsed) {
		t.Errorf("a used link, should the Admin be gone: %v", err)
	}
	if err := w.CheckSetup(t.Context(), unused); err != nil {
		t.Errorf("another link, should the Admin be gone: %v", err)
	}
}

// What can be mended is said at its field, and the link is still good.
func TestSetupFields(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newBrowser()
	token := w.setupToken()
	for _, c := range []struct{ name, email, password, field string }{
		{" ", "mira@example.com", goodPassword, "name"},
		{strings.Repeat("x", 101), "mira@example.com", goodPassword, "name"},
		{"Mira", "mira", goodPassword, "email"},
		{"Mira", "Mira <mira@example.com>", goodPassword, "email"},
		{"Mira", strings.Repeat("x", 250) + "@example.com", goodPassword, "email"},
		{"Mira", "mira@example.com", "password1234", "password"},
	} {
		var field *FieldError
		if err := b.setUp(w, token, c.name, c.email, c.password); !errors.As(err, &field) || field.Field != c.field {
			t.Errorf("%+v: %v", c, err)
		}
	}
	w.user("taken@example.com", access.RoleViewer, "")
	var field *FieldError
	if err := b.setUp(w, token, "Mira", "Taken@example.com", goodPassword); !errors.As(err, &field) || field.Field != "email" {
		t.Errorf("an address that is taken: %v", err)
	}
	if err := b.setUp(w, token, "Mira", "mira@example.com", goodPassword); err != nil {
		t.Errorf("after mending: %v", err)
	}
}

func TestTwoSetupsAtOnceMakeOneAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tokens := []string{w.setupToken(), w.setupToken()}
	var made atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			email := string(rune('a'+i)) + "@example.com"
			switch err := newBrowser().setUp(w, tokens[i%2], "Mira", email, goodPassword); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, ErrUsed):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if users := must(w.store.Users(t.Context()))(t); made.Load() != 1 || len(users) != 1 {
		t.Errorf("%d setups succeeded, %d users", made.Load(), len(users))
	}
}

func TestCreateFirstAdmin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var field *FieldError
	if err := w.CreateFirstAdmin(t.Context(), "Admin", "admin@example.com", "short"); !errors.As(err, &field) {
		t.Errorf("the rules hold for the operator too: %v", err)
	}
	for _, email := range []string{"admin@example.com", "second@example.com"} {
		if err := w.CreateFirstAdmin(t.Context(), "Admin", email, goodPassword); err != nil {
			t.Fatal(err)
		}
	}
	users := must(w.store.Users(t.Context()))(t)
	if len(users) != 1 || users[0].Email != "admin@example.com" || users[0].Role != access.RoleAdmin {
		t.Errorf("%+v", users)
	}
	if err := newBrowser().signIn(w, "admin@example.com", goodPassword); err != nil {
		t.Error(err)
	}
}

func TestInvite(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newBrowser()
	boss := access.Actor{UserID: "boss", Role: access.RoleAdmin}
	u := w.user("new@example.com", access.RoleEditor, "")
	if _, err := w.CreateInvite(t.Context(), access.Actor{UserID: u.ID, Role: access.RoleManager}, u.ID); !isDenied(err) {
		t.Errorf("only Admins invite: %v", err)
	}
	first, second := must(w.CreateInvite(t.Context(), boss, u.ID))(t), must(w.CreateInvite(t.Context(), boss, u.ID))(t)
	if invited := must(w.InvitedUser(t.Context(), first))(t); invited.ID != u.ID {
		t.Errorf("invited %+v", invited)
	}
	var field *FieldError
	if err := b.accept(w, first, "short"); !errors.As(err, &field) || field.Field != "password" {
		t.Errorf("a bad password: %v", err)
	}
	w.pass(7*24*time.Hour - time.Second)
	if err := b.accept(w, first, goodPassword); err != nil {
		t.Fatal(err)
	}
	b.mustBe(w, u.Email, "after the invitation")
	for what, token := range map[string]string{"used": first, "another link of the same person": second} {
		if _, err := w.InvitedUser(t.Context(), token); !errors.Is(err, ErrUsed) {
			t.Errorf("%s: %v", what, err)
		}
		if err := newBrowser().accept(w, token, goodPassword+"!"); !errors.Is(err, ErrUsed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := w.CreateInvite(t.Context(), boss, u.ID); !errors.As(err, &field) {
		t.Errorf("someone with a password: %v", err)
	}
	if _, err := w.CreateInvite(t.Context(), boss, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

// An invitation ends after seven days, with its user, while its user is disabled, and is never a setup link.
func TestInviteDies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := access.Actor{UserID: "boss", Role: access.RoleAdmin}
	late, deleted, disabled := w.user("a@example.com", access.RoleViewer, ""), w.user("b@example.com", access.RoleViewer, ""), w.user("c@example.com", access.RoleViewer, "")
	tokens := map[string]string{}
	for _, u := range []store.User{late, deleted, disabled} {
		tokens[u.ID] = must(w.CreateInvite(t.Context(), boss, u.ID))(t)
	}
	if err := newBrowser().setUp(w, tokens[late.ID], "Eve", "eve@example.com", goodPassword); !errors.Is(err, ErrUsed) {
		t.Errorf("an invitation is no setup link: %v", err)
	}
	if err := newBrowser().accept(w, w.setupToken(), goodPassword); !errors.Is(err, ErrUsed) {
		t.Errorf("a setup link is no invitation: %v", err)
	}
	disabled.Disabled = true
	w.update(func(tx *store.Tx) error { return errors.Join(tx.DeleteUser(deleted.ID), tx.UpdateUser(disabled)) })
	for _, u := range []store.User{deleted, disabled} {
		if err := newBrowser().accept(w, tokens[u.ID], goodPassword); !errors.Is(err, ErrUsed) {
			t.Errorf("%s: %v", u.Email, err)
		}
	}
	w.pass(7 * 24 * time.Hour)
	if err := newBrowser().accept(w, tokens[late.ID], goodPassword); !errors.Is(err, ErrUsed) {
		t.Errorf("after seven days: %v", err)
	}
}
