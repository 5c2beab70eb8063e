package handlers

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/workspace"
)

func (s *Server) apiGetFilter(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, c.Filter)
}

func (s *Server) apiSetFilter(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var f catalog.Filter
	if err := decode(r, &f); err != nil {
		return err
	}
	if err := s.Workspace.SetFilter(r.Context(), who, r.PathValue("id"), f, 0); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, f)
}

// apiPreview is what a filter would keep and drop. Paths are as everywhere in the API: DB/SCHEMA/TABLE, each part URL-encoded.
type apiPreview struct {
	Levels    []apiPreviewLevel `json:"levels"`
	NamesFrom string            `json:"names_from"` // source, or catalog: as it is known, without what the saved filter drops
	ReadAt    time.Time         `json:"read_at"`
	Partial   bool              `json:"partial"`           // the source would not tell some of its names
	Problem   string            `json:"problem,omitempty"` // why names_from is catalog
	Hidden    *apiHidden        `json:"hidden,omitempty"`  // where level asks for it
}

// apiHidden is a page of what a filter would drop of one level, narrowed to the names that hold q.
type apiHidden struct {
	Level catalog.Level `json:"level"`
	Found int           `json:"found"`
	Items []string      `json:"items"`
	Next  *string       `json:"next_cursor"`
}

type apiPreviewLevel struct {
	Level        catalog.Level `json:"level"`
	Kept         int           `json:"kept"`
	Dropped      int           `json:"dropped"`
	KeptNames    []string      `json:"kept_names"`
	DroppedNames []string      `json:"dropped_names"`
}

func (s *Server) apiPreviewFilter(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	var f catalog.Filter
	if err := decode(r, &f); err != nil {
		return err
	}
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	page := workspace.HiddenPage{Level: catalog.Level(q.Get("level")), Find: q.Get("q"), From: number(q.Get("cursor"), 0), Limit: limit}
	if page.Level != "" && !slices.ContainsFunc(filterLevels, func(l filterLevel) bool { return l.level == page.Level }) {
		return &badRequest{"bad_level", "level is database, schema or table"}
	}
	p, err := s.Workspace.PreviewFilter(r.Context(), who, r.PathValue("id"), f, page)
	if err != nil {
		return err
	}
	out := apiPreview{Levels: []apiPreviewLevel{}, NamesFrom: "source", ReadAt: p.Read, Partial: p.Partly}
	if p.Known != nil {
		out.NamesFrom, out.Problem = "catalog", problemOf(p.Known).Title
	}
	for _, l := range p.Levels {
		out.Levels = append(out.Levels, apiPreviewLevel{Level: l.Level, Kept: l.Kept, Dropped: l.Dropped,
			KeptNames: pathTexts(l.KeptNames), DroppedNames: pathTexts(l.DroppedNames)})
	}
	if page.Level != "" {
		out.Hidden = &apiHidden{Level: page.Level, Found: p.Found, Items: pathTexts(p.Hidden)}
		if to := page.From + len(p.Hidden); to < p.Found && len(p.Hidden) > 0 {
			next := strconv.Itoa(to)
			out.Hidden.Next = &next
		}
	}
	return writeJSON(w, http.StatusOK, out)
}

// pathTexts are paths as the API writes them, never nil.
func pathTexts(paths []catalog.Path) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = p.String()
	}
	return out
}
