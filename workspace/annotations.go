package workspace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/store"
)

// maxDescription bounds what an Admin writes about an object.
const maxDescription = 2000

// An AnnotationInput is what an Admin says of an object.
type AnnotationInput struct {
	Description string
	Label       catalog.Label
	Replaces    *time.Time // Updated of what the edit began from, zero where nothing was said; nil: whatever is there
}

// Annotate replaces what is said of an object of a workspace connection. The object must be there, or have been annotated while
// it was; saying nothing removes the annotation. Where something else is said by now than when the edit began, it is
// store.ErrConflict.
func (w *Workspace) Annotate(ctx context.Context, who access.Actor, connectionID string, path catalog.Path, in AnnotationInput) (store.Annotation, error) {
	if err := access.AdminOnly(who, "describe and mark data"); err != nil {
		return store.Annotation{}, err
	}
	a := store.Annotation{Path: path, Description: strings.TrimSpace(strings.ReplaceAll(in.Description, "\r\n", "\n")), Label: in.Label, By: who.UserID, Updated: w.Now()}
	if err := checkAnnotation(a); err != nil {
		return a, err
	}
	there := w.known(connectionID, path)
	err := w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		c, err := workspaceConnection(tx, connectionID)
		if err != nil {
			return entry, err
		}
		before, err := tx.Annotation(connectionID, path)
		if err != nil {
			return entry, err
		}
		switch {
		case !there && before.Updated.IsZero():
			return entry, store.ErrNotFound
		case in.Replaces != nil && in.Replaces.UnixMilli() != before.Updated.UnixMilli() && !sameWords(before, a):
			return entry, store.ErrConflict
		}
		entry = connectionEntry(who, "connection.annotate", c)
		entry.Detail["path"], entry.Detail["before"], entry.Detail["after"] = path.String(), annotationDetail(before), annotationDetail(a)
		return entry, tx.SetAnnotation(connectionID, a)
	})
	if err != nil {
		return a, fmt.Errorf("annotate: %w", err)
	}
	if sameWords(a, store.Annotation{}) {
		return store.Annotation{Path: path}, nil
	}
	return a, nil
}

// sameWords says whether two annotations say the same. Saving twice is in nobody's way.
func sameWords(a, b store.Annotation) bool {
	return a.Description == b.Description && a.Label == b.Label
}

// known says whether an object is in the catalog now. The empty path is the connection itself.
func (w *Workspace) known(connectionID string, path catalog.Path) bool {
	if len(path) == 0 {
		return true
	}
	shard, ok := w.Refresh.Shard(connectionID)
	if !ok {
		return false
	}
	_, ok = shard.Node(path)
	return ok
}

func checkAnnotation(a store.Annotation) error {
	bad := map[string]string{}
	strange := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	switch {
	case utf8.RuneCountInString(a.Description) > maxDescription:
		bad["description"] = fmt.Sprintf("Use at most %d characters", maxDescription)
	case !utf8.ValidString(a.Description), strings.ContainsFunc(a.Description, strange):
		bad["description"] = "Use text without control characters"
	}
	switch a.Label.Mark {
	case "", catalog.MarkEndorsed, catalog.MarkDeprecated:
	default:
		bad["mark"] = "Choose endorsed, deprecated or no mark"
	}
	if len(bad) > 0 {
		return &Invalid{Fields: bad}
	}
	return nil
}

func annotationDetail(a store.Annotation) map[string]any {
	return map[string]any{"description": a.Description, "mark": a.Label.Mark, "exclude_from_agents": a.Label.ExcludeFromAgents}
}

// ForgetGone removes what people said of tables that are gone for good, and what they pinned and opened of them.
func ForgetGone(tx *store.Tx, gone []store.Tombstone) error {
	paths := map[string][]string{}
	for _, t := range gone {
		paths[t.ConnectionID] = append(paths[t.ConnectionID], t.Path)
	}
	for id, of := range paths {
		if err := errors.Join(tx.PurgeAnnotations(id, of), tx.PurgeNodeRefs(id, of)); err != nil {
			return err
		}
	}
	return nil
}
