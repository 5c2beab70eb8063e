package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"patchbay/catalog"
)

// MaxBatch is the most rows that one catalog transaction writes, so that it never holds the writer for long.
const MaxBatch = 200

// A TableRow is one table as the catalog keeps it.
type TableRow struct {
	Key        []byte // catalog.PackPath
	Hash, Body []byte
	Replaces   bool // an older version of it is visible
}

// CatalogState is what is kept of a connection's catalog as a whole; the zero state where nothing was read. A reading that found
// nothing new is known by its run alone, so that it writes no more than that (P71).
func (tx *Tx) CatalogState(id string) (CatalogState, error) {
	st, err := tx.storedState(id)
	if err != nil {
		return st, err
	}
	last, err := one(tx, value[int64], `select finished_ms from refresh_run where connection_id = cast($1 as text) and state = 'succeeded' order by id desc limit 1`, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return st, err
	}
	if read := at(last); read.After(st.Read) {
		st.Read = read
	}
	return st, nil
}

// storedState is CatalogState without what the runs tell.
func (tx *Tx) storedState(id string) (CatalogState, error) {
	st, err := one(tx, func(r scanner) (CatalogState, error) {
		var c CatalogState
		var read, changed int64
		err := r.Scan(&c.Generation, &c.Tables, &c.Columns, &read, &changed, &c.Filter)
		c.Read, c.Changed = at(read), at(changed)
		return c, err
	}, `select generation, tables, columns, read_ms, changed_ms, filter from catalog_state where connection_id = $1`, id)
	if errors.Is(err, ErrNotFound) {
		return CatalogState{}, nil
	}
	return st, err
}

// SetCatalogSize says how many tables and columns of a catalog are there to be seen, where there is a catalog.
func (tx *Tx) SetCatalogSize(id string, tables, columns int64) error {
	_, err := tx.exec(`update catalog_state set tables = $1, columns = $2 where connection_id = $3`, tables, columns, id)
	return err
}

// CatalogState is Tx.CatalogState in a snapshot of its own.
func (s *Store) CatalogState(ctx context.Context, id string) (CatalogState, error) {
	return view(ctx, s, func(tx *Tx) (CatalogState, error) { return tx.CatalogState(id) })
}

// ofConnection is the condition of a row of the catalog of connection $1, by its small key.
const ofConnection = `catalog = (select number from catalog_number where connection_id = $1)`

// catalogNumber is the small key of a connection's catalog, made where there is none.
func (tx *Tx) catalogNumber(id string) (int64, error) {
	n, err := one(tx, value[int64], `select number from catalog_number where connection_id = $1`, id)
	if !errors.Is(err, ErrNotFound) {
		return n, err
	}
	last, err := one(tx, value[int64], `select coalesce(max(number), 0) from catalog_number`)
	if err != nil {
		return 0, err
	}
	_, err = tx.exec(`insert into catalog_number(number, connection_id) values($1,$2)`, last+1, id)
	return last + 1, err
}

// visible is the condition of a row that readers see at generation $2.
const visible = ofConnection + ` and gen_from <= $2 and (gen_to = 0 or gen_to > $2)`

// KnownHashes reports the hash of every visible table. Path and hash are valid during the call only.
func (s *Store) KnownHashes(ctx context.Context, id string, each func(path string, hash []byte)) error {
	return s.eachTable(ctx, id, `hash`, func(path string, hash []byte) error {
		each(path, hash)
		return nil
	})
}

// TablesEach reports the body of every visible table, those of one schema together. The body is valid during the call only.
func (s *Store) TablesEach(ctx context.Context, id string, each func(path string, body []byte) error) error {
	return s.eachTable(ctx, id, `body`, each)
}

