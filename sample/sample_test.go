package sample

import (
	"context"
	"database/sql"
	"os"
	"testing"
)

func TestWriteMakesTheShopOnce(t *testing.T) {
	dir := t.TempDir()
	file, err := Write(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Write(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(file)
	if err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Fatalf("the second time wrote again: %v", err)
	}
	db, err := sql.Open("duckdb", file+"?access_mode=read_only")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for query, want := range map[string]int{
		"select count(*) from customers": 2000, "select count(*) from orders": 12000, "select count(*) from web_events": 50000,
		"select count(*) from orders_by_month where revenue <= 0":                                       0,
		"select count(*) from order_items i join orders o on o.id = i.order_id where i.quantity < 1":    0,
		"select count(*) from duckdb_tables() where comment is not null":                                5,
		"select count(*) from customers where country = 'Slovakia'":                                     134,
		"select count(distinct country) from customers":                                                 15,
		"select (count(*) > 5000)::integer from order_items where price is not null and product_id > 0": 1,
	} {
		var got int
		if err := db.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: got %d, want %d, error %v", query, got, want, err)
		}
	}
}
