package all

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the administrator's own way in

	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/connectors/conformance"
)

func sqliteSubjects(t *testing.T, c *connectors.Connector) []*conformance.Subject {
	dir := t.TempDir()
	db, err := sql.Open("sqlite3", (&url.URL{Scheme: "file", Path: filepath.Join(dir, "suite.db"), RawQuery: "_busy_timeout=5000"}).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.ExecContext(t.Context(), "pragma journal_mode = delete; create table x (n int); drop table x"); err != nil {
		t.Fatal(err)
	}
	return []*conformance.Subject{{
		Name: "SQLite", Connector: c, Product: "SQLite", Version: "3.", Values: connectors.Values{"file": "suite.db"}, FilesDir: dir,
		Admin: by(db), Types: sqliteTypes, Catalog: sqliteCatalog, Names: conformance.Names{Longest: 255},
		SQL: conformance.SQL{},
	}}
}

var sqliteCatalog = conformance.Catalog{}

var sqliteTypes = []conformance.TypeCase{
	{SQL: "9223372036854775807", Want: "9223372036854775807", Family: catalog.FamilyInteger},
}
