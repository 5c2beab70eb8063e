package store_test

import (
	"errors"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/claims"
	"patchbay/store"
)

func okta(c *clock) store.Provider {
	return store.Provider{ID: "okta", Name: "Okta", Issuer: "https://a.example", ClientID: "patchbay", Scopes: []string{"openid", "email"}, DefaultRole: access.RoleViewer,
		LinkDomains: []string{"example.com"}, Rules: []claims.Rule{{Claim: "groups", Value: "A", Role: access.RoleEditor, Group: "Analysts"}}, Enabled: true,
		SecretSet: true, Created: c.Now(), Updated: c.Now(), Version: 1}
}

func TestProviders(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error { return tx.CreateProvider(okta(c), []byte("box")) })
		p, err := s.Provider(ctx, "okta")
		check(t, err)
		equal(t, p, okta(c))
		same, twin := okta(c), okta(c)
		twin.ID, twin.Name = "other", "OKTA"
		for field, taken := range map[string]store.Provider{"id": same, "name": twin} {
			err := s.Update(ctx, act, func(tx *store.Tx) error { return tx.CreateProvider(taken, nil) })
			var exists *store.ExistsError
			if !errors.As(err, &exists) || exists.Field != field {
				t.Fatalf("%s: %v", field, err)
			}
		}
		p.Issuer = "https://b.example"
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.UpdateProvider(p, nil, false) }), store.ErrSecretsNeeded)
		update(t, s, func(tx *store.Tx) error { return tx.UpdateProvider(p, []byte("box-2"), false) })
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.UpdateProvider(p, nil, false) }), store.ErrConflict)
		box, err := s.ProviderSecret(ctx, "okta")
		check(t, err)
		equal(t, string(box), "box-2")
		p.Version = 2
		update(t, s, func(tx *store.Tx) error { return tx.UpdateProvider(p, nil, true) })
		_, err = s.ProviderSecret(ctx, "okta")
		want(t, err, store.ErrNotFound)
		update(t, s, func(tx *store.Tx) error { return tx.DeleteProvider("okta") })
		all, err := s.Providers(ctx)
		check(t, err)
		equal(t, len(all), 0)
	})
}

// A replaced or deleted client secret is gone from the files at once (P30).
func TestForgottenClientSecretsAreGoneFromTheFiles(t *testing.T) {
	for name, forget := range map[string]func(*store.Tx, store.Provider) error{
		"replaced": func(tx *store.Tx, p store.Provider) error { return tx.UpdateProvider(p, []byte("another"), false) },
		"removed":  func(tx *store.Tx, p store.Provider) error { return tx.UpdateProvider(p, nil, true) },
		"deleted":  func(tx *store.Tx, p store.Provider) error { return tx.DeleteProvider(p.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, c := t.TempDir(), newClock()
			s := open(t, dir, c)
			update(t, s, func(tx *store.Tx) error { return tx.CreateProvider(okta(c), []byte(canary)) })
			if len(holders(t, dir, canary)) == 0 {
				t.Fatal("the canary is not found where it is kept: this test shows nothing")
			}
			update(t, s, func(tx *store.Tx) error { return forget(tx, okta(c)) })
			equal(t, holders(t, dir, canary), []string{})
		})
	}
}

// Whose an identity is never changes, and it outlives its provider's settings (P37).
func TestIdentities(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		other := mira(c)
		other.ID, other.Email = "other", "other@example.com"
		one := store.Identity{Issuer: "https://a.example", Subject: "1", UserID: "mira", ProviderID: "okta", Email: "m@example.com", Created: c.Now(), Seen: c.Now()}
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateUser(mira(c)), tx.CreateUser(other), tx.CreateProvider(okta(c), nil), tx.PutIdentity(one))
		})
		again := one
		again.UserID, again.Email, again.Warning, again.Stale, again.Seen = "other", "new@example.com", "cut", c.Now(), c.Now().Add(time.Hour)
		admins := func() (n int64) {
			check(t, s.View(ctx, func(tx *store.Tx) (err error) { n, err = tx.CountProviderAdmins(); return err }))
			return n
		}
		equal(t, admins(), 1)
		update(t, s, func(tx *store.Tx) error { return errors.Join(tx.PutIdentity(again), tx.DeleteProvider("okta")) })
		equal(t, admins(), 0)
		check(t, s.View(ctx, func(tx *store.Tx) error {
			got, err := tx.Identity(one.Issuer, "1")
			again.UserID = "mira"
			equal(t, got, again)
			_, missing := tx.Identity("https://b.example", "1")
			want(t, missing, store.ErrNotFound)
			return err
		}))
		list, err := s.Identities(ctx, "okta")
		check(t, err)
		equal(t, len(list), 1)
		u, err := s.User(ctx, "mira")
		check(t, err)
		plain, err := s.User(ctx, "other")
		check(t, err)
		equal(t, []bool{u.External, plain.External}, []bool{true, false})
	})
}

