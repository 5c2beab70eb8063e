package workspace

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"patchbay/access"
	"patchbay/schedule"
	"patchbay/store"
)

// PreviewShare says what ShareConnection would do to whom, and changes nothing.
func (w *Workspace) PreviewShare(ctx context.Context, who access.Actor, id string) (Consequences, error) {
	if err := access.AdminOnly(who, "share a connection with the workspace"); err != nil {
		return Consequences{}, err
	}
	return view(ctx, w.Store, func(tx *store.Tx) (Consequences, error) {
		c, err := projectConnection(tx, id)
		if err != nil {
			return Consequences{}, err
		}
		return shareConsequences(tx, c)
	})
}

// A Reach is where a connection leads that is shared with the workspace.
type Reach struct {
	Private     bool // it may then reach private addresses, which it may not now
	destination string
}

// shareConsequences are those for people, and that connections of the workspace are an Admin's, whoever made them: the one who
// shares it vouches for where it leads.
func shareConsequences(tx *store.Tx, c store.Connection) (Consequences, error) {
	found, err := consequences(tx, c, shared(c))
	if err != nil {
		return found, err
	}
	already, err := mayReachPrivate(tx, c)
	found.Reach = &Reach{Private: !already, destination: c.Destination}
	return found, err
}

// ShareConnection turns a project connection into a workspace connection with the default permissions and no schedule. Its
// project goes on using it, as an import. name is its name in the workspace; empty keeps the one it has. Its secrets stay as
// they are: they are sealed to its id and to where it points, which do not change. shown is the Consequences.Mark of what was shown
// of it: other consequences are store.ErrConflict; empty: whatever follows.
func (w *Workspace) ShareConnection(ctx context.Context, who access.Actor, id, name, shown string) error {
	if err := adminAct(who, "share a connection with the workspace"); err != nil {
		return err
	}
	name, now := strings.TrimSpace(name), w.Now()
	if len([]rune(name)) > maxName {
		return invalid("name", fmt.Sprintf("Use at most %d characters", maxName))
	}
	err := w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		c, err := projectConnection(tx, id)
		if err != nil {
			return entry, err
		}
		entry = connectionEntry(who, "connection.share", c)
		to := shared(c)
		if err := asShown(shown, func() (Consequences, error) { return shareConsequences(tx, c) }); err != nil {
			return entry, err
		}
		if name != "" {
			to.Name = name
		}
		to.ScheduleAnchor, to.Updated = now, now
		entry.Detail["name"] = to.Name
		entry.Detail["after"] = permissionsDetail(permissionsOf(to))
		if err := tx.ShareConnection(to); err != nil {
			return entry, err
		}
		return entry, tx.Import(c.ProjectID, id)
	})
	var taken *store.ExistsError
	if errors.As(err, &taken) {
		return invalid("name", "The workspace has a connection of this name. Choose another")
	}
	if err != nil {
		return fmt.Errorf("share connection: %w", err)
	}
	return w.EndWhatIsNotAllowed(ctx)
}

// shared is a project connection as it is once the workspace has it.
func shared(c store.Connection) store.Connection {
	c.ProjectID = ""
	c.CanQuery, c.CanViewResults, c.RefreshAdminsOnly = []string{access.GroupMembers}, []string{access.GroupPublic}, false
	c.Schedule = schedule.Spec{Kind: schedule.Off}
	return c
}

// projectConnection finds a connection that belongs to a project.
func projectConnection(tx *store.Tx, id string) (store.Connection, error) {
	c, err := tx.Connection(id)
	if err == nil && c.ProjectID == "" {
		err = invalid("scope", "This is a workspace connection already")
	}
	return c, err
}
