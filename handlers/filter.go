package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/store"
	"patchbay/views"
	"patchbay/workspace"
)

// filterNames is how many names the preview lists each way and level.
const filterNames = 50

type filterLevel struct {
	level catalog.Level
	key   string
	words string
}

// filterLevels are the levels of a filter, in the words of its JSON.
var filterLevels = []filterLevel{{catalog.LevelDatabase, "databases", "Databases"}, {catalog.LevelSchema, "schemas", "Schemas"}, {catalog.LevelTable, "tables", "Tables"}}

// filterTab shows which objects the catalog of a connection holds.
func (s *Server) filterTab(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.filterPage(w, r, who, http.StatusOK, views.FilterForm{Version: c.Version, Saved: r.URL.Query().Has("saved"), Find: r.URL.Query().Get("q")}, c.Filter)
}

// hiddenPage is the page of hidden names that a form asks for. Where it names no level, it is of the tables, which every product has.
func hiddenPage(r *http.Request) workspace.HiddenPage {
	p := workspace.HiddenPage{Level: catalog.LevelTable, Find: strings.TrimSpace(r.PostFormValue("find")), From: number(r.PostFormValue("from"), 0), Limit: filterNames}
	for _, l := range filterLevels {
		if l.key == r.PostFormValue("level") {
			p.Level = l.level
		}
	}
	return p
}

// filterPage draws the form for a filter. What it would keep and drop the page asks for when it is there: reading the source's
// names may take a while.
func (s *Server) filterPage(w http.ResponseWriter, r *http.Request, who access.Actor, status int, form views.FilterForm, f catalog.Filter) error {
	p, err := s.connectionPage(r, who, "filter")
	if err != nil {
		return err
	}
	connector, ok := s.Registry.Get(p.Row.Type)
	if !ok {
		return errNotFound
	}
	for _, l := range filterLevels {
		if !slices.Contains(connector.Levels, l.level) {
			continue
		}
		rule := ruleOf(&f, l.level)
		form.Levels = append(form.Levels, views.FilterLevel{Key: l.key, Words: l.words, Include: filterSide(rule.Include, form.Errors[l.key+".include"]),
			Exclude: filterSide(rule.Exclude, form.Errors[l.key+".exclude"])})
	}
	form.Draft = p.Row.Draft
	p.Filter = form
	return s.page(w, r, status, views.Connection(p))
}

// filterPreview is what a filter would keep and drop. That the source cannot be reached is said in its place.
func (s *Server) filterPreview(r *http.Request, who access.Actor, f catalog.Filter) (views.FilterPreview, error) {
	hidden := hiddenPage(r)
	known, err := s.Workspace.PreviewFilter(r.Context(), who, r.PathValue("id"), f, hidden)
	if err != nil {
		p := problemOf(err)
		if p.Code == "internal" || p.Status == http.StatusForbidden || p.Status == http.StatusNotFound {
			return views.FilterPreview{}, err
		}
		return views.FilterPreview{Problem: p.Title, Hint: p.Hint}, nil
	}
	out := views.FilterPreview{Read: known.Read, Now: s.Now(), Partly: known.Partly}
	if known.Known != nil {
		out.FromCatalog = problemOf(known.Known).Title
	}
	for _, l := range known.Levels {
		level := views.FilterCounts{Kept: l.Kept, Dropped: l.Dropped}
		for _, w := range filterLevels {
			if w.level == l.Level {
				level.Key, level.Words = w.key, w.words
			}
		}
		for _, path := range l.KeptNames[:min(len(l.KeptNames), filterNames)] {
			level.KeptNames = append(level.KeptNames, pathWords(path))
		}
		level.Searched, level.Found = l.Dropped > filterNames, l.Dropped
		dropped := l.DroppedNames[:min(len(l.DroppedNames), filterNames)]
		if l.Level == hidden.Level {
			dropped, level.Found, level.Find, level.From = known.Hidden, known.Found, hidden.Find, hidden.From
			level.Previous, level.Open = max(hidden.From-filterNames, 0), hidden.Find != "" || r.PostFormValue("level") != ""
		}
		for _, path := range dropped {
			level.DroppedNames = append(level.DroppedNames, pathWords(path))
		}
		out.Levels = append(out.Levels, level)
	}
	return out, nil
}

