package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/secret"
	"patchbay/store"
)

const goodPassword = "a quiet harbour at dawn"

// A world is a store, an Auth on it, and a clock that stands still until it is moved.
type world struct {
	*Auth
	t     *testing.T
	store *store.Store
	dir   string
	mu    sync.Mutex
	at    time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), at: time.Date(2026, time.November, 23, 9, 0, 0, 0, time.UTC)}
	st, err := store.Open(t.Context(), store.Options{Dir: w.dir, Now: w.time, AuditKey: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	w.store, w.Auth = st, New(Options{Store: st, Keys: secret.NewRing(), Now: w.time, Secure: true})
	return w
}

func (w *world) time() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.at
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = w.at.Add(d)
}

// user makes an account; password "" leaves it without one.
func (w *world) user(email string, role access.Role, password string) store.User {
	w.t.Helper()
	u := store.User{ID: must(newID())(w.t), Email: email, Name: "Someone", Role: role, Created: w.time(), Updated: w.time()}
	if password != "" {
		u.PasswordHash = must(w.HashPassword(w.t.Context(), password))(w.t)
	}
	w.update(func(tx *store.Tx) error { return tx.CreateUser(u) })
	return must(w.store.User(w.t.Context(), u.ID))(w.t)
}

func (w *world) update(fn func(*store.Tx) error) {
	w.t.Helper()
	if err := w.store.Update(w.t.Context(), store.AuditEntry{Who: server, Action: "test.change"}, fn); err != nil {
		w.t.Fatal(err)
	}
}

