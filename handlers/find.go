package handlers

import (
	"net/http"
	"slices"
	"strings"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/store"
	"patchbay/workspace"
)

// How many notebooks and connections, and how many objects of catalogs, one search over everything shows.
const (
	foundPlaces  = 8
	foundObjects = 20
)

// findAnything finds notebooks that the person may open, objects of catalogs that they may query, each in a notebook where they can
// browse it, and for Admins connections. Each list is that of its own screen, so none shows more here than there.
func (s *Server) findAnything(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	text := strings.TrimSpace(r.URL.Query().Get("q"))
	items := []browserHit{}
	if text == "" {
		return writeJSON(w, http.StatusOK, map[string]any{"items": items, "truncated": false})
	}
	projects, err := s.Workspace.Projects(r.Context(), who)
	if err != nil {
		return err
	}
	truncated := false
	for _, p := range projects {
		if hit, ok := placeHit(p.Name, text); ok && len(items) == foundPlaces {
			truncated = true
		} else if ok {
			hit.Kind, hit.Path, hit.Trail = "project", "/projects/"+p.ID, []string{"Notebook"}
			items = append(items, hit)
		}
	}
	connections, err := s.Workspace.Connections(r.Context(), who)
	if err != nil {
		return err
	}
	most := len(items) + foundPlaces
	for _, c := range connections {
		if hit, ok := placeHit(c.Name, text); ok && who.IsAdmin() && len(items) == most {
			truncated = true
		} else if ok && who.IsAdmin() {
			hit.Kind, hit.Type, hit.Path, hit.Trail = "connection", c.Type, "/settings/connections/"+c.ID, []string{"Data source"}
			items = append(items, hit)
		}
	}
	in := browsedIn(projects, r.URL.Query().Get("project"))
	connections = slices.DeleteFunc(connections, func(c workspace.ConnectionView) bool { return in[c.ID] == nil })
	found, err := s.search(r.Context(), connections, catalog.Query{Text: text, Limit: foundObjects})
	if err != nil {
		return err
	}
	for _, hit := range found.items() {
		p := in[hit.connectionID]
		hit.Path, hit.Trail = nodeAddress(p.ID, hit.Path), append([]string{p.Name}, hit.Trail...)
		items = append(items, hit)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"items": items, "truncated": truncated || found.truncated})
}

// placeHit is a hit on what has this name, where it holds the text, case aside.
func placeHit(name, text string) (browserHit, bool) {
	hit := browserHit{browserNode: browserNode{Name: name, Rows: -1}, Match: [][2]int{}, InComment: [][2]int{}}
	lower, text := strings.ToLower(name), strings.ToLower(text)
	at := strings.Index(lower, text)
	if at >= 0 && len(lower) == len(name) { // else lower case has moved the places
		hit.Match = append(hit.Match, [2]int{runes(lower[:at]), runes(lower[:at+len(text)])})
	}
	return hit, at >= 0
}

// browsedIn are the notebooks in which one can browse each connection: the one where one is, if it uses it, else the one that was
// changed last.
func browsedIn(projects []workspace.ProjectView, here string) map[string]*store.Project {
	in := map[string]*store.Project{}
	for i, p := range projects {
		for _, c := range p.Uses {
			if p.Decision.Access >= access.Explore && (in[c.ID] == nil || p.ID == here) {
				in[c.ID] = &projects[i].Project
			}
		}
	}
	return in
}
