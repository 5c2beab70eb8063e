package refresh_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"patchbay/catalog"
	"patchbay/catalog/catalogtest"
	"patchbay/connectors"
	"patchbay/refresh"
	"patchbay/schedule"
	"patchbay/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var levels = []catalog.Level{catalog.LevelDatabase, catalog.LevelSchema, catalog.LevelTable}

// A source whose answers a test writes. It obeys ctx as a guarded source does.
type source struct {
	read   func(ctx context.Context, f catalog.Filter, to catalog.Sink) error
	closed func()
}

func (s *source) Server(context.Context) (connectors.Server, error) {
	return connectors.Server{Product: "Scripted", Version: "1"}, nil
}

func (s *source) ReadCatalog(ctx context.Context, f catalog.Filter, to catalog.Sink) error {
	return s.read(ctx, f, to)
}

func (s *source) Query(context.Context, connectors.Statement) (connectors.Rows, error) {
	return nil, &connectors.Error{Cause: connectors.CauseUnsupported}
}

func (s *source) Close() error {
	if s.closed != nil {
		s.closed()
	}
	return nil
}

// A bench is a real store with one connection, and a runner on it whose source the test writes.
type bench struct {
	*refresh.Runner
	store   *store.Store
	dir     string
	id      string
	mu      sync.Mutex
	now     time.Time
	read    func(ctx context.Context, f catalog.Filter, to catalog.Sink) error
	openErr error
	opened  int
	closed  int

	destination string // of the connections that are made
	held        int    // refresh.Options.Held
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir(), now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	var err error
	if b.store, err = store.Open(t.Context(), store.Options{Dir: b.dir, Now: b.clock, AuditKey: []byte("key")}); err != nil {
		t.Fatal(err)
	}
	b.id = b.connection(t, "warehouse", schedule.Spec{Kind: schedule.Off})
	b.Runner = b.runner(0)
	t.Cleanup(func() {
		b.Stop(context.Background())
		if err := b.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) runner(deadline time.Duration) *refresh.Runner {
	return refresh.NewRunner(b.options(deadline))
}

func (b *bench) options(deadline time.Duration) refresh.Options {
	return refresh.Options{Store: b.store, Open: b.open, Levels: levelsOf, Now: b.clock, Holder: uuid.NewString(), Deadline: deadline, Held: b.held,
		Log: slog.New(slog.DiscardHandler)}
}

// tidier is a runner that tells of what it forgets for good.
func (b *bench) tidier(purge func(*store.Tx, []store.Tombstone) error) *refresh.Runner {
	o := b.options(0)
	o.Purge = purge
	return refresh.NewRunner(o)
}

// set changes what the source answers, while runs may be under way.
func (b *bench) set(read func(context.Context, catalog.Filter, catalog.Sink) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.read = read
}

func (b *bench) openedSoFar() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.opened
}

func levelsOf(connectorType string) []catalog.Level {
	if connectorType == "scripted" {
		return levels
	}
	return nil
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *bench) open(context.Context, *store.Connection) (connectors.Source, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.openErr != nil {
		return nil, b.openErr
	}
	b.opened++
	return &source{read: b.read, closed: func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.closed++
	}}, nil
}

func (b *bench) connection(t testing.TB, name string, spec schedule.Spec) string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	now := b.clock()
	next, _ := spec.Next(now, now)
	c := store.Connection{ID: id, Name: name, Type: "scripted", Destination: b.destination, Schedule: spec, ScheduleAnchor: now, NextRefresh: next, Reach: store.ReachUnknown,
		CreatedBy: "someone", Created: now, Updated: now}
	err := b.store.Update(t.Context(), store.AuditEntry{Action: "connection.create"}, func(tx *store.Tx) error { return tx.CreateConnection(c, nil) })
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// refresh runs one refresh to its end.
func (b *bench) refresh(t testing.TB) store.Run {
	t.Helper()
	run, err := b.Start(t.Context(), b.id, "manual", "someone")
	if err != nil {
		t.Fatal(err)
	}
	return b.end(t, run)
}

