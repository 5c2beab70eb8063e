package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"patchbay/connectors"
	"patchbay/connectors/all"
	"patchbay/connectors/conformance"
	"patchbay/e2e/servers"
)

// Tables, columns and values with the hostile names of the shared fixture come out of an export as they are, from every real server
// (P75).
func TestHostileNamesAreExported(t *testing.T) {
	t.Parallel()
	p := run(t, "PATCHBAY_ADMIN_EMAIL=admin@example.com", "PATCHBAY_ADMIN_PASSWORD="+password)
	token := p.token()
	registry, err := connectors.NewRegistry(all.Connectors(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		product string
		start   func(testing.TB, servers.Options) *servers.Server
		longest int
		refused []string // what the product does not take in names
		escapes bool     // a backslash in a text escapes
		text    string   // a type
		tls     string
	}{
		{"postgres", servers.Postgres, 63, nil, false, "text", "verify-full"},
		{"mariadb", servers.MariaDB, 64, []string{"emoji", "trailing space"}, true, "varchar(400) character set utf8mb4", "verify-full"},
		{"mysql", servers.MySQL, 64, []string{"emoji", "trailing space"}, true, "varchar(400) character set utf8mb4", "disable"},
	} {
		t.Run(c.product, func(t *testing.T) {
			server := c.start(t, servers.Options{Name: "e2e names"})
			connector, known := registry.Get(c.product)
			if !known {
				t.Fatal("there is no such connector")
			}
			quote := connector.Dialect.Quote
			text := func(s string) string {
				if c.escapes {
					s = strings.ReplaceAll(s, `\`, `\\`)
				}
				return "'" + strings.ReplaceAll(s, "'", "''") + "'"
			}
			status, body := p.api(token, "POST", "/api/v1/connections", asJSON(t, map[string]any{"name": c.product, "type": c.product,
				"secrets": map[string]string{"password": server.Password},
				"config": map[string]string{"host": server.Host, "port": strconv.Itoa(server.Port), "database": server.Database, "user": server.User,
					"tls_mode": c.tls, "tls_ca": server.CA}}))
			var made struct{ ID string }
			if err := json.Unmarshal([]byte(body), &made); err != nil || status != http.StatusCreated {
				t.Fatalf("creating the connection: %d %s", status, body)
			}
			for key, name := range conformance.HostileNames(c.longest) {
				if slices.Contains(c.refused, key) || key == "braces" { // in a statement, {{ name }} is a parameter, and refused inside quotes
					continue
				}
				server.Exec(t, server.Database, fmt.Sprintf("create table %s (%s %s)", quote(name), quote(name), c.text),
					fmt.Sprintf("insert into %s values (%s)", quote(name), text(name)))
				if c.product == "postgres" {
					server.Exec(t, server.Database, fmt.Sprintf("grant select on %s to %s", quote(name), quote(server.User)))
				}
				r, err := http.NewRequestWithContext(t.Context(), "POST", p.url+"/api/v1/query",
					strings.NewReader(asJSON(t, map[string]any{"connection_id": made.ID, "sql": "select * from " + quote(name)})))
				if err != nil {
					t.Fatal(err)
				}
				for header, value := range map[string]string{"Authorization": "Bearer " + token, "Content-Type": "application/json", "Accept": "text/csv"} {
					r.Header.Set(header, value)
				}
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				rows, err := csv.NewReader(answer.Body).ReadAll()
				if err := answer.Body.Close(); err != nil {
					t.Error(err)
				}
				if err != nil || answer.StatusCode != http.StatusOK || !slices.EqualFunc(rows, [][]string{{name}, {name}}, slices.Equal) {
					t.Errorf("%s: %d %q, %v; want %q as name and value", key, answer.StatusCode, rows, err, name)
				}
			}
		})
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
