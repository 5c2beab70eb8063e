// Package workspace holds the acts that have more than one door (page, API, provisioning): connections, people, groups,
// permissions, projects, settings. Each checks, writes with its audit row in one transaction, and then lets its consequences
// follow. It decides nothing itself: access does.
package workspace

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/google/uuid"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/notify"
	"patchbay/query"
	"patchbay/refresh"
	"patchbay/store"
)

// A Workspace carries out acts. Its methods may be called from several goroutines.
type Workspace struct {
	Store    *store.Store
	Registry *connectors.Registry
	Opener   *Opener
	Refresh  *refresh.Runner
	Query    *query.Runner
	Notify   *notify.Sender
	Now      func() time.Time
	tests    testLimiter
	names    nameCache
}

// Invalid is input that a person can mend: words for each field. Fields of a connection's config have the field's own key.
type Invalid struct {
	Fields map[string]string
}

func (e *Invalid) Error() string {
	keys := make([]string, 0, len(e.Fields))
	for k := range e.Fields {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return "invalid fields: " + strings.Join(keys, ", ")
}

// invalid refuses one field.
func invalid(field, words string) error { return &Invalid{Fields: map[string]string{field: words}} }

// A LimitError is a refusal because too much was asked for in a short time.
type LimitError struct{ Words string }

func (e *LimitError) Error() string { return e.Words }

// newID is a fresh id: UUIDv7 text, so that ids sort by time.
func newID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make id: %w", err)
	}
	return id.String(), nil
}

// connectionFacts reads what decisions about a connection need: itself, and its project where it belongs to one.
func connectionFacts(tx *store.Tx, c store.Connection) (access.Connection, *access.Project, error) {
	p, err := tx.Owner(c)
	return c.Access(), p, err
}

// view runs fn in one read snapshot and returns what it returned.
func view[T any](ctx context.Context, s *store.Store, fn func(*store.Tx) (T, error)) (T, error) {
	var out T
	err := s.View(ctx, func(tx *store.Tx) (err error) {
		out, err = fn(tx)
		return err
	})
	return out, err
}
