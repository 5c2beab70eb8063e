package mysql

import (
	"errors"
	"fmt"

	"patchbay/catalog"
)

// The first bytes of packets that are no rows.
const (
	packetOK    = 0x00
	packetMore  = 0x01
	packetFile  = 0xfb
	packetEnd   = 0xfe
	packetError = 0xff
)

// Commands. https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html
const (
	commandQuit     = 0x01
	commandDatabase = 0x02
	commandQuery    = 0x03
	commandPing     = 0x0e
	commandPrepare  = 0x16
	commandExecute  = 0x17
	commandReset    = 0x1f
)

const (
	// maxColumns is how many columns the server itself lets a result have.
	maxColumns = 4096
	// maxDescription bounds what the server may say about one column.
	maxDescription = 16 << 10
	// moreResults is the bit of a status that another result follows.
	moreResults = 0x0008
)

var (
	errFile    = errors.New("the server asked for a file of the machine that runs Patchbay")
	errColumns = errors.New("the server sent more columns than MySQL has")
)

// A serverError is what the server says went wrong.
type serverError struct {
	number  uint16
	state   string // SQLSTATE; empty before signing in
	message string
	signIn  bool // said while signing in: some numbers mean another thing there
}

func (e *serverError) Error() string {
	return fmt.Sprintf("error %d (%s): %s", e.number, e.state, e.message)
}

func readError(data []byte) *serverError {
	c := cursor{rest: data[1:]}
	e := &serverError{number: uint16(c.number(2))}
	if len(c.rest) >= 6 && c.rest[0] == '#' {
		e.state = string(c.bytes(6)[1:])
	}
	e.message = string(c.rest)
	return e
}

func signInError(data []byte) *serverError {
	e := readError(data)
	e.signIn = true
	return e
}

// A definition describes a column of a result.
type definition struct {
	name     string
	charset  uint16
	length   uint32
	kind     byte
	flags    uint16
	decimals byte

	declared string
	family   catalog.Family
}

// An answer is what the server says to one statement: its first result with columns, where it has one.
type answer struct {
	wire     *wire
	binary   bool // rows come as they do for prepared statements
	columns  []definition
	cells    [][]byte
	own      [][]byte // what is written here and not by the server, by column
	affected int64    // -1 where there are rows
	ended    bool     // everything that the server had to say was read
}

// begin reads up to the first row, or to the end of an answer without any.
func (a *answer) begin() error {
	a.affected = -1
	for {
		status, columns, err := a.head()
		if err != nil {
			return err
		}
		if columns > 0 {
			a.cells, a.own = make([][]byte, columns), make([][]byte, columns)
			return nil
		}
		if status&moreResults == 0 {
			a.ended = true
			return nil
		}
	}
}

// head reads how a result begins: its columns, or that it has none.
func (a *answer) head() (status uint16, columns int, err error) {
	data, err := a.wire.read(maxPacket)
	if err != nil {
		return 0, 0, err
	}
	c := cursor{rest: data}
	switch data[0] {
	case packetError:
		return 0, 0, readError(data)
	case packetFile: // nothing is handed over (P9), and a server that asks though it must not is not spoken to
		return 0, 0, errFile
	case packetOK:
		c.bytes(1)
		n, _ := c.length()
		c.length() // the last automatic number
		a.affected = int64(n)
		return uint16(c.number(2)), 0, nil
	}
	n, null := c.length()
	switch {
	case c.short || null:
		return 0, 0, errMalformed
	case n > maxColumns:
		return 0, 0, errColumns
	}
	a.affected = -1
	a.columns, err = a.wire.definitions(int(n))
	return 0, int(n), err
}

// definitions reads the descriptions of n columns or parameters.
func (w *wire) definitions(n int) ([]definition, error) {
	if n == 0 {
		return nil, nil
	}
	out := make([]definition, 0, n)
	for range n {
		data, err := w.read(maxDescription)
		if err != nil {
			return nil, err
		}
		c := cursor{rest: data}
		for range 4 { // catalog, database, table, table as it is stored
			c.text()
		}
		d := definition{name: string(c.text())}
		c.text() // as it is stored
		c.length()
		d.charset, d.length, d.kind, d.flags, d.decimals = uint16(c.number(2)), uint32(c.number(4)), byte(c.number(1)), uint16(c.number(2)), byte(c.number(1))
		if c.short {
			return nil, errMalformed
		}
		d.declared, d.family = d.describe()
		out = append(out, d)
	}
	data, err := w.read(maxDescription)
	if err == nil && data[0] != packetEnd {
		err = errMalformed
	}
	return out, err
}

// next reads the next row into cells. It is false at the end and on an error.
func (a *answer) next() (bool, error) {
	if a.ended {
		return false, nil
	}
	data, err := a.wire.read(maxPacket)
	switch {
	case err != nil:
		return false, err
	case data[0] == packetError:
		a.ended = true
		return false, readError(data)
	case data[0] == packetEnd && len(data) < 9:
		return false, a.finish(data)
	case a.binary:
		err = a.binaryRow(data)
	default:
		err = a.textRow(data)
	}
	return err == nil, err
}

// finish reads what follows the rows: results of a procedure beyond the first are not shown.
func (a *answer) finish(data []byte) error {
	c := cursor{rest: data[1:]}
	c.bytes(2) // warnings
	for status := uint16(c.number(2)); status&moreResults != 0; {
		rest := answer{wire: a.wire}
		var columns int
		var err error
		if status, columns, err = rest.head(); err != nil {
			return a.failed(err)
		}
		for columns > 0 {
			data, err := a.wire.read(maxPacket)
			switch {
			case err != nil:
				return err
			case data[0] == packetError:
				return a.failed(readError(data))
			}
			if data[0] == packetEnd && len(data) < 9 {
				c := cursor{rest: data[3:]}
				status, columns = uint16(c.number(2)), 0
			}
		}
	}
	a.ended = true
	return nil
}

// failed says that the server's answer ended with an error of its own.
func (a *answer) failed(err error) error {
	var own *serverError
	a.ended = errors.As(err, &own)
	return err
}

// textRow takes the cells as the server wrote them.
func (a *answer) textRow(data []byte) error {
	c := cursor{rest: data}
	for i := range a.cells {
		a.cells[i] = c.text()
		if a.columns[i].bytes() && a.cells[i] != nil {
			a.literal(i, a.cells[i])
		}
	}
	if c.short || len(c.rest) > 0 {
		return errMalformed
	}
	return nil
}

// literal shows bytes that are no text as the server's own literal.
func (a *answer) literal(i int, cell []byte) {
	const digits = "0123456789abcdef"
	out := append(a.own[i][:0], "0x"...)
	for _, b := range cell {
		out = append(out, digits[b>>4], digits[b&15])
	}
	a.own[i], a.cells[i] = out, out
}
