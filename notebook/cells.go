package notebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"patchbay/access"
	"patchbay/store"
)

// The kinds of cell.
const (
	KindSQL   = "sql"
	KindText  = "text"
	KindInput = "input"
)

const (
	sourceBytes = 512 << 10
	configBytes = 64 << 10
	nameLength  = 63
)

// validName is what an output or a parameter may be called: it can stand in {{ }} and, unquoted, in SQL.
var validName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// A NewCell is a cell to make.
type NewCell struct {
	Kind, Name, Source, ConnectionID string
	Config                           map[string]any
	At                               int // place in the project, from 0; -1: the end
}

// A CellChange is what an edit changes; nil fields stay as they are. Version is the one that the editor has read.
type CellChange struct {
	Version                    int64
	Name, Source, ConnectionID *string
	Config                     map[string]any
}

// CreateCell adds a cell to a project. A cell without a name gets one: query_1, input_1.
func (n *Notebook) CreateCell(ctx context.Context, who access.Actor, projectID string, in NewCell) (store.Cell, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return store.Cell{}, fmt.Errorf("make id: %w", err)
	}
	now := n.now()
	var made store.Cell
	err = n.store.UpdateAudited(ctx, func(tx *store.Tx) (store.AuditEntry, error) {
		p, err := project(tx, who, projectID, access.EditProject)
		if err != nil {
			return store.AuditEntry{}, err
		}
		c := store.Cell{ID: id.String(), ProjectID: projectID, Kind: in.Kind, Name: in.Name, Source: in.Source, ConnectionID: in.ConnectionID,
			Config: in.Config, Created: now, Updated: now, Version: 1}
		if c.Name == "" && c.Kind != KindText {
			c.Name = p.freeName(c.Kind)
		}
		if c, err = p.checked(c); err != nil {
			return store.AuditEntry{}, err
		}
		c.Position = int64(len(p.Cells))
		if in.At >= 0 && in.At < len(p.Cells) {
			c.Position = p.Cells[in.At].Position
		}
		made = c
		return entry(who, "cell.create", c), tx.CreateCell(c)
	})
	return made, n.refused(ctx, who, "cell.create", projectID, err)
}

// UpdateCell changes a cell. Where it changed since the editor read it, that is store.ErrConflict and nothing is written.
func (n *Notebook) UpdateCell(ctx context.Context, who access.Actor, projectID, cellID string, change CellChange) (store.Cell, error) {
	var changed store.Cell
	now := n.now()
	err := n.store.UpdateAudited(ctx, func(tx *store.Tx) (store.AuditEntry, error) {
		p, err := project(tx, who, projectID, access.EditProject)
		if err != nil {
			return store.AuditEntry{}, err
		}
		c, err := p.cell(cellID)
		if err != nil {
			return store.AuditEntry{}, err
		}
		if c.Version != change.Version {
			return store.AuditEntry{}, store.ErrConflict
		}
		change.apply(&c)
		if c, err = p.checked(c); err != nil {
			return store.AuditEntry{}, err
		}
		c.Updated = now
		if err := tx.UpdateCell(c); err != nil {
			return store.AuditEntry{}, err
		}
		c.Version++
		changed = c
		return entry(who, "cell.update", c), nil
	})
	return changed, n.refused(ctx, who, "cell.update", projectID, err)
}

func (change CellChange) apply(c *store.Cell) {
	for to, from := range map[*string]*string{&c.Name: change.Name, &c.Source: change.Source, &c.ConnectionID: change.ConnectionID} {
		if from != nil {
			*to = *from
		}
	}
	if change.Config != nil {
		c.Config = change.Config
	}
}

// MoveCell puts a cell at a place of its project, from 0.
func (n *Notebook) MoveCell(ctx context.Context, who access.Actor, projectID, cellID string, to int) error {
	err := n.store.UpdateAudited(ctx, func(tx *store.Tx) (store.AuditEntry, error) {
		p, err := project(tx, who, projectID, access.EditProject)
		if err != nil {
			return store.AuditEntry{}, err
		}
		c, err := p.cell(cellID)
		if err != nil {
			return store.AuditEntry{}, err
		}
		e := entry(who, "cell.move", c)
		e.Detail["to"] = to
		return e, tx.MoveCell(cellID, to)
	})
	return n.refused(ctx, who, "cell.move", projectID, err)
}

