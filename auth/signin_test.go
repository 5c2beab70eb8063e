package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/store"
)

// Every way to fail looks the same, and each is in the audit log.
func TestFailedSignInsTellNothing(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newBrowser()
	w.user("mira@example.com", access.RoleEditor, goodPassword)
	w.user("invited@example.com", access.RoleEditor, "")
	disabled := w.user("gone@example.com", access.RoleEditor, goodPassword)
	disabled.Disabled = true
	w.update(func(tx *store.Tx) error { return tx.UpdateUser(disabled) })
	var words []string
	for _, try := range []struct{ email, password string }{
		{"mira@example.com", "a quiet harbour at dusk"}, {"mira@example.com", ""}, {"mira@example.com", strings.Repeat("x", 5000)},
		{"nobody@example.com", goodPassword}, {"invited@example.com", ""}, {"invited@example.com", goodPassword},
		{"gone@example.com", goodPassword}, {"", ""}, {goodPassword, ""},
	} {
		err := b.signIn(w, try.email, try.password)
		if !errors.Is(err, ErrWrongPassword) {
			t.Fatalf("%s: %v", try.email, err)
		}
		if len(b.last) != 0 {
			t.Errorf("%s: cookies %v", try.email, b.last)
		}
		words = append(words, err.Error())
	}
	if slices.Sort(words); words[0] != words[len(words)-1] {
		t.Errorf("failures can be told apart: %q", words)
	}
	want := []string{"refused ", "refused ", "refused gone@example.com", "refused invited@example.com", "refused invited@example.com",
		"refused nobody@example.com", "refused mira@example.com", "refused mira@example.com", "refused mira@example.com"}
	if got := w.audited("user.sign_in"); !slices.Equal(got, want) {
		t.Errorf("audit: %q", got)
	}
}

// P50: an account that does not exist costs the same work. The test is coarse so that it holds on a busy machine: leaving the
// work out would be a hundred times quicker.
func TestUnknownAccountsCostTheSameWork(t *testing.T) {
	w := newWorld(t)
	u := w.user("mira@example.com", access.RoleEditor, goodPassword)
	took := func(hash string) time.Duration {
		quickest := time.Hour
		for range 5 {
			start := time.Now()
			if ok, err := w.verify(t.Context(), hash, "not the password"); ok || err != nil {
				t.Fatal(ok, err)
			}
			quickest = min(quickest, time.Since(start))
		}
		return quickest
	}
	known, unknown := took(u.PasswordHash), took("")
	if unknown < known/2 || known < unknown/2 {
		t.Errorf("a known account takes %v, an unknown one %v", known, unknown)
	}
}

// An account that changes while its password is checked does not sign in.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("mira@example.com", access.RoleEditor, goodPassword)
	check := func() (err error) {
		_ = w.store.View(t.Context(), func(tx *store.Tx) error {
			err = unchanged(tx, u)
			return nil
		})
		return err
	}
	if err := check(); err != nil {
		t.Fatal(err)
	}
	changed := u
	for what, change := range map[string]func(){"disabled": func() { changed.Disabled = true }, "another password": func() { changed.PasswordHash = "x" }} {
		changed = must(w.store.User(t.Context(), u.ID))(t)
		changed.Disabled, changed.PasswordHash = false, u.PasswordHash
		change()
		w.update(func(tx *store.Tx) error { return tx.UpdateUser(changed) })
		if err := check(); !errors.Is(err, ErrWrongPassword) {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.update(func(tx *store.Tx) error { return tx.DeleteUser(u.ID) })
	if err := check(); !errors.Is(err, ErrWrongPassword) {
		t.Errorf("deleted: %v", err)
	}
}

// After five failures each attempt waits longer than the one before; the right password is then refused too; nothing is for good.
func TestAnAccountSlowsDown(t *testing.T) {
	t.Parallel()
	w, stranger := newWorld(t), newBrowser()
	for _, email := range []string{"mira@example.com", "nobody@example.com"} {
		if email == "mira@example.com" {
			w.user(email, access.RoleEditor, goodPassword)
		}
		for i := range 5 {
			if err := stranger.signIn(w, email, "wrong"); !errors.Is(err, ErrWrongPassword) {
				t.Fatalf("failure %d: %v", i+1, err)
			}
		}
		for _, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute} {
			var limited *LimitedError
			if err := stranger.signIn(w, strings.ToUpper(email), goodPassword); !errors.As(err, &limited) || limited.Wait != wait {
				t.Fatalf("%s: want a wait of %v, got %v", email, wait, err)
			}
			w.pass(wait)
			if err := stranger.signIn(w, email, "wrong"); !errors.Is(err, ErrWrongPassword) {
				t.Fatalf("%s, after %v: %v", email, wait, err)
			}
		}
	}
	w.pass(4 * time.Minute)
	if err := stranger.signIn(w, "mira@example.com", goodPassword); err != nil {
		t.Errorf("the right password, after the wait: %v", err)
	}
	if err := newBrowser().signIn(w, "mira@example.com", "wrong"); !errors.Is(err, ErrWrongPassword) {
		t.Errorf("success should forget the failures: %v", err)
	}
}

