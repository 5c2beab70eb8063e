package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func ourAddresses(t *testing.T) []netip.Addr {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var out []netip.Addr
	for _, a := range addrs {
		out = append(out, netip.MustParsePrefix(a.String()).Addr().Unmap())
	}
	return out
}

// listen is a server that holds what connects to it, silently, and counts.
func listen(t *testing.T) (addr string, accepted *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted = new(atomic.Int32)
	var held sync.WaitGroup
	held.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			held.Go(func() { _, _ = io.Copy(io.Discard, c); _ = c.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String(), accepted
}

func TestDialRefusesBeforeAnythingIsSent(t *testing.T) {
	addr, accepted := listen(t)
	_, port, _ := net.SplitHostPort(addr)
	for _, to := range []string{addr, "localhost:" + port, "[::ffff:127.0.0.1]:" + port} {
		_, err := NewDialer(Policy{}, nil).Dial(t.Context(), "tcp", to)
		var refused *RefusedError
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v, want a refusal", to, err)
		}
	}
	for _, to := range []string{"2852039166:80", "0xa9fea9fe:80", "0251.0376.0251.0376:80", "127.1:" + port, "nosuch.invalid:80", ":80", "host", "host:http"} {
		_, err := NewDialer(Policy{}, nil).Dial(t.Context(), "tcp", to)
		var unknown *LookupError
		var refused *RefusedError
		if !errors.As(err, &unknown) && !errors.As(err, &refused) {
			t.Errorf("%s: %v, want no address or a refusal", to, err)
		}
	}
	if _, err := NewDialer(Policy{AllowPrivate: true}, nil).Dial(t.Context(), "unix", "/run/x.sock"); err == nil {
		t.Error("a Unix socket was dialled")
	}
	own := Policy{AllowPrivate: true, Own: []netip.AddrPort{netip.MustParseAddrPort(addr)}}
	if _, err := NewDialer(own, nil).Dial(t.Context(), "tcp", "localhost:"+port); err == nil {
		t.Error("our own listener was dialled")
	}
	if n := accepted.Load(); n != 0 {
		t.Errorf("%d connections arrived", n)
	}
}

// nameServer answers each question for an IPv4 address with the next of addresses, the last one ever after.
func nameServer(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response = true
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				a := netip.MustParseAddr(addresses[0]).As4()
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: &dnsmessage.AResource{A: a}}}
				addresses = addresses[min(1, len(addresses)-1):]
			}
			m.Additionals = nil
			if out, err := m.Pack(); err == nil {
				_, _ = server.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// A name that is public when it is first looked up, and loopback when it is looked up again, gains nothing.
func TestDialRebinding(t *testing.T) {
	addr, accepted := listen(t)
	_, port, _ := net.SplitHostPort(addr)
	d := NewDialer(Policy{}, nil)
	d.resolver = nameServer(t, "192.0.2.1", "127.0.0.1")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var unreachable *UnreachableError
	if _, err := d.Dial(ctx, "tcp", "rebind.example:"+port); !errors.As(err, &unreachable) {
		t.Errorf("first: %v, want that 192.0.2.1 is not reached", err)
	}
	var refused *RefusedError
	if _, err := d.Dial(t.Context(), "tcp", "rebind.example:"+port); !errors.As(err, &refused) {
		t.Errorf("second: %v, want a refusal", err)
	}
	if accepted.Load() != 0 {
		t.Error("loopback was reached")
	}
}

func TestDialTraces(t *testing.T) {
	addr, _ := listen(t)
	var got []string
	d := NewDialer(Policy{AllowPrivate: true}, func(s Stage, detail string) { got = append(got, string(s)+": "+detail) })
	d.resolver = nameServer(t, "127.0.0.1")
	_, port, _ := net.SplitHostPort(addr)
	c, err := d.Dial(t.Context(), "tcp", "db.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if want := "lookup: db.example is 127.0.0.1, connect: " + addr + " answers"; strings.Join(got, ", ") != want {
		t.Errorf("traced %q, want %q", strings.Join(got, ", "), want)
	}
}

// A silent server does not outlive ctx; a connection whose handshake is over does.
func TestDialWatches(t *testing.T) {
	addr, _ := listen(t)
	d := NewDialer(Policy{AllowPrivate: true}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	silent, err := d.Dial(ctx, "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	established, err := d.Dial(ctx, "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	Established(established)
	cancel()
	began := time.Now()
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read of a silent server after ctx ended: %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
	if _, err := established.Write([]byte("x")); err != nil {
		t.Errorf("an established connection was closed: %v", err)
	}
	d.Cut()
	if _, err := established.Read(make([]byte, 1)); err == nil {
		t.Error("a connection outlived Cut")
	}
	d.Close()
	if _, err := d.Dial(t.Context(), "tcp", addr); err == nil {
		t.Error("a closed dialer dials")
	}
}

func TestDialRefusedPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	_, err = NewDialer(Policy{AllowPrivate: true}, nil).Dial(t.Context(), "tcp", addr)
	var unreachable *UnreachableError
	if !errors.As(err, &unreachable) || err.Error() != "dial "+addr+": connection refused" {
		t.Errorf("%v", err)
	}
}
