package mysql

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"patchbay/connectors"
	"patchbay/secret"
)

// A rogue is a server that greets and lets everybody in, and then answers each command by its script.
type rogue struct {
	net.Conn
	number byte
}

// startRogue starts a server. answer is the packets to a command, without their heads; nil: an OK.
func startRogue(t *testing.T, greeting []byte, answer func(text string) [][]byte) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go (&rogue{Conn: c}).serve(greeting, answer)
		}
	}()
	return l.Addr().String()
}

func (r *rogue) serve(greeting []byte, answer func(string) [][]byte) {
	defer func() { _ = r.Close() }()
	if r.send(greeting) != nil {
		return
	}
	if _, err := r.hear(); err != nil || r.send(okPacket) != nil {
		return
	}
	for {
		command, err := r.hear()
		if err != nil || len(command) == 0 {
			return
		}
		packets := answer(string(command[1:]))
		if packets == nil {
			packets = [][]byte{okPacket}
		}
		for _, p := range packets {
			if r.send(p) != nil {
				return
			}
		}
	}
}

func (r *rogue) hear() ([]byte, error) {
	var head [headLength]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	r.number = head[3] + 1
	body := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
	_, err := io.ReadFull(r, body)
	return body, err
}

func (r *rogue) send(body []byte) error {
	for {
		part := body[:min(len(body), fullPacket)]
		body = body[len(part):]
		head := []byte{byte(len(part)), byte(len(part) >> 8), byte(len(part) >> 16), r.number}
		r.number++
		if _, err := r.Write(append(head, part...)); err != nil || len(part) < fullPacket {
			return err
		}
	}
}

var (
	okPacket  = []byte{0, 0, 0, 2, 0, 0, 0}
	endPacket = []byte{0xfe, 0, 0, 2, 0}
)

// friendly greets as MySQL does, without TLS.
func friendly() []byte {
	const can = 1<<0 | 1<<2 | 1<<3 | 1<<9 | 1<<15 | 1<<19 // long password, long flag, database, protocol 4.1, seed, methods
	g := append([]byte{protocolVersion}, "8.0.99\x00"...)
	g = append(binary.LittleEndian.AppendUint32(g, 7), "12345678\x00"...)
	g = append(binary.LittleEndian.AppendUint16(g, can&0xffff), 45, 2, 0)
	g = append(binary.LittleEndian.AppendUint16(g, can>>16), 21)
	g = append(append(g, make([]byte, 10)...), "123456789012\x00"...)
	return append(g, "mysql_native_password\x00"...)
}

func openAt(t *testing.T, address string) (connectors.Source, error) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return open(ctx, connectors.Target{
		Values:  connectors.Values{"host": host, "port": port, "user": "me", "database": "d", "auth": authPassword, "tls_mode": "disable"},
		Secrets: connectors.Secrets{"password": secret.New("canary-4711")},
		Dial:    (&net.Dialer{}).DialContext, Step: func(connectors.Step) {},
	})
}

// oneCell is an answer of one row with one column.
func oneCell(value string) [][]byte {
	const text = 253
	column := append([]byte{3, 'd', 'e', 'f', 0, 0, 0, 1, 'n', 0, 12}, 45, 0, 80, 0, 0, 0, text, 0, 0, 0, 0, 0)
	return [][]byte{{1}, column, endPacket, append([]byte{byte(len(value))}, value...), endPacket}
}

// answering answers what opening asks, and the statement nonsense by its own.
func answering(nonsense func() [][]byte) func(string) [][]byte {
	return func(text string) [][]byte {
		switch {
		case strings.HasPrefix(text, "select @@version"):
			return oneCell("8.0.99")
		case strings.HasPrefix(text, "select connection_id"):
			return oneCell("7")
		case strings.Contains(text, "nonsense"):
			return nonsense()
		}
		return nil
	}
}

// A server cannot name how much memory we take, asks for no file of ours, and what it says that makes no sense is an error (P9, P24).
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	packets := func(p ...[]byte) func() [][]byte { return func() [][]byte { return p } }
	row := func(body []byte) func() [][]byte { return packets(append(oneCell("x")[:3], body)...) }
	for name, c := range map[string]struct {
		answer func() [][]byte
		want   connectors.Cause
	}{
		"2^60 columns":               {packets([]byte{0xfe, 0, 0, 0, 0, 0, 0, 0, 0x10}), connectors.CauseLost},
		"2^23 columns":               {packets([]byte{0xfd, 0, 0, 0x80}), connectors.CauseLost},
		"2^60 columns after an OK":   {packets([]byte{0, 0, 0, 8 | 2, 0, 0, 0}, []byte{0xfe, 0, 0, 0, 0, 0, 0, 0, 0x10}), connectors.CauseLost},
		"a row of 80 MB":             {row(bytes.Repeat([]byte{'x'}, 80<<20)), connectors.CauseLimit},
		"a cell longer than its row": {row([]byte{0xfe, 255, 255, 255, 255, 255, 255, 255, 255}), ""}, // the driver takes it for the end
		"a file":                     {packets(append([]byte{packetFile}, "/etc/passwd"...)), connectors.CauseDenied},
		"an empty answer":            {packets([]byte{}), connectors.CauseLost},
	} {
		src, err := openAt(t, startRogue(t, friendly(), answering(c.answer)))
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err = run(t.Context(), src, connectors.Statement{SQL: "nonsense"})
		runtime.ReadMemStats(&after)
		if e := classify(err); c.want == "" && err != nil || c.want != "" && (e == nil || e.Cause != c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if after.Sys > before.Sys+512<<20 {
			t.Errorf("%s: %d MB of memory", name, (after.Sys-before.Sys)>>20)
		}
		if got := one(t, src, "select connection_id()"); got != "7" {
			t.Errorf("%s: the next statement answers %q", name, got)
		}
		if err := src.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is no MySQL server is told from one that is broken, and one without TLS from one with.
func TestNotMySQL(t *testing.T) {
	t.Parallel()
	for banner, want := range map[string]connectors.Cause{
		"HTTP/1.1 400 Bad Request\r\n\r\n": connectors.CauseUnreachable, "SSH-2.0-OpenSSH_9.2\r\n": connectors.CauseUnreachable,
		"\x01\x00\x00\x00\x09": connectors.CauseUnreachable, "\x17\x00\x00\x00\xff\x10\x04Too many connections": connectors.CauseLimit,
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write([]byte(banner))
				_ = c.Close()
			}
		}()
		_, err = openAt(t, l.Addr().String())
		if e := classify(err); e == nil || e.Cause != want {
			t.Errorf("%q: %v, want %s", banner, err, want)
		}
		_ = l.Close()
	}
}

// What someone between says before TLS begins is never read as the server's (CVE-2021-23222 was of this kind).
func TestNothingBeforeTLS(t *testing.T) {
	t.Parallel()
	greeting := friendly()
	greeting[1+len("8.0.99")+1+4+8+1+1] |= canTLS >> 8
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			said := append([]byte{byte(len(greeting)), 0, 0, 0}, greeting...)
			_, _ = c.Write(append(said, 7, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0)) // an OK, ahead of its time
		}
	}()
	where := target(t, both(t)["MariaDB"])
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	where.Values["host"], where.Values["port"] = "127.0.0.1", port
	if _, err := open(t.Context(), where); !errors.Is(err, errEarlyData) {
		t.Errorf("%v", err)
	}
}
