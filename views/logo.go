package views

import "strings"

// A logo is a mark in the sprite, or the letters that stand in for one.
type logo struct{ name, monogram string }

// logos are the marks by connector type. A product without a mark in simple-icons has a monogram.
var logos = map[string]logo{
	"postgres":           {name: "postgresql"},
	"mysql":              {name: "mysql"},
	"mariadb":            {name: "mariadb"},
	"sqlite":             {name: "sqlite"},
	"duckdb":             {name: "duckdb"},
	"clickhouse":         {name: "clickhouse"},
	"snowflake":          {name: "snowflake"},
	"bigquery":           {name: "googlebigquery"},
	"databricks":         {name: "databricks"},
	"trino":              {name: "trino"},
	"presto":             {name: "presto"},
	"alloydb":            {name: "googlecloud"},
	"cloudsql-postgres":  {name: "googlecloud"},
	"cloudsql-mysql":     {name: "googlecloud"},
	"cloudsql-sqlserver": {name: "googlecloud"},
	"sqlserver":          {"sqlserver", "MS"},
	"redshift":           {"redshift", "Rs"},
	"athena":             {"athena", "At"},
	"starburst":          {"starburst", "Sb"},
	"materialize":        {"materialize", "Mz"},
	"dremio":             {"dremio", "Dr"},
	"motherduck":         {"motherduck", "Md"},
	"db2":                {"db2", "D2"},
}

func logoOf(connectorType string) logo {
	if l, ok := logos[connectorType]; ok {
		return l
	}
	letters := []rune(strings.ToUpper(connectorType) + "??")
	return logo{name: "other", monogram: string(letters[:2])}
}
