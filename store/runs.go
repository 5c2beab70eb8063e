package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"patchbay/catalog"
)

const runColumns = `id, connection_id, trigger, started_by, state, phase, read_count, added, removed, changed, hidden, shown, missing, cause, error, hint, queued_ms, started_ms, finished_ms`

func scanRun(r scanner) (Run, error) {
	var run Run
	var queued, started, finished int64
	err := r.Scan(&run.ID, &run.ConnectionID, &run.Trigger, &run.StartedBy, &run.State, &run.Phase, &run.Read, &run.Added, &run.Removed,
		&run.Changed, &run.Hidden, &run.Shown, &run.Missing, &run.Cause, &run.Error, &run.Hint, &queued, &started, &finished)
	run.Queued, run.Started, run.Finished = at(queued), at(started), at(finished)
	return run, err
}

// CreateRun keeps a new schema refresh.
func (tx *Tx) CreateRun(r Run) error {
	_, err := tx.exec(`insert into refresh_run(`+runColumns+`) values($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19)`, r.ID, r.ConnectionID,
		r.Trigger, r.StartedBy, r.State, r.Phase, r.Read, r.Added, r.Removed, r.Changed, r.Hidden, r.Shown, r.Missing, r.Cause, r.Error, r.Hint, ms(r.Queued), ms(r.Started), ms(r.Finished))
	return err
}

// UpdateRun replaces what is known of a run. One that ends now is told of, in the same transaction.
func (tx *Tx) UpdateRun(r Run) error {
	err := tx.must(`update refresh_run set state=$1, phase=$2, read_count=$3, added=$4, removed=$5, changed=$6, hidden=$7, shown=$8, missing=$9, cause=$10,
		error=$11, hint=$12, started_ms=$13, finished_ms=$14 where id=$15`, r.State, r.Phase, r.Read, r.Added, r.Removed, r.Changed, r.Hidden, r.Shown, r.Missing, r.Cause,
		r.Error, r.Hint, ms(r.Started), ms(r.Finished), r.ID)
	if err != nil || r.Finished.IsZero() {
		return err
	}
	return tx.notify(r)
}

// Run is the refresh with this id.
func (tx *Tx) Run(id string) (Run, error) {
	return one(tx, scanRun, `select `+runColumns+` from refresh_run where id = $1`, id)
}

// Runs are a connection's refreshes, the latest first; before is the id of the last one of the page before, or empty.
func (tx *Tx) Runs(connectionID string, limit int, before string) ([]Run, error) {
	return tx.RunsWhere(RunFilter{ConnectionID: connectionID, Limit: limit, Before: before})
}

// A RunFilter chooses refreshes of one connection. An empty field lets everything through.
type RunFilter struct {
	ConnectionID   string
	State, Trigger string
	Changed        bool      // only those that found something else than the one before
	Since          time.Time // queued then or later
	Before         string    // the id of the last run of the page before
	Limit          int
}

// RunsWhere are a connection's refreshes that a filter lets through, the latest first.
func (tx *Tx) RunsWhere(f RunFilter) ([]Run, error) {
	where, args := `connection_id = cast($1 as text) and queued_ms >= $2`, []any{f.ConnectionID, ms(f.Since)}
	for _, of := range [][2]string{{`id <`, f.Before}, {`state =`, f.State}, {`trigger =`, f.Trigger}} {
		if of[1] != "" {
			args = append(args, of[1])
			where += fmt.Sprintf(` and %s $%d`, of[0], len(args))
		}
	}
	if f.Changed {
		where += ` and added + removed + changed > 0`
	}
	args = append(args, f.Limit)
	return collect(tx, scanRun, `select `+runColumns+` from refresh_run where `+where+fmt.Sprintf(` order by id desc limit cast($%d as integer)`, len(args)), args...)
}

// ActiveRuns are the refreshes that are queued or running.
func (tx *Tx) ActiveRuns() ([]Run, error) {
	return collect(tx, scanRun, `select `+runColumns+` from refresh_run where state in ('queued','running') order by id`)
}

