package catalog_test

import (
	"slices"
	"strings"
	"testing"

	"patchbay/catalog"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	orders := func() catalog.Table {
		return catalog.Table{Path: catalog.Path{"shop", "orders"}, Kind: catalog.KindTable, Comment: "old", Rows: 10, Columns: []catalog.Column{
			{Name: "id", Type: "integer", PrimaryKey: 1}, {Name: "total", Type: "integer", Default: "0"}, {Name: "note", Type: "text", Nullable: true}}}
	}
	for _, c := range []struct {
		name   string
		change func(*catalog.Table)
		want   []string
	}{
		{"nothing", func(*catalog.Table) {}, nil},
		{"the estimate is noise", func(t *catalog.Table) { t.Rows = 1000 }, nil},
		{"type", func(t *catalog.Table) { t.Columns[1].Type = "bigint" }, []string{"column total: integer -> bigint"}},
		{"added and removed", func(t *catalog.Table) { t.Columns[2].Name = "remark" }, []string{"column note removed", "column remark added: text"}},
		{"order", func(t *catalog.Table) { t.Columns[1], t.Columns[2] = t.Columns[2], t.Columns[1] }, []string{"columns in another order"}},
		{"an added one in front is no new order", func(t *catalog.Table) {
			t.Columns = slices.Insert(t.Columns, 0, catalog.Column{Name: "tenant", Type: "uuid"})
		}, []string{"column tenant added: uuid"}},
		{"null", func(t *catalog.Table) { t.Columns[2].Nullable = false }, []string{"column note: must not be null"}},
		{"default gone", func(t *catalog.Table) { t.Columns[1].Default = "" }, []string{"column total: default 0 -> none"}},
		{"key", func(t *catalog.Table) { t.Columns[1].PrimaryKey = 2 }, []string{"column total: place in the primary key none -> 2"}},
		{"reference", func(t *catalog.Table) {
			t.Columns[1].References = &catalog.Ref{Table: catalog.Path{"shop", "sums"}, Column: "id"}
		}, []string{"column total: references none -> shop.sums.id"}},
		{"kind and comment", func(t *catalog.Table) { t.Kind, t.Comment = catalog.KindMaterializedView, "new" },
			[]string{"kind: table -> materialized view", "comment: old -> new"}},
		{"rights", func(t *catalog.Table) { t.Unreadable = true }, []string{"can no longer be read"}},
		{"long words are cut", func(t *catalog.Table) { t.Comment = strings.Repeat("ü", 100) },
			[]string{"comment: old -> " + strings.Repeat("ü", 79) + "…"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := orders()
			c.change(&changed)
			if got := catalog.Describe(orders(), changed); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
