package store_test

import (
	"errors"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/store"
)

func mira(c *clock) store.User {
	return store.User{ID: "mira", Email: " Mira@Example.com ", Name: "Mira", Role: access.RoleAdmin, Created: c.Now(), Updated: c.Now()}
}

func TestUsers(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error { return tx.CreateUser(mira(c)) })
		u, err := s.UserByEmail(ctx, "MIRA@example.com")
		check(t, err)
		equal(t, []any{u.Email, u.Role, u.Version, u.Created}, []any{"Mira@Example.com", access.RoleAdmin, 1, c.Now()})
		err = s.Update(ctx, act, func(tx *store.Tx) error {
			return tx.CreateUser(store.User{ID: "other", Email: "mira@EXAMPLE.com", Name: "Other", Role: access.RoleViewer})
		})
		want(t, err, store.ErrExists)
		var exists *store.ExistsError
		if !errors.As(err, &exists) || exists.Field != "email" {
			t.Fatalf("the taken field is %v", exists)
		}
		u.Name = "Mira K"
		update(t, s, func(tx *store.Tx) error { return tx.UpdateUser(u) })
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.UpdateUser(u) }), store.ErrConflict)
		update(t, s, func(tx *store.Tx) error { return tx.DeleteUser("mira") })
		_, err = s.User(ctx, "mira")
		want(t, err, store.ErrNotFound)
	})
}

func TestGroupsAndMembers(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateUser(mira(c)), tx.CreateGroup(store.Group{ID: "g", Name: "Analysts", Created: c.Now()}),
				tx.AddMember("g", "mira"), tx.AddMember("g", "mira"))
		})
		u, err := s.User(ctx, "mira")
		check(t, err)
		equal(t, u.Groups, []string{"g"})
		g, err := s.Group(ctx, "g")
		check(t, err)
		equal(t, g.Members, 1)
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.CreateGroup(store.Group{ID: "h", Name: "ANALYSTS"}) }), store.ErrExists)
		update(t, s, func(tx *store.Tx) error { return tx.DeleteGroup("g") })
		u, err = s.User(ctx, "mira")
		check(t, err)
		equal(t, len(u.Groups), 0)
	})
}

func TestOneTimeTokensWorkOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		hash := []byte("hash of a token")
		check(t, s.Maintain(ctx, func(tx *store.Tx) error {
			return tx.CreateOneTime(store.OneTimeToken{Hash: hash, Purpose: "setup", Created: c.Now(), Expires: c.Now().Add(time.Hour)})
		}))
		use := func() error { return s.Maintain(ctx, func(tx *store.Tx) error { return tx.UseOneTime(hash, c.Now()) }) }
		check(t, use())
		want(t, use(), store.ErrConflict)
	})
}

// A person who is deleted takes along what was theirs, and what named them.
func TestDeletedUserLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		writePeople(t, s, c)
		update(t, s, func(tx *store.Tx) error {
			return tx.CreateProject(store.Project{ID: "p", Shares: []access.Share{{To: "user:mira", Access: access.View}, {To: "group:g", Access: access.View}}})
		})
		update(t, s, func(tx *store.Tx) error { return tx.DeleteUser("mira") })
		check(t, s.View(ctx, func(tx *store.Tx) error {
			_, session := tx.SessionByHash([]byte("hash"))
			_, token := tx.APITokenByHash([]byte("hash"))
			want(t, session, store.ErrNotFound)
			want(t, token, store.ErrNotFound)
			return nil
		}))
		g, err := s.Group(ctx, "g")
		check(t, err)
		p, err := s.Project(ctx, "p")
		check(t, err)
		equal(t, []any{g.Members, p.Shares}, []any{0, []access.Share{{To: "group:g", Access: access.View}}})
	})
}

func TestAdminsAreCountedWhoCanSignIn(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		disabled := mira(c)
		disabled.ID, disabled.Email, disabled.Disabled = "d", "d", true
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateUser(mira(c)), tx.CreateUser(disabled), tx.CreateUser(store.User{ID: "v", Email: "v", Role: access.RoleViewer}))
		})
		var n int64
		check(t, s.View(ctx, func(tx *store.Tx) (err error) { n, err = tx.CountAdmins(); return err }))
		equal(t, n, 1)
	})
}

