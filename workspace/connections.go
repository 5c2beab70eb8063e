package workspace

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/schedule"
	"patchbay/store"
)

// maxName bounds the names that people give to things.
const maxName = 120

// A ConnectionInput is a connection as it was filled in. Values and Secrets come from the connector's Parse.
type ConnectionInput struct {
	Name, Type, Description        string
	ProjectID                      string // empty: a workspace connection
	Draft                          bool
	Values                         connectors.Values
	Secrets                        connectors.Secrets
	RemoveSecrets                  []string // on update: saved secrets to forget
	AllowWriteback, HideFromAgents bool
	CanQuery, CanViewResults       []string // groups; nil: members and public
	RefreshAdminsOnly              bool
	Schedule                       schedule.Spec // the zero Spec is off
	Version                        int64         // on update: the version that was edited; 0: whatever is there
	filter                         catalog.Filter
}

// SettingProjectConnections is the workspace setting "Allow project data connections": "true" unless it says "false".
const SettingProjectConnections = "allow_project_connections"

// CreateConnection saves a new connection with its secrets sealed and, unless it is a draft, starts its first refresh.
func (w *Workspace) CreateConnection(ctx context.Context, who access.Actor, in ConnectionInput) (store.Connection, error) {
	if err := w.mayCreate(ctx, who, in); err != nil {
		return store.Connection{}, err
	}
	connector, err := w.check(in, nil)
	if err != nil {
		return store.Connection{}, err
	}
	id, err := newID()
	if err != nil {
		return store.Connection{}, err
	}
	c := w.record(connector, in)
	now := w.Now()
	c.ID, c.CreatedBy, c.Created, c.Updated, c.ScheduleAnchor = id, who.UserID, now, now, now
	c.NextRefresh = nextRefresh(c, now)
	boxes, err := w.Opener.seal(id, c.Destination, in.Secrets)
	if err != nil {
		return store.Connection{}, err
	}
	err = w.Store.Update(ctx, connectionEntry(who, "connection.create", c), func(tx *store.Tx) error {
		if err := checkGroups(tx, permissionsOf(c)); err != nil {
			return err
		}
		return tx.CreateConnection(c, boxes)
	})
	if err != nil {
		return store.Connection{}, fmt.Errorf("create connection: %w", err)
	}
	if c.Draft {
		return c, nil
	}
	if _, err := w.Refresh.Start(context.WithoutCancel(ctx), id, "created", who.UserID); err != nil { // it is saved, whoever has gone
		return c, fmt.Errorf("start first refresh: %w", err)
	}
	return c, nil
}

// mayCreate asks who may make such a connection: workspace connections and drafts are the Admins'.
func (w *Workspace) mayCreate(ctx context.Context, who access.Actor, in ConnectionInput) error {
	if in.ProjectID == "" {
		return adminAct(who, "create a workspace connection")
	}
	if in.Draft {
		return invalid("draft", "Only workspace connections can be drafts")
	}
	return w.Store.View(ctx, func(tx *store.Tx) error {
		p, err := tx.ProjectFacts(in.ProjectID)
		if err != nil {
			return err
		}
		allowed, err := projectConnectionsAllowed(tx)
		if err != nil {
			return err
		}
		return access.CreateProjectConnection(who, p, allowed)
	})
}

func projectConnectionsAllowed(tx *store.Tx) (bool, error) {
	v, set, err := tx.Setting(SettingProjectConnections)
	return !set || v == "true", err
}

// check says which fields of the input need a change. saved is the connection that is edited, nil for a new one.
func (w *Workspace) check(in ConnectionInput, saved *store.Connection) (*connectors.Connector, error) {
	connector, ok := w.Registry.Get(in.Type)
	if !ok {
		return nil, invalid("type", "Choose a database from the list")
	}
	var kept []string
	if saved != nil {
		kept = keptSecrets(saved, in)
	}
	bad := connector.Check(in.Values, in.Secrets, kept, in.Draft)
	if bad == nil {
		bad = map[string]string{}
	}
	switch name := strings.TrimSpace(in.Name); {
	case name == "":
		bad["name"] = "Give the connection a name"
	case len([]rune(name)) > maxName:
		bad["name"] = fmt.Sprintf("Use at most %d characters", maxName)
	}
	if in.Schedule.Kind != "" { // left out: off
		maps.Copy(bad, in.Schedule.Check())
	}
	if saved != nil && saved.Destination != connector.Destination(in.Values) {
		for _, field := range kept {
			bad[field] = "Enter this again: the place that it is sent to has changed"
		}
	}
	if len(bad) > 0 {
		return nil, &Invalid{Fields: bad}
	}
	return connector, nil
}

