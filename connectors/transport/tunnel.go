package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Hop is the SSH host in front of a server, and how to sign in to it.
type Hop struct {
	Host, Port, User string
	Password         string     // either a password
	Key              ssh.Signer // or a key
	HostKey          string     // the key that it must show, as in known_hosts without the host; empty: not known yet
	// Pin is handed the key that the host shows while HostKey is empty, before anything is sent to it. An error ends the
	// connection. Nil: a host whose key is not known is refused.
	Pin func(hostKey string) error
}

// A HostKeyError is an SSH host that showed another key than it should.
type HostKeyError struct {
	Host   string
	Got    string // SHA256 fingerprint with the key's type
	Want   string // empty where no key was known
	GotKey string // the key as known_hosts has it
}

func (e *HostKeyError) Error() string {
	if e.Want == "" {
		return fmt.Sprintf("the key of SSH host %s is not known yet: it shows %s", e.Host, e.Got)
	}
	return fmt.Sprintf("SSH host %s shows the key %s, and %s was expected", e.Host, e.Got, e.Want)
}

// A TunnelError is an SSH host that would not sign us in or not forward.
type TunnelError struct {
	Host   string
	SignIn bool // signing in was refused; else the way on from there
	Words  string
}

func (e *TunnelError) Error() string { return "SSH host " + e.Host + ": " + e.Words }

// The times of a tunnel.
const (
	sshSignInTime  = 15 * time.Second
	sshForwardTime = 10 * time.Second
	sshAliveEvery  = 15 * time.Second
	sshAliveWithin = 10 * time.Second
)

// A Tunnel dials through an SSH host. Connections share one session to the host, which is opened when first needed, watched,
// and opened again after it broke.
type Tunnel struct {
	hop    Hop
	dialer *Dialer

	opening chan struct{} // holds a token while nobody is opening the session
	mu      sync.Mutex
	client  *ssh.Client
	targets map[netip.Addr]string // stand-in address -> host behind the tunnel
	closed  bool
}

// NewTunnel makes a tunnel whose SSH host is reached by dialer.
func NewTunnel(hop Hop, dialer *Dialer) *Tunnel {
	t := &Tunnel{hop: hop, dialer: dialer, opening: make(chan struct{}, 1), targets: map[netip.Addr]string{}}
	t.opening <- struct{}{}
	return t
}

// Dial is a DialFunc: it connects to addr from the SSH host. Names are looked up there.
func (t *Tunnel) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil, &RefusedError{addr, "no TCP address"}
	}
	host, port, err := splitAddress(addr)
	if err != nil {
		return nil, err
	}
	host = t.behind(host)
	if err := t.allow(host, port); err != nil {
		return nil, err
	}
	client, err := t.session(ctx)
	if err != nil {
		return nil, err
	}
	channel, err := t.forward(ctx, client, net.JoinHostPort(host, fmt.Sprint(port)))
	if err != nil {
		return nil, err
	}
	t.dialer.trace(StageConnect, fmt.Sprintf("%s answers through the tunnel", net.JoinHostPort(host, fmt.Sprint(port))))
	c := pump(channel, localAddr(client), &net.TCPAddr{IP: t.standIn(host).AsSlice(), Port: int(port)})
	c.handshake = watch(ctx, c.Conn)
	return c, nil
}

// allow asks the policy about a host behind the tunnel, where it is an address. Loopback there is the SSH host's own.
func (t *Tunnel) allow(host string, port uint16) error {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return nil
	}
	return t.dialer.policy.allowRange(netip.AddrPortFrom(ip, port))
}

// standIn is an address for a host whose own is not known on this side: drivers dial RemoteAddr again to cancel a statement.
// 100::/64 is the discard prefix (RFC 6666): nothing real has such an address.
func (t *Tunnel) standIn(host string) netip.Addr {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.WithZone("")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for ip, known := range t.targets {
		if known == host {
			return ip
		}
	}
	b := [16]byte{0: 1}
	binary.BigEndian.PutUint32(b[12:], uint32(len(t.targets)+1))
	ip := netip.AddrFrom16(b)
	t.targets[ip] = host
	return ip
}

// behind is the host that a stand-in stands for; every other host stands for itself.
func (t *Tunnel) behind(host string) string {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if real, ok := t.targets[ip]; ok {
		return real
	}
	return host
}