func TestGroupsByName(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateUser(mira(c)), tx.CreateGroup(store.Group{ID: "1", Name: "b"}), tx.CreateGroup(store.Group{ID: "2", Name: "A"}), tx.AddMember("1", "mira"))
		})
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.RenameGroup("1", "a") }), store.ErrExists)
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.RenameGroup("none", "c") }), store.ErrNotFound)
		groups, err := s.Groups(ctx)
		check(t, err)
		equal(t, []any{groups[0].Name, groups[1].Name, groups[1].Members}, []any{"A", "b", 1})
		check(t, s.View(ctx, func(tx *store.Tx) error {
			members, err := tx.GroupMembers("1")
			equal(t, []any{len(members), members[0].ID}, []any{1, "mira"})
			return err
		}))
		update(t, s, func(tx *store.Tx) error { return tx.RemoveMember("1", "mira") })
		users, err := s.Users(ctx)
		check(t, err)
		equal(t, len(users[0].Groups), 0)
	})
}

func TestSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		kept := store.Session{Hash: []byte("one"), UserID: "mira", Created: c.Now(), Seen: c.Now(), Ends: c.Now().Add(time.Hour), Auth: c.Now(), IP: "::1", Agent: "Firefox"}
		other := kept
		other.Hash = []byte("two")
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateUser(mira(c)), tx.CreateSession(kept), tx.CreateSession(other))
		})
		got, err := s.SessionByHash(ctx, kept.Hash)
		check(t, err)
		equal(t, got, kept)
		c.add(time.Minute)
		check(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.TouchSession(other.Hash, c.Now()) }))
		list := func() []store.Session {
			var all []store.Session
			check(t, s.View(ctx, func(tx *store.Tx) (err error) { all, err = tx.UserSessions("mira"); return err }))
			return all
		}
		equal(t, []any{len(list()), string(list()[0].Hash), list()[0].Seen}, []any{2, "two", c.Now()})
		update(t, s, func(tx *store.Tx) error { return errors.Join(tx.DeleteSession(kept.Hash), tx.DeleteSession(kept.Hash)) })
		equal(t, len(list()), 1)
		update(t, s, func(tx *store.Tx) error { return tx.DeleteUserSessions("mira") })
		equal(t, len(list()), 0)
	})
}

func TestAPITokens(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		kept := store.APIToken{ID: "t", UserID: "mira", Name: "laptop", Hash: []byte("h"), Scope: access.ScopeWrite, Created: c.Now(), Expires: c.Now().Add(time.Hour)}
		update(t, s, func(tx *store.Tx) error { return errors.Join(tx.CreateUser(mira(c)), tx.CreateAPIToken(kept)) })
		c.add(time.Minute)
		check(t, s.Maintain(ctx, func(tx *store.Tx) error { return tx.TouchAPIToken("t", c.Now()) }))
		got, err := s.APITokenByHash(ctx, kept.Hash)
		check(t, err)
		kept.Used = c.Now()
		equal(t, got, kept)
		all, err := s.APITokens(ctx, "mira")
		check(t, err)
		equal(t, all, []store.APIToken{kept})
		update(t, s, func(tx *store.Tx) error { return tx.DeleteAPIToken("t") })
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.DeleteAPIToken("t") }), store.ErrNotFound)
		_, err = s.APITokenByHash(ctx, kept.Hash)
		want(t, err, store.ErrNotFound)
	})
}

func TestSettings(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, _ *clock) {
		_, set, err := s.Setting(ctx, "name")
		check(t, err)
		equal(t, set, false)
		for _, value := range []string{"one", ""} {
			update(t, s, func(tx *store.Tx) error { return tx.SetSetting("name", value) })
			got, set, err := s.Setting(ctx, "name")
			check(t, err)
			equal(t, []any{got, set}, []any{value, true})
		}
	})
}