// keptSecrets are the saved secrets that an update neither replaces nor removes.
func keptSecrets(saved *store.Connection, in ConnectionInput) []string {
	gone := map[string]bool{}
	for _, field := range in.RemoveSecrets {
		gone[field] = true
	}
	var kept []string
	for _, field := range saved.SecretsSet {
		if in.Secrets[field].IsZero() && !gone[field] {
			kept = append(kept, field)
		}
	}
	return kept
}

// record is the input as a record, without what only creation or the row itself knows.
func (w *Workspace) record(connector *connectors.Connector, in ConnectionInput) store.Connection {
	c := store.Connection{Name: strings.TrimSpace(in.Name), Type: in.Type, ProjectID: in.ProjectID, Draft: in.Draft,
		Description: strings.TrimSpace(in.Description), Config: in.Values, Destination: connector.Destination(in.Values),
		AllowWriteback: in.AllowWriteback, HideFromAgents: in.HideFromAgents, RefreshAdminsOnly: in.RefreshAdminsOnly,
		Schedule: in.Schedule, Filter: in.filter, Reach: store.ReachUnknown}
	if c.Schedule.Kind == "" {
		c.Schedule.Kind = schedule.Off
	}
	if in.ProjectID != "" {
		c.Schedule = schedule.Spec{Kind: schedule.Off} // schedules are for workspace connections
		return c
	}
	c.CanQuery, c.CanViewResults = in.CanQuery, in.CanViewResults
	if c.CanQuery == nil {
		c.CanQuery = []string{access.GroupMembers}
	}
	if c.CanViewResults == nil {
		c.CanViewResults = []string{access.GroupPublic}
	}
	return c
}

// UpdateConnection saves an edited connection. Secrets that the input does not name stay as they are, unless the destination
// changed: then each is asked for again (P12). Finishing a draft starts its first refresh.
func (w *Workspace) UpdateConnection(ctx context.Context, who access.Actor, id string, in ConnectionInput) (store.Connection, error) {
	saved, err := w.editable(ctx, who, id)
	if err != nil {
		return store.Connection{}, err
	}
	in.Type, in.ProjectID = saved.Type, saved.ProjectID
	if in.Draft && !saved.Draft {
		return store.Connection{}, invalid("draft", "A finished connection cannot become a draft again")
	}
	connector, err := w.check(in, &saved)
	if err != nil {
		return store.Connection{}, err
	}
	c := merged(saved, w.record(connector, in))
	if err := w.mayMove(ctx, who, &saved, &c); err != nil {
		return store.Connection{}, err
	}
	if in.Version != 0 {
		c.Version = in.Version
	}
	c.Updated = w.Now()
	boxes, err := w.Opener.seal(id, c.Destination, in.Secrets)
	if err != nil {
		return store.Connection{}, err
	}
	entry := connectionEntry(who, "connection.update", c)
	entry.Detail["changed"] = changedFields(saved, c)
	entry.Detail["secrets_replaced"] = sortedKeys(boxes)
	entry.Detail["secrets_removed"] = in.RemoveSecrets
	if saved.Draft {
		w.completeDraft(&c, in)
	}
	err = w.Store.Update(ctx, entry, func(tx *store.Tx) error {
		if err := tx.UpdateConnection(c, boxes, in.RemoveSecrets); err != nil || !saved.Draft {
			return err
		}
		if err := checkGroups(tx, permissionsOf(c)); err != nil {
			return err
		}
		if err := tx.SetSchedule(id, c.Schedule, c.ScheduleAnchor, c.NextRefresh); err != nil {
			return err
		}
		return tx.SetPermissions(id, c.CanQuery, c.CanViewResults, c.RefreshAdminsOnly)
	})
	if errors.Is(err, store.ErrSecretsNeeded) {
		return store.Connection{}, invalid("secrets", "Enter the secrets again: the place that they are sent to has changed")
	}
	if err != nil {
		return store.Connection{}, fmt.Errorf("update connection: %w", err)
	}
	ctx = context.WithoutCancel(ctx) // it is saved, whoever has gone
	switch {
	case c.Draft:
	case saved.Draft:
		if _, err := w.Refresh.Start(ctx, id, "created", who.UserID); err != nil {
			return c, fmt.Errorf("start first refresh: %w", err)
		}
	case len(changedConfig(saved, c))+len(boxes)+len(in.RemoveSecrets) > 0 || saved.Destination != c.Destination:
		if err := w.Refresh.Restart(ctx, id, "manual", who.UserID); err != nil {
			return c, fmt.Errorf("refresh by the new settings: %w", err)
		}
	}
	return c, nil
}

