package handlers

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"patchbay/access"
	"patchbay/notebook"
	"patchbay/workspace"
)

// A cell under another project's path, and a run under another connection's, do not exist, for Admins too (P18).
func TestObjectsOfOthersAreNotFound(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	a, b := s.connect("A", workspace.ConnectionInput{}), s.connect("B", workspace.ConnectionInput{})
	p, q := s.project("admin", "P"), s.project("admin", "Q")
	cell, err := s.server.Notebook.CreateCell(t.Context(), s.actor("admin"), p.ID, notebook.NewCell{Kind: "text"})
	s.check(err)
	runs, err := s.server.Store.Runs(t.Context(), a.ID, 1, "")
	s.check(err)
	names := strings.NewReplacer("{project}", q.ID, "{cell}", cell.ID, "{id}", b.ID, "{run}", runs[0].ID)
	rows, asked := matrixRows(t), 0
	for _, rt := range routes {
		if !strings.Contains(rt.pattern, "{cell}") && !strings.Contains(rt.pattern, "{run}") {
			continue
		}
		asked++
		method, path, _ := strings.Cut(rt.pattern, " ")
		m := &matrixSite{site: s}
		if got := m.call(caller{role: "admin"}, method, names.Replace(path), rows[rt.pattern][0].body); got.status != http.StatusNotFound {
			t.Errorf("%s with another's object answers %d", rt.pattern, got.status)
		}
	}
	if asked < 15 {
		t.Errorf("only %d routes were asked", asked)
	}
}

// Reading changes nothing: all that the store holds is the same after every GET, asked as the matrix asks it (P18).
func TestReadingChangesNothing(t *testing.T) {
	s := newSite(t)
	s.person(access.RoleAdmin)
	c, p := s.connect("A", workspace.ConnectionInput{}), s.project("admin", "P")
	s.check(s.server.Workspace.Import(t.Context(), s.actor("admin"), p.ID, c.ID))
	cell, err := s.server.Notebook.CreateCell(t.Context(), s.actor("admin"), p.ID, notebook.NewCell{Kind: "text"})
	s.check(err)
	runs, err := s.server.Store.Runs(t.Context(), c.ID, 1, "")
	s.check(err)
	names := strings.NewReplacer("{project}", p.ID, "{cell}", cell.ID, "{id}", c.ID, "{run}", runs[0].ID, "{connection}", c.ID, "{type}", "sqlite",
		"{user}", s.users["admin"].ID, "{group}", "members", "{token}", "x", "{$}", "")
	rows := matrixRows(t)
	for _, rt := range routes {
		method, path, _ := strings.Cut(rt.pattern, " ")
		if method != http.MethodGet {
			continue
		}
		for _, row := range rows[rt.pattern] {
			if row.class == "stream" {
				continue // it does not end
			}
			before := s.hash()
			a := s.do("admin", method, names.Replace(path+row.body), nil)
			if a.status >= http.StatusInternalServerError || a.status >= http.StatusBadRequest && row.body != "" {
				t.Errorf("%s answers %d", rt.pattern, a.status)
			}
			if s.hash() != before {
				t.Errorf("%s changed the store", rt.pattern)
			}
		}
	}
}

// hash is of every row of the store, sessions excepted, which remember when they were last seen.
func (s *site) hash() string {
	s.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(s.dir, "patchbay.db")+"?mode=ro")
	s.check(err)
	defer func() { _ = db.Close() }()
	h := sha256.New()
	tables := s.column(db, "select name from sqlite_master where type = 'table' and name not like 'sqlite%' and name not like '%session%' order by name")
	if len(tables) < 10 {
		s.t.Fatalf("the store has %d tables", len(tables))
	}
	for _, table := range tables {
		rows, err := db.Query(`select * from "` + table + `"`)
		s.check(err)
		columns, err := rows.Columns()
		s.check(err)
		for rows.Next() {
			cells := make([]any, len(columns))
			for i := range cells {
				cells[i] = new(any)
			}
			s.check(rows.Scan(cells...))
			for _, cell := range cells {
				_, err := fmt.Fprintf(h, "%s %v;", table, *cell.(*any))
				s.check(err)
			}
		}
		s.check(rows.Err())
		s.check(rows.Close())
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// column is a query's single column.
func (s *site) column(db *sql.DB, query string) (out []string) {
	s.t.Helper()
	rows, err := db.Query(query)
	s.check(err)
	for rows.Next() {
		var v string
		s.check(rows.Scan(&v))
		out = append(out, v)
	}
	s.check(rows.Err())
	s.check(rows.Close())
	return out
}
