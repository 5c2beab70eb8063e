package workspace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/sample"
	"patchbay/schedule"
	"patchbay/store"
)

// settingSample remembers that the sample was added, so that one that was deleted does not come back.
const settingSample = "sample_added"

// AddSample adds the sample database, a connection to it and a project that uses it, once.
func (w *Workspace) AddSample(ctx context.Context) error {
	if _, added, err := w.Store.Setting(ctx, settingSample); err != nil || added {
		return err
	}
	file, err := sample.Write(ctx, w.Opener.FilesDir)
	if err != nil {
		return fmt.Errorf("write sample database: %w", err)
	}
	acting := server
	acting.Role = access.RoleAdmin
	c, err := w.CreateConnection(ctx, acting, ConnectionInput{Name: "Sample shop", Type: "duckdb", Values: connectors.Values{"file": filepath.Base(file)},
		Description: "Customers, orders and web events of a shop that never was", Schedule: schedule.Spec{Kind: schedule.Off}})
	if err != nil {
		return errors.Join(fmt.Errorf("make sample connection: %w", err), os.Remove(file))
	}
	return w.addSampleProject(ctx, acting, c)
}

// addSampleProject makes the sample project, which everyone in the workspace may edit.
func (w *Workspace) addSampleProject(ctx context.Context, acting access.Actor, c store.Connection) error {
	id, err := newID()
	if err != nil {
		return err
	}
	now := w.Now()
	p := store.Project{ID: id, Name: "Sample: a look at the shop", Created: now, Updated: now, Version: 1, Shares: []access.Share{{To: "workspace", Access: access.Edit}}}
	err = w.Store.Update(ctx, projectEntry(acting, "project.create", p), func(tx *store.Tx) error {
		if err := tx.CreateProject(p); err != nil {
			return err
		}
		if err := tx.Import(p.ID, c.ID); err != nil {
			return err
		}
		for i, cell := range sample.Notebook {
			kept := store.Cell{ID: uuid.NewSHA1(uuid.MustParse(id), []byte{byte(i)}).String(), ProjectID: p.ID, Position: int64(i), Kind: cell.Kind, Name: cell.Name, Source: cell.Source,
				Config: cell.Config, Created: now, Updated: now, Version: 1}
			if cell.Kind == "sql" {
				kept.ConnectionID = c.ID
			}
			if err := tx.CreateCell(kept); err != nil {
				return err
			}
		}
		return tx.SetSetting(settingSample, p.ID)
	})
	if err != nil {
		return fmt.Errorf("make sample project: %w", err)
	}
	return nil
}