func localAddr(client *ssh.Client) *net.TCPAddr {
	if a, ok := client.LocalAddr().(*net.TCPAddr); ok {
		return a
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
}

// forward opens a channel to addr, and gives up with ctx: the SSH library does not.
func (t *Tunnel) forward(ctx context.Context, client *ssh.Client, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, sshForwardTime)
	defer cancel()
	c, err := client.DialContext(ctx, "tcp", addr)
	var refused *ssh.OpenChannelError
	switch {
	case err == nil:
		return c, nil
	case ctx.Err() != nil:
		return nil, &UnreachableError{Address: addr + " through the tunnel", cause: ctx.Err()}
	case errors.As(err, &refused) && refused.Reason == ssh.ConnectionFailed:
		return nil, &UnreachableError{Address: addr + " through the tunnel", cause: errors.New("the SSH host cannot reach it: " + refused.Message)}
	case errors.As(err, &refused):
		return nil, &TunnelError{Host: t.hop.Host, Words: "it does not forward to " + addr + ": " + refused.Message}
	}
	return nil, &TunnelError{Host: t.hop.Host, Words: "the session broke"}
}

// session is the open session to the SSH host. One caller opens it, the others wait for it or for their ctx.
func (t *Tunnel) session(ctx context.Context) (*ssh.Client, error) {
	select {
	case <-t.opening:
		defer func() { t.opening <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t.mu.Lock()
	client, closed := t.client, t.closed
	t.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed
	case client != nil:
		return client, nil
	}
	client, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errors.Join(errClosed, client.Close())
	}
	t.client = client
	go t.keepAlive(client)
	return client, nil
}

// connect dials the SSH host, checks its key and signs in.
func (t *Tunnel) connect(ctx context.Context) (*ssh.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime+sshSignInTime)
	defer cancel()
	addr := net.JoinHostPort(t.hop.Host, t.hop.Port)
	c, err := t.dialer.dial(ctx, "tcp", addr, StageSSHConnect)
	if err != nil {
		return nil, err
	}
	var shown error // what was wrong with the host's key: the library wraps it in words of its own
	inner, channels, requests, err := ssh.NewClientConn(c, addr, t.config(&shown))
	if err != nil {
		_ = c.Close()
		return nil, t.signInError(ctx, shown, err)
	}
	Established(c)
	t.dialer.trace(StageSSHSignIn, "signed in as "+t.hop.User)
	return ssh.NewClient(inner, channels, requests), nil
}

func (t *Tunnel) config(shown *error) *ssh.ClientConfig {
	c := &ssh.ClientConfig{User: t.hop.User, ClientVersion: "SSH-2.0-Patchbay"}
	c.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
		*shown = t.checkHostKey(key)
		return *shown
	}
	if pinned, err := parseHostKey(t.pinned()); err == nil {
		c.HostKeyAlgorithms = algorithms(pinned.Type())
	}
	if t.hop.Key != nil {
		c.Auth = append(c.Auth, ssh.PublicKeys(t.hop.Key))
	}
	if password := t.hop.Password; password != "" {
		c.Auth = append(c.Auth, ssh.Password(password), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range answers {
					answers[i] = password
				}
				return answers, nil
			}))
	}
	return c
}

// signInError says why the SSH handshake failed.
func (t *Tunnel) signInError(ctx context.Context, shown, err error) error {
	switch {
	case shown != nil:
		return shown
	case ctx.Err() != nil:
		return ctx.Err()
	case strings.Contains(err.Error(), "unable to authenticate"): // the library has no type for it
		return &TunnelError{Host: t.hop.Host, SignIn: true, Words: "it refused the sign-in of " + t.hop.User}
	}
	return &TunnelError{Host: t.hop.Host, Words: "it does not speak SSH, or broke off"}
}

// keepAlive asks the host for a sign of life, and closes the session when none comes, or it broke: the next Dial opens another.
func (t *Tunnel) keepAlive(client *ssh.Client) {
	gone := make(chan struct{})
	go func() {
		_ = client.Wait()
		close(gone)
	}()
	tick := time.NewTicker(sshAliveEvery)
	defer tick.Stop()
	for alive := true; alive; {
		select {
		case <-gone:
			alive = false
		case <-tick.C:
			timer := time.AfterFunc(sshAliveWithin, func() { _ = client.Close() })
			_, _, err := client.SendRequest("keepalive@openssh.com", true, nil)
			timer.Stop()
			alive = err == nil
		}
	}
	_ = client.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.client == client {
		t.client = nil
	}
}

// Close ends the session and every connection through it.
func (t *Tunnel) Close() {
	t.mu.Lock()
	t.closed = true
	client := t.client
	t.client = nil
	t.mu.Unlock()
	if client != nil {
		_ = client.Close()
	}
}
