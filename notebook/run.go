package notebook

import (
	"context"
	"fmt"
	"slices"

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/query"
	"patchbay/store"
)

// RunCell starts a cell's statement with the project's parameters. Its session is read-only, except on a connection with
// Allow writeback on. What cannot be compiled is the result's error, at its place, like an error of the server.
func (n *Notebook) RunCell(ctx context.Context, who access.Actor, projectID, cellID string) (store.Result, error) {
	var page Page
	var c store.Cell
	err := n.store.View(ctx, func(tx *store.Tx) (err error) {
		if page, err = project(tx, who, projectID, access.RunCells); err != nil {
			return err
		}
		c, err = page.cell(cellID)
		return err
	})
	if err != nil {
		return store.Result{}, n.refused(ctx, who, "cell.run", projectID, err)
	}
	if c.Kind != KindSQL {
		return store.Result{}, invalid("kind", "Only SQL cells run")
	}
	if c.ConnectionID == "" {
		return store.Result{}, invalid("connection_id", "Choose a connection")
	}
	return n.query.Keep(ctx, who, query.Request{ConnectionID: c.ConnectionID, ProjectID: projectID, CellID: cellID, Write: true, Purpose: "cell",
		Prepare: n.compiled(c.Source, page.values())})
}

// values are the project's parameters.
func (p Page) values() map[string]any {
	values := map[string]any{}
	for _, c := range p.Cells {
		if c.Kind == KindInput {
			values[c.Name] = bound(c.Config)
		}
	}
	return values
}

// compiled makes the statement once the connection's product is known.
func (n *Notebook) compiled(source string, values map[string]any) func(string) (query.Statement, error) {
	return func(connectionType string) (query.Statement, error) {
		c, err := n.connector(connectionType)
		if err != nil {
			return query.Statement{}, err
		}
		return Compile(c.Dialect, source, values)
	}
}

func (n *Notebook) connector(connectionType string) (*connectors.Connector, error) {
	c, ok := n.registry.Get(connectionType)
	if !ok || c.Dialect == nil {
		return nil, &connectors.Error{Cause: connectors.CauseUnsupported, Op: "read the statement", Message: connectionType + " takes no SQL here"}
	}
	return c, nil
}

// LastResult is the last result of a cell, for someone who may see it.
func (n *Notebook) LastResult(ctx context.Context, who access.Actor, projectID, cellID string) (store.Result, error) {
	var page Page
	var last store.Result
	err := n.store.View(ctx, func(tx *store.Tx) (err error) {
		if page, err = project(tx, who, projectID, access.ViewProject); err != nil {
			return err
		}
		if _, err := page.cell(cellID); err != nil {
			return err
		}
		last, err = tx.LastResult(cellID)
		return err
	})
	if err != nil {
		return store.Result{}, err
	}
	res, err := n.query.Result(ctx, who, last.ID)
	if page.Decision.Access < access.Explore {
		res = withoutError(res)
	}
	return res, err
}

// CancelCell cancels a cell that runs.
func (n *Notebook) CancelCell(ctx context.Context, who access.Actor, projectID, cellID string) error {
	last, err := n.LastResult(ctx, who, projectID, cellID)
	if err != nil {
		return err
	}
	return n.query.Cancel(ctx, who, last.ID)
}

// previewRows is how many rows a preview of a table shows at most.
const previewRows = 1000

// Preview reads the first rows of a table, as the person that asks, read-only.
func (n *Notebook) Preview(ctx context.Context, who access.Actor, connectionID string, table catalog.Path, limit int64, to query.Sink) (query.Outcome, error) {
	limit = min(max(limit, 1), previewRows)
	return n.query.Stream(ctx, who, query.Request{ConnectionID: connectionID, Limit: limit, Purpose: "preview",
		Prepare: func(connectionType string) (query.Statement, error) {
			c, err := n.connector(connectionType)
			if err != nil {
				return query.Statement{}, err
			}
			return preview(c, table, limit)
		}}, to)
}

// preview is the statement that reads a table's first rows. Where a session has one database, it is the table's.
func preview(c *connectors.Connector, table catalog.Path, limit int64) (query.Statement, error) {
	levels := len(c.Levels)
	if slices.Contains(c.Levels, catalog.LevelColumn) {
		levels--
	}
	if len(table) != levels {
		return query.Statement{}, &connectors.Error{Cause: connectors.CauseNotFound, Op: "preview a table", Message: "this path names no table"}
	}
	st := query.Statement{}
	if slices.Contains(c.Levels, catalog.LevelDatabase) && slices.Contains(c.Levels, catalog.LevelSchema) {
		st.Database, table = table[0], table[1:]
	}
	st.SQL = fmt.Sprintf("select * from %s limit %d", c.Dialect.Qualified(table), limit)
	return st, nil
}