// A provider's part of a membership is told apart from what people keep by hand, and outlives it.
func TestWhoKeepsAMember(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateUser(mira(c)), tx.CreateGroup(store.Group{ID: "g", Name: "Analysts"}), tx.CreateGroup(store.Group{ID: "h", Name: "Empty"}), tx.AddMember("g", "mira"))
		})
		check(t, s.Exec(ctx, "insert into group_member(group_id, user_id, source) values('g', 'mira', 'provider')"))
		members, err := s.GroupMembers(ctx, "g")
		check(t, err)
		equal(t, []any{len(members), members[0].ID, members[0].ByHand, members[0].ByProvider}, []any{1, "mira", true, true})
		update(t, s, func(tx *store.Tx) error { return tx.RemoveMember("g", "mira") })
		memberships, err := s.Memberships(ctx, "mira")
		check(t, err)
		equal(t, []any{len(memberships), memberships[0].Name, memberships[0].ByHand, memberships[0].ByProvider}, []any{1, "Analysts", false, true})
	})
}

// A session is ended by its own user's list alone, and signing in is remembered after it is gone.
func TestSessionsByID(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		other := store.User{ID: "other", Email: "other", Role: access.RoleGuest}
		update(t, s, func(tx *store.Tx) error {
			return errors.Join(tx.CreateUser(mira(c)), tx.CreateUser(other),
				tx.CreateSession(store.Session{ID: "a", Hash: []byte("a"), UserID: "mira", Created: c.Now()}),
				tx.CreateSession(store.Session{ID: "b", Hash: []byte("b"), UserID: "mira", Created: c.Now().Add(-time.Hour)}))
		})
		want(t, s.Update(ctx, act, func(tx *store.Tx) error { return tx.EndSession("other", "a") }), store.ErrNotFound)
		lasts := func(user, id string, want bool) {
			t.Helper()
			check(t, s.View(ctx, func(tx *store.Tx) error {
				got, err := tx.Session(user, id)
				equal(t, got.ID == id, want)
				if !want {
					equal(t, errors.Is(err, store.ErrNotFound), true)
					return nil
				}
				return err
			}))
		}
		lasts("mira", "a", true)
		lasts("other", "a", false)
		update(t, s, func(tx *store.Tx) error { return tx.EndOtherSessions("mira", "a") })
		lasts("mira", "b", false)
		update(t, s, func(tx *store.Tx) error { return tx.EndSession("mira", "a") })
		lasts("mira", "a", false)
		u, err := s.User(ctx, "mira")
		check(t, err)
		equal(t, u.SignedIn, c.Now())
	})
}

// A confirmed second step is not replaced by another, none of its codes counts twice, and it goes with its person.
func TestTOTP(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store, c *clock) {
		update(t, s, func(tx *store.Tx) error { return tx.CreateUser(mira(c)) })
		_, err := s.TOTP(ctx, "mira")
		want(t, err, store.ErrNotFound)
		begin := func(box string) error {
			return s.Update(ctx, act, func(tx *store.Tx) error {
				return tx.BeginTOTP(store.TOTP{UserID: "mira", Box: []byte(box), Created: c.Now()})
			})
		}
		check(t, begin("first"))
		check(t, begin("second"))
		update(t, s, func(tx *store.Tx) error { return tx.ConfirmTOTP("mira", c.Now(), [][]byte{[]byte("x"), []byte("y")}) })
		want(t, begin("third"), store.ErrConflict)
		use := func(do func(tx *store.Tx) error) error { return s.Update(ctx, act, do) }
		check(t, use(func(tx *store.Tx) error { return tx.UseTOTPStep("mira", 5) }))
		for _, step := range []int64{5, 4} {
			want(t, use(func(tx *store.Tx) error { return tx.UseTOTPStep("mira", step) }), store.ErrConflict)
		}
		check(t, use(func(tx *store.Tx) error { return tx.UseRecoveryCode("mira", []byte("x"), c.Now()) }))
		for _, code := range []string{"x", "z"} {
			want(t, use(func(tx *store.Tx) error { return tx.UseRecoveryCode("mira", []byte(code), c.Now()) }), store.ErrConflict)
		}
		totp, err := s.TOTP(ctx, "mira")
		check(t, err)
		equal(t, []any{string(totp.Box), totp.Confirmed, totp.LastStep, totp.Codes}, []any{"second", c.Now(), 5, 1})
		update(t, s, func(tx *store.Tx) error { return tx.DeleteUser("mira") })
		_, err = s.TOTP(ctx, "mira")
		want(t, err, store.ErrNotFound)
	})
}
