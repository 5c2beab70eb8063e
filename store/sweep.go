package store

import (
	"context"
	"fmt"
	"time"
)

// sweepBatch is how many rows a sweep removes in one transaction. A catalog's row may be long, and what is removed is overwritten.
const sweepBatch = 100

// SweepDeleted removes what is left of deleted connections: their catalogs and their runs, which nobody can reach any more. It
// does so in short transactions, so that nobody waits for it; what it did not get to is found by the next one.
func (s *Store) SweepDeleted(ctx context.Context) error {
	left, err := view(ctx, s, func(tx *Tx) ([]int64, error) {
		return collect(tx, value[int64], `select number from catalog_number where connection_id is null order by number`)
	})
	if err != nil {
		return fmt.Errorf("list deleted catalogs: %w", err)
	}
	for _, number := range left {
		for _, statement := range []string{
			`delete from catalog_table where catalog=$1 and (path, gen_from) in (select path, gen_from from catalog_table where catalog=$1 order by path, gen_from limit $2)`,
			`delete from catalog_tombstone where catalog=$1 and path in (select path from catalog_tombstone where catalog=$1 order by path limit $2)`,
			`delete from catalog_word where catalog=$1 and number in (select number from catalog_word where catalog=$1 order by number limit $2)`,
			`delete from catalog_number where number=$1 and $2 > 0`,
		} {
			if err := s.sweep(ctx, statement, number, sweepBatch); err != nil {
				return fmt.Errorf("sweep deleted catalog: %w", err)
			}
		}
	}
	return s.dropRuns(ctx, `select id from refresh_run where connection_id not in (select id from connection) order by id`)
}

// sweep runs a statement until it removes less than a batch of rows.
func (s *Store) sweep(ctx context.Context, statement string, args ...any) error {
	for {
		var gone int64
		err := s.Maintain(ctx, func(tx *Tx) (err error) {
			gone, err = tx.exec(statement, args...)
			return err
		})
		if err != nil || gone < sweepBatch {
			return err
		}
	}
}

// PruneRuns forgets the runs that ended before a time, with their changes. The last so many of each connection stay, and so does
// the last that succeeded.
func (s *Store) PruneRuns(ctx context.Context, before time.Time, keep int) error {
	return s.dropRuns(ctx, `select id from (select id, finished_ms, row_number() over (partition by connection_id order by id desc) as place from refresh_run) as placed
		where place > $1 and finished_ms > 0 and finished_ms < $2
		and id not in (select max(id) from refresh_run where state = 'succeeded' group by connection_id)
		and id not in (select run_id from catalog_doubt) order by id`, keep, ms(before))
}

// dropRuns removes the runs that a query finds, and their changes first, in short transactions.
func (s *Store) dropRuns(ctx context.Context, query string, args ...any) error {
	ids, err := view(ctx, s, func(tx *Tx) ([]string, error) { return collect(tx, value[string], query, args...) })
	if err != nil {
		return fmt.Errorf("list old runs: %w", err)
	}
	for _, id := range ids {
		err := s.sweep(ctx, `delete from refresh_change where run_id=$1 and seq in (select seq from refresh_change where run_id=$1 order by seq limit $2)`, id, sweepBatch)
		if err != nil {
			return fmt.Errorf("forget changes of a run: %w", err)
		}
		if err := s.Maintain(ctx, func(tx *Tx) error { _, err := tx.exec(`delete from refresh_run where id=$1`, id); return err }); err != nil {
			return fmt.Errorf("forget a run: %w", err)
		}
	}
	return nil
}
