package duckdb

import (
	"context"

	engine "github.com/duckdb/duckdb-go-bindings"

	"patchbay/catalog"
	"patchbay/connectors"
)

// source is a DuckDB file. It holds nothing open: each statement opens the file as it is then.
type source struct {
	name     string
	openFile func(string) (string, error)
	writable bool
}

// open proves that the file is there, is of DuckDB and can be read now. It does not start the engine, which loads everything that
// the file says of its tables whenever it starts: what only the engine can tell, such as that the file is damaged or encrypted,
// the first statement tells.
func open(ctx context.Context, t connectors.Target) (connectors.Source, error) {
	s := &source{name: t.Values["file"], openFile: t.OpenFile, writable: t.Values["read_only"] == "false"}
	if _, err := s.Server(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Server looks at the file and names the engine that will read it.
func (s *source) Server(ctx context.Context) (connectors.Server, error) {
	path, err := s.path(ctx)
	if err != nil {
		return connectors.Server{}, err
	}
	held, err := hold(ctx, path, false)
	if err != nil {
		return connectors.Server{}, err
	}
	held.close()
	return connectors.Server{Product: "DuckDB", Version: engine.LibraryVersion(), Names: catalog.CaseASCII}, nil
}

// Close has nothing to close: no instance outlives its statement.
func (s *source) Close() error { return nil }

func (s *source) instance(ctx context.Context, write bool, may budget) (*instance, error) {
	path, err := s.path(ctx)
	if err != nil {
		return nil, err
	}
	return newInstance(ctx, path, write, may)
}

func (s *source) path(ctx context.Context) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return s.openFile(s.name)
}
