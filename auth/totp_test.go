package auth

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"patchbay/access"
	"patchbay/store"
)

// codeAfter is the code that an app with this secret shows after a time.
func (w *world) codeAfter(secret string, d time.Duration) string {
	w.t.Helper()
	return must(totp.GenerateCode(secret, w.time().Add(d)))(w.t)
}

// enrolled turns someone's second step on, and moves on to a step whose code was not used.
func (w *world) enrolled(b *browser) (secret string, recovery []string) {
	w.t.Helper()
	e := must(w.BeginTOTP(w.t.Context(), b.who(w)))(w.t)
	codes := must(w.ConfirmTOTP(w.t.Context(), b.request(w.t.Context()), b.who(w), w.codeAfter(e.Secret, 0)))(w.t)
	w.pass(2 * time.Minute)
	return e.Secret, codes
}

func (b *browser) code(w *world, code string) error {
	w.t.Helper()
	return b.send(w.t, func(rw http.ResponseWriter, r *http.Request) error { return w.SignInWithCode(r.Context(), rw, r, code) })
}

// signedIn is a browser with a session, of someone with a password.
func (w *world) signedIn(email string, role access.Role) (*browser, store.User) {
	w.t.Helper()
	b, u := newBrowser(), w.user(email, role, goodPassword)
	if err := b.signIn(w, u.Email, goodPassword); err != nil {
		w.t.Fatal(err)
	}
	return b, u
}

// storeHolds says whether the files of the store must hold a text.
func (w *world) storeHolds(text string, want bool) {
	w.t.Helper()
	found := false
	for _, name := range []string{"patchbay.db", "patchbay.db-wal"} {
		found = found || strings.Contains(string(must(os.ReadFile(filepath.Join(w.dir, name)))(w.t)), text)
	}
	if found != want {
		w.t.Errorf("the store holds a text of %d characters: %t", len(text), found)
	}
}

// A second step asks for a code after the password; there is no session before it, and no code counts twice.
func TestSecondStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, u := w.signedIn("mira@example.com", access.RoleEditor)
	e := must(w.BeginTOTP(t.Context(), b.who(w)))(t)
	if !strings.HasPrefix(e.QR, "data:image/png;base64,") || len(e.Secret) < 32 {
		t.Fatalf("the enrolment is %d characters with a picture %.30s", len(e.Secret), e.QR)
	}
	if again := must(w.PendingTOTP(t.Context(), b.who(w)))(t); again != e {
		t.Error("shown again, it is another")
	}
	if err := newBrowser().signIn(w, u.Email, goodPassword); err != nil {
		t.Errorf("before it is confirmed, nothing asks for it: %v", err)
	}
	var field *FieldError
	if _, err := w.ConfirmTOTP(t.Context(), b.request(t.Context()), b.who(w), "000000"); !errors.As(err, &field) || field.Field != "code" {
		t.Errorf("a wrong first code: %v", err)
	}
	first := w.codeAfter(e.Secret, 0)
	codes := must(w.ConfirmTOTP(t.Context(), b.request(t.Context()), b.who(w), first))(t)
	if len(codes) != 10 {
		t.Fatalf("%d recovery codes", len(codes))
	}
	if _, err := w.BeginTOTP(t.Context(), b.who(w)); !errors.As(err, &field) {
		t.Errorf("a second enrolment: %v", err)
	}
	if _, err := w.PendingTOTP(t.Context(), b.who(w)); err == nil {
		t.Error("the secret is shown again once it counts")
	}

	other := newBrowser()
	if err := other.signIn(w, u.Email, goodPassword); !errors.Is(err, ErrCodeNeeded) {
		t.Fatalf("signing in: %v", err)
	}
	other.mustBe(w, "", "before the code there is no session")
	if err := other.code(w, first); !errors.Is(err, ErrWrongCode) {
		t.Errorf("the code that confirmed it: %v", err)
	}
	if err := newBrowser().code(w, w.codeAfter(e.Secret, 30*time.Second)); !errors.Is(err, ErrSignInOver) {
		t.Errorf("a code without the password: %v", err)
	}
	if err := other.code(w, w.codeAfter(e.Secret, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	other.mustBe(w, u.Email, "after the code")
	if err := other.code(w, w.codeAfter(e.Secret, 30*time.Second)); !errors.Is(err, ErrSignInOver) {
		t.Errorf("the sign-in that was used up: %v", err)
	}
	if got := w.audited("user.sign_in"); got[0] != " mira@example.com" && got[0] != "ok mira@example.com" || !strings.HasPrefix(got[1], "refused") {
		t.Errorf("audited %q", got)
	}
}

// Clocks may be one step off either way, and not two.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		off  time.Duration
		want error
	}{{-60 * time.Second, ErrWrongCode}, {-30 * time.Second, nil}, {0, nil}, {30 * time.Second, nil}, {60 * time.Second, ErrWrongCode}} {
		w := newWorld(t)
		b, u := w.signedIn("mira@example.com", access.RoleEditor)
		secret, _ := w.enrolled(b)
		other := newBrowser()
		if err := other.signIn(w, u.Email, goodPassword); !errors.Is(err, ErrCodeNeeded) {
			t.Fatal(err)
		}
		if err := other.code(w, w.codeAfter(secret, c.off)); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s off: %v", c.off, err)
		}
	}
}

