package duckdb

import (
	"context"
	"strconv"

	engine "github.com/duckdb/duckdb-go-bindings"

	"patchbay/connectors"
)

// rows reads one answer, a chunk of up to 2,048 rows at a time, as the engine makes them.
type rows struct {
	ctx        context.Context // of the query, whose rows are made while they are read
	in         *instance       // nil once closed
	statements engine.ExtractedStatements
	prepared   engine.PreparedStatement
	pending    engine.PendingResult
	result     engine.Result
	chunk      engine.DataChunk

	columns  []*column
	vectors  []*vector
	row      int // of the chunk, the next one to give out
	size     int // of the chunk
	cells    [][]byte
	ends     []int // where each cell ends in text
	text     []byte
	affected int64
	ended    bool
	err      error
}

func newRows(ctx context.Context, in *instance) *rows {
	r := &rows{ctx: ctx, in: in, affected: -1}
	in.answers = append(in.answers, r)
	return r
}

// describe reads the columns. A statement that changes rows answers with their number, which is no result.
func (r *rows) describe() error {
	switch engine.ResultReturnType(r.result) {
	case engine.ResultTypeChangedRows:
		return r.readAffected()
	case engine.ResultTypeNothing:
		r.ended = true
		return nil
	}
	for i := range engine.ColumnCount(&r.result) {
		c, err := newColumn(engine.ColumnLogicalType(&r.result, i))
		if err != nil {
			return unsupported(engine.ColumnName(&r.result, i))
		}
		r.columns = append(r.columns, c)
	}
	r.cells, r.ends = make([][]byte, len(r.columns)), make([]int, len(r.columns))
	return nil
}

func unsupported(name string) error {
	return &connectors.Error{
		Cause: connectors.CauseUnsupported, Op: "read the result", Message: "the column " + strconv.Quote(name) + " has a type without a text of its own",
		Hint: "Cast the column to VARCHAR",
	}
}

func (r *rows) readAffected() error {
	if r.fetch() {
		r.affected = *at[int64](engine.VectorGetData(engine.DataChunkGetVector(r.chunk, 0)), 0)
	}
	r.ended = true
	return r.err
}

func (r *rows) Columns() []connectors.Column {
	out := make([]connectors.Column, len(r.columns))
	for i, c := range r.columns {
		out[i] = connectors.Column{Name: engine.ColumnName(&r.result, engine.IdxT(i)), Type: c.name, Family: family(c.name)}
	}
	return out
}

func (r *rows) Next() bool {
	if r.ended || r.err != nil {
		return false
	}
	if r.row == r.size && !r.fetch() {
		r.ended = true
		return false
	}
	r.write(r.row)
	r.row++
	return true
}

// fetch gets the next chunk that holds rows.
func (r *rows) fetch() bool {
	for r.row, r.size = 0, 0; r.size == 0; {
		engine.DestroyDataChunk(&r.chunk)
		if r.err = r.in.wait(r.ctx, func() { r.chunk = engine.FetchChunk(r.result) }); r.err != nil {
			return false
		}
		if r.chunk.Ptr == nil {
			if message := engine.ResultError(&r.result); message != "" {
				r.err = &queryError{message: message}
			}
			return false
		}
		r.size = int(engine.DataChunkGetSize(r.chunk))
	}
	r.vectors = r.vectors[:0]
	for i, c := range r.columns {
		r.vectors = append(r.vectors, newVector(c, engine.DataChunkGetVector(r.chunk, engine.IdxT(i))))
	}
	return true
}

// write puts the text of a row into cells. The buffer may move while it grows, so cells are cut when it is full.
func (r *rows) write(row int) {
	r.text = r.text[:0]
	for i, v := range r.vectors {
		if !v.null(row) {
			r.text = v.write(r.text, v, row)
		}
		r.ends[i] = len(r.text)
	}
	start := 0
	for i, end := range r.ends {
		r.cells[i] = r.text[start:end:end]
		if r.vectors[i].null(row) {
			r.cells[i] = nil
		}
		start = end
	}
}

func (r *rows) Row() [][]byte { return r.cells }

func (r *rows) Affected() int64 { return r.affected }

func (r *rows) Err() error { return r.err }

// Close ends the statement and its instance.
func (r *rows) Close() error {
	if r.in == nil {
		return nil
	}
	in := r.in
	r.in, r.ended = nil, true
	in.close()
	return nil
}

// drop frees the statements and the answer.
func (r *rows) drop() {
	r.dropAnswer()
	engine.DestroyExtracted(&r.statements)
}

// dropAnswer frees what belongs to one statement.
func (r *rows) dropAnswer() {
	engine.DestroyDataChunk(&r.chunk)
	engine.DestroyResult(&r.result)
	engine.DestroyPending(&r.pending)
	engine.DestroyPrepare(&r.prepared)
}
