package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// connections lists the workspace's data sources, searched, filtered and sorted by the address bar.
func (s *Server) connections(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	q := r.URL.Query()
	l := views.ConnectionList{Page: s.layout(r, who, "Data sources", "connections"), Query: q.Get("q"), State: q.Get("state"),
		Sort: q.Get("sort"), Counts: map[string]int{}, Now: s.Now()}
	rows, err := s.connectionRows(r.Context(), who)
	if err != nil {
		return err
	}
	l.Total = len(rows)
	for _, row := range rows {
		if row.State.Key == "unreachable" {
			l.Failing = append(l.Failing, row)
		}
		if !matches(row, l.Query) {
			continue
		}
		for _, state := range []string{"", stateGroup(row)} {
			l.Counts[state]++
		}
		if l.State == "" || l.State == stateGroup(row) {
			l.Rows = append(l.Rows, row)
		}
	}
	sortConnections(l.Rows, l.Sort)
	return s.page(w, r, http.StatusOK, views.Connections(l))
}

func (s *Server) connectionRows(ctx context.Context, who access.Actor) ([]views.ConnectionRow, error) {
	all, err := s.Workspace.Connections(ctx, who)
	if err != nil {
		return nil, err
	}
	var rows []views.ConnectionRow
	for _, c := range all {
		if c.ProjectID != "" {
			continue
		}
		row, err := s.connectionRow(ctx, c)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// connectionRow gathers what a list says of one connection.
func (s *Server) connectionRow(ctx context.Context, c workspace.ConnectionView) (views.ConnectionRow, error) {
	row := views.ConnectionRow{ID: c.ID, Name: c.Name, Type: c.Type, Product: c.Type, Draft: c.Draft, Tables: -1,
		NextRefresh: c.NextRefresh, Schedule: c.Schedule.Words(), Edited: c.Updated, State: stateOf(c.Connection)}
	if connector, ok := s.Registry.Get(c.Type); ok {
		row.Product, row.Tier, row.Host = connector.Name, connector.Tier, connector.Host(c.Config)
		if c.Draft && c.Config["host"] == "" && strings.Trim(row.Host, "0123456789") == "" {
			row.Host = "" // a port alone names no place
		}
	}
	if c.ServerVersion != "" {
		row.Product = c.ServerProduct + " " + c.ServerVersion
	}
	maker, err := s.personName(ctx, c.CreatedBy)
	if err != nil {
		return row, err
	}
	row.Maker = maker
	projects, err := s.Store.ImportsOf(ctx, c.ID)
	if err != nil {
		return row, err
	}
	row.Projects = len(projects)
	return row, s.addCatalogFacts(ctx, &row)
}

// addCatalogFacts says what is known of the catalog and of the last refresh.
func (s *Server) addCatalogFacts(ctx context.Context, row *views.ConnectionRow) error {
	state, err := s.Store.CatalogState(ctx, row.ID)
	if err != nil {
		return err
	}
	if !state.Read.IsZero() {
		row.Tables, row.LastRefresh = state.Tables, state.Read
		if row.State.Key == "connected" && state.Read.After(row.State.Since) {
			row.State.Since = state.Read
		}
	}
	runs, err := s.Store.Runs(ctx, row.ID, 1, "")
	if err != nil || len(runs) == 0 {
		return err
	}
	if err := s.addStale(ctx, row, runs[0]); err != nil {
		return err
	}
	if err := s.addNeedsLook(ctx, row); err != nil {
		return err
	}
	last := runRow(runs[0], "")
	if last.Active {
		row.State = views.ConnectionState{Key: "refreshing", Kind: "busy", Word: "Refreshing", Meaning: s.progressWords(runs[0], state.Tables), Live: true}
	} else if runs[0].State == "succeeded" && runs[0].Added+runs[0].Removed+runs[0].Changed > 0 {
		row.LastChanges = changeWords(runs[0])
	}
	return nil
}

// addStale says of a connection that works which part of it could not be read.
func (s *Server) addStale(ctx context.Context, row *views.ConnectionRow, last store.Run) error {
	if row.State.Key != "connected" {
		return nil
	}
	stale, err := s.Store.Scopes(ctx, row.ID)
	stale = slices.DeleteFunc(stale, func(scope store.StaleScope) bool { return len(scope.Path) == 0 }) // it is asked about, or was decided
	if err != nil || len(stale) == 0 {
		return err
	}
	words := pathWords(stale[0].Path) + ": " + stale[0].Reason
	if last.State == "succeeded" && last.Error != "" {
		words = last.Error
	}
	row.State = views.ConnectionState{Key: "partly_read", Kind: "warn", Word: "Partly read", Meaning: words + " · since ", Since: stale[0].Since}
	return nil
}

// addNeedsLook says of a connection that works that an Admin has to decide. One that fails says that: its page asks all the same.
func (s *Server) addNeedsLook(ctx context.Context, row *views.ConnectionRow) error {
	if row.State.Key != "connected" && row.State.Key != "partly_read" {
		return nil
	}
	doubt, err := s.Store.Doubt(ctx, row.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	row.State = views.ConnectionState{Key: "needs_look", Kind: "warn", Word: "Needs a look", Since: doubt.Since,
		Meaning: views.Plural(doubt.Missing, "table is", "tables are") + " missing, and none was removed · since "}
	return nil
}

// stateOf is a connection's state without what a running refresh adds.
func stateOf(c store.Connection) views.ConnectionState {
	switch {
	case c.Draft:
		return views.ConnectionState{Key: "draft", Kind: "draft", Word: "Draft", Meaning: "Edited ", Since: c.Updated}
	case c.Reach == store.ReachUnreachable:
		return views.ConnectionState{Key: "unreachable", Kind: "bad", Word: "Unreachable", Meaning: failedWords(c), Since: c.ReachSince}
	case c.Reach == store.ReachRefreshFailed:
		return views.ConnectionState{Key: "refresh_failed", Kind: "warn", Word: "Refresh failed", Meaning: failedWords(c), Since: c.ReachSince}
	case c.Reach == store.ReachOK:
		return views.ConnectionState{Key: "connected", Kind: "ok", Word: "Connected", Meaning: "Checked ", Since: c.ReachChecked}
	}
	return views.ConnectionState{Key: "new", Kind: "", Word: "Not tested yet"}
}

// failedWords say what went wrong, and how often in a row where that is more than once.
func failedWords(c store.Connection) string {
	if c.Failures > 1 {
		return c.ReachWords + " · " + views.Count(c.Failures) + " in a row · since "
	}
	return c.ReachWords + " · since "
}

// stateGroup is the segment of the list that a row belongs to.
func stateGroup(row views.ConnectionRow) string {
	switch row.State.Key {
	case "unreachable", "refresh_failed", "needs_look", "partly_read":
		return "attention"
	case "draft":
		return "draft"
	}
	return "connected"
}

func matches(row views.ConnectionRow, query string) bool {
	text := strings.ToLower(row.Name + "\n" + row.Product + "\n" + row.Host + "\n" + row.Type)
	return strings.Contains(text, strings.ToLower(strings.TrimSpace(query)))
}

func sortConnections(rows []views.ConnectionRow, by string) {
	slices.SortStableFunc(rows, func(a, b views.ConnectionRow) int {
		switch by {
		case "state":
			if a.State.Word != b.State.Word {
				return strings.Compare(a.State.Word, b.State.Word)
			}
		case "refreshed":
			if c := b.LastRefresh.Compare(a.LastRefresh); c != 0 {
				return c
			}
		case "next":
			if c := afterNever(a.NextRefresh).Compare(afterNever(b.NextRefresh)); c != 0 {
				return c
			}
		case "projects":
			if a.Projects != b.Projects {
				return b.Projects - a.Projects
			}
		}
		return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
}

// afterNever puts "never" behind every moment.
func afterNever(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(1<<40, 0)
	}
	return t
}

// personName is how a user is called on lists; someone who is gone is said to be.
func (s *Server) personName(ctx context.Context, id string) (string, error) {
	if id == "" {
		return "Patchbay", nil
	}
	u, err := s.Store.User(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return "Someone who left", nil
	}
	return u.Name, err
}

// connectionStatus is the state of one row, for a list that keeps itself true.
func (s *Server) connectionStatus(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	row, err := s.connectionRow(r.Context(), c)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, views.ConnectionStatus(row.ID, row.State, s.Now()))
}

func (s *Server) duplicateConnection(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, err := s.Workspace.DuplicateConnection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return redirect(w, r, "/settings/connections/"+c.ID+"/edit")
}
