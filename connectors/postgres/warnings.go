package postgres

import (
	"context"
	_ "embed" // the query stands beside this file
	"strconv"
)

//go:embed sql/rights.sql
var rightsSQL string

// weaker makes a user that may read every table and do nothing else, by server version.
const (
	weaker      = "CREATE ROLE patchbay LOGIN PASSWORD '...'; GRANT pg_read_all_data TO patchbay"
	weakerOld   = "CREATE ROLE patchbay LOGIN PASSWORD '...'; GRANT USAGE ON SCHEMA public TO patchbay; GRANT SELECT ON ALL TABLES IN SCHEMA public TO patchbay"
	readAllData = 140000 // the first version with the role pg_read_all_data
)

// tooStrong says which rights of the user reach beyond the data, with the statement that makes a weaker one (P10).
func tooStrong(ctx context.Context, se *session) ([]string, error) {
	answer := se.conn.ExecParams(ctx, rightsSQL, nil, nil, nil, nil).Read()
	if answer.Err != nil {
		return nil, answer.Err
	}
	var warnings []string
	for _, row := range answer.Rows {
		statement := weaker
		if n, err := strconv.Atoi(string(row[1])); err == nil && n < readAllData {
			statement = weakerOld
		}
		right := "has the role " + string(row[0])
		if string(row[0]) == "superuser" {
			right = "is a superuser"
		}
		warnings = append(warnings, "The user "+right+", which reaches beyond the data. A weaker one is enough: "+statement)
	}
	return warnings, nil
}
