package e2e

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	_ "github.com/duckdb/duckdb-go/v2" // makes a database
)

// A schema with 100,000 tables is scrolled, typed ahead in, searched and opened near its end, on the whole server.
func TestHundredThousandTables(t *testing.T) {
	t.Parallel()
	p, tab := withAdmin(t)
	wide(t, filepath.Join(p.dir, "files", "wide.duckdb"), 100_000)
	token := p.token()
	status, body := p.api(token, "POST", "/api/v1/connections", `{"name":"Wide","type":"duckdb","config":{"file":"wide.duckdb"}}`)
	if status != 201 {
		t.Fatalf("connecting: %d %s", status, body)
	}
	connection := p.first(token, "/api/v1/connections")
	if status, body := p.api(token, "POST", "/api/v1/projects", `{"name":"Wide"}`); status != 201 {
		t.Fatalf("making a project: %d %s", status, body)
	}
	project := p.first(token, "/api/v1/projects")
	if status, body := p.api(token, "PUT", "/api/v1/projects/"+project+"/connections/"+connection, ""); status != 204 {
		t.Fatalf("importing: %d %s", status, body)
	}
	tab.Go(p.url + "/projects/" + project)
	tab.Want("document.querySelector('#browser-foot [hx-trigger]') === null && document.querySelector('.tree-row')?.textContent", "Wide") // it is read
	tab.Eval("(document.querySelector('pb-tree').focus(), 1)")
	tab.Want("document.activeElement.ariaExpanded", "false")
	tab.Type(kb.ArrowRight) // opens the connection, then goes on to its database and schema
	for _, name := range []string{"wide", "main"} {
		tab.Want("[...document.querySelectorAll('.tree-name')].some((n) => n.textContent === '"+name+"')", true)
		tab.Type(kb.ArrowRight)
		tab.Want("document.activeElement.querySelector('.tree-name')?.textContent", name)
		tab.Type(kb.ArrowRight)
	}
	name := "document.activeElement.querySelector('.tree-name')?.textContent + ' ' + document.activeElement.ariaPosInSet + ' of ' + document.activeElement.ariaSetSize"
	tab.Want("[...document.querySelectorAll('.tree-name')].some((n) => n.textContent === 't00003')", true)
	tab.Type(kb.End)
	tab.Want(name, "t99999 100000 of 100000")
	tab.Eval("((rows) => { rows.scrollTop = 28 * 33000; return 1; })(document.querySelector('.tree-rows'))")
	tab.Want("[...document.querySelectorAll('.tree-name')].some((n) => n.textContent === 't33003')", true)
	tab.Eval("([...'t54'].forEach((key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))), 1)") // at once
	tab.Want(name, "t54000 54001 of 100000")
	tab.Want("document.querySelectorAll('.tree-row').length < 100", true)
	tab.Eval("(document.querySelector('.tree-search input').focus(), 1)")
	tab.Type("t9876")
	tab.Want("[...document.querySelectorAll('[role=option] .tree-name')].slice(0, 3).map((n) => n.textContent)", []string{"t98760", "t98761", "t98762"})
	tab.Type(kb.Enter)
	tab.Want("document.querySelector('.tree-details h3')?.textContent", "t98760")
	tab.Want("[...document.querySelectorAll('.tree-details tbody td code')].map((c) => c.textContent)", []string{"INTEGER", "VARCHAR"})
	tab.Type(kb.Escape)
	tab.Want("document.querySelector('[role=treeitem][aria-selected=true]')?.ariaPosInSet", "98761")
}

// wide makes a DuckDB file with so many tables in its one schema.
func wide(t *testing.T, file string, tables int) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(file), 0o700)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("duckdb", file)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("begin;")
	for i := range tables {
		fmt.Fprintf(&script, "create table t%05d (id integer, name varchar);", i)
	}
	script.WriteString("commit")
	_, err = db.Exec(script.String())
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}
