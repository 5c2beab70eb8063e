package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3/database"
)

var (
	// ErrNotFound says that there is no such object.
	ErrNotFound = errors.New("not found")
	// ErrConflict says that the object changed since it was read.
	ErrConflict = errors.New("changed in the meantime")
	// ErrExists is what every ExistsError is.
	ErrExists = errors.New("exists already")
	// ErrSecretsNeeded says that a connection's destination changed while saved secrets were kept (P12).
	ErrSecretsNeeded = errors.New("the destination changed: secrets must be entered again")
)

// An ExistsError says which field's value is taken.
type ExistsError struct{ Field string }

func (e *ExistsError) Error() string { return e.Field + " exists already" }

// Is makes errors.Is(err, ErrExists) hold.
func (e *ExistsError) Is(target error) bool { return target == ErrExists }

// A Tx is one transaction. It is used by one goroutine, and only inside the function that was given it.
type Tx struct {
	ctx   context.Context
	tx    *sql.Tx
	store *Store

	forgets bool           // a secret was removed or replaced
	memo    map[string]any // in a snapshot that is shared: what was read
}

// replays is how often a transaction that another one got in the way of is run again.
const replays = 10

// readTime bounds a read: while one lasts, the write-ahead log cannot be emptied behind it.
const readTime = 30 * time.Second