func scanChange(r scanner) (Change, error) {
	var c Change
	var path string
	if err := r.Scan(&c.Change, &path, &c.Detail); err != nil {
		return c, err
	}
	var err error
	c.Path, err = catalog.ParseTablePath(path)
	return c, err
}

// Changes are what a run added, removed and changed, after so many of them.
func (tx *Tx) Changes(runID string, limit, after int) ([]Change, error) {
	return tx.ChangesLike(runID, "", limit, after)
}

// ChangesLike are the changes of a run in which a name or the detail holds text, whatever its case in ASCII, after so many of them.
// Text with dots may be a qualified name as people write it.
func (tx *Tx) ChangesLike(runID, text string, limit, after int) ([]Change, error) {
	like := func(s string) string {
		return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(strings.ToLower(s))
	}
	return collect(tx, scanChange, `select c.change, c.path, c.detail from refresh_run r join refresh_change c on c.run_id = r.id where r.id = $1 and `+toldOf+` and ($2 = '' or lower(c.path) like '%' || $2 || '%' escape '\'
		or lower(c.path) like '%' || $3 || '%' escape '\' or lower(c.detail) like '%' || $4 || '%' escape '\') order by c.seq limit $5 offset $6`,
		runID, like(catalog.Path{text}.String()), like(catalog.Path(strings.Split(text, ".")).String()), like(text), limit, after)
}

// A RecentChange is a change with the moment in which its refresh ended.
type RecentChange struct {
	Change
	At time.Time
}

// RecentChanges are what the refreshes of a connection that ended since then found, the latest first. The first reading of a
// connection is no change.
func (tx *Tx) RecentChanges(connectionID string, since time.Time, limit int) ([]RecentChange, error) {
	return collect(tx, func(r scanner) (RecentChange, error) {
		var c RecentChange
		var path string
		var finished int64
		if err := r.Scan(&c.Change.Change, &path, &c.Detail, &finished); err != nil {
			return c, err
		}
		c.At = at(finished)
		var err error
		c.Path, err = catalog.ParseTablePath(path)
		return c, err
	}, `select c.change, c.path, c.detail, r.finished_ms from refresh_run r join refresh_change c on c.run_id = r.id
		where r.connection_id = $1 and r.finished_ms >= $2 and `+toldOf+` and c.change <> 'missing'
		and exists (select 1 from refresh_run before where before.connection_id = $1 and before.state = 'succeeded' and before.id < r.id)
		order by r.finished_ms desc, r.id, c.seq limit cast($3 as integer)`, connectionID, ms(since), limit)
}

// InterruptRuns marks every run that was under way when the process ended.
func (tx *Tx) InterruptRuns(when time.Time) error {
	_, err := tx.exec(`update refresh_run set state='interrupted', cause='interrupted', error='The server stopped while this ran', finished_ms=$1
		where state in ('queued','running')`, ms(when))
	return err
}

// Run is Tx.Run in a snapshot of its own.
func (s *Store) Run(ctx context.Context, id string) (Run, error) {
	return view(ctx, s, func(tx *Tx) (Run, error) { return tx.Run(id) })
}

// Runs is Tx.Runs in a snapshot of its own.
func (s *Store) Runs(ctx context.Context, connectionID string, limit int, before string) ([]Run, error) {
	return view(ctx, s, func(tx *Tx) ([]Run, error) { return tx.Runs(connectionID, limit, before) })
}

// Changes is Tx.Changes in a snapshot of its own.
func (s *Store) Changes(ctx context.Context, runID string, limit, after int) ([]Change, error) {
	return view(ctx, s, func(tx *Tx) ([]Change, error) { return tx.Changes(runID, limit, after) })
}

// RecentChanges is Tx.RecentChanges in a snapshot of its own.
func (s *Store) RecentChanges(ctx context.Context, connectionID string, since time.Time, limit int) ([]RecentChange, error) {
	return view(ctx, s, func(tx *Tx) ([]RecentChange, error) { return tx.RecentChanges(connectionID, since, limit) })
}