// An older code is dead once a later one was taken, though its step is still within the skew.
func TestNoCodeBeforeTheLastOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, u := w.signedIn("mira@example.com", access.RoleEditor)
	secret, _ := w.enrolled(b)
	for _, c := range []struct {
		off  time.Duration
		want error
	}{{0, nil}, {-30 * time.Second, ErrWrongCode}, {0, ErrWrongCode}} {
		other := newBrowser()
		if err := other.signIn(w, u.Email, goodPassword); !errors.Is(err, ErrCodeNeeded) {
			t.Fatal(err)
		}
		if err := other.code(w, w.codeAfter(secret, c.off)); c.want == nil && err != nil || !errors.Is(err, c.want) {
			t.Errorf("%s off: %v", c.off, err)
		}
	}
}

// Of many who give the same code at once, one gets in.
func TestOneCodeAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, u := w.signedIn("mira@example.com", access.RoleEditor)
	secret, recovery := w.enrolled(b)
	for _, code := range []string{w.codeAfter(secret, 0), recovery[0]} {
		var in atomic.Int32
		var all sync.WaitGroup
		browsers := make([]*browser, 4)
		for i := range browsers {
			browsers[i] = newBrowser()
			if err := browsers[i].signIn(w, u.Email, goodPassword); !errors.Is(err, ErrCodeNeeded) {
				t.Fatal(err)
			}
		}
		for _, b := range browsers {
			all.Go(func() {
				if b.code(w, code) == nil {
					in.Add(1)
				}
			})
		}
		all.Wait()
		if in.Load() != 1 {
			t.Errorf("%d got in with one code", in.Load())
		}
	}
}

// Recovery codes work once each, however they are typed, and are kept as hashes.
func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, u := w.signedIn("mira@example.com", access.RoleEditor)
	_, codes := w.enrolled(b)
	try := func(code string) error {
		other := newBrowser()
		if err := other.signIn(w, u.Email, goodPassword); !errors.Is(err, ErrCodeNeeded) {
			t.Fatal(err)
		}
		return other.code(w, code)
	}
	if err := try(" " + strings.ToLower(strings.ReplaceAll(codes[0], "-", " ")) + " "); err != nil {
		t.Errorf("a recovery code: %v", err)
	}
	for what, code := range map[string]string{"used": codes[0], "made up": "AAAA-BBBB-CCCC-DDDD", "hash": string(hashOf(strings.ReplaceAll(codes[1], "-", ""))),
		"long": strings.Repeat("7", 10_000), "empty": ""} {
		if err := try(code); !errors.Is(err, ErrWrongCode) && !errors.Is(err, ErrCodeNeeded) {
			t.Errorf("%s: %v", what, err)
		}
		w.pass(20 * time.Minute) // so that the limit on attempts is not what refuses
	}
	if _, left, _ := w.TOTPOn(t.Context(), u.ID); left != 9 {
		t.Errorf("%d codes are left", left)
	}
}

