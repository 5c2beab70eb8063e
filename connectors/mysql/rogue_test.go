package mysql

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"patchbay/connectors"
	"patchbay/secret"
)

// A rogue is a server that greets and lets everybody in, and then answers each command by its script. It keeps what it hears.
type rogue struct {
	address string
	mu      sync.Mutex
	heard   bytes.Buffer
}

// startRogue starts a rogue. answer is the packets to a command, without their heads; nil: an OK.
func startRogue(t *testing.T, login func(*wire) error, answer func(command byte, text string) [][]byte) *rogue {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r := &rogue{address: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(c, login, answer)
		}
	}()
	return r
}

func (r *rogue) serve(c net.Conn, login func(*wire) error, answer func(byte, string) [][]byte) {
	defer func() { _ = c.Close() }()
	w := newWire(overheard{c, io.TeeReader(c, r)})
	if w.write(rogueGreeting(nativePassword)) != nil || login(w) != nil {
		return
	}
	for {
		w.sequence = 0
		command, err := w.read(maxPacket)
		if err != nil {
			return
		}
		packets := answer(command[0], string(command[1:]))
		if packets == nil {
			packets = [][]byte{okPacket}
		}
		for _, p := range packets {
			if w.write(p) != nil {
				return
			}
		}
	}
}

// An overheard connection is read by way of who listens.
type overheard struct {
	net.Conn
	from io.Reader
}

func (o overheard) Read(b []byte) (int, error) { return o.from.Read(b) }

// Write keeps what a client said.
func (r *rogue) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heard.Write(b)
}

func (r *rogue) hears(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Contains(r.heard.Bytes(), []byte(text))
}

var okPacket = []byte{0, 0, 0, 2, 0, 0, 0}

// letIn reads the login and is content.
func letIn(w *wire) error {
	if _, err := w.read(maxPacket); err != nil {
		return err
	}
	return w.write(okPacket)
}

func rogueGreeting(plugin string) []byte {
	g := append([]byte{10}, "8.0.99\x00"...)
	g = append(binary.LittleEndian.AppendUint32(g, 7), "12345678\x00"...)
	can := uint32(wanted | canDatabase)
	g = append(binary.LittleEndian.AppendUint16(g, uint16(can)), charset, 2, 0)
	g = append(binary.LittleEndian.AppendUint16(g, uint16(can>>16)), 21)
	g = append(append(g, make([]byte, 10)...), "123456789012\x00"...)
	return append(g, plugin+"\x00"...)
}

