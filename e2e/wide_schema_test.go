package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"patchbay/catalog"
	"patchbay/store"
)

// A schema with 100,000 tables is scrolled, typed ahead in, searched and opened near its end, on the whole server. What a refresh would
// have read is put into its store: the test machine has no source that makes so many tables in a moment.
func TestHundredThousandTables(t *testing.T) {
	t.Parallel()
	env := []string{"PATCHBAY_ADMIN_EMAIL=admin@example.com", "PATCHBAY_ADMIN_PASSWORD=" + password, "PATCHBAY_SAMPLE=true"}
	before := run(t, env...)
	token := before.token()
	connection, project := before.first(token, "/api/v1/connections"), before.first(token, "/api/v1/projects")
	before.must(token, "PATCH", "/api/v1/connections/"+connection, `{"name":"Wide"}`)
	before.first(token, "/api/v1/connections/"+connection+"/refreshes")
	before.stop()
	widen(t, before.dir, connection, 100_000)
	p := runOn(t, before.dir, env...)
	tab := p.signIn("admin@example.com")
	tab.Expect("404")
	tab.Go(p.url + "/projects/" + project)
	tab.Want("document.querySelector('.tree-name')?.textContent", "Wide")
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

// widen puts one schema with so many tables in the place of a connection's catalog, in the store of a server that is stopped.
func widen(t *testing.T, dir, connection string, tables int) {
	t.Helper()
	ctx, now := context.Background(), time.Now()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	st, err := store.Open(ctx, store.Options{Dir: dir, Now: time.Now, AuditKey: []byte("nothing is audited here")})
	check(err)
	fence, err := st.Acquire(ctx, "refresh:"+connection, "test", time.Minute)
	check(err)
	state, err := st.CatalogState(ctx, connection)
	check(err)
	words, err := catalog.ReadWords(nil)
	check(err)
	var old []string
	check(st.KnownHashes(ctx, connection, func(path string, _ []byte) { old = append(old, path) }))
	rows := make([]store.TableRow, tables)
	for i := range rows {
		table := catalog.Table{Path: catalog.Path{"wide", "main", fmt.Sprintf("t%05d", i)}, Kind: catalog.KindTable, Rows: catalog.RowsUnknown, Columns: []catalog.Column{
			{Name: "id", Type: "INTEGER", Family: catalog.FamilyInteger}, {Name: "name", Type: "VARCHAR", Family: catalog.FamilyText, Nullable: true}}}
		hash := catalog.HashOf(table)
		rows[i] = store.TableRow{Key: catalog.PackPath(table.Path.String()), Hash: hash[:], Body: catalog.Pack(table, words)}
	}
	for batch := range slices.Chunk(rows, store.MaxBatch) {
		check(st.PutTables(ctx, connection, state.Generation+1, fence, batch))
	}
	run := store.Run{ID: "01900000-0000-7000-8000-000000000000", ConnectionID: connection, Trigger: "manual", State: "succeeded", Queued: now, Started: now, Finished: now}
	check(st.RemoveTables(ctx, connection, state.Generation+1, fence, run.ID, now, old, false))
	check(st.Maintain(ctx, func(tx *store.Tx) error { return tx.CreateRun(run) }))
	check(st.PublishCatalog(ctx, connection, state.Generation+1, fence, run,
		store.CatalogState{Tables: int64(tables), Columns: 2 * int64(tables), Read: now, Changed: now}, nil, nil))
	check(st.Release(ctx, fence))
	check(st.Close())
}
