package store

import (
	"context"
	"errors"
)

// Doubt is the connection's reading that nobody has decided on; ErrNotFound where there is none.
func (tx *Tx) Doubt(id string) (Doubt, error) {
	return one(tx, func(r scanner) (Doubt, error) {
		var d Doubt
		var since int64
		err := r.Scan(&d.RunID, &d.Missing, &since)
		d.Since = at(since)
		return d, err
	}, `select run_id, missing, since_ms from catalog_doubt where connection_id = $1`, id)
}

// Doubt is Tx.Doubt in a snapshot of its own.
func (s *Store) Doubt(ctx context.Context, id string) (Doubt, error) {
	return view(ctx, s, func(tx *Tx) (Doubt, error) { return tx.Doubt(id) })
}

// Missing are the first of the tables that a run missed, whatever else it found.
func (tx *Tx) Missing(runID string, limit int) ([]Change, error) {
	return collect(tx, scanChange, `select c.change, c.path, c.detail from refresh_run r join refresh_change c on c.run_id = r.id
		where r.id = $1 and `+toldOf+` and c.change = 'missing' order by c.seq limit cast($2 as integer)`, runID, limit)
}

// KeepDoubt keeps a run whose reading nobody can believe until someone decides. What it missed, by name, AddChanges has kept before.
func (tx *Tx) KeepDoubt(run Run, stale StaleScope) error {
	if err := tx.setDoubt(run); err != nil {
		return err
	}
	known, err := tx.Scopes(run.ConnectionID)
	if err != nil {
		return err
	}
	return errors.Join(tx.setScopes(run.ConnectionID, append(known, stale)), tx.reached(run.ConnectionID, run.Finished), tx.UpdateRun(run))
}

// setDoubt keeps a run as the one to decide on, or ends the doubt where it missed nothing. Since when there is doubt is kept while
// it lasts.
func (tx *Tx) setDoubt(run Run) error {
	if run.Missing == 0 {
		_, err := tx.exec(`delete from catalog_doubt where connection_id = $1`, run.ConnectionID)
		return err
	}
	_, err := tx.exec(`insert into catalog_doubt(connection_id, run_id, missing, since_ms) values($1,$2,$3,$4)
		on conflict(connection_id) do update set run_id=excluded.run_id, missing=excluded.missing`, run.ConnectionID, run.ID, run.Missing, ms(run.Finished))
	return err
}

// SweepMissing forgets what a run missed, by name, once a later run is the one to decide on and lists it. What is to be decided on stays.
func (s *Store) SweepMissing(ctx context.Context, runID string) error {
	return s.sweep(ctx, `delete from refresh_change where run_id=$1 and run_id not in (select run_id from catalog_doubt)
		and seq in (select seq from refresh_change where run_id=$1 and change='missing' order by seq limit $2)`, runID, sweepBatch)
}

// EndDoubt forgets the doubt about a run: what is known stays. ErrNotFound: the connection is in no doubt about that run.
func (tx *Tx) EndDoubt(id, runID string) error {
	if err := tx.must(`delete from catalog_doubt where connection_id=$1 and run_id=$2`, id, runID); err != nil {
		return err
	}
	_, err := tx.exec(`delete from catalog_scope where connection_id=$1 and path=''`, id)
	return err
}
