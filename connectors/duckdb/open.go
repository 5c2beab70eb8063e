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

// open proves that the file is there and that this engine can read it.
func open(ctx context.Context, t connectors.Target) (connectors.Source, error) {
	s := &source{name: t.Values["file"], openFile: t.OpenFile, writable: t.Values["read_only"] == "false"}
	if _, err := s.Server(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Server opens the file for reading and names the engine.
func (s *source) Server(ctx context.Context) (connectors.Server, error) {
	in, err := s.instance(ctx, false)
	if err != nil {
		return connectors.Server{}, err
	}
	defer in.close()
	return connectors.Server{Product: "DuckDB", Version: engine.LibraryVersion(), Names: catalog.CaseASCII}, nil
}

// Close has nothing to close: no instance outlives its statement.
func (s *source) Close() error { return nil }

func (s *source) instance(ctx context.Context, write bool) (*instance, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := s.openFile(s.name)
	if err != nil {
		return nil, err
	}
	return newInstance(ctx, path, write)
}