// end waits for a run and reads how it ended.
func (b *bench) end(t testing.TB, run store.Run) store.Run {
	t.Helper()
	if err := b.Wait(t.Context(), run.ID); err != nil {
		t.Fatal(err)
	}
	run, err := b.store.Run(t.Context(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// succeed runs one refresh that has to succeed, with these counts.
func (b *bench) succeed(t testing.TB, added, removed, changed int64) store.Run {
	t.Helper()
	run := b.refresh(t)
	if run.State != "succeeded" || run.Added != added || run.Removed != removed || run.Changed != changed {
		t.Fatalf("run ended as %+v, want %d added, %d removed, %d changed", run, added, removed, changed)
	}
	return run
}

// tables are all that is stored, by path; a table that the shard does not have or has otherwise is an error.
func (b *bench) tables(t testing.TB) map[string]string {
	t.Helper()
	stored := map[string]string{}
	forms, err := b.store.CatalogWords(t.Context(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	words, err := catalog.ReadWords(forms)
	if err != nil {
		t.Fatal(err)
	}
	err = b.store.TablesEach(t.Context(), b.id, func(key string, body []byte) error {
		path, err := catalog.ParsePath(key)
		if err != nil {
			return err
		}
		table, err := catalog.Unpack(path, body, words)
		stored[key] = hashOf(table)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	shard, ok := b.Shard(b.id)
	if !ok && len(stored) > 0 || ok && shard.Tables() != len(stored) {
		t.Fatalf("%d tables stored, shard %v", len(stored), shard)
	}
	for path := range stored {
		p, err := catalog.ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := shard.Node(p); !ok {
			t.Errorf("%s is not in the shard", path)
		}
	}
	return stored
}

func hashOf(table catalog.Table) string {
	hash := catalog.HashOf(table)
	return hex.EncodeToString(hash[:])
}

func (b *bench) changes(t testing.TB, run store.Run) []string {
	t.Helper()
	changes, err := b.store.Changes(t.Context(), run.ID, 10_000, 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range changes {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Change, c.Path.Name(), c.Detail)))
	}
	slices.Sort(lines)
	return lines
}

func warehouse(from, to int) []catalog.Table {
	var tables []catalog.Table
	for i := from; i < to; i++ {
		tables = append(tables, catalogtest.Table(i, 5))
	}
	return tables
}

func expected(tables []catalog.Table) map[string]string {
	m := map[string]string{}
	for _, table := range tables {
		m[table.Path.String()] = hashOf(table)
	}
	return m
}

// whole reads these tables to the end.
func whole(tables []catalog.Table) func(context.Context, catalog.Filter, catalog.Sink) error {
	return func(_ context.Context, _ catalog.Filter, to catalog.Sink) error {
		for _, table := range tables {
			if err := to.Table(table); err != nil {
				return err
			}
		}
		return to.Done(nil)
	}
}

func TestRefreshMakesTheCatalogMatch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 500)
	b.read = whole(tables)
	first := b.succeed(t, 500, 0, 0)
	if !maps.Equal(b.tables(t), expected(tables)) {
		t.Fatal("the catalog is not what was read")
	}
	if first.Read != 500 || len(b.changes(t, first)) != 500 || first.Started.IsZero() || first.Finished.IsZero() {
		t.Errorf("first run: %+v", first)
	}

	changed := slices.Clone(tables[1:])
	changed[0].Columns = append(slices.Clone(changed[0].Columns), catalog.Column{Name: "fresh", Type: "date", Family: catalog.FamilyDate})
	changed[1].Rows *= 7 // written, and no change that people are told of
	changed = append(changed, catalogtest.Table(9000, 2))
	b.read = whole(changed)
	second := b.succeed(t, 1, 1, 1)
	if !maps.Equal(b.tables(t), expected(changed)) {
		t.Fatal("the catalog is not what was read")
	}
	want := []string{"added " + catalogtest.Table(9000, 2).Path.Name(), "changed " + changed[0].Path.Name() + " column fresh added: date",
		"removed " + tables[0].Path.Name()}
	slices.Sort(want)
	if got := b.changes(t, second); !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
	state, err := b.store.CatalogState(t.Context(), b.id)
	if err != nil || state.Tables != 500 || state.Columns != 5*498+6+2 {
		t.Errorf("state %+v, %v", state, err)
	}
	c, err := b.store.Connection(t.Context(), b.id)
	if err != nil || c.Reach != store.ReachOK || c.ServerProduct != "Scripted" {
		t.Errorf("connection %+v, %v", c, err)
	}
	if b.opened != 2 || b.closed != 2 {
		t.Errorf("%d sources opened, %d closed", b.opened, b.closed)
	}
	table, err := b.Table(t.Context(), b.id, changed[0].Path)
	if err != nil || table.Columns[5].Name != "fresh" {
		t.Errorf("table %+v, %v", table, err)
	}
	if _, err := b.Table(t.Context(), b.id, tables[0].Path); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a removed table: %v", err)
	}
}

// Old versions leave the store after they were replaced.
func TestRefreshSweeps(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.read = whole(warehouse(0, 100))
	b.succeed(t, 100, 0, 0)
	b.read = whole(warehouse(10, 100))
	b.succeed(t, 0, 10, 0)
	for deadline := time.Now().Add(5 * time.Second); b.rows(t) != 90; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d rows are kept for 90 tables", b.rows(t))
		}
	}
}

