package query

import (
	"context"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"patchbay/connectors"
	"patchbay/connectors/postgres"
	"patchbay/e2e/servers"
	"patchbay/secret"
	"patchbay/store"
)

// The table of the benchmarks: a million rows of ten columns of the usual types.
const million = `create table million as select i as id, 'customer ' || i as name, (i * 1.37)::numeric(12,2) as price,
	timestamp '2024-01-01' + i * interval '1 second' as at, i % 2 = 0 as paid, md5(i::text) as token, i / 7.0::float8 as share,
	date '2024-01-01' + i % 365 as day, 'some words, with a comma' as words, nullif(i % 10, 0) as score from generate_series(1, 1000000) i`

// realWorld is a world whose connection is a real PostgreSQL server with the table million.
func realWorld(b *testing.B) (*world, *servers.Server) {
	b.Helper()
	server := servers.Postgres(b, servers.Options{})
	server.Exec(b, server.Database, "drop table if exists million", million, "grant select on million to public", "analyze million")
	list := postgres.Connectors()
	registry, err := connectors.NewRegistry(list, nil)
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld(b, &script{}, Limits{})
	w.runner.pool.open = func(ctx context.Context, _ *store.Connection) (connectors.Source, error) {
		return registry.Open(ctx, connectors.Request{Connector: list[0], AllowPrivate: true, Values: connectors.Values{"host": server.Host,
			"port": strconv.Itoa(server.Port), "database": server.Database, "user": server.User, "auth": "password", "tls_mode": "verify-full", "tls_ca": server.CA},
			Secrets: connectors.Secrets{"password": secret.New(server.Password)}})
	}
	return w, server
}

// BenchmarkCSVBesidePsql streams a million rows from PostgreSQL to CSV, and so does psql's \copy: the ratio of the times is
// what SPEC section 12 limits.
func BenchmarkCSVBesidePsql(b *testing.B) {
	w, server := realWorld(b)
	var ours, psql time.Duration
	for b.Loop() {
		psql += psqlCopy(b, server)
		began := time.Now()
		out, err := w.runner.Stream(b.Context(), ann, plain("select * from million"), NewCSV(io.Discard, false))
		if err != nil || out.Rows != 1_000_000 {
			b.Fatalf("%+v, %v", out, err)
		}
		ours += time.Since(began)
	}
	b.ReportMetric(ours.Seconds()/psql.Seconds(), "of-psql-copy")
	b.ReportMetric(ours.Seconds()/float64(b.N), "s/million-rows")
}

func psqlCopy(b *testing.B, server *servers.Server) time.Duration {
	b.Helper()
	ca := filepath.Join(b.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(server.CA), 0o600); err != nil {
		b.Fatal(err)
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(server.User, server.Password), Host: server.Address(), Path: server.Database,
		RawQuery: url.Values{"sslmode": {"verify-full"}, "sslrootcert": {ca}}.Encode()}
	began := time.Now()
	out, err := exec.Command("psql", u.String(), "-c", `\copy (select * from million) to '/dev/null' csv header`).CombinedOutput()
	if err != nil {
		b.Fatalf("psql: %v: %s", err, out)
	}
	return time.Since(began)
}

// BenchmarkFormats streams the same rows in each format and keeps them.
func BenchmarkFormats(b *testing.B) {
	w, _ := realWorld(b)
	for name, sink := range map[string]func() Sink{
		"csv": func() Sink { return NewCSV(io.Discard, false) }, "json": func() Sink { return NewJSON(io.Discard) }, "arrow": func() Sink { return NewArrow(io.Discard) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := w.runner.Stream(b.Context(), ann, plain("select * from million"), sink()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("keep", func(b *testing.B) {
		for b.Loop() {
			res := w.end(ann, w.keep(ann, ofCell("select * from million")).ID)
			if res.Rows != 1_000_000 {
				b.Fatalf("%+v", res)
			}
		}
	})
}