// completeDraft takes schedule and permissions too, which the form of a draft holds as the form of a new connection does. The
// schedule of a draft begins when it is finished.
func (w *Workspace) completeDraft(c *store.Connection, in ConnectionInput) {
	if in.Schedule.Kind != "" {
		c.Schedule = in.Schedule
	}
	if in.CanQuery != nil || in.CanViewResults != nil {
		c.CanQuery, c.CanViewResults, c.RefreshAdminsOnly = sortedSet(in.CanQuery), sortedSet(in.CanViewResults), in.RefreshAdminsOnly
	}
	c.ScheduleAnchor = w.Now()
	c.NextRefresh = nextRefresh(*c, c.ScheduleAnchor)
}

// merged is saved with everything that the form holds taken from edited. Permissions, schedule and filter have doors of
// their own.
func merged(saved, edited store.Connection) store.Connection {
	c := saved
	c.Name, c.Description, c.Draft, c.Config, c.Destination = edited.Name, edited.Description, edited.Draft, edited.Config, edited.Destination
	c.AllowWriteback, c.HideFromAgents = edited.AllowWriteback, edited.HideFromAgents
	return c
}

// editable finds a connection that the actor may edit. One that does not exist for them is refused as if it were not there.
func (w *Workspace) editable(ctx context.Context, who access.Actor, id string) (store.Connection, error) {
	return view(ctx, w.Store, func(tx *store.Tx) (store.Connection, error) {
		c, err := tx.Connection(id)
		if err != nil {
			return c, err
		}
		v, err := connectionView(tx, who, c)
		if err != nil {
			return c, err
		}
		err = mayEdit(tx, who, c)
		if !exists(who, v) {
			err = hidden(err)
		}
		return c, err
	})
}

// mayEdit lets Admins edit any connection, and others the project connections where they could make one.
func mayEdit(tx *store.Tx, who access.Actor, c store.Connection) error {
	if c.ProjectID == "" || who.IsAdmin() {
		return adminAct(who, "edit a workspace connection")
	}
	p, err := tx.ProjectFacts(c.ProjectID)
	if err != nil {
		return err
	}
	allowed, err := projectConnectionsAllowed(tx)
	if err != nil {
		return err
	}
	return access.CreateProjectConnection(who, p, allowed)
}

// mayMove keeps others than Admins from pointing an Admin's project connection elsewhere: what an Admin made may reach private
// addresses, and would take them there (P5).
func (w *Workspace) mayMove(ctx context.Context, who access.Actor, from, to *store.Connection) error {
	if from.ProjectID == "" || who.IsAdmin() || from.Destination == to.Destination {
		return nil
	}
	private, err := w.Opener.allowPrivate(ctx, from)
	if err != nil || !private {
		return err
	}
	return &access.Denied{Action: "point a connection elsewhere", Because: []access.Reason{{Rule: access.RuleRole, ConnectionID: from.ID,
		Words: "An Admin made this connection, so only an Admin may change where it points"}}}
}

// adminAct is for acts of Admins that stand on routes which others may call too: it asks for the role, and of a token for the
// scope admin.
func adminAct(who access.Actor, action string) error {
	if err := access.AdminOnly(who, action); err != nil {
		return err
	}
	return access.ScopeAllows(who, access.ScopeAdmin)
}

