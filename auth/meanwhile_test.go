package auth

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/secret"
	"patchbay/store"
)

// meanwhile runs an act of someone signed in, and between its check of the password and its transaction something else.
func meanwhile(t *testing.T, act func(*world, *Auth, *browser) error, between func(*world, store.User)) (*world, *browser, store.User, error) {
	w := newWorld(t)
	var armed atomic.Int32
	var u store.User
	hooked := New(Options{Store: w.store, Keys: secret.NewRing(), Secure: true, Now: func() time.Time {
		if armed.Load() > 0 && armed.Add(-1) == 0 {
			between(w, u)
		}
		return w.time()
	}})
	w.Auth = hooked
	b, uu := w.signedIn("mira@example.com", access.RoleEditor)
	u = uu
	// the last Now before the transaction is the one in newSession: session(), prove(), newSession()
	armed.Store(3)
	err := act(w, hooked, b)
	if armed.Load() != 0 {
		t.Fatal("nothing happened meanwhile: this test shows nothing")
	}
	return w, b, u, err
}

// A session that was ended while the password was checked does not come back.
func TestReauthenticatingBringsNoSessionBack(t *testing.T) {
	w, b, u, err := meanwhile(t, func(w *world, a *Auth, b *browser) error {
		who := b.who(w)
		return b.send(t, func(rw http.ResponseWriter, r *http.Request) error {
			return a.Reauthenticate(r.Context(), rw, r, who, goodPassword, "")
		})
	}, func(w *world, u store.User) {
		w.update(func(tx *store.Tx) error { return tx.DeleteUserSessions(u.ID) })
	})
	left, _ := w.store.UserSessions(t.Context(), u.ID)
	if err == nil || len(left) > 0 || b.who(w).UserID != "" {
		t.Errorf("error %v, %d sessions, the browser is %q", err, len(left), b.who(w).Email)
	}
}

// A password that an Admin took away while another was set stays away.
func TestSettingAPasswordUndoesNoReset(t *testing.T) {
	w, b, u, err := meanwhile(t, func(w *world, a *Auth, b *browser) error {
		who := b.who(w)
		return b.send(t, func(rw http.ResponseWriter, r *http.Request) error {
			return a.SetPassword(r.Context(), rw, r, who, goodPassword, "the-thief-s-own-password")
		})
	}, func(w *world, u store.User) {
		_, tk := w.newLink(reset, u.ID, resetLasts)
		w.update(func(tx *store.Tx) error { return w.reset(tx, u, tk) })
	})
	now, _ := w.store.User(t.Context(), u.ID)
	if err == nil || now.PasswordHash != "" || b.who(w).UserID != "" {
		t.Errorf("error %v, has a password: %t, the browser is %q", err, now.PasswordHash != "", b.who(w).Email)
	}
}
