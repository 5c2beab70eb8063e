package transport

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	gliderssh "github.com/gliderlabs/ssh"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
)

// A bastion is a real SSH server that forwards to anything on this machine.
type bastion struct {
	host, port string
	hostKey    ssh.Signer
	user       ssh.Signer // the key that may sign in; the password is "sesame"
	server     *gliderssh.Server
	mu         sync.Mutex
	sessions   []net.Conn
	asked      []string // what was asked to be forwarded to
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func startBastion(t *testing.T) *bastion {
	t.Helper()
	b := &bastion{hostKey: newSigner(t), user: newSigner(t)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.host, b.port, _ = net.SplitHostPort(l.Addr().String())
	b.server = &gliderssh.Server{
		PublicKeyHandler: func(_ gliderssh.Context, key gliderssh.PublicKey) bool {
			return gliderssh.KeysEqual(key, b.user.PublicKey())
		},
		PasswordHandler: func(_ gliderssh.Context, password string) bool { return password == "sesame" },
		LocalPortForwardingCallback: func(_ gliderssh.Context, host string, port uint32) bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.asked = append(b.asked, fmt.Sprintf("%s:%d", host, port))
			return host != "forbidden.example"
		},
		ConnCallback: func(_ gliderssh.Context, c net.Conn) net.Conn {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.sessions = append(b.sessions, c)
			return c
		},
		ChannelHandlers: map[string]gliderssh.ChannelHandler{"direct-tcpip": gliderssh.DirectTCPIPHandler},
	}
	b.server.AddHostKey(b.hostKey)
	go func() { _ = b.server.Serve(l) }()
	t.Cleanup(func() { _ = b.server.Close() })
	return b
}

// drop breaks every session, as a firewall does, and says how many there were.
func (b *bastion) drop() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.sessions)
	for _, c := range b.sessions {
		_ = c.Close()
	}
	b.sessions = nil
	return n
}

func (b *bastion) hop() Hop {
	return Hop{Host: b.host, Port: b.port, User: "me", Key: b.user, HostKey: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(b.hostKey.PublicKey())))}
}

func open(t *testing.T, hop Hop, trace Trace) *Tunnel {
	t.Helper()
	d := NewDialer(Policy{AllowPrivate: true}, trace)
	tunnel := NewTunnel(hop, d)
	t.Cleanup(func() { tunnel.Close(); d.Close() })
	return tunnel
}