// P50: strangers who try passwords do not lock the owner out of a browser that has signed in before.
func TestAKnownBrowserIsNotLockedOut(t *testing.T) {
	t.Parallel()
	w, owner, stranger := newWorld(t), newBrowser(), newBrowser()
	w.user("mira@example.com", access.RoleEditor, goodPassword)
	w.user("ben@example.com", access.RoleEditor, goodPassword)
	if err := owner.signIn(w, "mira@example.com", goodPassword); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		_ = stranger.signIn(w, "mira@example.com", "wrong")
		_ = stranger.signIn(w, "ben@example.com", "wrong")
	}
	if err := owner.signIn(w, "mira@example.com", goodPassword); err != nil {
		t.Errorf("the owner, from a known browser: %v", err)
	}
	var limited *LimitedError
	if err := owner.signIn(w, "ben@example.com", goodPassword); !errors.As(err, &limited) {
		t.Errorf("the mark of one account should not open another: %v", err)
	}
	forged := newBrowser()
	forged.cookies["__Host-patchbay-device"] = strings.Repeat("A", 64)
	if err := forged.signIn(w, "mira@example.com", goodPassword); !errors.As(err, &limited) {
		t.Errorf("a forged mark: %v", err)
	}
	for range 5 {
		_ = owner.signIn(w, "mira@example.com", "wrong")
	}
	if err := owner.signIn(w, "mira@example.com", goodPassword); !errors.As(err, &limited) {
		t.Errorf("a known browser has a limit of its own: %v", err)
	}
}

// Fifty failures from one network in 15 minutes, over any accounts; other networks go on.
func TestANetworkIsLimited(t *testing.T) {
	t.Parallel()
	l, at := newLimiter(), time.Now()
	from := func(ip string, i int) attempt {
		return attempt{accountKey + fmt.Sprint(i): accountDelay, networkKey + Network(ip): networkDelay}
	}
	for i := range 50 {
		if wait := l.begin(from("2001:db8::1", i), at.Add(time.Duration(i)*time.Second)); wait != 0 {
			t.Fatalf("attempt %d waits %v", i, wait)
		}
	}
	at = at.Add(50 * time.Second)
	if wait := l.begin(from("2001:db8::ffff", 100), at); wait != window-50*time.Second {
		t.Errorf("another address of the same /64 waits %v", wait)
	}
	if wait := l.begin(from("2001:db8:0:1::1", 101), at); wait != 0 {
		t.Errorf("another /64 waits %v", wait)
	}
	if wait := l.begin(from("2001:db8::1", 102), at.Add(window)); wait != 0 {
		t.Errorf("after the window it waits %v", wait)
	}
	if Network("192.0.2.1") == Network("192.0.2.2") || Network("::ffff:192.0.2.1") == Network("::ffff:192.0.2.2") {
		t.Error("IPv4 addresses count one by one")
	}
}

