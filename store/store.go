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
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
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
	// AuditKeysBefore are the MAC keys of root keys that were or will be current: rows stay as they were written when the root key
	// is rotated, so each is checked under the key that it was written under.
	AuditKeysBefore [][]byte
	Shared          bool // a command beside a running server: it takes no lock, makes no folder and migrates nothing
}

// A Store keeps everything. Its methods may be called from several goroutines.
type Store struct {
	write, read *sql.DB
	dialect     database.Dialect
	options     Options
	lock        *folderLock
	unpurged    atomic.Bool // a secret was forgotten that the write-ahead log may still show
}

// Open opens the SQLite store of a data folder, making and migrating it where that is needed. It refuses a folder that another
// process holds, and a database that a newer version has written.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{dialect: database.DialectSQLite3, options: o}
	path := filepath.Join(o.Dir, fileName)
	if err := s.prepareFolder(path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.write = openSQLite(path, "mode=rw&_txlock=immediate")
	s.write.SetMaxOpenConns(1)
	if err := s.migrate(ctx, migrations.SQLite, "sqlite"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.read = openSQLite(path, "mode=ro&_query_only=1")
	s.read.SetMaxOpenConns(8)
	s.read.SetMaxIdleConns(8)
	s.purge(ctx) // a process that was killed may have left a forgotten secret in the log
	return s, nil
}

// prepareFolder makes what is missing of a data folder and takes it for this process.
func (s *Store) prepareFolder(path string) error {
	if s.options.Shared {
		return nil
	}
	if err := os.MkdirAll(s.options.Dir, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	var err error
	if s.lock, err = lockFolder(s.options.Dir); err != nil {
		return err
	}
	return makePrivate(path)
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
	newest := sources[len(sources)-1].Version
	if at > newest {
		return fmt.Errorf("the data folder was written by a newer version of Patchbay (schema %d, this one knows %d): use that version", at, newest)
	}
	if s.options.Shared && at < newest {
		return fmt.Errorf("the data folder is of an older version of Patchbay (schema %d, this one needs %d): start patchbay serve there first", at, newest)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Ping says whether the store answers: it begins a write and reads.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.Maintain(ctx, func(*Tx) error { return nil }); err != nil {
		return err
	}
	_, _, err := s.Setting(ctx, "")
	return err
}

// Close folds the write-ahead log into the file and closes it.
func (s *Store) Close() error {
	var errs []error
	if s.read != nil && s.read != s.write {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		if s.lock != nil {
			s.purge(context.Background())
		}
		errs = append(errs, s.write.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}