func (s *Store) eachTable(ctx context.Context, id, column string, each func(string, []byte) error) error {
	return s.viewOnce(ctx, func(tx *Tx) (err error) {
		st, err := tx.storedState(id)
		if err != nil {
			return err
		}
		rows, err := tx.tx.QueryContext(ctx, `select path, `+column+` from catalog_table where `+visible+` order by path`, id, st.Generation)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		var key, raw sql.RawBytes
		for rows.Next() {
			if err := rows.Scan(&key, &raw); err != nil {
				return err
			}
			path, err := catalog.UnpackPath(key)
			if err != nil {
				return err
			}
			if err := each(path, raw); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// TableBody is the visible body of one table.
func (s *Store) TableBody(ctx context.Context, id, path string) ([]byte, error) {
	return view(ctx, s, func(tx *Tx) ([]byte, error) {
		st, err := tx.storedState(id)
		if err != nil {
			return nil, err
		}
		return one(tx, value[[]byte], `select body from catalog_table where `+visible+` and path = $3`, id, st.Generation, catalog.PackPath(path))
	})
}

// CatalogWords are the words of a catalog in their stored form, in order.
func (s *Store) CatalogWords(ctx context.Context, id string) ([][]byte, error) {
	return view(ctx, s, func(tx *Tx) ([][]byte, error) {
		return collect(tx, value[[]byte], `select word from catalog_word where `+ofConnection+` order by number`, id)
	})
}

// AddWords keeps at most MaxBatch words after the first so many.
func (s *Store) AddWords(ctx context.Context, id string, f Fence, after int, words [][]byte) error {
	return s.batch(ctx, id, f, len(words), func(tx *Tx, number int64) error {
		return tx.many(`insert into catalog_word(catalog, number, word) values($1,$2,$3)`, func(yield func([]any) bool) {
			for i, w := range words {
				if !yield([]any{number, after + i, w}) {
					return
				}
			}
		})
	})
}

// PutTables writes new versions of at most MaxBatch tables under a generation that nobody sees yet.
func (s *Store) PutTables(ctx context.Context, id string, gen int64, f Fence, rows []TableRow) error {
	return s.batch(ctx, id, f, len(rows), func(tx *Tx, number int64) error {
		err := tx.many(endTable, func(yield func([]any) bool) {
			for _, r := range rows {
				if r.Replaces && !yield([]any{gen, number, r.Key}) {
					return
				}
			}
		})
		if err != nil {
			return fmt.Errorf("end old tables: %w", err)
		}
		err = tx.many(`insert into catalog_table(catalog, path, gen_from, hash, body) values($1,$2,$3,$4,$5)
			on conflict(catalog, path, gen_from) do update set hash = excluded.hash, body = excluded.body, gen_to = 0`, func(yield func([]any) bool) {
			for _, r := range rows {
				if !yield([]any{number, r.Key, gen, r.Hash, r.Body}) {
					return
				}
			}
		})
		if err != nil {
			return fmt.Errorf("write tables: %w", err)
		}
		return nil
	})
}

// endTable ends the visible version of a table with generation $1.
const endTable = `update catalog_table set gen_to=$1 where catalog=$2 and path=$3 and gen_from<$1 and gen_to=0`

// RemoveTables ends at most MaxBatch tables with a generation that nobody sees yet, and remembers those that it buries by tombstones of it.
func (s *Store) RemoveTables(ctx context.Context, id string, gen int64, f Fence, runID string, when time.Time, paths []string, bury bool) error {
	return s.batch(ctx, id, f, len(paths), func(tx *Tx, number int64) error {
		err := tx.many(endTable, func(yield func([]any) bool) {
			for _, path := range paths {
				if !yield([]any{gen, number, catalog.PackPath(path)}) {
					return
				}
			}
		})
		if err != nil {
			return fmt.Errorf("end tables: %w", err)
		}
		if !bury {
			return nil
		}
		return tx.bury(number, gen, runID, when, paths)
	})
}

// batch runs fn with the small key of a catalog, whose rows it may write for as long as the lease is held.
func (s *Store) batch(ctx context.Context, id string, f Fence, size int, fn func(tx *Tx, catalog int64) error) error {
	if size > MaxBatch {
		return fmt.Errorf("catalog batch of %d rows: at most %d", size, MaxBatch)
	}
	return s.Maintain(ctx, func(tx *Tx) error {
		if err := tx.fenced(f); err != nil {
			return err
		}
		number, err := tx.catalogNumber(id)
		if err != nil {
			return fmt.Errorf("number catalog: %w", err)
		}
		return fn(tx, number)
	})
}

// AddChanges keeps what a run found by name, in small commits. It can be read once the run has ended, and goes with one that broke off.
func (s *Store) AddChanges(ctx context.Context, id string, f Fence, runID string, changes []Change) error {
	after := 0
	for batch := range slices.Chunk(changes, MaxBatch) {
		err := s.batch(ctx, id, f, len(batch), func(tx *Tx, _ int64) error { return tx.addChanges(runID, after, batch) })
		if err != nil {
			return fmt.Errorf("keep changes: %w", err)
		}
		after += len(batch)
	}
	return nil
}

// PublishCatalog makes a generation visible at once, with its run and stale scopes, in one commit. AddChanges writes the changes before.
// A generation that is the visible one already (nothing changed) only notes in its run that the source was read.
func (s *Store) PublishCatalog(ctx context.Context, id string, gen int64, f Fence, run Run, state CatalogState, changes []Change, stale []StaleScope) error {
	if err := s.AddChanges(ctx, id, f, run.ID, changes); err != nil {
		return err
	}
	return s.Maintain(ctx, func(tx *Tx) error {
		if err := tx.fenced(f); err != nil {
			return err
		}
		state.Generation = gen
		if err := tx.setState(id, state); err != nil {
			return fmt.Errorf("publish generation: %w", err)
		}
		if err := tx.setScopes(id, stale); err != nil {
			return fmt.Errorf("keep stale scopes: %w", err)
		}
		if err := tx.setDoubt(run); err != nil {
			return fmt.Errorf("keep or end doubt: %w", err)
		}
		if err := tx.reached(id, run.Finished); err != nil {
			return fmt.Errorf("remember reach: %w", err)
		}
		return tx.UpdateRun(run)
	})
}

// setState writes a catalog's state unless all that differs is when it was read.
func (tx *Tx) setState(id string, state CatalogState) error {
	was, err := tx.storedState(id)
	if err != nil {
		return err
	}
	same := state
	same.Read = was.Read
	if same == was && !was.Read.IsZero() {
		return nil
	}
	_, err = tx.exec(`insert into catalog_state(connection_id, generation, tables, columns, read_ms, changed_ms, filter) values($1,$2,$3,$4,$5,$6,$7)
		on conflict(connection_id) do update set generation=excluded.generation, tables=excluded.tables, columns=excluded.columns,
		read_ms=excluded.read_ms, changed_ms=excluded.changed_ms, filter=excluded.filter`, id, state.Generation, state.Tables, state.Columns, ms(state.Read), ms(state.Changed),
		state.Filter)
	return err
}

// setScopes replaces the stale scopes. Since when a scope is stale is kept while it stays so; an unchanged list writes nothing.
func (tx *Tx) setScopes(id string, stale []StaleScope) error {
	known, err := tx.Scopes(id)
	if err != nil {
		return err
	}
	since := map[string]StaleScope{}
	for _, k := range known {
		since[k.Path.String()] = k
	}
	for _, st := range stale {
		path := st.Path.String()
		if k, was := since[path]; was {
			delete(since, path)
			if k.Reason == st.Reason {
				continue
			}
		}
		if _, err := tx.exec(`insert into catalog_scope(connection_id, path, reason, since_ms) values($1,$2,$3,$4)
			on conflict(connection_id, path) do update set reason=excluded.reason`, id, path, st.Reason, ms(st.Since)); err != nil {
			return err
		}
	}
	for path := range since {
		if _, err := tx.exec(`delete from catalog_scope where connection_id=$1 and path=$2`, id, path); err != nil {
			return err
		}
	}
	return nil
}

// addChanges keeps changes of a run by name, after so many of them.
func (tx *Tx) addChanges(runID string, after int, changes []Change) error {
	return tx.many(`insert into refresh_change(run_id, seq, change, path, detail) values($1,$2,$3,$4,$5)`, func(yield func([]any) bool) {
		for i, c := range changes {
			if !yield([]any{runID, after + i + 1, c.Change, c.Path.String(), c.Detail}) {
				return
			}
		}
	})
}

// Scopes are the parts of a catalog that the last reading could not read.
func (tx *Tx) Scopes(id string) ([]StaleScope, error) {
	return collect(tx, func(r scanner) (StaleScope, error) {
		var st StaleScope
		var path string
		var since int64
		if err := r.Scan(&path, &st.Reason, &since); err != nil {
			return st, err
		}
		var err error
		st.Path, err = catalog.ParsePath(path)
		st.Since = at(since)
		return st, err
	}, `select path, reason, since_ms from catalog_scope where connection_id = cast($1 as text) order by path`, id)
}

// Scopes is Tx.Scopes in a snapshot of its own.
func (s *Store) Scopes(ctx context.Context, id string) ([]StaleScope, error) {
	return view(ctx, s, func(tx *Tx) ([]StaleScope, error) { return tx.Scopes(id) })
}

// DropUnpublished takes back what an apply that broke off has written: versions that nobody ever saw, and the ends of those
// that everybody still sees. It is for whoever holds the lease: what another holder writes meanwhile is that one's.
func (s *Store) DropUnpublished(ctx context.Context, id string, f Fence) error {
	if err := s.mend(ctx, id, &f, `gen_from>$2`, `delete from catalog_table where catalog=$1 and path=$2 and gen_from=$3 and gen_from>$4`); err != nil {
		return fmt.Errorf("drop unpublished tables: %w", err)
	}
	if err := s.mend(ctx, id, &f, `gen_to>$2`, `update catalog_table set gen_to=0 where catalog=$1 and path=$2 and gen_from=$3 and gen_to>$4`); err != nil {
		return fmt.Errorf("keep tables that were to end: %w", err)
	}
	if err := s.digUp(ctx, id, &f, unpublishedGraves); err != nil {
		return fmt.Errorf("drop unpublished tombstones: %w", err)
	}
	if err := s.dropChanges(ctx, id, f); err != nil {
		return fmt.Errorf("drop unpublished changes: %w", err)
	}
	return nil
}

// toldOf is the condition of a run r whose changes are there to be read.
const toldOf = `r.state in ('succeeded', 'needs_look')`

// dropChanges forgets what runs that broke off while they published have listed.
func (s *Store) dropChanges(ctx context.Context, id string, f Fence) error {
	type change struct {
		run string
		seq int64
	}
	found, err := view(ctx, s, func(tx *Tx) ([]change, error) {
		return collect(tx, func(r scanner) (change, error) {
			var c change
			err := r.Scan(&c.run, &c.seq)
			return c, err
		}, `select c.run_id, c.seq from refresh_run r join refresh_change c on c.run_id = r.id where r.connection_id = $1 and not `+toldOf, id)
	})
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(found, MaxBatch) {
		err := s.batch(ctx, id, f, len(batch), func(tx *Tx, _ int64) error {
			return tx.many(`delete from refresh_change where run_id=$1 and seq=$2`, func(yield func([]any) bool) {
				for _, c := range batch {
					if !yield([]any{c.run, c.seq}) {
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

// SweepCatalog removes versions that nobody sees any more, and tombstones of tables that are back. It needs no lease, since what
// nobody sees at one generation nobody sees at a later one.
func (s *Store) SweepCatalog(ctx context.Context, id string) error {
	err := s.mend(ctx, id, nil, `gen_to>0 and gen_to<=$2`, `delete from catalog_table where catalog=$1 and path=$2 and gen_from=$3 and gen_to>0 and gen_to<=$4`)
	if err != nil {
		return fmt.Errorf("remove old tables: %w", err)
	}
	if err := s.digUp(ctx, id, nil, emptyGraves); err != nil {
		return fmt.Errorf("remove tombstones: %w", err)
	}
	return nil
}

// mend finds versions as a reader, so that nobody has to wait for the search, and then runs a statement on each of them in short
// transactions, under a fence where there is one. In where, $1 is the connection and $2 the visible generation; in statement, $1
// is the catalog, $2 and $3 are the version, and $4 is the generation that is visible by then.
func (s *Store) mend(ctx context.Context, id string, f *Fence, where, statement string) error {
	type version struct {
		path []byte
		from int64
	}
	found, err := view(ctx, s, func(tx *Tx) ([]version, error) {
		st, err := tx.storedState(id)
		if err != nil {
			return nil, err
		}
		return collect(tx, func(r scanner) (version, error) {
			var v version
			err := r.Scan(&v.path, &v.from)
			return v, err
		}, `select path, gen_from from catalog_table where `+ofConnection+` and `+where, id, st.Generation)
	})
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(found, MaxBatch) {
		err := s.eachOf(ctx, id, f, func(tx *Tx, number, generation int64) error {
			return tx.many(statement, func(yield func([]any) bool) {
				for _, v := range batch {
					if !yield([]any{number, v.path, v.from, generation}) {
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

// eachOf runs fn in one transaction with the small key and the visible generation of a catalog, under a fence where there is one.
// A catalog that is gone, or has no rows, is left alone.
func (s *Store) eachOf(ctx context.Context, id string, f *Fence, fn func(tx *Tx, number, generation int64) error) error {
	return s.Maintain(ctx, func(tx *Tx) error {
		if f != nil {
			if err := tx.fenced(*f); err != nil {
				return err
			}
		}
		number, err := one(tx, value[int64], `select number from catalog_number where connection_id = $1`, id)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		st, err := tx.storedState(id)
		if err != nil {
			return err
		}
		return fn(tx, number, st.Generation)
	})
}