// Attempts side by side cannot outrun the count, and no number of them takes more than two hashes' memory.
func TestManyAttemptsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("mira@example.com", access.RoleEditor, goodPassword)
	var checked atomic.Int32
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			b := newBrowser()
			var limited *LimitedError
			switch err := b.signIn(w, "mira@example.com", "wrong"); {
			case errors.Is(err, ErrWrongPassword):
				checked.Add(1)
			case !errors.As(err, &limited):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := checked.Load(); n != 5 {
		t.Errorf("%d passwords were checked at once, want 5", n)
	}
}

func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	s := newSlots()
	for range maxHashing {
		if err := s.take(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, maxWaiting+10)
	for range maxWaiting + 10 {
		go func() { results <- s.take(ctx) }()
	}
	var limited *LimitedError
	for range 10 {
		if err := <-results; !errors.As(err, &limited) {
			t.Fatalf("a full queue should refuse at once: %v", err)
		}
	}
	cancel()
	for range maxWaiting {
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Fatalf("a caller who leaves should leave the queue: %v", err)
		}
	}
	s.release()
	if err := s.take(t.Context()); err != nil {
		t.Errorf("a slot that was given back: %v", err)
	}
}

// What could not be checked is no failure of the person.
func TestACancelledAttemptIsNotCounted(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newBrowser()
	w.user("mira@example.com", access.RoleEditor, goodPassword)
	for range maxHashing {
		w.slots.free <- struct{}{}
	}
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.prove(ctx, b.request(t.Context()), store.User{}, "mira@example.com", "x"); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	for range maxHashing {
		w.slots.release()
	}
	if err := b.signIn(w, "mira@example.com", goodPassword); err != nil {
		t.Error(err)
	}
}

// The limiter's memory has an end.
func TestLimiterForgets(t *testing.T) {
	t.Parallel()
	l, now := newLimiter(), time.Now()
	for i := range maxCounted + 500 {
		l.begin(attempt{accountKey + fmt.Sprint(i): accountDelay}, now)
	}
	if n := len(l.failures); n > maxCounted {
		t.Errorf("%d keys are kept", n)
	}
	l.begin(attempt{accountKey + "x": accountDelay}, now.Add(window))
	if n := len(l.failures); n != 1 {
		t.Errorf("%d keys are kept after the window", n)
	}
}

