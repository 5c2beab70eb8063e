package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-sqlite3"

	"patchbay/catalog"
	"patchbay/connectors"
)

// source is a SQLite file. Each reading opens it anew and throws the connection away after, so nothing that one statement
// did to its session is seen by the next (P8), and a file that was replaced is read as it is now.
type source struct {
	name     string
	openFile func(string) (string, error)
}

// open proves that the file is there and is a SQLite database.
func open(ctx context.Context, t connectors.Target) (connectors.Source, error) {
	s := &source{name: t.Values["file"], openFile: t.OpenFile}
	if _, err := s.Server(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Server reads the schema table: SQLite looks into a file only when it must.
func (s *source) Server(ctx context.Context) (connectors.Server, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return connectors.Server{}, err
	}
	defer conn.Close()
	if err := each(ctx, conn, "select count(*) from sqlite_schema", func([]driver.Value) error { return nil }); err != nil {
		return connectors.Server{}, err
	}
	version, _, _ := sqlite3.Version()
	return connectors.Server{Product: "SQLite", Version: version, Names: catalog.CaseASCII}, nil
}

// Close has nothing to close: no connection outlives its reading.
func (s *source) Close() error { return nil }

// connect opens a locked connection to the file, and makes sure that it is the file which the name was resolved to (P7).
// It looks at the path only: to open and close the file here would drop the locks that SQLite holds on it in this process.
func (s *source) connect(ctx context.Context) (*sqlite3.SQLiteConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := s.openFile(s.name)
	if err != nil {
		return nil, err
	}
	before, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", s.name, errors.Unwrap(err))
	}
	if !before.Mode().IsRegular() {
		return nil, refused("it is no plain file")
	}
	opened, err := (&sqlite3.SQLiteDriver{ConnectHook: lock}).Open(dsn(ctx, path))
	if err != nil {
		return nil, err
	}
	conn := opened.(*sqlite3.SQLiteConn)
	if after, err := os.Lstat(conn.GetFilename("main")); err != nil || !os.SameFile(before, after) {
		conn.Close()
		return nil, refused("it changed while it was being opened")
	}
	return conn, nil
}

func refused(why string) error {
	return &connectors.Error{Cause: connectors.CauseRefusedPolicy, Op: "open the file", Message: why}
}

// dsn names a file to SQLite. A reader waits 2 seconds for another program's writing, or as long as ctx lets it: SQLite itself
// does not hear of ctx while it waits.
func dsn(ctx context.Context, path string) string {
	wait := 2 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline))
	}
	u := url.URL{Scheme: "file", Path: path}
	u.RawQuery = url.Values{"mode": {"ro"}, "_query_only": {"1"}, "_busy_timeout": {strconv.FormatInt(wait.Milliseconds(), 10)}}.Encode()
	return u.String()
}

// The limits of one connection: a cell or row, a statement's text, and what LIKE may be made to compare.
const (
	maxLength    = 64 << 20
	maxSQL       = 1 << 20
	maxLike      = 1000
	maxVariables = 32766
)

// lock closes the engine's ways out before any statement of a person runs. The pragmas are what SQLite advises for files from
// elsewhere (sqlite.org/security.html): views may not call functions with side effects, and damaged pages are found.
func lock(conn *sqlite3.SQLiteConn) error {
	for _, pragma := range []string{"pragma trusted_schema = off", "pragma cell_size_check = on", "pragma mmap_size = 0"} {
		if _, err := conn.Exec(pragma, nil); err != nil {
			return err
		}
	}
	conn.SetLimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
	conn.SetLimit(sqlite3.SQLITE_LIMIT_LENGTH, maxLength)
	conn.SetLimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, maxSQL)
	conn.SetLimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, maxLike)
	conn.SetLimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, maxVariables)
	conn.SetLimit(sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0)
	conn.RegisterAuthorizer(authorize)
	return nil
}

// recursive is SQLITE_RECURSIVE, which the driver does not name: a recursive common table expression.
const recursive = 33

// authorize is asked about each action of a statement while it is compiled. What is not listed here is refused.
func authorize(action int, first, second, _ string) int {
	allowed := false
	switch action {
	case sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, recursive:
		allowed = true
	case sqlite3.SQLITE_FUNCTION: // the name is the second argument
		allowed = !slices.Contains(forbiddenFunctions, strings.ToLower(second))
	case sqlite3.SQLITE_PRAGMA: // the name and its value
		name := strings.ToLower(first)
		allowed = slices.Contains(describingPragmas, name) || second == "" && slices.Contains(readablePragmas, name)
	}
	if allowed {
		return sqlite3.SQLITE_OK
	}
	return sqlite3.SQLITE_DENY
}

// The functions that reach out of the file or into memory; the pragmas that describe an object named by their value; and those
// that answer when they have no value and would set something when they have one.
var (
	forbiddenFunctions = []string{"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "sqlite_dbpage"}
	describingPragmas  = []string{"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list",
		"foreign_key_check", "integrity_check", "quick_check"}
	readablePragmas = []string{"application_id", "user_version", "schema_version", "data_version", "encoding", "page_size", "page_count",
		"freelist_count", "collation_list", "function_list", "module_list", "pragma_list", "compile_options"}
)
