package workspace

import (
	"context"
	"fmt"
	"slices"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/schedule"
	"patchbay/store"
)

// Permissions are who may query, view results of, and refresh a workspace connection.
type Permissions struct {
	CanQuery, CanViewResults []string // group ids
	RefreshAdminsOnly        bool
}

// SetPermissions replaces a workspace connection's permissions, effective at once: what runs and is no longer allowed ends.
func (w *Workspace) SetPermissions(ctx context.Context, who access.Actor, id string, p Permissions) error {
	if err := access.AdminOnly(who, "change a connection's permissions"); err != nil {
		return err
	}
	c, err := w.workspaceConnection(ctx, id)
	if err != nil {
		return err
	}
	if err := w.checkGroups(ctx, p); err != nil {
		return err
	}
	entry := connectionEntry(who, "connection.permissions", c)
	entry.Detail["before"] = permissionsDetail(Permissions{c.CanQuery, c.CanViewResults, c.RefreshAdminsOnly})
	entry.Detail["after"] = permissionsDetail(p)
	err = w.Store.Update(ctx, entry, func(tx *store.Tx) error {
		return tx.SetPermissions(id, sortedSet(p.CanQuery), sortedSet(p.CanViewResults), p.RefreshAdminsOnly)
	})
	if err != nil {
		return fmt.Errorf("set permissions: %w", err)
	}
	return w.EndWhatIsNotAllowed(ctx)
}

func permissionsDetail(p Permissions) map[string]any {
	return map[string]any{"can_query": sortedSet(p.CanQuery), "can_view_results": sortedSet(p.CanViewResults), "refresh_admins_only": p.RefreshAdminsOnly}
}

// checkGroups refuses groups that do not exist, and public for Can query, which is not offered.
func (w *Workspace) checkGroups(ctx context.Context, p Permissions) error {
	known := map[string]bool{access.GroupMembers: true, access.GroupGuests: true, access.GroupPublic: true}
	groups, err := w.Store.Groups(ctx)
	if err != nil {
		return err
	}
	for _, g := range groups {
		known[g.ID] = true
	}
	if slices.Contains(p.CanQuery, access.GroupPublic) {
		return invalid("can_query", "Can query cannot be given to the public. Choose members or groups")
	}
	for field, ids := range map[string][]string{"can_query": p.CanQuery, "can_view_results": p.CanViewResults} {
		for _, id := range ids {
			if !known[id] {
				return invalid(field, "There is no group "+id)
			}
		}
	}
	return nil
}

// EndWhatIsNotAllowed cancels running queries whose authors may no longer run them. Acts that take access away call it.
func (w *Workspace) EndWhatIsNotAllowed(ctx context.Context) error {
	var failed error
	w.Query.CancelFor(func(who access.Actor, connectionID string) bool {
		ok, err := w.mayQuery(ctx, who.UserID, connectionID)
		if err != nil {
			failed = err
		}
		return !ok // when in doubt, end it
	})
	return failed
}

// mayQuery decides with the facts as they are now, the user's own included.
func (w *Workspace) mayQuery(ctx context.Context, userID, connectionID string) (bool, error) {
	return view(ctx, w.Store, func(tx *store.Tx) (bool, error) {
		u, err := tx.User(userID)
		if err != nil || u.Disabled {
			return false, err
		}
		c, err := tx.Connection(connectionID)
		if err != nil {
			return false, err
		}
		facts, project, err := connectionFacts(tx, c)
		if err != nil {
			return false, err
		}
		return access.OnConnection(ActorOf(u), facts, project).CanQuery, nil
	})
}

// ActorOf is a user as an actor, without a session: for deciding what the user may do.
func ActorOf(u store.User) access.Actor {
	return access.Actor{UserID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role, Groups: u.Groups}
}

// SetSchedule replaces a workspace connection's refresh schedule.
func (w *Workspace) SetSchedule(ctx context.Context, who access.Actor, id string, spec schedule.Spec) error {
	if err := access.AdminOnly(who, "change a connection's schedule"); err != nil {
		return err
	}
	if spec.Kind == "" {
		spec.Kind = schedule.Off
	}
	if bad := spec.Check(); len(bad) > 0 {
		return &Invalid{Fields: bad}
	}
	c, err := w.workspaceConnection(ctx, id)
	if err != nil {
		return err
	}
	now := w.Now()
	c.Schedule, c.ScheduleAnchor = spec, now
	entry := connectionEntry(who, "connection.schedule", c)
	entry.Detail["schedule"] = spec.Words()
	err = w.Store.Update(ctx, entry, func(tx *store.Tx) error { return tx.SetSchedule(id, spec, now, nextRefresh(c, now)) })
	if err != nil {
		return fmt.Errorf("set schedule: %w", err)
	}
	return nil
}

// nextRefresh is when c is due next; zero for never.
func nextRefresh(c store.Connection, after time.Time) time.Time {
	if c.Draft {
		return time.Time{}
	}
	next, ok := c.Schedule.Next(after, c.ScheduleAnchor)
	if !ok {
		return time.Time{}
	}
	return next
}

// SetFilter replaces a workspace connection's schema filter; the next refresh reads by it.
func (w *Workspace) SetFilter(ctx context.Context, who access.Actor, id string, f catalog.Filter) error {
	if err := access.AdminOnly(who, "change a connection's schema filter"); err != nil {
		return err
	}
	if bad := f.Check(); len(bad) > 0 {
		return &Invalid{Fields: bad}
	}
	c, err := w.workspaceConnection(ctx, id)
	if err != nil {
		return err
	}
	entry := connectionEntry(who, "connection.filter", c)
	entry.Detail["filter"] = f
	if err := w.Store.Update(ctx, entry, func(tx *store.Tx) error { return tx.SetFilter(id, f) }); err != nil {
		return fmt.Errorf("set filter: %w", err)
	}
	return nil
}

// workspaceConnection finds a workspace connection; a project connection has no permissions, schedule or filter of its own.
func (w *Workspace) workspaceConnection(ctx context.Context, id string) (store.Connection, error) {
	c, err := w.Store.Connection(ctx, id)
	if err != nil {
		return c, err
	}
	if c.ProjectID != "" {
		return c, invalid("id", "This belongs to a project, whose access decides. Share it with the workspace first")
	}
	return c, nil
}

// sortedSet is ids sorted, each once, never nil.
func sortedSet(ids []string) []string {
	out := append([]string{}, ids...)
	slices.Sort(out)
	return slices.Compact(out)
}