// DeleteCell removes a cell, and cancels it where it runs.
func (n *Notebook) DeleteCell(ctx context.Context, who access.Actor, projectID, cellID string) error {
	err := n.store.UpdateAudited(ctx, func(tx *store.Tx) (store.AuditEntry, error) {
		p, err := project(tx, who, projectID, access.EditProject)
		if err != nil {
			return store.AuditEntry{}, err
		}
		c, err := p.cell(cellID)
		if err != nil {
			return store.AuditEntry{}, err
		}
		return entry(who, "cell.delete", c), tx.DeleteCell(cellID)
	})
	if err != nil {
		return n.refused(ctx, who, "cell.delete", projectID, err)
	}
	return n.query.DropCell(ctx, cellID)
}

func entry(who access.Actor, action string, c store.Cell) store.AuditEntry {
	return store.AuditEntry{Who: who, Action: action, ObjectType: "cell", ObjectID: c.ID, ObjectName: c.Name,
		Detail: map[string]any{"project": c.ProjectID, "kind": c.Kind}}
}

// refused keeps the audit row of an act that access refused, and hands the error on.
func (n *Notebook) refused(ctx context.Context, who access.Actor, action, projectID string, err error) error {
	var denied *access.Denied
	if !errors.As(err, &denied) {
		return err
	}
	denied.Audited = true
	return errors.Join(err, n.store.Audit(ctx, store.AuditEntry{Who: who, Action: action, ObjectType: "project", ObjectID: projectID, Outcome: "refused",
		Detail: map[string]any{"because": denied.Error()}}))
}

// checked checks a cell that was filled in and answers with it as it is kept.
func (p Page) checked(c store.Cell) (store.Cell, error) {
	if err := p.checkName(c); err != nil {
		return c, err
	}
	if len(c.Source) > sourceBytes || !utf8.ValidString(c.Source) || strings.ContainsRune(c.Source, 0) {
		return c, invalid("source", fmt.Sprintf("Use at most %d KiB of text", sourceBytes>>10))
	}
	if kept, err := json.Marshal(c.Config); err != nil || len(kept) > configBytes {
		return c, invalid("config", fmt.Sprintf("Use at most %d KiB", configBytes>>10))
	}
	uses := func(used store.Connection) bool { return used.ID == c.ConnectionID }
	switch c.Kind {
	case KindSQL:
		if c.ConnectionID != "" && !slices.ContainsFunc(p.Connections, uses) {
			return c, invalid("connection_id", "This project does not use that connection. Import it first")
		}
		return c, nil
	case KindText, KindInput:
		if c.ConnectionID != "" {
			return c, invalid("connection_id", "Only SQL cells have a connection")
		}
	default:
		return c, invalid("kind", "Use sql, text or input")
	}
	if c.Kind == KindText {
		return c, nil
	}
	var err error
	c.Config, err = checkInput(c.Config)
	return c, err
}

// checkName checks that the name can be used in SQL and is the only one of its kind in the project, in whatever case.
func (p Page) checkName(c store.Cell) error {
	if c.Kind == KindText {
		if c.Name != "" {
			return invalid("name", "A text cell has no name")
		}
		return nil
	}
	if !validName.MatchString(c.Name) || len(c.Name) > nameLength {
		return invalid("name", fmt.Sprintf("Use letters, digits and _, not a digit first, at most %d characters", nameLength))
	}
	if slices.ContainsFunc(p.Cells, func(other CellView) bool { return other.ID != c.ID && strings.EqualFold(other.Name, c.Name) }) {
		return invalid("name", "Another cell of this project has this name")
	}
	return nil
}

// freeName is the first name of its kind that no cell has.
func (p Page) freeName(kind string) string {
	stem := "query_"
	if kind == KindInput {
		stem = "input_"
	}
	for i := 1; ; i++ {
		name := stem + strconv.Itoa(i)
		if !slices.ContainsFunc(p.Cells, func(c CellView) bool { return strings.EqualFold(c.Name, name) }) {
			return name
		}
	}
}