func TestReauthenticate(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newBrowser()
	u := w.user("mira@example.com", access.RoleEditor, goodPassword)
	recently := func() bool {
		return must(w.RecentlyAuthenticated(b.request(t.Context()), 5*time.Minute))(t)
	}
	again := func(password string) error {
		return b.send(t, func(rw http.ResponseWriter, r *http.Request) error {
			return w.Reauthenticate(r.Context(), rw, r, b.who(w), password, "")
		})
	}
	if recently() {
		t.Error("nobody is signed in")
	}
	if err := b.signIn(w, u.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	if !recently() {
		t.Error("just signed in")
	}
	w.pass(5 * time.Minute)
	if recently() {
		t.Error("five minutes are over")
	}
	var field *FieldError
	if err := again("wrong"); !errors.As(err, &field) || field.Field != "password" {
		t.Errorf("a wrong password: %v", err)
	}
	if before := b.cookies[sessionName]; again(goodPassword) != nil || !recently() || b.cookies[sessionName] == before {
		t.Error("the password should count again, in a new session")
	}
	w.pass(wholeTime - 5*time.Minute - time.Second)
	w.update(func(tx *store.Tx) error { return tx.TouchSession(hashOf(b.cookies[sessionName]), w.time()) })
	b.mustBe(w, u.Email, "before seven days")
	w.pass(time.Second)
	b.mustBe(w, "", "reauthentication should not prolong the seven days")
	if err := again(goodPassword); !isDenied(err) {
		t.Errorf("without a session: %v", err)
	}
}

func isDenied(err error) bool {
	var no *access.Denied
	return errors.As(err, &no)
}

func TestSetPassword(t *testing.T) {
	t.Parallel()
	const next = "another quiet harbour"
	w, b, other := newWorld(t), newBrowser(), newBrowser()
	u := w.user("mira@example.com", access.RoleEditor, goodPassword)
	for _, x := range []*browser{b, other} {
		if err := x.signIn(w, u.Email, goodPassword); err != nil {
			t.Fatal(err)
		}
	}
	change := func(current, to string) error {
		return b.send(t, func(rw http.ResponseWriter, r *http.Request) error {
			return w.SetPassword(r.Context(), rw, r, b.who(w), current, to)
		})
	}
	var field *FieldError
	if err := change("wrong", next); !errors.As(err, &field) || field.Field != "current" {
		t.Errorf("a wrong password: %v", err)
	}
	if err := change(goodPassword, "short"); !errors.As(err, &field) || field.Field != "password" {
		t.Errorf("a bad password: %v", err)
	}
	other.mustBe(w, u.Email, "nothing has changed yet")
	before := b.cookies[sessionName]
	if err := change(goodPassword, next); err != nil {
		t.Fatal(err)
	}
	other.mustBe(w, "", "other sessions end")
	b.mustBe(w, u.Email, "this browser goes on")
	if b.cookies[sessionName] == before {
		t.Error("in a new session")
	}
	if err := newBrowser().signIn(w, u.Email, goodPassword); !errors.Is(err, ErrWrongPassword) {
		t.Errorf("the old password: %v", err)
	}
	if err := newBrowser().signIn(w, u.Email, next); err != nil {
		t.Errorf("the new password: %v", err)
	}
	token := b.who(w)
	token.Scope = access.ScopeAdmin
	if err := w.SetPassword(t.Context(), nil, b.request(t.Context()), token, next, goodPassword); !isDenied(err) {
		t.Errorf("a token may not change the password: %v", err)
	}
}

func TestPasswordRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for password, fits := range map[string]bool{
		"": false, "elevenchars": false, "twelve chars": true, "zwölf Zeichn": true, "密码密码密码密码密码密码": true,
		"password1234": false, "PassWord1234": false, "qwertyuiop12": false, strings.Repeat("long", 50): true, strings.Repeat("long", 50) + "x": false,
	} {
		hash, err := w.HashPassword(t.Context(), password)
		var field *FieldError
		switch {
		case fits && (err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$")):
			t.Errorf("%q: %q, %v", password, hash, err)
		case !fits && (!errors.As(err, &field) || field.Field != "password" || field.Words == "" || (password != "" && strings.Contains(err.Error(), password))):
			t.Errorf("%q: %v", password, err)
		}
	}
	for _, p := range common {
		if len(p) < minPassword || p != strings.ToLower(p) {
			t.Errorf("%q in the list can never be met", p)
		}
	}
	if len(common) < 100 {
		t.Errorf("only %d common passwords", len(common))
	}
}

func TestPasswordHashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	composed, decomposed := "caf\u00e9 au lait, s'il vous", "cafe\u0301 au lait, s'il vous"
	one, two := must(w.HashPassword(t.Context(), composed))(t), must(w.HashPassword(t.Context(), composed))(t)
	if one == two {
		t.Error("each hash has a salt of its own")
	}
	for password, want := range map[string]bool{composed: true, decomposed: true, composed + " ": false, strings.ToUpper(composed): false} {
		if got := must(w.verify(t.Context(), one, password))(t); got != want {
			t.Errorf("%q: %v", password, got)
		}
	}
	// Test vector of the reference implementation (phc-winner-argon2, test.c): other parameters than ours.
	const other = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if !must(w.verify(t.Context(), other, "password"))(t) {
		t.Error("a hash with other parameters should verify by its own")
	}
	for _, broken := range []string{"x", "$argon2id$v=19$m=1,t=1,p=1$$", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$aGFzaA", "$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$aGFzaA",
		"$argon2id$v=19$m=64,t=0,p=0$c29tZXNhbHQ$aGFzaA", "$argon2id$v=19$m=64,t=1,p=1$!$aGFzaA", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$!"} {
		if ok, err := w.verify(t.Context(), broken, "password1234"); ok || err == nil {
			t.Errorf("%s: %v, %v", broken, ok, err)
		}
	}
}
