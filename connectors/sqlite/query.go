package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/mattn/go-sqlite3"

	"patchbay/catalog"
	"patchbay/connectors"
)

// Query runs one statement on a connection of its own. Every statement is read-only, whatever st says: the session is.
func (s *source) Query(ctx context.Context, st connectors.Statement) (connectors.Rows, error) {
	sql, err := onlyStatement(st.SQL)
	if err != nil {
		return nil, err
	}
	args, err := bind(st.Args)
	if err != nil {
		return nil, err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := conn.QueryContext(ctx, sql, args)
	if err != nil {
		conn.Close()
		return nil, err
	}
	r := &rows{conn: conn, answer: answer.(*sqlite3.SQLiteRows)}
	if err := r.start(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// A querier runs statements: a connection, or in tests one that counts them.
type querier interface {
	QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error)
}

// each runs a statement of our own and hands over its rows.
func each(ctx context.Context, conn querier, sql string, row func([]driver.Value) error, args ...any) error {
	values, err := bind(args)
	if err != nil {
		return err
	}
	answer, err := conn.QueryContext(ctx, sql, values)
	if err != nil {
		return err
	}
	defer answer.Close()
	got := make([]driver.Value, len(answer.Columns()))
	for {
		err := answer.Next(got)
		if err == nil {
			err = row(got)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func bind(args []any) ([]driver.NamedValue, error) {
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		if _, list := a.([]string); list {
			return nil, &connectors.Error{Cause: connectors.CauseUnsupported, Op: "bind the values", Message: "SQLite has no lists: bind each value on its own"}
		}
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return values, nil
}

// rows reads one answer. The first row is read ahead, since an expression has no declared type and only its value tells.
type rows struct {
	conn    *sqlite3.SQLiteConn
	answer  *sqlite3.SQLiteRows
	columns []connectors.Column
	values  []driver.Value
	ahead   bool // values holds a row that Next has not given out
	cells   [][]byte
	ends    []int // where each cell ends in text, -1 for NULL
	text    []byte
	err     error
}

// start reads the columns and the first row.
func (r *rows) start() error {
	names, declared := r.answer.Columns(), r.answer.DeclTypes()
	r.columns = make([]connectors.Column, len(names))
	r.values, r.cells, r.ends = make([]driver.Value, len(names)), make([][]byte, len(names)), make([]int, len(names))
	for i, name := range names {
		kind := strings.ToUpper(declared[i])
		r.columns[i] = connectors.Column{Name: name, Type: kind, Family: family(kind)}
		// The driver would turn cells of types like DATE and BOOLEAN into Go values and lose their text. It reads the types from
		// this very slice, so that without them it hands over what is stored.
		declared[i] = ""
	}
	if len(names) == 0 {
		return nil
	}
	err := r.answer.Next(r.values)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	r.ahead = err == nil
	for i := range r.columns {
		if r.columns[i].Type == "" {
			r.columns[i].Type, r.columns[i].Family = storage(r.values[i])
		}
	}
	if !r.ahead {
		r.values = nil
	}
	return nil
}

// storage names the storage class of a value; NULL, which says nothing of the rows below it, has none.
func storage(v driver.Value) (string, catalog.Family) {
	switch v.(type) {
	case int64:
		return "INTEGER", catalog.FamilyInteger
	case float64:
		return "REAL", catalog.FamilyFloat
	case string:
		return "TEXT", catalog.FamilyText
	case []byte:
		return "BLOB", catalog.FamilyBinary
	}
	return "", catalog.FamilyOther
}

func (r *rows) Columns() []connectors.Column { return r.columns }

func (r *rows) Next() bool {
	if r.err != nil || r.values == nil {
		return false
	}
	if !r.ahead {
		if err := r.answer.Next(r.values); err != nil {
			r.values = nil
			if !errors.Is(err, io.EOF) {
				r.err = err
			}
			return false
		}
	}
	r.ahead = false
	r.write()
	return true
}

// write puts the text of the row's values into cells. The buffer may move while it grows, so cells are cut when it is full.
func (r *rows) write() {
	r.text = r.text[:0]
	for i, v := range r.values {
		r.text = appendValue(r.text, v)
		r.ends[i] = len(r.text)
	}
	start := 0
	for i, end := range r.ends {
		r.cells[i] = r.text[start:end:end]
		if r.values[i] == nil {
			r.cells[i] = nil
		}
		start = end
	}
}

// appendValue appends the text of a value; nothing for NULL.
func appendValue(dst []byte, v driver.Value) []byte {
	switch v := v.(type) {
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return appendReal(dst, v)
	case string:
		return append(dst, v...)
	case []byte:
		dst = append(dst, "X'"...)
		dst = append(dst, strings.ToUpper(hex.EncodeToString(v))...)
		return append(dst, '\'')
	}
	return dst
}

func (r *rows) Row() [][]byte { return r.cells }

// Affected is unknown for a result, and no statement can change a row here.
func (r *rows) Affected() int64 { return -1 }

func (r *rows) Err() error { return r.err }

func (r *rows) Close() error {
	if r.conn == nil {
		return nil
	}
	conn := r.conn
	r.conn, r.values = nil, nil
	if err := r.answer.Close(); err != nil {
		conn.Close()
		return fmt.Errorf("close the statement: %w", err)
	}
	return conn.Close()
}
