package query

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"patchbay/connectors"
)

// A kept result is one file: an Arrow IPC stream, so that any Arrow tool can read it, followed by an index of its chunks.
// Every column is of type binary and holds the source's own text, byte for byte; the declared type and the family stand in
// the field's metadata. A chunk is one record batch: it is decoded alone, whatever the size of the file.
//
//	schema | batch | batch | ... | end of stream | index: (offset, rows) uint64 each | number of chunks uint64 | indexMagic
const (
	chunkRows  = 4096
	chunkBytes = 1 << 20
	// cellOverhead is what a cell costs beside its text. It is counted, so that endless rows of NULL meet the limit too.
	cellOverhead = 4
	indexMagic   = "pbkept01"
)

// endOfStream is the marker that ends an Arrow IPC stream: a continuation and a message of no bytes.
var endOfStream = []byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}

// A chunk is the place of one record batch in the file.
type chunk struct{ offset, end, firstRow, rows int64 }

// A keeper writes one result to its file. One goroutine writes; any number read what is there so far through view.
type keeper struct {
	mu       sync.Mutex
	file     io.Closer
	out      *counted // to the file
	schema   *arrow.Schema
	encoder  *ipc.Writer
	builders []*array.BinaryBuilder
	chunks   []chunk
	head     int64 // where the schema ends
	flushed  int64 // rows in chunks
	pending  int64 // rows in the builders
	waiting  int   // bytes in the builders, overhead included
	bytes    int64 // of all rows, overhead included
}

// newKeeper begins the file with the columns.
func newKeeper(file *os.File, columns []connectors.Column) (*keeper, error) {
	k := &keeper{file: file, out: &counted{w: bufio.NewWriterSize(file, 64<<10)}, schema: keptSchema(columns), builders: make([]*array.BinaryBuilder, len(columns))}
	for i := range k.builders {
		k.builders[i] = array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	}
	k.encoder = ipc.NewWriterWithPayloadWriter(&payloads{k: k}, ipc.WithSchema(k.schema), ipc.WithLZ4())
	schema := ipc.GetSchemaPayload(k.schema, memory.DefaultAllocator)
	defer schema.Release()
	if err := k.write(&schema); err != nil {
		return nil, fmt.Errorf("keep columns: %w", err)
	}
	k.head = k.out.n
	return k, nil
}

func keptSchema(columns []connectors.Column) *arrow.Schema {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		meta := arrow.NewMetadata([]string{"type", "family"}, []string{c.Type, string(c.Family)})
		fields[i] = arrow.Field{Name: c.Name, Type: arrow.BinaryTypes.Binary, Nullable: true, Metadata: meta}
	}
	return arrow.NewSchema(fields, nil)
}

// payloads is how the Arrow encoder writes. The keeper has written the schema, with which the encoder begins.
type payloads struct {
	k     *keeper
	begun bool
}

func (p *payloads) Start() error { return nil }
func (p *payloads) Close() error { return nil }
func (p *payloads) WritePayload(m ipc.Payload) error {
	if !p.begun {
		p.begun = true
		return nil
	}
	return p.k.write(&m)
}

func (k *keeper) write(m *ipc.Payload) error {
	if _, err := m.WritePayload(k.out); err != nil {
		return err
	}
	return k.out.w.Flush()
}

// counted is a buffered writer that knows how much went through it.
type counted struct {
	w *bufio.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// row keeps one row. The cells are copied.
func (k *keeper) row(cells [][]byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	size := len(cells) * cellOverhead
	for i, cell := range cells {
		if cell == nil {
			k.builders[i].AppendNull()
			continue
		}
		k.builders[i].Append(cell)
		size += len(cell)
	}
	k.pending++
	k.waiting += size
	k.bytes += int64(size)
	if k.pending < chunkRows && k.waiting < chunkBytes {
		return nil
	}
	return k.flush()
}

// flush writes the builders as one chunk. The next chunk gets room for as much, so that it does not grow by copying.
func (k *keeper) flush() error {
	if k.pending == 0 {
		return nil
	}
	columns := make([]arrow.Array, len(k.builders))
	for i, b := range k.builders {
		data := b.DataLen()
		columns[i] = b.NewArray()
		defer columns[i].Release()
		b.Reserve(int(k.pending))
		b.ReserveData(data)
	}
	batch := array.NewRecordBatch(k.schema, columns, k.pending)
	defer batch.Release()
	c := chunk{offset: k.out.n, firstRow: k.flushed, rows: k.pending}
	if err := k.encoder.Write(batch); err != nil {
		return fmt.Errorf("keep rows: %w", err)
	}
	c.end = k.out.n
	k.chunks = append(k.chunks, c)
	k.flushed += k.pending
	k.pending, k.waiting = 0, 0
	return nil
}

// finish writes what waits, the end and the index. The file stays open.
func (k *keeper) finish() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.flush(); err != nil {
		return err
	}
	tail := append([]byte{}, endOfStream...)
	for _, c := range k.chunks {
		tail = binary.LittleEndian.AppendUint64(tail, uint64(c.offset))
		tail = binary.LittleEndian.AppendUint64(tail, uint64(c.rows))
	}
	tail = binary.LittleEndian.AppendUint64(tail, uint64(len(k.chunks)))
	tail = append(tail, indexMagic...)
	if _, err := k.out.Write(tail); err != nil {
		return fmt.Errorf("keep index: %w", err)
	}
	if err := k.out.w.Flush(); err != nil {
		return fmt.Errorf("keep index: %w", err)
	}
	return nil
}

// close finishes and closes the file.
func (k *keeper) close() error { return errors.Join(k.finish(), k.file.Close()) }

// counts are the rows and bytes so far.
func (k *keeper) counts() (rows, bytes int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.flushed + k.pending, k.bytes
}

// view is what there is to read now: the chunks on disk, and a copy of those of the wanted rows that wait for their chunk.
func (k *keeper) view(file io.ReaderAt, offset, limit int64) *keptView {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := &keptView{file: file, head: k.head, chunks: k.chunks, rows: k.flushed + k.pending, tailFrom: k.flushed}
	if offset > k.flushed {
		v.tailFrom = min(offset, v.rows)
	}
	end := v.rows
	if limit < end-offset {
		end = offset + limit
	}
	for n := v.tailFrom; n < end; n++ {
		v.tail = append(v.tail, k.waitingRow(int(n-k.flushed)))
	}
	return v
}

// waitingRow copies a row out of the builders.
func (k *keeper) waitingRow(n int) [][]byte {
	cells := make([][]byte, len(k.builders))
	for i, b := range k.builders {
		if !b.IsNull(n) {
			cells[i] = append([]byte{}, b.Value(n)...)
		}
	}
	return cells
}
