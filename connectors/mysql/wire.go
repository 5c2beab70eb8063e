package mysql

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
)

// Why a client of our own: cells must come as the server writes them (a driver that parses a FLOAT or a ZEROFILL cannot give
// the text back), the server must not be able to name how much memory we take, and one connection must serve many
// statements, each of them behind a reset. The protocol is public:
// https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html, https://mariadb.com/kb/en/clientserver-protocol/

const (
	// maxPacket bounds what the server may say at once, and with it one row (P24).
	maxPacket = 64 << 20
	// maxFrame is the longest part that the protocol divides a packet into.
	maxFrame = 1<<24 - 1
	// keptBuffer is how much memory a connection keeps for the next packet.
	keptBuffer = 1 << 20
)

var (
	errTooLarge  = errors.New("one row is larger than 64 MiB")
	errOutOfStep = errors.New("the server's answers are out of step")
	errMalformed = errors.New("the server's answer cannot be read")
)

// A wire carries packets over one connection.
type wire struct {
	conn     net.Conn
	in       *bufio.Reader
	out      []byte // commands that wait to be sent
	buf      []byte // the packet that was read last
	sequence byte   // of the next packet, in either direction
}

func newWire(conn net.Conn) *wire { return &wire{conn: conn, in: bufio.NewReaderSize(conn, 32<<10)} }

// over changes the connection, for TLS. What was sent behind the last packet in clear is lost with the old reader: it must
// not be taken for something that was said under TLS.
func (w *wire) over(conn net.Conn) { w.conn, w.in = conn, bufio.NewReaderSize(conn, 32<<10) }

// read reads one packet of at most limit bytes. It is valid until the next.
func (w *wire) read(limit int) ([]byte, error) {
	w.buf = w.buf[:0]
	for {
		var head [4]byte
		if _, err := io.ReadFull(w.in, head[:]); err != nil {
			return nil, err
		}
		n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
		if head[3] != w.sequence {
			return nil, errOutOfStep
		}
		w.sequence++
		if len(w.buf)+n > limit {
			return nil, errTooLarge
		}
		from := len(w.buf)
		w.buf = slices.Grow(w.buf, n)[:from+n]
		if _, err := io.ReadFull(w.in, w.buf[from:]); err != nil {
			return nil, err
		}
		if n < maxFrame {
			break
		}
	}
	if len(w.buf) == 0 {
		return nil, errMalformed
	}
	return w.buf, nil
}

// write sends one packet of the conversation that is going on.
func (w *wire) write(payload []byte) error {
	w.queue(payload)
	return w.flush()
}

// command adds the start of a conversation to what flush sends. The answers to several come in their order; answer begins
// the reading of each.
func (w *wire) command(kind byte, payload []byte) {
	w.sequence = 0
	w.queue(append([]byte{kind}, payload...))
}

// answer begins reading what the server says to the next command.
func (w *wire) answer() { w.sequence = 1 }

func (w *wire) queue(payload []byte) {
	for {
		n := min(len(payload), maxFrame)
		w.out = append(w.out, byte(n), byte(n>>8), byte(n>>16), w.sequence)
		w.out = append(w.out, payload[:n]...)
		w.sequence++
		if payload = payload[n:]; n < maxFrame {
			return
		}
	}
}

func (w *wire) flush() error {
	_, err := w.conn.Write(w.out)
	w.out = w.out[:0]
	return err
}

// spare gives memory back that a large packet took.
func (w *wire) spare() {
	if cap(w.buf) > keptBuffer {
		w.buf = nil
	}
	if cap(w.out) > keptBuffer {
		w.out = nil
	}
}

// A field cursor reads the parts of a packet. Past its end it yields zeros and remembers that in short.
type cursor struct {
	rest  []byte
	short bool
}

// bytes are the next n bytes.
func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(len(c.rest)) {
		c.short, c.rest = true, nil
		return nil
	}
	out := c.rest[:n:n]
	c.rest = c.rest[n:]
	return out
}

// number is a number of n bytes, lowest first.
func (c *cursor) number(n uint64) uint64 {
	var whole [8]byte
	copy(whole[:], c.bytes(n))
	return binary.LittleEndian.Uint64(whole[:])
}

// length is a number that says itself how long it is, or the mark of NULL.
func (c *cursor) length() (n uint64, null bool) {
	switch first := c.number(1); first {
	case 0xfb:
		return 0, true
	case 0xfc:
		return c.number(2), false
	case 0xfd:
		return c.number(3), false
	case 0xfe:
		return c.number(8), false
	case 0xff:
		c.short = true
		return 0, false
	default:
		return first, false
	}
}

// text is a text behind its length; nil for NULL, never nil otherwise.
func (c *cursor) text() []byte {
	n, null := c.length()
	if null {
		return nil
	}
	return c.bytes(n)
}

// terminated is a text up to a zero byte, or to the end.
func (c *cursor) terminated() string {
	for i, b := range c.rest {
		if b == 0 {
			out := string(c.rest[:i])
			c.rest = c.rest[i+1:]
			return out
		}
	}
	out := string(c.rest)
	c.rest = nil
	return out
}

// appendText appends a text behind its length.
func appendText(to []byte, text string) []byte {
	switch n := len(text); {
	case n < 0xfb:
		to = append(to, byte(n))
	case n < 1<<16:
		to = append(to, 0xfc, byte(n), byte(n>>8))
	case n < 1<<24:
		to = append(to, 0xfd, byte(n), byte(n>>8), byte(n>>16))
	default:
		to = binary.LittleEndian.AppendUint64(append(to, 0xfe), uint64(n))
	}
	return append(to, text...)
}
