package workspace

import (
	"context"
	"fmt"

	"patchbay/access"
	"patchbay/store"
)

// Settings are the workspace's own settings.
type Settings struct {
	AllowProjectConnections bool `json:"allow_project_connections"`
}

// Settings reads the workspace settings; Admins see them.
func (w *Workspace) Settings(ctx context.Context, who access.Actor) (Settings, error) {
	if err := access.AdminOnly(who, "see workspace settings"); err != nil {
		return Settings{}, err
	}
	return view(ctx, w.Store, func(tx *store.Tx) (Settings, error) {
		allowed, err := projectConnectionsAllowed(tx)
		return Settings{AllowProjectConnections: allowed}, err
	})
}

// ProjectConnectionsAllowed says whether others than Admins may connect databases to their projects.
func (w *Workspace) ProjectConnectionsAllowed(ctx context.Context) (bool, error) {
	return view(ctx, w.Store, projectConnectionsAllowed)
}

// SetSettings replaces the workspace settings.
func (w *Workspace) SetSettings(ctx context.Context, who access.Actor, to Settings) error {
	if err := access.AdminOnly(who, "change workspace settings"); err != nil {
		return err
	}
	entry := store.AuditEntry{Who: who, Action: "settings.update", ObjectType: "settings", ObjectID: "workspace", ObjectName: "Workspace",
		Detail: map[string]any{SettingProjectConnections: to.AllowProjectConnections}}
	return w.Store.Update(ctx, entry, func(tx *store.Tx) error {
		return tx.SetSetting(SettingProjectConnections, fmt.Sprint(to.AllowProjectConnections))
	})
}