func ruleOf(f *catalog.Filter, level catalog.Level) *catalog.Rule {
	switch level {
	case catalog.LevelDatabase:
		return &f.Databases
	case catalog.LevelSchema:
		return &f.Schemas
	default:
		return &f.Tables
	}
}

func filterSide(m *catalog.Match, problem string) views.FilterSide {
	side := views.FilterSide{Match: string(catalog.MatchExact), Error: problem}
	if m != nil {
		side.Match = string(m.Match)
		var lines []string
		for _, v := range m.Values {
			if strings.ContainsAny(v, "\r\n") || strings.TrimSpace(v) == "" {
				side.Kept = append(side.Kept, views.KeptValue{Value: url.QueryEscape(v), Shown: strconv.Quote(v)})
			} else {
				lines = append(lines, v)
			}
		}
		side.Values = strings.Join(lines, "\n")
	}
	return side
}

// filterOf reads a filter from a form: a value a line; a side without values is none.
func filterOf(r *http.Request) (f catalog.Filter, version int64, err error) {
	if err := r.ParseForm(); err != nil {
		return f, 0, &badRequest{"bad_form", "The form cannot be read"}
	}
	for _, l := range filterLevels {
		rule := ruleOf(&f, l.level)
		rule.Include, rule.Exclude = matchOf(r, l.key+".include"), matchOf(r, l.key+".exclude")
	}
	version, err = strconv.ParseInt(r.PostFormValue("version"), 10, 64)
	if err != nil {
		return f, 0, &badRequest{"bad_form", "The form is not one of this page. Load it again"}
	}
	return f, version, nil
}

func matchOf(r *http.Request, key string) *catalog.Match {
	var values []string
	for line := range strings.SplitSeq(r.PostFormValue(key+".values"), "\n") {
		if line = strings.TrimRight(line, "\r"); strings.TrimSpace(line) != "" {
			values = append(values, line)
		}
	}
	for _, kept := range r.PostForm[key+".kept"] {
		if v, err := url.QueryUnescape(kept); err == nil && !slices.Contains(r.PostForm[key+".remove"], kept) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return nil
	}
	return &catalog.Match{Match: catalog.MatchKind(r.PostFormValue(key + ".match")), Values: values}
}

// saveFilter takes the form: "preview" draws it again with what it would do, anything else saves it.
func (s *Server) saveFilter(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	f, version, err := filterOf(r)
	if err != nil {
		return err
	}
	form := views.FilterForm{Version: version}
	if r.PostFormValue("step") == "preview" {
		if form.Errors = f.Check(); len(form.Errors) == 0 {
			if form.Preview, err = s.filterPreview(r, who, f); err != nil {
				return err
			}
		}
		return s.filterPage(w, r, who, http.StatusOK, form, f)
	}
	err = s.Workspace.SetFilter(r.Context(), who, r.PathValue("id"), f, version)
	bad := problemOf(err)
	switch {
	case err == nil:
		return redirect(w, r, "/settings/connections/"+r.PathValue("id")+"/filter?saved=1")
	case errors.Is(err, store.ErrConflict):
		form.Conflict = true
		c, err := s.Workspace.Connection(r.Context(), who, r.PathValue("id"))
		if err != nil {
			return err
		}
		form.Version = c.Version // what was typed stays; saving again replaces what is there
		return s.filterPage(w, r, who, bad.Status, form, f)
	case len(bad.Fields) > 0 && bad.Fields["id"] == "":
		form.Errors = bad.Fields
		return s.filterPage(w, r, who, bad.Status, form, f)
	}
	return err
}
