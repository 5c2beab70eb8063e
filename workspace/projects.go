package workspace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"patchbay/access"
	"patchbay/store"
)

// A ProjectView is a project with what one actor may do in it.
type ProjectView struct {
	store.Project
	Uses     []store.Connection
	Decision access.ProjectDecision
}

// CreateProject makes a project; its creator has Full access.
func (w *Workspace) CreateProject(ctx context.Context, who access.Actor, name string) (store.Project, error) {
	if err := access.CreateProject(who); err != nil {
		return store.Project{}, err
	}
	name, err := projectName(name)
	if err != nil {
		return store.Project{}, err
	}
	id, err := newID()
	if err != nil {
		return store.Project{}, err
	}
	now := w.Now()
	p := store.Project{ID: id, Name: name, OwnerID: who.UserID, Created: now, Updated: now, Version: 1,
		Shares: []access.Share{{To: "user:" + who.UserID, Access: access.Full}}}
	if err := w.Store.Update(ctx, projectEntry(who, "project.create", p), func(tx *store.Tx) error { return tx.CreateProject(p) }); err != nil {
		return store.Project{}, fmt.Errorf("create project: %w", err)
	}
	return p, nil
}

func projectName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || len([]rune(name)) > maxName {
		return "", invalid("name", fmt.Sprintf("Enter a name of 1 to %d characters", maxName))
	}
	return name, nil
}

// Project is a project as the actor may see it; one that is not theirs to see is not found.
func (w *Workspace) Project(ctx context.Context, who access.Actor, id string) (ProjectView, error) {
	return view(ctx, w.Store, func(tx *store.Tx) (ProjectView, error) {
		p, err := tx.Project(id)
		if err != nil {
			return ProjectView{}, err
		}
		v, facts, err := projectView(tx, who, p)
		if err != nil {
			return ProjectView{}, err
		}
		return v, access.ViewProject(who, facts)
	})
}

func projectView(tx *store.Tx, who access.Actor, p store.Project) (ProjectView, access.Project, error) {
	uses, err := tx.ProjectUses(p.ID)
	if err != nil {
		return ProjectView{}, access.Project{}, err
	}
	facts := p.Facts(uses)
	return ProjectView{Project: p, Uses: uses, Decision: access.OnProject(who, facts)}, facts, nil
}

// Projects are those that the actor may see, the latest change first.
func (w *Workspace) Projects(ctx context.Context, who access.Actor) ([]ProjectView, error) {
	return view(ctx, w.Store, func(tx *store.Tx) ([]ProjectView, error) {
		all, err := tx.Projects()
		if err != nil {
			return nil, err
		}
		var seen []ProjectView
		for _, p := range all {
			v, _, err := projectView(tx, who, p)
			if err != nil {
				return nil, err
			}
			if v.Decision.Access > access.None {
				seen = append(seen, v)
			}
		}
		return seen, nil
	})
}

// changeProject loads a project, asks may with its facts, and runs do in one audited transaction.
func (w *Workspace) changeProject(ctx context.Context, who access.Actor, id, action string,
	may func(access.Project) error, do func(*store.Tx, store.Project, map[string]any) error) error {
	return w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		p, err := tx.Project(id)
		if err != nil {
			return entry, err
		}
		_, facts, err := projectView(tx, who, p)
		if err != nil {
			return entry, err
		}
		if err := access.ViewProject(who, facts); err != nil {
			return entry, err
		}
		if err := may(facts); err != nil {
			return entry, err
		}
		entry = projectEntry(who, action, p)
		return entry, do(tx, p, entry.Detail)
	})
}

// RenameProject gives a project another name.
func (w *Workspace) RenameProject(ctx context.Context, who access.Actor, id, name string) error {
	return w.changeProject(ctx, who, id, "project.rename",
		func(p access.Project) error { return access.EditProject(who, p) },
		func(tx *store.Tx, p store.Project, detail map[string]any) error {
			name, err := projectName(name)
			if err != nil {
				return err
			}
			detail["name"] = name
			p.Name, p.Updated = name, w.Now()
			return tx.UpdateProject(p)
		})
}

// DeleteProject removes a project with its cells, its own connections and its kept results.
func (w *Workspace) DeleteProject(ctx context.Context, who access.Actor, id string) error {
	var own []string
	err := w.changeProject(ctx, who, id, "project.delete",
		func(p access.Project) error { return access.ShareProject(who, p) },
		func(tx *store.Tx, p store.Project, _ map[string]any) error {
			own = nil
			uses, err := tx.ProjectUses(id)
			if err != nil {
				return err
			}
			for _, c := range uses {
				if c.ProjectID != id {
					continue
				}
				own = append(own, c.ID)
				if err := tx.DeleteConnection(c.ID); err != nil {
					return err
				}
			}
			return tx.DeleteProject(id)
		})
	if err != nil {
		return err
	}
	for _, c := range own {
		w.Refresh.Forget(c)
	}
	return w.EndWhatIsNotAllowed(ctx)
}

// SetShares replaces who a project is shared with.
func (w *Workspace) SetShares(ctx context.Context, who access.Actor, id string, shares []access.Share) error {
	return w.changeShares(ctx, who, id, func([]access.Share) []access.Share { return shares })
}

