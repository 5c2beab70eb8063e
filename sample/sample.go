// Package sample makes the sample database, a small shop that never was, and holds the cells of the sample project. The data
// is the same on every machine: it is made by arithmetic, not by chance.
package sample

import (
	"context"
	"database/sql"
	_ "embed" // the statements that make the data
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the driver "duckdb"
)

// FileName is the database's file.
const FileName = "sample.duckdb"

//go:embed shop.sql
var shop string

// Write makes the sample database in dir and returns its file. One that is there already is left as it is. It appears whole or
// not at all.
func Write(ctx context.Context, dir string) (file string, err error) {
	file = filepath.Join(dir, FileName)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	draft := file + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("remove unfinished sample: %w", err)
	}
	if err := fill(ctx, draft); err != nil {
		return "", errors.Join(err, os.Remove(draft))
	}
	if err := os.Rename(draft, file); err != nil {
		return "", fmt.Errorf("put sample in place: %w", err)
	}
	return file, nil
}

func fill(ctx context.Context, file string) (err error) {
	db, err := sql.Open("duckdb", file)
	if err != nil {
		return fmt.Errorf("open sample: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, statement := range strings.Split(shop, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("make sample: %w", err)
		}
	}
	return nil
}

// A Cell is one cell of the sample project. Its connection is the sample database.
type Cell struct {
	Kind, Name, Source string
	Config             map[string]any
}

// Notebook are the cells of the sample project, in their order.
var Notebook = []Cell{
	{Kind: "text", Source: "## A look at the shop\n\nThis notebook reads the **sample database**: customers, orders and web events of a shop that never was. " +
		"Open its tables in the *data browser* at the left, or run the cells below with `Ctrl Enter`."},
	{Kind: "sql", Name: "orders_by_month", Source: "-- Paid orders by month and region\nselect month, region, orders, revenue\nfrom orders_by_month\norder by month desc, revenue desc"},
	{Kind: "text", Source: "### One country\n\nChange the parameter, then run the cell. Its value is *bound*: it never becomes part of the statement."},
	{Kind: "input", Name: "country", Config: map[string]any{"type": "text", "label": "Country", "value": "Slovakia"}},
	{Kind: "sql", Name: "best_customers", Source: "select c.name, c.city, count(*) as orders, sum(o.total) as spent\nfrom customers c\njoin orders o on o.customer_id = c.id\n" +
		"where c.country = {{ country }}\n  and o.status <> 'cancelled'\ngroup by all\norder by spent desc\nlimit 20"},
	{Kind: "text", Source: "### Every event\n\nA larger result: the grid scrolls over all of it, and *CSV* takes it with you."},
	{Kind: "sql", Name: "events", Source: "select *\nfrom web_events\norder by happened_at"},
}
