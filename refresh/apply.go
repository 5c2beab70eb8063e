package refresh

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"patchbay/catalog"
	"patchbay/store"
)

// maxListed is how many changes of one kind a run keeps by name; its counts know of all.
const maxListed = 10_000

// maxCommit is how many bytes of tables one commit writes, unless a single table has more, so that it never holds the writer for long.
const maxCommit = 512 << 10

// maxDetail bounds the words about one changed table, in bytes.
const maxDetail = 2000

// An apply brings what one reading found into the store. Everything it writes belongs to a generation that nobody sees before
// publish, so that breaking off leaves nothing to see.
type apply struct {
	*Runner
	job     *job
	id      string // of the connection
	fence   store.Fence
	state   store.CatalogState // as it is visible now
	words   *catalog.Words
	diff    *catalog.Diff
	builder *catalog.Builder
	levels  []catalog.Level
	filter  string           // as JSON
	last    *catalog.Matcher // the filter of the reading before; nil: not known

	comparing, packing pace

	held     []store.TableRow // packed and not yet written
	heldSize int              // in bytes

	tables  int64 // reported so far
	added   int64
	shown   int64 // that are not known, since the filter of before dropped them
	changed int64
	wrote   int64
	changes []store.Change
	listed  map[string]int // by kind of change
}

// begin prepares the comparison with what is stored.
func (r *Runner) begin(ctx context.Context, j *job, c store.Connection, fence store.Fence) (*apply, error) {
	levels := r.options.Levels(c.Type)
	if len(levels) == 0 {
		return nil, fmt.Errorf("connector type %q has no levels", c.Type)
	}
	keep, err := catalog.NewMatcher(c.Filter, levels)
	if err != nil {
		return nil, fmt.Errorf("schema filter: %w", err)
	}
	if err := r.takeBackLast(ctx, j.run, fence); err != nil {
		return nil, err
	}
	a := &apply{Runner: r, job: j, id: c.ID, fence: fence, diff: catalog.NewDiff(keep), builder: catalog.NewBuilder(levels), levels: levels,
		listed: map[string]int{}, comparing: pace{waiting: r.options.Waiting}, packing: pace{waiting: r.options.Waiting}}
	if a.state, err = r.options.Store.CatalogState(ctx, c.ID); err != nil {
		return nil, fmt.Errorf("read catalog state: %w", err)
	}
	if err := a.filters(c.Filter); err != nil {
		return nil, err
	}
	r.change(j, func(*store.Run) { j.known = a.state.Tables })
	if a.words, err = r.words(ctx, c.ID); err != nil {
		return nil, err
	}
	err = r.working(ctx, func() error { return r.options.Store.KnownHashes(ctx, c.ID, a.diff.Know) })
	if err != nil {
		return nil, fmt.Errorf("read known hashes: %w", err)
	}
	return a, nil
}

// filters keeps the filter of this reading in its stored form, and takes up that of the reading before.
func (a *apply) filters(now catalog.Filter) error {
	body, err := json.Marshal(now)
	if err != nil {
		return fmt.Errorf("encode filter: %w", err)
	}
	a.filter = string(body)
	if a.state.Filter == "" {
		return nil
	}
	var last catalog.Filter
	if err := json.Unmarshal([]byte(a.state.Filter), &last); err != nil {
		return fmt.Errorf("filter of the last reading: %w", err)
	}
	last.Names = now.Names
	if a.last, err = catalog.NewMatcher(last, a.levels); err != nil { // it only tells what is shown again from what is new
		a.options.Log.Warn("the filter of the last reading is not understood any more", "connection", a.id, "error", err)
		a.last = nil
	}
	return nil
}

// takeBackLast drops what the run before wrote and never published, should it have ended without being able to.
func (r *Runner) takeBackLast(ctx context.Context, run store.Run, fence store.Fence) error {
	last, err := r.options.Store.Runs(ctx, run.ConnectionID, 1, run.ID)
	if err != nil {
		return fmt.Errorf("read last run: %w", err)
	}
	if len(last) == 0 || last[0].State == stateSucceeded {
		return nil
	}
	if err := r.options.Store.DropUnpublished(ctx, run.ConnectionID, fence); err != nil {
		return fmt.Errorf("take back last run: %w", err)
	}
	return nil
}

// generation is the one that this run writes.
func (a *apply) generation() int64 { return a.state.Generation + 1 }

