package duckdb

import (
	"context"
	"fmt"

	engine "github.com/duckdb/duckdb-go-bindings"

	"patchbay/connectors"
)

// Query runs one statement on an instance of its own. A read-only statement opens the file read-only, so that no text of it can
// write (P8).
func (s *source) Query(ctx context.Context, st connectors.Statement) (connectors.Rows, error) {
	if err := guard(st.SQL); err != nil {
		return nil, err
	}
	write := s.writable && !st.ReadOnly
	in, err := s.instance(ctx, write, statementBudget)
	if err != nil {
		return nil, err
	}
	r := newRows(ctx, in)
	if err := r.run(st, write); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// run runs the statement. DuckDB makes several of a PIVOT: the types of its columns are created first, and the last one answers.
func (r *rows) run(st connectors.Statement, write bool) error {
	count, err := r.parse(st)
	if err != nil {
		return err
	}
	if count > 1 {
		if err := r.checkSeveral(count, st); err != nil {
			return err
		}
	}
	for i := range count {
		r.dropAnswer()
		if err := r.execute(i, st, write); err != nil {
			return err
		}
	}
	return r.describe()
}

// checkSeveral lets only statements that create something stand before the last, and runs none. To prepare a statement uses up
// what was parsed, so it parses again.
func (r *rows) checkSeveral(count engine.IdxT, st connectors.Statement) error {
	for i := range count - 1 {
		if err := r.prepare(i, st); err != nil {
			return err
		}
		if engine.PreparedStatementType(r.prepared) != engine.StatementTypeCreate {
			return statementError("DuckDB runs one statement at a time here")
		}
		r.dropAnswer()
	}
	engine.DestroyExtracted(&r.statements)
	_, err := r.parse(st)
	return err
}

// parse counts the statements of the text.
func (r *rows) parse(st connectors.Statement) (count engine.IdxT, err error) {
	if err := r.in.wait(r.ctx, func() { count = engine.ExtractStatements(r.in.conn, st.SQL, &r.statements) }); err != nil {
		return 0, err
	}
	if count > 0 {
		return count, nil
	}
	if message := engine.ExtractStatementsError(r.statements); message != "" {
		return 0, &queryError{sql: st.SQL, message: message}
	}
	return 0, statementError("there is no statement")
}

func statementError(message string) error {
	return &connectors.Error{Cause: connectors.CauseStatement, Op: "read the statement", Message: message}
}

// prepare binds the names of statement i. Of what could not be prepared the engine can say nothing but why: to ask for more ends
// the process.
func (r *rows) prepare(i engine.IdxT, st connectors.Statement) error {
	var state engine.State
	err := r.in.wait(r.ctx, func() { state = engine.PrepareExtractedStatement(r.in.conn, r.statements, i, &r.prepared) })
	if err == nil && state == engine.StateError {
		err = &queryError{sql: st.SQL, message: engine.PrepareError(r.prepared)}
	}
	return err
}

// execute prepares, binds and starts statement i.
func (r *rows) execute(i engine.IdxT, st connectors.Statement, write bool) error {
	if err := r.prepare(i, st); err != nil {
		return err
	}
	if err := guardKind(engine.PreparedStatementType(r.prepared)); err != nil {
		return err
	}
	if err := bind(r.prepared, st.Args); err != nil {
		return err
	}
	return r.start(st, write)
}

// start runs what is prepared. A reading statement makes its rows as they are fetched; a writing one is done when start returns,
// whether its rows are read or not.
func (r *rows) start(st connectors.Statement, write bool) error {
	kind := engine.PreparedStatementType(r.prepared)
	pend := engine.PendingPreparedStreaming
	if write && kind != engine.StatementTypeSelect {
		pend = engine.PendingPrepared
	}
	var state engine.State
	var message string
	err := r.in.wait(r.ctx, func() {
		if state = pend(r.prepared, &r.pending); state == engine.StateError {
			message = engine.PendingError(r.pending)
		} else if state = engine.ExecutePending(r.pending, &r.result); state == engine.StateError {
			message = engine.ResultError(&r.result)
		}
	})
	if err == nil && state == engine.StateError {
		err = &queryError{sql: st.SQL, message: message, kind: kind, readOnly: !write}
	}
	return err
}

// bind gives a statement its values, by place. A text may hold several statements: those without values take none.
func bind(prepared engine.PreparedStatement, args []any) error {
	wanted := int(engine.NParams(prepared))
	if wanted == 0 && len(args) > 0 {
		return nil
	}
	if wanted != len(args) {
		return statementError(fmt.Sprintf("the statement takes %d values and got %d", wanted, len(args)))
	}
	for i, a := range args {
		if bindValue(prepared, engine.IdxT(i+1), a) == engine.StateError {
			return &queryError{message: engine.PrepareError(prepared)}
		}
	}
	return nil
}

func bindValue(prepared engine.PreparedStatement, place engine.IdxT, a any) engine.State {
	switch a := a.(type) {
	case nil:
		return engine.BindNull(prepared, place)
	case string:
		return engine.BindVarchar(prepared, place, a)
	case int64:
		return engine.BindInt64(prepared, place, a)
	case float64:
		return engine.BindDouble(prepared, place, a)
	case bool:
		return engine.BindBoolean(prepared, place, a)
	case []string:
		return bindList(prepared, place, a)
	}
	return engine.StateError
}

func bindList(prepared engine.PreparedStatement, place engine.IdxT, texts []string) engine.State {
	varchar := engine.CreateLogicalType(engine.TypeVarchar)
	defer engine.DestroyLogicalType(&varchar)
	values := make([]engine.Value, len(texts))
	for i, text := range texts {
		values[i] = engine.CreateVarchar(text)
		defer engine.DestroyValue(&values[i])
	}
	list := engine.CreateListValue(varchar, values)
	defer engine.DestroyValue(&list)
	return engine.BindValue(prepared, place, list)
}
