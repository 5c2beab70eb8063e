package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"patchbay/catalog"
)

// bury leaves a tombstone of each path, which counts once its generation is visible.
func (tx *Tx) bury(number, gen int64, runID string, when time.Time, paths []string) error {
	err := tx.many(`insert into catalog_tombstone(catalog, path, gen, removed_ms, run_id) values($1,$2,$3,$4,$5)
		on conflict(catalog, path) do update set gen=excluded.gen, removed_ms=excluded.removed_ms, run_id=excluded.run_id`, func(yield func([]any) bool) {
		for _, path := range paths {
			if !yield([]any{number, catalog.PackPath(path), gen, ms(when), runID}) {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("leave tombstones: %w", err)
	}
	return nil
}

const tombstoneColumns = `n.connection_id, t.path, t.removed_ms, t.run_id`

// standing chooses the tombstones of tables that are gone for everyone, in catalogs that are somebody's.
const standing = ` from catalog_tombstone t join catalog_number n on n.number = t.catalog and n.connection_id is not null
	join catalog_state s on s.connection_id = n.connection_id and s.generation >= t.gen
	where not exists (select 1 from catalog_table v where v.catalog = t.catalog and v.path = t.path
		and v.gen_from <= s.generation and (v.gen_to = 0 or v.gen_to > s.generation)) `

func scanTombstone(r scanner) (Tombstone, error) {
	var t Tombstone
	var key []byte
	var removed int64
	if err := r.Scan(&t.ConnectionID, &key, &removed, &t.RunID); err != nil {
		return t, err
	}
	var err error
	t.Path, err = catalog.UnpackPath(key)
	t.Removed = at(removed)
	return t, err
}

// Tombstone is the one of a path, ErrNotFound where there is none, as of a table that came back.
func (tx *Tx) Tombstone(connectionID, path string) (Tombstone, error) {
	return one(tx, scanTombstone, `select `+tombstoneColumns+standing+`and n.connection_id = $1 and t.path = $2`, connectionID, catalog.PackPath(path))
}

// ExpiredTombstones are at most so many of those whose tables went before a time and did not come back.
func (tx *Tx) ExpiredTombstones(before time.Time, limit int) ([]Tombstone, error) {
	found, err := collect(tx, scanTombstone, `select `+tombstoneColumns+standing+`and t.removed_ms < $1 order by t.removed_ms, t.catalog, t.path limit $2`,
		ms(before), limit)
	return found, err
}

// PurgeTombstones forgets the tables that went before a time, in short transactions. with is run in the same transaction as the
// tombstones it is told of are removed, for what else is kept of those tables; it may be nil.
func (s *Store) PurgeTombstones(ctx context.Context, before time.Time, with func(*Tx, []Tombstone) error) error {
	for {
		purged := 0
		err := s.Maintain(ctx, func(tx *Tx) error {
			expired, err := tx.ExpiredTombstones(before, MaxBatch)
			if purged = len(expired); err != nil || purged == 0 {
				return err
			}
			if with != nil {
				if err := with(tx, expired); err != nil {
					return err
				}
			}
			return tx.many(`delete from catalog_tombstone where catalog=(select number from catalog_number where connection_id=$1) and path=$2`,
				func(yield func([]any) bool) {
					for _, t := range expired {
						if !yield([]any{t.ConnectionID, catalog.PackPath(t.Path)}) {
							return
						}
					}
				})
		})
		if err != nil || purged < MaxBatch {
			return err
		}
	}
}

// Which tombstones are to be removed, where $2 is the visible generation, and $3 that one in the second condition.
var (
	unpublishedGraves = graves{`t.gen > $2`, `gen > $3`}
	emptyGraves       = graves{`t.gen <= $2 and exists (select 1 from catalog_table v where v.catalog = t.catalog and v.path = t.path
		and v.gen_from <= $2 and (v.gen_to = 0 or v.gen_to > $2))`, `gen <= $3`}
)

// graves are a condition that finds tombstones, and one that still holds of each unless it is another by then.
type graves struct{ find, still string }

// digUp removes tombstones, which are found as a reader, in short transactions, under a fence where there is one.
func (s *Store) digUp(ctx context.Context, id string, f *Fence, which graves) error {
	var generation int64
	found, err := view(ctx, s, func(tx *Tx) ([][]byte, error) {
		st, err := tx.storedState(id)
		if err != nil {
			return nil, err
		}
		generation = st.Generation
		return collect(tx, value[[]byte], `select path from catalog_tombstone t where `+ofConnection+` and `+which.find+` order by path`, id, generation)
	})
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(found, MaxBatch) {
		err := s.eachOf(ctx, id, f, func(tx *Tx, number, _ int64) error {
			return tx.many(`delete from catalog_tombstone where catalog=$1 and path=$2 and `+which.still, func(yield func([]any) bool) {
				for _, key := range batch {
					if !yield([]any{number, key, generation}) {
						return
					}
				}
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
