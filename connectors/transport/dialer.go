package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A LookupError is a name that has no address.
type LookupError struct {
	Host     string
	NotFound bool // there is no such name; else the lookup itself failed or took too long
	cause    error
}

func (e *LookupError) Error() string {
	if e.NotFound {
		return "look up " + e.Host + ": there is no such name"
	}
	return "look up " + e.Host + ": the name server did not answer"
}

// Unwrap is why the lookup failed.
func (e *LookupError) Unwrap() error { return e.cause }

// An UnreachableError is an address at which nothing answered.
type UnreachableError struct {
	Address string
	cause   error
}

func (e *UnreachableError) Error() string { return "dial " + e.Address + ": " + reason(e.cause) }

// Unwrap is what the system said.
func (e *UnreachableError) Unwrap() error { return e.cause }

// reason is the system's word for why a connection could not be made, without the addresses that Go puts around it.
func reason(err error) string {
	var code syscall.Errno
	var timeout net.Error
	switch {
	case errors.As(err, &code):
		return code.Error()
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	}
	return err.Error()
}

// The times that reaching a server may take, whatever ctx says.
const (
	lookupTime  = 5 * time.Second
	connectTime = 10 * time.Second
)

// keepAlive notices a peer that is gone in half a minute: 15 s idle, then a probe each 5 s, 3 of them.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}

// A Dialer opens the connections of one source, and can cut them all.
type Dialer struct {
	policy   Policy
	trace    Trace
	resolver *net.Resolver
	mu       sync.Mutex
	open     map[*conn]struct{}
	closed   bool
}

// NewDialer makes a dialer that lets through what policy allows. trace may be nil.
func NewDialer(policy Policy, trace Trace) *Dialer {
	if trace == nil {
		trace = func(Stage, string) {}
	}
	return &Dialer{policy: policy, trace: trace, resolver: net.DefaultResolver, open: map[*conn]struct{}{}}
}

// Dial is a DialFunc. The policy decides on each address as it is connected to, so that a name which changes its address
// between two lookups gains nothing. Only TCP is dialled.
func (d *Dialer) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	return d.dial(ctx, network, addr, StageConnect)
}

func (d *Dialer) dial(ctx context.Context, network, addr string, reached Stage) (net.Conn, error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil, &RefusedError{addr, "no TCP address"}
	}
	host, port, err := splitAddress(addr)
	if err != nil {
		return nil, err
	}
	ips, err := d.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	d.trace(StageLookup, host+" is "+list(ips))
	c, err := d.first(ctx, ips, port)
	if err != nil {
		return nil, err
	}
	d.trace(reached, c.RemoteAddr().String()+" answers")
	return d.watch(ctx, c)
}

func splitAddress(addr string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil || host == "" {
		return "", 0, &LookupError{Host: addr, NotFound: true, cause: err}
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return "", 0, &LookupError{Host: addr, NotFound: true, cause: err}
	}
	return host, uint16(n), nil
}

func list(ips []netip.Addr) string {
	const shown = 3
	var words []string
	for _, ip := range ips[:min(len(ips), shown)] {
		words = append(words, ip.String())
	}
	if more := len(ips) - shown; more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return strings.Join(words, ", ")
}

func (d *Dialer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	ips, err := d.resolver.LookupNetIP(ctx, "ip", host)
	var unknown *net.DNSError
	if err != nil {
		return nil, &LookupError{Host: host, NotFound: errors.As(err, &unknown) && unknown.IsNotFound, cause: err}
	}
	if len(ips) == 0 {
		return nil, &LookupError{Host: host, NotFound: true}
	}
	for i := range ips {
		ips[i] = ips[i].Unmap() // the resolver gives IPv4 as it is in IPv6, which nobody reads
	}
	return ips, nil
}

// first connects to the first address that answers. The time is shared among those that are left, so that one that drops
// packets does not use up all of it.
func (d *Dialer) first(ctx context.Context, ips []netip.Addr, port uint16) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	deadline, _ := ctx.Deadline()
	var refused, failed error
	for i, ip := range ips {
		share := time.Until(deadline) / time.Duration(len(ips)-i)
		c, err := d.connect(ctx, netip.AddrPortFrom(ip, port), share)
		var no *RefusedError
		switch {
		case err == nil:
			return c, nil
		case errors.As(err, &no):
			refused = no
		default:
			failed = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if failed != nil {
		return nil, failed
	}
	return nil, refused
}

func (d *Dialer) connect(ctx context.Context, to netip.AddrPort, within time.Duration) (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: within, KeepAliveConfig: keepAlive, ControlContext: d.control}
	c, err := dialer.DialContext(ctx, "tcp", to.String())
	var no *RefusedError
	switch {
	case errors.As(err, &no):
		return nil, no
	case err != nil:
		return nil, &UnreachableError{Address: to.String(), cause: err}
	}
	return c.(*net.TCPConn), nil
}

// control sees the address that the system is about to connect to: no name can come between the decision and the deed.
func (d *Dialer) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return &RefusedError{address, "no TCP address"}
	}
	return d.policy.Allow(to)
}

// Cut closes every open connection at once: what waits on one fails. The dialer can be used again.
func (d *Dialer) Cut() {
	d.mu.Lock()
	open := d.open
	d.open = map[*conn]struct{}{}
	d.mu.Unlock()
	for c := range open {
		_ = c.TCPConn.Close()
	}
}

// Close cuts every connection and dials no more.
func (d *Dialer) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.Cut()
}

// errClosed is what dialling after Close answers.
var errClosed = errors.New("the connection was closed")

// watch hands c over to its user: closed when ctx ends first, and counted as open until it is closed.
func (d *Dialer) watch(ctx context.Context, tcp *net.TCPConn) (net.Conn, error) {
	c := &conn{TCPConn: tcp, dialer: d}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errors.Join(errClosed, tcp.Close())
	}
	d.open[c] = struct{}{}
	c.handshake = watch(ctx, tcp)
	return c, nil
}

// A conn is a connection made by a Dialer.
type conn struct {
	*net.TCPConn
	handshake
	dialer *Dialer
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.Established()
	c.dialer.mu.Lock()
	delete(c.dialer.open, c)
	c.dialer.mu.Unlock()
	return c.TCPConn.Close()
}

// A handshake closes a connection when its ctx ends before Established is called.
type handshake struct{ stop func() bool }

func watch(ctx context.Context, c net.Conn) handshake {
	return handshake{context.AfterFunc(ctx, func() { _ = c.Close() })}
}

// Established says that the handshake is over. It may be called more than once.
func (h handshake) Established() { h.stop() }