// View runs fn in one read snapshot, which ends after 30 seconds: in the context's, where it has one. fn may be run again.
func (s *Store) View(ctx context.Context, fn func(*Tx) error) error {
	if ran, err := s.sharedView(ctx, fn); ran {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	return s.run(ctx, s.read, s.snapshot(), fn)
}

// viewOnce is View for a function that tells someone what it reads, and so cannot be run again.
func (s *Store) viewOnce(ctx context.Context, fn func(*Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	return s.once(ctx, s.read, s.snapshot(), fn)
}

// Update runs fn in one write transaction together with its audit row. fn may be run again when another transaction got in
// the way, so it takes ids and times from outside and has no effect but on tx.
func (s *Store) Update(ctx context.Context, entry AuditEntry, fn func(*Tx) error) error {
	return s.UpdateAudited(ctx, func(tx *Tx) (AuditEntry, error) { return entry, fn(tx) })
}

// UpdateAudited is Update for an entry that depends on what fn found.
func (s *Store) UpdateAudited(ctx context.Context, fn func(*Tx) (AuditEntry, error)) error {
	return s.Maintain(ctx, func(tx *Tx) error {
		entry, err := fn(tx)
		if err != nil {
			return err
		}
		return tx.audit(entry)
	})
}

// Audit keeps an entry by itself: for what changes nothing else, such as a refusal or a query.
func (s *Store) Audit(ctx context.Context, entry AuditEntry) error {
	return s.Maintain(ctx, func(tx *Tx) error { return tx.audit(entry) })
}

// Maintain runs fn in one write transaction without an audit row: for the machine's own bookkeeping (sessions seen, leases,
// progress, catalogs), never for an act of a person.
func (s *Store) Maintain(ctx context.Context, fn func(*Tx) error) error {
	var forgets bool
	err := s.run(ctx, s.write, s.serializable(), func(tx *Tx) error {
		err := fn(tx)
		forgets = tx.forgets
		return err
	})
	if err == nil && (forgets || s.unpurged.Load()) {
		s.purge(ctx)
	}
	return err
}

// serializable is how writes run. SQLite's always do.
func (s *Store) serializable() *sql.TxOptions {
	if s.dialect == database.DialectPostgres {
		return &sql.TxOptions{Isolation: sql.LevelSerializable}
	}
	return nil
}

// snapshot is how reads run: they see one moment, and nothing gets in their way.
func (s *Store) snapshot() *sql.TxOptions {
	if s.dialect == database.DialectPostgres {
		return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	return &sql.TxOptions{ReadOnly: true}
}

func (s *Store) run(ctx context.Context, db *sql.DB, o *sql.TxOptions, fn func(*Tx) error) error {
	for attempt := 0; ; attempt++ {
		err := s.once(ctx, db, o, fn)
		if attempt == replays || !mayReplay(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Millisecond << attempt)): // by chance, so that two do not meet again
		}
	}
}

func (s *Store) once(ctx context.Context, db *sql.DB, o *sql.TxOptions, fn func(*Tx) error) error {
	tx, err := s.begin(ctx, db, o)
	if err != nil {
		return err
	}
	defer func() { _ = tx.tx.Rollback() }() // nothing after a commit; else, and after a panic too, it frees the writer
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.tx.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

func (s *Store) begin(ctx context.Context, db *sql.DB, o *sql.TxOptions) (*Tx, error) {
	tx, err := db.BeginTx(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("begin transaction: %w", err)
	}
	return &Tx{ctx: ctx, tx: tx, store: s}, nil
}

// mayReplay says whether another transaction was in the way and nothing was kept: SQLITE_BUSY, a serialization failure or a
// deadlock. A commit of which nobody knows how it ended (40003) is not replayed.
func mayReplay(err error) bool {
	var lite sqlite3.Error
	var pg *pgconn.PgError
	return errors.As(err, &lite) && (lite.Code == sqlite3.ErrBusy || lite.Code == sqlite3.ErrLocked) ||
		errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// unique says whether err is a value that must be unique and is taken.
func unique(err error) bool {
	var lite sqlite3.Error
	var pg *pgconn.PgError
	return errors.As(err, &lite) && (lite.ExtendedCode == sqlite3.ErrConstraintUnique || lite.ExtendedCode == sqlite3.ErrConstraintPrimaryKey) ||
		errors.As(err, &pg) && pg.Code == "23505"
}

// exec runs a statement and returns how many rows it changed.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	res, err := tx.tx.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// must runs a statement that has to change a row; none means that the object is not there.
func (tx *Tx) must(query string, args ...any) error {
	n, err := tx.exec(query, args...)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// many runs one statement with each of several sets of arguments.
func (tx *Tx) many(query string, sets iter.Seq[[]any]) (err error) {
	st, err := tx.tx.PrepareContext(tx.ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	ctx := tx.ctx
	if tx.store.dialect == database.DialectSQLite3 { // its driver starts a goroutine for each statement that may be cancelled; one row is quick
		ctx = context.WithoutCancel(ctx)
	}
	for args := range sets {
		if err := tx.ctx.Err(); err != nil {
			return err
		}
		if _, err := st.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// scanner is a row being read.
type scanner interface{ Scan(...any) error }

// one reads the single row of a query.
func one[T any](tx *Tx, read func(scanner) (T, error), query string, args ...any) (T, error) {
	return remembered(tx, query, args, func() (T, error) {
		v, err := read(tx.tx.QueryRowContext(tx.ctx, query, args...))
		if errors.Is(err, sql.ErrNoRows) {
			err = ErrNotFound
		}
		return v, err
	})
}

// collect reads all rows of a query.
func collect[T any](tx *Tx, read func(scanner) (T, error), query string, args ...any) ([]T, error) {
	list, err := remembered(tx, query, args, func() ([]T, error) { return rowsOf(tx, read, query, args) })
	return slices.Clone(list), err // each caller may fill in what is in other tables
}

func rowsOf[T any](tx *Tx, read func(scanner) (T, error), query string, args []any) (out []T, err error) {
	rows, err := tx.tx.QueryContext(tx.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := read(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// value reads a single column.
func value[T any](row scanner) (T, error) {
	var v T
	err := row.Scan(&v)
	return v, err
}

// view is a read with a snapshot of its own.
func view[T any](ctx context.Context, s *Store, fn func(*Tx) (T, error)) (v T, err error) {
	err = s.View(ctx, func(tx *Tx) error {
		v, err = fn(tx)
		return err
	})
	return v, err
}

// ms is a time as it is kept: milliseconds since 1970 UTC; zero is never.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// at is ms read back.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// bit is a bool as it is kept.
func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// fold is a name as it is compared: without case and without spaces around it.
func fold(name string) string { return strings.ToLower(strings.TrimSpace(name)) }