// Share gives one user, group, or the whole workspace an access on a project, instead of the one it had. None takes it away.
func (w *Workspace) Share(ctx context.Context, who access.Actor, id string, share access.Share) error {
	return w.changeShares(ctx, who, id, func(shares []access.Share) []access.Share {
		kept := slices.DeleteFunc(slices.Clone(shares), func(s access.Share) bool { return s.To == share.To })
		if share.Access == access.None {
			return kept
		}
		return append(kept, share)
	})
}

// changeShares puts what change makes of a project's shares in their place, effective at once. Without a share with the web its
// links are revoked.
func (w *Workspace) changeShares(ctx context.Context, who access.Actor, id string, change func([]access.Share) []access.Share) error {
	err := w.changeProject(ctx, who, id, "project.share",
		func(p access.Project) error { return access.ShareProject(who, p) },
		func(tx *store.Tx, p store.Project, detail map[string]any) error {
			shares := change(p.Shares)
			if err := checkShares(tx, shares); err != nil {
				return err
			}
			if err := checkKept(tx, who, access.Project{ID: id, Shares: shares}); err != nil {
				return err
			}
			detail["before"], detail["shares"] = shareWords(p.Shares), shareWords(shares)
			if !slices.ContainsFunc(shares, func(s access.Share) bool { return s.To == "web" }) {
				if err := tx.DeleteWebLinks(id); err != nil {
					return err
				}
			}
			return tx.SetShares(id, shares)
		})
	if err != nil {
		return err
	}
	return w.EndWhatIsNotAllowed(ctx)
}

func shareWords(shares []access.Share) []string {
	words := []string{}
	for _, s := range shares {
		words = append(words, s.To+"="+s.Access.String())
	}
	return words
}

// checkKept keeps the last Full access from being lost by accident. An Admin has it everywhere, and may take it from everyone else.
func checkKept(tx *store.Tx, who access.Actor, p access.Project) error {
	if who.IsAdmin() {
		return nil
	}
	users, err := tx.Users()
	if err != nil {
		return err
	}
	for _, u := range users {
		if !u.Disabled && access.OwnsByShare(ActorOf(u), p) {
			return nil
		}
	}
	return invalid("shares", "Nobody would keep Full access. Give it to someone else first, or ask an Admin")
}

// checkShares refuses targets that do not exist and the web above Can view.
func checkShares(tx *store.Tx, shares []access.Share) error {
	seen := map[string]bool{}
	for _, s := range shares {
		if seen[s.To] {
			return invalid("shares", s.To+" is named twice")
		}
		seen[s.To] = true
		if s.Access <= access.None || s.Access > access.Full {
			return invalid("shares", "Each share needs an access of view, explore, edit or full")
		}
		if err := checkTarget(tx, s); err != nil {
			return err
		}
	}
	return nil
}

func checkTarget(tx *store.Tx, s access.Share) error {
	kind, id, _ := strings.Cut(s.To, ":")
	var err error
	switch kind {
	case "workspace":
		return nil
	case "web":
		if s.Access != access.View {
			return invalid("shares", "The web can only view")
		}
		return nil
	case "user":
		_, err = tx.User(id)
	case "group":
		if id == access.GroupMembers || id == access.GroupGuests {
			return nil
		}
		_, err = tx.Group(id)
	default:
		return invalid("shares", "Share with user:ID, group:ID, workspace or web")
	}
	if errors.Is(err, store.ErrNotFound) {
		return invalid("shares", "There is no "+s.To)
	}
	return err
}

// Import makes a project use a workspace connection.
func (w *Workspace) Import(ctx context.Context, who access.Actor, projectID, connectionID string) error {
	err := w.Store.UpdateAudited(ctx, func(tx *store.Tx) (entry store.AuditEntry, err error) {
		p, err := tx.ProjectFacts(projectID)
		if err != nil {
			return entry, err
		}
		c, err := tx.Connection(connectionID)
		if err != nil {
			return entry, err
		}
		if c.ProjectID != "" {
			return entry, store.ErrNotFound
		}
		if err := access.ViewProject(who, p); err != nil {
			return entry, err
		}
		if err := access.Import(who, p, c.Access()); err != nil {
			return entry, err
		}
		entry = connectionEntry(who, "project.import", c)
		entry.Detail["project"] = projectID
		return entry, tx.Import(projectID, connectionID)
	})
	if err != nil {
		return err
	}
	return w.EndWhatIsNotAllowed(ctx) // the connection may take the project from some of its people
}

// StopImport ends a project's use of a workspace connection, and lifts what the connection restricts there.
func (w *Workspace) StopImport(ctx context.Context, who access.Actor, projectID, connectionID string) error {
	err := w.changeProject(ctx, who, projectID, "project.stop_import",
		func(p access.Project) error { return access.EditProject(who, p) },
		func(tx *store.Tx, _ store.Project, detail map[string]any) error {
			detail["connection"] = connectionID
			return tx.StopImport(projectID, connectionID)
		})
	if err != nil {
		return err
	}
	return w.EndWhatIsNotAllowed(ctx)
}

func projectEntry(who access.Actor, action string, p store.Project) store.AuditEntry {
	return store.AuditEntry{Who: who, Action: action, ObjectType: "project", ObjectID: p.ID, ObjectName: p.Name, Detail: map[string]any{}}
}