// audited is the rows of one action as "outcome object", the latest first.
func (w *world) audited(action string) []string {
	w.t.Helper()
	rows := must(w.store.AuditRows(w.t.Context(), store.AuditFilter{Action: action, Limit: 100}))(w.t)
	out := []string{}
	for _, r := range rows {
		out = append(out, r.Outcome+" "+r.ObjectName)
	}
	return out
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// A browser keeps cookies from one request to the next.
type browser struct {
	ip      string
	cookies map[string]string
	last    []*http.Cookie // what the last answer set
}

func newBrowser() *browser { return &browser{ip: "192.0.2.7", cookies: map[string]string{}} }

func (b *browser) request(ctx context.Context) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://patchbay.example.com/", nil).WithContext(ctx)
	r.RemoteAddr = b.ip + ":51234"
	if strings.Contains(b.ip, ":") {
		r.RemoteAddr = "[" + b.ip + "]:51234"
	}
	r.Header.Set("User-Agent", "test browser")
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// send does one request and takes its cookies.
func (b *browser) send(t *testing.T, do func(http.ResponseWriter, *http.Request) error) error {
	t.Helper()
	rec := httptest.NewRecorder()
	err := do(rec, b.request(t.Context()))
	b.last = rec.Result().Cookies()
	for _, c := range b.last {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return err
}

func (b *browser) signIn(w *world, email, password string) error {
	w.t.Helper()
	return b.send(w.t, func(rw http.ResponseWriter, r *http.Request) error {
		_, err := w.SignIn(r.Context(), rw, r, email, password)
		return err
	})
}

func (b *browser) who(w *world) access.Actor {
	w.t.Helper()
	return must(w.Actor(b.request(w.t.Context())))(w.t)
}

func (b *browser) mustBe(w *world, email, why string) {
	w.t.Helper()
	if got := b.who(w).Email; got != email {
		w.t.Errorf("%s: the browser is %q, want %q", why, got, email)
	}
}

const sessionName = "__Host-patchbay"

func TestAnonymousByDefault(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newBrowser()
	for _, value := range []string{"", "x", strings.Repeat("A", 43)} {
		b.cookies[sessionName] = value
		if who := b.who(w); !who.Anonymous() || who.IP != "192.0.2.7" || who.Role != "" {
			t.Errorf("cookie %q: %+v", value, who)
		}
	}
}

func TestSignInGivesTheActorAsStored(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newBrowser()
	u := w.user("Mira@Example.com", access.RoleEditor, goodPassword)
	g := store.Group{ID: must(newID())(t), Name: "Analysts", Created: w.time()}
	w.update(func(tx *store.Tx) error { return errors.Join(tx.CreateGroup(g), tx.AddMember(g.ID, u.ID)) })
	if err := b.signIn(w, " mira@example.COM ", goodPassword); err != nil {
		t.Fatal(err)
	}
	who := b.who(w)
	if who.UserID != u.ID || who.Email != "Mira@Example.com" || who.Role != access.RoleEditor || !slices.Equal(who.Groups, []string{g.ID}) ||
		who.Scope != access.ScopeSession || who.IP != b.ip || who.SessionID == "" {
		t.Errorf("%+v", who)
	}
	if rows := w.audited("user.sign_in"); !slices.Equal(rows, []string{"ok Mira@Example.com"}) {
		t.Errorf("audit: %v", rows)
	}
}

// P46: Secure, HttpOnly, SameSite=Lax, Path=/, no Domain, and the __Host- prefix; in plain HTTP another name and not Secure.
func TestCookies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.user("mira@example.com", access.RoleEditor, goodPassword)
	for _, secure := range []bool{true, false} {
		w.Auth = New(Options{Store: w.store, Now: w.time, Secure: secure})
		b := newBrowser()
		if err := b.signIn(w, "mira@example.com", goodPassword); err != nil {
			t.Fatal(err)
		}
		if len(b.last) != 2 {
			t.Fatalf("cookies: %v", b.last)
		}
		for _, c := range b.last {
			if c.Secure != secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || strings.HasPrefix(c.Name, "__Host-") != secure {
				t.Errorf("secure %v: %s", secure, c)
			}
			if session := strings.HasSuffix(c.Name, "patchbay"); session && (c.MaxAge != 0 || !c.Expires.IsZero()) {
				t.Errorf("the session cookie should end with the browser: %s", c)
			}
		}
	}
	b := newBrowser()
	if err := b.signIn(w, "mira@example.com", goodPassword); err != nil { // plain HTTP
		t.Fatal(err)
	}
	w.Auth = New(Options{Store: w.store, Now: w.time, Secure: true})
	b.mustBe(w, "", "a cookie of plain HTTP is none over https")
}

// P43: an id that was planted before sign-in is not the session's after it, and the old session of a browser is dead.
func TestSignInChangesTheSessionID(t *testing.T) {
	t.Parallel()
	w, victim := newWorld(t), newBrowser()
	w.user("mira@example.com", access.RoleEditor, goodPassword)
	w.user("attacker@example.com", access.RoleViewer, goodPassword)
	attacker := newBrowser()
	if err := attacker.signIn(w, "attacker@example.com", goodPassword); err != nil {
		t.Fatal(err)
	}
	planted := attacker.cookies[sessionName]
	victim.cookies[sessionName] = planted
	if err := victim.signIn(w, "mira@example.com", goodPassword); err != nil {
		t.Fatal(err)
	}
	if victim.cookies[sessionName] == planted {
		t.Error("the session id survived the sign-in")
	}
	attacker.mustBe(w, "", "the planted session")
	victim.mustBe(w, "mira@example.com", "the new session")
}

// P45: idle 12 hours, 7 days in all.
func TestSessionsRunOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("mira@example.com", access.RoleEditor, goodPassword)
	idle, busy := newBrowser(), newBrowser()
	for _, b := range []*browser{idle, busy} {
		if err := b.signIn(w, u.Email, goodPassword); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(12*time.Hour - time.Second)
	busy.mustBe(w, u.Email, "before 12 idle hours")
	w.pass(time.Second)
	idle.mustBe(w, "", "after 12 idle hours")
	for range 13 {
		w.pass(11 * time.Hour)
		busy.mustBe(w, u.Email, "in use")
	}
	if left := must(w.store.SessionByHash(t.Context(), hashOf(busy.cookies[sessionName])))(t).Ends.Sub(w.time()); left != 13*time.Hour {
		t.Fatalf("%v left", left)
	}
	w.pass(11 * time.Hour)
	busy.mustBe(w, u.Email, "before 7 days")
	w.pass(2 * time.Hour)
	busy.mustBe(w, "", "after 7 days, in use or not")
	if err := w.store.View(t.Context(), func(tx *store.Tx) error {
		left, err := tx.UserSessions(u.ID)
		if len(left) != 0 {
			t.Errorf("%d sessions that ran out are still kept", len(left))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// Sessions that ran out and whose browser never came back go at the next sign-in.
func TestSignInSweepsOldSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("mira@example.com", access.RoleEditor, goodPassword)
	for _, after := range []time.Duration{0, time.Hour, 48 * time.Hour} {
		w.pass(after)
		if err := newBrowser().signIn(w, u.Email, goodPassword); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.store.View(t.Context(), func(tx *store.Tx) error {
		left, err := tx.UserSessions(u.ID)
		if len(left) != 1 {
			t.Errorf("%d sessions are kept, want the new one", len(left))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// P44: signing out, disabling, deleting and a new role hold on the next request.
func TestWhatEndsASessionHoldsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.user("mira@example.com", access.RoleManager, goodPassword)
	b := newBrowser()
	if err := b.signIn(w, u.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	u.Role = access.RoleViewer
	w.update(func(tx *store.Tx) error { return tx.UpdateUser(u) })
	if role := b.who(w).Role; role != access.RoleViewer {
		t.Errorf("the role is still %s", role)
	}
	stolen := newBrowser()
	stolen.cookies[sessionName] = b.cookies[sessionName]
	if err := b.send(t, func(rw http.ResponseWriter, r *http.Request) error {
		_, err := w.SignOut(r.Context(), rw, r, b.who(w))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, kept := b.cookies[sessionName]; kept {
		t.Error("the cookie stays after signing out")
	}
	stolen.mustBe(w, "", "a copy of the cookie after signing out")

	if err := b.signIn(w, u.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	u = must(w.store.User(t.Context(), u.ID))(t)
	u.Disabled = true
	w.update(func(tx *store.Tx) error { return tx.UpdateUser(u) })
	b.mustBe(w, "", "disabled")
	u.Version, u.Disabled = u.Version+1, false
	w.update(func(tx *store.Tx) error { return tx.UpdateUser(u) })
	b.mustBe(w, "", "enabled again: the session was removed")

	if err := b.signIn(w, u.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	w.update(func(tx *store.Tx) error { return tx.DeleteUser(u.ID) })
	b.mustBe(w, "", "deleted")
}

// P26: a copy of the data folder holds no password, session id, link or token.
func TestTheStoreHoldsOnlyHashes(t *testing.T) {
	t.Parallel()
	w, b := newWorld(t), newBrowser()
	setupToken, _, err := w.SetupToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u := w.user("mira@example.com", access.RoleAdmin, goodPassword)
	invited := w.user("new@example.com", access.RoleViewer, "")
	if err := b.signIn(w, u.Email, goodPassword); err != nil {
		t.Fatal(err)
	}
	inviteToken := must(w.CreateInvite(t.Context(), b.who(w), invited.ID))(t)
	apiToken, _, err := w.CreateAPIToken(t.Context(), b.who(w), u.ID, "script", access.ScopeRead, w.time().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range []string{"patchbay.db", "patchbay.db-wal"} {
		content := string(must(os.ReadFile(filepath.Join(w.dir, name)))(t))
		found += strings.Count(content, u.Email)
		for what, secret := range map[string]string{"password": goodPassword, "session": b.cookies[sessionName], "setup link": setupToken,
			"invitation": inviteToken, "API token": apiToken, "device mark": b.cookies["__Host-patchbay-device"]} {
			if strings.Contains(content, secret) || strings.Contains(content, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s holds the %s", name, what)
			}
		}
	}
	if found == 0 {
		t.Fatal("the files do not even hold the address: this test looked in the wrong place")
	}
}
