package conformance

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gliderssh "github.com/gliderlabs/ssh"
	"golang.org/x/crypto/ssh"

	"patchbay/connectors"
	"patchbay/secret"
)

var tunnelChecks = []check{
	{"SSH tunnel", network, checkTunnel},
	{"SSH host key", network, checkTunnelHostKey},
	{"SSH cancel", needsCancel, checkTunnelCancel},
	{"SSH dropped", network, checkTunnelDropped},
}

func needsCancel(s *Subject) string {
	if !s.Connector.Tunnel {
		return "no network"
	}
	return needsRunning(s)
}

// A bastion is an SSH host inside the test, which forwards to anything.
type bastion struct {
	host, port, key string
	forwarded       atomic.Int32
	mu              sync.Mutex
	sessions        []net.Conn
}

const bastionPassword = "open sesame 4711"

func startBastion(t *T) *bastion {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatalf("%v", err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatalf("%v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("%v", err)
	}
	b := &bastion{key: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))}
	b.host, b.port, _ = net.SplitHostPort(l.Addr().String())
	server := &gliderssh.Server{
		PasswordHandler:             func(_ gliderssh.Context, password string) bool { return password == bastionPassword },
		LocalPortForwardingCallback: func(gliderssh.Context, string, uint32) bool { b.forwarded.Add(1); return true },
		ChannelHandlers:             map[string]gliderssh.ChannelHandler{"direct-tcpip": gliderssh.DirectTCPIPHandler},
		ConnCallback: func(_ gliderssh.Context, c net.Conn) net.Conn {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.sessions = append(b.sessions, c)
			return c
		},
	}
	server.AddHostKey(signer)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return b
}

// drop breaks every session.
func (b *bastion) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.sessions {
		_ = c.Close()
	}
	b.sessions = nil
}

// through is the subject's request through the bastion.
func (b *bastion) through(s *Subject) connectors.Request {
	req := s.request(connectors.Values{"ssh_enabled": "true", "ssh_host": b.host, "ssh_port": b.port, "ssh_user": "me", "ssh_auth": "password", "ssh_host_key": b.key})
	req.Secrets["ssh_password"] = secret.New(bastionPassword)
	return req
}

func checkTunnel(t *T, s *Subject) {
	b := startBastion(t)
	report := t.test(b.through(s))
	var names []connectors.StepName
	for _, step := range report.Steps {
		names = append(names, step.Name)
	}
	if want := s.Connector.Steps(b.through(s).Values); !report.OK || !slices.Equal(names, want) || !slices.Contains(want, connectors.StepSSHSignIn) {
		t.Errorf("OK %v, steps %v, want %v", report.OK, names, want)
	}
	src := t.open(b.through(s))
	if got := t.one(src, "select 'through'"); got != "through" {
		t.Errorf("got %s", got)
	}
	if b.forwarded.Load() == 0 {
		t.Errorf("nothing was forwarded")
	}
	wrong := b.through(s)
	wrong.Secrets["ssh_password"] = secret.New("not-the-password-9")
	t.refused(wrong, connectors.CauseTunnel)
}

func checkTunnelHostKey(t *T, s *Subject) {
	b, other := startBastion(t), startBastion(t)
	changed := b.through(s)
	changed.Values["ssh_host_key"] = other.key
	if e := t.refused(changed, connectors.CauseHostKey); strings.Count(e.Message, "SHA256:") != 2 {
		t.Errorf("%q does not show both fingerprints", e.Message)
	}
	first := b.through(s)
	delete(first.Values, "ssh_host_key")
	t.refused(first, connectors.CauseHostKey)
	if report := t.test(first); !report.OK || report.HostKey != b.key {
		t.Errorf("a test of an unknown host: OK %v, key %q, want %q", report.OK, report.HostKey, b.key)
	}
	var pinned string
	first.PinHostKey = func(key string) error { pinned = key; return nil }
	t.open(first)
	if pinned != b.key {
		t.Errorf("pinned %q", pinned)
	}
}

// A cancel reaches the server through the tunnel too, though drivers dial the address that they see.
func checkTunnelCancel(t *T, s *Subject) {
	checkCancelBy(t, s, t.open(startBastion(t).through(s)))
}

// A dropped tunnel is opened again by the next statement, or the one after.
func checkTunnelDropped(t *T, s *Subject) {
	b := startBastion(t)
	src := t.open(b.through(s))
	t.one(src, "select 'before'")
	b.drop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		a, err := t.tryAsk(src, connectors.Statement{SQL: "select 'after'", ReadOnly: true})
		if err == nil {
			if len(a.rows) != 1 {
				t.Errorf("%d rows", len(a.rows))
			}
			return
		}
		t.cause(err, connectors.CauseLost, connectors.CauseTunnel, connectors.CauseUnreachable)
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the source does not come back")
}