// Wrong codes slow down as wrong passwords do, and a right password does not forget them.
func TestCodesAreLimited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, u := w.signedIn("mira@example.com", access.RoleEditor)
	secret, _ := w.enrolled(b)
	thief := newBrowser()
	var slow *LimitedError
	for i := range 6 {
		if err := thief.signIn(w, u.Email, goodPassword); !errors.Is(err, ErrCodeNeeded) {
			t.Fatal(err)
		}
		err := thief.code(w, "12345"+string(rune('0'+i)))
		if i < 5 && !errors.Is(err, ErrWrongCode) || i == 5 && !errors.As(err, &slow) {
			t.Errorf("try %d: %v", i, err)
		}
	}
	if err := thief.code(w, w.codeAfter(secret, 0)); !errors.As(err, &slow) {
		t.Errorf("the right code, too early: %v", err)
	}
	if err := b.signIn(w, u.Email, goodPassword); !errors.Is(err, ErrCodeNeeded) {
		t.Fatal(err)
	}
	if err := b.code(w, w.codeAfter(secret, 0)); err != nil {
		t.Errorf("in the owner's own browser: %v", err)
	}
}

// A sign-in waits five minutes for its code, and not past another password, the account's end or its disabling.
func TestWaitingSignInDies(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(w *world, u store.User, b *browser){
		"time": func(w *world, _ store.User, _ *browser) { w.pass(5 * time.Minute) },
		"password": func(w *world, _ store.User, b *browser) {
			if err := b.send(w.t, func(rw http.ResponseWriter, r *http.Request) error {
				return w.SetPassword(r.Context(), rw, r, b.who(w), goodPassword, "another quiet harbour")
			}); err != nil {
				w.t.Fatal(err)
			}
		},
		"disabled": func(w *world, u store.User, _ *browser) {
			u = must(w.store.User(w.t.Context(), u.ID))(w.t)
			u.Disabled = true
			w.update(func(tx *store.Tx) error { return tx.UpdateUser(u) })
		},
		"deleted": func(w *world, u store.User, _ *browser) {
			w.update(func(tx *store.Tx) error { return tx.DeleteUser(u.ID) })
		},
	} {
		w := newWorld(t)
		b, u := w.signedIn("mira@example.com", access.RoleEditor)
		secret, _ := w.enrolled(b)
		other := newBrowser()
		if err := other.signIn(w, u.Email, goodPassword); !errors.Is(err, ErrCodeNeeded) {
			t.Fatal(err)
		}
		end(w, u, b)
		if err := other.code(w, w.codeAfter(secret, 0)); !errors.Is(err, ErrSignInOver) {
			t.Errorf("%s: %v", what, err)
		}
		other.mustBe(w, "", what)
	}
}

