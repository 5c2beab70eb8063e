package mysql

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"strings"

	"patchbay/connectors/transport"
)

// Capabilities that are asked for, or looked for in a server.
// https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html
const (
	canLongPassword   = 1 << 0 // to MariaDB it says that its own extensions are not spoken
	canLongFlag       = 1 << 2
	canDatabase       = 1 << 3
	can41             = 1 << 9
	canTLS            = 1 << 11
	canTransactions   = 1 << 13
	canSecure         = 1 << 15
	canResults        = 1 << 17 // of procedures
	canPreparedResult = 1 << 18
	canPlugins        = 1 << 19
	canAttributes     = 1 << 20
	canLongAuth       = 1 << 21

	// wanted lacks two on purpose: several statements in one text, and handing over files of ours (P9).
	wanted = canLongPassword | canLongFlag | can41 | canTransactions | canSecure | canResults | canPreparedResult | canPlugins | canAttributes | canLongAuth
	needed = can41 | canSecure | canPlugins
)

// charset is utf8mb4_general_ci, which every version of every product knows.
const charset = 45

// maxGreeting bounds each packet before signing in is over.
const maxGreeting = 64 << 10

var (
	errNotMySQL = errors.New("what answers is no MySQL server")
	errTooOld   = errors.New("the server is older than MySQL 5.5.7")
	errNoTLS    = errors.New("the server does not offer TLS")
	errZeroByte = errors.New("the name of a user or database holds a zero byte")
)

// A login is what signing in takes.
type login struct {
	user, password, database string
	tls                      *tls.Config // nil: in clear
	verified                 bool        // TLS shows who the server is
}

// A greeting is what a server says first.
type greeting struct {
	version string
	id      uint32 // of the connection, for KILL
	can     uint32
	salt    []byte
	plugin  string
}

// signIn encrypts where that is asked for and signs in. Nothing of the login is sent before TLS is satisfied (P11).
func signIn(ctx context.Context, conn net.Conn, l login) (*wire, greeting, error) {
	w := newWire(conn)
	g, err := w.greeting()
	if err != nil {
		return nil, g, err
	}
	if strings.ContainsRune(l.user+l.database, 0) {
		return nil, g, errZeroByte
	}
	can := uint32(wanted) & (g.can | canLongPassword)
	if l.database != "" {
		can |= canDatabase
	}
	head := loginHead(can)
	if l.tls != nil {
		if g.can&canTLS == 0 {
			return nil, g, errNoTLS
		}
		head = loginHead(can | canTLS)
		if err := w.encrypt(ctx, head, l.tls); err != nil {
			return nil, g, err
		}
	}
	if err := w.authenticate(l, g, can, head); err != nil {
		return nil, g, err
	}
	transport.Established(w.conn)
	return w, g, nil
}

// greeting reads what the server says first.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
func (w *wire) greeting() (greeting, error) {
	var g greeting
	data, err := w.read(maxGreeting)
	switch {
	case errors.Is(err, errOutOfStep), errors.Is(err, errTooLarge), errors.Is(err, errMalformed):
		return g, errNotMySQL
	case err != nil:
		return g, err
	case data[0] == packetError:
		return g, signInError(data)
	case data[0] != 10:
		return g, errNotMySQL
	}
	c := cursor{rest: data[1:]}
	g.version, g.id = c.terminated(), uint32(c.number(4))
	g.salt = slices.Clone(c.bytes(8))
	c.bytes(1)
	low := c.number(2)
	c.bytes(3) // character set and status
	g.can = uint32(low | c.number(2)<<16)
	rest := max(int(c.number(1))-8, 13)
	c.bytes(10)
	if c.short || g.can&needed != needed {
		return g, errTooOld
	}
	second := c.bytes(uint64(min(rest, len(c.rest))))
	g.salt = append(g.salt, second[:max(len(second)-1, 0)]...) // its last byte is a zero
	g.plugin = c.terminated()
	return g, nil
}

// loginHead is how a login begins, and all of it that is sent in clear to ask for TLS.
func loginHead(can uint32) []byte {
	head := binary.LittleEndian.AppendUint32(nil, can)
	head = binary.LittleEndian.AppendUint32(head, maxPacket)
	return append(append(head, charset), make([]byte, 23)...)
}

func (w *wire) encrypt(ctx context.Context, head []byte, config *tls.Config) error {
	if err := w.write(head); err != nil {
		return err
	}
	secure := tls.Client(w.conn, config.Clone())
	if err := secure.HandshakeContext(ctx); err != nil {
		return err
	}
	w.over(secure)
	return nil
}

// authenticate sends the login and answers what the server asks, until it lets us in.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_response.html
func (w *wire) authenticate(l login, g greeting, can uint32, head []byte) error {
	p := proof{login: l, plugin: g.plugin, salt: g.salt}
	first, err := p.first()
	if err != nil { // the user's own method may be another: the server says so
		p.plugin = nativePassword
		if first, err = p.first(); err != nil {
			return err
		}
	}
	packet := append(append(head, l.user...), 0)
	packet = appendText(packet, string(first))
	if can&canDatabase != 0 {
		packet = append(append(packet, l.database...), 0)
	}
	packet = append(append(packet, p.plugin...), 0)
	if can&canAttributes != 0 {
		packet = appendText(packet, string(appendText(appendText(nil, "program_name"), "patchbay")))
	}
	if err := w.write(packet); err != nil {
		return err
	}
	const rounds = 16 // no server asks more often
	for range rounds {
		data, err := w.read(maxGreeting)
		switch {
		case err != nil:
			return err
		case data[0] == packetOK:
			return nil
		case data[0] == packetError:
			return signInError(data)
		}
		reply, err := p.reply(data)
		if err != nil {
			return err
		}
		if reply == nil {
			continue
		}
		if err := w.write(reply); err != nil {
			return err
		}
	}
	return errMalformed
}