func (r *rogue) open(t *testing.T) (connectors.Source, error) {
	t.Helper()
	host, port, err := net.SplitHostPort(r.address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return open(ctx, connectors.Target{
		Values:  connectors.Values{"host": host, "port": port, "user": "me", "database": "d", "tls_mode": "disable"},
		Secrets: connectors.Secrets{"password": secret.New("canary-4711")},
		Dial:    (&net.Dialer{}).DialContext, Step: func(connectors.Step) {},
	})
}

// oneCell is the answer to the statement by which a session asks where it is.
func oneCell() [][]byte {
	return [][]byte{{1}, column("n"), {packetEnd, 0, 0, 2, 0}, {1, 'x'}, {packetEnd, 0, 0, 2, 0}}
}

func column(name string) []byte {
	d := []byte{3, 'd', 'e', 'f', 0, 0, 0}
	d = append(appendText(d, name), 0, 12)
	return append(d, charset, 0, 80, 0, 0, 0, kindVarString, 0, 0, 0, 0, 0)
}

// A server that answers a query with the request for a file of ours gets nothing (P9), even where the query asked for it.
func TestNoFileIsHandedOver(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("content-of-the-file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, asked := range []string{file, "Reader::" + file, "/etc/passwd", ""} {
		r := startRogue(t, letIn, func(_ byte, text string) [][]byte {
			switch {
			case strings.HasPrefix(text, "select concat_ws"):
				return oneCell()
			case strings.Contains(text, "give") || text == "":
				return [][]byte{append([]byte{packetFile}, asked...)}
			}
			return nil
		})
		src, err := r.open(t)
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{"select 'give'", "load data local infile '" + file + "' into table give"} {
			_, _, err := run(t.Context(), src, connectors.Statement{SQL: sql})
			if !errors.Is(err, errFile) || classify(err).Cause != connectors.CauseDenied {
				t.Errorf("%s: %v", asked, err)
			}
		}
		if err := src.Close(); err != nil {
			t.Error(err)
		}
		if r.hears("content-of-the-file") || r.hears("root:") {
			t.Errorf("%s: the file was sent", asked)
		}
	}
}

// A server cannot name how much memory we take, and nonsense is an error (P24).
func TestServerCannotTakeMemory(t *testing.T) {
	t.Parallel()
	endless := func() [][]byte {
		packets := [][]byte{{1}, column("n"), {packetEnd, 0, 0, 2, 0}}
		return append(packets, bytes.Repeat([]byte{'x'}, 80<<20))
	}
	for name, answer := range map[string]func() [][]byte{
		"2^60 columns":       func() [][]byte { return [][]byte{{0xfe, 0, 0, 0, 0, 0, 0, 0, 0x10}} },
		"a NULL of columns":  func() [][]byte { return [][]byte{{0xfb + 1}} },
		"a long description": func() [][]byte { return [][]byte{{1}, bytes.Repeat([]byte{'x'}, 1<<20)} },
		"a huge row":         endless,
		"a cell too long": func() [][]byte {
			return [][]byte{{1}, column("n"), {packetEnd, 0, 0, 2, 0}, {0xfe, 255, 255, 255, 255, 255, 255, 255, 255}}
		},
		"a row too long": func() [][]byte { return [][]byte{{1}, column("n"), {packetEnd, 0, 0, 2, 0}, {1, 'x', 1, 'y'}} },
		"an empty row":   func() [][]byte { return [][]byte{{1}, column("n"), {packetEnd, 0, 0, 2, 0}, {}} },
	} {
		r := startRogue(t, letIn, func(_ byte, text string) [][]byte {
			switch {
			case strings.HasPrefix(text, "select concat_ws"):
				return oneCell()
			case text == "nonsense":
				return answer()
			}
			return nil
		})
		src, err := r.open(t)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err = run(t.Context(), src, connectors.Statement{SQL: "nonsense"})
		runtime.ReadMemStats(&after)
		if e := classify(err); e == nil || e.Cause != connectors.CauseLost && e.Cause != connectors.CauseLimit {
			t.Errorf("%s: %v", name, err)
		}
		if grown := after.Sys - before.Sys; after.Sys > before.Sys && grown > 512<<20 {
			t.Errorf("%s: %d MB of memory", name, grown>>20)
		}
		if err := src.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server that cannot be held to read-only runs nothing.
func TestReadOnlyOrNothing(t *testing.T) {
	t.Parallel()
	refusal := append([]byte{packetError, 0xd3, 0x04}, "#42000This version does not yet support XA"...) // 1235
	r := startRogue(t, letIn, func(_ byte, text string) [][]byte {
		switch {
		case strings.HasPrefix(text, "select concat_ws"):
			return oneCell()
		case strings.HasPrefix(text, "xa start"):
			return [][]byte{refusal}
		}
		return nil
	})
	src, err := r.open(t)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	_, _, err = run(t.Context(), src, connectors.Statement{SQL: "select 'said'", ReadOnly: true})
	if e := classify(err); e == nil || e.Cause != connectors.CauseUnsupported || e.Hint == "" {
		t.Errorf("%v", err)
	}
	if _, _, err := run(t.Context(), src, connectors.Statement{SQL: "select 'written'"}); err != nil {
		t.Errorf("%v", err)
	}
	if r.hears("'said'") || !r.hears("'written'") {
		t.Error("what must be read-only was sent all the same, or what may write was not")
	}
}

// Whatever a server asks for while signing in, it does not get the password itself in clear (P11), and errors do not hold it
// (P14).
func TestPasswordIsNotSaid(t *testing.T) {
	t.Parallel()
	asks := func(packets ...[]byte) func(*wire) error {
		return func(w *wire) error {
			for _, p := range packets {
				if _, err := w.read(maxPacket); err != nil {
					return err
				}
				if err := w.write(p); err != nil {
					return err
				}
			}
			_, err := w.read(maxPacket)
			return err
		}
	}
	change := func(plugin string) []byte { return append([]byte{packetEnd}, plugin+"\x0012345678901234567890\x00"...) }
	for name, login := range map[string]func(*wire) error{
		"the password itself": asks(change(clearPassword)),
		"the oldest form":     asks([]byte{packetEnd}),
		"an unknown method":   asks(change("dialog")),
		"a key that is none":  asks(change(cachingSHA2), []byte{packetMore, fullWanted}, []byte{packetMore, 'k'}),
		"more without end":    asks(change(cachingSHA2), bytes.Repeat([]byte{packetMore}, 3)),
		"an error":            asks(append([]byte{packetError, 0x15, 0x04}, "#28000no canary"...)),
	} {
		r := startRogue(t, login, nil)
		_, err := r.open(t)
		e := classify(err)
		if e == nil || e.Cause != connectors.CauseSignIn && e.Cause != connectors.CauseLost || strings.Contains(err.Error(), "canary-4711") {
			t.Errorf("%s: %v", name, err)
		}
		if r.hears("canary-4711") {
			t.Errorf("%s: the password was sent", name)
		}
	}
}

// What is no MySQL server is told from one that is broken.
func TestNotMySQL(t *testing.T) {
	t.Parallel()
	for banner, want := range map[string]connectors.Cause{
		"HTTP/1.1 400 Bad Request\r\n\r\n": connectors.CauseUnreachable, "SSH-2.0-OpenSSH_9.2\r\n": connectors.CauseUnreachable,
		"\x01\x00\x00\x00\x09": connectors.CauseUnreachable, "\x05\x00\x00\x00\x0a5.0\x00": connectors.CauseUnsupported,
		"\x17\x00\x00\x00\xff\x10\x04Too many connections": connectors.CauseLimit, "": connectors.CauseLost,
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if c, err := l.Accept(); err == nil {
				_, _ = c.Write([]byte(banner))
				_ = c.Close()
			}
		}()
		_, err = (&rogue{address: l.Addr().String()}).open(t)
		if e := classify(err); e == nil || e.Cause != want {
			t.Errorf("%q: %v, want %s", banner, err, want)
		}
		_ = l.Close()
	}
}
