// Package catalogtest makes catalogs for tests and benchmarks: made up, yet with the names, types and repetition of warehouses
// that people keep.
package catalogtest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"patchbay/catalog"
)

var entities = strings.Fields(`account address agent application approval article asset attachment audit balance batch billing
	booking branch brand budget campaign carrier cart category channel charge claim client comment commission company contact
	contract country coupon credit customer delivery department deposit device discount document driver employee engagement event
	expense facility feature feedback forecast franchise fulfilment gateway group guest holding inventory invoice item journal
	kitchen label lead ledger license line loan location loyalty machine manifest market material member merchant message meter
	milestone notification offer order outlet package partner patient payment payout permission policy portfolio position price
	product profile project promotion provider purchase quote rating receipt refund region reservation return review reward
	risk role route salary sample schedule season segment sensor session settlement shift shipment site sku statement stock
	store subscription supplier survey tariff task tax team tenant ticket tour transaction transfer trip truck user vehicle vendor
	visit voucher wallet warehouse warranty workflow zone`)

var suffixes = strings.Fields(`archive audit daily detail dim ext fact hist history item line link log map meta monthly rel
	snapshot staging stats status summary tag temp type v2 weekly`)

type attribute struct {
	name, declared string
	family         catalog.Family
}

var attributes = []attribute{
	{"created_at", "timestamp with time zone", catalog.FamilyDateTime}, {"updated_at", "timestamp with time zone", catalog.FamilyDateTime},
	{"deleted_at", "timestamp without time zone", catalog.FamilyDateTime}, {"status", "character varying(32)", catalog.FamilyText},
	{"name", "text", catalog.FamilyText}, {"description", "text", catalog.FamilyText}, {"amount", "numeric(12,2)", catalog.FamilyDecimal},
	{"currency", "character(3)", catalog.FamilyText}, {"is_active", "boolean", catalog.FamilyBool}, {"quantity", "integer", catalog.FamilyInteger},
	{"email", "character varying(255)", catalog.FamilyText}, {"start_date", "date", catalog.FamilyDate}, {"end_date", "date", catalog.FamilyDate},
	{"payload", "jsonb", catalog.FamilyJSON}, {"external_ref", "character varying(64)", catalog.FamilyText}, {"version", "integer", catalog.FamilyInteger},
	{"external_uuid", "uuid", catalog.FamilyUUID}, {"total_net", "numeric(18,4)", catalog.FamilyDecimal}, {"rate", "double precision", catalog.FamilyFloat},
	{"created_by", "bigint", catalog.FamilyInteger}, {"notes", "text", catalog.FamilyText}, {"country_code", "character(2)", catalog.FamilyText},
	{"sort_order", "smallint", catalog.FamilyInteger}, {"tags", "text[]", catalog.FamilyArray},
}

// Table is the i-th table of a made-up catalog, the same one each time: 25 tables to a schema, with this many columns.
func Table(i, columns int) catalog.Table {
	r := rand.New(rand.NewPCG(uint64(i), 7))
	pick := func(words []string) string { return words[r.IntN(len(words))] }
	entity := pick(entities)
	name := fmt.Sprintf("%s_%s_%s", entity, pick(entities), pick(suffixes))
	if i%3 == 0 {
		name = fmt.Sprintf("%s_%04d", name, i%10000)
	}
	t := catalog.Table{Path: catalog.Path{"warehouse", fmt.Sprintf("%s_%03d", entities[i/25%len(entities)], i/25), name},
		Kind: catalog.KindTable, Rows: r.Int64N(5_000_000)}
	if i%11 == 0 {
		t.Kind, t.Rows = catalog.KindView, catalog.RowsUnknown
	}
	if i%8 == 0 {
		t.Comment = "One row per " + entity + ", loaded nightly"
	}
	used := map[string]bool{}
	add := func(c catalog.Column) {
		if !used[c.Name] && len(t.Columns) < columns {
			used[c.Name] = true
			t.Columns = append(t.Columns, c)
		}
	}
	add(catalog.Column{Name: entity + "_id", Type: "bigint", Family: catalog.FamilyInteger, PrimaryKey: 1,
		Default: "nextval('" + name + "_id_seq'::regclass)"})
	for len(t.Columns) < columns {
		add(column(r, t.Path, pick))
	}
	return t
}

// column is a foreign key, a common attribute, or one that hardly another table has.
func column(r *rand.Rand, in catalog.Path, pick func([]string) string) catalog.Column {
	a := attributes[r.IntN(len(attributes))]
	c := catalog.Column{Name: a.name, Type: a.declared, Family: a.family, Nullable: r.IntN(3) > 0}
	switch r.IntN(10) {
	case 0, 1:
		other := pick(entities)
		c = catalog.Column{Name: other + "_id", Type: "bigint", Family: catalog.FamilyInteger,
			References: &catalog.Ref{Table: catalog.Path{in[0], in[1], other}, Column: "id"}}
	case 2, 3:
		c.Name = pick(entities) + "_" + a.name
	case 4:
		c.Name = fmt.Sprintf("%s_%s_%s%d", pick(entities), a.name, pick(suffixes), r.IntN(100))
	case 5:
		c.Comment = "The " + strings.ReplaceAll(a.name, "_", " ") + " of the " + pick(entities)
	}
	return c
}
