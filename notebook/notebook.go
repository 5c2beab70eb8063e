// Package notebook holds what people do with a project's cells: write, order and run them, with parameters that are bound and
// never pasted. Cells of the kind sql are one statement on one connection, text cells are Markdown, input cells are parameters
// that statements read as {{ name }}.
//
// Every act decides by the project's access at that moment; whether a statement may run, and whether it may write, is decided
// by package query, which runs it.
package notebook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"patchbay/access"
	"patchbay/connectors"
	"patchbay/query"
	"patchbay/store"
)

// A Notebook acts on the cells of all projects.
type Notebook struct {
	store    *store.Store
	query    *query.Runner
	registry *connectors.Registry
	now      func() time.Time
}

// New makes a Notebook.
func New(s *store.Store, q *query.Runner, r *connectors.Registry, now func() time.Time) *Notebook {
	return &Notebook{store: s, query: q, registry: r, now: now}
}

// Invalid is a refusal of what was filled in: field -> words for people.
type Invalid struct{ Fields map[string]string }

func (e *Invalid) Error() string {
	keys := make([]string, 0, len(e.Fields))
	for k := range e.Fields {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return "invalid fields: " + strings.Join(keys, ", ")
}

func invalid(field, words string) error { return &Invalid{map[string]string{field: words}} }

// A Page is a project as one person sees it.
type Page struct {
	Project     store.Project
	Decision    access.ProjectDecision
	Connections []store.Connection // that the project uses
	Cells       []CellView
}

// hideStatements keeps from those who may only view what the results were made with: they have the app view.
func (p Page) hideStatements() {
	for i := range p.Cells {
		if c := &p.Cells[i]; c.Kind == KindSQL {
			c.Source, c.ConnectionID = "", ""
		}
	}
}

// withoutError is a result as it is shown to those who may only view: what the database said of the statement, and where, quotes it.
// What kind of failure it was remains.
func withoutError(res store.Result) store.Result {
	res.Error, res.Hint, res.ErrorPosition = "", "", 0
	return res
}

// A CellView is a cell with its last result.
type CellView struct {
	store.Cell
	Result *store.Result // nil: it has none, or none that this person may see
}

// Open is a project's page for someone who may view it.
func (n *Notebook) Open(ctx context.Context, who access.Actor, projectID string) (Page, error) {
	var page Page
	var last map[string]string
	err := n.store.View(ctx, func(tx *store.Tx) (err error) {
		if page, err = project(tx, who, projectID, access.ViewProject); err != nil {
			return err
		}
		if last, err = tx.LastResults(projectID); err != nil {
			return fmt.Errorf("read results: %w", err)
		}
		return nil
	})
	if err != nil {
		return Page{}, err
	}
	if page.Decision.Access < access.Explore {
		page.hideStatements()
	}
	for i := range page.Cells {
		c := &page.Cells[i]
		if c.Result, err = n.result(ctx, who, page, last[c.ID]); err != nil {
			return Page{}, err
		}
	}
	return page, nil
}

// read fills in the page and answers with the facts that decisions on the project need.
func read(tx *store.Tx, projectID string, page *Page) (access.Project, error) {
	var err error
	if page.Project, err = tx.Project(projectID); err != nil {
		return access.Project{}, fmt.Errorf("read project: %w", err)
	}
	if page.Connections, err = tx.ProjectUses(projectID); err != nil {
		return access.Project{}, fmt.Errorf("read connections of project: %w", err)
	}
	cells, err := tx.Cells(projectID)
	if err != nil {
		return access.Project{}, fmt.Errorf("read cells: %w", err)
	}
	page.Cells = make([]CellView, len(cells))
	for i, c := range cells {
		page.Cells[i].Cell = c
	}
	return page.Project.Facts(page.Connections), nil
}

// result is a result of the page as who may see it; nil where they may not, or where it is gone.
func (n *Notebook) result(ctx context.Context, who access.Actor, page Page, id string) (*store.Result, error) {
	if id == "" {
		return nil, nil
	}
	res, err := n.query.Result(ctx, who, id)
	var denied *access.Denied
	if errors.As(err, &denied) || errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if page.Decision.Access < access.Explore {
		res = withoutError(res)
	}
	return &res, nil
}

// project reads a project and decides with may.
func project(tx *store.Tx, who access.Actor, id string, may func(access.Actor, access.Project) error) (Page, error) {
	var page Page
	facts, err := read(tx, id, &page)
	if err != nil {
		return page, err
	}
	page.Decision = access.OnProject(who, facts)
	return page, may(who, facts)
}

// cell finds a cell of the page by its id: a cell of another project is not found.
func (p Page) cell(id string) (store.Cell, error) {
	i := slices.IndexFunc(p.Cells, func(c CellView) bool { return c.ID == id })
	if i < 0 {
		return store.Cell{}, fmt.Errorf("read cell: %w", store.ErrNotFound)
	}
	return p.Cells[i].Cell, nil
}