// hold packs one batch and notes what it changes. What is packed waits, so that it can be written in the order of its keys: sources report
// in an order of their own, by which each commit would touch as many pages of the store as it has tables, and not a tenth of that.
func (a *apply) hold(ctx context.Context, batch []catalog.Difference) error {
	if err := a.learn(ctx, batch); err != nil {
		return err
	}
	for _, d := range batch {
		// Cloned: a part of d would keep the whole table in memory as long as the row waits, and the bodies have room to spare.
		row := store.TableRow{Key: bytes.Clone(catalog.PackPath(d.Key)), Hash: bytes.Clone(d.Hash[:]), Body: bytes.Clone(catalog.Pack(d.Table, a.words)),
			Replaces: d.Replaces}
		a.held, a.heldSize = append(a.held, row), a.heldSize+len(row.Key)+len(row.Body)
		if err := a.note(ctx, d); err != nil {
			return err
		}
		a.packing.give()
	}
	return nil
}

// writeHeld writes what waits. Others' work and writes come between its commits.
func (a *apply) writeHeld(ctx context.Context) error {
	slices.SortFunc(a.held, func(x, y store.TableRow) int { return bytes.Compare(x.Key, y.Key) })
	for rest := a.held; len(rest) > 0; {
		batch := rest[:atOnce(rest)]
		rest = rest[len(batch):]
		a.packing.give()
		err := a.working(ctx, func() error { return a.options.Store.PutTables(ctx, a.id, a.generation(), a.fence, batch) })
		if err != nil {
			return fmt.Errorf("write tables: %w", err)
		}
		a.wrote += int64(len(batch))
	}
	a.held, a.heldSize = nil, 0
	return nil
}

// atOnce is how many of some rows, the first ones, go into one commit: at least one, and as many as are not too much.
func atOnce(rows []store.TableRow) int {
	for n, size := 0, 0; n < min(len(rows), store.MaxBatch); n++ {
		if size += len(rows[n].Body); size > maxCommit && n > 0 {
			return n
		}
	}
	return min(len(rows), store.MaxBatch)
}

// learn keeps what the tables of a batch have in common, by which their packed forms are short.
func (a *apply) learn(ctx context.Context, batch []catalog.Difference) error {
	tables := make([]catalog.Table, len(batch))
	for i, d := range batch {
		tables[i] = d.Table
	}
	known := a.words.Len()
	fresh := a.words.Learn(tables)
	for words := range slices.Chunk(fresh, store.MaxBatch) {
		if err := a.options.Store.AddWords(ctx, a.id, a.fence, known, words); err != nil {
			return fmt.Errorf("keep words: %w", err)
		}
		known += len(words)
	}
	return nil
}

// note counts a difference. A new row estimate alone is written, and is no change; nor is what the filter lets in again.
func (a *apply) note(ctx context.Context, d catalog.Difference) error {
	if !d.Replaces && a.last != nil && !a.last.Keeps(d.Table.Path) {
		a.shown++
		return nil
	}
	if !d.Replaces {
		a.added++
		a.list("added", d.Table.Path, "")
		return nil
	}
	body, err := a.options.Store.TableBody(ctx, a.id, d.Key)
	if err != nil {
		return fmt.Errorf("read old table: %w", err)
	}
	old, err := catalog.Unpack(d.Table.Path, body, a.words)
	if err != nil { // written by another version: how it differs cannot be told
		a.changed++
		a.list("changed", d.Table.Path, "")
		return nil
	}
	if lines := catalog.Describe(old, d.Table); len(lines) > 0 {
		a.changed++
		a.list("changed", d.Table.Path, joined(lines))
	}
	return nil
}

// joined puts the lines about one table into one, as many as fit.
func joined(lines []string) string {
	n, size := 0, 0
	for n < len(lines) && size+len(lines[n]) <= maxDetail {
		size += len(lines[n]) + 2
		n++
	}
	if n < len(lines) {
		return strings.Join(append(lines[:n:n], fmt.Sprintf("and %d more", len(lines)-n)), "; ")
	}
	return strings.Join(lines, "; ")
}

func (a *apply) list(change string, path catalog.Path, detail string) {
	if a.listed[change]++; a.listed[change] <= maxListed {
		a.changes = append(a.changes, store.Change{Change: change, Path: path, Detail: detail})
	}
}

