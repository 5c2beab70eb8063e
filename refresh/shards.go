package refresh

import (
	"context"
	"fmt"
	"sync"

	"patchbay/catalog"
	"patchbay/store"
)

// shards are the connections' catalogs in memory. A shard never changes: a refresh puts a new one in its place.
type shards struct {
	byConnection sync.Map // id -> *catalog.Shard
}

func (s *shards) put(connectionID string, shard *catalog.Shard) {
	s.byConnection.Store(connectionID, shard)
}
func (s *shards) drop(connectionID string) { s.byConnection.Delete(connectionID) }

// putFirst puts a shard where there is none: one that a refresh made is newer.
func (s *shards) putFirst(connectionID string, shard *catalog.Shard) {
	s.byConnection.LoadOrStore(connectionID, shard)
}

// Shard is a connection's catalog as the last refresh left it, for the tree, search and completion. There is none before the
// first refresh has ended, and for a moment after the start.
func (r *Runner) Shard(connectionID string) (*catalog.Shard, bool) {
	shard, ok := r.shards.byConnection.Load(connectionID)
	if !ok {
		return nil, false
	}
	return shard.(*catalog.Shard), true
}

// Table is everything that is known of one table. An unknown one, or one that the filter drops, is store.ErrNotFound.
func (r *Runner) Table(ctx context.Context, connectionID string, path catalog.Path) (catalog.Table, error) {
	if shard, ok := r.Shard(connectionID); ok {
		if _, ok := shard.Node(path); !ok {
			return catalog.Table{}, fmt.Errorf("read table: %w", store.ErrNotFound)
		}
	}
	body, err := r.options.Store.TableBody(ctx, connectionID, path.String())
	if err != nil {
		return catalog.Table{}, fmt.Errorf("read table: %w", err)
	}
	words, err := r.words(ctx, connectionID) // after the body: words are added, never changed
	if err != nil {
		return catalog.Table{}, err
	}
	return catalog.Unpack(path, body, words)
}

// words are the words by which a catalog's tables are packed.
func (r *Runner) words(ctx context.Context, connectionID string) (*catalog.Words, error) {
	stored, err := r.options.Store.CatalogWords(ctx, connectionID)
	if err != nil {
		return nil, fmt.Errorf("read words: %w", err)
	}
	return catalog.ReadWords(stored)
}

// Load puts right what the last process left behind, and begins to build the shards of all connections.
func (r *Runner) Load(ctx context.Context) error {
	if err := r.interruptRuns(ctx); err != nil {
		return err
	}
	connections, err := r.options.Store.Connections(ctx)
	if err != nil {
		return fmt.Errorf("list connections: %w", err)
	}
	r.work.Go(func() {
		for _, c := range connections {
			if r.life.Err() != nil {
				return
			}
			if err := r.loadShard(r.life, c); err != nil && r.life.Err() == nil {
				r.options.Log.Error("cannot load a catalog; a refresh will", "connection", c.ID, "error", err)
			}
		}
	})
	return nil
}

// interruptRuns marks the runs that a stopped process left, makes those that nobody asked for due again, ends its leases, and takes
// back what it had written. Nobody else works on the store: it is locked.
func (r *Runner) interruptRuns(ctx context.Context) error {
	var left []store.Run
	err := r.options.Store.Maintain(ctx, func(tx *store.Tx) (err error) {
		if left, err = tx.ActiveRuns(); err != nil {
			return err
		}
		for _, run := range left {
			if err := tx.BreakLease(leaseOf(run.ConnectionID)); err != nil {
				return err
			}
			if !makesUp(run) {
				continue
			}
			if err := tx.SetNextRefresh(run.ConnectionID, r.options.Now()); err != nil {
				return err
			}
		}
		return tx.InterruptRuns(r.options.Now())
	})
	if err != nil {
		return fmt.Errorf("interrupt runs: %w", err)
	}
	for _, run := range left {
		if err := r.takeBack(ctx, run.ConnectionID); err != nil {
			return fmt.Errorf("interrupted run: %w", err)
		}
	}
	return nil
}

func (r *Runner) loadShard(ctx context.Context, c store.Connection) error {
	shard, err := r.storedShard(ctx, c)
	if err != nil || shard == nil {
		return err
	}
	r.shards.putFirst(c.ID, shard)
	return nil
}

// addStored adds the stored tables that which chooses to a builder.
func (r *Runner) addStored(ctx context.Context, connectionID string, words *catalog.Words, b *catalog.Builder, which func(key string) bool) error {
	return r.options.Store.TablesEach(ctx, connectionID, func(key string, body []byte) error {
		if !which(key) {
			return nil
		}
		path, err := catalog.ParseTablePath(key)
		if err != nil {
			return fmt.Errorf("stored path %q: %w", key, err)
		}
		t, err := catalog.Unpack(path, body, words)
		if err != nil {
			return err
		}
		return b.Add(t)
	})
}