// A provider's groups are replaced as a whole; those kept by hand stay, also where both name the same group.
func TestProviderGroups(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateUser(mira(c)), tx.CreateGroup(store.Group{ID: "a", Name: "Analysts"}), tx.CreateGroup(store.Group{ID: "b", Name: "Billing"}),
				tx.CreateGroup(store.Group{ID: "c", Name: "Data"}), tx.AddMember("a", "mira"), tx.SetProviderGroups("mira", []string{"a", "b", "b"}))
		})
		update(t, s, func(tx *store.Tx) error { return tx.SetProviderGroups("mira", []string{"c"}) })
		u, err := s.User(ctx, "mira")
		check(t, err)
		equal(t, u.Groups, []string{"a", "c"})
		check(t, s.View(ctx, func(tx *store.Tx) error {
			groups, err := tx.ProviderGroups("mira")
			equal(t, []any{len(groups), groups[0].Name}, []any{1, "Data"})
			byName, err2 := tx.GroupByName(" analysts ")
			equal(t, byName.ID, "a")
			return errors.Join(err, err2)
		}))
	})
}

// Of several that take a flow out, one gets it; those that never came back are dropped.
func TestFlowsAreTakenOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		kept := store.Flow{Hash: []byte("one"), ProviderID: "okta", Box: []byte("box"), Expires: c.Now().Add(10 * time.Minute)}
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateProvider(okta(c), nil), tx.CreateFlow(kept, c.Now()))
		})
		take := func(hash string) (f store.Flow, err error) {
			err = s.Maintain(ctx, func(tx *store.Tx) error { f, err = tx.TakeFlow([]byte(hash)); return err })
			return f, err
		}
		got, err := take("one")
		check(t, err)
		equal(t, got, kept)
		_, err = take("one")
		want(t, err, store.ErrNotFound)
		check(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.CreateFlow(kept, c.Now()) }))
		c.add(10 * time.Minute)
		next := kept
		next.Hash = []byte("two")
		check(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.CreateFlow(next, c.Now()) }))
		_, err = take("one")
		want(t, err, store.ErrNotFound)
	})
}

// A provider ends sessions by its own id of them, or all of a person; never those of another provider or of a password.
func TestProviderSessionsEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		session := func(hash, provider, sid string) store.Session {
			return store.Session{Hash: []byte(hash), UserID: "mira", ProviderID: provider, SID: sid, Created: c.Now()}
		}
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateUser(mira(c)), tx.CreateSession(session("1", "okta", "s1")), tx.CreateSession(session("2", "okta", "s2")),
				tx.CreateSession(session("3", "entra", "s1")), tx.CreateSession(session("4", "", "")), tx.KeepIDToken([]byte("1"), []byte("box")))
		})
		end := func(provider, sid, user string) string {
			var ended string
			update(t, s, func(tx *store.Tx) error {
				list, err := tx.EndProviderSessions(provider, sid, user)
				ended = ""
				for _, one := range list {
					ended += string(one.Hash)
				}
				return err
			})
			return ended
		}
		equal(t, end("okta", "s1", "someone else"), "")
		equal(t, end("okta", "s1", ""), "1")
		check(t, s.View(ctx, func(tx *store.Tx) error {
			_, err := tx.IDToken([]byte("1"))
			want(t, err, store.ErrNotFound)
			return nil
		}))
		equal(t, end("okta", "", "mira"), "2")
		equal(t, end("entra", "", ""), "3")
		_, err := s.SessionByHash(ctx, []byte("4"))
		check(t, err)
	})
}

func TestLogoutTokensWorkOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		use := func(issuer, jti string) error {
			return s.Maintain(ctx, func(tx *store.Tx) error { return tx.RememberLogout(issuer, jti, c.Now().Add(2*time.Minute), c.Now()) })
		}
		check(t, use("a", "1"))
		check(t, use("b", "1"))
		want(t, use("a", "1"), store.ErrConflict)
		c.add(2 * time.Minute)
		check(t, use("a", "1"))
	})
}

func writeProviders(t *testing.T, s *store.Store, c *clock) {
	gone := okta(c)
	gone.ID, gone.Name = "gone", "Gone"
	update(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.CreateProvider(okta(c), []byte("box")), tx.CreateProvider(gone, []byte("box")),
			tx.PutIdentity(store.Identity{Issuer: "i", Subject: "s", UserID: "mira", ProviderID: "okta"}), tx.SetProviderGroups("mira", []string{"g"}),
			tx.CreateFlow(store.Flow{Hash: []byte("flow"), ProviderID: "okta", Box: []byte("box"), Expires: c.Now().Add(time.Minute)}, c.Now()),
			tx.CreateFlow(store.Flow{Hash: []byte("taken"), ProviderID: "okta", Box: []byte("box"), Expires: c.Now().Add(time.Minute)}, c.Now()),
			tx.CreateSession(store.Session{Hash: []byte("sid"), UserID: "mira", ProviderID: "okta", SID: "1"}), tx.KeepIDToken([]byte("sid"), []byte("box")),
			tx.CreateSession(store.Session{Hash: []byte("ended"), UserID: "mira", ProviderID: "okta", SID: "2"}),
			tx.RememberLogout("i", "jti", c.Now().Add(time.Minute), c.Now()))
	})
	update(t, s, func(tx *store.Tx) error {
		p, err := tx.Provider("okta")
		_, err2 := tx.TakeFlow([]byte("taken"))
		_, err3 := tx.EndProviderSessions("okta", "2", "")
		return errors.Join(err, err2, err3, tx.UpdateProvider(p, []byte("box-2"), false), tx.DeleteProvider("gone"))
	})
}