// publish writes what is left, takes out what is gone, makes the shard meanwhile, and lets everyone see all of it at once.
func (a *apply) publish(ctx context.Context) error {
	o := a.diff.Outcome()
	asked, err := a.inDoubt(ctx)
	if err != nil {
		return err
	}
	if err := believable(o, a.job.anyway); err != nil {
		a.job.outdated = asked
		return a.doubted(ctx, err)
	}
	if a.job.anyway {
		o = o.Anyway()
	}
	for _, path := range paths(o.Gone) {
		a.list("removed", path, "")
	}
	p, err := a.parts(ctx, o, asked != "")
	if err != nil {
		return err
	}
	var shard *catalog.Shard
	differs := a.wrote > 0 || len(a.held)+len(o.Gone)+len(o.Hidden) > 0
	g, within := errgroup.WithContext(ctx)
	g.Go(func() error {
		return caught(a.options.Log, func() error {
			if err := a.writeHeld(within); err != nil {
				return err
			}
			if err := errors.Join(a.remove(within, o.Hidden, false), a.remove(within, o.Gone, true)); err != nil {
				return err
			}
			a.enter(a.job, phaseIndexing)
			return nil
		})
	})
	g.Go(func() error {
		return caught(a.options.Log, func() error {
			return a.working(within, func() (err error) {
				shard, err = a.shard(within, o, differs)
				return err
			})
		})
	})
	if err := g.Wait(); err != nil {
		return err
	}
	run, state := a.ended(o, shard)
	if run.Missing = int64(len(p.asked)); run.Missing > 0 {
		a.job.outdated = asked
		a.changes = append(a.changes, missing(p.asked)...)
	}
	run.Cause, run.Error, run.Hint = p.cause, p.words, p.hint
	if err := a.options.Store.PublishCatalog(ctx, a.id, state.Generation, a.fence, run, state, a.changes, p.stale); err != nil {
		return fmt.Errorf("publish catalog: %w", err)
	}
	if shard != nil {
		a.shards.put(a.id, shard)
	}
	a.change(a.job, func(r *store.Run) { *r = run })
	a.job.sweep = a.state.Generation > 0 && differs
	return nil
}

// believable refuses a reading that says nothing, or that would remove nearly everything, unless someone looked and wants that (P70).
func believable(o catalog.Outcome, anyway bool) error {
	switch {
	case !o.Read && len(o.Stale) > 0:
		return fmt.Errorf("%w: %w", errNothingRead, o.Stale[0].Why)
	case !o.Read:
		return errNothingRead
	case o.Suspicious && !anyway:
		return &doubtError{gone: o.Gone}
	}
	return nil
}

// doubted keeps by name what a reading missed that nobody can believe, and is why the run ends.
func (a *apply) doubted(ctx context.Context, why error) error {
	var doubt *doubtError
	if !errors.As(why, &doubt) {
		return why
	}
	if err := a.options.Store.AddChanges(ctx, a.id, a.fence, a.job.run.ID, missing(doubt.gone)); err != nil {
		return fmt.Errorf("keep what is missing: %w", err)
	}
	return why
}

// remove ends tables. Those that are gone from the source are remembered for a while; what the filter hides is there still, and keeps
// what people said of it.
func (a *apply) remove(ctx context.Context, gone []string, bury bool) error {
	for len(gone) > 0 {
		n := min(len(gone), store.MaxBatch)
		err := a.working(ctx, func() error {
			return a.options.Store.RemoveTables(ctx, a.id, a.generation(), a.fence, a.job.run.ID, a.options.Now(), gone[:n], bury)
		})
		if err != nil {
			return fmt.Errorf("remove tables: %w", err)
		}
		gone = gone[n:]
	}
	return nil
}

// shard is the catalog as it will be, nil when the one in memory is as good.
func (a *apply) shard(ctx context.Context, o catalog.Outcome, differs bool) (*catalog.Shard, error) {
	if _, ok := a.Shard(a.id); ok && !differs {
		return nil, nil
	}
	if len(o.Kept) > 0 {
		kept := make(map[string]bool, len(o.Kept))
		for _, key := range o.Kept {
			kept[key] = true
		}
		if err := a.addStored(ctx, a.id, a.words, a.builder, func(key string) bool { return kept[key] }); err != nil {
			return nil, fmt.Errorf("read what stays: %w", err)
		}
	}
	return a.builder.Build(), nil
}

// ended are the run and the state of the catalog as they will be. Nothing written: nothing but the time of reading.
func (a *apply) ended(o catalog.Outcome, shard *catalog.Shard) (store.Run, store.CatalogState) {
	now := a.options.Now()
	run, _ := a.Progress(a.job.run.ID)
	run.State, run.Phase, run.Finished, run.Read = stateSucceeded, "", now, int64(o.Reported)
	run.Added, run.Changed, run.Removed, run.Hidden, run.Shown = a.added, a.changed, int64(len(o.Gone)), int64(len(o.Hidden)), a.shown
	state := a.state
	state.Read, state.Filter = now, a.filter
	if a.wrote > 0 || len(o.Gone)+len(o.Hidden) > 0 {
		state.Generation = a.generation()
	}
	if shard != nil {
		state.Tables, state.Columns = int64(shard.Tables()), int64(shard.Columns())
	}
	if run.Added+run.Changed+run.Removed > 0 {
		state.Changed = now
	}
	return run, state
}
