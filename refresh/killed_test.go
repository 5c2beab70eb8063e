package refresh_test

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/uuid"

	"patchbay/catalog"
	"patchbay/refresh"
	"patchbay/schedule"
	"patchbay/store"
)

// kills is how many times TestKilledRefresh kills (P61).
const kills = 50

// What a child process of TestKilledRefresh is told.
const (
	killDir = "PATCHBAY_KILL_DIR"
	killID  = "PATCHBAY_KILL_CONNECTION"
)

// The two catalogs between which the source of a child goes back and forth.
func killedCatalogs() [2][]catalog.Table {
	return [2][]catalog.Table{warehouse(0, 800), warehouse(300, 1100)}
}

// A process that is killed at any moment of a refresh leaves one catalog or the other, whole, and its run as interrupted; the next
// one works (P61).
func TestKilledRefresh(t *testing.T) {
	if dir := os.Getenv(killDir); dir != "" {
		refreshForEver(t, dir, os.Getenv(killID))
	}
	b := newBench(t)
	b.id = b.connection(t, "killed", schedule.Spec{Kind: schedule.Daily, At: "04:00", TimeZone: "Europe/Berlin"})
	id, daily := b.id, b.saved(t, b.id)
	b.Stop(t.Context())
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	catalogs := killedCatalogs()
	interrupted := 0
	var generation int64
	for round := range kills {
		child := exec.Command(os.Args[0], "-test.run", "^TestKilledRefresh$")
		child.Env = append(os.Environ(), killDir+"="+b.dir, killID+"="+id)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100*time.Millisecond + time.Duration(rand.IntN(300))*time.Millisecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // that it was killed
		interrupted += b.afterKill(t, round, catalogs, &generation)
	}
	if generation == 0 {
		t.Error("no refresh came to its end before a kill")
	}
	if interrupted == 0 {
		t.Error("no kill met a refresh")
	}
	t.Logf("%d of %d kills met a refresh", interrupted, kills)
	b.now = time.Now().Add(2 * time.Minute) // a lease that a killed process held after its run had ended has run out by then
	var err error
	if b.store, err = store.Open(t.Context(), store.Options{Dir: b.dir, Now: b.clock, AuditKey: []byte("key")}); err != nil {
		t.Fatal(err)
	}
	b.Runner = b.runner(0)
	b.read = whole(catalogs[0])
	if run := b.refresh(t); run.State != "succeeded" || !maps.Equal(b.tables(t), expected(catalogs[0])) {
		t.Errorf("the refresh after all that: %+v", run)
	}
	if c := b.saved(t, id); c.Schedule.Words() != daily.Schedule.Words() || !c.ScheduleAnchor.Equal(daily.ScheduleAnchor) || !c.NextRefresh.Equal(daily.NextRefresh) {
		t.Errorf("the schedule is %s, next at %s, and was %s, next at %s", c.Schedule.Words(), c.NextRefresh, daily.Schedule.Words(), daily.NextRefresh)
	}
}

// afterKill opens what a killed process left, as a start does, and says whether a run was under way. generation is the one that was
// seen after the kill before.
func (b *bench) afterKill(t *testing.T, round int, catalogs [2][]catalog.Table, generation *int64) (interrupted int) {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{Dir: b.dir, Now: time.Now, AuditKey: []byte("key")})
	if err != nil {
		t.Fatal(err)
	}
	left := &bench{dir: b.dir, id: b.id, store: st, now: time.Now()}
	left.Runner = left.runner(0)
	defer func() {
		left.Stop(context.Background())
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := left.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, run := range left.runs(t, b.id) {
		switch {
		case run.State == "queued" || run.State == "running":
			t.Errorf("round %d: a run is still %s", round, run.State)
		case run.State == "interrupted" && i == 0:
			interrupted = 1
		}
	}
	state, err := st.CatalogState(t.Context(), b.id)
	if err != nil {
		t.Fatal(err)
	}
	if state.Generation < *generation {
		t.Errorf("round %d: generation %d, after %d was published", round, state.Generation, *generation)
	}
	*generation = state.Generation
	for state.Generation > 0 {
		if _, ok := left.Shard(b.id); ok {
			break
		}
		time.Sleep(time.Millisecond)
	}
	got := left.tables(t)
	if state.Generation == 0 && len(got) > 0 || state.Generation > 0 && !maps.Equal(got, expected(catalogs[0])) && !maps.Equal(got, expected(catalogs[1])) {
		t.Errorf("round %d: %d tables that are neither catalog", round, len(got))
	}
	var check string
	if err := left.raw(t).QueryRow(`pragma integrity_check`).Scan(&check); err != nil || check != "ok" {
		t.Errorf("round %d: %s, %v", round, check, err)
	}
	return interrupted
}

// refreshForEver is the child: it refreshes until it is killed.
func refreshForEver(t *testing.T, dir, id string) {
	st, err := store.Open(t.Context(), store.Options{Dir: dir, Now: time.Now, AuditKey: []byte("key")})
	if err != nil {
		t.Fatal(err)
	}
	catalogs := killedCatalogs()
	b := &bench{store: st, dir: dir, id: id}
	b.Runner = refresh.NewRunner(refresh.Options{Store: st, Open: b.open, Levels: levelsOf, Now: time.Now, Holder: uuid.NewString(), Log: slog.New(slog.DiscardHandler)})
	if err := b.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := 0; ; i++ {
		b.set(whole(catalogs[i%2]))
		b.refresh(t)
	}
}
