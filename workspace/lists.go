package workspace

import (
	"context"

	"patchbay/access"
	"patchbay/store"
)

// A ConnectionView is a connection with what one actor may do with it.
type ConnectionView struct {
	store.Connection
	Decision access.ConnectionDecision
}

// Connections are those that exist for the actor: all of them for an Admin, else those with Can query. Both doors, page and
// API, list by it.
func (w *Workspace) Connections(ctx context.Context, who access.Actor) ([]ConnectionView, error) {
	return view(ctx, w.Store, func(tx *store.Tx) ([]ConnectionView, error) {
		all, err := tx.Connections()
		if err != nil {
			return nil, err
		}
		var seen []ConnectionView
		for _, c := range all {
			v, err := connectionView(tx, who, c)
			if err != nil {
				return nil, err
			}
			if exists(who, v) {
				seen = append(seen, v)
			}
		}
		return seen, nil
	})
}

// Connection is one connection as it exists for the actor; any other is not found.
func (w *Workspace) Connection(ctx context.Context, who access.Actor, id string) (ConnectionView, error) {
	return view(ctx, w.Store, func(tx *store.Tx) (ConnectionView, error) {
		c, err := tx.Connection(id)
		if err != nil {
			return ConnectionView{}, err
		}
		v, err := connectionView(tx, who, c)
		if err == nil && !exists(who, v) {
			err = store.ErrNotFound
		}
		return v, err
	})
}

// exists says whether the actor may know of the connection (SPEC section 2: Can query decides).
func exists(who access.Actor, v ConnectionView) bool {
	return who.IsAdmin() || v.Decision.CanQuery
}

func connectionView(tx *store.Tx, who access.Actor, c store.Connection) (ConnectionView, error) {
	facts, project, err := connectionFacts(tx, c)
	if err != nil {
		return ConnectionView{}, err
	}
	return ConnectionView{Connection: c, Decision: access.OnConnection(who, facts, project)}, nil
}

// ProjectConnections are the connections that a project uses and that exist for the actor.
func (w *Workspace) ProjectConnections(ctx context.Context, who access.Actor, projectID string) ([]ConnectionView, error) {
	p, err := w.Project(ctx, who, projectID)
	if err != nil {
		return nil, err
	}
	return p.Known(who), nil
}

// Known are those of the project's connections that exist for the actor.
func (v ProjectView) Known(who access.Actor) []ConnectionView {
	facts := v.Facts(v.Uses)
	var known []ConnectionView
	for _, c := range v.Uses {
		if one := (ConnectionView{Connection: c, Decision: access.OnConnection(who, c.Access(), &facts)}); exists(who, one) {
			known = append(known, one)
		}
	}
	return known
}

// Importable are the workspace connections that the actor could import into a project and that it does not use yet.
func (w *Workspace) Importable(ctx context.Context, who access.Actor, projectID string) ([]ConnectionView, error) {
	p, err := w.Project(ctx, who, projectID)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, c := range p.Uses {
		used[c.ID] = true
	}
	all, err := w.Connections(ctx, who)
	if err != nil {
		return nil, err
	}
	var out []ConnectionView
	for _, c := range all {
		if c.ProjectID == "" && !c.Draft && !used[c.ID] && c.Decision.CanQuery {
			out = append(out, c)
		}
	}
	return out, nil
}

// Usage says which projects use a connection: those the actor may open, and how many more there are.
func (w *Workspace) Usage(ctx context.Context, who access.Actor, connectionID string) (named []ProjectView, others int, err error) {
	if _, err := w.Connection(ctx, who, connectionID); err != nil {
		return nil, 0, err
	}
	err = w.Store.View(ctx, func(tx *store.Tx) error {
		projects, err := tx.ImportsOf(connectionID)
		if err != nil {
			return err
		}
		for _, p := range projects {
			v, _, err := projectView(tx, who, p)
			if err != nil {
				return err
			}
			if v.Decision.Access > access.None {
				named = append(named, v)
			} else {
				others++
			}
		}
		return nil
	})
	return named, others, err
}

