package handlers

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"patchbay/access"
	"patchbay/store"
	"patchbay/views"
)

// The length of the pages of refreshes, and of the changes of one.
const (
	refreshesPage = 30
	changesPage   = 200
)

// runFilterOf reads which refreshes are asked for.
func runFilterOf(r *http.Request) (store.RunFilter, error) {
	q := r.URL.Query()
	f := store.RunFilter{State: q.Get("state"), Trigger: q.Get("trigger"), Changed: q.Get("changed") == "true"}
	if _, ok := runStates[f.State]; f.State != "" && !ok {
		return f, &badRequest{"bad_filter", "There is no such state of a refresh"}
	}
	if _, ok := triggers[f.Trigger]; f.Trigger != "" && !ok {
		return f, &badRequest{"bad_filter", "There is no such cause of a refresh"}
	}
	if day := q.Get("since"); day != "" {
		since, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return f, &badRequest{"bad_filter", "Write the day like 2026-11-23"}
		}
		f.Since = since
	}
	return f, nil
}

// refreshes are all kept refreshes of a connection, with what each found by name.
func (s *Server) refreshes(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	f, err := runFilterOf(r)
	if err != nil {
		return err
	}
	p, err := s.connectionPage(r, who, "refreshes")
	if err != nil {
		return err
	}
	q := r.URL.Query()
	f.ConnectionID, f.Before, f.Limit = p.Row.ID, q.Get("before"), refreshesPage+1
	var runs []store.Run
	err = s.Store.View(r.Context(), func(tx *store.Tx) (err error) {
		runs, err = tx.RunsWhere(f)
		return err
	})
	if err != nil {
		return err
	}
	h := views.RefreshHistory{State: f.State, Trigger: f.Trigger, Changed: f.Changed, Since: q.Get("since")}
	if len(runs) > refreshesPage {
		runs = runs[:refreshesPage]
		q.Set("before", runs[refreshesPage-1].ID)
		h.Older = "?" + q.Encode()
	}
	if f.Before != "" {
		q.Del("before")
		h.Newest = "?" + q.Encode()
	}
	for _, run := range runs {
		row, err := s.runRow(r.Context(), run, p.Row.Tables)
		if err != nil {
			return err
		}
		p.Runs = append(p.Runs, row)
	}
	p.History = h
	return s.page(w, r, http.StatusOK, views.Connection(p))
}

// refreshPage is one refresh with all that it found, searched and paged.
func (s *Server) refreshPage(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	run, err := s.runOf(r, who)
	if err != nil {
		return err
	}
	p, err := s.connectionPage(r, who, "run")
	if err != nil {
		return err
	}
	by, err := s.personName(r.Context(), run.StartedBy)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	after := max(number(q.Get("after"), 0), 0)
	var found []store.Change
	err = s.Store.View(r.Context(), func(tx *store.Tx) (err error) {
		found, err = tx.ChangesLike(run.ID, q.Get("q"), changesPage+1, after)
		return err
	})
	if err != nil {
		return err
	}
	p.History = views.RefreshHistory{Query: q.Get("q")}
	page := func(to int) string {
		return "?" + url.Values{"q": {q.Get("q")}, "after": {strconv.Itoa(to)}}.Encode()
	}
	if len(found) > changesPage {
		found, p.History.Older = found[:changesPage], page(after+changesPage)
	}
	if after > 0 {
		p.History.Newest = page(max(after-changesPage, 0))
	}
	row := runRow(run, by)
	for _, c := range found {
		row.Changes = append(row.Changes, views.ChangeRow{Kind: c.Change, Path: pathWords(c.Path), Detail: c.Detail})
	}
	p.Runs = []views.RunRow{row}
	return s.page(w, r, http.StatusOK, views.Connection(p))
}
