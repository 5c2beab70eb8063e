package refresh

import (
	"context"
	"fmt"

	"patchbay/catalog"
	"patchbay/store"
)

// Refilter makes a connection's catalog what its saved filter says, at once: a run that reads by the filter of before ends as
// cancelled, and the shard is made again from the stored tables that the filter keeps. What the filter drops stays stored until
// the next refresh takes it out, so that a filter which is taken back soon has it again; nobody sees it meanwhile, since the
// shard alone says what exists. No run of it starts until the shard is in its place.
func (r *Runner) Refilter(ctx context.Context, connectionID string) error {
	defer r.only(connectionID)()
	if run, ok := r.underWay(connectionID); ok {
		if err := r.Cancel(run.ID); err != nil {
			return fmt.Errorf("end the refresh under way: %w", err)
		}
		if err := r.Wait(ctx, run.ID); err != nil {
			return fmt.Errorf("wait for the refresh under way: %w", err)
		}
	}
	c, err := r.options.Store.Connection(ctx, connectionID)
	if err != nil {
		return fmt.Errorf("read connection: %w", err)
	}
	shard, err := r.storedShard(ctx, c)
	if err != nil {
		return fmt.Errorf("filter catalog: %w", err)
	}
	if shard == nil {
		return nil
	}
	r.shards.put(connectionID, shard)
	err = r.options.Store.Maintain(ctx, func(tx *store.Tx) error {
		return tx.SetCatalogSize(connectionID, int64(shard.Tables()), int64(shard.Columns()))
	})
	if err != nil {
		return fmt.Errorf("count what the filter keeps: %w", err)
	}
	return nil
}

// storedShard is the shard of the stored tables that the connection's filter keeps; nil before the first refresh.
func (r *Runner) storedShard(ctx context.Context, c store.Connection) (*catalog.Shard, error) {
	levels := r.options.Levels(c.Type)
	if len(levels) == 0 {
		return nil, nil
	}
	state, err := r.options.Store.CatalogState(ctx, c.ID)
	if err != nil || state.Read.IsZero() {
		return nil, err
	}
	keep, err := catalog.NewMatcher(c.Filter, levels)
	if err != nil {
		return nil, fmt.Errorf("schema filter: %w", err)
	}
	words, err := r.words(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	b := catalog.NewBuilder(levels)
	err = r.addStored(ctx, c.ID, words, b, func(key string) bool {
		path, err := catalog.ParseTablePath(key)
		return err != nil || keep.Keeps(path) // what cannot be read is an error of addStored
	})
	if err != nil {
		return nil, err
	}
	return b.Build(), nil
}