// hidden makes a refusal one that does not tell whether the object exists.
func hidden(err error) error {
	var no *access.Denied
	if errors.As(err, &no) {
		return &access.Denied{Action: no.Action, Because: no.Because, Hidden: true}
	}
	return err
}

// DeleteConnection removes a connection, its secrets, catalog and imports, and ends what is running on it. typed must be the
// connection's name.
func (w *Workspace) DeleteConnection(ctx context.Context, who access.Actor, id, typed string) error {
	c, err := w.editable(ctx, who, id)
	if err != nil {
		return err
	}
	if strings.TrimSpace(typed) != c.Name {
		return invalid("confirm", "Type the connection's name to delete it")
	}
	err = w.Store.Update(ctx, connectionEntry(who, "connection.delete", c), func(tx *store.Tx) error { return tx.DeleteConnection(id) })
	if err != nil {
		return fmt.Errorf("delete connection: %w", err)
	}
	w.Refresh.Forget(id)
	w.Query.CancelFor(func(_ access.Actor, connectionID string) bool { return connectionID == id })
	return nil
}

// DuplicateConnection makes a draft with everything of a workspace connection but its secrets.
func (w *Workspace) DuplicateConnection(ctx context.Context, who access.Actor, id string) (store.Connection, error) {
	if err := access.AdminOnly(who, "duplicate a connection"); err != nil {
		return store.Connection{}, err
	}
	c, err := w.Store.Connection(ctx, id)
	if err != nil {
		return store.Connection{}, err
	}
	name, err := w.freeName(ctx, c.Name)
	if err != nil {
		return store.Connection{}, err
	}
	return w.CreateConnection(ctx, who, ConnectionInput{Name: name, Type: c.Type, Description: c.Description, Draft: true,
		Values: maps.Clone(c.Config), AllowWriteback: c.AllowWriteback, HideFromAgents: c.HideFromAgents, CanQuery: sortedSet(c.CanQuery),
		CanViewResults: sortedSet(c.CanViewResults), RefreshAdminsOnly: c.RefreshAdminsOnly, Schedule: c.Schedule, filter: c.Filter})
}

// freeName is "NAME copy", with a number where that is taken.
func (w *Workspace) freeName(ctx context.Context, name string) (string, error) {
	all, err := w.Store.Connections(ctx)
	if err != nil {
		return "", err
	}
	taken := map[string]bool{}
	for _, c := range all {
		if c.ProjectID == "" {
			taken[strings.ToLower(c.Name)] = true
		}
	}
	candidate := name + " copy"
	for n := 2; taken[strings.ToLower(candidate)]; n++ {
		candidate = fmt.Sprintf("%s copy %d", name, n)
	}
	return candidate, nil
}

// connectionEntry is the audit entry of an act on a connection.
func connectionEntry(who access.Actor, action string, c store.Connection) store.AuditEntry {
	return store.AuditEntry{Who: who, Action: action, ObjectType: "connection", ObjectID: c.ID, ObjectName: c.Name,
		Detail: map[string]any{"type": c.Type, "project": c.ProjectID, "draft": c.Draft}}
}

// changedConfig are the config fields that differ.
func changedConfig(a, b store.Connection) map[string]bool {
	changed := map[string]bool{}
	for k, v := range a.Config {
		if b.Config[k] != v {
			changed[k] = true
		}
	}
	for k, v := range b.Config {
		if a.Config[k] != v {
			changed[k] = true
		}
	}
	return changed
}

// changedFields names the config fields and settings that differ.
func changedFields(a, b store.Connection) []string {
	changed := changedConfig(a, b)
	for name, differs := range map[string]bool{"name": a.Name != b.Name, "description": a.Description != b.Description,
		"draft": a.Draft != b.Draft, "allow_writeback": a.AllowWriteback != b.AllowWriteback, "exclude_from_agents": a.HideFromAgents != b.HideFromAgents} {
		if differs {
			changed[name] = true
		}
	}
	return sortedKeys(changed)
}

// MayEdit says why the actor may not edit a connection; nil when they may.
func (w *Workspace) MayEdit(ctx context.Context, who access.Actor, id string) error {
	_, err := w.editable(ctx, who, id)
	return err
}
