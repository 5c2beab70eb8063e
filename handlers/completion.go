package handlers

import (
	"net/http"
	"strings"

	"patchbay/access"
	"patchbay/catalog"
)

// completion is one proposal of the editor.
type completion struct {
	Label  string `json:"label"`
	Kind   string `json:"kind"`
	Detail string `json:"detail,omitempty"`
	Apply  string `json:"apply"`
	Note   string `json:"note,omitempty"` // what to know before choosing it
}

// completionNotes are the words beside a proposal.
func completionNotes(n catalog.Node, holds catalog.Label) []string {
	var notes []string
	if holds.Mark != "" {
		notes = append(notes, string(holds.Mark))
	}
	if n.Unreadable {
		notes = append(notes, "not readable")
	}
	return notes
}

// complete proposes names for what is being typed: within context where there is one, else columns of the statement's tables,
// then tables. The catalog is never shipped whole.
func (s *Server) complete(w http.ResponseWriter, r *http.Request, who access.Actor) error {
	q := r.URL.Query()
	c, _, err := s.browserConnection(r, who, q.Get("connection"))
	if err != nil {
		return err
	}
	connector, known := s.Registry.Get(c.Type)
	shard, ok := s.Refresh.Shard(c.ID)
	items := []completion{}
	if !known || !ok {
		return writeJSON(w, http.StatusOK, map[string]any{"items": items})
	}
	var tables []string
	for _, t := range strings.Split(q.Get("tables"), ",") {
		if t != "" {
			tables = append(tables, t)
		}
	}
	labels, err := s.Store.Labels(r.Context(), c.ID)
	if err != nil {
		return err
	}
	for _, n := range completions(shard, q.Get("q"), q.Get("context"), tables) {
		item := completion{Label: n.Name(), Kind: string(n.Level), Detail: n.Type, Apply: connector.Dialect.QuoteIfNeeded(n.Name())}
		if n.Level == catalog.LevelTable {
			item.Kind = completionKind(n.Kind)
			item.Detail = strings.Join(n.Path.Parent(), ".")
		}
		holds, _ := labels.Of(n.Path)
		item.Note = strings.Join(completionNotes(n, holds), ", ")
		items = append(items, item)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"items": items})
}

func completionKind(k catalog.Kind) string {
	if k == catalog.KindView || k == catalog.KindMaterializedView {
		return "view"
	}
	return "table"
}

// maxCompletions bounds one answer of the editor's completion.
const maxCompletions = 100

func completions(shard *catalog.Shard, prefix, context string, tables []string) []catalog.Node {
	if context != "" {
		return shard.Complete(prefix, strings.Split(context, "."), maxCompletions)
	}
	var out []catalog.Node
	for _, t := range tables {
		out = append(out, shard.Complete(prefix, strings.Split(t, "."), maxCompletions)...)
	}
	return append(out, shard.Complete(prefix, nil, maxCompletions)...)
}
