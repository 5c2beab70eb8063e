// Package store holds what Patchbay keeps: one SQLite file, patchbay.db, in the data folder, with its write-ahead log beside
// it. It promises that a transaction that was answered is durable, that nothing of a person's is written without its audit
// row, and that readers see one moment. It knows no connector and decides nothing.
//
// One connection writes; eight read. SQL stays in the subset that PostgreSQL shares, and every test of the store runs on both.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "github.com/mattn/go-sqlite3"    // the driver "sqlite3"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"patchbay/migrations"
)

// fileName is the database's file in the data folder.
const fileName = "patchbay.db"

// Options say where a store is and what it needs from outside.
type Options struct {
	Dir      string           // data folder; made with mode 0700 where it is missing
	Now      func() time.Time // the clock of audit rows and leases
	AuditKey []byte           // MAC key of the audit chain
	Shared   bool             // a command beside a running server: the folder's lock is not taken
}

// A Store keeps everything. Its methods may be called from several goroutines.
type Store struct {
	write, read *sql.DB
	dialect     database.Dialect
	options     Options
	lock        *folderLock
}

// Open opens the SQLite store of a data folder, making and migrating it where that is needed. It refuses a folder that another
// process holds, and a database that a newer version has written.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	s := &Store{dialect: database.DialectSQLite3, options: o}
	var err error
	if !o.Shared {
		if s.lock, err = lockFolder(o.Dir); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(o.Dir, fileName)
	if err := makePrivate(path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.write, err = openSQLite(path, "_txlock=immediate"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.write.SetMaxOpenConns(1)
	if err := s.migrate(ctx, migrations.SQLite, "sqlite"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.read, err = openSQLite(path, "mode=ro&_query_only=1"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.read.SetMaxOpenConns(8)
	s.read.SetMaxIdleConns(8)
	return s, nil
}

// makePrivate makes the file with mode 0600 before SQLite would make it with the process's umask (P32).
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make database file: %w", err)
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// openSQLite opens a pool on the file. What must hold for each connection is in the DSN.
func openSQLite(path, more string) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_busy_timeout=5000&_secure_delete=1&_cache_size=-16000&" + more
	db, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

// OpenPostgres opens a store in a PostgreSQL database. The product offers SQLite alone; this is what the tests prove the
// portability of the store with.
func OpenPostgres(ctx context.Context, dsn string, o Options) (*Store, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{write: db, read: db, dialect: database.DialectPostgres, options: o}
	if err := s.migrate(ctx, migrations.Postgres, "postgres"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// migrate brings the schema up to date, each step in a transaction of its own. A newer schema is refused.
func (s *Store) migrate(ctx context.Context, files fs.FS, folder string) error {
	sub, err := fs.Sub(files, folder)
	if err != nil {
		return fmt.Errorf("find migrations: %w", err)
	}
	p, err := goose.NewProvider(s.dialect, s.write, sub)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	at, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	sources := p.ListSources()
	if newest := sources[len(sources)-1].Version; at > newest {
		return fmt.Errorf("the data folder was written by a newer version of Patchbay (schema %d, this one knows %d): use that version", at, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Ping says whether the store can be written to and read from.
func (s *Store) Ping(ctx context.Context) error {
	return errors.Join(s.write.PingContext(ctx), s.read.PingContext(ctx))
}

// Close folds the write-ahead log into the file and closes it.
func (s *Store) Close() error {
	var errs []error
	if s.write != nil && s.dialect == database.DialectSQLite3 && !s.options.Shared {
		_, err := s.write.Exec("pragma wal_checkpoint(truncate)")
		errs = append(errs, err)
	}
	if s.read != nil && s.read != s.write {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}
