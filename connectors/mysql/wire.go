package mysql

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/go-sql-driver/mysql"
)

// The driver believes a server that says how many columns an answer has, and makes room for all of them at once: a hostile one
// could end the process by saying 2^40 (P24). A wire stands between the driver and the network, reads the packets' heads, and
// refuses such an answer before the driver sees it. To read them it does TLS itself, in the place where the driver would: after
// the server's greeting the client asks for TLS with the first part of its login, and repeats it under TLS. The driver knows
// nothing of that, so the packets of signing in are numbered one higher on the network than it numbers them.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
type wire struct {
	net.Conn // what is read and written: the network, then TLS on it
	socket   net.Conn
	closed   func()
	ctx      context.Context
	tls      *tls.Config // nil: TLS is off
	password string
	failed   func(error) // is told why the wire refused something: the driver would say that the connection broke
	in       *bufio.Reader

	phase phase
	under bool   // TLS is on
	head  []byte // of a packet, still to be handed to the driver
	rest  int    // bytes of the packet's body still to come
	whole int    // bytes so far of a message that takes several packets
	fits  bool   // the next packet says how many columns there are
}

type phase int

const (
	greeting phase = iota
	signingIn
	commands
)

// maxColumns is the most that MySQL takes in one answer.
// https://dev.mysql.com/doc/refman/8.0/en/column-count-limit.html
const maxColumns = 4096

// A packet is a head of four bytes, its body's length and its number, and the body. A body of the greatest length goes on in the
// next packet.
const (
	headLength = 4
	fullPacket = 1<<24 - 1
)

var (
	errColumns   = errors.New("the server announces more columns than MySQL has")
	errTooLarge  = errors.New("one row of the server is larger than 64 MiB")
	errFile      = errors.New("the server asks for a file of ours")
	errNotMySQL  = errors.New("what answers there is no MySQL server")
	errEarlyData = errors.New("the server sent more than its greeting before TLS began")
)

// Close closes the socket at once; a server is told nothing.
func (w *wire) Close() error {
	w.closed()
	return w.socket.Close()
}

// Read hands over as much as has come.
func (w *wire) Read(p []byte) (n int, err error) {
	for n < len(p) {
		switch {
		case len(w.head) > 0:
			taken := copy(p[n:], w.head)
			w.head, n = w.head[taken:], n+taken
		case w.rest > 0:
			if n > 0 && w.in.Buffered() == 0 {
				return n, nil
			}
			read, err := w.in.Read(p[n:min(len(p), n+w.rest)])
			w.rest, n = w.rest-read, n+read
			if err != nil {
				return n, err
			}
		default:
			if n > 0 && (w.phase != commands || w.in.Buffered() < headLength) { // packets of signing in come one at a time
				return n, nil
			}
			if err := w.next(); err != nil {
				w.failed(err)
				return n, err
			}
		}
	}
	return n, nil
}

// next reads the head of a packet and the first bytes behind it, and judges them.
func (w *wire) next() error {
	var head [headLength]byte
	if _, err := io.ReadFull(w.in, head[:]); err != nil {
		return err
	}
	w.rest = int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if w.whole += w.rest; w.whole > maxPacket {
		return errTooLarge
	}
	begin, err := w.in.Peek(min(w.rest, 9))
	if err != nil && w.rest > 0 {
		return err
	}
	switch w.phase {
	case greeting:
		err = w.greeted(begin)
	case signingIn:
		if w.under {
			head[3]--
		}
		if len(begin) > 0 && begin[0] == 0 {
			w.phase = commands // let in
		}
	case commands:
		err = w.answered(begin)
	}
	if w.rest < fullPacket {
		w.whole = 0
	}
	w.head = head[:]
	return err
}

// protocolVersion begins every greeting since MySQL 3.21. A server that lets nobody in begins with an error.
const (
	protocolVersion = 10
	packetError     = 0xff
	packetOK        = 0
	packetFile      = 0xfb
)

