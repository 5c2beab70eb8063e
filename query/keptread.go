package query

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// errNotKept is a result whose file is not what was kept: cut short, or not ours.
var errNotKept = fmt.Errorf("%w: the file is damaged", ErrRowsGone)

// A keptView is one reader's view of a kept result: chunks on disk, then rows that are not in a chunk yet.
type keptView struct {
	file     io.ReaderAt
	head     int64 // where the schema ends
	chunks   []chunk
	rows     int64
	tail     [][][]byte
	tailFrom int64 // the number of the first row in tail
}

// openKept reads the index of a finished file.
func openKept(file *os.File) (*keptView, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read kept rows: %w", err)
	}
	foot := make([]byte, 8+len(indexMagic))
	if _, err := file.ReadAt(foot, info.Size()-int64(len(foot))); err != nil || string(foot[8:]) != indexMagic {
		return nil, errNotKept
	}
	n := int64(binary.LittleEndian.Uint64(foot))
	start := info.Size() - int64(len(foot)) - n*16
	if n < 0 || n > info.Size()/16 || start < int64(len(endOfStream)) {
		return nil, errNotKept
	}
	entries := make([]byte, n*16)
	if _, err := file.ReadAt(entries, start); err != nil {
		return nil, fmt.Errorf("read index of kept rows: %w", err)
	}
	return viewOf(file, entries, start-int64(len(endOfStream)))
}

// viewOf reads the entries of the index. end is where the last chunk ends.
func viewOf(file io.ReaderAt, entries []byte, end int64) (*keptView, error) {
	v := &keptView{file: file, head: end, chunks: make([]chunk, len(entries)/16)}
	for i := range v.chunks {
		c := &v.chunks[i]
		c.offset = int64(binary.LittleEndian.Uint64(entries[i*16:]))
		c.rows = int64(binary.LittleEndian.Uint64(entries[i*16+8:]))
		c.firstRow, c.end = v.rows, end
		v.rows += c.rows
		if i > 0 {
			v.chunks[i-1].end = c.offset
		}
	}
	if len(v.chunks) > 0 {
		v.head = v.chunks[0].offset
	}
	for _, c := range v.chunks {
		if c.offset < 0 || c.rows < 1 || c.end <= c.offset {
			return nil, errNotKept
		}
	}
	v.tailFrom = v.rows
	return v, nil
}

// each calls fn with the rows from offset on, at most limit, until it returns false. Cells are valid until fn returns.
func (v *keptView) each(offset, limit int64, fn func(cells [][]byte) (more bool, err error)) error {
	if offset < 0 || limit <= 0 {
		return nil
	}
	end := v.rows
	if limit < end-offset {
		end = offset + limit
	}
	first := sort.Search(len(v.chunks), func(i int) bool { return v.chunks[i].firstRow+v.chunks[i].rows > offset })
	for _, c := range v.chunks[first:] {
		if c.firstRow >= end {
			return nil
		}
		more, err := v.eachOfChunk(c, max(offset, c.firstRow), min(end, c.firstRow+c.rows), fn)
		if err != nil || !more {
			return err
		}
	}
	for n := max(offset, v.tailFrom); n < end && n-v.tailFrom < int64(len(v.tail)); n++ {
		if more, err := fn(v.tail[n-v.tailFrom]); err != nil || !more {
			return err
		}
	}
	return nil
}

func (v *keptView) eachOfChunk(c chunk, from, to int64, fn func([][]byte) (bool, error)) (more bool, err error) {
	batch, err := v.read(c)
	if err != nil {
		return false, err
	}
	defer batch.Release()
	columns := make([]*array.Binary, batch.NumCols())
	for i := range columns {
		var ok bool
		if columns[i], ok = batch.Column(i).(*array.Binary); !ok {
			return false, errNotKept
		}
	}
	cells := make([][]byte, len(columns))
	for n := from - c.firstRow; n < to-c.firstRow; n++ {
		for i, column := range columns {
			cells[i] = nil
			if !column.IsNull(int(n)) {
				cells[i] = notNil(column.Value(int(n)))
			}
		}
		if more, err := fn(cells); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// notNil keeps an empty text apart from NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// read decodes one chunk, and nothing else of the file. The batch must be released.
func (v *keptView) read(c chunk) (arrow.RecordBatch, error) {
	stream := io.MultiReader(io.NewSectionReader(v.file, 0, v.head), io.NewSectionReader(v.file, c.offset, c.end-c.offset))
	r, err := ipc.NewReader(stream)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotKept, err)
	}
	defer r.Release()
	if !r.Next() {
		return nil, fmt.Errorf("%w: %w", errNotKept, errors.Join(r.Err(), io.ErrUnexpectedEOF))
	}
	batch := r.RecordBatch()
	if batch.NumRows() != c.rows {
		return nil, errNotKept
	}
	batch.Retain()
	return batch, nil
}