// To give the password again, or to turn the second step off, takes the code too.
func TestCodesForDangerousActs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, u := w.signedIn("mira@example.com", access.RoleEditor)
	secret, recovery := w.enrolled(b)
	again := func(code string) error {
		return b.send(t, func(rw http.ResponseWriter, r *http.Request) error {
			return w.Reauthenticate(r.Context(), rw, r, b.who(w), goodPassword, code)
		})
	}
	var field *FieldError
	for _, code := range []string{"", "000000", "AAAA-BBBB"} {
		if err := again(code); !errors.As(err, &field) || field.Field != "code" {
			t.Errorf("again with %q: %v", code, err)
		}
	}
	if err := again(w.codeAfter(secret, 0)); err != nil {
		t.Errorf("again: %v", err)
	}
	off := func(password, code string) error {
		return w.TurnOffTOTP(t.Context(), b.request(t.Context()), b.who(w), password, code)
	}
	for _, c := range []struct{ password, code, field string }{
		{"wrong", w.codeAfter(secret, 30*time.Second), "password"}, {goodPassword, "", "code"}, {goodPassword, w.codeAfter(secret, 0), "code"},
	} {
		if err := off(c.password, c.code); !errors.As(err, &field) || field.Field != c.field {
			t.Errorf("off with %+v: %v", c, err)
		}
	}
	if err := off(goodPassword, recovery[3]); err != nil {
		t.Errorf("off: %v", err)
	}
	if err := newBrowser().signIn(w, u.Email, goodPassword); err != nil {
		t.Errorf("once it is off: %v", err)
	}
	if got := w.audited("user.totp_off"); !slices.Equal(got, []string{"ok mira@example.com", "refused mira@example.com", "refused mira@example.com", "refused mira@example.com"}) {
		t.Errorf("audited %q", got)
	}
}

// Only Admins take someone's second step away, and only people in their own session begin one.
func TestWhoChangesSecondSteps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, u := w.signedIn("mira@example.com", access.RoleEditor)
	if err := w.RemoveTOTP(t.Context(), access.Actor{UserID: "x", Role: access.RoleManager}, u.ID); !isDenied(err) {
		t.Errorf("a Manager removes: %v", err)
	}
	boss := access.Actor{UserID: "boss", Role: access.RoleAdmin}
	if err := w.RemoveTOTP(t.Context(), boss, u.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("there is none: %v", err)
	}
	byToken := b.who(w)
	byToken.Scope = access.ScopeAdmin
	if _, err := w.BeginTOTP(t.Context(), byToken); !isDenied(err) {
		t.Errorf("a token begins: %v", err)
	}
	secret, _ := w.enrolled(b)
	if err := w.RemoveTOTP(t.Context(), boss, u.ID); err != nil {
		t.Fatal(err)
	}
	if err := newBrowser().signIn(w, u.Email, goodPassword); err != nil {
		t.Errorf("once it is removed: %v", err)
	}
	w.storeHolds(secret, false)
}

// A secret and the recovery codes are nowhere in the store as they are (P14).
func TestSecondStepIsSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, u := w.signedIn("mira@example.com", access.RoleEditor)
	secret, codes := w.enrolled(b)
	w.storeHolds(secret, false)
	w.storeHolds(codes[0], false)
	w.storeHolds(strings.ReplaceAll(codes[0], "-", ""), false)
	w.storeHolds(u.Email, true)
	// Another's box does not open in its place (P27).
	other := w.user("eve@example.com", access.RoleEditor, goodPassword)
	box := must(w.store.TOTP(t.Context(), u.ID))(t).Box
	w.update(func(tx *store.Tx) error {
		return errors.Join(tx.BeginTOTP(store.TOTP{UserID: other.ID, Box: box, Created: w.time()}), tx.ConfirmTOTP(other.ID, w.time(), nil))
	})
	thief := newBrowser()
	if err := thief.signIn(w, other.Email, goodPassword); !errors.Is(err, ErrCodeNeeded) {
		t.Fatal(err)
	}
	if err := thief.code(w, w.codeAfter(secret, 0)); err == nil || errors.Is(err, ErrWrongCode) {
		t.Errorf("a box under another's name: %v", err)
	}
}