// greeted judges the greeting. Whether the server has TLS is said behind its version, whose length is not known.
func (w *wire) greeted(begin []byte) error {
	if len(begin) == 0 || begin[0] != protocolVersion && begin[0] != packetError || w.rest > w.in.Size() {
		return errNotMySQL
	}
	w.phase = signingIn
	if w.tls == nil || begin[0] == packetError {
		return nil
	}
	all, err := w.in.Peek(w.rest)
	if err != nil {
		return err
	}
	for at := 1; at < len(all); at++ {
		if all[at] == 0 { // then the connection's id (4), a part of the seed (8) and a zero
			if at+16 <= len(all) && binary.LittleEndian.Uint16(all[at+14:])&canTLS != 0 {
				return nil
			}
			break
		}
	}
	return mysql.ErrNoTLS
}

// answered judges the first packet of an answer to a statement: one that changed something may be followed by another.
func (w *wire) answered(begin []byte) error {
	if !w.fits {
		return nil
	}
	switch {
	case len(begin) == 0:
		return mysql.ErrMalformPkt
	case begin[0] == packetOK:
		return nil
	case begin[0] == packetFile:
		return errFile
	case begin[0] == packetError:
		w.fits = false
		return nil
	}
	w.fits = false
	columns := uint64(begin[0])
	if begin[0] >= packetFile {
		var wide [8]byte
		copy(wide[:], begin[1:min(len(begin), 1+map[byte]int{0xfc: 2, 0xfd: 3, 0xfe: 8}[begin[0]])])
		columns = binary.LittleEndian.Uint64(wide[:])
	}
	if columns > maxColumns {
		return fmt.Errorf("%w: %d", errColumns, columns)
	}
	return nil
}

// Flags of what a server or client can.
const canTLS = 1 << 11

// The commands that an answer with columns follows.
const (
	commandQuery   = 3
	commandExecute = 23
)

// Write sends packets, each of which the driver writes in one piece.
func (w *wire) Write(p []byte) (int, error) {
	switch {
	case w.phase == commands && len(p) > headLength && p[3] == 0:
		w.fits = p[headLength] == commandQuery || p[headLength] == commandExecute
	case w.phase == signingIn && w.tls != nil && !w.under:
		if err := w.begin(p); err != nil {
			w.failed(err)
			return 0, err
		}
		fallthrough
	case w.phase == signingIn && w.under:
		return len(p), w.login(p)
	}
	return w.Conn.Write(p)
}

// login sends a packet of signing in under TLS. Where the driver asks for the key to encrypt the password with
// (sha256_password), a server takes the password itself.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_authentication_methods_sha256_password_authentication.html
func (w *wire) login(p []byte) error {
	number, body := p[3]+1, p[headLength:]
	if bytes.Equal(body, []byte{1}) {
		body = append([]byte(w.password), 0)
	}
	length := len(body)
	_, err := w.Conn.Write(append([]byte{byte(length), byte(length >> 8), byte(length >> 16), number}, body...))
	return err
}

// requestLength is how much of a login asks for TLS: flags, longest packet, character set and filler.
const requestLength = 32

// begin asks for TLS with the first part of the driver's login, into which it writes that TLS is used.
func (w *wire) begin(login []byte) error {
	if len(login) < headLength+requestLength {
		return errors.New("the driver's login is too short")
	}
	if w.in.Buffered() > 0 {
		return errEarlyData // written by who stands between, to be read as if it came under TLS
	}
	login[headLength+1] |= canTLS >> 8
	request := append([]byte{requestLength, 0, 0, 1}, login[headLength:headLength+requestLength]...)
	if _, err := w.Conn.Write(request); err != nil {
		return err
	}
	encrypted := tls.Client(w.Conn, w.tls)
	if err := encrypted.HandshakeContext(w.ctx); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	w.Conn, w.under = encrypted, true
	w.in.Reset(encrypted)
	return nil
}