// StartRefresh begins a schema refresh, or joins the one that runs.
func (w *Workspace) StartRefresh(ctx context.Context, who access.Actor, connectionID, trigger string) (store.Run, error) {
	c, err := w.Connection(ctx, who, connectionID)
	if err != nil {
		return store.Run{}, err
	}
	if c.Draft {
		return store.Run{}, invalid("id", "This connection is a draft. Finish it first")
	}
	facts, project, err := w.facts(ctx, c.Connection)
	if err != nil {
		return store.Run{}, err
	}
	if err := access.RefreshSchema(who, facts, project); err != nil {
		return store.Run{}, err
	}
	run, err := w.Refresh.Start(ctx, connectionID, trigger, who.UserID)
	if err != nil {
		return store.Run{}, err
	}
	entry := connectionEntry(who, "connection.refresh", c.Connection)
	entry.Detail["run"] = run.ID
	return run, w.Store.Audit(ctx, entry)
}

// ApplyRemovals begins a refresh that removes what is missing, however much that is, after an Admin looked at the run that
// stopped short of it.
func (w *Workspace) ApplyRemovals(ctx context.Context, who access.Actor, connectionID, runID, trigger string) (store.Run, error) {
	c, doubt, err := w.doubt(ctx, who, connectionID, runID, "apply removals")
	if err != nil {
		return store.Run{}, err
	}
	entry := connectionEntry(who, "connection.apply_removals", c)
	entry.Detail["doubted_run"], entry.Detail["missing"] = runID, doubt.Missing
	if err := w.Store.Audit(ctx, entry); err != nil {
		return store.Run{}, err
	}
	return w.Refresh.StartAnyway(ctx, connectionID, trigger, who.UserID)
}

// KeepCatalog ends the doubt about a run: what is known stays, and the next refresh is judged anew.
func (w *Workspace) KeepCatalog(ctx context.Context, who access.Actor, connectionID, runID string) error {
	c, doubt, err := w.doubt(ctx, who, connectionID, runID, "keep the catalog")
	if err != nil {
		return err
	}
	entry := connectionEntry(who, "connection.keep_catalog", c)
	entry.Detail["doubted_run"], entry.Detail["missing"] = runID, doubt.Missing
	return w.Store.Update(ctx, entry, func(tx *store.Tx) error { return tx.EndDoubt(connectionID, runID) })
}

// doubt is the reading that an Admin decides on.
func (w *Workspace) doubt(ctx context.Context, who access.Actor, connectionID, runID, action string) (store.Connection, store.Doubt, error) {
	c, err := w.Connection(ctx, who, connectionID)
	if err != nil {
		return store.Connection{}, store.Doubt{}, err
	}
	if err := adminAct(who, action); err != nil {
		return store.Connection{}, store.Doubt{}, err
	}
	doubt, err := w.Store.Doubt(ctx, connectionID)
	if err == nil && doubt.RunID != runID {
		err = store.ErrNotFound
	}
	return c.Connection, doubt, err
}

// CancelRefresh ends a running refresh; who may start one may end it.
func (w *Workspace) CancelRefresh(ctx context.Context, who access.Actor, connectionID, runID string) error {
	c, err := w.Connection(ctx, who, connectionID)
	if err != nil {
		return err
	}
	facts, project, err := w.facts(ctx, c.Connection)
	if err != nil {
		return err
	}
	if err := access.RefreshSchema(who, facts, project); err != nil {
		return err
	}
	run, err := w.Store.Run(ctx, runID)
	if err != nil {
		return err
	}
	if run.ConnectionID != connectionID {
		return store.ErrNotFound
	}
	entry := connectionEntry(who, "connection.refresh_cancel", c.Connection)
	entry.Detail["run"] = runID
	if err := w.Store.Audit(ctx, entry); err != nil {
		return err
	}
	return w.Refresh.Cancel(runID)
}

func (w *Workspace) facts(ctx context.Context, c store.Connection) (facts access.Connection, project *access.Project, err error) {
	err = w.Store.View(ctx, func(tx *store.Tx) (err error) {
		facts, project, err = connectionFacts(tx, c)
		return err
	})
	return facts, project, err
}

// MayConnect says why the actor cannot make a connection in a project; nil when they can.
func (w *Workspace) MayConnect(ctx context.Context, who access.Actor, projectID string) error {
	return w.mayCreate(ctx, who, ConnectionInput{ProjectID: projectID})
}
