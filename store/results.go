package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

const resultColumns = `id, project_id, cell_id, connection_id, run_by, state, columns, rows, bytes, truncated, affected, cause, error, hint, error_position,
	sql_hash, started_ms, finished_ms`

func scanResult(r scanner) (Result, error) {
	var v Result
	var columns []byte
	var started, finished int64
	if err := r.Scan(&v.ID, &v.ProjectID, &v.CellID, &v.ConnectionID, &v.RunBy, &v.State, &columns, &v.Rows, &v.Bytes, &v.Truncated, &v.Affected,
		&v.Cause, &v.Error, &v.Hint, &v.ErrorPosition, &v.SQLHash, &started, &finished); err != nil {
		return v, err
	}
	v.Started, v.Finished = at(started), at(finished)
	if err := json.Unmarshal(columns, &v.Columns); err != nil {
		return v, fmt.Errorf("read result %s: %w", v.ID, err)
	}
	return v, nil
}

func columnsJSON(r Result) (string, error) {
	if r.Columns == nil {
		return "[]", nil
	}
	b, err := json.Marshal(r.Columns)
	if err != nil {
		return "", fmt.Errorf("encode result: %w", err)
	}
	return string(b), nil
}

// CreateResult keeps a run of a cell that begins.
func (tx *Tx) CreateResult(r Result) error {
	columns, err := columnsJSON(r)
	if err != nil {
		return err
	}
	_, err = tx.exec(`insert into result(`+resultColumns+`) values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)`, r.ID, r.ProjectID,
		r.CellID, r.ConnectionID, r.RunBy, r.State, columns, r.Rows, r.Bytes, r.Truncated, r.Affected, r.Cause, r.Error, r.Hint, r.ErrorPosition,
		r.SQLHash, ms(r.Started), ms(r.Finished))
	return err
}

// FinishResult replaces what is known of a run.
func (tx *Tx) FinishResult(r Result) error {
	columns, err := columnsJSON(r)
	if err != nil {
		return err
	}
	return tx.must(`update result set state=$1, columns=$2, rows=$3, bytes=$4, truncated=$5, affected=$6, cause=$7, error=$8, hint=$9,
		error_position=$10, sql_hash=$11, finished_ms=$12 where id=$13`, r.State, columns, r.Rows, r.Bytes, r.Truncated, r.Affected, r.Cause, r.Error, r.Hint,
		r.ErrorPosition, r.SQLHash, ms(r.Finished), r.ID)
}

// ResultByID is the run with this id.
func (tx *Tx) ResultByID(id string) (Result, error) {
	return one(tx, scanResult, `select `+resultColumns+` from result where id = $1`, id)
}

// LastResult is the last run of a cell.
func (tx *Tx) LastResult(cellID string) (Result, error) {
	return one(tx, scanResult, `select `+resultColumns+` from result where cell_id = cast($1 as text) order by started_ms desc, id desc limit 1`, cellID)
}

// LastResults are the ids of the last run of each cell of a project, by the cell's.
func (tx *Tx) LastResults(projectID string) (map[string]string, error) {
	pairs, err := collect(tx, scanPair, `select cell.id, result.id from cell join result on result.id = (select last.id from result last
		where last.cell_id = cell.id order by last.started_ms desc, last.id desc limit 1) where cell.project_id = cast($1 as text)`, projectID)
	last := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		last[pair[0]] = pair[1]
	}
	return last, err
}

// RunningResults are the runs that have not ended.
func (tx *Tx) RunningResults() ([]Result, error) {
	return collect(tx, scanResult, `select `+resultColumns+` from result where state = 'running' order by id`)
}

// StaleResults are the runs that began before a moment, or whose cell is gone, and are not running.
func (tx *Tx) StaleResults(before time.Time) ([]Result, error) {
	return collect(tx, scanResult, `select `+resultColumns+` from result where state <> 'running' and (started_ms < $1
		or cell_id not in (select id from cell)) order by id`, ms(before))
}

// ResultIDs are the ids of all kept runs.
func (tx *Tx) ResultIDs() ([]string, error) {
	return collect(tx, value[string], `select id from result order by id`)
}

// OlderResults are the runs of a cell before its last one, which have ended.
func (tx *Tx) OlderResults(cellID, last string) ([]Result, error) {
	return collect(tx, scanResult, `select `+resultColumns+` from result where cell_id = $1 and id <> $2 and state <> 'running' order by id`, cellID, last)
}

// DeleteResult forgets a run; its files are the caller's.
func (tx *Tx) DeleteResult(id string) error {
	_, err := tx.exec(`delete from result where id = $1`, id)
	return err
}

// ResultByID is Tx.ResultByID in a snapshot of its own.
func (s *Store) ResultByID(ctx context.Context, id string) (Result, error) {
	return view(ctx, s, func(tx *Tx) (Result, error) { return tx.ResultByID(id) })
}

// LastResult is Tx.LastResult in a snapshot of its own.
func (s *Store) LastResult(ctx context.Context, cellID string) (Result, error) {
	return view(ctx, s, func(tx *Tx) (Result, error) { return tx.LastResult(cellID) })
}
