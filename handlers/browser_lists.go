package handlers

import (
	"context"
	"net/http"
	"slices"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// The lists above the tree: what the person pinned, what they opened last, and what changed. Each shows only what is of the
// project and may be queried now.

// shownRecent is how many of the tables opened last are listed; changedFor is how far back changes are, shownRecentChanges how
// many of them are listed, and readRecentChanges about how many are read for that at most, where the filter hides some.
const (
	shownRecent        = 12
	changedFor         = 7 * 24 * time.Hour
	shownRecentChanges = 100
	readRecentChanges  = 10_000
)

// browserPinned lists what the person pinned.
func (s *Server) browserPinned(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	l, err := s.pinned(r, who)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.BrowserPinned(l))
}

func (s *Server) pinned(r *http.Request, who access.Actor) (views.NodeList, error) {
	refs, err := s.Store.Pins(r.Context(), who.UserID)
	if err != nil {
		return views.NodeList{}, err
	}
	return s.nodeList(r, who, refs)
}

// browserRecent lists the tables that the person opened last and that are still there.
func (s *Server) browserRecent(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	refs, err := s.Store.Visits(r.Context(), who.UserID)
	if err != nil {
		return err
	}
	l, err := s.nodeList(r, who, refs)
	if err != nil {
		return err
	}
	l.Nodes = slices.DeleteFunc(l.Nodes, func(n views.NodeLink) bool { return n.Gone })
	l.Nodes = l.Nodes[:min(len(l.Nodes), shownRecent)]
	return s.page(w, r, http.StatusOK, views.BrowserRecent(l))
}

// nodeList keeps those of the objects that are of the project's connections, may be queried and are not hidden by a filter.
func (s *Server) nodeList(r *http.Request, who access.Actor, refs []store.NodeRef) (views.NodeList, error) {
	l := views.NodeList{ProjectID: r.PathValue("project"), Now: s.Now()}
	used, err := s.Workspace.ProjectConnections(r.Context(), who, l.ProjectID)
	if err != nil {
		return l, err
	}
	filters := map[string]*catalog.Matcher{} // by connection, of those of which something is gone
	for _, ref := range refs {
		i := slices.IndexFunc(used, func(c workspace.ConnectionView) bool { return c.ID == ref.ConnectionID && c.Decision.CanQuery })
		if i < 0 {
			continue
		}
		link := s.nodeLink(l.ProjectID, used[i], ref.Path)
		if link.Gone && filters[ref.ConnectionID] == nil {
			if filters[ref.ConnectionID], err = s.Workspace.Matcher(used[i].Connection); err != nil {
				return l, err
			}
		}
		if !link.Gone || filters[ref.ConnectionID].Keeps(ref.Path) {
			l.Nodes = append(l.Nodes, link)
		}
	}
	return l, nil
}

// nodeLink is the way to an object, which may be gone.
func (s *Server) nodeLink(project string, c workspace.ConnectionView, path catalog.Path) views.NodeLink {
	full := c.ID
	if len(path) > 0 {
		full += "/" + path.String()
	}
	n, there := s.node(c.ID, path)
	link := views.NodeLink{Path: full, Href: nodeAddress(project, full), Name: path.Name(), Kind: string(n.Level), Gone: !there}
	if n.Level == catalog.LevelTable {
		link.Kind = string(n.Kind)
	}
	if len(path) == 0 {
		link.Name, link.Kind = c.Name, "connection"
		return link
	}
	link.Trail = append([]string{c.Name}, path.Parent()...)
	return link
}

// browserPin pins a node or takes its pin away, and answers where it was asked: in the list, or in the details.
func (s *Server) browserPin(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	full, pinned := r.PostFormValue("path"), r.PostFormValue("pinned") == "true"
	c, path, err := s.browserConnection(r, who, full)
	if err != nil {
		return err
	}
	if err := s.Workspace.SetPin(r.Context(), who, store.NodeRef{ConnectionID: c.ID, Path: path}, pinned); err != nil {
		return err
	}
	if !isHTMX(r) {
		return redirect(w, r, nodeAddress(r.PathValue("project"), full))
	}
	if r.PostFormValue("from") == "list" {
		return s.browserPinned(w, r, who)
	}
	w.Header().Set("HX-Trigger", "pb:pinned")
	return s.page(w, r, http.StatusOK, views.PinButton(r.PathValue("project"), full, pinned))
}

// browserVisit remembers that the person opened a table, or a column of it. The details that are shown ask for it themselves,
// since reading them changes nothing (P18).
func (s *Server) browserVisit(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, path, err := s.browserConnection(r, who, r.PostFormValue("path"))
	if err != nil {
		return err
	}
	table, now := s.tableOf(c.ID, path), s.Now()
	if n, ok := s.node(c.ID, table); !ok || n.Level != catalog.LevelTable {
		return errNotFound
	}
	err = s.Store.Maintain(r.Context(), func(tx *store.Tx) error {
		return tx.Visit(who.UserID, store.NodeRef{ConnectionID: c.ID, Path: table}, now)
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// browserChanges lists what refreshes of the last days found, the latest first.
func (s *Server) browserChanges(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	l := views.NodeChanges{ProjectID: r.PathValue("project"), Now: s.Now()}
	used, err := s.Workspace.ProjectConnections(r.Context(), who, l.ProjectID)
	if err != nil {
		return err
	}
	for _, c := range used {
		if !c.Decision.CanQuery {
			continue
		}
		changes, err := s.recentChanges(r.Context(), c)
		if err != nil {
			return err
		}
		for _, change := range changes {
			l.Changes = append(l.Changes, views.NodeChange{Kind: change.Change.Change, Node: s.nodeLink(l.ProjectID, c, change.Path), Detail: change.Detail, At: change.At})
		}
	}
	slices.SortStableFunc(l.Changes, func(a, b views.NodeChange) int { return b.At.Compare(a.At) })
	if len(l.Changes) > shownRecentChanges {
		l.Changes, l.Cut = l.Changes[:shownRecentChanges], true
	}
	return s.page(w, r, http.StatusOK, views.BrowserChanges(l))
}

// recentChanges are the latest changes of what a connection's filter keeps, one more than is shown where there are so many.
func (s *Server) recentChanges(ctx context.Context, c workspace.ConnectionView) ([]store.RecentChange, error) {
	filter, err := s.Workspace.Matcher(c.Connection)
	if err != nil {
		return nil, err
	}
	for limit := shownRecentChanges + 1; ; limit *= 10 {
		changes, err := s.Store.RecentChanges(ctx, c.ID, s.Now().Add(-changedFor), limit)
		if err != nil {
			return nil, err
		}
		all := len(changes) < limit || limit >= readRecentChanges
		changes = slices.DeleteFunc(changes, func(change store.RecentChange) bool { return !filter.Keeps(change.Path) })
		if all || len(changes) > shownRecentChanges {
			return changes, nil
		}
	}
}
