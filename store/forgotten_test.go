package store_test

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/auth"
	"patchbay/secret"
	"patchbay/store"
)

// holders are the files of a data folder that hold any of the texts.
func holders(t *testing.T, dir string, texts ...string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	check(t, err)
	var found []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		check(t, err)
		for _, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				found = append(found, filepath.Base(file)+" holds "+text)
			}
		}
	}
	return found
}

const canary = "canary-box-4711"

// forgetting are the ways to forget a connection's secret.
var forgetting = map[string]func(*store.Tx, store.Connection) error{
	"replaced": func(tx *store.Tx, c store.Connection) error {
		return tx.UpdateConnection(c, map[string][]byte{"password": []byte("another")}, nil)
	},
	"removed": func(tx *store.Tx, c store.Connection) error { return tx.UpdateConnection(c, nil, []string{"password"}) },
	"deleted": func(tx *store.Tx, c store.Connection) error { return tx.DeleteConnection(c.ID) },
}

// What is forgotten is gone from the file and from the log at once, while the server runs (P30).
func TestForgottenSecretsAreGoneFromTheFiles(t *testing.T) {
	for name, forget := range forgetting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, s, saved := withCanary(t)
			update(t, s, func(tx *store.Tx) error { return forget(tx, saved) })
			equal(t, holders(t, dir, canary), []string{})
		})
	}
}

// Someone who reads keeps the log from being emptied; the first write after that does it.
func TestForgottenSecretsWaitForReaders(t *testing.T) {
	t.Parallel()
	dir, s, saved := withCanary(t)
	check(t, s.View(ctx, func(tx *store.Tx) error {
		if _, err := tx.Connection("w"); err != nil {
			return err
		}
		return s.Update(ctx, act, func(tx *store.Tx) error { return tx.DeleteConnection(saved.ID) })
	}))
	if len(holders(t, dir, canary)) == 0 {
		t.Fatal("the reader was in nobody's way: this test shows nothing")
	}
	check(t, s.Audit(ctx, act))
	equal(t, holders(t, dir, canary), []string{})
}

func withCanary(t *testing.T) (dir string, s *store.Store, saved store.Connection) {
	t.Helper()
	dir, c := t.TempDir(), newClock()
	s = open(t, dir, c)
	update(t, s, func(tx *store.Tx) error {
		return tx.CreateConnection(warehouse(c), map[string][]byte{"password": []byte(canary)})
	})
	if len(holders(t, dir, canary)) == 0 {
		t.Fatal("the canary is not found where it is kept: this test shows nothing")
	}
	saved, err := s.Connection(ctx, "w")
	check(t, err)
	return dir, s, saved
}

// A copy of the files gives nobody a way in: neither a password, a session, a link or a token, nor a sealed secret (P26).
func TestFilesHoldNoWayIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := store.Open(ctx, store.Options{Dir: dir, Now: time.Now, AuditKey: []byte("audit key")})
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	const password, sealed = "canary of a password", "canary of a connection"
	a := auth.New(auth.Options{Store: s, Now: time.Now})
	setup, _, err := a.SetupToken(ctx)
	check(t, err)
	check(t, a.CreateFirstAdmin(ctx, "Mira", "mira@example.com", password))
	answer := httptest.NewRecorder()
	who, err := a.SignIn(ctx, answer, httptest.NewRequest("POST", "/sign-in", nil), "mira@example.com", password)
	check(t, err)
	invited := store.User{ID: "new", Email: "new@example.com", Name: "New", Role: access.RoleViewer}
	check(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.CreateUser(invited) }))
	invite, err := a.CreateInvite(ctx, who, "new")
	check(t, err)
	token, _, err := a.CreateAPIToken(ctx, who, who.UserID, "laptop", access.ScopeRead, time.Now().Add(time.Hour))
	check(t, err)
	box, err := secret.NewRing().Seal([]byte(sealed), "w", "password")
	check(t, err)
	update(t, s, func(tx *store.Tx) error {
		return tx.CreateConnection(warehouse(newClock()), map[string][]byte{"password": box})
	})
	ways := []string{password, sealed, setup, invite, token}
	for _, cookie := range answer.Result().Cookies() {
		ways = append(ways, cookie.Value)
	}
	for _, way := range ways {
		if len(way) < 16 {
			check(t, errors.New("a way in is too short to be looked for"))
		}
	}
	equal(t, len(ways) > 5, true)
	equal(t, holders(t, dir, ways...), []string{})
	if len(holders(t, dir, "mira@example.com")) == 0 {
		t.Error("what is kept as it is is not found: this test shows nothing")
	}
}
