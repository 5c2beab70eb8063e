package conformance

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"patchbay/connectors"
)

// A fault is what a proxy does to the server's answers.
type fault int32

const (
	none    fault = iota
	silent        // nothing passes, either way; connections stay open, as when a peer is gone
	drip          // one byte of the answers a second
	reset         // the connection is reset when the server answers
	garbage       // the answers are replaced by noise
	flipped       // one byte in some of the answers is another
	held          // the answers on connections that are there wait until three new ones were made
)

// A proxy stands between a connector and its server, breaks what passes, counts it, and keeps what the client said.
type proxy struct {
	target, host, name, port string
	accepted                 atomic.Int32
	sent, received           atomic.Int64 // bytes from the client and from the server
	fault                    atomic.Int32
	after                    atomic.Int64 // bytes of the server that pass before the fault begins
	old                      atomic.Int32 // connections that were there when the fault was set
	clients                  sync.WaitGroup
	end                      func()        // ends the proxy and every connection through it
	done                     chan struct{} // closed when the proxy ends

	mu    sync.Mutex
	said  bytes.Buffer // by clients, at most maxSaid
	conns []net.Conn
}

const maxSaid = 1 << 20

// startProxy starts a proxy before the subject's server. It ends with the check.
func startProxy(t *T, s *Subject) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("%v", err)
	}
	p := &proxy{target: s.Connector.Host(s.Values), name: s.Values["tls_server_name"], done: make(chan struct{})}
	if p.name == "" {
		p.name = s.Values["host"]
	}
	p.host, p.port, _ = net.SplitHostPort(l.Addr().String())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			number := p.accepted.Add(1)
			p.clients.Go(func() { p.serve(c.(*net.TCPConn), number) })
		}
	}()
	p.end = sync.OnceFunc(func() {
		_ = l.Close()
		p.cut()
	})
	t.Cleanup(p.end)
	return p
}

// values are the fields that lead through the proxy, with the server's own name to check its certificate by.
func (p *proxy) values() connectors.Values {
	return connectors.Values{"host": p.host, "port": p.port, "tls_server_name": p.name}
}

// breaks begins a fault once after more bytes of the server have passed.
func (p *proxy) breaks(f fault, after int64) {
	p.old.Store(p.accepted.Load())
	p.after.Store(p.received.Load() + after)
	p.fault.Store(int32(f))
}

// cut closes every connection, and waits until none is served.
func (p *proxy) cut() {
	defer p.clients.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.done)
	for _, c := range p.conns {
		_ = c.Close()
	}
}

// keep registers a connection to be closed in the end; false when that is past.
func (p *proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		_ = c.Close()
		return false
	default:
	}
	p.conns = append(p.conns, c)
	return true
}

func (p *proxy) serve(client *net.TCPConn, number int32) {
	if !p.keep(client) {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil || !p.keep(server) {
		_ = client.Close()
		return
	}
	p.clients.Go(func() { p.down(client, server, number) })
	p.up(client, server)
}

// up passes on what the client says.
func (p *proxy) up(client, server net.Conn) {
	defer func() { _ = server.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		p.sent.Add(int64(n))
		p.mu.Lock()
		if p.said.Len() < maxSaid {
			p.said.Write(buf[:n])
		}
		p.mu.Unlock()
		if p.now() == silent {
			continue
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) now() fault {
	if p.received.Load() < p.after.Load() {
		return none
	}
	return fault(p.fault.Load())
}

// down passes on what the server answers, or what the fault makes of it.
func (p *proxy) down(client *net.TCPConn, server net.Conn, number int32) {
	defer func() { _ = client.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := server.Read(buf)
		if err != nil {
			if p.now() == silent {
				<-p.done // the client hears nothing of the end either
			}
			return
		}
		p.received.Add(int64(n))
		if err := p.pass(client, buf[:n], number); err != nil {
			return
		}
	}
}

func (p *proxy) pass(client *net.TCPConn, answer []byte, number int32) error {
	switch p.now() {
	case held:
		for old := p.old.Load(); number <= old && p.accepted.Load() < old+3; {
			select {
			case <-p.done:
				return io.EOF
			case <-time.After(10 * time.Millisecond):
			}
		}
	case silent:
		return nil
	case drip:
		for i := range answer {
			if _, err := client.Write(answer[i : i+1]); err != nil {
				return err
			}
			select {
			case <-p.done:
				return io.EOF
			case <-time.After(time.Second):
			}
		}
		return nil
	case reset:
		_ = client.SetLinger(0)
		return io.EOF
	case garbage:
		for i := range answer {
			answer[i] = byte(rand.Uint32())
		}
	case flipped:
		if rand.IntN(3) == 0 {
			answer[rand.IntN(len(answer))] ^= byte(1 + rand.IntN(255))
		}
	}
	_, err := client.Write(answer)
	return err
}

// heard says whether a client said text in the clear.
func (p *proxy) heard(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Contains(p.said.Bytes(), []byte(text))
}
