package workspace

import (
	"fmt"
	"testing"
	"time"

	"patchbay/access"
	"patchbay/store"
)

// BenchmarkPreviewPermissions takes Can query from 2,000 people over 200 projects, from the store to the names.
func BenchmarkPreviewPermissions(b *testing.B) {
	s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir(), Now: time.Now, AuditKey: []byte("0123456789abcdef0123456789abcdef")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	entry := store.AuditEntry{Action: "bench.fill", ObjectType: "bench"}
	err = s.Update(b.Context(), entry, func(tx *store.Tx) error {
		c := store.Connection{ID: "c", Name: "Shop", Type: "sqlite", CanQuery: []string{access.GroupMembers}, CanViewResults: []string{access.GroupPublic}}
		if err := tx.CreateConnection(c, nil); err != nil {
			return err
		}
		for i := range 2000 {
			id := fmt.Sprint("user-", i)
			if err := tx.CreateUser(store.User{ID: id, Email: id + "@example.com", Name: id, Role: access.Roles[i%len(access.Roles)]}); err != nil {
				return err
			}
		}
		for i := range 200 {
			id := fmt.Sprint("project-", i)
			p := store.Project{ID: id, Name: id, OwnerID: "user-0", Shares: []access.Share{{To: "workspace", Access: access.Edit}, {To: fmt.Sprint("user:user-", i), Access: access.Full}}}
			if err := tx.CreateProject(p); err != nil {
				return err
			}
			if err := tx.Import(id, "c"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	w := &Workspace{Store: s, Now: time.Now}
	for b.Loop() {
		found, err := w.PreviewPermissions(b.Context(), access.Actor{UserID: "boss", Role: access.RoleAdmin}, "c", Permissions{CanViewResults: []string{access.GroupPublic}})
		if err != nil || len(found.Projects) != 200 {
			b.Fatalf("%d projects, %v", len(found.Projects), err)
		}
	}
}
