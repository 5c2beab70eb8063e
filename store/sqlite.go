package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3/database"
)

// makePrivate makes the file with mode 0600 before SQLite would make it with the process's umask (P32). SQLite gives the log
// beside it the same mode.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make database file: %w", err)
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Chmod(0o600), f.Close()); err != nil || info.Size() > 0 {
		return err
	}
	return layOut(path)
}

// pageSize is that of a new database. Most of what is written are commits of a row or two, each of which writes the whole pages
// that its rows are in: with small ones a commit writes a quarter of what it would with SQLite's 4,096 bytes.
const pageSize = 1024

// layOut makes an empty database. The size of its pages can be told only before anything else is.
func layOut(path string) error {
	db := sql.OpenDB(connector{&sqlite3.SQLiteDriver{}, "file:" + (&url.URL{Path: path}).EscapedPath() + "?_synchronous=FULL"})
	_, err := db.Exec(fmt.Sprintf("pragma page_size=%d; vacuum", pageSize))
	if err != nil {
		err = fmt.Errorf("lay out database: %w", err)
	}
	return errors.Join(err, db.Close())
}

// openSQLite opens a pool on the file. What must hold for each connection is in the DSN, as far as the driver knows it there.
//
// Each connection keeps its statements, so that one that pages ask often is planned once. SQLite plans it again at every run all the
// same where a bare parameter stands at the right of an = that one of the plans it weighs has no index for, which is most of those
// with an "order by": the driver forgets the parameters in between, and the new ones might be 0 or 1 (whereLoopOutputAdjust and
// sqlite3_clear_bindings of SQLite 3.54), and where one is the limit. Such statements say cast($1 as text) and limit cast($2 as integer), which
// costs a tenth.
func openSQLite(path, more string) *sql.DB {
	return sql.OpenDB(connector{&sqlite3.SQLiteDriver{ConnectHook: boundLog}, "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_journal_mode=WAL&_synchronous=FULL&_foreign_keys=1&_busy_timeout=5000&_secure_delete=1&_recursive_triggers=1&_cache_size=-16000&_stmt_cache_size=256&" + more})
}

// boundLog sets what keeps the write-ahead log small. Without recursive triggers, which are in the DSN, a row that is replaced
// would not fire the trigger that keeps audit rows from being deleted.
func boundLog(c *sqlite3.SQLiteConn) error {
	_, err := c.Exec("pragma wal_autocheckpoint=4000; pragma journal_size_limit=8388608", nil)
	return err
}

// A connector opens connections with a driver of its own, so that no driver with a hook has to be registered for everyone.
type connector struct {
	driver *sqlite3.SQLiteDriver
	dsn    string
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

func (c connector) Driver() driver.Driver { return c.driver }

// purge folds the write-ahead log into the file and empties it. secure_delete overwrites a forgotten secret in the file, but the
// log would still show it (P30). Where that cannot be done now, most likely because someone is reading from the log, the next
// write tries again.
func (s *Store) purge(ctx context.Context) {
	if s.dialect != database.DialectSQLite3 || s.options.Shared {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), purgeTime)
	defer cancel()
	s.unpurged.Store(s.truncateLog(ctx) != nil)
}

// purgeTime bounds the wait for the writer, so that one who never ends keeps nobody from closing the store.
const purgeTime = 5 * time.Second

// truncateLog waits for readers for a moment only: nobody writes meanwhile.
func (s *Store) truncateLog(ctx context.Context) error {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "pragma busy_timeout=50"); err != nil {
		return err
	}
	var busy, frames, moved int64
	err = conn.QueryRowContext(ctx, "pragma wal_checkpoint(truncate)").Scan(&busy, &frames, &moved)
	if err == nil && busy != 0 {
		err = errors.New("the log is being read")
	}
	_, back := conn.ExecContext(context.WithoutCancel(ctx), "pragma busy_timeout=5000") // a late ctx must not leave the short one
	return errors.Join(err, back)
}
