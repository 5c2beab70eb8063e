package workspace

import (
	"context"
	"errors"
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
	Seen                     string // PermissionsSeen when they were chosen; empty: whatever is there
	Shown                    string // Consequences.Mark of what was shown of them; empty: whatever follows
}

// SetPermissions replaces a workspace connection's permissions, effective at once: what runs and is no longer allowed ends.
func (w *Workspace) SetPermissions(ctx context.Context, who access.Actor, id string, p Permissions) error {
	if err := access.AdminOnly(who, "change a connection's permissions"); err != nil {
		return err
	}
	err := w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		c, err := workspaceConnection(tx, id)
		if err != nil {
			return entry, err
		}
		if seen, err := permissionsSeen(tx, c); err != nil {
			return entry, err
		} else if p.Seen != "" && p.Seen != seen {
			return entry, store.ErrConflict
		}
		if err := checkGroups(tx, p); err != nil {
			return entry, err
		}
		if err := asShown(p.Shown, func() (Consequences, error) { return consequences(tx, c, withPermissions(c, p)) }); err != nil {
			return entry, err
		}
		entry = connectionEntry(who, "connection.permissions", c)
		entry.Detail["before"] = permissionsDetail(permissionsOf(c))
		entry.Detail["after"] = permissionsDetail(p)
		return entry, tx.SetPermissions(id, sortedSet(p.CanQuery), sortedSet(p.CanViewResults), p.RefreshAdminsOnly)
	})
	if err != nil {
		return fmt.Errorf("set permissions: %w", err)
	}
	return w.EndWhatIsNotAllowed(ctx)
}

// permissionsOf are the permissions that a connection has.
func permissionsOf(c store.Connection) Permissions {
	return Permissions{CanQuery: c.CanQuery, CanViewResults: c.CanViewResults, RefreshAdminsOnly: c.RefreshAdminsOnly}
}

// withPermissions is a connection as it would be with other permissions.
func withPermissions(c store.Connection, p Permissions) store.Connection {
	c.CanQuery, c.CanViewResults, c.RefreshAdminsOnly = p.CanQuery, p.CanViewResults, p.RefreshAdminsOnly
	return c
}

func permissionsDetail(p Permissions) map[string]any {
	return map[string]any{"can_query": sortedSet(p.CanQuery), "can_view_results": sortedSet(p.CanViewResults), "refresh_admins_only": p.RefreshAdminsOnly}
}

// checkGroups refuses groups that do not exist, and public for Can query, which is not offered.
func checkGroups(tx *store.Tx, p Permissions) error {
	known := map[string]bool{access.GroupMembers: true, access.GroupGuests: true, access.GroupPublic: true}
	groups, err := tx.Groups()
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

// EndWhatIsNotAllowed cancels running queries whose authors may no longer run them. Acts that take access away call it, after
// their commit: that whoever asked has gone since must neither keep it from happening nor end the queries of others.
func (w *Workspace) EndWhatIsNotAllowed(ctx context.Context) error {
	return w.Query.CancelDenied(context.WithoutCancel(ctx))
}

// ActorOf is a user as an actor, without a session: for deciding what the user may do.
func ActorOf(u store.User) access.Actor { return u.Actor() }

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
	now := w.Now()
	err := w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		c, err := workspaceConnection(tx, id)
		if err != nil {
			return entry, err
		}
		entry = connectionEntry(who, "connection.schedule", c)
		entry.Detail["before"], entry.Detail["schedule"] = c.Schedule.Words(), spec.Words()
		c.Schedule, c.ScheduleAnchor = spec, now
		return entry, tx.SetSchedule(id, spec, now, nextRefresh(c, now))
	})
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

// SetFilter replaces a workspace connection's schema filter. What it drops is gone from the known catalog at once; what it
// newly lets in comes with a refresh that begins by itself, also where the known catalog could not be filtered. version is the connection as it was when the edit began: a newer
// one is store.ErrConflict; 0 replaces whatever is there.
func (w *Workspace) SetFilter(ctx context.Context, who access.Actor, id string, f catalog.Filter, version int64) error {
	if err := access.AdminOnly(who, "change a connection's schema filter"); err != nil {
		return err
	}
	if bad := f.Check(); len(bad) > 0 {
		return &Invalid{Fields: bad}
	}
	draft := false
	err := w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		c, err := workspaceConnection(tx, id)
		if err != nil {
			return entry, err
		}
		if version != 0 && version != c.Version {
			return entry, store.ErrConflict
		}
		draft = c.Draft
		entry = connectionEntry(who, "connection.filter", c)
		entry.Detail["before"], entry.Detail["filter"] = c.Filter, f
		return entry, tx.SetFilter(id, f)
	})
	if err != nil {
		return fmt.Errorf("set filter: %w", err)
	}
	ctx = context.WithoutCancel(ctx) // it is saved: who walks away does not leave it half applied
	if err = w.Refresh.Refilter(ctx, id); err != nil {
		err = fmt.Errorf("apply filter: %w", err)
	}
	if draft {
		return err
	}
	if _, refresh := w.Refresh.Start(ctx, id, "manual", who.UserID); refresh != nil {
		err = errors.Join(err, fmt.Errorf("refresh by the new filter: %w", refresh))
	}
	return err
}

// workspaceConnection finds a workspace connection; a project connection has no permissions, schedule or filter of its own.
func workspaceConnection(tx *store.Tx, id string) (store.Connection, error) {
	c, err := tx.Connection(id)
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
