package workspace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/e2e/servers"
	"patchbay/query"
	"patchbay/store"
)

var auditKey = []byte("0123456789abcdef0123456789abcdef")

// twoDoors are two servers over the same stored data: on SQLite two that share the one writer, on PostgreSQL each with a connection
// of its own, as two processes have.
func twoDoors(t *testing.T, open func() (*store.Store, error)) [2]*Workspace {
	t.Helper()
	var doors [2]*Workspace
	for i := range doors {
		s, err := open()
		if err != nil {
			t.Fatal(err)
		}
		queries, err := query.NewRunner(query.Options{Store: s, Dir: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Open: nil}) // nothing is queried
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(queries.Close)
		doors[i] = &Workspace{Store: s, Query: queries, Now: time.Now}
	}
	return doors
}

// Whatever two Admins do to each other at the same moment, by whichever two ways, one Admin stays.
func TestTheLastAdminStaysOnBothStores(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Now: time.Now, AuditKey: auditKey})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		adminsRace(t, twoDoors(t, func() (*store.Store, error) { return s, nil }))
	})
	t.Run("postgres", func(t *testing.T) {
		server := servers.Postgres(t, servers.Options{})
		server.Exec(t, "postgres", "create database last_admin")
		dsn := url.URL{Scheme: "postgres", User: url.UserPassword(server.Admin, server.AdminPassword), Host: server.Address(), Path: "last_admin", RawQuery: "sslmode=require"}
		adminsRace(t, twoDoors(t, func() (*store.Store, error) {
			s, err := store.OpenPostgres(context.Background(), dsn.String(), store.Options{Now: time.Now, AuditKey: auditKey})
			if err == nil {
				t.Cleanup(func() { _ = s.Close() })
			}
			return s, err
		}))
	})
}

func adminsRace(t *testing.T, doors [2]*Workspace) {
	t.Helper()
	ways := map[string]func(w *Workspace, who access.Actor, id string) error{
		"another role": func(w *Workspace, who access.Actor, id string) error {
			role := access.RoleManager
			_, err := w.UpdateUser(t.Context(), who, id, UserChange{Role: &role})
			return err
		},
		"disabled": func(w *Workspace, who access.Actor, id string) error {
			yes := true
			_, err := w.UpdateUser(t.Context(), who, id, UserChange{Disabled: &yes})
			return err
		},
		"deleted": func(w *Workspace, who access.Actor, id string) error { return w.DeleteUser(t.Context(), who, id) },
	}
	rounds := 0
	for first := range ways {
		for second := range ways {
			for range 4 {
				rounds++
				race(t, doors, rounds, first+" and "+second, ways[first], ways[second])
			}
		}
	}
}

// race makes two Admins, who each take the other away.
func race(t *testing.T, doors [2]*Workspace, round int, name string, ways ...func(*Workspace, access.Actor, string) error) {
	t.Helper()
	ids := []string{fmt.Sprint("a", round), fmt.Sprint("b", round)}
	before, err := doors[0].Store.Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = doors[0].Store.Update(t.Context(), store.AuditEntry{Action: "test.fill", ObjectType: "test"}, func(tx *store.Tx) error {
		for _, id := range ids {
			if err := tx.CreateUser(store.User{ID: id, Email: id + "@example.com", Name: id, Role: access.RoleAdmin, PasswordHash: "one"}); err != nil {
				return err
			}
		}
		for _, u := range before { // those of earlier rounds
			if err := tx.DeleteUser(u.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	ended := make([]error, 2)
	for i, way := range ways {
		both.Go(func() {
			ended[i] = way(doors[i], access.Actor{UserID: ids[i], Role: access.RoleAdmin}, ids[1-i])
		})
	}
	both.Wait()
	users, err := doors[1].Store.Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	for _, u := range users {
		if u.Role == access.RoleAdmin && !u.Disabled {
			left++
		}
	}
	if left != 1 || (ended[0] == nil) == (ended[1] == nil) {
		t.Fatalf("%s: %d Admins are left, the acts ended with %v", name, left, ended)
	}
	for _, err := range ended { // the other one is told why, in words for people
		if bad := (*Invalid)(nil); err != nil && (!errors.As(err, &bad) || bad.Fields["role"] == "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
