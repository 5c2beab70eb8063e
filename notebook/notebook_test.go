package notebook

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // makes the database that cells read

	"patchbay/access"
	"patchbay/catalog"
	"patchbay/connectors"
	"patchbay/connectors/sqlite"
	"patchbay/query"
	"patchbay/store"
)

// A world is a notebook over a real store and a real SQLite database.
type world struct {
	*testing.T
	*Notebook
	store *store.Store
	query *query.Runner
}

const (
	sales = "project-sales"
	other = "project-other"
	shop  = "connection-shop"
)

var (
	ann  = access.Actor{UserID: "ann", Email: "ann@example.com", Role: access.RoleEditor}
	vera = access.Actor{UserID: "vera", Email: "vera@example.com", Role: access.RoleViewer}
)

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	makeShop(t, filepath.Join(dir, "shop.db"))
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Now: time.Now, AuditKey: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	registry, err := connectors.NewRegistry(sqlite.Connectors(), nil)
	if err != nil {
		t.Fatal(err)
	}
	open := func(ctx context.Context, c *store.Connection) (connectors.Source, error) {
		connector, _ := registry.Get(c.Type)
		return registry.Open(ctx, connectors.Request{Connector: connector, Values: c.Config, FilesDir: dir})
	}
	q, err := query.NewRunner(query.Options{Store: s, Open: open, Dir: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	if err := s.Maintain(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	return &world{T: t, Notebook: New(s, q, registry, time.Now), store: s, query: q}
}

func makeShop(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	_, err = db.Exec(`create table orders(id integer primary key, customer text, price real);
		insert into orders values(1, 'O''Neil', 9.5), (2, 'Ann', 20), (3, 'Bob', 30)`)
	if err != nil {
		t.Fatal(err)
	}
}

func fill(tx *store.Tx) error {
	now := time.Now()
	connection := store.Connection{ID: shop, Name: "Shop", Type: "sqlite", Config: map[string]string{"file": "shop.db"},
		CanQuery: []string{access.GroupMembers}, CanViewResults: []string{access.GroupPublic}, Reach: store.ReachUnknown, CreatedBy: "ann", Created: now, Updated: now}
	return errors.Join(
		tx.CreateUser(store.User{ID: "ann", Email: "ann@example.com", Role: access.RoleEditor, Created: now, Updated: now}),
		tx.CreateUser(store.User{ID: "vera", Email: "vera@example.com", Role: access.RoleViewer, Created: now, Updated: now}),
		tx.CreateProject(store.Project{ID: sales, Name: "Sales", OwnerID: "ann", Created: now, Updated: now}),
		tx.CreateProject(store.Project{ID: other, Name: "Other", OwnerID: "ann", Created: now, Updated: now}),
		tx.SetShares(sales, []access.Share{{To: "user:ann", Access: access.Full}, {To: "user:vera", Access: access.View}}),
		tx.SetShares(other, []access.Share{{To: "user:ann", Access: access.Full}}),
		tx.CreateConnection(connection, nil),
		tx.Import(sales, shop))
}

func (w *world) create(in NewCell) store.Cell {
	w.Helper()
	c, err := w.CreateCell(w.Context(), ann, sales, in)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// run runs a cell to its end and answers with its result and its rows as CSV.
func (w *world) run(c store.Cell) (store.Result, string) {
	w.Helper()
	res, err := w.RunCell(w.Context(), ann, sales, c.ID)
	if err != nil {
		w.Fatal(err)
	}
	follow, err := w.query.Follow(w.Context(), ann, res.ID)
	if err != nil {
		w.Fatal(err)
	}
	for res = range follow {
	}
	var b bytes.Buffer
	if err := w.query.ExportCSV(w.Context(), ann, res.ID, &b, true); err != nil {
		w.Fatal(err)
	}
	return res, strings.ReplaceAll(b.String(), "\r\n", "\n")
}

func (w *world) names() string {
	w.Helper()
	page, err := w.Open(w.Context(), ann, sales)
	if err != nil {
		w.Fatal(err)
	}
	var names []string
	for _, c := range page.Cells {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

func sqlCell(source string) NewCell {
	return NewCell{Kind: KindSQL, Source: source, ConnectionID: shop, At: -1}
}

func input(name string, config map[string]any) NewCell {
	return NewCell{Kind: KindInput, Name: name, Config: config, At: -1}
}

func TestCellsReadParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(input("who", map[string]any{"type": "text", "value": "O'Neil"}))
	w.create(input("from_price", map[string]any{"type": "number", "value": "15.5"}))
	w.create(input("ids", map[string]any{"type": "list", "of": "number", "value": []any{"1", float64(3)}}))
	for _, c := range []struct{ source, want string }{
		{"select id from orders where customer = {{ who }};", "id\n1\n"},
		{"select id from orders where price > {{ from_price }} order by id", "id\n2\n3\n"},
		{"select id from orders where id in ({{ ids | array }}) order by id", "id\n1\n3\n"},
		{"select {{ who }} as w, '{{' as braces", "w,braces\nO'Neil,{{\n"},
	} {
		res, rows := w.run(w.create(sqlCell(c.source)))
		if res.State != "succeeded" || rows != c.want {
			t.Errorf("%s: %s %s %q, want %q", c.source, res.State, res.Error, rows, c.want)
		}
	}
}

func TestErrorsStandWhereTheyWereTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(input("who", map[string]any{"type": "text", "value": "x"}))
	for _, c := range []struct {
		source string
		at     int
		words  string
	}{
		{"select '{{ who }}'", 9, "inside quotes"},
		{"select {{ whom }}", 8, "There is no parameter whom. There are who"},
		{"select 1; select 2", 11, "one statement"},
		{"select {{ who }} frm orders", 0, "orders"},
	} {
		res, _ := w.run(w.create(sqlCell(c.source)))
		if res.State != "failed" || res.Cause != "statement" || c.at > 0 && res.ErrorPosition != c.at || !strings.Contains(res.Error, c.words) {
			t.Errorf("%s: %s at %d: %s", c.source, res.Cause, res.ErrorPosition, res.Error)
		}
	}
}

func TestCellsAreReadOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if res, _ := w.run(w.create(sqlCell("delete from orders"))); res.State != "failed" {
		t.Errorf("a delete in a cell: %s", res.State)
	}
	if _, rows := w.run(w.create(sqlCell("select count(*) as n from orders"))); rows != "n\n3\n" {
		t.Errorf("after it: %q", rows)
	}
}

func TestCellsKeepTheirOrderAndNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.create(sqlCell("select 1"))
	w.create(sqlCell("select 2"))
	w.create(NewCell{Kind: KindInput, Config: map[string]any{"type": "boolean"}, At: 0})
	if got := w.names(); got != "input_1 query_1 query_2" {
		t.Fatalf("cells are %s", got)
	}
	if err := w.MoveCell(t.Context(), ann, sales, a.ID, 2); err != nil {
		t.Fatal(err)
	}
	w.create(NewCell{Kind: KindText, Source: "# Sales", At: 1})
	if got := w.names(); got != "input_1  query_2 query_1" {
		t.Fatalf("cells are %s", got)
	}
	if err := w.DeleteCell(t.Context(), ann, sales, a.ID); err != nil {
		t.Fatal(err)
	}
	if got := w.names(); got != "input_1  query_2" {
		t.Errorf("cells are %s", got)
	}
}

func TestCellsThatAreWrongAreRefusedAtTheirField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(NewCell{Kind: KindSQL, Name: "Orders", At: -1})
	for _, c := range []struct {
		field string
		cell  NewCell
	}{
		{"kind", NewCell{Kind: "chart", Name: "x"}},
		{"name", NewCell{Kind: KindSQL, Name: "ORDERS"}},
		{"name", NewCell{Kind: KindSQL, Name: "1st"}},
		{"name", NewCell{Kind: KindSQL, Name: "a b"}},
		{"name", NewCell{Kind: KindSQL, Name: strings.Repeat("a", 64)}},
		{"name", NewCell{Kind: KindText, Name: "title"}},
		{"connection_id", NewCell{Kind: KindSQL, ConnectionID: "another"}},
		{"connection_id", NewCell{Kind: KindText, ConnectionID: shop}},
		{"source", NewCell{Kind: KindSQL, Source: "a\x00b"}},
		{"source", NewCell{Kind: KindSQL, Source: "a\xff"}},
		{"source", NewCell{Kind: KindText, Source: strings.Repeat("a", sourceBytes+1)}},
		{"config", NewCell{Kind: KindSQL, Config: map[string]any{"x": strings.Repeat("a", configBytes)}}},
		{"type", input("x", map[string]any{"type": "colour"})},
		{"type", input("x", nil)},
		{"config", input("x", map[string]any{"type": "text", "values": 1})},
		{"label", input("x", map[string]any{"type": "text", "label": 1})},
		{"value", input("x", map[string]any{"type": "text", "value": 1})},
		{"value", input("x", map[string]any{"type": "number", "value": "1e5"})},
		{"value", input("x", map[string]any{"type": "number", "value": float64(1 << 60)})},
		{"value", input("x", map[string]any{"type": "date", "value": "31.12.2024"})},
		{"value", input("x", map[string]any{"type": "boolean", "value": "maybe"})},
		{"value", input("x", map[string]any{"type": "list", "value": "a"})},
		{"value", input("x", map[string]any{"type": "list", "value": []any{nil}})},
		{"value", input("x", map[string]any{"type": "list", "of": "number", "value": []any{"a"}})},
		{"of", input("x", map[string]any{"type": "text", "of": "number"})},
	} {
		_, err := w.CreateCell(t.Context(), ann, sales, c.cell)
		var bad *Invalid
		if !errors.As(err, &bad) || bad.Fields[c.field] == "" {
			t.Errorf("%.80v: %v %v, want a refusal at %s", c.cell, err, bad, c.field)
		}
	}
	if got := w.names(); got != "Orders" {
		t.Errorf("cells are %s", got)
	}
}

func TestEditsMeetTheVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.create(sqlCell("select 1"))
	source, name := "select 2", "totals"
	changed, err := w.UpdateCell(t.Context(), ann, sales, c.ID, CellChange{Version: c.Version, Source: &source})
	if err != nil || changed.Source != source || changed.Name != "query_1" || changed.Version != 2 {
		t.Fatalf("changed %+v, %v", changed, err)
	}
	if _, err := w.UpdateCell(t.Context(), ann, sales, c.ID, CellChange{Version: c.Version, Name: &name}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("an edit of an old version: %v", err)
	}
	if changed, err = w.UpdateCell(t.Context(), ann, sales, c.ID, CellChange{Version: 2, Name: &name}); err != nil || changed.Name != name || changed.Source != source {
		t.Errorf("changed %+v, %v", changed, err)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.create(sqlCell("select 1"))
	w.run(c)
	source := "select 2"
	ctx := t.Context()
	acts := map[string]func(who access.Actor, project string) error{
		"create": func(who access.Actor, project string) error {
			_, err := w.CreateCell(ctx, who, project, NewCell{Kind: KindText, At: -1})
			return err
		},
		"update": func(who access.Actor, project string) error {
			_, err := w.UpdateCell(ctx, who, project, c.ID, CellChange{Version: 1, Source: &source})
			return err
		},
		"move":   func(who access.Actor, project string) error { return w.MoveCell(ctx, who, project, c.ID, 0) },
		"delete": func(who access.Actor, project string) error { return w.DeleteCell(ctx, who, project, c.ID) },
		"run":    func(who access.Actor, project string) error { _, err := w.RunCell(ctx, who, project, c.ID); return err },
	}
	for name, act := range acts {
		var denied *access.Denied
		if err := act(vera, sales); !errors.As(err, &denied) || denied.Hidden {
			t.Errorf("a viewer's %s: %v", name, err)
		}
		if err := act(vera, other); !errors.As(err, &denied) || !denied.Hidden {
			t.Errorf("a stranger's %s: %v", name, err)
		}
		if name != "create" {
			if err := act(ann, other); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s of a cell by way of another project: %v", name, err)
			}
		}
	}
	if _, err := w.LastResult(ctx, ann, other, c.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a result by way of another project: %v", err)
	}
	page, err := w.Open(ctx, vera, sales)
	if err != nil || len(page.Cells) != 1 || page.Cells[0].Result == nil || page.Cells[0].Result.Rows != 1 || page.Decision.Access != access.View {
		t.Errorf("a viewer sees %+v, %v", page, err)
	}
	if rows, err := w.store.AuditRows(ctx, store.AuditFilter{ActorID: "vera", Limit: 50}); err != nil || len(rows) != 10 {
		t.Errorf("%d refusals are in the audit, want 10, %v", len(rows), err)
	}
}

func TestDeletedCellLeavesNoResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.create(sqlCell("select 1"))
	res, _ := w.run(c)
	if err := w.DeleteCell(t.Context(), ann, sales, c.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.query.Result(t.Context(), ann, res.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the result of a deleted cell: %v", err)
	}
}

func TestCancelCell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.create(sqlCell("with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"))
	res, err := w.RunCell(t.Context(), ann, sales, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	began := time.Now()
	if err := w.CancelCell(t.Context(), ann, sales, c.ID); err != nil {
		t.Fatal(err)
	}
	follow, err := w.query.Follow(t.Context(), ann, res.ID)
	if err != nil {
		t.Fatal(err)
	}
	for res = range follow {
	}
	if res.State != "cancelled" || time.Since(began) > time.Second {
		t.Errorf("after %s: %+v", time.Since(began), res)
	}
}

func TestPreviewReadsTheFirstRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var b bytes.Buffer
	out, err := w.Preview(t.Context(), vera, shop, catalog.Path{"orders"}, 2, query.NewCSV(&b, true))
	if err != nil || out.Rows != 2 || !strings.HasPrefix(b.String(), "id,customer,price\r\n1,O'Neil,9.5") {
		t.Errorf("preview %+v, %v: %q", out, err, b.String())
	}
	if _, err := w.Preview(t.Context(), vera, shop, catalog.Path{"a", "orders"}, 2, query.NewCSV(&b, true)); connectors.CauseOf(err) != connectors.CauseNotFound {
		t.Errorf("a path of two parts in a product of one level: %v", err)
	}
}

func TestPreviewChoosesTheDatabaseOfTheSession(t *testing.T) {
	t.Parallel()
	c := &connectors.Connector{Levels: []catalog.Level{catalog.LevelDatabase, catalog.LevelSchema, catalog.LevelTable, catalog.LevelColumn},
		Dialect: sqlite.Connectors()[0].Dialect}
	st, err := preview(c, catalog.Path{"db", "s\"x", "t"}, 5)
	if err != nil || st.Database != "db" || st.SQL != `select * from "s""x"."t" limit 5` {
		t.Errorf("%+v, %v", st, err)
	}
}