// raw opens the database beside the store.
func (b *bench) raw(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(b.dir, "patchbay.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func (b *bench) rows(t testing.TB) int { return b.count(t, `select count(*) from catalog_table`) }

// count is the number that a query finds.
func (b *bench) count(t testing.TB, query string) (n int) {
	t.Helper()
	if err := b.raw(t).QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// until waits for a state.
func (b *bench) until(t testing.TB, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !reached(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come to that")
		}
	}
}

// rowHash is a hash over every row of the catalog, generations included.
func (b *bench) rowHash(t testing.TB) string {
	t.Helper()
	rows, err := b.raw(t).Query(`select path, gen_from, gen_to, hash, body from catalog_table order by path, gen_from`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	h := sha256.New()
	for rows.Next() {
		var from, to int64
		var path, hash, body []byte
		if err := rows.Scan(&path, &from, &to, &hash, &body); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%x %d %d %x %x\n", path, from, to, hash, body)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func (b *bench) walSize(t testing.TB) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(b.dir, "patchbay.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// largestCommit is how many bytes the largest commit in the log takes: frames of a page each, of which the last one of a commit says
// how many pages the database has.
func (b *bench) largestCommit(t testing.TB) (largest int) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(b.dir, "patchbay.db-wal"))
	if err != nil || len(log) < 32 {
		t.Fatalf("a log of %d bytes, %v", len(log), err)
	}
	frame := 24 + int(binary.BigEndian.Uint32(log[8:]))
	size := 0
	for rest := log[32:]; len(rest) >= frame && bytes.Equal(rest[8:16], log[16:24]); rest = rest[frame:] {
		if size += frame; binary.BigEndian.Uint32(rest[4:]) > 0 {
			largest, size = max(largest, size), 0
		}
	}
	return largest
}

// Long tables are written fewer at a time, so that no commit is large (P72).
func TestCommitsOfLongTablesAreSmall(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 300)
	for i := range tables {
		for j := range tables[i].Columns {
			said := make([]byte, 2000)
			_, _ = rand.Read(said)
			tables[i].Columns[j].Comment = hex.EncodeToString(said)
		}
	}
	b.read = whole(tables)
	if _, err := b.rawWrite(t, `pragma wal_checkpoint(truncate)`); err != nil {
		t.Fatal(err)
	}
	b.succeed(t, 300, 0, 0)
	if size := b.largestCommit(t); size > 1<<20 {
		t.Errorf("one commit of %d bytes", size)
	}
}

// An unchanged source writes no catalog row. What the log grows by is the run's own record, whatever the catalog's size: the
// pages of a run that is queued, leased and ended (P71).
func TestUnchangedSourceWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tables := warehouse(0, 2000)
	b.read = whole(tables)
	b.succeed(t, 2000, 0, 0)
	if _, err := b.rawWrite(t, `pragma wal_checkpoint(truncate)`); err != nil {
		t.Fatal(err)
	}
	rows, before, shard := b.rowHash(t), b.walSize(t), b.mustShard(t)
	for i := range tables {
		tables[i].Rows = catalog.RoundRows(tables[i].Rows) // noise of a statistic
	}
	slices.Reverse(tables)
	run := b.succeed(t, 0, 0, 0)
	if b.rowHash(t) != rows {
		t.Error("catalog rows were written")
	}
	if grown := b.walSize(t) - before; grown >= 8000 {
		t.Errorf("the log grew by %d bytes", grown)
	}
	if b.mustShard(t) != shard {
		t.Error("the shard was built again")
	}
	if got := b.changes(t, run); len(got) > 0 {
		t.Errorf("changes %q", got)
	}
	state, err := b.store.CatalogState(t.Context(), b.id)
	if err != nil || state.Generation != 1 || !state.Changed.Equal(state.Read) || state.Tables != 2000 || state.Columns != 10_000 {
		t.Errorf("state %+v, %v", state, err)
	}
}

// A scheduled refresh of an unchanged source writes its claim and a row of the audit log besides, and still nothing that grows with the
// catalog.
func TestUnchangedScheduledRefreshWritesLittle(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.id = b.connection(t, "daily", schedule.Spec{Kind: schedule.Daily, At: "04:00"})
	b.read = whole(warehouse(0, 2000))
	b.succeed(t, 2000, 0, 0)
	if _, err := b.rawWrite(t, `pragma wal_checkpoint(truncate)`); err != nil {
		t.Fatal(err)
	}
	rows, before := b.rowHash(t), b.walSize(t)
	b.pass(24*time.Hour + schedule.Window(24*time.Hour))
	wake(t, b.Runner)
	runs := b.ends(t, b.id)
	if len(runs) != 2 || runs[0].State != "succeeded" || runs[0].Trigger != "schedule" {
		t.Fatalf("runs %+v", runs)
	}
	if grown := b.walSize(t) - before; grown >= 20<<10 || b.rowHash(t) != rows {
		t.Errorf("the log grew by %d bytes", grown)
	}
}

func (b *bench) mustShard(t testing.TB) *catalog.Shard {
	t.Helper()
	shard, ok := b.Shard(b.id)
	if !ok {
		t.Fatal("no shard")
	}
	return shard
}

func (b *bench) rawWrite(t testing.TB, statement string) (sql.Result, error) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(b.dir, "patchbay.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	return db.ExecContext(t.Context(), statement)
}