// echo answers each line with itself; "silence" is answered by nothing.
func echo(t *testing.T) (port string) {
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
			go func() {
				defer c.Close()
				lines := bufio.NewScanner(c)
				for lines.Scan() {
					if lines.Text() != "silence" {
						_, _ = fmt.Fprintln(c, lines.Text())
					}
				}
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

func say(t *testing.T, c net.Conn, line string) {
	t.Helper()
	if _, err := fmt.Fprintln(c, line); err != nil {
		t.Fatal(err)
	}
	got, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || got != line+"\n" {
		t.Fatalf("said %q, heard %q, %v", line, got, err)
	}
}

func TestTunnelDials(t *testing.T) {
	b, port := startBastion(t), echo(t)
	var stages []string
	tunnel := open(t, b.hop(), func(s Stage, detail string) { stages = append(stages, string(s)) })
	c, err := tunnel.Dial(t.Context(), "tcp", "localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	say(t, c, "hello")
	if got, want := strings.Join(stages, " "), "lookup ssh-connect ssh-host-key ssh-sign-in connect"; got != want {
		t.Errorf("stages %s, want %s", got, want)
	}
	if !strings.HasPrefix(b.asked[0], "localhost:") {
		t.Errorf("the host was asked for %s: names are looked up behind the tunnel", b.asked[0])
	}
	local, remote := c.LocalAddr().(*net.TCPAddr), c.RemoteAddr().(*net.TCPAddr)
	if local.Port == 0 || fmt.Sprint(remote.Port) != port {
		t.Errorf("addresses %v and %v", local, remote)
	}
	again, err := tunnel.Dial(t.Context(), "tcp", remote.String()) // as drivers do to cancel a statement
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	say(t, again, "the same place")
	if b.asked[1] != b.asked[0] {
		t.Errorf("the remote address led to %s", b.asked[1])
	}
	if n := b.drop(); n != 1 {
		t.Errorf("%d sessions to the SSH host, want one shared", n)
	}
}

func TestTunnelDeadlines(t *testing.T) {
	b, port := startBastion(t), echo(t)
	tunnel := open(t, b.hop(), nil)
	c, err := tunnel.Dial(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("the deadline took %v", took)
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	say(t, c, "still there")

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	watched, err := tunnel.Dial(ctx, "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watched.Read(make([]byte, 1)); err == nil {
		t.Error("a silent server outlived ctx")
	}
}

func TestTunnelOpensAgain(t *testing.T) {
	b, port := startBastion(t), echo(t)
	tunnel := open(t, b.hop(), nil)
	first, err := tunnel.Dial(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	say(t, first, "one")
	b.drop()
	if _, err := first.Read(make([]byte, 1)); err == nil {
		t.Error("a connection outlived its session")
	}
	for range 50 { // the session is given up as soon as the break is noticed
		second, err := tunnel.Dial(t.Context(), "tcp", "127.0.0.1:"+port)
		if err == nil {
			say(t, second, "two")
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the tunnel was not opened again")
}

func TestTunnelHostKey(t *testing.T) {
	b, port := startBastion(t), echo(t)
	hop := b.hop()
	known := hop.HostKey

	other := newSigner(t)
	hop.HostKey = string(ssh.MarshalAuthorizedKey(other.PublicKey()))
	_, err := open(t, hop, nil).Dial(t.Context(), "tcp", "127.0.0.1:"+port)
	var wrong *HostKeyError
	if !errors.As(err, &wrong) || wrong.Got != Fingerprint(b.hostKey.PublicKey()) || wrong.Want != Fingerprint(other.PublicKey()) {
		t.Errorf("changed key: %v", err)
	}

	hop.HostKey = ""
	if _, err := open(t, hop, nil).Dial(t.Context(), "tcp", "127.0.0.1:"+port); !errors.As(err, &wrong) || wrong.Want != "" || wrong.GotKey != known {
		t.Errorf("unknown key: %v", err)
	}
	var pinned string
	hop.Pin = func(key string) error { pinned = key; return nil }
	if _, err := open(t, hop, nil).Dial(t.Context(), "tcp", "127.0.0.1:"+port); err != nil || pinned != known {
		t.Errorf("first use: %v, pinned %s", err, pinned)
	}
	hop.Password, hop.Key = "sesame", nil
	hop.Pin = func(string) error { return errors.New("cannot be kept") }
	if _, err := open(t, hop, nil).Dial(t.Context(), "tcp", "127.0.0.1:"+port); err == nil {
		t.Error("a key that could not be pinned was trusted")
	}
}

func TestTunnelSignIn(t *testing.T) {
	b, port := startBastion(t), echo(t)
	hop := b.hop()
	hop.Key, hop.Password = nil, "sesame"
	if _, err := open(t, hop, nil).Dial(t.Context(), "tcp", "127.0.0.1:"+port); err != nil {
		t.Errorf("by password: %v", err)
	}
	hop.Password = "wrong"
	_, err := open(t, hop, nil).Dial(t.Context(), "tcp", "127.0.0.1:"+port)
	var refused *TunnelError
	if !errors.As(err, &refused) || !refused.SignIn || strings.Contains(err.Error(), "wrong") {
		t.Errorf("wrong password: %v", err)
	}
	hop.Key, hop.Password = newSigner(t), ""
	if _, err := open(t, hop, nil).Dial(t.Context(), "tcp", "127.0.0.1:"+port); !errors.As(err, &refused) || !refused.SignIn {
		t.Errorf("wrong key: %v", err)
	}
}

func TestTunnelRefusals(t *testing.T) {
	b, port := startBastion(t), echo(t)
	tunnel := open(t, b.hop(), nil)
	var refused *RefusedError
	for _, to := range []string{"169.254.169.254:80", "[fe80::1]:80", "[::ffff:169.254.169.254]:80"} {
		if _, err := tunnel.Dial(t.Context(), "tcp", to); !errors.As(err, &refused) {
			t.Errorf("%s behind the tunnel: %v", to, err)
		}
	}
	strict := NewTunnel(b.hop(), NewDialer(Policy{}, nil))
	for _, to := range []string{"10.0.0.1:80", "127.0.0.1:" + port, "localhost:" + port, "LocalHost.:" + port} {
		if _, err := strict.Dial(t.Context(), "tcp", to); !errors.As(err, &refused) {
			t.Errorf("%s behind a tunnel without private addresses: %v", to, err)
		}
	}
	if _, err := strict.Dial(t.Context(), "tcp", "db.example:5432"); !errors.As(err, &refused) {
		t.Errorf("an SSH host at a private address: %v", err)
	}
	var no *TunnelError
	if _, err := tunnel.Dial(t.Context(), "tcp", "forbidden.example:1"); !errors.As(err, &no) || no.SignIn {
		t.Errorf("not forwarded: %v", err)
	}
	closed, _ := net.Listen("tcp", "127.0.0.1:0")
	_ = closed.Close()
	var unreachable *UnreachableError
	if _, err := tunnel.Dial(t.Context(), "tcp", closed.Addr().String()); !errors.As(err, &unreachable) {
		t.Errorf("a closed port behind the tunnel: %v", err)
	}
	if len(b.asked) != 2 {
		t.Errorf("the SSH host was asked for %v", b.asked)
	}
}

// What answers on the SSH port may be anything.
func TestTunnelHostileHosts(t *testing.T) {
	for name, greet := range map[string]func(net.Conn){
		"silent":   func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"a banner": func(c net.Conn) { _, _ = io.WriteString(c, "220 mail.example ESMTP\r\n"); _ = c.Close() },
		"endless": func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, strings.Repeat("x", 4096)); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				if c, err := l.Accept(); err == nil {
					defer c.Close()
					greet(c)
				}
			}()
			at := netip.MustParseAddrPort(l.Addr().String())
			hop := Hop{Host: at.Addr().String(), Port: fmt.Sprint(at.Port()), User: "me", Password: "sesame", Pin: func(string) error { return nil }}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err = open(t, hop, nil).Dial(ctx, "tcp", "db:5432")
			if err == nil || strings.Contains(err.Error(), "ESMTP") || time.Since(began) > time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		})
	}
}

func TestTunnelLeavesNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("use", func(t *testing.T) {
		b, port := startBastion(t), echo(t)
		d := NewDialer(Policy{AllowPrivate: true}, nil)
		tunnel := NewTunnel(b.hop(), d)
		for range 5 {
			c, err := tunnel.Dial(t.Context(), "tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Fatal(err)
			}
			say(t, c, "x")
		}
		tunnel.Close() // the connections are left to it
		d.Close()
		if _, err := tunnel.Dial(t.Context(), "tcp", "127.0.0.1:"+port); err == nil {
			t.Error("a closed tunnel dials")
		}
	})
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}
