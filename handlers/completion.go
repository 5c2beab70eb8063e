package handlers

import (
	"net/http"
	"slices"
	"strings"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/dialect"
)

// completion is one proposal of the editor.
type completion struct {
	Label  string         `json:"label"`
	Kind   string         `json:"kind"`
	Family catalog.Family `json:"family,omitempty"`
	Detail string         `json:"detail,omitempty"`
	Apply  string         `json:"apply"`
	Note   string         `json:"note,omitempty"` // what to know before choosing it
	Info   string         `json:"info,omitempty"` // what Admins and the source say of it
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

// completionInfo is what is said of a proposal beside its name.
func completionInfo(description, comment string) string {
	if description != "" && comment != "" {
		return description + "\n\nIn the database: " + comment
	}
	return description + comment
}

// complete proposes names for what is being typed: within context where there is one, else columns of the statement's tables,
// then tables. Context and tables are paths as Path.String writes them, of which the outer parts may be missing. The catalog is
// never shipped whole.
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
	within, err := completionPaths(q.Get("context"), q.Get("tables"))
	if err != nil {
		return err
	}
	nodes := completions(shard, q.Get("q"), within[0], within[1:])
	said, err := s.saidOf(r.Context(), c.ID, nodes)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		item := completion{Label: n.Name(), Kind: string(n.Level), Family: n.Family, Detail: n.Type, Apply: connector.Dialect.Readable(n.Path[len(n.Path)-1:]),
			Info: completionInfo(said.descriptions[n.Path.String()], n.Comment)}
		if n.Level == catalog.LevelTable {
			item.Kind = completionKind(n.Kind)
			item.Detail = strings.Join(n.Path.Parent(), ".")
			if len(within[0]) == 0 {
				item.Apply = connector.Dialect.Readable(toResolve(connector.Dialect, c.Config["database"], shard, n.Path))
			}
		}
		holds, _ := said.labels.Of(n.Path)
		item.Note = strings.Join(completionNotes(n, holds), ", ")
		items = append(items, item)
	}
	return writeJSON(w, http.StatusOK, map[string]any{"items": items})
}

// toResolve is as much of a table's path as a statement must write to mean it: without the database where the connection signs in, or
// where there is only one, being a file; and without the schema where bare names are looked up, unless something else bears the name,
// which the search path of this user may hold first.
func toResolve(d *dialect.Dialect, database string, shard *catalog.Shard, table catalog.Path) catalog.Path {
	left := table
	if len(left) > 1 && (left[0] == database || database == "" && len(left) > 2) {
		left = left[1:]
	}
	if len(left) == 2 && len(table) > 2 && left[0] == d.Schema && shard.Alone(table.Name()) {
		left = left[1:]
	}
	return left
}

func completionKind(k catalog.Kind) string {
	if k == catalog.KindView || k == catalog.KindMaterializedView {
		return "view"
	}
	return "table"
}

// Bounds of one answer of the editor's completion: its proposals within what the statement names and as many others, and how many
// tables of the statement it looks into. A statement that names more is long enough to type a letter of what is meant.
const (
	maxCompletions     = 100
	maxStatementTables = 20
)

// completionPaths reads the context, which may be empty, and the first tables, which commas part, each once.
func completionPaths(context, tables string) ([]catalog.Path, error) {
	texts := []string{context}
	for t := range strings.SplitSeq(tables, ",") {
		if len(texts) > maxStatementTables {
			break
		}
		if t != "" && !slices.Contains(texts[1:], t) {
			texts = append(texts, t)
		}
	}
	paths := make([]catalog.Path, len(texts))
	for i, text := range texts {
		var err error
		if paths[i], err = catalog.ParsePath(text); err != nil {
			return nil, &badRequest{"bad_path", "The path cannot be read"}
		}
	}
	return paths, nil
}

func completions(shard *catalog.Shard, prefix string, context catalog.Path, tables []catalog.Path) []catalog.Node {
	if len(context) > 0 {
		return shard.Complete(prefix, context, maxCompletions)
	}
	var out []catalog.Node
	for _, t := range tables {
		out = append(out, shard.Complete(prefix, t, maxCompletions-len(out))...)
	}
	return append(out, shard.Complete(prefix, nil, maxCompletions)...)
}