// A password that is reset ends sessions and the password itself; its link sets another, and does not go round the second step.
func TestReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := access.Actor{UserID: "boss", Role: access.RoleAdmin}
	b, u := w.signedIn("mira@example.com", access.RoleEditor)
	secret, _ := w.enrolled(b)
	var field *FieldError
	pending := w.user("new@example.com", access.RoleViewer, "")
	if _, err := w.CreateReset(t.Context(), boss, pending.ID); !errors.As(err, &field) {
		t.Errorf("an account without a password: %v", err)
	}
	if _, err := w.CreateReset(t.Context(), access.Actor{UserID: u.ID, Role: access.RoleAdmin}, u.ID); !errors.As(err, &field) {
		t.Errorf("one's own: %v", err)
	}
	if _, err := w.CreateReset(t.Context(), access.Actor{UserID: "x", Role: access.RoleManager}, u.ID); !isDenied(err) {
		t.Errorf("by a Manager: %v", err)
	}
	first, second := must(w.CreateReset(t.Context(), boss, u.ID))(t), ""
	b.mustBe(w, "", "after the reset")
	if err := newBrowser().signIn(w, u.Email, goodPassword); !errors.Is(err, ErrWrongPassword) {
		t.Errorf("the old password: %v", err)
	}
	second = must(w.CreateInvite(t.Context(), boss, u.ID))(t)
	w.pass(24*time.Hour - time.Second)
	const next = "another quiet harbour"
	if err := b.accept(w, first, next); !errors.Is(err, ErrCodeNeeded) {
		t.Fatalf("the link: %v", err)
	}
	b.mustBe(w, "", "before the code")
	if err := b.code(w, w.codeAfter(secret, 0)); err != nil {
		t.Fatal(err)
	}
	b.mustBe(w, u.Email, "after the code")
	for what, token := range map[string]string{"used": first, "an invitation from before": second} {
		if err := newBrowser().accept(w, token, next+"!"); !errors.Is(err, ErrUsed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	late := must(w.CreateReset(t.Context(), boss, u.ID))(t)
	w.pass(24 * time.Hour)
	if err := newBrowser().accept(w, late, next); !errors.Is(err, ErrUsed) {
		t.Errorf("after a day: %v", err)
	}
}

// The operator's link lets an Admin in who lost password and phone, was disabled, or may not sign in with a password here.
func TestRescue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	operator := access.Actor{Name: "operator", Role: access.RoleAdmin}
	b, u := w.signedIn("mira@example.com", access.RoleAdmin)
	w.enrolled(b)
	u = must(w.store.User(t.Context(), u.ID))(t)
	u.Disabled = true
	w.update(func(tx *store.Tx) error {
		return errors.Join(tx.UpdateUser(u), tx.SetSetting(store.SettingLocalSignIn, "false"))
	})
	if _, err := w.Rescue(t.Context(), access.Actor{Role: access.RoleManager}, u.Email); !isDenied(err) {
		t.Errorf("by a Manager: %v", err)
	}
	r := must(w.Rescue(t.Context(), operator, u.Email))(t)
	if r.Admin.ID != u.ID {
		t.Fatalf("it is for %+v", r.Admin)
	}
	b.mustBe(w, "", "after the rescue")
	if err := b.accept(w, r.Token, "another quiet harbour"); err != nil {
		t.Fatal(err)
	}
	b.mustBe(w, u.Email, "with the link")
	if v, _, _ := w.store.Setting(t.Context(), store.SettingLocalSignIn); v != "true" {
		t.Errorf("local sign-in is %q", v)
	}
}

// Sessions end after the times that the operator set, those too that began under longer ones (P45).
func TestSessionTimesAreSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, u := w.signedIn("mira@example.com", access.RoleEditor)
	w.Auth = New(Options{Store: w.store, Now: w.time, Secure: true, IdleTime: time.Hour, WholeTime: 3 * time.Hour})
	w.pass(time.Hour - time.Second)
	b.mustBe(w, u.Email, "within the idle time")
	w.pass(time.Hour)
	b.mustBe(w, "", "after the idle time")
	if err := b.signIn(w, u.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		b.mustBe(w, u.Email, "in use")
		w.pass(time.Hour - time.Minute)
	}
	b.mustBe(w, u.Email, "in use, before the end")
	w.pass(3 * time.Minute)
	b.mustBe(w, "", "after the whole time")
}
